/**
 * The hash table of one slot: a row of 64-byte buckets, one cache line each, 12 entries wide; one SIMD compare probes a
 * bucket. An entry's home bucket is hash * buckets >> 32, so buckets stand in order of hash; that lets the
 * number of buckets be any number (growth by half, not by two) and lets SCAN walk in hash order, whatever
 * resizing happens in between. A full bucket passes entries on to the next one and counts them in its
 * overflow byte; a search stops at the first bucket that never overflowed (as in F14).
 *
 *   bucket   +0 12 x u8 tag (0: free)   +12 u16 which entries expire   +14 u8 overflow   +15 unused
 *            +16 12 x u32 address of the entry
 *
 * A table of more than some hundred buckets is not resized at once: it has two rows of buckets for a while. As both are
 * in order of hash, one hash divides them: what lies below stands in the fresh row, the rest still in the old one, and a
 * search looks into one of them only. Each insertion and removal moves the keys of one old bucket, and so do slices of
 * idle time (Redis moves a dict's buckets likewise, though by their numbers).
 */
import { Stat } from "../abi";
import { hash32, hashSeed } from "../base/hash";
import { alloc, free } from "../base/memory";
import { Stats } from "../base/stats";
import { Entry } from "./entry";
import { Walks } from "./expiry-walk";

/** Bytes of a bucket, entries in it, and the bits of their tags in a SIMD comparison. */
export const BUCKET: u32 = 64;
export const WIDTH: u32 = 12;
export const TAG_MASK: i32 = 0xfff;
/** An overflow count that has come this far stays there. */
export const OVERFLOW_STUCK: u32 = 255;

/** Tables of up to so many buckets are resized at once, which takes some hundred microseconds at most. */
const AT_ONCE_MAX: u32 = 512;

const INTEREST_MASK: usize = 63;
/** A count of buckets from here on: the table has two rows, and `place` is the address of its `TableMove`. */
export const MOVING: u32 = 0x80000000;

export class Hash {
  @inline static of(key: usize, length: u32): u32 {
    return hash32(key, <i32>length, hashSeed);
  }
  @inline static ofEntry(e: usize): u32 {
    return Hash.of(Entry.keyPtr(e), Entry.keyLength(e));
  }
  @inline static home(hash: u32, bucketCount: u32): u32 {
    return <u32>((<u64>hash * <u64>bucketCount) >> 32);
  }
  /** The first hash whose home is behind the bucket of that number; 2^32 behind the last. */
  @inline static behind(index: u32, bucketCount: u32): u64 {
    return (((<u64>index + 1) << 32) + bucketCount - 1) / bucketCount;
  }
  @inline static tag(hash: u32): u32 {
    return (hash & 0x7f) | 0x80;
  }
}

/*
 *  SlotTable, 8 bytes: one per slot, in a row. What a search needs and no more, so that all tables of a database
 *  (128 KiB) stay in the cache, where one more miss would cost a GET as much as all its other work.
 */
@unmanaged
export class SlotTable {
  /** Address of the buckets, which leaves its low six bits free for `Interest`. */
  place: usize;
  /** How many; 0: none; from `MOVING` on: there are two rows. */
  bucketCount: u32;

  @inline get buckets(): usize {
    return this.place & ~INTEREST_MASK;
  }
  @inline set buckets(ptr: usize) {
    this.place = ptr | (this.place & INTEREST_MASK);
  }
  /** `Interest` bits: who wants to know before a key of this slot changes. */
  @inline get interest(): u32 {
    return <u32>(this.place & INTEREST_MASK);
  }
  @inline set interest(bits: u32) {
    this.place = (this.place & ~INTEREST_MASK) | <usize>bits;
  }
  @inline get isMoving(): bool {
    return this.bucketCount >= MOVING;
  }
  /** Of a table with two rows. */
  @inline get move(): TableMove {
    return changetype<TableMove>(this.buckets);
  }
  /** Buckets that have been allocated, in one row or two. */
  get allBuckets(): u32 {
    if (!this.isMoving) return this.bucketCount;
    return this.move.oldCount + this.move.freshCount;
  }

  // All buckets that may hold entries, in one row of numbers: the old ones come first. An entry that a walk in this order
  // has not met yet may be moved while the walk rests, but only to a bucket that it still has to come to.

  get walkCount(): u32 {
    if (!this.isMoving) return this.bucketCount;
    return this.move.oldCount + this.move.cleared;
  }
  bucketAt(index: u32): usize {
    if (!this.isMoving) return this.buckets + <usize>index * BUCKET;
    const move = this.move;
    if (index < move.oldCount) return move.old + <usize>index * BUCKET;
    return move.fresh + <usize>(index - move.oldCount) * BUCKET;
  }
}
if (offsetof<SlotTable>() != 8) ERROR("SlotTable must be 8 bytes");

/*
 *  TableMove, 40 bytes (64 are allocated: its address has room for `Interest`): a table on its way into another row
 */
