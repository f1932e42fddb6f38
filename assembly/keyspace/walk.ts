/**
 * Walking databases: slot by slot, by hash as SCAN does, at random, and to free or to check all there is. The layout
 * of tables and buckets stands in database.ts.
 */
import { Stat, ValueType } from "../abi";
import { free } from "../base/memory";
import { randomBelow } from "../base/random";
import { Stats } from "../base/stats";
import { checkHash } from "../structures/hash-check";
import { NEVER } from "../structures/hash-table";
import { hashNextExpiry } from "../structures/hash-value";
import { checkSet } from "../structures/set-value";
import {
  BUCKET,
  countDatabases,
  Database,
  databaseAt,
  databaseExists,
  fieldTick,
  find,
  Hash,
  OVERFLOW_STUCK,
  SLOT_COUNT,
  SlotTable,
  TAG_MASK,
  WIDTH,
} from "./database";
import { Entry, freeEntry } from "./entry";

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

  static start(table: SlotTable): void {
    SlotWalk.buckets = table.buckets;
    SlotWalk.bucketCount = table.bucketCount;
    SlotWalk.index = 0;
    SlotWalk.bits = table.bucketCount == 0 ? 0 : i8x16.bitmask(v128.load(table.buckets)) & TAG_MASK;
  }

  static next(): usize {
    while (SlotWalk.bits == 0) {
      if (++SlotWalk.index >= SlotWalk.bucketCount) return 0;
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
  const bucketCount = table.bucketCount;
  if (bucketCount == 0) {
    scanNext = 0;
    return 0;
  }
  let index = Hash.home(from, bucketCount);
  const nextStart = (((<u64>(index + 1)) << 32) + bucketCount - 1) / bucketCount;
  const to = index + 1 == bucketCount ? u32.MAX_VALUE : <u32>(nextStart - 1);
  scanNext = index + 1 == bucketCount ? 0 : <u32>nextStart;
  let count: u32 = 0;
  for (let probes: u32 = 0; probes < bucketCount; probes++) {
    const bucket = table.buckets + <usize>index * BUCKET;
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
  // A place at random until one is taken: at least a quarter of a table is, and each key is as likely.
  const table = database.table(randomSlot(database));
  const places = table.bucketCount * WIDTH;
  while (true) {
    const place = randomBelow(places);
    const bucket = table.buckets + <usize>(place / WIDTH) * BUCKET;
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
  let count = table.bucketCount;
  while (count > 0 && freed < budget) {
    count--;
    const bucket = table.buckets + <usize>count * BUCKET;
    let taken = i8x16.bitmask(v128.load(bucket)) & TAG_MASK;
    for (; taken != 0; taken &= taken - 1) {
      freeEntry(load<usize>(bucket + 16 + ((<usize>ctz(taken)) << 2)));
      freed++;
    }
  }
  facts.used -= freed;
  if (facts.used == 0) count = 0;
  Stats.add(Stat.TableMemory, -(<f64>(table.bucketCount - count) * <f64>BUCKET));
  table.bucketCount = count;
  database.keys -= freed;
  const group = database.groups + ((<usize>slot >> 7) << 2);
  store<u32>(group, load<u32>(group) - freed);
  if (count > 0) return freed;
  free(table.buckets);
  table.buckets = 0;
  database.expires -= facts.expires;
  facts.expires = 0;
  const word = database.occupied + ((<usize>slot >> 5) << 2);
  store<u32>(word, load<u32>(word) & ~(1 << (slot & 31)));
  return freed;
}

/** The marks of one table's buckets: which entries expire, and how many were passed on to later buckets. */
function checkBuckets(table: SlotTable): bool {
  const count = table.bucketCount;
  for (let index: u32 = 0; index < count; index++) {
    const bucket = table.buckets + <usize>index * BUCKET;
    let passed: u32 = 0;
    let expiring: u32 = 0;
    for (let at: u32 = 0; at < WIDTH; at++) {
      const tag = <u32>load<u8>(bucket + at);
      if (tag == 0) continue;
      const e = load<usize>(bucket + 16 + ((<usize>at) << 2));
      if (Hash.tag(Hash.of(Entry.keyPtr(e), Entry.keyLength(e))) != tag) return false;
      if (Entry.expires(e)) expiring |= 1 << at;
    }
    if (expiring != <u32>load<u16>(bucket, 12)) return false;
    SlotWalk.start(table);
    for (let e = SlotWalk.next(); count <= 64 && e != 0; e = SlotWalk.next()) {
      const home = Hash.home(Hash.of(Entry.keyPtr(e), Entry.keyLength(e)), count);
      const here = SlotWalk.index;
      // The entry passed this bucket on its way from home to where it stands.
      const distance = here >= home ? here - home : here + count - home;
      const mine = index >= home ? index - home : index + count - home;
      if (mine < distance) passed++;
    }
    const overflow = <u32>load<u8>(bucket, 14);
    if (count <= 64 && overflow < OVERFLOW_STUCK && overflow != passed) return false;
  }
  return true;
}

/** `checkDatabase` of all. */
export function checkDatabases(): bool {
  for (let index: u32 = 0; index < countDatabases(); index++) {
    if (databaseExists(index) && !checkDatabase(databaseAt(index))) return false;
  }
  return true;
}

/** The hash itself, and that slot and database know of the first of its fields to expire. */
function checkHashEntry(database: Database, slot: u32, e: usize): bool {
  if (!checkHash(Entry.encoding(e), Entry.pointer(e))) return false;
  const at = hashNextExpiry(Entry.encoding(e), Entry.pointer(e));
  if (at == NEVER) return true;
  const ofSlot = database.factsOf(slot).fieldExpiry;
  if (ofSlot == 0 || ofSlot > fieldTick(at)) return false;
  return database.fieldExpiry != 0 && database.fieldExpiry <= ofSlot;
}

/** Walks everything: counts, bits, tags, home buckets and the search for each key must agree. */
export function checkDatabase(database: Database): bool {
  let keys: u32 = 0;
  let expires: u32 = 0;
  for (let group: u32 = 0; group < SLOT_COUNT >> 7; group++) {
    let used: u32 = 0;
    for (let at: u32 = 0; at < 128; at++) used += database.factsOf((group << 7) + at).used;
    if (used != load<u32>(database.groups + ((<usize>group) << 2))) return false;
  }
  for (let slot: u32 = 0; slot < SLOT_COUNT; slot++) {
    const table = database.table(slot);
    const facts = database.factsOf(slot);
    const bit = (load<u32>(database.occupied + ((<usize>slot >> 5) << 2)) >> (slot & 31)) & 1;
    if ((bit == 1) != facts.used > 0) return false;
    if ((table.buckets == 0) != (table.bucketCount == 0)) return false;
    let used: u32 = 0;
    let expiring: u32 = 0;
    SlotWalk.start(table);
    for (let e = SlotWalk.next(); e != 0; e = SlotWalk.next()) {
      used++;
      if (Entry.expires(e)) {
        expiring++;
        if (<f64>Entry.expireAt(e) < facts.nextExpiry) return false;
      }
      if (find(database, slot, Entry.keyPtr(e), Entry.keyLength(e)) != e) return false;
      if (Entry.type(e) == <u32>ValueType.Hash && !checkHashEntry(database, slot, e)) return false;
      if (Entry.type(e) == <u32>ValueType.Set && !checkSet(Entry.encoding(e), Entry.pointer(e))) {
        return false;
      }
    }
    if (used != facts.used || expiring != facts.expires) return false;
    if (!checkBuckets(table)) return false;
    keys += used;
    expires += expiring;
  }
  return keys == database.keys && expires == database.expires;
}
