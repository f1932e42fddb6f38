import { busPortIncrement } from "../cluster/limits.ts";
import type { ClusterOptions } from "../cluster/options.ts";
import type { Configuration } from "../config/configuration.ts";

/** The cluster's directives in the core's terms. */
export function clusterOptions(configuration: Configuration): ClusterOptions {
  const tls = configuration.get("tls-cluster");
  const plainPort = configuration.get("port");
  const port = tls ? configuration.get("tls-port") : plainPort;
  return {
    port,
    plainPort: tls ? plainPort : 0,
    busPort: configuration.get("cluster-port") || port + busPortIncrement,
    tls,
    announceIp: configuration.get("cluster-announce-ip"),
    announcePort: configuration.get("cluster-announce-port"),
    announceTlsPort: configuration.get("cluster-announce-tls-port"),
    announceBusPort: configuration.get("cluster-announce-bus-port"),
    announceHostname: configuration.get("cluster-announce-hostname"),
    preferredEndpointType: configuration.get("cluster-preferred-endpoint-type"),
    nodeTimeoutMs: configuration.get("cluster-node-timeout"),
    replicaValidityFactor: configuration.get("cluster-replica-validity-factor"),
    migrationBarrier: configuration.get("cluster-migration-barrier"),
    allowReplicaMigration: configuration.get("cluster-allow-replica-migration"),
    requireFullCoverage: configuration.get("cluster-require-full-coverage"),
    allowReadsWhenDown: configuration.get("cluster-allow-reads-when-down"),
    replicaNoFailover: configuration.get("cluster-replica-no-failover"),
    replicaPingPeriodMs: configuration.get("repl-ping-replica-period") * 1000,
  };
}

/** A change of one of these is a change of the options. */
export const clusterDirectives = [
  "cluster-announce-ip",
  "cluster-announce-port",
  "cluster-announce-tls-port",
  "cluster-announce-bus-port",
  "cluster-announce-hostname",
  "cluster-preferred-endpoint-type",
  "cluster-node-timeout",
  "cluster-replica-validity-factor",
  "cluster-migration-barrier",
  "cluster-allow-replica-migration",
  "cluster-require-full-coverage",
  "cluster-allow-reads-when-down",
  "cluster-replica-no-failover",
  "repl-ping-replica-period",
  "port",
] as const;