@unmanaged
export class TableMove {
  old: usize;
  oldCount: u32;
  /** So many old buckets are done: no entry whose home they were stands in the old row. */
  moved: u32;
  fresh: usize;
  freshCount: u32;
  /** Fresh buckets behind these have never been touched; clearing all at once would take long, too. */
  cleared: u32;
  /** The `SlotTable`. */
  table: usize;
  /** Of all moves under way. */
  next: usize;
  previous: usize;

  @inline isMoved(hash: u32): bool {
    return Hash.home(hash, this.oldCount) < this.moved;
  }
}
const MOVE_BYTES: usize = 64;
if (offsetof<TableMove>() > 64) ERROR("TableMove must fit in 64 bytes");

/** The first move under way, or 0. */
let firstMove: usize = 0;

/** Bytes of the largest table there has been: what a write may suddenly need to make it larger still. */
export let largestTable: usize = 0;

/** What resizing to so many buckets may take of the memory; a move also needs a page for its record. */
export function resizeBytes(bucketCount: u32): usize {
  return <usize>bucketCount * BUCKET + 4096;
}

/** Writes the entry into the first bucket with room, counting overflow on the way. */
function put(buckets: usize, bucketCount: u32, e: usize, hash: u32): void {
  let index = Hash.home(hash, bucketCount);
  const zero = i8x16.splat(0);
  while (true) {
    const bucket = buckets + <usize>index * BUCKET;
    const free = i8x16.bitmask(i8x16.eq(v128.load(bucket), zero)) & TAG_MASK;
    if (free != 0) {
      const at = <u32>ctz(free);
      store<u8>(bucket + at, <u8>Hash.tag(hash));
      store<usize>(bucket + 16 + ((<usize>at) << 2), e);
      if (Entry.expires(e)) store<u16>(bucket, <u16>(<u32>load<u16>(bucket, 12) | (1 << at)), 12);
      return;
    }
    const overflow = <u32>load<u8>(bucket, 14);
    if (overflow < OVERFLOW_STUCK) store<u8>(bucket, <u8>(overflow + 1), 14);
    if (++index == bucketCount) index = 0;
  }
}

/** Adds an entry to a table that has room for it. */
export function place(table: SlotTable, e: usize, hash: u32): void {
  if (!table.isMoving) {
    put(table.buckets, table.bucketCount, e, hash);
    return;
  }
  const move = table.move;
  if (move.isMoved(hash)) putFresh(move, e, hash);
  else put(move.old, move.oldCount, e, hash);
}

function putFresh(move: TableMove, e: usize, hash: u32): void {
  let index = Hash.home(hash, move.freshCount);
  const zero = i8x16.splat(0);
  while (true) {
    clearFresh(move, index + 1);
    const bucket = move.fresh + <usize>index * BUCKET;
    if ((i8x16.bitmask(i8x16.eq(v128.load(bucket), zero)) & TAG_MASK) != 0) break;
    if (++index == move.freshCount) index = 0;
  }
  put(move.fresh, move.freshCount, e, hash);
}

/** At least `count` fresh buckets are ready for use. */
function clearFresh(move: TableMove, count: u32): void {
  const cleared = move.cleared;
  if (count <= cleared) return;
  memory.fill(move.fresh + <usize>cleared * BUCKET, 0, <usize>(count - cleared) * BUCKET);
  move.cleared = count;
}

/** The overflow counts of the buckets that an entry passed on its way from `home` to where it stood. */
function uncountOverflow(buckets: usize, bucketCount: u32, home: u32, stood: u32): void {
  for (let index = home; index != stood; ) {
    const passed = buckets + <usize>index * BUCKET;
    const overflow = <u32>load<u8>(passed, 14);
    if (overflow < OVERFLOW_STUCK) store<u8>(passed, <u8>(overflow - 1), 14);
    if (++index == bucketCount) index = 0;
  }
}

/** Takes an entry out of the bucket that it stands in, place `at`. The mark of its expiry is the caller's. */
export function unplace(table: SlotTable, bucket: usize, at: u32, hash: u32): void {
  store<u8>(bucket + at, 0);
  let buckets = table.buckets;
  let bucketCount = table.bucketCount;
  if (table.isMoving) {
    const move = table.move;
    const moved = move.isMoved(hash);
    buckets = moved ? move.fresh : move.old;
    bucketCount = moved ? move.freshCount : move.oldCount;
  }
  const stood = <u32>((bucket - buckets) / BUCKET);
  uncountOverflow(buckets, bucketCount, Hash.home(hash, bucketCount), stood);
}

/** Gives the table another number of buckets: at once, or by a move that begins now. There is memory for it. */
export function resizeTable(table: SlotTable, bucketCount: u32): void {
  const bytes = <usize>bucketCount * BUCKET;
  if (bytes > largestTable) largestTable = bytes;
  if (table.bucketCount > AT_ONCE_MAX) {
    beginMove(table, bucketCount);
    return;
  }
  Walks.forget(changetype<usize>(table));
  const old = table.buckets;
  const oldCount = table.bucketCount;
  const buckets = alloc(bytes);
  memory.fill(buckets, 0, bytes);
  table.buckets = buckets;
  table.bucketCount = bucketCount;
  Stats.add(Stat.TableMemory, <f64>bytes - <f64>oldCount * <f64>BUCKET);
  for (let index: u32 = 0; index < oldCount; index++) {
    const bucket = old + <usize>index * BUCKET;
    let taken = i8x16.bitmask(v128.load(bucket)) & TAG_MASK;
    while (taken != 0) {
      const e = load<usize>(bucket + 16 + ((<usize>ctz(taken)) << 2));
      put(buckets, bucketCount, e, Hash.ofEntry(e));
      taken &= taken - 1;
    }
  }
  free(old);
}

