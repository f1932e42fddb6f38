/** A segment of the hash table of dict.ts by itself: how large it gets, and how a record gets into it. */
import { alloc, roundedSize } from "../base/memory";
import { VERIFY } from "../config";
import { BUCKET, Cell, Dict, OVERFLOW_STUCK, TAG_MASK, WIDTH } from "./dict-layout";

/** Buckets of the largest segment: 12 KiB, an allocation class. */
export const SEGMENT_BUCKETS: u32 = 192;
export const SEGMENT_CELLS: u32 = 2304;
/** Records of the smallest segment that is split; twice as many, 7/8 of its places, fill the largest. */
export const SEGMENT_LIMIT_MIN: u32 = 1008;
/** 2^20 segments hold more records than 4 GiB can; beyond that, segments may be of any size. */
export const DEPTH_MAX: u32 = 20;

/** Up to 7/8 full; a single bucket may fill up entirely. */
export function isFull(cell: usize, used: u32): bool {
  const count = Cell.count(cell);
  return used * 8 >= count * WIDTH * 7 && (count != 1 || used == WIDTH);
}

/**
 * Whether the segment is to be split. Segments of one size would all be split while a table grows by a few per cent, and
 * an insert then would cost ten times as much as before. So each has a limit of its own, by its place, between half of
 * the largest size and that: at any time as many are close to their limit as at any other.
 */
export function isLarge(cell: usize, used: u32, position: u32): bool {
  if (used < SEGMENT_LIMIT_MIN) return false;
  const depth = Cell.depth(cell);
  return depth < DEPTH_MAX && used >= limitOf(depth, position);
}

export function limitOf(depth: u32, position: u32): u32 {
  const number: u32 = depth == 0 ? 0 : position >> (32 - depth);
  const spread = ((number ^ (depth << 24)) * 0x9e3779b1) >> 24;
  // As evenly in the logarithm as a table grows.
  return (SEGMENT_LIMIT_MIN * 512) / (256 + spread);
}

/** Buckets that fit the allocation which `count` of them need, but not more than the largest segment has. */
export function roundCount(count: u32): u32 {
  const rounded = <u32>(roundedSize(<usize>count * BUCKET) / BUCKET);
  return count <= SEGMENT_BUCKETS ? min(rounded, SEGMENT_BUCKETS) : rounded;
}

/** Buckets for so many records, with room for a quarter more. */
export function countFor(records: u32): u32 {
  return roundCount(min((records * 5) / 42 + 1, SEGMENT_BUCKETS));
}

/** As `countFor`, in a segment that will be split at `limit` records: room for all of them, or to grow once before. */
export function countUpTo(records: u32, limit: u32): u32 {
  if (limit > records * 2) return countFor(records + (records >> 3));
  return roundCount(min((limit * 2) / 21 + 1, SEGMENT_BUCKETS));
}

export function newBuckets(count: u32): usize {
  const buckets = alloc(<usize>count * BUCKET);
  memory.fill(buckets, 0, <usize>count * BUCKET);
  return buckets;
}

/** Writes the record into the first bucket with room, counting overflow on the way. */
export function place(cell: usize, record: usize, position: u32, tag: u32): void {
  if (VERIFY) Dict.placed++;
  const count = Cell.count(cell);
  const buckets = Cell.buckets(cell);
  let index = Cell.home(position, Cell.depth(cell), count);
  while (true) {
    const bucket = buckets + <usize>index * BUCKET;
    const vacant = ~(<u32>i8x16.bitmask(v128.load(bucket))) & TAG_MASK;
    if (vacant != 0) {
      const at = <usize>ctz(vacant);
      store<u8>(bucket + at, <u8>tag);
      store<usize>(bucket + 16 + (at << 2), record);
      return;
    }
    const overflow = <u32>load<u8>(bucket, 14);
    if (overflow < OVERFLOW_STUCK) store<u8>(bucket, <u8>(overflow + 1), 14);
    if (++index == count) index = 0;
  }
}
