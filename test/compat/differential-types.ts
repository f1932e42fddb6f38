/** Commands of the data types but strings: the rows of each stand in a file of its own, `differential-<type>.ts`. */
import { bitmapCommands } from "./differential-bitmap.ts";
import { geoCommands } from "./differential-geo.ts";
import { hashCommands } from "./differential-hash.ts";
import { hyperLogLogCommands } from "./differential-hyperloglog.ts";
import { listCommands } from "./differential-list.ts";
import { setCommands } from "./differential-set.ts";
import { sortCommands } from "./differential-sort.ts";
import { sortedSetCommands } from "./differential-sorted-set.ts";
import type { Weighted } from "./differential-source.ts";
import { streamCommands } from "./differential-streams.ts";
import { type Kind, ownKeys } from "./differential-values.ts";

/** The rows, with keys of their own for the most part. */
function owned(kind: Kind, rows: readonly Weighted[]): Weighted[] {
  return rows.map(([weight, make]) => [
    weight,
    ({ prng, values }) => make({ prng, values: values.of(kind) }),
  ]);
}

export const families: readonly (readonly Weighted[])[] = [
  owned("bits", bitmapCommands),
  geoCommands,
  owned("hash", hashCommands),
  owned("hll", hyperLogLogCommands),
  owned("list", listCommands),
  owned("set", setCommands),
  sortCommands,
  owned("zset", sortedSetCommands),
  owned("stream", streamCommands),
];

export const typeCommands: readonly Weighted[] = families.flat();

/** Keys whose DUMP is looked at: each of one type for the most part. */
export const dumpedKeys: readonly string[] = [
  ...ownKeys,
  "{t}geo1",
  "{t}geo2",
  "{t}geo3",
  "{t}lex",
  "{t}lexbig",
  "{t}n1",
  "{t}n2",
  "{t}n3",
  "{t}lcs1",
];

/** Thresholds so low that values change their encoding all the time. */
export const tinyEncodings: readonly (readonly [directive: string, value: string])[] = [
  ["hash-max-listpack-entries", "4"],
  ["hash-max-listpack-value", "8"],
  ["list-max-listpack-size", "3"],
  ["set-max-intset-entries", "4"],
  ["zset-max-listpack-entries", "4"],
  ["zset-max-listpack-value", "8"],
  ["stream-node-max-entries", "3"],
  ["hll-sparse-max-bytes", "100"],
];

export const usualEncodings: readonly (readonly [directive: string, value: string])[] = [
  ["hash-max-listpack-entries", "128"],
  ["hash-max-listpack-value", "64"],
  ["list-max-listpack-size", "-2"],
  ["set-max-intset-entries", "512"],
  ["zset-max-listpack-entries", "128"],
  ["zset-max-listpack-value", "64"],
  ["stream-node-max-entries", "100"],
  ["hll-sparse-max-bytes", "3000"],
];

/** The largest element of a list that shares a node with others: DEBUG QUICKLIST-PACKED-THRESHOLD. */
export const packedThreshold = { tiny: "50", usual: "0" };

/**
 * What keys count: nothing, how often they are used (without chance: no decay, and each use counts), how long they are
 * not. Where memory has a bound, integers are not shared.
 */
export const memoryPolicies: readonly (readonly string[])[] = [
  ["maxmemory", "0", "maxmemory-policy", "noeviction"],
  ["maxmemory", "0", "maxmemory-policy", "noeviction"],
  ["maxmemory", "3gb", "maxmemory-policy", "volatile-lru"],
  [
    "maxmemory",
    "3gb",
    "maxmemory-policy",
    "allkeys-lfu",
    "lfu-log-factor",
    "0",
    "lfu-decay-time",
    "0",
  ],
];
