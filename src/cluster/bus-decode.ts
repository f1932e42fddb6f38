/**
 * Bus messages from bytes, which are checked as Redis 7.0 checks them (clusterProcessPacket in `cluster.c`). Layouts
 * stand in `bus-layout.ts`.
 *
 * This is the door: what it lets in has the announced length, node ids of the right form, addresses and hostnames that
 * can go into `nodes.conf`, and numbers that JavaScript holds exactly. Redis looks at lengths and version only; it sends
 * nothing that the further checks refuse.
 */
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
  type UnknownExtension,
} from "./bus-message.ts";
import { isAddressText, isHostnameText, isNodeId } from "./identifiers.ts";

export type DecodedMessage = { message: BusMessage } | { reason: string };

/** One more than the longest hostname: enough to see that one is too long. */
const HOSTNAME_READ_BYTES = 256;

const TYPE_NAMES = Object.keys(MessageType) as MessageTypeName[];

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
