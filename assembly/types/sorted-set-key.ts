/** Sorted sets and their keys: opening, writing back, storing results, deleting what has become empty. */
import { Encoding, Notify, ValueType } from "../abi";
import { Arg, Settings, slot } from "../base/frame";
import { Journal } from "../journal";
import { signalReady } from "../keyspace/blocking";
import { Database, find } from "../keyspace/database";
import { Entry, setPointer } from "../keyspace/entry";
import {
  addEntry,
  currentDatabase,
  deleteFound,
  lookupRead,
  lookupWrite,
  reshapeFound,
  slotOf,
} from "../keyspace/keyspace";
import { notify } from "../keyspace/notify";
import { replyWrongType } from "../protocol/reply";
import { Setting } from "../settings";
import { Z } from "../structures/sorted-set";
import { Writes } from "./writes";

/** Takes the entry's set in hand; false after WRONGTYPE. */
export function openEntry(e: usize): bool {
  if (Entry.type(e) != <u32>ValueType.SortedSet) {
    replyWrongType();
    return false;
  }
  Z.open(Entry.encoding(e), Entry.pointer(e));
  return true;
}

/** What `openKey` has found. */
export enum Opened {
  /** There is no such key. */
  Missing = 0,
  Set = 1,
  /** The error was replied. */
  Wrong = 2,
}

/** The entry that `openKey` has found. */
export let opened: usize = 0;

/** Takes the set of the command's first key in hand. */
export function openKey(argument: u32, write: bool): Opened {
  const database = currentDatabase();
  const key = Arg.ptr(argument);
  const length = Arg.length(argument);
  opened = write
    ? lookupWrite(database, slot, key, length)
    : lookupRead(database, slot, key, length);
  if (opened == 0) return Opened.Missing;
  return openEntry(opened) ? Opened.Set : Opened.Wrong;
}

/** Adds to the set in hand under the limits of the settings; `Z.find` has just missed the member. */
export function addMember(member: usize, length: u32, score: f64): bool {
  return Z.add(
    member,
    length,
    score,
    Settings.value(Setting.ZsetMaxListpackEntries),
    Settings.value(Setting.ZsetMaxListpackValue),
  );
}

/** Puts the set in hand, a new one, under a key that a lookup has just missed. */
export function addKey(database: Database, slot: u32, key: usize, length: u32): void {
  const e = addEntry(database, slot, key, length, ValueType.SortedSet, Z.encoding, -1, 0);
  setPointer(e, Z.encoding, Z.ptr);
  signalReady(database.index, ValueType.SortedSet, key, length);
}

/** Writes back what has become of the entry's set in hand; true: it was empty, and the key is gone. */
export function closeEntry(database: Database, slot: u32, e: usize): bool {
  setPointer(e, Z.encoding, Z.ptr);
  if (Z.count() != 0) return false;
  const found = find(database, slot, Entry.keyPtr(e), Entry.keyLength(e));
  deleteFound(database, slot, found);
  return true;
}

/** Puts the set in hand, a new one, under the key of the argument, whatever that held. True: it held something. */
export function storeSet(argument: u32, event: string): bool {
  const database = currentDatabase();
  const key = Arg.ptr(argument);
  const length = Arg.length(argument);
  const keySlot = slotOf(key, length);
  const e = lookupWrite(database, keySlot, key, length);
  if (e == 0) addKey(database, keySlot, key, length);
  else {
    const target = reshapeFound(
      database,
      keySlot,
      e,
      ValueType.SortedSet,
      Encoding.SkipList,
      -1,
      0,
      0,
    );
    // Redis 7.0 lets nobody go where a key was there before, whatever its type (dbOverwrite).
    setPointer(target, Z.encoding, Z.ptr);
  }
  notify(Notify.SortedSet, event, database.index, key, length);
  return e != 0;
}

/** Deletes the key of the argument, where an empty result was to be stored; false: there was none. */
export function deleteTarget(argument: u32): bool {
  const database = currentDatabase();
  const key = Arg.ptr(argument);
  const length = Arg.length(argument);
  const keySlot = slotOf(key, length);
  const e = lookupWrite(database, keySlot, key, length);
  if (e == 0) return false;
  deleteFound(database, keySlot, e);
  notify(Notify.Generic, "del", database.index, key, length);
  return true;
}

/** After members of the first key's set in hand were removed: the key goes with the last one. */
export function finishRemoval(e: usize, deleted: u32, event: string): void {
  const database = currentDatabase();
  const gone = closeEntry(database, slot, e);
  notify(Notify.SortedSet, event, database.index, Arg.ptr(1), Arg.length(1));
  if (gone) notify(Notify.Generic, "del", database.index, Arg.ptr(1), Arg.length(1));
  Writes.many(deleted);
  Journal.verbatim(database.index);
}
