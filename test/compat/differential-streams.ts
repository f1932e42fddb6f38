/** Random commands on streams. Identifiers are never `*`: two servers do not see the same millisecond. */
import { block } from "./differential-blocking.ts";
import type { Source, Weighted } from "./differential-source.ts";

/** Two groups of identifiers that meet, and those of `filledStream`; now and then an odd one. */
function id({ prng }: Source): string {
  const kind = prng.below(20);
  if (kind < 8) return `${1 + prng.below(30)}-${prng.below(4)}`;
  if (kind < 15) return String(prng.below(prng.chance(0.5) ? 40 : filledMost));
  if (kind < 18) return `${prng.below(300)}-${prng.below(3)}`;
  if (kind < 19) return prng.pick(["0-0", "0-1", "18446744073709551615-18446744073709551615"]);
  return prng.pick(oddIds);
}

const filledMost = 12;

const oddIds: readonly string[] = [
  "-",
  "+",
  "",
  "x",
  "5-",
  "-5",
  "5-x",
  "5--0",
  " 7-1",
  "007-01",
  "+8-+1",
  "18446744073709551615",
  "18446744073709551616",
  "9-18446744073709551615",
  "1.5",
  "5-*",
  "1".repeat(128),
];

function newId(source: Source): string {
  const { prng } = source;
  const kind = prng.below(20);
  if (kind < 8) return `${20 + prng.below(60)}-${prng.below(3)}`;
  if (kind < 14) return `${20 + prng.below(80)}-*`;
  return id(source);
}

function bound(source: Source, end: string): string {
  const { prng } = source;
  if (prng.chance(0.5)) return end;
  return (prng.chance(0.3) ? "(" : "") + id(source);
}

function fields({ prng, values: v }: Source): string[] {
  const names = prng.pick([["a"], ["a", "b"], ["a", "b"], ["b", "a"], ["1", "x"]]);
  const made = names.flatMap((name) => [
    name,
    prng.chance(0.7) ? v.text(prng.below(6)) : v.value(),
  ]);
  return prng.chance(0.03) ? made.slice(1) : made;
}

function small(source: Source): string {
  return source.prng.chance(0.9) ? String(source.prng.below(8)) : source.values.integer();
}

function trim(source: Source): string[] {
  const { prng, values: v } = source;
  const operator = prng.pick([[], ["="], ["~"], ["~"]]);
  const limit = prng.chance(0.15) ? [v.word("limit"), small(source)] : [];
  return prng.chance(0.5)
    ? [v.word("maxlen"), ...operator, small(source), ...limit]
    : [v.word("minid"), ...operator, id(source), ...limit];
}

const group = ({ prng }: Source): string =>
  prng.chance(0.8) ? "g1" : prng.pick(["g2", "", "g\x00\xff"]);
const consumer = ({ prng }: Source): string => prng.pick(["alice", "bob", "bob", ""]);

/** Idle times that no millisecond more or less turns round. */
const idle = ({ prng }: Source): string => prng.pick(["0", "0", "0", "1000000", "-1", "x"]);

function ids(source: Source, most: number): string[] {
  return Array.from({ length: 1 + source.prng.below(most) }, () => id(source));
}

function xAdd(source: Source): string[] {
  const { values: v, prng } = source;
  const options = [
    ...(prng.chance(0.1) ? [v.word("nomkstream")] : []),
    ...(prng.chance(0.25) ? trim(source) : []),
  ];
  return [v.word("xadd"), v.key(), ...options, newId(source), ...fields(source)];
}

function count(source: Source): string[] {
  return source.prng.chance(0.4) ? [source.values.word("count"), small(source)] : [];
}

function xRange(source: Source): string[] {
  const { values: v, prng } = source;
  if (prng.chance(0.5)) {
    return [v.word("xrange"), v.key(), bound(source, "-"), bound(source, "+"), ...count(source)];
  }
  return [v.word("xrevrange"), v.key(), bound(source, "+"), bound(source, "-"), ...count(source)];
}

function xRead(source: Source): string[] {
  const { values: v, prng } = source;
  const keys = v.keyList(3);
  const from = keys.map(() => (prng.chance(0.1) ? prng.pick(["$", ">"]) : id(source)));
  const options = [...count(source), ...block(source)];
  return [v.word("xread"), ...options, v.word("streams"), ...keys, ...from];
}

function xReadGroup(source: Source): string[] {
  const { values: v, prng } = source;
  const keys = prng.chance(0.8) ? [v.key()] : v.keyList(2);
  const from = keys.map(() => (prng.chance(0.65) ? ">" : prng.chance(0.5) ? "0" : id(source)));
  const head = [v.word("xreadgroup"), v.word("group"), group(source), consumer(source)];
  const noAck = prng.chance(0.15) ? [v.word("noack")] : [];
  const options = [...count(source), ...block(source), ...noAck];
  return [...head, ...options, v.word("streams"), ...keys, ...from];
}

