/**
 * Bus messages as bytes, byte for byte as Redis 7.0 builds them (clusterBuildMessageHdr, clusterSendPing in
 * `cluster.c`). Layouts stand in `bus-layout.ts`.
 */
import { assert } from "../base/assert.ts";
import {
  EXTENSION_ALIGNMENT,
  EXTENSION_HEADER_BYTES,
  EXTENSION_HOSTNAME,
  Extension,
  FAIL_BYTES,
  type Field,
  GOSSIP_BYTES,
  Gossip,
  HEADER_BYTES,
  Header,
  MODULE_HEADER_BYTES,
  Module,
  PROTOCOL_VERSION,
  PUBLISH_HEADER_BYTES,
  Publish,
  SIGNATURE,
  UPDATE_BYTES,
  Update,
} from "./bus-layout.ts";
import {
  type BusMessage,
  type MessageBody,
  MessageFlag,
  MessageType,
  type PingBody,
  type PingExtensions,
  SLOT_BITMAP_BYTES,
} from "./bus-message.ts";
import { isHostnameText, isNodeId } from "./identifiers.ts";

/** The message's bytes. Asserts on a message that the wire cannot hold: that is a bug of ours. */
export function encodeMessage(message: BusMessage): Uint8Array {
  const { body } = message;
  const bytes = new Uint8Array(HEADER_BYTES + bodyBytes(body));
  const wire = new Writer(bytes);
  wire.text(0, Header.signature, SIGNATURE);
  wire.uint32(0, Header.totalLength, bytes.length);
  wire.uint16(0, Header.version, PROTOCOL_VERSION);
  wire.uint16(0, Header.port, message.port);
  wire.uint16(0, Header.type, MessageType[body.type]);
  wire.uint64(0, Header.currentEpoch, message.currentEpoch);
  wire.uint64(0, Header.configEpoch, message.configEpoch);
  wire.uint64(0, Header.replicationOffset, message.replicationOffset);
  wire.nodeId(0, Header.sender, message.sender);
  wire.slots(0, Header.slots, message.slots);
  if (message.primaryId !== "") wire.nodeId(0, Header.primaryId, message.primaryId);
  wire.text(0, Header.myIp, message.myIp);
  wire.uint16(0, Header.plainPort, message.plainPort);
  wire.uint16(0, Header.busPort, message.busPort);
  wire.uint16(0, Header.flags, message.flags);
  bytes[Header.state.offset] = message.state === "ok" ? 0 : 1;
  bytes[Header.messageFlags.offset] = message.messageFlags;
  writeBody(wire, body);
  return bytes;
}

function bodyBytes(body: MessageBody): number {
  switch (body.type) {
    case "ping":
    case "pong":
    case "meet":
      return body.gossip.length * GOSSIP_BYTES + extensionsBytes(body.extensions);
    case "fail":
      return FAIL_BYTES;
    case "publish":
    case "publishShard":
      return PUBLISH_HEADER_BYTES + body.channel.length + body.message.length;
    case "failoverAuthRequest":
    case "failoverAuthAck":
    case "mfStart":
      return 0;
    case "update":
      return UPDATE_BYTES;
    case "module":
      return MODULE_HEADER_BYTES + body.payload.length;
  }
}

function writeBody(wire: Writer, body: MessageBody): void {
  const { bytes } = wire;
  const start = HEADER_BYTES;
  switch (body.type) {
    case "ping":
    case "pong":
    case "meet":
      writePing(wire, body);
      return;
    case "fail":
      wire.nodeId(start, { offset: 0, bytes: FAIL_BYTES }, body.nodeId);
      return;
    case "publish":
    case "publishShard":
      wire.uint32(start, Publish.channelLength, body.channel.length);
      wire.uint32(start, Publish.messageLength, body.message.length);
      bytes.set(body.channel, start + PUBLISH_HEADER_BYTES);
      bytes.set(body.message, start + PUBLISH_HEADER_BYTES + body.channel.length);
      return;
    case "failoverAuthRequest":
    case "failoverAuthAck":
    case "mfStart":
      return;
    case "update":
      wire.uint64(start, Update.configEpoch, body.configEpoch);
      wire.nodeId(start, Update.nodeId, body.nodeId);
      wire.slots(start, Update.slots, body.slots);
      return;
    case "module":
      wire.view.setBigUint64(start + Module.moduleId.offset, body.moduleId, true);
      wire.uint32(start, Module.payloadLength, body.payload.length);
      bytes[start + Module.moduleType.offset] = body.moduleType;
      bytes.set(body.payload, start + MODULE_HEADER_BYTES);
      return;
  }
}

