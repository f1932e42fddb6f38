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
 * `dictScan` keep its promise through all resizing, splitting and merging.
 *
 *   table      +0 cell (see below; of a directory: its address, and how far `dictTakeAny` has come)
 *              +8 u32 records   +12 u8 key offset   +13 u8 depth of the directory (0: none)
 *   directory  +0 u32 segments that are as deep as the directory   +8 1 << depth cells
 *   cell       +0 u32 address of the buckets   +4 u32 number of buckets << 8 | depth of the segment
 *   bucket     +0 12 x u8 tag (0: free)   +14 u8 overflow   +16 12 x u32 record
 *   first one  +12 u16 and +15 u8: records of the segment
 *
 * The position is the hash times a number of the table's own: filling a table in the order of another one would
 * otherwise fill it from one end, with long runs of full buckets.
 */
import { bytesEqual } from "../base/bytes";
import { hash32, hashSeed } from "../base/hash";
import { alloc, canAllocate, free, roundedSize, usableSize } from "../base/memory";
import { VERIFY } from "../config";

const HEADER: usize = 16;
export const BUCKET: usize = 64;
export const WIDTH: u32 = 12;
const TAG_MASK: u32 = 0xfff;
/** An overflow count that has come this far stays there. */
export const OVERFLOW_STUCK: u32 = 255;
/** Buckets of the largest segment: 12 KiB, an allocation class. */
const SEGMENT_BUCKETS: u32 = 192;
const SEGMENT_CELLS: u32 = 2304;
/** Records of the smallest segment that is split; twice as many, 7/8 of its places, fill the largest. */
const SEGMENT_LIMIT_MIN: u32 = 1008;
/** Neighbours with no more records than this together become one segment. */
const MERGE_MAX: u32 = 512;
/** 2^20 segments hold more records than 4 GiB can; beyond that, segments may be of any size. */
const DEPTH_MAX: u32 = 20;

/** Most records that one `dictScan` reports: the room its `cells` must have. */
export const DICT_SCAN_MAX: u32 = 4096;

/** Where the last search ended, and other second results. */
export class Dict {
  /** Where `dictNext` goes on. */
  static at: u64 = 0;
  /** Where `dictScan` goes on; 0: all is seen. */
  static cursor: u64 = 0;
  static position: u32 = 0;
  static tag: u32 = 0;
  /** The cell in a bucket that holds the record just found, and the bucket's number. */
  static found: usize = 0;
  static bucket: u32 = 0;
  /** For tests: records put into a bucket so far, new ones and moved ones. */
  static placed: u32 = 0;

  @inline static depth(d: usize): u32 {
    return load<u8>(d, 13);
  }
  @inline static salt(d: usize): u32 {
    return (<u32>(d >> 3) * 0x9e3779b1) | 1;
  }
  @inline static keyPtr(d: usize, record: usize): usize {
    return record + <usize>load<u8>(d, 12);
  }
  /** Notes tag and position of a key, which what follows goes by. */
  @inline static aim(d: usize, key: usize, length: u32): void {
    const hash = hash32(key, <i32>length, hashSeed);
    Dict.tag = (hash & 0x7f) | 0x80;
    Dict.position = hash * Dict.salt(d);
  }
  @inline static positionOf(d: usize, record: usize): u32 {
    return hash32(Dict.keyPtr(d, record), load<i32>(record), hashSeed) * Dict.salt(d);
  }
}

/** Accessors of a segment by its cell in the directory. */
export class Cell {
  @inline static of(d: usize, position: u32): usize {
    const depth = Dict.depth(d);
    if (depth == 0) return d;
    return load<usize>(d) + 8 + ((<usize>(position >> (32 - depth))) << 3);
  }
  /** All cells, in a row. */
  @inline static first(d: usize): usize {
    return Dict.depth(d) == 0 ? d : load<usize>(d) + 8;
  }
  @inline static buckets(cell: usize): usize {
    return load<usize>(cell);
  }
  @inline static count(cell: usize): u32 {
    return load<u32>(cell, 4) >> 8;
  }
  @inline static depth(cell: usize): u32 {
    return load<u8>(cell, 4);
  }
  @inline static set(cell: usize, buckets: usize, count: u32, depth: u32): void {
    store<usize>(cell, buckets);
    store<u32>(cell, (count << 8) | depth, 4);
  }
  @inline static used(cell: usize): u32 {
    const buckets = load<usize>(cell);
    return <u32>load<u16>(buckets, 12) | ((<u32>load<u8>(buckets, 15)) << 16);
  }
  @inline static setUsed(cell: usize, used: u32): void {
    const buckets = load<usize>(cell);
    store<u16>(buckets, <u16>used, 12);
    store<u8>(buckets, <u8>(used >> 16), 15);
  }
  @inline static home(position: u32, depth: u32, count: u32): u32 {
    return <u32>((<u64>(position << depth) * <u64>count) >> 32);
  }
}

/** An empty table; its records' keys begin at `keyOffset` (up to 255). */
export function dictNew(keyOffset: u32): usize {
  const d = alloc(HEADER);
  Cell.set(d, newBuckets(1), 1, 0);
  store<u32>(d, 0, 8);
  store<u32>(d, keyOffset, 12);
  return d;
}

