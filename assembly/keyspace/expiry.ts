/** Active expiry: deleting what nobody asks for any more. Each slot knows before when nothing can be due. */
import { now } from "../base/frame";
import { Journal } from "../journal";
import { Database, databaseAt, find, SLOT_COUNT } from "./database";
import { Entry } from "./entry";
import { deleteExpired } from "./keyspace";
import { nextOccupied, SlotWalk } from "./walk";

/** Where the next slice goes on. */
let cycleDatabase: u32 = 0;
let cycleSlot: u32 = 0;

/**
 * One slice of active expiry: looks at up to `budget` entries of slots in which something is due, deletes the
 * expired ones, and learns each slot's next expiry on the way. Answers how many it deleted.
 */
export function expireSlice(databaseTotal: u32, exists: (index: u32) => bool, budget: u32): u32 {
  let deleted: u32 = 0;
  let looked: u32 = 0;
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
    sampleTtl(database);
    let slot = nextOccupied(database, cycleSlot);
    while (slot < SLOT_COUNT) {
      const facts = database.factsOf(slot);
      if (facts.expires != 0 && facts.nextExpiry < <f64>now) {
        const before = deleted;
        looked += facts.used;
        deleted += expireSlot(database, slot);
        if (deleted == before) looked += 1;
        if (looked >= budget) {
          cycleSlot = slot + 1;
          return deleted;
        }
      }
      slot = nextOccupied(database, slot + 1);
    }
    cycleSlot = 0;
  }
  return deleted;
}

/** Expired entries of one slot, collected before any is deleted, as deleting moves the table. */
const dueCells: usize = memory.data(512 * 4, 16);
const DUE_MAX: u32 = 512;

/** Deletes what has expired in the slot (up to 512 entries); learns the time of its next expiry. */
function expireSlot(database: Database, slot: u32): u32 {
  const facts = database.factsOf(slot);
  let due: u32 = 0;
  let next: f64 = Infinity;
  let sum: f64 = 0;
  let count: f64 = 0;
  SlotWalk.start(database.table(slot));
  for (let e = SlotWalk.next(); e != 0; e = SlotWalk.next()) {
    if (!Entry.expires(e)) continue;
    const at = Entry.expireAt(e);
    if (at < now) {
      if (due == DUE_MAX) {
        next = <f64>at;
        break;
      }
      store<usize>(dueCells + ((<usize>due) << 2), e);
      due++;
      continue;
    }
    sum += <f64>(at - now);
    count += 1;
    if (<f64>at < next) next = <f64>at;
  }
  facts.nextExpiry = next;
  noteTtl(database, sum, count);
  for (let i: u32 = 0; i < due; i++) {
    const e = load<usize>(dueCells + ((<usize>i) << 2));
    if (!Journal.reserve(Entry.keyLength(e))) {
      facts.nextExpiry = 0;
      return i;
    }
    find(database, slot, Entry.keyPtr(e), Entry.keyLength(e));
    deleteExpired(database, slot, e);
  }
  return due;
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
