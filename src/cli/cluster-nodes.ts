/** The text of CLUSTER NODES, as far as the tools look into it. */

export interface SlotRange {
  readonly first: number;
  /** Inclusive. */
  readonly last: number;
}

export interface NodeLine {
  readonly id: string;
  /** As clients reach it; an IPv6 address stands without brackets. */
  readonly host: string;
  readonly port: number;
  readonly flags: readonly string[];
  readonly isPrimary: boolean;
  /** ID of the primary, for a replica. */
  readonly primaryId: string | undefined;
  readonly slots: readonly SlotRange[];
  /** Slots in migration, as written: `[93->-id]` or `[93-<-id]`. */
  readonly openSlots: readonly string[];
}

/** Lines that are not of the format are left out. */
export function parseClusterNodes(text: string): NodeLine[] {
  return text.split("\n").flatMap((line) => {
    const node = parseLine(line.trim());
    return node === undefined ? [] : [node];
  });
}

function parseLine(line: string): NodeLine | undefined {
  // id address flags primary ping-sent pong-received epoch link-state slots...
  const [id, address, flagText, primary, , , , , ...slotTexts] = line.split(" ");
  if (id === undefined || address === undefined || flagText === undefined) return undefined;
  const endpoint = /^(.*):(\d+)(?:@\d+)?(?:,.*)?$/.exec(address);
  if (endpoint === null) return undefined;
  const flags = flagText.split(",");
  return {
    id,
    host: endpoint[1] ?? "",
    port: Number(endpoint[2]),
    flags,
    isPrimary: flags.includes("master"),
    primaryId: primary === "-" ? undefined : primary,
    slots: slotTexts.flatMap(parseRange),
    openSlots: slotTexts.filter((each) => each.startsWith("[")),
  };
}

function parseRange(text: string): SlotRange[] {
  const match = /^(\d+)(?:-(\d+))?$/.exec(text);
  if (match === null) return [];
  const first = Number(match[1]);
  return [{ first, last: match[2] === undefined ? first : Number(match[2]) }];
}

export function countSlots(ranges: readonly SlotRange[]): number {
  return ranges.reduce((sum, { first, last }) => sum + last - first + 1, 0);
}

/** `[0-5460],[7000]`, the way redis-cli lists the slots of a node. */
export function rangesText(ranges: readonly SlotRange[]): string {
  return ranges.map(({ first, last }) => `[${first === last ? first : `${first}-${last}`}]`).join();
}

/** Who owns what, in an order that does not depend on who was asked: equal on nodes that agree. */
export function slotSignature(nodes: readonly NodeLine[]): string {
  return nodes
    .filter(({ slots }) => slots.length > 0)
    .map(({ id, slots }) => `${id}:${rangesText(slots)}`)
    .sort()
    .join("|");
}
