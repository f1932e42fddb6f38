/**
 * Active expiry: deleting what nobody asks for any more. Each slot knows before when nothing can be due. A slot in which
 * something may be is walked bucket by bucket, also over several slices: its next expiry is known when the walk ends.
 */
import { now } from "../base/frame";
import { Journal } from "../journal";
import { Database, databaseAt, find, SLOT_COUNT } from "./database";
import { Entry } from "./entry";
import { Walks } from "./expiry-walk";
import { deleteExpired } from "./keyspace";
import { WIDTH } from "./slot-table";
import { nextOccupied, SlotWalk } from "./walk";

/** Where the next slice goes on. */
let cycleDatabase: u32 = 0;
let cycleSlot: u32 = 0;

/** What the slice in hand may still look at: one for a bucket, and one for each entry in it that expires. */
let budgetLeft: i32 = 0;
let deleted: u32 = 0;

/** Entries that can expire at all, as far as the last slice has looked at them. */
export let lookedAt: u32 = 0;

/**
 * One slice of active expiry: looks at about `budget` entries of slots in which something is due, deletes the expired
 * ones, and learns each slot's next expiry on the way. Answers how many it deleted.
 */
export function expireSlice(databaseTotal: u32, exists: (index: u32) => bool, budget: u32): u32 {
  budgetLeft = <i32>budget;
  deleted = 0;
  lookedAt = 0;
  const start = cycleDatabase;
  for (let round: u32 = 0; round <= databaseTotal; round++) {
    const index = (start + round) % databaseTotal;
    if (index != cycleDatabase) {
      cycleDatabase = index;
      cycleSlot = 0;
    }
    if (!exists(index)) continue;
    const database = databaseAt(index);
    if (database.expires == 0) {
      database.averageTtl = 0;
      continue;
    }
    if (!expireDatabase(database)) return deleted;
    if (lookedAt == 0) sampleTtl(database);
  }
  return deleted;
}

/** From the slot on where the last slice ended. False: the budget is used up. */
function expireDatabase(database: Database): bool {
  let slot = nextOccupied(database, cycleSlot);
  while (slot < SLOT_COUNT) {
    const facts = database.factsOf(slot);
    if (facts.expires != 0 && facts.nextExpiry < <f64>now) {
      let done = false;
      while (!done && budgetLeft > 0) done = expireSlot(database, slot);
      if (budgetLeft <= 0) {
        cycleSlot = done ? slot + 1 : slot;
        return false;
      }
    }
    slot = nextOccupied(database, slot + 1);
  }
  cycleSlot = 0;
  return true;
}

/** Expired entries of some buckets, collected before any is deleted, as deleting moves the table. */
const dueCells: usize = memory.data(512 * 4, 16);
const DUE_MAX: u32 = 512;

/** Goes on with the walk of a slot for as long as the budget lasts. True: all of it has been seen. */
function expireSlot(database: Database, slot: u32): bool {
  const facts = database.factsOf(slot);
  const table = database.table(slot);
  const walk = Walks.keys;
  walk.goOn(changetype<usize>(facts), changetype<usize>(table));
  const bucketCount = table.walkCount;
  let due: u32 = 0;
  let sum: f64 = 0;
  let count: f64 = 0;
  while (walk.index < bucketCount && budgetLeft > 0 && due + WIDTH <= DUE_MAX) {
    const bucket = table.bucketAt(walk.index);
    walk.index++;
    let expiring = <u32>load<u16>(bucket, 12);
    budgetLeft -= 1 + <i32>popcnt(expiring);
    lookedAt += <u32>popcnt(expiring);
    for (; expiring != 0; expiring &= expiring - 1) {
      const e = load<usize>(bucket + 16 + ((<usize>ctz(expiring)) << 2));
      const at = Entry.expireAt(e);
      if (at < now) {
        store<usize>(dueCells + ((<usize>due) << 2), e);
        due++;
        continue;
      }
      sum += <f64>(at - now);
      count += 1;
      if (<f64>at < walk.next) walk.next = <f64>at;
    }
  }
  noteTtl(database, sum, count);
  const done = walk.index >= bucketCount;
  if (done) {
    facts.nextExpiry = walk.next;
    walk.forget();
  }
  return deleteDue(database, slot, due) && done;
}

/** False: the journal has no room, and what is due stays so. */
function deleteDue(database: Database, slot: u32, due: u32): bool {
  for (let i: u32 = 0; i < due; i++) {
    const e = load<usize>(dueCells + ((<usize>i) << 2));
    if (!Journal.reserve(Entry.keyLength(e))) {
      database.factsOf(slot).nextExpiry = 0;
      Walks.keys.forget();
      budgetLeft = 0;
      return false;
    }
    find(database, slot, Entry.keyPtr(e), Entry.keyLength(e));
    deleteExpired(database, slot, e);
    deleted++;
  }
  return true;
}

/** INFO's avg_ttl is a running mean: a new sample weighs a fiftieth, as in Redis's expiry cycle. */
function noteTtl(database: Database, sum: f64, count: f64): void {
  if (count == 0) return;
  const average = sum / count;
  const known = database.averageTtl;
  database.averageTtl = known == 0 ? average : known * 0.98 + average * 0.02;
}

/** Slot that the next sample of the time to live begins at. */
let sampleSlot: u32 = 0;
const SAMPLE_SLOTS: u32 = 256;
const SAMPLE_KEYS: u32 = 64;

/** Looks at the keys of the next slot that has some with an expiry, so that avg_ttl is known before any is due. */
function sampleTtl(database: Database): void {
  let slot = nextOccupied(database, sampleSlot);
  for (let looked: u32 = 0; looked < SAMPLE_SLOTS && slot < SLOT_COUNT; looked++) {
    if (database.factsOf(slot).expires != 0) break;
    slot = nextOccupied(database, slot + 1);
  }
  sampleSlot = slot < SLOT_COUNT ? slot + 1 : 0;
  if (slot == SLOT_COUNT) return;
  let sum: f64 = 0;
  let count: f64 = 0;
  let seen: u32 = 0;
  SlotWalk.start(database.table(slot));
  for (let e = SlotWalk.next(); e != 0 && seen < SAMPLE_KEYS; e = SlotWalk.next()) {
    seen++;
    if (!Entry.expires(e)) continue;
    sum += <f64>max<i64>(Entry.expireAt(e) - now, 0);
    count += 1;
  }
  noteTtl(database, sum, count);
}
