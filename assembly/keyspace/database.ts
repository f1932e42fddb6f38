/**
 * A database: 16 384 small hash tables, one per hash slot, in standalone mode too.
 *
 * A slot's table is a row of 64-byte buckets, one cache line each, 12 entries wide; one SIMD compare probes a
 * bucket. An entry's home bucket is hash * buckets >> 32, so buckets stand in order of hash; that lets the
 * number of buckets be any number (growth by half, not by two) and lets SCAN walk in hash order, whatever
 * resizing happens in between. A full bucket passes entries on to the next one and counts them in its
 * overflow byte; a search stops at the first bucket that never overflowed (as in F14).
 *
 *   bucket   +0 12 x u8 tag (0: free)   +12 u16 which entries expire   +14 u8 overflow   +15 unused
 *            +16 12 x u32 address of the entry
 */

import { Stat } from "../abi";
import { bytesEqual } from "../base/bytes";
import { hash32 } from "../base/hash";
import { alloc, canAllocate, free } from "../base/memory";
import { Stats } from "../base/stats";
import { Entry, freeEntry } from "./entry";

export const SLOT_COUNT: u32 = 16384;
const BUCKET: u32 = 64;
const WIDTH: u32 = 12;
const TAG_MASK: i32 = 0xfff;
const OVERFLOW_STUCK: u32 = 255;

/*
 *  SlotTable, 32 bytes: one per slot, in a row
 */
@unmanaged
export class SlotTable {
  buckets: usize;
  bucketCount: u32;
  used: u32;
  expires: u32;
  /** No entry of the slot expires before this time (a lower bound; ms). */
  nextExpiry: f64;
  /** `Interest` bits: who wants to know before a key of this slot changes. */
  interest: u32;
  /** First watched key of the slot; see watch.ts. */
  watchers: usize;
}
if (offsetof<SlotTable>() != 32) ERROR("SlotTable must be 32 bytes");

const TABLES_BYTES: usize = 16384 * 32;
const OCCUPIED_BYTES: usize = 2048;
const GROUPS_BYTES: usize = 512;

/*
 *  Database, 48 bytes, followed in the same allocation by: slot tables, occupancy bits, keys per group of 128 slots
 */
@unmanaged
export class Database {
  index: u32;
  keys: u32;
  expires: u32;
  tables: usize;
  /** One bit per slot that holds keys. */
  occupied: usize;
  /** u32 per 128 slots: how many keys, for picking at random. */
  groups: usize;
  /** Sums for the average time to live, from the expiry cycle (ms). */
  averageTtl: f64;
  unused: f64;

  @inline table(slot: u32): SlotTable {
    return changetype<SlotTable>(this.tables + ((<usize>slot) << 5));
  }
}

let databaseCount: u32 = 0;
let databases: usize = 0;
let hashSeed: u64 = 0;

export function initDatabases(count: u32, seed: u64): void {
  databaseCount = count;
  hashSeed = seed;
  databases = alloc((<usize>count) << 2);
  memory.fill(databases, 0, (<usize>count) << 2);
}

export function countDatabases(): u32 {
  return databaseCount;
}

/** The database with that index, made when it is first asked for; the caller has checked the index and memory. */
export function databaseAt(index: u32): Database {
  const cell = databases + ((<usize>index) << 2);
  const known = load<usize>(cell);
  if (known != 0) return changetype<Database>(known);
  const made = newDatabase(index);
  store<usize>(cell, changetype<usize>(made));
  return made;
}

/** Whether the database was ever used (0: it is empty). */
export function databaseExists(index: u32): bool {
  return index < databaseCount && load<usize>(databases + ((<usize>index) << 2)) != 0;
}

export function databaseBytes(): usize {
  return offsetof<Database>() + TABLES_BYTES + OCCUPIED_BYTES + GROUPS_BYTES;
}

function newDatabase(index: u32): Database {
  const bytes = databaseBytes();
  const ptr = alloc(bytes);
  memory.fill(ptr, 0, bytes);
  Stats.add(Stat.TableMemory, <f64>bytes);
  const database = changetype<Database>(ptr);
  database.index = index;
  database.tables = ptr + offsetof<Database>();
  database.occupied = database.tables + TABLES_BYTES;
  database.groups = database.occupied + OCCUPIED_BYTES;
  return database;
}

