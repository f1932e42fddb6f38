/**
 * One node as a line of text: what CLUSTER NODES answers and `nodes.conf` keeps
 * (clusterGenNodeDescription of Redis 7.0):
 *
 *   <id> <ip>:<port>@<bus port>[,<hostname>] <flags> <primary id or -> <ping sent> <pong received>
 *   <config epoch> <connected or disconnected> [<slot> or <first>-<last>]... [[<slot>->-<id>]]...
 */
import { NodeFlag } from "./bus-message.ts";
import { isAddressText, isHostnameText, isNodeId } from "./identifiers.ts";
import { addSlot, emptySlots, hasSlot, slotRangesText } from "./slot-bitmap.ts";

/** A slot on its way to or from the node with this id. */
export interface SlotMove {
  slot: number;
  nodeId: string;
}

export interface NodeRecord {
  id: string;
  /** "" when unknown. */
  ip: string;
  /** The client port to show: the TLS one or the plain one, as the caller chooses. */
  port: number;
  busPort: number;
  /** "" when the node announces none. */
  hostname: string;
  /** `NodeFlag` bits; those without a name in the format are not written. */
  flags: number;
  /** "" when it is a primary, or a replica of nobody yet. */
  primaryId: string;
  /** Unix milliseconds; 0 when no ping is under way. */
  pingSentMs: number;
  /** Unix milliseconds. */
  pongReceivedMs: number;
  /** Of a replica: its primary's, as Redis writes it; what a reader should take for 0. */
  configEpoch: number;
  /** True for ourselves. */
  connected: boolean;
  /** SLOT_BITMAP_BYTES long; no slot for replicas. */
  slots: Uint8Array;
  /** Slots we give away; empty for every node but ourselves. */
  migrating: SlotMove[];
  /** Slots we take in; empty for every node but ourselves. */
  importing: SlotMove[];
}

/** In the order in which Redis writes them. */
const FLAG_NAMES: readonly (readonly [flag: number, name: string])[] = [
  [NodeFlag.myself, "myself"],
  [NodeFlag.primary, "master"],
  [NodeFlag.replica, "slave"],
  [NodeFlag.pfail, "fail?"],
  [NodeFlag.fail, "fail"],
  [NodeFlag.handshake, "handshake"],
  [NodeFlag.noAddress, "noaddr"],
  [NodeFlag.noFailover, "nofailover"],
];

/** `myself,master`, or `noflags`. */
export function nodeFlagsText(flags: number): string {
  const names = FLAG_NAMES.filter(([flag]) => (flags & flag) !== 0).map(([, name]) => name);
  return names.length === 0 ? "noflags" : names.join(",");
}

/** The line without its line feed. */
export function nodeLine(node: NodeRecord): string {
  const hostname = node.hostname === "" ? "" : `,${node.hostname}`;
  const fields = [
    node.id,
    `${node.ip}:${node.port}@${node.busPort}${hostname}`,
    nodeFlagsText(node.flags),
    node.primaryId === "" ? "-" : node.primaryId,
    node.pingSentMs,
    node.pongReceivedMs,
    node.configEpoch,
    node.connected ? "connected" : "disconnected",
  ];
  const slots = slotRangesText(node.slots);
  if (slots !== "") fields.push(slots);
  const moves = movesText(node);
  if (moves !== "") fields.push(moves);
  return fields.join(" ");
}

/** Both lists in one, by slot; a slot in both is shown as migrating. */
function movesText(node: NodeRecord): string {
  if (node.migrating.length + node.importing.length === 0) return "";
  const bySlot = new Map<number, string>();
  for (const { slot, nodeId } of node.importing) bySlot.set(slot, `[${slot}-<-${nodeId}]`);
  for (const { slot, nodeId } of node.migrating) bySlot.set(slot, `[${slot}->-${nodeId}]`);
  return [...bySlot]
    .sort(([left], [right]) => left - right)
    .map(([, text]) => text)
    .join(" ");
}

/**
 * The record of one line, split at white space, or what is wrong with it. Stricter than Redis, which
 * reads numbers with atoi: a damaged file must not load as some other cluster. Taken as Redis does:
 * a missing bus port (port + 10000), flag names in any case. The `key=value` parts that later
 * versions write behind the hostname are passed over.
 */