function newBuckets(count: u32): usize {
  const buckets = alloc(<usize>count * BUCKET);
  memory.fill(buckets, 0, <usize>count * BUCKET);
  return buckets;
}

export function dictCount(d: usize): u32 {
  return load<u32>(d, 8);
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

/** Up to 7/8 full; a single bucket may fill up entirely. */
function isFull(cell: usize, used: u32): bool {
  const count = Cell.count(cell);
  return used * 8 >= count * WIDTH * 7 && (count != 1 || used == WIDTH);
}

/**
 * Whether the segment is to be split. Segments of one size would all be split while a table grows by a few per cent, and
 * an insert then would cost ten times as much as before. So each has a limit of its own, by its place, between half of
 * the largest size and that: at any time as many are close to their limit as at any other.
 */
function isLarge(cell: usize, used: u32, position: u32): bool {
  if (used < SEGMENT_LIMIT_MIN) return false;
  const depth = Cell.depth(cell);
  return depth < DEPTH_MAX && used >= limitOf(depth, position);
}

function limitOf(depth: u32, position: u32): u32 {
  const number: u32 = depth == 0 ? 0 : position >> (32 - depth);
  const spread = ((number ^ (depth << 24)) * 0x9e3779b1) >> 24;
  // As evenly in the logarithm as a table grows.
  return (SEGMENT_LIMIT_MIN * 512) / (256 + spread);
}

/** Bytes that the directory takes when the segment is split. */
function growthOf(d: usize, cell: usize): usize {
  const depth = Dict.depth(d);
  return Cell.depth(cell) < depth ? 0 : ((<usize>16) << depth) + 8;
}

/** Writes the record into the first bucket with room, counting overflow on the way. */
function place(cell: usize, record: usize, position: u32, tag: u32): void {
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

/** Buckets that fit the allocation which `count` of them need, but not more than the largest segment has. */
function roundCount(count: u32): u32 {
  const rounded = <u32>(roundedSize(<usize>count * BUCKET) / BUCKET);
  return count <= SEGMENT_BUCKETS ? min(rounded, SEGMENT_BUCKETS) : rounded;
}

/** Buckets for so many records, with room for a quarter more. */
function countFor(records: u32): u32 {
  return roundCount(min((records * 5) / 42 + 1, SEGMENT_BUCKETS));
}

/** As `countFor`, in a segment that will be split at `limit` records: room for all of them, or to grow once before. */
function countUpTo(records: u32, limit: u32): u32 {
  if (limit > records * 2) return countFor(records + (records >> 3));
  return roundCount(min((limit * 2) / 21 + 1, SEGMENT_BUCKETS));
}

function grow(d: usize, position: u32): void {
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

/** Points all cells of the segment that `position` is in at other buckets. */
function setCells(d: usize, position: u32, depth: u32, buckets: usize, count: u32): void {
  const spare = Dict.depth(d) - depth;
  let cell = Cell.of(d, position);
  if (spare > 0) cell = Cell.first(d) + (((((cell - Cell.first(d)) >> 3) >> spare) << spare) << 3);
  for (let copies: u32 = 1 << spare; copies > 0; copies--) {
    Cell.set(cell, buckets, count, depth);
    cell += 8;
  }
}

function resizeSegment(d: usize, position: u32, wanted: u32): void {
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

function addDeepest(d: usize, change: i32): void {
  const directory = load<usize>(d);
  store<u32>(directory, load<u32>(directory) + <u32>change);
}

function newDirectory(depth: u32): usize {
  return alloc(((<usize>8) << depth) + 8);
}

function doubleDirectory(d: usize): void {
  const depth = Dict.depth(d);
  const from = Cell.first(d);
  const directory = newDirectory(depth + 1);
  store<u32>(directory, 0);
  for (let i: usize = 0; i < (<usize>1) << depth; i++) {
    const cell = load<u64>(from + (i << 3));
    store<u64>(directory + 8 + (i << 4), cell);
    store<u64>(directory + 16 + (i << 4), cell);
  }
  if (depth > 0) free(load<usize>(d));
  store<usize>(d, directory);
  store<u32>(d, 0, 4);
  store<u8>(d, <u8>(depth + 1), 13);
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

/** Joins the segment with its neighbour for as long as both together are small. Answers whether it did. */
function merge(d: usize, position: u32): bool {
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

/** No segment is as deep as the directory: half of it will do. */
function halveDirectory(d: usize): void {
  const old = load<usize>(d);
  const depth = Dict.depth(d) - 1;
  store<u8>(d, <u8>depth, 13);
  if (depth == 0) {
    store<u64>(d, load<u64>(old + 8));
    free(old);
    return;
  }
  const directory = newDirectory(depth);
  let deepest: u32 = 0;
  for (let i: usize = 0; i < (<usize>1) << depth; i++) {
    const cell = old + 8 + (i << 4);
    if (Cell.depth(cell) == depth) deepest++;
    store<u64>(directory + 8 + (i << 3), load<u64>(cell));
  }
  store<u32>(directory, deepest);
  store<usize>(d, directory);
  free(old);
}

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
