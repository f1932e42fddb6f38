/**
 * A database: 16 384 small hash tables, one per hash slot, in standalone mode too. How a table works stands in
 * slot-table.ts.
 */

import { Interest, Stat } from "../abi";
import { setHashSeed } from "../base/hash";
import { alloc, canAllocate, free } from "../base/memory";
import { Stats } from "../base/stats";
import { NEVER } from "../structures/hash-table";
import { hashNextExpiry } from "../structures/hash-value";
import { Entry } from "./entry";
import { Walks } from "./expiry-walk";
import { Saving } from "./saving";
import {
  BUCKET,
  dropTable,
  goOnMoving,
  Hash,
  MOVING,
  place,
  resizeBytes,
  resizeTable,
  SlotTable,
  TAG_MASK,
  unplace,
  WIDTH,
} from "./slot-table";

export const SLOT_COUNT: u32 = 16384;

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
  Walks.forgetAll();
  Stats.add(Stat.TableMemory, -(<f64>databaseBytes()));
  free(changetype<usize>(database));
}

// Finding. The last search leaves where it ended, so that insert, replace and remove need no second one.

/** Address of the cell (in a bucket) that holds the found entry. */
let foundCell: usize = 0;
let foundIndex: u32 = 0;
let searchHash: u32 = 0;

/** Slot and hash of the argument at `key`, where they were computed ahead (lookahead.ts); 0: of none. */
export class Known {
  static key: usize = 0;
  static slot: u32 = 0;
  static hash: u32 = 0;
}

/** Address of the home bucket of a hash in the slot's table, or 0; of one with two rows it reads where they are, too. */
export function touchBucket(ptr: usize, hash: u32): usize {
  const table = changetype<SlotTable>(ptr);
  let buckets = table.buckets;
  let bucketCount = table.bucketCount;
  if (bucketCount - 1 >= MOVING - 1) {
    if (bucketCount == 0) return 0;
    const move = table.move;
    const moved = move.isMoved(hash);
    buckets = moved ? move.fresh : move.old;
    bucketCount = moved ? move.freshCount : move.oldCount;
  }
  return buckets + <usize>Hash.home(hash, bucketCount) * BUCKET;
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
  let buckets = table.buckets;
  let bucketCount = table.bucketCount;
  // One comparison finds what is rare: no buckets, or two rows of them.
  if (bucketCount - 1 >= MOVING - 1) {
    if (bucketCount == 0) return 0;
    const move = table.move;
    const moved = move.isMoved(hash);
    buckets = moved ? move.fresh : move.old;
    bucketCount = moved ? move.freshCount : move.oldCount;
  }
  const wanted = i8x16.splat(<i8>Hash.tag(hash));
  let index = Hash.home(hash, bucketCount);
  for (let probes: u32 = 0; probes < bucketCount; probes++) {
    const bucket = buckets + <usize>index * BUCKET;
    let matches = i8x16.bitmask(i8x16.eq(v128.load(bucket), wanted)) & TAG_MASK;
    while (matches != 0) {
      const at = <u32>ctz(matches);
      const cell = bucket + 16 + ((<usize>at) << 2);
      const e = load<usize>(cell);
      if (Entry.isOf(e, key, length)) {
        foundCell = cell;
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

function noteExpiry(facts: SlotFacts, expireAt: i64): void {
  const at = <f64>expireAt;
  if (facts.expires == 0 || at < facts.nextExpiry) facts.nextExpiry = at;
  Walks.keys.note(changetype<usize>(facts), at);
}

/** Adds the entry of the key that was just searched and not found. */
export function insertSearched(database: Database, slot: u32, e: usize): void {
  const table = database.table(slot);
  const facts = database.factsOf(slot);
  const count = table.bucketCount;
  const used = facts.used;
  // Up to 7/8 full; a single bucket may fill up entirely. A move ends long before the fresh buckets are full.
  if (count >= MOVING) goOnMoving(table);
  else if (used * 8 >= count * WIDTH * 7 && (count != 1 || used == WIDTH)) {
    resizeTable(table, largerCount(count));
  }
  place(table, e, searchHash);
  if ((table.interest & Interest.Snapshot) != 0)
    Saving.noteNew(changetype<usize>(database), slot, e, searchHash);
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
  Walks.fields.note(changetype<usize>(facts), <f64>at);
  if (facts.fieldExpiry == 0 || tick < facts.fieldExpiry) facts.fieldExpiry = tick;
  if (database.fieldExpiry == 0 || tick < database.fieldExpiry) database.fieldExpiry = tick;
}

function largerCount(count: u32): u32 {
  if (count < 2) return count + 1;
  return count + ((count + 1) >> 1);
}

/** Takes the entry just found out of its table; the entry itself is the caller's. */
export function removeFound(database: Database, slot: u32): void {
  const table = database.table(slot);
  const facts = database.factsOf(slot);
  const bucket = foundCell - 16 - ((<usize>foundIndex) << 2);
  const e = load<usize>(foundCell);
  unplace(table, bucket, foundIndex, Hash.ofEntry(e));
  const mask = <u32>load<u16>(bucket, 12);
  const bit = (<u32>1) << foundIndex;
  if ((mask & bit) != 0) {
    store<u16>(bucket, <u16>(mask ^ bit), 12);
    facts.expires--;
    database.expires--;
  }
  const used = facts.used - 1;
  facts.used = used;
  database.keys--;
  const group = database.groups + ((<usize>slot >> 7) << 2);
  store<u32>(group, load<u32>(group) - 1);
  if (used == 0) {
    dropTable(table);
    const word = database.occupied + ((<usize>slot >> 5) << 2);
    store<u32>(word, load<u32>(word) & ~(1 << (slot & 31)));
    return;
  }
  const bucketCount = table.bucketCount;
  if (bucketCount >= MOVING) goOnMoving(table);
  else if (bucketCount > 2 && used < bucketCount * 3) {
    const smaller = (bucketCount + 1) >> 1;
    // Removing must work when memory has run out.
    if (canAllocate(resizeBytes(smaller))) resizeTable(table, smaller);
  }
}