export function parseNodeLine(fields: readonly string[]): NodeRecord | string {
  const [id, address, flagNames, primary, ping, pong, epoch, link, ...slotFields] = fields;
  if (
    id === undefined ||
    address === undefined ||
    flagNames === undefined ||
    primary === undefined ||
    ping === undefined ||
    pong === undefined ||
    epoch === undefined ||
    link === undefined
  ) {
    return `${fields.length} fields instead of at least 8`;
  }
  if (!isNodeId(id)) return "a malformed node id";
  const place = parseAddress(address);
  if (typeof place === "string") return place;
  const flags = parseFlags(flagNames);
  if (typeof flags === "string") return flags;
  if (primary !== "-" && !isNodeId(primary)) return "a malformed id of the primary";
  const pingSentMs = wholeNumber(ping);
  const pongReceivedMs = wholeNumber(pong);
  const configEpoch = wholeNumber(epoch);
  if (pingSentMs === undefined) return "a malformed ping time";
  if (pongReceivedMs === undefined) return "a malformed pong time";
  if (configEpoch === undefined) return "a malformed config epoch";
  if (link !== "connected" && link !== "disconnected") return "a malformed link state";
  const node: NodeRecord = {
    id,
    ...place,
    flags,
    primaryId: primary === "-" ? "" : primary,
    pingSentMs,
    pongReceivedMs,
    configEpoch,
    connected: link === "connected",
    slots: emptySlots(),
    migrating: [],
    importing: [],
  };
  for (const field of slotFields) {
    const wrong = parseSlotField(node, field);
    if (wrong !== "") return wrong;
  }
  return node;
}

type Place = Pick<NodeRecord, "ip" | "port" | "busPort" | "hostname">;

function parseAddress(text: string): Place | string {
  const [address = "", hostname = "", ...more] = text.split(",");
  if (!isHostnameText(hostname)) return "a malformed hostname";
  if (!more.every((part) => /^[a-z-]+=[!-~]*$/.test(part))) return "a malformed address";
  // The last colon, for the address may be IPv6.
  const parts = /^(.*):(\d{1,5})(?:@(\d{1,5}))?$/.exec(address);
  if (parts === null) return "a malformed address";
  const ip = parts[1] ?? "";
  const port = Number(parts[2]);
  const busPort = parts[3] === undefined ? port + 10_000 : Number(parts[3]);
  if (!isAddressText(ip)) return "a malformed address";
  if (port > 65_535 || busPort > 65_535) return "a port above 65535";
  return { ip, port, busPort, hostname };
}

function parseFlags(text: string): number | string {
  const names = text.toLowerCase();
  if (names === "noflags") return 0;
  let flags = 0;
  for (const name of names.split(",")) {
    const row = FLAG_NAMES.find(([, known]) => known === name);
    if (row === undefined) return `an unknown node flag`;
    flags |= row[0];
  }
  const both = NodeFlag.primary | NodeFlag.replica;
  return (flags & both) === both ? "a node that is master and slave" : flags;
}

/** Adds a slot, a range or a move to the node; answers what is wrong, or "". */
function parseSlotField(node: NodeRecord, text: string): string {
  const move = /^\[(\d{1,5})-([<>])-([0-9a-z]{40})\]$/.exec(text);
  if (move !== null) {
    const slot = Number(move[1]);
    if (slot > 16_383) return "a slot above 16383";
    if ((node.flags & NodeFlag.myself) === 0) return "a moving slot of another node";
    const list = move[2] === ">" ? node.migrating : node.importing;
    list.push({ slot, nodeId: move[3] ?? "" });
    return "";
  }
  const range = /^(\d{1,5})(?:-(\d{1,5}))?$/.exec(text);
  if (range === null) return "a malformed slot";
  const first = Number(range[1]);
  const last = range[2] === undefined ? first : Number(range[2]);
  if (first > 16_383 || last > 16_383) return "a slot above 16383";
  if (first > last) return "a slot range that ends before it starts";
  for (let slot = first; slot <= last; slot++) {
    if (hasSlot(node.slots, slot)) return "a slot named twice";
    addSlot(node.slots, slot);
  }
  return "";
}

/** A number of digits alone, below 2^53. */
export function wholeNumber(text: string): number | undefined {
  if (!/^\d{1,16}$/.test(text)) return undefined;
  const value = Number(text);
  return Number.isSafeInteger(value) ? value : undefined;
}
