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

export const streamRows: readonly Weighted[] = owned("stream", streamCommands);

export const families: readonly (readonly Weighted[])[] = [
  owned("bits", bitmapCommands),
  geoCommands,
  owned("hash", hashCommands),
  owned("hll", hyperLogLogCommands),
  owned("list", listCommands),
  owned("set", setCommands),
  sortCommands,
  owned("zset", sortedSetCommands),
  streamRows,
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
