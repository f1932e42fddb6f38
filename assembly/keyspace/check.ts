/** The invariant walk of databases and of all that their keys hold, for tests. */
import { ValueType } from "../abi";
import { alloc, canAllocate, free } from "../base/memory";
import { beginHashes, checkHash, checkNames } from "../structures/hash-check";
import { NEVER } from "../structures/hash-table";
import { hashNextExpiry } from "../structures/hash-value";
import { checkQuicklist } from "../structures/quicklist";
import { checkSet } from "../structures/set-value";
import { checkSortedSet } from "../structures/sorted-set-value";
import { checkStream } from "../structures/stream-value";
import {
  countDatabases,
  Database,
  databaseAt,
  databaseExists,
  fieldTick,
  find,
  SLOT_COUNT,
} from "./database";
import { Entry } from "./entry";
import { BUCKET, Hash, OVERFLOW_STUCK, SlotTable, WIDTH } from "./slot-table";
import { valueCount } from "./value";
import { SlotWalk } from "./walk";

/** The hash itself, and that slot and database know of the first of its fields to expire. */
function checkHashEntry(database: Database, slot: u32, e: usize): bool {
  if (!checkHash(Entry.encoding(e), Entry.pointer(e))) return false;
  const at = hashNextExpiry(Entry.encoding(e), Entry.pointer(e));
  if (at == NEVER) return true;
  const ofSlot = database.factsOf(slot).fieldExpiry;
  if (ofSlot == 0 || ofSlot > fieldTick(at)) return false;
  return database.fieldExpiry != 0 && database.fieldExpiry <= ofSlot;
}

/** Whether the value is sound. Only a stream may be without elements. */
function checkValue(database: Database, slot: u32, e: usize): bool {
  const type = Entry.type(e);
  if (type == <u32>ValueType.String) return true;
  const encoding = Entry.encoding(e);
  const ptr = Entry.pointer(e);
  if (type == <u32>ValueType.Stream) return checkStream(ptr);
  if (valueCount(type, encoding, ptr) == 0) return false;
  switch (type) {
    case ValueType.List:
      return checkQuicklist(ptr);
    case ValueType.Set:
      return checkSet(encoding, ptr);
    case ValueType.SortedSet:
      return checkSortedSet(encoding, ptr);
    case ValueType.Hash:
      return checkHashEntry(database, slot, e);
    default:
      return unreachable();
  }
}

/** How many entries have passed each bucket of a row. */
const PASSED_MAX: u32 = 1024;
const passedCounts: usize = memory.data(1024 * 4, 16);

/** Both rows of a table that is being moved, or its only one. */
function checkTable(table: SlotTable): bool {
  if (!table.isMoving) return checkBuckets(table.buckets, table.bucketCount, table.bucketCount);
  const move = table.move;
  if (move.table != changetype<usize>(table) || move.moved >= move.oldCount) return false;
  if (move.cleared > move.freshCount) return false;
  return (
    checkBuckets(move.old, move.oldCount, move.oldCount) &&
    checkBuckets(move.fresh, move.freshCount, move.cleared)
  );
}

/**
 * The marks of the first `count` buckets of a row, behind which nothing stands: which entries expire, and how many were
 * passed on to later buckets.
 */
function checkBuckets(buckets: usize, bucketCount: u32, count: u32): bool {
  const bytes = (<usize>bucketCount) << 2;
  const isSmall = bucketCount <= PASSED_MAX;
  if (!isSmall && !canAllocate(bytes)) return true;
  const passed = isSmall ? passedCounts : alloc(bytes);
  memory.fill(passed, 0, bytes);
  const isSound = checkMarks(buckets, bucketCount, count, passed);
  if (!isSmall) free(passed);
  return isSound;
}

function checkMarks(buckets: usize, bucketCount: u32, count: u32, passed: usize): bool {
  for (let index: u32 = 0; index < count; index++) {
    const bucket = buckets + <usize>index * BUCKET;
    let expiring: u32 = 0;
    for (let at: u32 = 0; at < WIDTH; at++) {
      const tag = <u32>load<u8>(bucket + at);
      if (tag == 0) continue;
      const e = load<usize>(bucket + 16 + ((<usize>at) << 2));
      const hash = Hash.ofEntry(e);
      if (Hash.tag(hash) != tag) return false;
      if (Entry.expires(e)) expiring |= 1 << at;
      // The entry passed these buckets on its way from home to where it stands.
      for (let home = Hash.home(hash, bucketCount); home != index; ) {
        const cell = passed + ((<usize>home) << 2);
        store<u32>(cell, load<u32>(cell) + 1);
        if (++home == bucketCount) home = 0;
      }
    }
    if (expiring != <u32>load<u16>(bucket, 12)) return false;
  }
  for (let index: u32 = 0; index < count; index++) {
    const overflow = <u32>load<u8>(buckets + <usize>index * BUCKET, 14);
    if (overflow >= OVERFLOW_STUCK) continue;
    if (overflow != load<u32>(passed + ((<usize>index) << 2))) return false;
  }
  return true;
}

/** Walks everything: counts, bits, tags, home buckets and the search for each key must agree. */
function checkDatabase(database: Database): bool {
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
      if (!checkValue(database, slot, e)) return false;
    }
    if (used != facts.used || expiring != facts.expires) return false;
    if (!checkTable(table)) return false;
    keys += used;
    expires += expiring;
  }
  return keys == database.keys && expires == database.expires;
}

/** `checkDatabase` of all. */
export function checkDatabases(): bool {
  beginHashes();
  for (let index: u32 = 0; index < countDatabases(); index++) {
    if (databaseExists(index) && !checkDatabase(databaseAt(index))) return false;
  }
  return checkNames();
}
