/**
 * A hash table of records, for members of sets, hashes and sorted sets. A record is an allocation of its owner's:
 * {u32 key length, ..., key bytes at the table's key offset}; the table keeps addresses only.
 *
 * Extendible hashing: a directory, indexed by the top bits of a record's position, of segments that hold up to some
 * 1 000 to 2 000 records, each with a limit of its own. A full segment grows and, at its limit, is split in two; the
 * directory doubles when a segment that has a cell of its own is split. So no insert moves more than one segment's
 * records, and of many inserts in a row few move any, whatever size the table has come to. A small table is a single
 * segment, whose cell stands in the table itself.
 *
 * A segment is a row of 64-byte buckets as in keyspace/database.ts: home bucket by position, 12 tags compared at once,
 * full buckets pass records on and count them. Buckets and segments stand in order of position, which is what lets
 * `dictScan` keep its promise through all resizing, splitting and merging. The layouts are in dict-layout.ts.
 *
 * The position is the hash times a number of the table's own: filling a table in the order of another one would
 * otherwise fill it from one end, with long runs of full buckets.
 */
import { bytesEqual } from "../base/bytes";
import { alloc, canAllocate, free, usableSize } from "../base/memory";
import { growthOf } from "./dict-directory";
import {
  BUCKET,
  Cell,
  Dict,
  dictCount,
  HEADER,
  OVERFLOW_STUCK,
  TAG_MASK,
  WIDTH,
} from "./dict-layout";
import { grow, MERGE_MAX, merge, resizeSegment } from "./dict-resize";
import { isFull, isLarge, newBuckets, place } from "./dict-segment";

/** An empty table; its records' keys begin at `keyOffset` (up to 255). */
export function dictNew(keyOffset: u32): usize {
  const d = alloc(HEADER);
  Cell.set(d, newBuckets(1), 1, 0);
  store<u32>(d, 0, 8);
  store<u32>(d, keyOffset, 12);
  return d;
}

/** The record of the key, or 0. */
export function dictFind(d: usize, key: usize, length: u32): usize {
  Dict.aim(d, key, length);
  const cell = Cell.of(d, Dict.position);
  const count = Cell.count(cell);
  const buckets = Cell.buckets(cell);
  const wanted = i8x16.splat(<i8>Dict.tag);
  let index = Cell.home(Dict.position, Cell.depth(cell), count);
  for (let probes: u32 = 0; probes < count; probes++) {
    const bucket = buckets + <usize>index * BUCKET;
    let matches = <u32>i8x16.bitmask(i8x16.eq(v128.load(bucket), wanted)) & TAG_MASK;
    while (matches != 0) {
      const place = bucket + 16 + ((<usize>ctz(matches)) << 2);
      const record = load<usize>(place);
      if (load<u32>(record) == length && bytesEqual(Dict.keyPtr(d, record), key, length)) {
        Dict.found = place;
        Dict.bucket = index;
        return record;
      }
      matches &= matches - 1;
    }
    if (load<u8>(bucket, 14) == 0) return 0;
    if (++index == count) index = 0;
  }
  return 0;
}

/** Puts another record (of the same key) in the place of the one just found. */
export function dictReplaceFound(_d: usize, record: usize): void {
  store<usize>(Dict.found, record);
}

/** Adds the record of the key that was just searched and not found. */
export function dictInsertSearched(d: usize, record: usize): void {
  let cell = Cell.of(d, Dict.position);
  let used = Cell.used(cell);
  while (isFull(cell, used) || isLarge(cell, used, Dict.position)) {
    // At the end of memory a table goes on as long as it has a free place.
    const room = used < Cell.count(cell) * WIDTH;
    if (room && !canAllocate(<usize>Cell.count(cell) * BUCKET * 2 + growthOf(d, cell))) break;
    grow(d, Dict.position);
    cell = Cell.of(d, Dict.position);
    used = Cell.used(cell);
  }
  place(cell, record, Dict.position, Dict.tag);
  Cell.setUsed(cell, used + 1);
  store<u32>(d, load<u32>(d, 8) + 1, 8);
}

/** Takes the record just found out of the table; it is the caller's then. */
export function dictRemoveFound(d: usize): usize {
  const found = Dict.found;
  const position = Dict.position;
  const record = load<usize>(found);
  const cell = Cell.of(d, position);
  const buckets = Cell.buckets(cell);
  const count = Cell.count(cell);
  const own = buckets + <usize>Dict.bucket * BUCKET;
  store<u8>(own + ((found - own - 16) >> 2), 0);
  let index = Cell.home(position, Cell.depth(cell), count);
  while (index != Dict.bucket) {
    const passed = buckets + <usize>index * BUCKET;
    const overflow = <u32>load<u8>(passed, 14);
    if (overflow < OVERFLOW_STUCK) store<u8>(passed, <u8>(overflow - 1), 14);
    if (++index == count) index = 0;
  }
  const used = Cell.used(cell) - 1;
  Cell.setUsed(cell, used);
  store<u32>(d, load<u32>(d, 8) - 1, 8);
  if (used <= MERGE_MAX && Cell.depth(cell) > 0 && merge(d, position)) return record;
  // Removing must work when memory has run out.
  if (count > 2 && used < count * 3 && canAllocate(<usize>count * BUCKET)) {
    resizeSegment(d, position, (count + 1) >> 1);
  }
  return record;
}

/**
 * Takes any record out, or answers 0. For taking a table apart in slices, in constant time: after the first call
 * nothing else works but this, `dictCount` and `dictFree`.
 */
export function dictTakeAny(d: usize): usize {
  const left = dictCount(d);
  if (left == 0) return 0;
  store<u32>(d, left - 1, 8);
  const depth = Dict.depth(d);
  while (true) {
    const progress: usize = depth == 0 ? 0 : load<u32>(d, 4);
    const cell = Cell.first(d) + (progress << 3);
    for (let count = Cell.count(cell); count > 0; count--) {
      const bucket = Cell.buckets(cell) + <usize>(count - 1) * BUCKET;
      const taken = <u32>i8x16.bitmask(v128.load(bucket)) & TAG_MASK;
      if (taken == 0) continue;
      const at = <usize>ctz(taken);
      store<u8>(bucket + at, 0);
      Cell.set(cell, Cell.buckets(cell), count, Cell.depth(cell));
      return load<usize>(bucket + 16 + (at << 2));
    }
    free(Cell.buckets(cell));
    store<u32>(d, <u32>progress + ((<u32>1) << (depth - Cell.depth(cell))), 4);
  }
}

/** Frees the table without the records; one that is being taken apart, too. */
export function dictFree(d: usize): void {
  const depth = Dict.depth(d);
  const cells = Cell.first(d);
  let number: u32 = depth == 0 ? 0 : load<u32>(d, 4);
  while (number < (<u32>1) << depth) {
    const cell = cells + ((<usize>number) << 3);
    free(Cell.buckets(cell));
    number += (<u32>1) << (depth - Cell.depth(cell));
  }
  if (depth > 0) free(load<usize>(d));
  free(d);
}

/** Bytes of the table, records not counted. */
export function dictBytes(d: usize): usize {
  const depth = Dict.depth(d);
  const cells = Cell.first(d);
  let bytes = usableSize(d);
  if (depth > 0) bytes += usableSize(load<usize>(d));
  let number: u32 = 0;
  while (number < (<u32>1) << depth) {
    const cell = cells + ((<usize>number) << 3);
    bytes += usableSize(Cell.buckets(cell));
    number += (<u32>1) << (depth - Cell.depth(cell));
  }
  return bytes;
}
