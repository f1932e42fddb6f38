/**
 * Bus messages as bytes, byte for byte as Redis 7.0 builds and checks them (clusterBuildMessageHdr,
 * clusterSendPing, clusterProcessPacket in `cluster.c`). Layouts stand in `bus-layout.ts`.
 *
 * The decoder is the door: what it lets in has the announced length, node ids of the right form,
 * addresses and hostnames that can go into `nodes.conf`, and numbers that JavaScript holds exactly.
 * Redis looks at lengths and version only; it sends nothing that the further checks refuse.
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
  type GossipEntry,
  MESSAGE_TYPE_LABELS,
  type MessageBody,
  MessageFlag,
  type MessageHeader,
  MessageType,
  type MessageTypeName,
  NODE_ID_BYTES,
  type PingBody,
  type PingExtensions,
  SLOT_BITMAP_BYTES,
  type UnknownExtension,
} from "./bus-message.ts";
import { isAddressText, isHostnameText, isNodeId } from "./identifiers.ts";

export type DecodedMessage = { message: BusMessage } | { reason: string };

/** One more than the longest hostname: enough to see that one is too long. */
const HOSTNAME_READ_BYTES = 256;

const TYPE_NAMES = Object.keys(MessageType) as MessageTypeName[];

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

/** The bytes that `encodeMessage` will answer, without making them. */
export function encodedBytes(body: MessageBody): number {
  return HEADER_BYTES + bodyBytes(body);
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

/**
 * The message in `bytes`, or why it must be dropped (the link stays, as in Redis). `bytes` is one
 * whole message as the framer cuts it; nothing of it is kept, so its memory may be reused.
 */
export function decodeMessage(bytes: Uint8Array): DecodedMessage {
  const wire = new Reader(bytes);
  if (bytes.length < HEADER_BYTES) return { reason: `a message of ${bytes.length} bytes` };
  if (wire.text({ offset: 0, bytes: 4 }) !== SIGNATURE) return { reason: "no RCmb signature" };
  const totalLength = wire.uint32(0, Header.totalLength);
  if (totalLength !== bytes.length) {
    return { reason: `a length field of ${totalLength} in a message of ${bytes.length} bytes` };
  }
  const version = wire.uint16(0, Header.version);
  if (version !== PROTOCOL_VERSION) return { reason: `bus protocol version ${version}` };
  const typeNumber = wire.uint16(0, Header.type);
  const type = TYPE_NAMES[typeNumber];
  if (type === undefined) return { reason: `unknown message type ${typeNumber}` };
  const body = readBody(wire, type);
  if (wire.reason !== "") return { reason: `${MESSAGE_TYPE_LABELS[type]}: ${wire.reason}` };
  const header = readHeader(wire);
  if (body === undefined || wire.reason !== "") {
    return { reason: `${MESSAGE_TYPE_LABELS[type]}: ${wire.reason}` };
  }
  return { message: { ...header, body } };
}

function readHeader(wire: Reader): MessageHeader {
  return {
    sender: wire.nodeId(0, Header.sender),
    currentEpoch: wire.uint64(0, Header.currentEpoch),
    configEpoch: wire.uint64(0, Header.configEpoch),
    replicationOffset: wire.uint64(0, Header.replicationOffset),
    slots: wire.slots(0, Header.slots),
    primaryId: wire.nodeIdOrNone(0, Header.primaryId),
    myIp: wire.address(0, Header.myIp),
    port: wire.uint16(0, Header.port),
    plainPort: wire.uint16(0, Header.plainPort),
    busPort: wire.uint16(0, Header.busPort),
    flags: wire.uint16(0, Header.flags),
    state: wire.bytes[Header.state.offset] === 0 ? "ok" : "fail",
    messageFlags: wire.bytes[Header.messageFlags.offset] ?? 0,
  };
}

function readBody(wire: Reader, type: MessageTypeName): MessageBody | undefined {
  const start = HEADER_BYTES;
  switch (type) {
    case "ping":
    case "pong":
    case "meet":
      return readPing(wire, type);
    case "fail":
      if (!wire.isLength(HEADER_BYTES + FAIL_BYTES)) return undefined;
      return { type, nodeId: wire.nodeId(start, { offset: 0, bytes: FAIL_BYTES }) };
    case "publish":
    case "publishShard": {
      if (!wire.reaches(start + PUBLISH_HEADER_BYTES)) return undefined;
      const channelStart = start + PUBLISH_HEADER_BYTES;
      const channelEnd = channelStart + wire.uint32(start, Publish.channelLength);
      const messageEnd = channelEnd + wire.uint32(start, Publish.messageLength);
      if (!wire.isLength(messageEnd)) return undefined;
      const channel = wire.bytes.slice(channelStart, channelEnd);
      return { type, channel, message: wire.bytes.slice(channelEnd, messageEnd) };
    }
    case "failoverAuthRequest":
    case "failoverAuthAck":
    case "mfStart":
      return wire.isLength(HEADER_BYTES) ? { type } : undefined;
    case "update":
      if (!wire.isLength(HEADER_BYTES + UPDATE_BYTES)) return undefined;
      return {
        type,
        nodeId: wire.nodeId(start, Update.nodeId),
        configEpoch: wire.uint64(start, Update.configEpoch),
        slots: wire.slots(start, Update.slots),
      };
    case "module": {
      const payloadStart = start + MODULE_HEADER_BYTES;
      if (!wire.reaches(payloadStart)) return undefined;
      if (!wire.isLength(payloadStart + wire.uint32(start, Module.payloadLength))) return undefined;
      return {
        type,
        moduleId: wire.view.getBigUint64(start + Module.moduleId.offset, true),
        moduleType: wire.bytes[start + Module.moduleType.offset] ?? 0,
        payload: wire.bytes.slice(payloadStart),
      };
    }
  }
}

function readPing(wire: Reader, type: PingBody["type"]): PingBody | undefined {
  const count = wire.uint16(0, Header.count);
  const gossipEnd = HEADER_BYTES + count * GOSSIP_BYTES;
  if (!wire.reaches(gossipEnd)) return undefined;
  const gossip: GossipEntry[] = [];
  for (let at = HEADER_BYTES; at < gossipEnd && wire.reason === ""; at += GOSSIP_BYTES) {
    gossip.push({
      nodeId: wire.nodeId(at, Gossip.nodeId),
      pingSentSeconds: wire.uint32(at, Gossip.pingSent),
      pongReceivedSeconds: wire.uint32(at, Gossip.pongReceived),
      ip: wire.address(at, Gossip.ip),
      port: wire.uint16(at, Gossip.port),
      busPort: wire.uint16(at, Gossip.busPort),
      flags: wire.uint16(at, Gossip.flags),
      plainPort: wire.uint16(at, Gossip.plainPort),
    });
  }
  const extensions = readExtensions(wire, gossipEnd);
  return extensions === undefined ? undefined : { type, gossip, extensions };
}

/** The extensions from `start` to the end of the message; undefined when they do not fill it. */
function readExtensions(wire: Reader, start: number): PingExtensions | undefined {
  const extensions: PingExtensions = {};
  const unknown: UnknownExtension[] = [];
  const flags = wire.bytes[Header.messageFlags.offset] ?? 0;
  // Without the flag the counter means nothing: versions before 7.0 left those bytes as they were.
  let left = (flags & MessageFlag.extensions) === 0 ? 0 : wire.uint16(0, Header.extensions);
  let at = start;
  for (; left > 0; left--) {
    if (!wire.reaches(at + EXTENSION_HEADER_BYTES)) return undefined;
    const length = wire.uint32(at, Extension.length);
    if (length % EXTENSION_ALIGNMENT !== 0) {
      return wire.refuse(`an extension of ${length} bytes is not padded`);
    }
    // Redis would go round in circles on one that does not even hold its own header.
    if (length < EXTENSION_HEADER_BYTES) return wire.refuse(`an extension of ${length} bytes`);
    if (!wire.reaches(at + length)) return undefined;
    const type = wire.uint16(at, Extension.type);
    const payload = wire.bytes.slice(at + EXTENSION_HEADER_BYTES, at + length);
    if (type === EXTENSION_HOSTNAME) {
      const bytes = Math.min(payload.length, HOSTNAME_READ_BYTES);
      const hostname = wire.text({ offset: at + EXTENSION_HEADER_BYTES, bytes });
      if (hostname === "") delete extensions.hostname;
      else extensions.hostname = hostname;
      if (!isHostnameText(hostname)) return wire.refuse("a hostname with odd characters");
    } else {
      unknown.push({ type, payload });
    }
    at += length;
  }
  if (!wire.isLength(at)) return undefined;
  if (unknown.length > 0) extensions.unknown = unknown;
  return extensions;
}

/** Reads fields of structs; the first thing wrong is kept in `reason`, and reading may go on. */
class Reader {
  readonly view: DataView;
  reason = "";

  constructor(readonly bytes: Uint8Array) {
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  refuse(reason: string): undefined {
    if (this.reason === "") this.reason = reason;
    return undefined;
  }

  /** True when the message has at least `end` bytes. */
  reaches(end: number): boolean {
    if (end <= this.bytes.length) return true;
    this.refuse(`${this.bytes.length} bytes, but its parts need ${end}`);
    return false;
  }

  /** True when the message ends at `end`: Redis compares for equality. */
  isLength(end: number): boolean {
    if (end === this.bytes.length) return true;
    this.refuse(`${this.bytes.length} bytes instead of ${end}`);
    return false;
  }

  uint16(at: number, field: Field): number {
    return this.view.getUint16(at + field.offset);
  }

  uint32(at: number, field: Field): number {
    return this.view.getUint32(at + field.offset);
  }

  uint64(at: number, field: Field): number {
    const high = this.view.getUint32(at + field.offset);
    if (high >= 0x20_0000) this.refuse("an epoch or offset of 2^53 or more");
    return high * 0x1_0000_0000 + this.view.getUint32(at + field.offset + 4);
  }

  /** Up to the first NUL or the field's end, as Latin-1. */
  text(field: Field): string {
    let end = field.offset;
    const limit = field.offset + field.bytes;
    while (end < limit && this.bytes[end] !== 0) end++;
    return String.fromCharCode(...this.bytes.subarray(field.offset, end));
  }

  nodeId(at: number, field: Field): string {
    const id = this.text({ offset: at + field.offset, bytes: NODE_ID_BYTES });
    if (!isNodeId(id)) this.refuse("a malformed node id");
    return id;
  }

  nodeIdOrNone(at: number, field: Field): string {
    return this.bytes[at + field.offset] === 0 ? "" : this.nodeId(at, field);
  }

  address(at: number, field: Field): string {
    const ip = this.text({ offset: at + field.offset, bytes: field.bytes });
    if (!isAddressText(ip)) this.refuse("a malformed address");
    return ip;
  }

  slots(at: number, field: Field): Uint8Array {
    return this.bytes.slice(at + field.offset, at + field.offset + field.bytes);
  }
}
