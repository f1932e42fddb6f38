import { addressText, secondsSince } from "./context.ts";
import type { SnapshotFilter } from "./events.ts";

/**
 * Redis's SLAVE_STATE_*: waiting for a snapshot to start, waiting for its end (a streamed one is
 * being received meanwhile), being sent the spooled image, online.
 */
export type ReplicaLinkState = "waitSnapshotStart" | "waitSnapshotEnd" | "sendBulk" | "online";

/** What REPLCONF told of a client, before and after it became a replica. */
export interface ReplicaTraits {
  listeningPort: number;
  announcedIp: string;
  capaEof: boolean;
  capaPsync2: boolean;
  rdbOnly: boolean;
  filter: SnapshotFilter;
}

/** One attached replica. */
export interface ReplicaLink {
  readonly clientId: number;
  readonly peerIp: string;
  readonly traits: ReplicaTraits;
  /** Attached by SYNC: knows no offsets, sends no REPLCONF ACK. */
  readonly beforePsync: boolean;
  /** Time it asked for synchronization. */
  readonly arrivedMs: number;
  state: ReplicaLinkState;
  /** The snapshot it takes part in, 0: none. */
  snapshotId: number;
  /** Next stream position to send; Infinity as long as no byte must be kept for it. */
  position: number;
  ackOffset: number;
  ackTimeMs: number;
  /** Online, but the stream starts with the first REPLCONF ACK. */
  streamOnAck: boolean;
  /** Since when its socket has taken nothing during a streamed snapshot; null: it takes. */
  stalledSinceMs: number | null;
}

export function newTraits(): ReplicaTraits {
  return {
    listeningPort: 0,
    announcedIp: "",
    capaEof: false,
    capaPsync2: false,
    rdbOnly: false,
    filter: { withData: true, withFunctions: true },
  };
}

/** The address it announced, or else its socket's. */
export function linkIp(link: ReplicaLink): string {
  return link.traits.announcedIp === "" ? link.peerIp : link.traits.announcedIp;
}

/** A replica's name in log lines (replicationGetSlaveName). */
export function linkName(link: ReplicaLink): string {
  const ip = linkIp(link);
  if (ip === "") return `client id #${link.clientId}`;
  if (link.traits.listeningPort === 0) return `${ip}:<unknown-replica-port>`;
  return addressText(ip, link.traits.listeningPort);
}

/** `state=` of INFO (replstateToString). */
export function linkStateText(state: ReplicaLinkState): string {
  if (state === "online") return "online";
  return state === "sendBulk" ? "send_bulk" : "wait_bgsave";
}

/** Seconds since its last sign of life; 0 unless online. */
export function linkLagSeconds(link: ReplicaLink, nowMs: number): number {
  return link.state === "online" ? secondsSince(link.ackTimeMs, nowMs) : 0;
}

export function sameFilter(left: SnapshotFilter, right: SnapshotFilter): boolean {
  return left.withData === right.withData && left.withFunctions === right.withFunctions;
}

export function isFiltered(filter: SnapshotFilter): boolean {
  return !filter.withData || !filter.withFunctions;
}
