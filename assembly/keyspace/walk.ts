/**
 * Walking databases: slot by slot, by hash as SCAN does, at random, and to free all there is. The layout
 * of tables and buckets stands in slot-table.ts.
 */
import { randomBelow } from "../base/random";
import { Database, SLOT_COUNT } from "./database";
import { Entry, freeEntry } from "./entry";
import {
  BUCKET,
  Hash,
  SlotTable,
  shortenFresh,
  shortenTable,
  TAG_MASK,
  TableMove,
  WIDTH,
} from "./slot-table";

/** The first slot from `slot` on that holds keys, or `SLOT_COUNT`. */
export function nextOccupied(database: Database, slot: u32): u32 {
  if (slot >= SLOT_COUNT) return SLOT_COUNT;
  let word = slot >> 5;
  let bits = load<u32>(database.occupied + ((<usize>word) << 2)) & (~0 << (slot & 31));
  while (bits == 0) {
    if (++word == SLOT_COUNT >> 5) return SLOT_COUNT;
    bits = load<u32>(database.occupied + ((<usize>word) << 2));
  }
  return (word << 5) + <u32>ctz(bits);
}

/** Walks the entries of one slot: `start`, then `next` until it answers 0. The table must not change meanwhile. */
export class SlotWalk {
  static buckets: usize = 0;
  static bucketCount: u32 = 0;
  static index: u32 = 0;
  static bits: i32 = 0;
  /** The `TableMove` whose fresh buckets come behind these; 0: none do. */
  static rest: usize = 0;

  static start(table: SlotTable): void {
    if (table.isMoving) {
      const move = table.move;
      SlotWalk.startRow(move.old, move.oldCount, changetype<usize>(move));
    } else SlotWalk.startRow(table.buckets, table.bucketCount, 0);
  }

  private static startRow(buckets: usize, bucketCount: u32, rest: usize): void {
    SlotWalk.buckets = buckets;
    SlotWalk.bucketCount = bucketCount;
    SlotWalk.index = 0;
    SlotWalk.bits = bucketCount == 0 ? 0 : i8x16.bitmask(v128.load(buckets)) & TAG_MASK;
    SlotWalk.rest = rest;
  }

  static next(): usize {
    while (SlotWalk.bits == 0) {
      if (++SlotWalk.index >= SlotWalk.bucketCount) {
        if (SlotWalk.rest == 0) return 0;
        const move = changetype<TableMove>(SlotWalk.rest);
        SlotWalk.startRow(move.fresh, move.cleared, 0);
        continue;
      }
      const bucket = SlotWalk.buckets + <usize>SlotWalk.index * BUCKET;
      SlotWalk.bits = i8x16.bitmask(v128.load(bucket)) & TAG_MASK;
    }
    const at = <usize>ctz(SlotWalk.bits);
    SlotWalk.bits &= SlotWalk.bits - 1;
    return load<usize>(SlotWalk.buckets + <usize>SlotWalk.index * BUCKET + 16 + (at << 2));
  }
}

/** Collects into `cells` (u32 each) the entries of the bucket whose hash lies in [from, to]; answers how many. */
function collectRange(bucket: usize, from: u32, to: u32, cells: usize, count: u32): u32 {
  let taken = i8x16.bitmask(v128.load(bucket)) & TAG_MASK;
  while (taken != 0) {
    const e = load<usize>(bucket + 16 + ((<usize>ctz(taken)) << 2));
    const hash = Hash.of(Entry.keyPtr(e), Entry.keyLength(e));
    if (hash >= from && hash <= to) {
      store<usize>(cells + ((<usize>count) << 2), e);
      count++;
    }
    taken &= taken - 1;
  }
  return count;
}

/** Most entries that `scanBucket` may report; a home bucket's entries may be spread over later ones. */
export const SCAN_MAX: u32 = 4096;

/**
 * Entries of the slot whose home bucket is the one that hash `from` falls in, with a hash of at least `from`, into
 * `cells`. Sets the hash where the next call goes on, or 0 when the slot is finished. As hashes never
 * change, an entry that stays is seen whatever the table's size does between calls.
 */
