/**
 * What cluster nodes tell each other: the messages of Redis 7.0's cluster bus (protocol version 1)
 * as plain records. `bus-encode.ts` and `bus-decode.ts` turn them into bytes and back. Numbers are those of Redis's
 * `cluster.h`; names are ours (primary and replica where the wire says master and slave).
 */

export const SLOT_COUNT = 16384;
/** A bitmap of slots: slot `s` is bit `s & 7` of byte `s >> 3`. */
export const SLOT_BITMAP_BYTES = SLOT_COUNT / 8;
/** Node ids are 40 characters of 0-9 and a-z (Redis makes them of hexadecimal digits). */
export const NODE_ID_BYTES = 40;

/** CLUSTERMSG_TYPE_*: the message types on the wire. */
export const MessageType = {
  ping: 0,
  pong: 1,
  meet: 2,
  fail: 3,
  publish: 4,
  failoverAuthRequest: 5,
  failoverAuthAck: 6,
  update: 7,
  mfStart: 8,
  module: 9,
  publishShard: 10,
} as const;
export type MessageTypeName = keyof typeof MessageType;

/** The name Redis gives each type in logs and in CLUSTER INFO's `cluster_stats_messages_*` fields. */
export const MESSAGE_TYPE_LABELS: Readonly<Record<MessageTypeName, string>> = {
  ping: "ping",
  pong: "pong",
  meet: "meet",
  fail: "fail",
  publish: "publish",
  failoverAuthRequest: "auth-req",
  failoverAuthAck: "auth-ack",
  update: "update",
  mfStart: "mfstart",
  module: "module",
  publishShard: "publishshard",
};

/** CLUSTER_NODE_*: the flags of a node in headers, gossip sections and `nodes.conf`. 16 bits. */
export const NodeFlag = {
  primary: 1,
  replica: 2,
  /** We suspect it; the majority has not agreed. */
  pfail: 4,
  fail: 8,
  myself: 16,
  /** Its id is not known yet. */
  handshake: 32,
  noAddress: 64,
  /** The next ping to it is a MEET. */
  meet: 128,
  migrateTo: 256,
  noFailover: 512,
} as const;

/** CLUSTERMSG_FLAG0_*: bits of the first message-flag byte; the other two are unused and zero. */
export const MessageFlag = {
  /** The primary's clients are paused for a manual failover. */
  paused: 1,
  /** Vote for me although my primary is up (manual failover). */
  forceAck: 2,
  /** Extensions follow the gossip sections; the encoder sets it when there are any. */
  extensions: 4,
} as const;

/** One node as another node sees it: the 104-byte gossip section of ping, pong and meet. */
export interface GossipEntry {
  nodeId: string;
  /** Unix seconds, u32; 0 when no ping is under way. */
  pingSentSeconds: number;
  /** Unix seconds, u32. */
  pongReceivedSeconds: number;
  /** At most 45 characters; "" when unknown. */
  ip: string;
  /** Client port: the TLS one when the cluster talks TLS. */
  port: number;
  /** Bus port. */
  busPort: number;
  /** `NodeFlag` bits. */
  flags: number;
  /** Plain client port when `port` is the TLS one, else 0. */
  plainPort: number;
}

/** An extension this version does not know: kept as it came, for telemetry and for tests. */
export interface UnknownExtension {
  type: number;
  payload: Uint8Array;
}

export interface PingExtensions {
  /** Absent when the sender announces none. At most 255 characters of a-z A-Z 0-9 `-` `.`. */
  hostname?: string;
  /** Those of later versions; sent after the hostname. */
  unknown?: readonly UnknownExtension[];
}

export interface PingBody {
  type: "ping" | "pong" | "meet";
  gossip: readonly GossipEntry[];
  extensions: PingExtensions;
}

/** The node with this id is FAIL. */
export interface FailBody {
  type: "fail";
  nodeId: string;
}

export interface PublishBody {
  type: "publish" | "publishShard";
  channel: Uint8Array;
  message: Uint8Array;
}

/** Messages whose header says it all. */
export interface BareBody {
  type: "failoverAuthRequest" | "failoverAuthAck" | "mfStart";
}

/** The slots of the node with this id, which the receiver's view contradicts. */
export interface UpdateBody {
  type: "update";
  nodeId: string;
  configEpoch: number;
  /** SLOT_BITMAP_BYTES long. */
  slots: Uint8Array;
}

export interface ModuleBody {
  type: "module";
  /** u64, little endian on the wire: Redis sends it in the byte order of its machines. */
  moduleId: bigint;
  /** 0 to 255, of the module's own choice. */
  moduleType: number;
  payload: Uint8Array;
}

export type MessageBody = PingBody | FailBody | PublishBody | BareBody | UpdateBody | ModuleBody;

/** The 2256-byte header that every message starts with: who speaks, and how it sees itself. */
export interface MessageHeader {
  /** Sender's node id. */
  sender: string;
  /** The cluster's epoch as the sender knows it; below 2^53, as every epoch and offset here. */
  currentEpoch: number;
  /** The sender's config epoch, or its primary's when the sender is a replica. */
  configEpoch: number;
  /** Bytes: a primary's replication offset, or how far a replica has processed. */
  replicationOffset: number;
  /** Slots the sender, or its primary, serves. SLOT_BITMAP_BYTES long. */
  slots: Uint8Array;
  /** Its primary's node id, or "" when the sender is a primary or knows none. */
  primaryId: string;
  /** The announced address, or "" to let the receiver take the link's remote address. */
  myIp: string;
  /** Client port: the TLS one when the cluster talks TLS. */
  port: number;
  /** Plain client port when `port` is the TLS one, else 0. */
  plainPort: number;
  /** Bus port; 0 from a sender that leaves it at port + 10000. */
  busPort: number;
  /** `NodeFlag` bits. */
  flags: number;
  /** The cluster's state as the sender sees it. */
  state: "ok" | "fail";
  /** `MessageFlag` bits. */
  messageFlags: number;
}

export interface BusMessage extends MessageHeader {
  body: MessageBody;
}

/** The messages that carry the sender's gossip. */
export function isPing(body: MessageBody): body is PingBody {
  return body.type === "ping" || body.type === "pong" || body.type === "meet";
}