function beginMove(table: SlotTable, bucketCount: u32): void {
  const move = changetype<TableMove>(alloc(MOVE_BYTES));
  move.old = table.buckets;
  move.oldCount = table.bucketCount;
  move.moved = 0;
  move.fresh = alloc(<usize>bucketCount * BUCKET);
  move.freshCount = bucketCount;
  move.cleared = 0;
  move.table = changetype<usize>(table);
  move.previous = 0;
  move.next = firstMove;
  if (firstMove != 0) changetype<TableMove>(firstMove).previous = changetype<usize>(move);
  firstMove = changetype<usize>(move);
  table.buckets = changetype<usize>(move);
  table.bucketCount = MOVING;
  Stats.add(Stat.TableMemory, <f64>bucketCount * <f64>BUCKET);
}

/** The move is over, and `table` has one row of buckets from now on; the other one is freed. */
function endMove(table: SlotTable, isDone: bool): void {
  const move = table.move;
  table.buckets = isDone ? move.fresh : move.old;
  table.bucketCount = isDone ? move.freshCount : move.oldCount;
  const gone = isDone ? move.oldCount : move.freshCount;
  free(isDone ? move.old : move.fresh);
  Stats.add(Stat.TableMemory, -(<f64>gone * <f64>BUCKET));
  if (isDone) Walks.skip(changetype<usize>(table), gone);
  if (move.previous != 0) changetype<TableMove>(move.previous).next = move.next;
  else firstMove = move.next;
  if (move.next != 0) changetype<TableMove>(move.next).previous = move.previous;
  free(changetype<usize>(move));
}

/**
 * Moves the entries whose home is the next old bucket; they stand there or, where it overflowed, in the buckets behind.
 * Before that, all fresh buckets are cleared that these hashes have their home in.
 */
export function goOnMoving(table: SlotTable): void {
  const move = table.move;
  const home = move.moved;
  const last = <u32>(Hash.behind(home, move.oldCount) - 1);
  clearFresh(move, Hash.home(last, move.freshCount) + 1);
  let index = home;
  for (let probes: u32 = 0; probes < move.oldCount; probes++) {
    const bucket = move.old + <usize>index * BUCKET;
    const overflow = <u32>load<u8>(bucket, 14);
    moveFrom(move, bucket, home, index);
    if (overflow == 0) break;
    if (++index == move.oldCount) index = 0;
  }
  move.moved = home + 1;
  if (move.moved == move.oldCount) endMove(table, true);
}

/** Moves the bucket's entries that have their home in the bucket number `home`. */
function moveFrom(move: TableMove, bucket: usize, home: u32, index: u32): void {
  let taken = i8x16.bitmask(v128.load(bucket)) & TAG_MASK;
  for (; taken != 0; taken &= taken - 1) {
    const at = <u32>ctz(taken);
    const e = load<usize>(bucket + 16 + ((<usize>at) << 2));
    const hash = Hash.ofEntry(e);
    if (Hash.home(hash, move.oldCount) != home) continue;
    store<u8>(bucket + at, 0);
    store<u16>(bucket, <u16>(<u32>load<u16>(bucket, 12) & ~((<u32>1) << at)), 12);
    uncountOverflow(move.old, move.oldCount, home, index);
    putFresh(move, e, hash);
  }
}

/** Goes on with moves under way, some old buckets of them. Answers 1 while there are any. */
export function moveTables(budget: u32): u32 {
  for (let left = budget; left > 0 && firstMove != 0; left--) {
    goOnMoving(changetype<SlotTable>(changetype<TableMove>(firstMove).table));
  }
  return firstMove == 0 ? 0 : 1;
}

/** A table of one row, of which only the first `bucketCount` buckets still hold entries. */
export function shortenTable(table: SlotTable, bucketCount: u32): void {
  Stats.add(Stat.TableMemory, -(<f64>(table.bucketCount - bucketCount) * <f64>BUCKET));
  table.bucketCount = bucketCount;
  if (bucketCount > 0) return;
  free(table.buckets);
  table.buckets = 0;
}

/** A table of two rows, the fresh one of which holds entries in its first `cleared` buckets only. */
export function shortenFresh(table: SlotTable, cleared: u32): void {
  table.move.cleared = cleared;
  if (cleared == 0) endMove(table, false);
}

/** Frees the buckets of a table without entries. */
export function dropTable(table: SlotTable): void {
  if (table.isMoving) endMove(table, true);
  shortenTable(table, 0);
}
