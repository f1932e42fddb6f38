/** String commands. Behaviour: Redis 7.0 t_string.c. */
import { ClientFlag, Encoding, Notify, ValueType } from "../abi";
import { Arg, argc, clientFlags, isReplica, journalOn, now, Settings, slot } from "../base/frame";
import { canAllocate } from "../base/memory";
import { Journal } from "../journal";
import { Database, find } from "../keyspace/database";
import { Entry } from "../keyspace/entry";
import {
  addEntry,
  currentDatabase,
  deleteFound,
  expireForWrite,
  expiryOf,
  isString,
  lookupRead,
  lookupWrite,
  setExpiry,
  slotOf,
} from "../keyspace/keyspace";
import { notify } from "../keyspace/notify";
import { growString, setString, stringLength, View, view } from "../keyspace/string-value";
import { parsedInt64, parseInt64 } from "../protocol/number";
import {
  replyArray,
  replyBulk,
  replyError,
  replyInt,
  replyNotInteger,
  replyNull,
  replyOk,
  replyOutOfMemory,
  replyTooLong,
  replyWrongType,
} from "../protocol/reply";
import { Setting } from "../settings";
import { expiryArgument, Option, options, parseExpiry, parseOptions } from "./string-options";
import { Writes } from "./writes";

function notifyKey(kind: Notify, event: string, database: Database): void {
  notify(kind, event, database.index, Arg.ptr(1), Arg.length(1));
}

/** SET in the form that replicas get: the time absolute, conditions gone as they held. */
function journalSet(database: Database, value: u32, expireAt: i64, keepTtl: bool): void {
  const count: u32 = expireAt >= 0 ? 5 : keepTtl ? 4 : 3;
  if (!Journal.begin(database.index, count)) return;
  Journal.word("SET");
  Journal.bytes(Arg.ptr(1), Arg.length(1));
  Journal.bytes(Arg.ptr(value), Arg.length(value));
  if (expireAt >= 0) {
    Journal.word("PXAT");
    Journal.int(expireAt);
  } else if (keepTtl) Journal.word("KEEPTTL");
}

export function set(): void {
  if (argc == 3) {
    const database = currentDatabase();
    const e = lookupWrite(database, slot, Arg.ptr(1), Arg.length(1));
    setString(database, slot, Arg.ptr(1), Arg.length(1), e, Arg.ptr(2), Arg.length(2), -1);
    notifyKey(Notify.String, "set", database);
    Writes.one();
    journalSet(database, 2, -1, false);
    replyOk();
    return;
  }
  if (!parseOptions(3, true)) return;
  let expireAt: i64 = -1;
  if ((options & Option.Expiry) != 0) {
    expireAt = parseExpiry(expiryArgument, options, "set");
    if (expireAt < 0) return;
  }
  const database = currentDatabase();
  const withGet = (options & Option.Get) != 0;
  let e: usize = 0;
  if (withGet) {
    e = lookupRead(database, slot, Arg.ptr(1), Arg.length(1));
    if (e != 0 && !isString(e)) {
      replyWrongType();
      return;
    }
    replyValue(e);
  }
  e = lookupWrite(database, slot, Arg.ptr(1), Arg.length(1));
  const refused =
    ((options & Option.IfMissing) != 0 && e != 0) || ((options & Option.IfPresent) != 0 && e == 0);
  if (refused) {
    if (!withGet) replyNull();
    return;
  }
  const keepTtl = (options & Option.KeepTtl) != 0;
  const stored = keepTtl && e != 0 ? expiryOf(e) : expireAt;
  setString(database, slot, Arg.ptr(1), Arg.length(1), e, Arg.ptr(2), Arg.length(2), stored);
  notifyKey(Notify.String, "set", database);
  if (expireAt >= 0) notifyKey(Notify.Generic, "expire", database);
  Writes.one();
  journalSet(database, 2, expireAt, keepTtl);
  if (!withGet) replyOk();
}

function replyValue(e: usize): void {
  if (e == 0) {
    replyNull();
    return;
  }
  view(e, 0);
  replyBulk(View.ptr, View.length);
}

export function setNx(): void {
  const database = currentDatabase();
  const e = lookupWrite(database, slot, Arg.ptr(1), Arg.length(1));
  if (e != 0) {
    replyInt(0);
    return;
  }
  setString(database, slot, Arg.ptr(1), Arg.length(1), 0, Arg.ptr(2), Arg.length(2), -1);
  notifyKey(Notify.String, "set", database);
  Writes.one();
  journalSet(database, 2, -1, false);
  replyInt(1);
}

export function setEx(seconds: bool): void {
  const kind = seconds ? Option.Seconds : Option.None;
  const expireAt = parseExpiry(2, kind, seconds ? "setex" : "psetex");
  if (expireAt < 0) return;
  const database = currentDatabase();
  const e = lookupWrite(database, slot, Arg.ptr(1), Arg.length(1));
  setString(database, slot, Arg.ptr(1), Arg.length(1), e, Arg.ptr(3), Arg.length(3), expireAt);
  notifyKey(Notify.String, "set", database);
  notifyKey(Notify.Generic, "expire", database);
  Writes.one();
  journalSet(database, 3, expireAt, false);
  replyOk();
}

