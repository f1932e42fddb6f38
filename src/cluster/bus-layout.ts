/**
 * Where each field of a bus message lies: the structs clusterMsg, clusterMsgDataGossip,
 * clusterMsgPingExt, clusterMsgDataPublish, clusterMsgDataUpdate and clusterMsgModule of Redis 7.0's
 * `cluster.h`. Numbers are big endian, the module id excepted. Unused bytes are zero.
 */
import { assert } from "../base/assert.ts";
import { NODE_ID_BYTES, SLOT_BITMAP_BYTES } from "./bus-message.ts";

export interface Field {
  /** From the start of its struct, bytes. */
  readonly offset: number;
  readonly bytes: number;
}

/** NET_IP_STR_LEN: address text and its closing NUL. */
const ADDRESS_BYTES = 46;

/** The signature that opens every message. */
export const SIGNATURE = "RCmb";
export const PROTOCOL_VERSION = 1;

export const HEADER_BYTES = 2256;
export const Header = layout(HEADER_BYTES, {
  signature: { offset: 0, bytes: 4 },
  /** Of the whole message, header included. */
  totalLength: { offset: 4, bytes: 4 },
  version: { offset: 8, bytes: 2 },
  port: { offset: 10, bytes: 2 },
  type: { offset: 12, bytes: 2 },
  /** Gossip sections that follow. */
  count: { offset: 14, bytes: 2 },
  currentEpoch: { offset: 16, bytes: 8 },
  configEpoch: { offset: 24, bytes: 8 },
  replicationOffset: { offset: 32, bytes: 8 },
  sender: { offset: 40, bytes: NODE_ID_BYTES },
  slots: { offset: 80, bytes: SLOT_BITMAP_BYTES },
  primaryId: { offset: 2128, bytes: NODE_ID_BYTES },
  myIp: { offset: 2168, bytes: ADDRESS_BYTES },
  /** Extensions that follow the gossip sections. */
  extensions: { offset: 2214, bytes: 2 },
  unused: { offset: 2216, bytes: 30 },
  plainPort: { offset: 2246, bytes: 2 },
  busPort: { offset: 2248, bytes: 2 },
  flags: { offset: 2250, bytes: 2 },
  /** 0 ok, 1 fail. */
  state: { offset: 2252, bytes: 1 },
  messageFlags: { offset: 2253, bytes: 3 },
});

export const GOSSIP_BYTES = 104;
export const Gossip = layout(GOSSIP_BYTES, {
  nodeId: { offset: 0, bytes: NODE_ID_BYTES },
  pingSent: { offset: 40, bytes: 4 },
  pongReceived: { offset: 44, bytes: 4 },
  ip: { offset: 48, bytes: ADDRESS_BYTES },
  port: { offset: 94, bytes: 2 },
  busPort: { offset: 96, bytes: 2 },
  flags: { offset: 98, bytes: 2 },
  plainPort: { offset: 100, bytes: 2 },
  unused: { offset: 102, bytes: 2 },
});

/** Before the payload of an extension; extensions are padded to a multiple of 8 bytes. */
export const EXTENSION_HEADER_BYTES = 8;
export const EXTENSION_ALIGNMENT = 8;
export const Extension = layout(EXTENSION_HEADER_BYTES, {
  /** With this header and the padding. */
  length: { offset: 0, bytes: 4 },
  type: { offset: 4, bytes: 2 },
  unused: { offset: 6, bytes: 2 },
});
/** CLUSTERMSG_EXT_TYPE_HOSTNAME. */
export const EXTENSION_HOSTNAME = 0;

/** The FAIL body is one node id. */
export const FAIL_BYTES = NODE_ID_BYTES;

/** Before channel and message. */
export const PUBLISH_HEADER_BYTES = 8;
export const Publish = layout(PUBLISH_HEADER_BYTES, {
  channelLength: { offset: 0, bytes: 4 },
  messageLength: { offset: 4, bytes: 4 },
});

export const UPDATE_BYTES = 2096;
export const Update = layout(UPDATE_BYTES, {
  configEpoch: { offset: 0, bytes: 8 },
  nodeId: { offset: 8, bytes: NODE_ID_BYTES },
  slots: { offset: 48, bytes: SLOT_BITMAP_BYTES },
});

/** Before the payload, which starts unaligned. */
export const MODULE_HEADER_BYTES = 13;
export const Module = layout(MODULE_HEADER_BYTES, {
  /** Little endian: Redis copies it from memory. */
  moduleId: { offset: 0, bytes: 8 },
  payloadLength: { offset: 8, bytes: 4 },
  moduleType: { offset: 12, bytes: 1 },
});

function layout<Fields extends Readonly<Record<string, Field>>>(
  structBytes: number,
  fields: Fields,
): Fields {
  let end = 0;
  for (const [name, field] of Object.entries(fields)) {
    assert(field.offset === end, `${name} starts where the field before it ends`);
    end += field.bytes;
  }
  assert(end === structBytes, "the fields fill their struct");
  return fields;
}
