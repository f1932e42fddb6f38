/** All records of the hash table of dict.ts: in a walk while it stands still, in a scan while it changes. */
import { BUCKET, Cell, Dict, TAG_MASK, WIDTH } from "./dict-layout";

/** Most records that one `dictScan` reports: the room its `cells` must have. */
export const DICT_SCAN_MAX: u32 = 4096;

/**
 * The record at or after a place of the walk, or 0 at its end; `Dict.at` is the next place. A walk begins at 0 and
 * the table must not change meanwhile. Walks may be nested: the place is the caller's to keep.
 */
export function dictNext(d: usize, at: u64): usize {
  const depth = Dict.depth(d);
  const cells = Cell.first(d);
  const cellCount = (<u32>1) << depth;
  let number = <u32>(at >> 32);
  let index = <u32>at >> 4;
  let mask = TAG_MASK & (~(<u32>0) << (<u32>at & 15));
  while (number < cellCount) {
    const cell = cells + ((<usize>number) << 3);
    const count = Cell.count(cell);
    for (; index < count; index++) {
      const bucket = Cell.buckets(cell) + <usize>index * BUCKET;
      const taken = <u32>i8x16.bitmask(v128.load(bucket)) & mask;
      mask = TAG_MASK;
      if (taken == 0) continue;
      const first = <u32>ctz(taken);
      Dict.at = ((<u64>number) << 32) | ((index << 4) + first + 1);
      return load<usize>(bucket + 16 + ((<usize>first) << 2));
    }
    number += (<u32>1) << (depth - Cell.depth(cell));
    index = 0;
    mask = TAG_MASK;
  }
  Dict.at = (<u64>cellCount) << 32;
  return 0;
}

/**
 * Some records from a cursor on (0: the beginning), their addresses into `cells` (u32 each, `DICT_SCAN_MAX` of them);
 * `Dict.cursor` is where the next call goes on, 0 at the end. A record that is there from the first call to the last
 * is reported, whatever comes, goes and resizes meanwhile: positions never change, and a cursor is a position.
 */
export function dictScan(d: usize, cursor: u64, cells: usize): u32 {
  Dict.cursor = 0;
  if (cursor > <u64>u32.MAX_VALUE) return 0;
  const from = <u32>cursor;
  const cell = Cell.of(d, from);
  const depth = Cell.depth(cell);
  const count = Cell.count(cell);
  const buckets = Cell.buckets(cell);
  let index = Cell.home(from, depth, count);
  // The first position whose home is a later bucket.
  const start: u64 = depth == 0 ? 0 : (<u64>from >> (32 - depth)) << (32 - depth);
  const inner = (((<u64>(index + 1)) << 32) + count - 1) / count;
  const next = start + ((inner + ((<u64>1) << depth) - 1) >> depth);
  if (next <= <u64>u32.MAX_VALUE) Dict.cursor = next;
  let found: u32 = 0;
  for (let probes: u32 = 0; probes < count && found + WIDTH <= DICT_SCAN_MAX; probes++) {
    const bucket = buckets + <usize>index * BUCKET;
    let taken = <u32>i8x16.bitmask(v128.load(bucket)) & TAG_MASK;
    while (taken != 0) {
      const record = load<usize>(bucket + 16 + ((<usize>ctz(taken)) << 2));
      const position = Dict.positionOf(d, record);
      if (position >= from && <u64>position < next) {
        store<usize>(cells + ((<usize>found) << 2), record);
        found++;
      }
      taken &= taken - 1;
    }
    if (load<u8>(bucket, 14) == 0) break;
    if (++index == count) index = 0;
  }
  return found;
}