// Reading.

export function get(): void {
  const e = lookupRead(currentDatabase(), slot, Arg.ptr(1), Arg.length(1));
  if (e != 0 && !isString(e)) {
    replyWrongType();
    return;
  }
  replyValue(e);
}

export function getSet(): void {
  const database = currentDatabase();
  const read = lookupRead(database, slot, Arg.ptr(1), Arg.length(1));
  if (read != 0 && !isString(read)) {
    replyWrongType();
    return;
  }
  replyValue(read);
  const e = lookupWrite(database, slot, Arg.ptr(1), Arg.length(1));
  setString(database, slot, Arg.ptr(1), Arg.length(1), e, Arg.ptr(2), Arg.length(2), -1);
  notifyKey(Notify.String, "set", database);
  Writes.one();
  journalSet(database, 2, -1, false);
}

export function getDel(): void {
  const database = currentDatabase();
  const e = lookupRead(database, slot, Arg.ptr(1), Arg.length(1));
  if (e != 0 && !isString(e)) {
    replyWrongType();
    return;
  }
  replyValue(e);
  if (e == 0) return;
  deleteFound(database, slot, e);
  notifyKey(Notify.Generic, "del", database);
  Writes.one();
  if (Journal.begin(database.index, 2)) {
    Journal.word("DEL");
    Journal.bytes(Arg.ptr(1), Arg.length(1));
  }
}

export function getEx(): void {
  if (!parseOptions(2, false)) return;
  const database = currentDatabase();
  const e = lookupRead(database, slot, Arg.ptr(1), Arg.length(1));
  if (e == 0) {
    replyNull();
    return;
  }
  if (!isString(e)) {
    replyWrongType();
    return;
  }
  let expireAt: i64 = -1;
  if ((options & Option.Expiry) != 0) {
    expireAt = parseExpiry(expiryArgument, options, "getex");
    if (expireAt < 0) return;
  }
  replyValue(e);
  if ((options & Option.Expiry) != 0) {
    applyExpiry(database, slot, e, expireAt, (options & Option.Absolute) != 0);
  } else if ((options & Option.Persist) != 0 && Entry.expires(e)) {
    setExpiry(database, slot, e, -1);
    notifyKey(Notify.Generic, "persist", database);
    Writes.one();
    if (Journal.begin(database.index, 2)) {
      Journal.word("PERSIST");
      Journal.bytes(Arg.ptr(1), Arg.length(1));
    }
  }
}

/** Gives the found key its expiry; a point in the past deletes it. The first argument is the key. */
function applyExpiry(database: Database, slot: u32, e: usize, expireAt: i64, absolute: bool): void {
  Writes.one();
  if (absolute && expireAt <= now && !isReplica) {
    deleteFound(database, slot, e);
    notifyKey(Notify.Generic, "del", database);
    if (!Journal.begin(database.index, 2)) return;
    Journal.word(Settings.on(Setting.LazyExpire) ? "UNLINK" : "DEL");
    Journal.bytes(Arg.ptr(1), Arg.length(1));
    return;
  }
  setExpiry(database, slot, e, expireAt);
  notifyKey(Notify.Generic, "expire", database);
  if (!Journal.begin(database.index, 3)) return;
  Journal.word("PEXPIREAT");
  Journal.bytes(Arg.ptr(1), Arg.length(1));
  Journal.int(expireAt);
}

export function strLen(): void {
  const e = lookupRead(currentDatabase(), slot, Arg.ptr(1), Arg.length(1));
  if (e == 0) replyInt(0);
  else if (!isString(e)) replyWrongType();
  else replyInt(stringLength(e));
}

export function getRange(): void {
  if (!parseInt64(Arg.ptr(2), <i32>Arg.length(2))) {
    replyNotInteger();
    return;
  }
  let start = parsedInt64();
  if (!parseInt64(Arg.ptr(3), <i32>Arg.length(3))) {
    replyNotInteger();
    return;
  }
  let end = parsedInt64();
  const e = lookupRead(currentDatabase(), slot, Arg.ptr(1), Arg.length(1));
  if (e == 0) {
    replyBulk(0, 0);
    return;
  }
  if (!isString(e)) {
    replyWrongType();
    return;
  }
  view(e, 0);
  const length = <i64>View.length;
  if (start < 0 && end < 0 && start > end) {
    replyBulk(0, 0);
    return;
  }
  if (start < 0) start = max<i64>(start + length, 0);
  if (end < 0) end = max<i64>(end + length, 0);
  if (end >= length) end = length - 1;
  if (start > end || length == 0) replyBulk(0, 0);
  else replyBulk(View.ptr + <usize>start, <u32>(end - start + 1));
}

