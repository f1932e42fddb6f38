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
import { hash32, hashSeed, setHashSeed } from "../base/hash";
import { alloc, canAllocate, free } from "../base/memory";
import { Stats } from "../base/stats";
import { NEVER } from "../structures/hash-table";
import { hashNextExpiry } from "../structures/hash-value";
import { Entry } from "./entry";

export const SLOT_COUNT: u32 = 16384;
/** Bytes of a bucket, entries in it, and the bits of their tags in a SIMD comparison. */
export const BUCKET: u32 = 64;
export const WIDTH: u32 = 12;
export const TAG_MASK: i32 = 0xfff;
/** An overflow count that has come this far stays there. */
export const OVERFLOW_STUCK: u32 = 255;

const INTEREST_MASK: usize = 63;

/*
 *  SlotTable, 8 bytes: one per slot, in a row. What a search needs and no more, so that all tables of a database
 *  (128 KiB) stay in the cache, where one more miss would cost a GET as much as all its other work.
 */
@unmanaged
export class SlotTable {
  /** Address of the buckets, which leaves its low six bits free for `Interest`. */
  place: usize;
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
}
if (offsetof<SlotTable>() != 8) ERROR("SlotTable must be 8 bytes");

/*
 *  SlotFacts, 24 bytes: the rest of what is known of a slot, needed by writes that add, remove or expire
 */
@unmanaged
export class SlotFacts {
  used: u32;
  expires: u32;
  /** No entry of the slot expires before this time (a lower bound; ms). */
  nextExpiry: f64;
  /** First watched key of the slot; see watch.ts. */
  watchers: usize;
  /** No field of a hash in the slot expires before this tick (see `fieldTick`); 0: none does. */
  fieldExpiry: u32;
}
if (offsetof<SlotFacts>() > 24) ERROR("SlotFacts must fit in 24 bytes");

const TABLES_BYTES: usize = 16384 * 8;
const FACTS_BYTES: usize = 16384 * 24;
const OCCUPIED_BYTES: usize = 2048;
const GROUPS_BYTES: usize = 512;

/*
 *  Database, 48 bytes, followed in the same allocation by: slot tables, slot facts, occupancy bits, keys per group of
 *  128 slots
 */
@unmanaged
export class Database {
  index: u32;
  keys: u32;
  expires: u32;
  tables: usize;
  facts: usize;
  /** One bit per slot that holds keys. */
  occupied: usize;
  /** u32 per 128 slots: how many keys, for picking at random. */
  groups: usize;
  /** Sums for the average time to live, from the expiry cycle (ms). */
  averageTtl: f64;
  /** As in `SlotFacts`, of all slots. */
  fieldExpiry: u32;

  @inline table(slot: u32): SlotTable {
    return changetype<SlotTable>(this.tables + ((<usize>slot) << 3));
  }
  @inline factsOf(slot: u32): SlotFacts {
    return changetype<SlotFacts>(this.facts + <usize>slot * 24);
  }
}

let databaseCount: u32 = 0;
let databases: usize = 0;

export function initDatabases(count: u32, seed: u64): void {
  databaseCount = count;
  setHashSeed(seed);
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
  return offsetof<Database>() + TABLES_BYTES + FACTS_BYTES + OCCUPIED_BYTES + GROUPS_BYTES;
}