function writePing(wire: Writer, body: PingBody): void {
  let at = HEADER_BYTES;
  for (const entry of body.gossip) {
    wire.nodeId(at, Gossip.nodeId, entry.nodeId);
    wire.uint32(at, Gossip.pingSent, entry.pingSentSeconds);
    wire.uint32(at, Gossip.pongReceived, entry.pongReceivedSeconds);
    wire.text(at, Gossip.ip, entry.ip);
    wire.uint16(at, Gossip.port, entry.port);
    wire.uint16(at, Gossip.busPort, entry.busPort);
    wire.uint16(at, Gossip.flags, entry.flags);
    wire.uint16(at, Gossip.plainPort, entry.plainPort);
    at += GOSSIP_BYTES;
  }
  wire.uint16(0, Header.count, body.gossip.length);
  const { hostname, unknown = [] } = body.extensions;
  let count = 0;
  if (hostname !== undefined && hostname !== "") {
    assert(isHostnameText(hostname), "an announced hostname is a hostname");
    const length = hostnameExtensionBytes(hostname);
    wire.uint32(at, Extension.length, length);
    wire.uint16(at, Extension.type, EXTENSION_HOSTNAME);
    wire.text(at, { offset: EXTENSION_HEADER_BYTES, bytes: length }, hostname);
    at += length;
    count++;
  }
  for (const { type, payload } of unknown) {
    const length = EXTENSION_HEADER_BYTES + aligned(payload.length);
    wire.uint32(at, Extension.length, length);
    wire.uint16(at, Extension.type, type);
    wire.bytes.set(payload, at + EXTENSION_HEADER_BYTES);
    at += length;
    count++;
  }
  if (count === 0) return;
  wire.uint16(0, Header.extensions, count);
  const flags = Header.messageFlags.offset;
  wire.bytes[flags] = (wire.bytes[flags] ?? 0) | MessageFlag.extensions;
}

function extensionsBytes(extensions: PingExtensions): number {
  const { hostname, unknown = [] } = extensions;
  let length = 0;
  if (hostname !== undefined && hostname !== "") length += hostnameExtensionBytes(hostname);
  for (const { payload } of unknown) length += EXTENSION_HEADER_BYTES + aligned(payload.length);
  return length;
}

/** With the closing NUL, which Redis always leaves room for. */
function hostnameExtensionBytes(hostname: string): number {
  return EXTENSION_HEADER_BYTES + aligned(hostname.length + 1);
}

function aligned(length: number): number {
  return Math.ceil(length / EXTENSION_ALIGNMENT) * EXTENSION_ALIGNMENT;
}

/** Numbers and text into the fields of a struct that starts at `at`. */
class Writer {
  readonly view: DataView;

  constructor(readonly bytes: Uint8Array) {
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  uint16(at: number, field: Field, value: number): void {
    assert(value >= 0 && value <= 0xffff, "the number fits 16 bits");
    this.view.setUint16(at + field.offset, value);
  }

  uint32(at: number, field: Field, value: number): void {
    assert(value >= 0 && value <= 0xffff_ffff, "the number fits 32 bits");
    this.view.setUint32(at + field.offset, value);
  }

  uint64(at: number, field: Field, value: number): void {
    assert(value >= 0 && Number.isSafeInteger(value), "epochs and offsets are whole, below 2^53");
    this.view.setUint32(at + field.offset, Math.floor(value / 0x1_0000_0000));
    this.view.setUint32(at + field.offset + 4, value % 0x1_0000_0000);
  }

  /** Text with at least one NUL behind it. */
  text(at: number, field: Field, text: string): void {
    assert(text.length < field.bytes || text === SIGNATURE, "the text and a NUL fit the field");
    for (let i = 0; i < text.length; i++) this.bytes[at + field.offset + i] = text.charCodeAt(i);
  }

  nodeId(at: number, field: Field, id: string): void {
    assert(isNodeId(id), "a node id is 40 characters of 0-9 and a-z");
    for (let i = 0; i < id.length; i++) this.bytes[at + field.offset + i] = id.charCodeAt(i);
  }

  slots(at: number, field: Field, slots: Uint8Array): void {
    assert(slots.length === SLOT_BITMAP_BYTES, "a slot bitmap has one bit for each slot");
    this.bytes.set(slots, at + field.offset);
  }
}