export function mGet(): void {
  const database = currentDatabase();
  replyArray(argc - 1);
  for (let i: u32 = 1; i < argc; i++) {
    const key = Arg.ptr(i);
    const length = Arg.length(i);
    const e = lookupRead(database, i == 1 ? slot : slotOf(key, length), key, length);
    if (e == 0 || !isString(e)) replyNull();
    else replyValue(e);
  }
}

// Several keys.

export function mSet(onlyNew: bool): void {
  if ((argc & 1) == 0) {
    replyError(
      onlyNew
        ? "ERR wrong number of arguments for 'msetnx' command"
        : "ERR wrong number of arguments for 'mset' command",
    );
    return;
  }
  const database = currentDatabase();
  if (onlyNew) {
    for (let i: u32 = 1; i < argc; i += 2) {
      const key = Arg.ptr(i);
      if (lookupWrite(database, slotOf(key, Arg.length(i)), key, Arg.length(i)) != 0) {
        replyInt(0);
        return;
      }
    }
  } else if (journalOn) {
    // The DEL of a key that has expired must stand in the journal before the MSET.
    for (let i: u32 = 1; i < argc; i += 2) {
      const key = Arg.ptr(i);
      expireForWrite(database, slotOf(key, Arg.length(i)), key, Arg.length(i));
    }
  }
  // Journalled before it runs, as values that came in allocations of their own are taken over.
  Journal.verbatim(database.index);
  for (let i: u32 = 1; i < argc; i += 2) {
    const key = Arg.ptr(i);
    const length = Arg.length(i);
    const keySlot = slotOf(key, length);
    const e = lookupWrite(database, keySlot, key, length);
    setString(database, keySlot, key, length, e, Arg.ptr(i + 1), Arg.length(i + 1), -1);
    notify(Notify.String, "set", database.index, key, length);
  }
  Writes.many((argc - 1) >> 1);
  if (onlyNew) replyInt(1);
  else replyOk();
}

// Changing in place.

/** No string grows beyond this: addresses have 32 bits, and growing needs the old and the new one. */
export const LENGTH_MAX: f64 = 1610612736;

/** Refuses strings longer than proto-max-bulk-len, as Redis's checkStringLength. */
function checkLength(size: i64, added: i64): bool {
  const total = size + added;
  const obeys = (clientFlags & ClientFlag.Primary) != 0;
  const most = obeys ? LENGTH_MAX : Settings.value(Setting.ProtoMaxBulkLength);
  if (total >= size && <f64>total <= min<f64>(most, LENGTH_MAX)) return true;
  replyTooLong();
  return false;
}

export function append(): void {
  const database = currentDatabase();
  const key = Arg.ptr(1);
  const added = Arg.length(2);
  const e = lookupWrite(database, slot, key, Arg.length(1));
  let total = added;
  if (e == 0) {
    Journal.verbatim(database.index);
    setString(database, slot, key, Arg.length(1), 0, Arg.ptr(2), added, -1);
  } else {
    if (!isString(e)) {
      replyWrongType();
      return;
    }
    const had = stringLength(e);
    if (!checkLength(had, added)) return;
    total = had + added;
    const ptr = growString(database, slot, e, total);
    if (ptr == 0) {
      replyOutOfMemory();
      return;
    }
    memory.copy(ptr + had, Arg.ptr(2), added);
    Journal.verbatim(database.index);
  }
  notifyKey(Notify.String, "append", database);
  Writes.one();
  replyInt(total);
}

export function setRange(): void {
  if (!parseInt64(Arg.ptr(2), <i32>Arg.length(2))) {
    replyNotInteger();
    return;
  }
  const offset = parsedInt64();
  if (offset < 0) {
    replyError("ERR offset is out of range");
    return;
  }
  const database = currentDatabase();
  const added = Arg.length(3);
  let e = lookupWrite(database, slot, Arg.ptr(1), Arg.length(1));
  if (e != 0 && !isString(e)) {
    replyWrongType();
    return;
  }
  const had = e == 0 ? 0 : stringLength(e);
  if (added == 0) {
    replyInt(had);
    return;
  }
  if (!checkLength(offset, added)) return;
  const length = max(had, <u32>offset + added);
  if (!canAllocate(<usize>length * 2)) {
    replyOutOfMemory();
    return;
  }
  if (e == 0) {
    e = addEntry(
      database,
      slot,
      Arg.ptr(1),
      Arg.length(1),
      ValueType.String,
      Encoding.InlineRaw,
      -1,
      0,
    );
    find(database, slot, Arg.ptr(1), Arg.length(1));
  }
  const ptr = growString(database, slot, e, length);
  if (ptr == 0) {
    replyOutOfMemory();
    return;
  }
  memory.copy(ptr + <usize>offset, Arg.ptr(3), added);
  Journal.verbatim(database.index);
  notifyKey(Notify.String, "setrange", database);
  Writes.one();
  replyInt(length);
}