export function scanBucket(table: SlotTable, from: u32, cells: usize): u32 {
  let buckets = table.buckets;
  let bucketCount = table.bucketCount;
  if (bucketCount == 0) {
    scanNext = 0;
    return 0;
  }
  let end: u64 = (<u64>1) << 32;
  if (table.isMoving) {
    const move = table.move;
    const moved = move.isMoved(from);
    buckets = moved ? move.fresh : move.old;
    bucketCount = moved ? move.freshCount : move.oldCount;
    if (moved) end = Hash.behind(move.moved - 1, move.oldCount);
  }
  let index = Hash.home(from, bucketCount);
  end = min<u64>(end, Hash.behind(index, bucketCount));
  const to = <u32>(end - 1);
  // Behind the last hash this is 0.
  scanNext = <u32>end;
  let count: u32 = 0;
  for (let probes: u32 = 0; probes < bucketCount; probes++) {
    const bucket = buckets + <usize>index * BUCKET;
    if (count + WIDTH > SCAN_MAX) return count;
    count = collectRange(bucket, from, to, cells, count);
    if (load<u8>(bucket, 14) == 0) break;
    if (++index == bucketCount) index = 0;
  }
  return count;
}

/** Where the next `scanBucket` of the slot begins; 0: the slot is finished. */
export let scanNext: u32 = 0;

/** A slot picked at random, by its share of the keys; the database must have some. */
export function randomSlot(database: Database): u32 {
  let rank = randomBelow(database.keys);
  let group: u32 = 0;
  while (true) {
    const keys = load<u32>(database.groups + ((<usize>group) << 2));
    if (rank < keys) break;
    rank -= keys;
    group++;
  }
  let slot = group << 7;
  while (rank >= database.factsOf(slot).used) {
    rank -= database.factsOf(slot).used;
    slot++;
  }
  return slot;
}

/** A key picked at random, or 0: a slot, then a place in its table. */
export function randomEntry(database: Database): usize {
  if (database.keys == 0) return 0;
  // A place at random until one is taken: an eighth of a table is in any case, and each key is as likely.
  const table = database.table(randomSlot(database));
  const places = table.walkCount * WIDTH;
  while (true) {
    const place = randomBelow(places);
    const bucket = table.bucketAt(place / WIDTH);
    const at = <usize>(place % WIDTH);
    if (load<u8>(bucket + at) != 0) return load<usize>(bucket + 16 + (at << 2));
  }
}

/** Frees about `budget` entries of a database that nobody sees any more; answers how many. */
export function freeSome(database: Database, budget: u32): u32 {
  let freed: u32 = 0;
  let slot = nextOccupied(database, 0);
  while (slot < SLOT_COUNT && freed < budget) {
    freed += freeBuckets(database, slot, budget - freed);
    slot = nextOccupied(database, slot);
  }
  return freed;
}

/** Frees entries of the slot, the last buckets first; and its table with the last of them. */
function freeBuckets(database: Database, slot: u32, budget: u32): u32 {
  const table = database.table(slot);
  const facts = database.factsOf(slot);
  let freed: u32 = 0;
  const old: u32 = table.isMoving ? table.move.oldCount : 0;
  let count = table.walkCount;
  while (count > old && freed < budget) {
    count--;
    const bucket = table.bucketAt(count);
    let taken = i8x16.bitmask(v128.load(bucket)) & TAG_MASK;
    for (; taken != 0; taken &= taken - 1) {
      freeEntry(load<usize>(bucket + 16 + ((<usize>ctz(taken)) << 2)));
      freed++;
    }
  }
  facts.used -= freed;
  if (table.isMoving) shortenFresh(table, count - old);
  else shortenTable(table, facts.used == 0 ? 0 : count);
  database.keys -= freed;
  const group = database.groups + ((<usize>slot >> 7) << 2);
  store<u32>(group, load<u32>(group) - freed);
  if (table.bucketCount > 0) return freed;
  database.expires -= facts.expires;
  facts.expires = 0;
  const word = database.occupied + ((<usize>slot >> 5) << 2);
  store<u32>(word, load<u32>(word) & ~(1 << (slot & 31)));
  return freed;
}
