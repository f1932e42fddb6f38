/** What commands do with keys: look up, write, expire, delete. All writes to the keyspace pass through here. */
import { ClientFlag, Encoding, Notify, Stat, ValueType } from "../abi";
import { ClientState } from "../base/client";
import { client, clientFlags, commandId, gates, isReplica, now, Settings } from "../base/frame";
import { Stats } from "../base/stats";
import { Command } from "../command-ids";
import { Journal } from "../journal";
import { keySlot } from "../protocol/crc16";
import { Gate, MaxMemoryPolicy, Setting } from "../settings";
import { signalReady } from "./blocking";
import { Database, databaseAt, find, insertSearched, removeFound, replaceFound } from "./database";
import { Entry, freeEntry, freeValue, newEntry, reshape, withExpiry } from "./entry";
import { notify } from "./notify";
import { beforeAddition, beforeChange, beforeRemoval } from "./watch";

/** The database of the client in hand. */
export function currentDatabase(): Database {
  return databaseAt(ClientState.at(client).database);
}

/** The slot of a key: the one argument of a command that is not its first key. */
export function slotOf(key: usize, length: u32): u32 {
  return keySlot(key, <i32>length);
}

export function isExpired(e: usize): bool {
  return Entry.expires(e) && Entry.expireAt(e) < now;
}

/** The access clock's value now: seconds for LRU; minutes and a counter of 5 for LFU. 24 bits. */
export function freshClock(): u32 {
  if (lfuPolicy()) return ((<u32>(now / 60000) & 0xffff) << 8) | 5;
  return <u32>(now / 1000) & 0xffffff;
}

export function lfuPolicy(): bool {
  const policy = <u32>Settings.value(Setting.MaxMemoryPolicy);
  return policy == MaxMemoryPolicy.AllKeysLfu || policy == MaxMemoryPolicy.VolatileLfu;
}

/** Whether the policy looks at when or how often a key was used (MAXMEMORY_FLAG_NO_SHARED_INTEGERS). */
export function policyUsesClock(): bool {
  const policy = <u32>Settings.value(Setting.MaxMemoryPolicy);
  return (
    lfuPolicy() || policy == MaxMemoryPolicy.AllKeysLru || policy == MaxMemoryPolicy.VolatileLru
  );
}

let lruSeconds: u32 = 0;
let lfuOn: bool = false;

/** Once per call of the host: the clock that lookups stamp on entries. */
export function refreshClock(): void {
  lruSeconds = <u32>(now / 1000) & 0xffffff;
  lfuOn = lfuPolicy();
}

class Access {
  /** Stamps the entry's access clock. */
  @inline static stamp(e: usize): void {
    Entry.setClock(e, lfuOn ? lfuTouched(Entry.clock(e)) : lruSeconds);
  }
}

let lfuRandom: u32 = 0x9e3779b9;

/** The counter (0 to 255) after the minutes since the last decay (lfu-decay-time). */
export function lfuDecayed(clock: u32): u32 {
  const minutes = <u32>(now / 60000) & 0xffff;
  const last = clock >> 8;
  const passed = (minutes - last) & 0xffff;
  const period = <u32>Settings.value(Setting.LfuDecayTime);
  const periods: u32 = period == 0 ? 0 : passed / period;
  const counter = clock & 0xff;
  return periods >= counter ? 0 : counter - periods;
}

/** Redis's logarithmic counter: the higher it stands, the rarer a use raises it (lfu-log-factor). */
function lfuTouched(clock: u32): u32 {
  let counter = lfuDecayed(clock);
  if (counter < 255) {
    lfuRandom = lfuRandom * 1664525 + 1013904223;
    const base = counter > 5 ? counter - 5 : 0;
    const odds = 1.0 / (<f64>base * Settings.value(Setting.LfuLogFactor) + 1.0);
    if (<f64>(lfuRandom >> 8) / 16777216.0 < odds) counter++;
  }
  return ((<u32>(now / 60000) & 0xffff) << 8) | counter;
}

/** The key's entry for a command that only reads, or 0. Counts hits and misses, stamps the access clock. */
export function lookupRead(database: Database, slot: u32, key: usize, length: u32): usize {
  const e = lookupQuietly(database, slot, key, length);
  if (e != 0 && touches()) Access.stamp(e);
  return e;
}

/** CLIENT NO-TOUCH spares the access clocks, except from TOUCH. */
function touches(): bool {
  return (clientFlags & ClientFlag.NoTouch) == 0 || commandId == <u32>Command.Touch;
}

/** As `lookupRead` without the stamp: for what asks about a key and not for its value (EXISTS, TYPE, TTL). */
export function lookupQuietly(database: Database, slot: u32, key: usize, length: u32): usize {
  const e = lookupUnnoticed(database, slot, key, length);
  if (e == 0) notify(Notify.KeyMiss, "keymiss", database.index, key, length);
  return e;
}

/** As `lookupQuietly`, but nobody is told of a miss (OBJECT). */
export function lookupUnnoticed(database: Database, slot: u32, key: usize, length: u32): usize {
  const e = find(database, slot, key, length);
  if (e == 0 || (Entry.expires(e) && expireNow(database, slot, e, false))) {
    Stats.add(Stat.KeyspaceMisses, 1);
    return 0;
  }
  Stats.add(Stat.KeyspaceHits, 1);
  return e;
}

/** As `lookupQuietly`, but counts nothing. */
export function peek(database: Database, slot: u32, key: usize, length: u32): usize {
  const e = find(database, slot, key, length);
  if (e == 0 || (Entry.expires(e) && expireNow(database, slot, e, false))) return 0;
  return e;
}

