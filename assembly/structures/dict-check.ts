/** The invariant walk of a table of members, for tests. */
import { usableSize } from "../base/memory";
import { dictFind } from "./dict";
import { BUCKET, Cell, Dict, dictCount, OVERFLOW_STUCK, WIDTH } from "./dict-layout";

/** Counts of overflow that `checkSegment` expects. */
const expected: usize = memory.data(1024 * 4, 16);

/** Walks everything: counts, depths, tags, overflow, and the search for each key must agree. */
export function checkDict(d: usize): bool {
  const depth = Dict.depth(d);
  const cells = Cell.first(d);
  let records: u32 = 0;
  let deepest: u32 = 0;
  let number: u32 = 0;
  while (number < (<u32>1) << depth) {
    const cell = cells + ((<usize>number) << 3);
    if (Cell.depth(cell) > depth) return false;
    const copies = (<u32>1) << (depth - Cell.depth(cell));
    if ((number & (copies - 1)) != 0) return false;
    for (let i: u32 = 1; i < copies; i++) {
      if (load<u64>(cell + ((<usize>i) << 3)) != load<u64>(cell)) return false;
    }
    if (copies == 1) deepest++;
    if (!checkSegment(d, cell, number, depth)) return false;
    records += Cell.used(cell);
    number += copies;
  }
  if (depth > 0 && (load<u32>(load<usize>(d)) != deepest || deepest == 0)) return false;
  return records == dictCount(d);
}

function checkSegment(d: usize, cell: usize, number: u32, depth: u32): bool {
  const count = Cell.count(cell);
  const buckets = Cell.buckets(cell);
  if (count == 0 || <usize>count * BUCKET > usableSize(buckets)) return false;
  if (count > 1024) return true;
  memory.fill(expected, 0, (<usize>count) << 2);
  let used: u32 = 0;
  for (let index: u32 = 0; index < count; index++) {
    for (let at: u32 = 0; at < WIDTH; at++) {
      const bucket = buckets + <usize>index * BUCKET;
      const tag = <u32>load<u8>(bucket + at);
      if (tag == 0) continue;
      used++;
      const record = load<usize>(bucket + 16 + ((<usize>at) << 2));
      if (dictFind(d, Dict.keyPtr(d, record), load<u32>(record)) != record) return false;
      if (Dict.tag != tag || Dict.bucket != index || Cell.of(d, Dict.position) < cell) return false;
      if (depth > 0) {
        const spare = depth - Cell.depth(cell);
        if ((Dict.position >> (32 - depth)) >> spare != number >> spare) return false;
      }
      let home = Cell.home(Dict.position, Cell.depth(cell), count);
      for (; home != index; home = home + 1 == count ? 0 : home + 1) {
        const place = expected + ((<usize>home) << 2);
        store<u32>(place, load<u32>(place) + 1);
      }
    }
  }
  for (let index: u32 = 0; index < count; index++) {
    const overflow = <u32>load<u8>(buckets + <usize>index * BUCKET, 14);
    if (overflow < OVERFLOW_STUCK && overflow != load<u32>(expected + ((<usize>index) << 2))) {
      return false;
    }
  }
  return used == Cell.used(cell);
}
