/**
 * Key specifications (Redis 7.0): where a command's keys stand among its arguments and what it does
 * to them. A specification first finds where keys begin, then how many follow.
 * Source: "Command key specifications" in the Redis documentation; getKeysUsingKeySpecs in db.c.
 */
import { assert } from "../base/assert.ts";
import { latin1Text } from "../base/bytes.ts";
import { words } from "./flags.ts";

export type BeginSearch =
  | { readonly type: "index"; readonly index: number }
  /** Keys follow this word, looked for from argument `startFrom`; below 0: backwards. */
  | { readonly type: "keyword"; readonly keyword: string; readonly startFrom: number }
  /** Nothing general can be said: the row says more in `moreKeys`, if anything. */
  | { readonly type: "unknown" };

export type FindKeys =
  /**
   * `last` counts from the first key; below 0 from the end of the arguments. With `limit` above 1,
   * only the first 1/limit of the remaining arguments are keys.
   */
  | { readonly type: "range"; readonly last: number; readonly step: number; readonly limit: number }
  /** A count stands `countAt` after the beginning, the first key `firstAt` after it. */
  | {
      readonly type: "keynum";
      readonly countAt: number;
      readonly firstAt: number;
      readonly step: number;
    }
  | { readonly type: "unknown" };

export interface KeySpec {
  readonly begin: BeginSearch;
  readonly find: FindKeys;
  /** Access first (RO, RW, OW or RM), then access, update, insert, delete and the rest. */
  readonly flags: readonly string[];
  readonly notes?: string;
}

/** A key found among arguments. */
export interface FoundKey {
  /** Position in argv. */
  readonly at: number;
  readonly flags: readonly string[];
}

const flagOrder = [
  "RO",
  "RW",
  "OW",
  "RM",
  "access",
  "update",
  "insert",
  "delete",
  "not_key",
  "incomplete",
  "variable_flags",
];

/** One key at argument `index`. */
export function key(index: number, flags: string, notes?: string): KeySpec {
  return range(index, 0, 1, flags, notes);
}

/** Keys from argument `index` to the end, every `step`-th argument. */
export function keysFrom(index: number, flags: string, step = 1, notes?: string): KeySpec {
  return range(index, -1, step, flags, notes);
}

/** Keys behind their number, which stands at argument `index`. */
export function counted(index: number, flags: string): KeySpec {
  return {
    ...range(index, 0, 1, flags),
    find: { type: "keynum", countAt: 0, firstAt: 1, step: 1 },
  };
}

/** The key behind a word, looked for from argument `startFrom` on. */
export function keyAfter(keyword: string, startFrom: number, flags: string): KeySpec {
  return { ...key(0, flags), begin: { type: "keyword", keyword, startFrom } };
}

/** Keys that no specification can find. */
export function unknownKeys(flags: string, notes: string): KeySpec {
  return { ...range(0, 0, 0, flags, notes), begin: { type: "unknown" }, find: { type: "unknown" } };
}

/** As many keys as argument `index` says, behind it. */
export function countedKeys(index: number, flags: string): KeySpec {
  const find: FindKeys = { type: "keynum", countAt: 0, firstAt: 1, step: 1 };
  return { ...key(index, flags), find };
}

export function range(
  index: number,
  last: number,
  step: number,
  flags: string,
  notes?: string,
): KeySpec {
  const named = words(flags);
  for (const flag of named) assert(flagOrder.includes(flag), `unknown key flag "${flag}"`);
  return {
    begin: { type: "index", index },
    find: { type: "range", last, step, limit: 0 },
    flags: flagOrder.filter((flag) => named.includes(flag)),
    ...(notes === undefined ? {} : { notes }),
  };
}

/** First key, last key and step as COMMAND INFO printed them before key specifications. */
export interface LegacyRange {
  /** 0: no keys. */
  readonly first: number;
  /** Position in argv, below 0 from the end (-1 is the last argument). */
  readonly last: number;
  readonly step: number;
  /** The range does not tell all keys: ask `findKeys`. */
  readonly movable: boolean;
}

/**
 * The one range that covers the specifications as well as a range can, derived as Redis does
 * (populateCommandLegacyRangeSpec in server.c): a lone range as it is, several joined when their
 * keys stand side by side; what does not fit is left out and makes the keys movable.
 */
export function legacyRange(specs: readonly KeySpec[]): LegacyRange {
  let joined: LegacyRange = { first: 0, last: 0, step: 0, movable: false };
  for (const { begin, find } of specs) {
    const fits = begin.type === "index" && find.type === "range";
    if (!fits || (specs.length > 1 && find.step !== 1)) {
      joined = { ...joined, movable: true };
      continue;
    }
    const last = find.last < 0 ? find.last : begin.index + find.last;
    const isFirst = joined.first === 0;
    joined = {
      first: isFirst ? begin.index : Math.min(joined.first, begin.index),
      last: isFirst ? last : fartherEnd(joined.last, last),
      step: find.step,
      movable: joined.movable || (!isFirst && joined.last !== begin.index - 1),
    };
  }
  return joined;
}

/** Ends below 0 count from the last argument, so they lie beyond any end counted from the first. */
function fartherEnd(left: number, right: number): number {
  return left >>> 0 > right >>> 0 ? left : right;
}

/** The keys of a full command line, or undefined when the arguments do not fit a specification. */
export function findKeys(
  specs: readonly KeySpec[],
  argv: readonly Uint8Array[],
): FoundKey[] | undefined {
  const found: FoundKey[] = [];
  for (const spec of specs) {
    if (spec.begin.type === "unknown" || spec.find.type === "unknown") continue;
    const begin = beginOf(spec.begin, argv);
    // An absent keyword means that this optional part was left out.
    if (begin === 0) continue;
    const span = spanOf(spec.find, begin, argv);
    if (span === undefined) return undefined;
    const flags = spec.flags.filter((flag) => flag !== "variable_flags");
    for (let at = span.first; at <= span.last; at += span.step) found.push({ at, flags });
  }
  return found;
}

type KnownBegin = Exclude<BeginSearch, { type: "unknown" }>;
type KnownFind = Exclude<FindKeys, { type: "unknown" }>;

/** 0 when the keyword is not there. */
function beginOf(begin: KnownBegin, argv: readonly Uint8Array[]): number {
  if (begin.type === "index") return begin.index;
  const forwards = begin.startFrom > 0;
  const start = forwards ? begin.startFrom : argv.length + begin.startFrom;
  for (let at = start; at > 0 && at < argv.length; at += forwards ? 1 : -1) {
    const word = argv[at];
    if (word !== undefined && latin1Text(word).toUpperCase() === begin.keyword) return at + 1;
  }
  return 0;
}

function spanOf(
  find: KnownFind,
  begin: number,
  argv: readonly Uint8Array[],
): { first: number; last: number; step: number } | undefined {
  let first = begin;
  let last: number;
  if (find.type === "range") {
    if (find.last >= 0) last = first + find.last;
    else if (find.limit <= 1) last = argv.length + find.last;
    else last = first + Math.trunc((argv.length - first) / find.limit) + find.last;
  } else {
    const countText = argv[begin + find.countAt];
    if (countText === undefined) return undefined;
    const text = latin1Text(countText);
    if (!/^(0|[1-9]\d{0,9})$/.test(text)) return undefined;
    const count = Number(text);
    first = begin + find.firstAt;
    if (count === 0) return { first, last: first - 1, step: find.step };
    last = first + (count - 1) * find.step;
  }
  if (first >= argv.length || last >= argv.length || last < first) return undefined;
  return { first, last, step: find.step };
}
