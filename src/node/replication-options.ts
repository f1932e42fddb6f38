import type { Configuration } from "../config/configuration.ts";
import type { ReplicationOptions } from "../replication/events.ts";

/** Directives that the core follows: CONFIG SET of one of them is told as a `configure` event. */
export const replicationDirectives = [
  "port",
  "replica-announce-ip",
  "replica-announce-port",
  "masteruser",
  "masterauth",
  "repl-timeout",
  "repl-ping-replica-period",
  "repl-backlog-size",
  "repl-backlog-ttl",
  "repl-diskless-sync",
  "repl-diskless-sync-delay",
  "repl-diskless-sync-max-replicas",
  "min-replicas-to-write",
  "min-replicas-max-lag",
  "replica-priority",
  "replica-read-only",
  "replica-announced",
] as const;

/** Directives that only move a gate. */
export const replicaGateDirectives = ["replica-serve-stale-data"] as const;

/** The configuration in the core's terms. */
export function replicationOptions(configuration: Configuration): ReplicationOptions {
  const textOf = (name: "replica-announce-ip" | "masteruser" | "masterauth"): string | null => {
    const text = configuration.get(name);
    return text === "" ? null : text;
  };
  return {
    clusterEnabled: configuration.get("cluster-enabled"),
    port: configuration.get("port"),
    announceIp: textOf("replica-announce-ip"),
    announcePort: configuration.get("replica-announce-port"),
    primaryUser: textOf("masteruser"),
    primaryAuth: textOf("masterauth"),
    timeoutMs: configuration.get("repl-timeout") * 1000,
    pingPeriodSeconds: configuration.get("repl-ping-replica-period"),
    backlogBytes: configuration.get("repl-backlog-size"),
    backlogTtlMs: configuration.get("repl-backlog-ttl") * 1000,
    disklessSync: configuration.get("repl-diskless-sync"),
    disklessSyncDelayMs: configuration.get("repl-diskless-sync-delay") * 1000,
    disklessSyncMaxReplicas: configuration.get("repl-diskless-sync-max-replicas"),
    minReplicasToWrite: configuration.get("min-replicas-to-write"),
    minReplicasMaxLagMs: configuration.get("min-replicas-max-lag") * 1000,
    replicaPriority: configuration.get("replica-priority"),
    replicaReadOnly: configuration.get("replica-read-only"),
    replicaAnnounced: configuration.get("replica-announced"),
  };
}
