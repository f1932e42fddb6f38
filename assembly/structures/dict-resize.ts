/** How the hash table of dict.ts grows and shrinks: its segments are resized, split in two, and merged. */
import { canAllocate, free } from "../base/memory";
import { addDeepest, doubleDirectory, halveDirectory, setCells } from "./dict-directory";
import { BUCKET, Cell, Dict, TAG_MASK } from "./dict-layout";
import {
  countFor,
  countUpTo,
  DEPTH_MAX,
  isLarge,
  limitOf,
  newBuckets,
  place,
  roundCount,
  SEGMENT_BUCKETS,
  SEGMENT_CELLS,
  SEGMENT_LIMIT_MIN,
} from "./dict-segment";

/** Neighbours with no more records than this together become one segment. */
export const MERGE_MAX: u32 = 512;

export function grow(d: usize, position: u32): void {
  const cell = Cell.of(d, position);
  const count = Cell.count(cell);
  const full = count >= SEGMENT_BUCKETS && Cell.depth(cell) < DEPTH_MAX;
  if (full || isLarge(cell, Cell.used(cell), position)) {
    if (Cell.depth(cell) == Dict.depth(d)) doubleDirectory(d);
    split(d, position);
    return;
  }
  const larger = count < 2 ? count + 1 : count + ((count + 1) >> 1);
  if (count >= SEGMENT_BUCKETS) resizeSegment(d, position, larger);
  else if (larger <= SEGMENT_LIMIT_MIN / 12) resizeSegment(d, position, larger);
  else {
    const limit = limitOf(Cell.depth(cell), position);
    resizeSegment(d, position, max(countUpTo(Cell.used(cell), limit), count + 1));
  }
}

export function resizeSegment(d: usize, position: u32, wanted: u32): void {
  const cell = Cell.of(d, position);
  const old = Cell.buckets(cell);
  const oldCount = Cell.count(cell);
  const used = Cell.used(cell);
  const count = roundCount(wanted);
  setCells(d, position, Cell.depth(cell), newBuckets(count), count);
  moveRecords(d, old, oldCount);
  Cell.setUsed(cell, used);
  free(old);
}

/** Puts the records of buckets that the directory has no more where it says now. Does not count them. */
function moveRecords(d: usize, old: usize, oldCount: u32): void {
  for (let index: u32 = 0; index < oldCount; index++) {
    const bucket = old + <usize>index * BUCKET;
    let taken = <u32>i8x16.bitmask(v128.load(bucket)) & TAG_MASK;
    while (taken != 0) {
      const at = <usize>ctz(taken);
      const record = load<usize>(bucket + 16 + (at << 2));
      const position = Dict.positionOf(d, record);
      place(Cell.of(d, position), record, position, load<u8>(bucket + at));
      taken &= taken - 1;
    }
  }
}

/** One segment becomes two; the directory is deep enough. */
function split(d: usize, position: u32): void {
  const cell = Cell.of(d, position);
  const old = Cell.buckets(cell);
  const oldCount = Cell.count(cell);
  const used = Cell.used(cell);
  const depth = Cell.depth(cell) + 1;
  const bit = (<u32>1) << (32 - depth);
  const upper = notePositions(d, old, oldCount, bit);
  const lowerCount = countUpTo(used - upper, limitOf(depth, position & ~bit));
  const upperCount = countUpTo(upper, limitOf(depth, position | bit));
  setCells(d, position & ~bit, depth, newBuckets(lowerCount), lowerCount);
  setCells(d, position | bit, depth, newBuckets(upperCount), upperCount);
  const lowerCell = Cell.of(d, position & ~bit);
  const upperCell = Cell.of(d, position | bit);
  divide(old, oldCount, bit, lowerCell, upperCell);
  Cell.setUsed(lowerCell, used - upper);
  Cell.setUsed(upperCell, upper);
  free(old);
  if (depth == Dict.depth(d)) addDeepest(d, 2);
}

/** Positions of a segment's records, in order of their places. */
const positions: usize = memory.data(2304 * 4, 16);
if (SEGMENT_CELLS != 2304) ERROR("positions must hold those of the largest segment");

/** Fills `positions`; answers how many have the bit. */
function notePositions(d: usize, buckets: usize, count: u32, bit: u32): u32 {
  let upper: u32 = 0;
  let at = positions;
  for (let index: u32 = 0; index < count; index++) {
    const bucket = buckets + <usize>index * BUCKET;
    let taken = <u32>i8x16.bitmask(v128.load(bucket)) & TAG_MASK;
    for (; taken != 0; taken &= taken - 1) {
      const record = load<usize>(bucket + 16 + ((<usize>ctz(taken)) << 2));
      const position = Dict.positionOf(d, record);
      if ((position & bit) != 0) upper++;
      store<u32>(at, position);
      at += 4;
    }
  }
  return upper;
}

/** Puts records, whose positions are noted, into the one segment or the other. */
function divide(buckets: usize, count: u32, bit: u32, lower: usize, upper: usize): void {
  let at = positions;
  for (let index: u32 = 0; index < count; index++) {
    const bucket = buckets + <usize>index * BUCKET;
    let taken = <u32>i8x16.bitmask(v128.load(bucket)) & TAG_MASK;
    for (; taken != 0; taken &= taken - 1) {
      const column = <usize>ctz(taken);
      const position = load<u32>(at);
      const record = load<usize>(bucket + 16 + (column << 2));
      place((position & bit) != 0 ? upper : lower, record, position, load<u8>(bucket + column));
      at += 4;
    }
  }
}

/** Joins the segment with its neighbour for as long as both together are small. Answers whether it did. */
export function merge(d: usize, position: u32): bool {
  let merged = false;
  while (true) {
    const cell = Cell.of(d, position);
    const depth = Cell.depth(cell);
    if (depth == 0) return merged;
    const other = position ^ ((<u32>1) << (32 - depth));
    const neighbour = Cell.of(d, other);
    const used = Cell.used(cell) + Cell.used(neighbour);
    if (Cell.depth(neighbour) != depth || used > MERGE_MAX) return merged;
    const count = countFor(used);
    if (!canAllocate(<usize>count * BUCKET + ((<usize>8) << Dict.depth(d)))) return merged;
    const mine = Cell.buckets(cell);
    const mineCount = Cell.count(cell);
    const its = Cell.buckets(neighbour);
    const itsCount = Cell.count(neighbour);
    setCells(d, position, depth - 1, newBuckets(count), count);
    moveRecords(d, mine, mineCount);
    moveRecords(d, its, itsCount);
    Cell.setUsed(Cell.of(d, position), used);
    free(mine);
    free(its);
    merged = true;
    if (depth == Dict.depth(d)) {
      addDeepest(d, -2);
      while (Dict.depth(d) > 0 && load<u32>(load<usize>(d)) == 0) halveDirectory(d);
    }
  }
}