/** The key's entry for a command that will write, or 0; an expired one is deleted first. */
export function lookupWrite(database: Database, slot: u32, key: usize, length: u32): usize {
  const e = find(database, slot, key, length);
  if (e == 0 || (Entry.expires(e) && expireNow(database, slot, e, true))) return 0;
  if ((clientFlags & ClientFlag.NoTouch) == 0) Access.stamp(e);
  return e;
}

/** Deletes what a command will write if it has expired. That is no use of the key: its access clock stays. */
export function expireForWrite(database: Database, slot: u32, key: usize, length: u32): void {
  const e = find(database, slot, key, length);
  if (e != 0 && Entry.expires(e)) expireNow(database, slot, e, true);
}

/**
 * Whether the entry just found counts as missing because it has expired. A primary deletes it and says so in the
 * journal; a replica only hides it and waits for its primary's DEL, except for writes of its own
 * (`replica-read-only no`); what comes from the primary sees the key as it is.
 */
function expireNow(database: Database, slot: u32, e: usize, forWrite: bool): bool {
  if (Entry.expireAt(e) >= now) return false;
  if ((clientFlags & ClientFlag.Internal) != 0) return false;
  if (isReplica) {
    if ((clientFlags & ClientFlag.Primary) != 0) return false;
    if (!forWrite) return true;
  }
  if ((gates & (Gate.PauseWrites | Gate.PauseAll)) != 0) return true;
  // Writes have made room in the journal before; for a read the key can wait.
  if (!forWrite && !Journal.reserve(Entry.keyLength(e))) return true;
  deleteExpired(database, slot, e);
  return true;
}

/** Deletes the entry just found, which has expired, and journals that. */
export function deleteExpired(database: Database, slot: u32, e: usize): void {
  const key = Entry.keyPtr(e);
  const length = Entry.keyLength(e);
  if (Journal.begin(database.index, 2)) {
    Journal.word(Settings.on(Setting.LazyExpire) ? "UNLINK" : "DEL");
    Journal.bytes(key, length);
  }
  Stats.add(Stat.ExpiredKeys, 1);
  Stats.add(Stat.Dirty, 1);
  const kept = beforeRemoval(database, slot, e, true);
  signalGone(database, e);
  notify(Notify.Expired, "expired", database.index, key, length);
  removeFound(database, slot);
  if (!kept) freeEntry(e);
}

/** Says that the found entry is about to change in place. */
export function willChange(database: Database, slot: u32, e: usize): void {
  if (database.table(slot).interest != 0) beforeChange(database, slot, e);
}

/** Adds an entry for a key that a lookup has just missed; the caller then writes the value. */
export function addEntry(
  database: Database,
  slot: u32,
  key: usize,
  length: u32,
  type: u32,
  encoding: u32,
  expireAt: i64,
  inlineLength: u32,
): usize {
  if (database.table(slot).interest != 0) beforeAddition(database, slot, key, length);
  const clock = lfuOn ? freshClock() : lruSeconds;
  const e = newEntry(key, length, type, encoding, expireAt, inlineLength, clock);
  insertSearched(database, slot, e);
  notify(Notify.New, "new", database.index, key, length);
  return e;
}

/** Puts a whole entry under its key, which `find` has just missed (RENAME, MOVE, COPY, RESTORE). */
export function insertEntry(database: Database, slot: u32, e: usize): void {
  const key = Entry.keyPtr(e);
  const length = Entry.keyLength(e);
  if (database.table(slot).interest != 0) beforeAddition(database, slot, key, length);
  insertSearched(database, slot, e);
  signalReady(database.index, Entry.type(e), key, length);
  notify(Notify.New, "new", database.index, key, length);
}

/**
 * Gives the entry just found another shape, keeping the first `keepInline` bytes of an inline value; a raw
 * string stays where raw follows raw, any other pointed-to value is freed. The caller then writes the value.
 * Answers the entry's new address.
 */
export function reshapeFound(
  database: Database,
  slot: u32,
  e: usize,
  type: u32,
  encoding: u32,
  expireAt: i64,
  inlineLength: u32,
  keepInline: u32,
): usize {
  willChange(database, slot, e);
  signalGone(database, e);
  if (encoding != Encoding.Raw || Entry.encoding(e) != Encoding.Raw) freeValue(e);
  const target = reshape(e, type, encoding, expireAt, inlineLength, keepInline);
  replaceFound(database, slot, target);
  return target;
}

/** Sets (or, below 0, removes) the expiry of the entry just found. */
export function setExpiry(database: Database, slot: u32, e: usize, expireAt: i64): void {
  willChange(database, slot, e);
  const target = withExpiry(e, expireAt);
  replaceFound(database, slot, target);
}

/** Who reads a stream as a member of a group is to know that it has gone. */
function signalGone(database: Database, e: usize): void {
  if (Entry.type(e) != ValueType.Stream) return;
  signalReady(database.index, ValueType.Stream, Entry.keyPtr(e), Entry.keyLength(e));
}

/** Deletes the entry just found. */
export function deleteFound(database: Database, slot: u32, e: usize): void {
  const kept = database.table(slot).interest != 0 && beforeRemoval(database, slot, e, false);
  signalGone(database, e);
  removeFound(database, slot);
  if (!kept) freeEntry(e);
}

/** Takes the entry just found out without freeing it (RENAME, MOVE). */
export function detachFound(database: Database, slot: u32, e: usize): void {
  willChange(database, slot, e);
  signalGone(database, e);
  removeFound(database, slot);
  Entry.setMark(e, 0);
}

export function expiryOf(e: usize): i64 {
  return Entry.expires(e) ? Entry.expireAt(e) : -1;
}

/** Whether the entry holds a string. */
export function isString(e: usize): bool {
  return Entry.type(e) == ValueType.String;
}