function newDatabase(index: u32): Database {
  const bytes = databaseBytes();
  const ptr = alloc(bytes);
  memory.fill(ptr, 0, bytes);
  Stats.add(Stat.TableMemory, <f64>bytes);
  const database = changetype<Database>(ptr);
  database.index = index;
  database.tables = ptr + offsetof<Database>();
  database.facts = database.tables + TABLES_BYTES;
  database.occupied = database.facts + FACTS_BYTES;
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
  ExpiryWalk.forget();
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

/** Address of the home bucket of a hash in the slot's table, or 0; reads nothing else. */
export function touchBucket(ptr: usize, hash: u32): usize {
  const table = changetype<SlotTable>(ptr);
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
  const facts = database.factsOf(slot);
  if (has) noteExpiry(facts, Entry.expireAt(e));
  if (had == has) return;
  store<u16>(maskPtr, <u16>(mask ^ bit));
  const change: u32 = has ? 1 : -1;
  facts.expires += change;
  database.expires += change;
}

/**
 * The active expiry's walk through one slot, bucket by bucket, which may take several slices. The soonest expiry is that
 * of what the walk has met and of what was written meanwhile. When the table is resized the walk begins anew.
 */
export class ExpiryWalk {
  /** `SlotFacts` and `SlotTable` of the slot; 0: no walk is under way. */
  static facts: usize = 0;
  static table: usize = 0;
  /** The next bucket. */
  static index: u32 = 0;
  static next: f64 = 0;

  static goOn(facts: SlotFacts, table: SlotTable): void {
    if (ExpiryWalk.facts == changetype<usize>(facts)) return;
    ExpiryWalk.facts = changetype<usize>(facts);
    ExpiryWalk.table = changetype<usize>(table);
    ExpiryWalk.index = 0;
    ExpiryWalk.next = Infinity;
  }

  static forget(): void {
    ExpiryWalk.facts = 0;
    ExpiryWalk.table = 0;
  }
}

function noteExpiry(facts: SlotFacts, expireAt: i64): void {
  const at = <f64>expireAt;
  if (facts.expires == 0 || at < facts.nextExpiry) facts.nextExpiry = at;
  if (ExpiryWalk.facts == changetype<usize>(facts) && at < ExpiryWalk.next) ExpiryWalk.next = at;
}

/** Adds the entry of the key that was just searched and not found. */
export function insertSearched(database: Database, slot: u32, e: usize): void {
  const table = database.table(slot);
  const facts = database.factsOf(slot);
  const count = table.bucketCount;
  const used = facts.used;
  // Up to 7/8 full; a single bucket may fill up entirely.
  if (used * 8 >= count * WIDTH * 7 && (count != 1 || used == WIDTH)) {
    resizeTable(table, largerCount(count));
  }
  place(table, e, searchHash);
  facts.used = used + 1;
  database.keys++;
  const group = database.groups + ((<usize>slot >> 7) << 2);
  store<u32>(group, load<u32>(group) + 1);
  if (used == 0) {
    const word = database.occupied + ((<usize>slot >> 5) << 2);
    store<u32>(word, load<u32>(word) | (1 << (slot & 31)));
  }
  if (Entry.expires(e)) {
    noteExpiry(facts, Entry.expireAt(e));
    facts.expires++;
    database.expires++;
  }
  if (Entry.hasExpiringFields(e)) {
    noteFieldExpiry(database, slot, hashNextExpiry(Entry.encoding(e), Entry.pointer(e)));
  }
}

/** A point in time (ms) as it is kept of slots: half a second long, never 0, and the last one stands for all later. */
export function fieldTick(at: i64): u32 {
  return <u32>min<i64>(at >> 9, 0xfffffffe) + 1;
}

/** A field of a hash in the slot expires at this time. */
export function noteFieldExpiry(database: Database, slot: u32, at: i64): void {
  if (at == NEVER) return;
  const tick = fieldTick(at);
  const facts = database.factsOf(slot);
  if (facts.fieldExpiry == 0 || tick < facts.fieldExpiry) facts.fieldExpiry = tick;
  if (database.fieldExpiry == 0 || tick < database.fieldExpiry) database.fieldExpiry = tick;
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
  if (ExpiryWalk.table == changetype<usize>(table)) ExpiryWalk.forget();
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
  const facts = database.factsOf(slot);
  const bucket = foundCell - 16 - ((<usize>foundIndex) << 2);
  const e = load<usize>(foundCell);
  store<u8>(bucket + foundIndex, 0);
  const mask = <u32>load<u16>(bucket, 12);
  const bit = (<u32>1) << foundIndex;
  if ((mask & bit) != 0) {
    store<u16>(bucket, <u16>(mask ^ bit), 12);
    facts.expires--;
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
  const used = facts.used - 1;
  facts.used = used;
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
