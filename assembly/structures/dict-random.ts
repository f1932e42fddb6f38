/** A record of the hash table of dict.ts, picked at random. */
import { BUCKET, Cell, Dict, dictCount, TAG_MASK, WIDTH } from "./dict-layout";
import { SEGMENT_BUCKETS, SEGMENT_CELLS } from "./dict-segment";

/**
 * A record picked at random, all alike; 0: the table is empty. It counts as found. Places are drawn as if all segments
 * were of the largest size, until one is taken: some three draws as a rule, eight in a table that has shrunk.
 */
export function dictRandom(d: usize, random: u64): usize {
  if (dictCount(d) == 0) return 0;
  const depth = Dict.depth(d);
  if (depth == 0 && Cell.count(d) <= 2) return nthRecord(d, <u32>(random % <u64>dictCount(d)));
  const cells = Cell.first(d);
  let width = SEGMENT_CELLS;
  if (depth == 0 || Cell.count(cells) > SEGMENT_BUCKETS) width = Cell.count(cells) * WIDTH;
  let state = random;
  while (true) {
    state += 0x9e3779b97f4a7c15;
    let mixed = (state ^ (state >> 30)) * 0xbf58476d1ce4e5b9;
    mixed = (mixed ^ (mixed >> 27)) * 0x94d049bb133111eb;
    mixed ^= mixed >> 31;
    const number: u32 = depth == 0 ? 0 : <u32>(mixed >> (64 - depth));
    const at = <u32>(((mixed & 0xffffffff) * <u64>width) >> 32);
    const cell = cells + ((<usize>number) << 3);
    // A segment has several cells when it is less deep: only the first counts.
    const copies = ((<u32>1) << (depth - Cell.depth(cell))) - 1;
    const index = at / WIDTH;
    if ((number & copies) != 0 || index >= Cell.count(cell)) continue;
    const column = <usize>(at % WIDTH);
    const bucket = Cell.buckets(cell) + <usize>index * BUCKET;
    if (load<u8>(bucket + column) != 0) return foundAt(d, index, bucket + 16 + (column << 2));
  }
}

function foundAt(d: usize, index: u32, found: usize): usize {
  const record = load<usize>(found);
  Dict.found = found;
  Dict.bucket = index;
  Dict.position = Dict.positionOf(d, record);
  return record;
}

/** The record of that number in a table of one segment. */
function nthRecord(d: usize, number: u32): usize {
  let index: u32 = 0;
  let bucket = Cell.buckets(d);
  let taken = <u32>i8x16.bitmask(v128.load(bucket)) & TAG_MASK;
  while (true) {
    const here = <u32>popcnt(taken);
    if (number < here) break;
    number -= here;
    index++;
    bucket += BUCKET;
    taken = <u32>i8x16.bitmask(v128.load(bucket)) & TAG_MASK;
  }
  for (; number > 0; number--) taken &= taken - 1;
  return foundAt(d, index, bucket + 16 + ((<usize>ctz(taken)) << 2));
}