/** SWAPDB: what was database `a` is `b` from now on. */
export function swapDatabases(a: u32, b: u32): void {
  const first = databaseAt(a);
  const second = databaseAt(b);
  first.index = b;
  second.index = a;
  store<usize>(databases + ((<usize>a) << 2), changetype<usize>(second));
  store<usize>(databases + ((<usize>b) << 2), changetype<usize>(first));
}

/** Puts an empty database in the place of `database`, which the caller owns from now on. */
export function replaceDatabase(database: Database): Database {
  const fresh = newDatabase(database.index);
  store<usize>(databases + ((<usize>database.index) << 2), changetype<usize>(fresh));
  return fresh;
}

export function freeDatabase(database: Database): void {
  Stats.add(Stat.TableMemory, -(<f64>databaseBytes()));
  free(changetype<usize>(database));
}

// Finding. The last search leaves where it ended, so that insert, replace and remove need no second one.

/** Address of the cell (in a bucket) that holds the found entry. */
let foundCell: usize = 0;
let foundBucket: u32 = 0;
let foundIndex: u32 = 0;
let searchHash: u32 = 0;

export class Hash {
  @inline static of(key: usize, length: u32): u32 {
    return hash32(key, <i32>length, hashSeed);
  }
  @inline static home(hash: u32, bucketCount: u32): u32 {
    return <u32>((<u64>hash * <u64>bucketCount) >> 32);
  }
  @inline static tag(hash: u32): u32 {
    return (hash & 0x7f) | 0x80;
  }
}

/** Slot and hash of the argument at `key`, where they were computed ahead (lookahead.ts); 0: of none. */
export class Known {
  static key: usize = 0;
  static slot: u32 = 0;
  static hash: u32 = 0;
}

/** Address of the home bucket of a hash, or 0; reads the slot's table only. */
export function touchBucket(database: Database, slot: u32, hash: u32): usize {
  const table = database.table(slot);
  const bucketCount = table.bucketCount;
  if (bucketCount == 0) return 0;
  return table.buckets + <usize>Hash.home(hash, bucketCount) * BUCKET;
}

/** Reads the entry that a search in the bucket would look at first, so that it is in the cache. */
export function touchEntry(bucket: usize, hash: u32): u32 {
  const wanted = i8x16.splat(<i8>Hash.tag(hash));
  const matches = i8x16.bitmask(i8x16.eq(v128.load(bucket), wanted)) & TAG_MASK;
  if (matches == 0) return 0;
  return load<u32>(load<usize>(bucket + 16 + ((<usize>ctz(matches)) << 2)));
}

/** The entry of the key, expired or not, or 0. */
export function find(database: Database, slot: u32, key: usize, length: u32): usize {
  const hash = key == Known.key ? Known.hash : Hash.of(key, length);
  searchHash = hash;
  const table = database.table(slot);
  const bucketCount = table.bucketCount;
  if (bucketCount == 0) return 0;
  const wanted = i8x16.splat(<i8>Hash.tag(hash));
  let index = Hash.home(hash, bucketCount);
  for (let probes: u32 = 0; probes < bucketCount; probes++) {
    const bucket = table.buckets + <usize>index * BUCKET;
    let matches = i8x16.bitmask(i8x16.eq(v128.load(bucket), wanted)) & TAG_MASK;
    while (matches != 0) {
      const at = <u32>ctz(matches);
      const cell = bucket + 16 + ((<usize>at) << 2);
      const e = load<usize>(cell);
      if (Entry.keyLength(e) == length && bytesEqual(Entry.keyPtr(e), key, length)) {
        foundCell = cell;
        foundBucket = index;
        foundIndex = at;
        return e;
      }
      matches &= matches - 1;
    }
    if (load<u8>(bucket, 14) == 0) return 0;
    if (++index == bucketCount) index = 0;
  }
  return 0;
}

/** Puts a reshaped entry in the place of the one just found; keeps the slot's count of expiring keys. */
export function replaceFound(database: Database, slot: u32, e: usize): void {
  store<usize>(foundCell, e);
  const maskPtr = foundCell - 16 - ((<usize>foundIndex) << 2) + 12;
  const bit = (<u32>1) << foundIndex;
  const mask = <u32>load<u16>(maskPtr);
  const had = (mask & bit) != 0;
  const has = Entry.expires(e);
  if (has) noteExpiry(database.table(slot), Entry.expireAt(e));
  if (had == has) return;
  store<u16>(maskPtr, <u16>(mask ^ bit));
  const change: u32 = has ? 1 : -1;
  database.table(slot).expires += change;
  database.expires += change;
}