function xGroup(source: Source): string[] {
  const { values: v, prng } = source;
  const read = prng.chance(0.15) ? [v.word("entriesread"), small(source)] : [];
  const start = prng.pick(["$", "0", "0", id(source)]);
  const [key, name] = [v.key(), group(source)];
  switch (prng.below(10)) {
    case 0:
      return [v.word("xgroup"), v.word("setid"), key, name, start, ...read];
    case 1:
      return prng.chance(0.4) ? [v.word("xgroup"), v.word("destroy"), key, name] : [];
    case 2:
      return [v.word("xgroup"), v.word("createconsumer"), key, name, consumer(source)];
    case 3:
      return [v.word("xgroup"), v.word("delconsumer"), key, name, consumer(source)];
    default: {
      const make = prng.chance(0.85) ? [v.word("mkstream")] : [];
      return [v.word("xgroup"), v.word("create"), key, name, start, ...make, ...read];
    }
  }
}

function xClaim(source: Source): string[] {
  const { values: v, prng } = source;
  const options = [
    ...(prng.chance(0.4) ? [v.word("force")] : []),
    ...(prng.chance(0.3) ? [v.word("justid")] : []),
    ...(prng.chance(0.3) ? [v.word("idle"), prng.pick(["5000000", "0", "-1", "x"])] : []),
    ...(prng.chance(0.1) ? [v.word("time"), prng.pick(["1000", "1600000000000", "-5"])] : []),
    ...(prng.chance(0.2) ? [v.word("retrycount"), small(source)] : []),
    ...(prng.chance(0.1) ? [v.word("lastid"), id(source)] : []),
  ];
  const head = [v.word("xclaim"), v.key(), group(source), consumer(source), idle(source)];
  return [...head, ...ids(source, 3), ...options];
}

function xAutoClaim(source: Source): string[] {
  const { values: v, prng } = source;
  const options = [...count(source), ...(prng.chance(0.3) ? [v.word("justid")] : [])];
  const head = [v.word("xautoclaim"), v.key(), group(source), consumer(source), idle(source)];
  return [...head, bound(source, "-"), ...options];
}

function xPending(source: Source): string[] {
  const { values: v, prng } = source;
  const head = [v.word("xpending"), v.key(), group(source)];
  if (prng.chance(0.4)) return head;
  const filter = prng.chance(0.3) ? [v.word("idle"), idle(source)] : [];
  const owner = prng.chance(0.4) ? [consumer(source)] : [];
  return [...head, ...filter, bound(source, "-"), bound(source, "+"), small(source), ...owner];
}

function xInfo(source: Source): string[] {
  const { values: v, prng } = source;
  switch (prng.below(5)) {
    case 0:
      return [v.word("xinfo"), v.word("consumers"), v.key(), group(source)];
    case 1:
      return [v.word("xinfo"), v.word("groups"), v.key()];
    case 2:
      return [v.word("xinfo"), v.word("stream"), v.key()];
    default:
      return [v.word("xinfo"), v.word("stream"), v.key(), v.word("full"), ...count(source)];
  }
}

function xSetId(source: Source): string[] {
  const { values: v, prng } = source;
  const options = [
    ...(prng.chance(0.3) ? [v.word("entriesadded"), small(source)] : []),
    ...(prng.chance(0.3) ? [v.word("maxdeletedid"), id(source)] : []),
  ];
  return [v.word("xsetid"), v.key(), id(source), ...options];
}

/** Makes a stream anew whose groups have something to read, to claim and to acknowledge. */
export function filledStream(source: Source): string[][] {
  const { values: v, prng } = source;
  const key = v.ownKey("stream");
  const groups = ["g1", "g1", "g2"].slice(prng.below(2));
  const entries = Array.from({ length: filledMost - prng.below(8) }, (_, at) => String(at + 1));
  const reads = Array.from({ length: 1 + prng.below(3) }, () => [
    ...["XREADGROUP", "GROUP", "g1", consumer(source), "COUNT", String(1 + prng.below(5))],
    ...["STREAMS", key, ">"],
  ]);
  return [
    ["DEL", key],
    ...groups.map((name) => ["XGROUP", "CREATE", key, name, "0", "MKSTREAM"]),
    ...entries.map((id) => ["XADD", key, id, "a", v.text(prng.below(6))]),
    ...reads,
  ];
}

export const streamCommands: readonly Weighted[] = [
  [60, xAdd],
  [10, (source) => [source.values.word("xdel"), source.values.key(), ...ids(source, 3)]],
  [7, (source) => [source.values.word("xtrim"), source.values.key(), ...trim(source)]],
  [4, ({ values: v }) => [v.word("xlen"), v.key()]],
  [14, xRange],
  [8, xRead],
  [24, xGroup],
  [20, xReadGroup],
  [
    6,
    (source) => [source.values.word("xack"), source.values.key(), group(source), ...ids(source, 3)],
  ],
  [9, xClaim],
  [7, xAutoClaim],
  [8, xPending],
  [10, xInfo],
  [3, xSetId],
];

/** The reply with its times rounded: idle times in XPENDING and XINFO CONSUMERS, and points in time. */
export function withoutMoments(args: readonly string[], reply: Buffer): string {
  const rounded = (digits: string): string => String(Math.round(Number(digits) / 100_000));
  const text = reply
    .toString("latin1")
    .replace(/(\r\nidle\r\n):(\d+)/g, (_, name: string, digits: string) => name + rounded(digits))
    .replace(/:(\d{13})\r\n/g, (_, digits: string) => `:${rounded(digits)}\r\n`);
  if ((args[0] ?? "").toLowerCase() !== "xpending") return text;
  return text.replace(/:(\d+)\r\n:(\d+)\r\n/g, (_, since: string, deliveries: string) => {
    return `:${rounded(since)}\r\n:${deliveries}\r\n`;
  });
}
