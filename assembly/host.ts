/** Calls of the host that are not commands: set-up, clients, slots, expiry, counters. */
import { ClientFlag, Stat } from "./abi";
import { copyBytes } from "./base/bytes";
import { ClientState } from "./base/client";
import { initFrame, journalOn, publish, Streams, setNow } from "./base/frame";
import { canAllocate, free, onShortage, usedMemory } from "./base/memory";
import { initMemory } from "./base/pages";
import { seedRandom } from "./base/random";
import { Stats } from "./base/stats";
import { refreshStats } from "./dispatch";
import { endUnit, Journal } from "./journal";
import { releaseWaits } from "./keyspace/blocking";
import {
  countDatabases,
  databaseAt,
  databaseBytes,
  databaseExists,
  find,
  initDatabases,
  SLOT_COUNT,
} from "./keyspace/database";
import { Entry } from "./keyspace/entry";
import { Evicted, evict } from "./keyspace/eviction";
import { expireSlice, lookedAt } from "./keyspace/expiry";
import { expireFields } from "./keyspace/field-expiry";
import { reclaimSome } from "./keyspace/flush";
import { deleteFound, refreshClock } from "./keyspace/keyspace";
import { BUCKET, moveTables } from "./keyspace/slot-table";
import { freeQueue } from "./keyspace/transaction";
import { SlotWalk } from "./keyspace/walk";
import { unwatchAll } from "./keyspace/watch";
import { releaseParser } from "./protocol/query";

/** Prepares the instance; 0 when its memory is too small. */
export function init(seedLow: u32, seedHigh: u32, databaseCount: u32): i32 {
  if (!initMemory() || !canAllocate(8 << 20)) return 0;
  onShortage(reclaimSome);
  const seed = ((<u64>seedHigh) << 32) | seedLow;
  initFrame();
  initDatabases(databaseCount, seed);
  seedRandom(seed);
  databaseAt(0);
  Stats.set(Stat.StartupMemory, <f64>usedMemory());
  refreshStats();
  return 1;
}

export function clientFree(ptr: usize): void {
  const state = ClientState.at(ptr);
  // What EXEC has done so far stands; the rest of its queue never runs.
  if ((state.flags & ClientFlag.Executing) != 0) endUnit();
  freeQueue(state);
  unwatchAll(ptr);
  releaseWaits(state);
  releaseParser(state);
  free(ptr);
}

/** RESET, and a link that is used afresh. */
export function clientReset(ptr: usize): void {
  const state = ClientState.at(ptr);
  freeQueue(state);
  unwatchAll(ptr);
  const kept = ClientFlag.NeedsAuth | ClientFlag.Restricted | ClientFlag.Closing;
  state.flags &= kept;
  state.database = 0;
  state.protocol = 2;
}

export function clientSetFlag(ptr: usize, flag: u32, on: i32): void {
  const state = ClientState.at(ptr);
  if (on != 0) state.flags |= flag;
  else state.flags &= ~flag;
}

export function keyCount(index: u32): u32 {
  return databaseExists(index) ? databaseAt(index).keys : 0;
}

export function tableBytes(index: u32): u32 {
  if (!databaseExists(index)) return 0;
  const database = databaseAt(index);
  let buckets: u32 = 0;
  for (let slot: u32 = 0; slot < SLOT_COUNT; slot++) buckets += database.table(slot).allBuckets;
  return <u32>databaseBytes() + buckets * BUCKET;
}

export function expiresCount(index: u32): u32 {
  return databaseExists(index) ? databaseAt(index).expires : 0;
}

export function averageTtl(index: u32): f64 {
  return databaseExists(index) ? databaseAt(index).averageTtl : 0;
}

export function countKeysInSlot(slot: u32): u32 {
  return databaseAt(0).factsOf(slot).used;
}

export function listKeysInSlot(slot: u32, max: u32): u32 {
  const output = Streams.output;
  output.length = 0;
  let count: u32 = 0;
  SlotWalk.start(databaseAt(0).table(slot));
  for (let e = SlotWalk.next(); e != 0 && count < max; e = SlotWalk.next()) {
    const length = Entry.keyLength(e);
    const at = output.room(<usize>length + 4);
    store<u32>(at, length);
    copyBytes(at + 4, Entry.keyPtr(e), length);
    output.length += length + 4;
    count++;
  }
  publish();
  return count;
}

/** Keys of a slot that `deleteKeysInSlot` deletes next, as deleting moves the table. */
const doomed: usize = memory.data(512 * 4, 16);
const DOOMED_MAX: u32 = 512;

/**
 * Deletes keys of the slot in database 0, at most some hundred, with a DEL in the journal for each. Answers how many; 0
 * when there is none left, or no room in the journal.
 */
export function deleteKeysInSlot(slot: u32, nowMs: f64): u32 {
  setNow(<i64>nowMs);
  const database = databaseAt(0);
  let count: u32 = 0;
  SlotWalk.start(database.table(slot));
  for (let e = SlotWalk.next(); e != 0 && count < DOOMED_MAX; e = SlotWalk.next()) {
    store<usize>(doomed + ((<usize>count) << 2), e);
    count++;
  }
  let deleted: u32 = 0;
  for (; deleted < count; deleted++) {
    const e = load<usize>(doomed + ((<usize>deleted) << 2));
    const key = Entry.keyPtr(e);
    const length = Entry.keyLength(e);
    find(database, slot, key, length);
    if (!Journal.reserve(length)) break;
    if (journalOn && Journal.begin(0, 2)) {
      Journal.word("DEL");
      Journal.bytes(key, length);
    }
    deleteFound(database, slot, e);
    Stats.add(Stat.Dirty, 1);
  }
  refreshStats();
  publish();
  return deleted;
}

/** Goes on with an eviction that one command did not finish. Answers 1 while more is to go. */
export function evictMore(nowMs: f64): i32 {
  setNow(<i64>nowMs);
  refreshClock();
  const outcome = evict();
  refreshStats();
  publish();
  return outcome == Evicted.Running ? 1 : 0;
}

/** Goes on with moving keys into tables of another size, some buckets of them. Answers 1 while more is to go. */
export function moveKeys(budget: u32): u32 {
  const more = moveTables(budget);
  refreshStats();
  publish();
  return more;
}

export function expireCycle(nowMs: f64, budget: u32): u32 {
  setNow(<i64>nowMs);
  refreshClock();
  const deleted = expireSlice(countDatabases(), databaseExists, budget);
  const fields = expireFields(countDatabases(), databaseExists, budget);
  Stats.add(Stat.ExpireCycles, 1);
  refreshStats();
  publish();
  expireLooked = lookedAt + fields;
  return deleted + fields;
}

let expireLooked: u32 = 0;

/** What the last `expireCycle` has looked at of what can expire. */
export function expireCycleLooked(): u32 {
  return expireLooked;
}