function noteExpiry(table: SlotTable, expireAt: i64): void {
  const at = <f64>expireAt;
  if (table.expires == 0 || at < table.nextExpiry) table.nextExpiry = at;
}

/** Adds the entry of the key that was just searched and not found. */
export function insertSearched(database: Database, slot: u32, e: usize): void {
  const table = database.table(slot);
  const count = table.bucketCount;
  const used = table.used;
  // Up to 7/8 full; a single bucket may fill up entirely.
  if (used * 8 >= count * WIDTH * 7 && (count != 1 || used == WIDTH)) {
    resizeTable(table, largerCount(count));
  }
  place(table, e, searchHash);
  table.used = used + 1;
  database.keys++;
  const group = database.groups + ((<usize>slot >> 7) << 2);
  store<u32>(group, load<u32>(group) + 1);
  if (used == 0) {
    const word = database.occupied + ((<usize>slot >> 5) << 2);
    store<u32>(word, load<u32>(word) | (1 << (slot & 31)));
  }
  if (Entry.expires(e)) {
    noteExpiry(table, Entry.expireAt(e));
    table.expires++;
    database.expires++;
  }
}

function largerCount(count: u32): u32 {
  if (count < 2) return count + 1;
  return count + ((count + 1) >> 1);
}

/** Writes the entry into the first bucket with room, counting overflow on the way. */
function place(table: SlotTable, e: usize, hash: u32): void {
  const bucketCount = table.bucketCount;
  let index = Hash.home(hash, bucketCount);
  const zero = i8x16.splat(0);
  while (true) {
    const bucket = table.buckets + <usize>index * BUCKET;
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

/** Bytes of the largest table there has been: what a write may suddenly need to make it larger still. */
export let largestTable: usize = 0;

function resizeTable(table: SlotTable, bucketCount: u32): void {
  const old = table.buckets;
  const oldCount = table.bucketCount;
  const bytes = <usize>bucketCount * BUCKET;
  const buckets = alloc(bytes);
  if (bytes > largestTable) largestTable = bytes;
  memory.fill(buckets, 0, bytes);
  table.buckets = buckets;
  table.bucketCount = bucketCount;
  Stats.add(Stat.TableMemory, <f64>bytes - <f64>oldCount * <f64>BUCKET);
  for (let index: u32 = 0; index < oldCount; index++) {
    const bucket = old + <usize>index * BUCKET;
    let taken = i8x16.bitmask(v128.load(bucket)) & TAG_MASK;
    while (taken != 0) {
      const e = load<usize>(bucket + 16 + ((<usize>ctz(taken)) << 2));
      place(table, e, Hash.of(Entry.keyPtr(e), Entry.keyLength(e)));
      taken &= taken - 1;
    }
  }
  free(old);
}

/** Takes the entry just found out of its table; the entry itself is the caller's. */
export function removeFound(database: Database, slot: u32): void {
  const table = database.table(slot);
  const bucket = foundCell - 16 - ((<usize>foundIndex) << 2);
  const e = load<usize>(foundCell);
  store<u8>(bucket + foundIndex, 0);
  const mask = <u32>load<u16>(bucket, 12);
  const bit = (<u32>1) << foundIndex;
  if ((mask & bit) != 0) {
    store<u16>(bucket, <u16>(mask ^ bit), 12);
    table.expires--;
    database.expires--;
  }
  const bucketCount = table.bucketCount;
  let index = Hash.home(Hash.of(Entry.keyPtr(e), Entry.keyLength(e)), bucketCount);
  while (index != foundBucket) {
    const passed = table.buckets + <usize>index * BUCKET;
    const overflow = <u32>load<u8>(passed, 14);
    if (overflow < OVERFLOW_STUCK) store<u8>(passed, <u8>(overflow - 1), 14);
    if (++index == bucketCount) index = 0;
  }
  const used = table.used - 1;
  table.used = used;
  database.keys--;
  const group = database.groups + ((<usize>slot >> 7) << 2);
  store<u32>(group, load<u32>(group) - 1);
  if (used == 0) {
    free(table.buckets);
    Stats.add(Stat.TableMemory, -(<f64>bucketCount * <f64>BUCKET));
    table.buckets = 0;
    table.bucketCount = 0;
    const word = database.occupied + ((<usize>slot >> 5) << 2);
    store<u32>(word, load<u32>(word) & ~(1 << (slot & 31)));
  } else if (bucketCount > 2 && used < bucketCount * 3) {
    const smaller = (bucketCount + 1) >> 1;
    // Removing must work when memory has run out.
    if (canAllocate(<usize>smaller * BUCKET)) resizeTable(table, smaller);
  }
}

// Walking.

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

/** A key picked at random: a slot by its share of the keys, then a walk from a random place in it. */
export function randomEntry(database: Database, random: u32): usize {
  if (database.keys == 0) return 0;
  let rank = <u32>((<u64>random * <u64>database.keys) >> 32);
  let group: u32 = 0;
  while (true) {
    const keys = load<u32>(database.groups + ((<usize>group) << 2));
    if (rank < keys) break;
    rank -= keys;
    group++;
  }
  let slot = group << 7;
  while (rank >= database.table(slot).used) {
    rank -= database.table(slot).used;
    slot++;
  }
  SlotWalk.start(database.table(slot));
  let e = SlotWalk.next();
  for (; rank > 0; rank--) e = SlotWalk.next();
  return e;
}

/** Frees up to `budget` entries of a database that nobody sees any more; answers how many. */
export function freeSome(database: Database, budget: u32): u32 {
  let freed: u32 = 0;
  let slot = nextOccupied(database, 0);
  while (slot < SLOT_COUNT && freed < budget) {
    const table = database.table(slot);
    SlotWalk.start(table);
    for (let e = SlotWalk.next(); e != 0; e = SlotWalk.next()) {
      freeEntry(e);
      freed++;
    }
    Stats.add(Stat.TableMemory, -(<f64>table.bucketCount * <f64>BUCKET));
    free(table.buckets);
    table.buckets = 0;
    table.bucketCount = 0;
    const group = database.groups + ((<usize>slot >> 7) << 2);
    store<u32>(group, load<u32>(group) - table.used);
    database.keys -= table.used;
    database.expires -= table.expires;
    table.used = 0;
    table.expires = 0;
    const word = database.occupied + ((<usize>slot >> 5) << 2);
    store<u32>(word, load<u32>(word) & ~(1 << (slot & 31)));
    slot = nextOccupied(database, slot + 1);
  }
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
  for (let index: u32 = 0; index < databaseCount; index++) {
    if (databaseExists(index) && !checkDatabase(databaseAt(index))) return false;
  }
  return true;
}

/** Walks everything: counts, bits, tags, home buckets and the search for each key must agree. */
export function checkDatabase(database: Database): bool {
  let keys: u32 = 0;
  let expires: u32 = 0;
  for (let group: u32 = 0; group < SLOT_COUNT >> 7; group++) {
    let used: u32 = 0;
    for (let at: u32 = 0; at < 128; at++) used += database.table((group << 7) + at).used;
    if (used != load<u32>(database.groups + ((<usize>group) << 2))) return false;
  }
  for (let slot: u32 = 0; slot < SLOT_COUNT; slot++) {
    const table = database.table(slot);
    const bit = (load<u32>(database.occupied + ((<usize>slot >> 5) << 2)) >> (slot & 31)) & 1;
    if ((bit == 1) != table.used > 0) return false;
    let used: u32 = 0;
    let expiring: u32 = 0;
    SlotWalk.start(table);
    for (let e = SlotWalk.next(); e != 0; e = SlotWalk.next()) {
      used++;
      if (Entry.expires(e)) {
        expiring++;
        if (<f64>Entry.expireAt(e) < table.nextExpiry) return false;
      }
      if (find(database, slot, Entry.keyPtr(e), Entry.keyLength(e)) != e) return false;
    }
    if (used != table.used || expiring != table.expires) return false;
    if (!checkBuckets(table)) return false;
    keys += used;
    expires += expiring;
  }
  return keys == database.keys && expires == database.expires;
}
