/** Commands of the data types but strings: the rows of each stand in a file of its own, `differential-<type>.ts`. */
import { bitmapCommands } from "./differential-bitmap.ts";
import type { Weighted } from "./differential-commands.ts";
import { geoCommands } from "./differential-geo.ts";
import { hashCommands } from "./differential-hash.ts";
import { hyperLogLogCommands } from "./differential-hyperloglog.ts";
import { listCommands } from "./differential-list.ts";
import { setCommands } from "./differential-set.ts";
import { sortCommands } from "./differential-sort.ts";
import { sortedSetCommands } from "./differential-sorted-set.ts";
import { streamCommands } from "./differential-streams.ts";

export const typeCommands: readonly Weighted[] = [
  ...bitmapCommands,
  ...geoCommands,
  ...hashCommands,
  ...hyperLogLogCommands,
  ...listCommands,
  ...setCommands,
  ...sortCommands,
  ...sortedSetCommands,
  ...streamCommands,
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
