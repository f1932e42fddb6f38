/** Commands on keys of any type. Behaviour: Redis 7.0 db.c. */
import { Notify, ValueType } from "../abi";
import { equalsWord } from "../base/bytes";
import { Arg, argc, clusterEnabled, slot } from "../base/frame";
import { Journal } from "../journal";
import { databaseAt, find } from "../keyspace/database";
import { duplicate, Entry, renamed } from "../keyspace/entry";
import {
  currentDatabase,
  deleteFound,
  detachFound,
  freshClock,
  insertEntry,
  lookupQuietly,
  lookupRead,
  lookupWrite,
  slotOf,
} from "../keyspace/keyspace";
import { notify } from "../keyspace/notify";
import {
  replyError,
  replyInt,
  replyOk,
  replyOutOfMemory,
  replySimple,
  replySyntaxError,
} from "../protocol/reply";
import { parseDatabase } from "./databases";
import { Writes } from "./writes";

export function del(): void {
  const database = currentDatabase();
  let count: u32 = 0;
  for (let i: u32 = 1; i < argc; i++) {
    const key = Arg.ptr(i);
    const length = Arg.length(i);
    const keySlot = i == 1 ? slot : slotOf(key, length);
    const e = lookupWrite(database, keySlot, key, length);
    if (e == 0) continue;
    deleteFound(database, keySlot, e);
    notify(Notify.Generic, "del", database.index, key, length);
    count++;
  }
  if (count > 0) {
    Writes.many(count);
    Journal.verbatim(database.index);
  }
  replyInt(count);
}

/** EXISTS, and TOUCH, which stamps the access clock of what it finds. */
export function exists(stamps: bool): void {
  const database = currentDatabase();
  let count: u32 = 0;
  for (let i: u32 = 1; i < argc; i++) {
    const key = Arg.ptr(i);
    const length = Arg.length(i);
    const keySlot = i == 1 ? slot : slotOf(key, length);
    const e = stamps
      ? lookupRead(database, keySlot, key, length)
      : lookupQuietly(database, keySlot, key, length);
    if (e != 0) count++;
  }
  replyInt(count);
}

export function typeName(type: u32): string {
  switch (type) {
    case ValueType.String:
      return "string";
    case ValueType.List:
      return "list";
    case ValueType.Set:
      return "set";
    case ValueType.SortedSet:
      return "zset";
    case ValueType.Hash:
      return "hash";
    case ValueType.Stream:
      return "stream";
    default:
      return unreachable();
  }
}

export function type(): void {
  const e = lookupQuietly(currentDatabase(), slot, Arg.ptr(1), Arg.length(1));
  replySimple(e == 0 ? "none" : typeName(Entry.type(e)));
}

// Moving keys.

function sameArguments(a: u32, b: u32): bool {
  return (
    Arg.length(a) == Arg.length(b) && memory.compare(Arg.ptr(a), Arg.ptr(b), Arg.length(a)) == 0
  );
}

export function rename(onlyNew: bool): void {
  const database = currentDatabase();
  const target = Arg.ptr(2);
  const targetLength = Arg.length(2);
  if (lookupWrite(database, slot, Arg.ptr(1), Arg.length(1)) == 0) {
    replyError("ERR no such key");
    return;
  }
  if (sameArguments(1, 2)) {
    if (onlyNew) replyInt(0);
    else replyOk();
    return;
  }
  const targetSlot = slotOf(target, targetLength);
  const occupant = lookupWrite(database, targetSlot, target, targetLength);
  if (occupant != 0) {
    if (onlyNew) {
      replyInt(0);
      return;
    }
    deleteFound(database, targetSlot, occupant);
  }
  const e = find(database, slot, Arg.ptr(1), Arg.length(1));
  detachFound(database, slot, e);
  find(database, targetSlot, target, targetLength);
  insertEntry(database, targetSlot, renamed(e, target, targetLength));
  notify(Notify.Generic, "rename_from", database.index, Arg.ptr(1), Arg.length(1));
  notify(Notify.Generic, "rename_to", database.index, target, targetLength);
  Writes.one();
  Journal.verbatim(database.index);
  if (onlyNew) replyInt(1);
  else replyOk();
}

export function copy(): void {
  let replace = false;
  const source = currentDatabase();
  let targetIndex = <i32>source.index;
  for (let i: u32 = 3; i < argc; i++) {
    if (equalsWord(Arg.ptr(i), Arg.length(i), "replace")) replace = true;
    else if (equalsWord(Arg.ptr(i), Arg.length(i), "db") && i + 1 < argc) {
      targetIndex = parseDatabase(++i);
      if (targetIndex < 0) return;
    } else {
      replySyntaxError();
      return;
    }
  }
  if (clusterEnabled && (source.index != 0 || targetIndex != 0)) {
    replyError("ERR Copying to another database is not allowed in cluster mode");
    return;
  }
  const database = databaseAt(targetIndex);
  if (database == source && sameArguments(1, 2)) {
    replyError("ERR source and destination objects are the same");
    return;
  }
  const key = Arg.ptr(2);
  const length = Arg.length(2);
  if (lookupRead(source, slot, Arg.ptr(1), Arg.length(1)) == 0) {
    replyInt(0);
    return;
  }
  const targetSlot = slotOf(key, length);
  const occupant = lookupWrite(database, targetSlot, key, length);
  if (occupant != 0) {
    if (!replace) {
      replyInt(0);
      return;
    }
  }
  const e = find(source, slot, Arg.ptr(1), Arg.length(1));
  const made = duplicate(e, key, length);
  if (made == 0) {
    replyOutOfMemory();
    return;
  }
  if (occupant != 0) {
    deleteFound(database, targetSlot, find(database, targetSlot, key, length));
  }
  Entry.setClock(made, freshClock());
  find(database, targetSlot, key, length);
  insertEntry(database, targetSlot, made);
  notify(Notify.Generic, "copy_to", database.index, key, length);
  Writes.one();
  Journal.verbatim(source.index);
  replyInt(1);
}

export function move(): void {
  if (clusterEnabled) {
    replyError("ERR MOVE is not allowed in cluster mode");
    return;
  }
  const index = parseDatabase(2);
  if (index < 0) return;
  const source = currentDatabase();
  const target = databaseAt(index);
  if (source == target) {
    replyError("ERR source and destination objects are the same");
    return;
  }
  const key = Arg.ptr(1);
  const length = Arg.length(1);
  if (lookupWrite(source, slot, key, length) == 0 || lookupWrite(target, slot, key, length) != 0) {
    replyInt(0);
    return;
  }
  const e = find(source, slot, key, length);
  detachFound(source, slot, e);
  find(target, slot, key, length);
  insertEntry(target, slot, e);
  notify(Notify.Generic, "move_from", source.index, key, length);
  notify(Notify.Generic, "move_to", target.index, key, length);
  Writes.one();
  Journal.verbatim(source.index);
  replyInt(1);
}
