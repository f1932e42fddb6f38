import { type ReplicationContext, secondsSince } from "./context.ts";
import type { PrimarySide } from "./primary.ts";
import type { ReplicaSide } from "./replica.ts";
import { linkIp, linkLagSeconds, linkStateText } from "./replica-link.ts";

/** The reply of ROLE as plain data; ports and offsets of replicas go out as bulk strings. */
export type RoleReply =
  | {
      readonly role: "master";
      readonly offset: number;
      readonly replicas: readonly {
        readonly ip: string;
        readonly port: number;
        readonly offset: number;
      }[];
    }
  | {
      readonly role: "slave";
      readonly host: string;
      readonly port: number;
      /** handshake, connect, connecting, sync, connected. */
      readonly state: string;
      /** -1 unless the link is up. */
      readonly offset: number;
    };

/** The replication section of INFO, field for field as Redis 7.0.15 (genRedisInfoString). */
export function infoReplication(
  context: ReplicationContext,
  primary: PrimarySide,
  replica: ReplicaSide,
): string {
  const { history, options } = context;
  const lines = ["# Replication", `role:${replica.isReplica ? "slave" : "master"}`];
  lines.push(...upstreamLines(context, replica));
  lines.push(`connected_slaves:${primary.links.size}`);
  if (options.minReplicasToWrite > 0 && options.minReplicasMaxLagMs > 0) {
    lines.push(`min_slaves_good_slaves:${primary.goodReplicaCount}`);
  }
  lines.push(...linkLines(context, primary));
  lines.push(
    "master_failover_state:no-failover",
    `master_replid:${history.replid}`,
    `master_replid2:${history.replid2}`,
    `master_repl_offset:${history.offset}`,
    `second_repl_offset:${history.secondOffset}`,
    `repl_backlog_active:${history.backlog === null ? 0 : 1}`,
    `repl_backlog_size:${options.backlogBytes}`,
    `repl_backlog_first_byte_offset:${history.backlog?.firstByteOffset ?? 0}`,
    `repl_backlog_histlen:${history.backlog?.histlen ?? 0}`,
  );
  return `${lines.join("\r\n")}\r\n`;
}

function upstreamLines(context: ReplicationContext, replica: ReplicaSide): string[] {
  const { primary, linkUp } = replica;
  if (primary === null) return [];
  const { history, nowMs, options } = context;
  const known = linkUp || replica.resumable;
  const lines = [
    `master_host:${primary.host}`,
    `master_port:${primary.port}`,
    `master_link_status:${linkUp ? "up" : "down"}`,
    `master_last_io_seconds_ago:${linkUp ? secondsSince(replica.lastIoMs, nowMs) : -1}`,
    `master_sync_in_progress:${replica.state === "transfer" ? 1 : 0}`,
    `slave_read_repl_offset:${known ? replica.readOffset : 1}`,
    `slave_repl_offset:${known ? history.offset : 1}`,
  ];
  if (replica.transfer !== null) {
    const { totalBytes, readBytes } = replica.transfer.bulk;
    // C prints 0 / -1 * 100 with its sign: the header has not come yet.
    const percent = totalBytes < 0 ? "-0.00" : ((readBytes / (totalBytes || 1)) * 100).toFixed(2);
    lines.push(
      `master_sync_total_bytes:${totalBytes}`,
      `master_sync_read_bytes:${readBytes}`,
      `master_sync_left_bytes:${totalBytes - readBytes}`,
      `master_sync_perc:${totalBytes === 0 ? "0.00" : percent}`,
      `master_sync_last_io_seconds_ago:${secondsSince(replica.lastIoMs, nowMs)}`,
    );
  }
  if (!linkUp) {
    const down = replica.downSinceMs;
    const seconds = down === null ? -1 : secondsSince(down, nowMs);
    lines.push(`master_link_down_since_seconds:${seconds}`);
  }
  lines.push(
    `slave_priority:${options.replicaPriority}`,
    `slave_read_only:${options.replicaReadOnly ? 1 : 0}`,
    `replica_announced:${options.replicaAnnounced ? 1 : 0}`,
  );
  return lines;
}

function linkLines(context: ReplicationContext, primary: PrimarySide): string[] {
  return [...primary.links.values()].map(
    (link, index) =>
      `slave${index}:ip=${linkIp(link)},port=${link.traits.listeningPort},` +
      `state=${linkStateText(link.state)},offset=${link.ackOffset},` +
      `lag=${linkLagSeconds(link, context.nowMs)}`,
  );
}

export function roleReply(
  context: ReplicationContext,
  primary: PrimarySide,
  replica: ReplicaSide,
): RoleReply {
  const { offset } = context.history;
  if (replica.primary === null) {
    const online = [...primary.links.values()].filter((link) => link.state === "online");
    return {
      role: "master",
      offset,
      replicas: online.map((link) => ({
        ip: linkIp(link),
        port: link.traits.listeningPort,
        offset: link.ackOffset,
      })),
    };
  }
  const state = replica.state === "transfer" ? "sync" : replica.state;
  return {
    role: "slave",
    host: replica.primary.host,
    port: replica.primary.port,
    state,
    offset: replica.linkUp ? offset : -1,
  };
}
