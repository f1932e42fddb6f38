/** A set that a command makes to answer or to store, and replies of whole sets. */
import { Encoding, Notify, ValueType } from "../abi";
import { replyLost, Settings } from "../base/frame";
import { canAllocate } from "../base/memory";
import { Journal } from "../journal";
import { Database, find } from "../keyspace/database";
import { Entry, setPointer } from "../keyspace/entry";
import { addEntry, deleteFound, lookupWrite, reshapeFound } from "../keyspace/keyspace";
import { notify } from "../keyspace/notify";
import { replyBulk, replyInt, replySet } from "../protocol/reply";
import { Setting } from "../settings";
import {
  Member,
  SetValue,
  setCanInsert,
  setCount,
  setFreeSome,
  setHas,
  setInsertSearched,
  setNew,
  setNext,
  setRemoveFound,
} from "../structures/set-value";
import { Writes } from "./writes";

/** The set in the making. There is one at a time; it begins as an array of integers, as in Redis. */
export class SetResult {
  static encoding: u32 = 0;
  static ptr: usize = 0;

  /** An empty set. False: memory does not suffice even for that. */
  static begin(): bool {
    if (!canAllocate(64)) return false;
    SetResult.encoding = Encoding.IntSet;
    SetResult.ptr = setNew(Encoding.IntSet);
    return true;
  }

  static count(): u32 {
    return setCount(SetResult.encoding, SetResult.ptr);
  }

  static has(member: usize, length: u32): bool {
    return setHas(SetResult.encoding, SetResult.ptr, member, length);
  }

  /** Adds the member where it is not there yet. False: memory does not suffice, and the set is gone. */
  static add(member: usize, length: u32): bool {
    if (SetResult.has(member, length)) return true;
    if (!setCanInsert(SetResult.encoding, SetResult.ptr, length)) {
      SetResult.drop();
      return false;
    }
    setInsertSearched(SetResult.encoding, SetResult.ptr, member, length);
    SetResult.encoding = SetValue.encoding;
    SetResult.ptr = SetValue.ptr;
    return true;
  }

  static remove(member: usize, length: u32): void {
    if (!SetResult.has(member, length)) return;
    SetResult.ptr = setRemoveFound(SetResult.encoding, SetResult.ptr);
  }

  /** Replies the members, without a header. */
  static reply(): void {
    replyEach(SetResult.encoding, SetResult.ptr);
  }

  /** Hands the set over. */
  static take(): usize {
    const ptr = SetResult.ptr;
    SetResult.ptr = 0;
    return ptr;
  }

  static drop(): void {
    setFreeSome(SetResult.encoding, SetResult.take(), u32.MAX_VALUE);
  }

  /** Replies the set and drops it. */
  static answer(): void {
    replySet(SetResult.count());
    SetResult.reply();
    SetResult.drop();
  }

  /** Puts the set under a key, whatever was there, or deletes the key where the set is empty; replies its size. */
  static store(database: Database, slot: u32, key: usize, length: u32, event: string): void {
    const count = SetResult.count();
    if (count == 0) {
      SetResult.drop();
      deleteStored(database, slot, key, length);
      return;
    }
    let e = lookupWrite(database, slot, key, length);
    const encoding = SetResult.encoding;
    if (e == 0) e = addEntry(database, slot, key, length, ValueType.Set, encoding, -1, 0);
    else e = reshapeFound(database, slot, e, ValueType.Set, encoding, -1, 0, 0);
    setPointer(e, encoding, SetResult.take());
    notify(Notify.Set, event, database.index, key, length);
    Writes.one();
    Journal.verbatim(database.index);
    replyInt(count);
  }
}

/** The result is empty: deletes the key that it was for. */
export function deleteStored(database: Database, slot: u32, key: usize, length: u32): void {
  const e = find(database, slot, key, length);
  if (e != 0) {
    deleteFound(database, slot, e);
    notify(Notify.Generic, "del", database.index, key, length);
    Writes.one();
    Journal.verbatim(database.index);
  }
  replyInt(0);
}

function replyEach(encoding: u32, ptr: usize): void {
  let more = setNext(encoding, ptr, 0);
  for (; more && !replyLost; more = setNext(encoding, ptr, Member.at)) {
    replyBulk(Member.ptr, Member.length);
  }
}

/** Replies all members of an entry's set, without a header. */
export function replyWalk(e: usize): void {
  replyEach(Entry.encoding(e), Entry.pointer(e));
}

/** Replies an entry's set as the union of one set: sorted where all members are integers that fit an array. */
export function replyMembers(e: usize): void {
  const encoding = Entry.encoding(e);
  const ptr = Entry.pointer(e);
  const count = setCount(encoding, ptr);
  if (
    encoding == <u32>Encoding.HashTable &&
    <f64>count <= Settings.value(Setting.SetMaxIntsetEntries)
  ) {
    let added = SetResult.begin();
    let more = setNext(encoding, ptr, 0);
    for (; more && added; more = setNext(encoding, ptr, Member.at)) {
      added = SetResult.add(Member.ptr, Member.length);
      if (added && SetResult.encoding != <u32>Encoding.IntSet) break;
    }
    if (added && SetResult.encoding == <u32>Encoding.IntSet) {
      SetResult.answer();
      return;
    }
    if (added) SetResult.drop();
  }
  replySet(count);
  replyWalk(e);
}
