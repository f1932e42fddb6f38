/** How long fields of hashes live. Behaviour: Redis 7.4 t_hash.c. */
import { ClientFlag, Notify, ValueType } from "../abi";
import { equalsWord } from "../base/bytes";
import { Arg, argc, clientFlags, isReplica, journalOn, now, slot } from "../base/frame";
import { Journal } from "../journal";
import { Database, noteFieldExpiry } from "../keyspace/database";
import { Entry, setPointer } from "../keyspace/entry";
import { deleteEmptyHash, findField, isVisible } from "../keyspace/field-expiry";
import { currentDatabase, lookupWrite, willChange } from "../keyspace/keyspace";
import { notify } from "../keyspace/notify";
import { parsedInt64, parseInt64 } from "../protocol/number";
import {
  beginError,
  endError,
  errorText,
  replyArray,
  replyError,
  replyInt,
  replyNotInteger,
  replyWrongType,
} from "../protocol/reply";
import { Hash } from "../structures/hash-fields";
import { openHash, refused } from "./hash-read";
import { Writes } from "./writes";

/** What is answered for each field. */
enum Outcome {
  NoField = -2,
  NoExpiry = -1,
  ConditionUnmet = 0,
  Done = 1,
  /** The time has passed: the field is gone. */
  Deleted = 2,
}

enum Condition {
  None = 0,
  IfNone = 1,
  IfSome = 2,
  IfLater = 3,
  IfEarlier = 4,
}

/** The latest time that a field may expire at: two bits of 48 are kept back (HFE_MAX_ABS_TIME_MSEC). */
const LATEST: i64 = (1 << 46) - 1;

function conditionAt(argument: u32): Condition {
  const ptr = Arg.ptr(argument);
  const length = Arg.length(argument);
  if (equalsWord(ptr, length, "nx")) return Condition.IfNone;
  if (equalsWord(ptr, length, "xx")) return Condition.IfSome;
  if (equalsWord(ptr, length, "gt")) return Condition.IfLater;
  if (equalsWord(ptr, length, "lt")) return Condition.IfEarlier;
  return Condition.None;
}

/** Reads FIELDS and how many there are, from argument `at` on. False: an error was replied. */
function parseFields(at: u32, forExpire: bool): bool {
  if (at >= argc || !equalsWord(Arg.ptr(at), Arg.length(at), "fields")) {
    replyError("ERR Mandatory argument FIELDS is missing or not at the right position");
    return false;
  }
  const counted = at + 1 < argc && parseInt64(Arg.ptr(at + 1), <i32>Arg.length(at + 1));
  if (!counted || parsedInt64() < 1) {
    replyError(
      forExpire
        ? "ERR Parameter `numFields` should be greater than 0"
        : "ERR Number of fields must be a positive integer",
    );
    return false;
  }
  if (parsedInt64() != <i64>argc - <i64>at - 2) {
    replyError("ERR The `numfields` parameter must match the number of arguments");
    return false;
  }
  return true;
}

/** Reads the time; below 0: an error was replied. */
function parseTime(base: i64, seconds: bool, name: string): i64 {
  if (!parseInt64(Arg.ptr(2), <i32>Arg.length(2))) {
    replyNotInteger();
    return -1;
  }
  const time = parsedInt64();
  if (time < 0) {
    replyError("ERR invalid expire time, must be >= 0");
    return -1;
  }
  const unit: i64 = seconds ? 1000 : 1;
  // 0 is "never" for a field: what is to expire at the beginning of time does so a millisecond later.
  if (time <= LATEST / unit && time * unit <= LATEST - base) return max<i64>(time * unit + base, 1);
  beginError();
  errorText("ERR invalid expire time in '");
  errorText(name);
  errorText("' command");
  endError();
  return -1;
}

/** The entry of the hash for HEXPIRE and HPERSIST, which is open then; 0: there is none. */
function openToExpire(database: Database): usize {
  wrongType = false;
  const e = lookupWrite(database, slot, Arg.ptr(1), Arg.length(1));
  if (e == 0) return 0;
  if (Entry.type(e) != <u32>ValueType.Hash) {
    replyWrongType();
    wrongType = true;
    return 0;
  }
  Hash.open(Entry.encoding(e), Entry.pointer(e));
  return e;
}

let wrongType: bool = false;

function replyNoFields(first: u32): void {
  replyArray(argc - first);
  for (let i = first; i < argc; i++) replyInt(Outcome.NoField);
}

/** HEXPIRE, HPEXPIRE, HEXPIREAT, HPEXPIREAT: `base` is now for distances and 0 for points in time. */
export function hexpire(base: i64, seconds: bool, name: string): void {
  const database = currentDatabase();
  const e = openToExpire(database);
  if (wrongType) return;
  const at = parseTime(base, seconds, name);
  if (at < 0) return;
  const condition = conditionAt(3);
  const word: u32 = condition == Condition.None ? 3 : 4;
  if (!parseFields(word, true)) return;
  const first = word + 2;
  if (e == 0) {
    replyNoFields(first);
    return;
  }
  const passed = at <= now && !isReplica && (clientFlags & ClientFlag.Internal) == 0;
  let updated: u32 = 0;
  let deleted: u32 = 0;
  replyArray(argc - first);
  for (let i = first; i < argc; i++) {
    const outcome = expireField(database, e, i, at, condition, passed, updated + deleted == 0);
    if (outcome == Outcome.Done) updated++;
    else if (outcome == Outcome.Deleted) deleted++;
    replyInt(outcome);
  }
  if (updated > 0) {
    noteFieldExpiry(database, slot, at);
    journalExpiry(database, first, at);
  }
  if (updated + deleted > 0) {
    Writes.many(updated + deleted);
    const event = deleted > 0 ? "hdel" : "hexpire";
    notify(Notify.Hash, event, database.index, Arg.ptr(1), Arg.length(1));
  }
  if (Hash.count() == 0) deleteEmptyHash(database, slot, e);
}

/** Gives one field the expiry, or takes it away where that has passed. */
function expireField(
  database: Database,
  e: usize,
  argument: u32,
  at: i64,
  condition: Condition,
  passed: bool,
  isFirst: bool,
): Outcome {
  const field = Arg.ptr(argument);
  const length = Arg.length(argument);
  if (!findField(database, slot, e, field, length, true)) return Outcome.NoField;
  if (!mayExpire(condition, Hash.expiry(Hash.found), at)) return Outcome.ConditionUnmet;
  if (isFirst) {
    willChange(database, slot, e);
    Hash.find(field, length);
  }
  if (passed) {
    Hash.removeFound();
    if (Journal.begin(database.index, 3)) {
      Journal.word("HDEL");
      Journal.bytes(Arg.ptr(1), Arg.length(1));
      Journal.bytes(field, length);
    }
  } else Hash.expireFound(at);
  setPointer(e, Hash.encoding, Hash.ptr);
  return passed ? Outcome.Deleted : Outcome.Done;
}

function mayExpire(condition: Condition, current: i64, at: i64): bool {
  switch (condition) {
    case Condition.IfNone:
      return current == 0;
    case Condition.IfSome:
      return current != 0;
    case Condition.IfLater:
      return current != 0 && at > current;
    case Condition.IfEarlier:
      return current == 0 || at < current;
    default:
      return true;
  }
}

/** Whether the field at an argument has this expiry now. */
function hasExpiry(argument: u32, at: i64): bool {
  return Hash.find(Arg.ptr(argument), Arg.length(argument)) && Hash.expiry(Hash.found) == at;
}

/** HPEXPIREAT with the fields that have got the expiry. */
function journalExpiry(database: Database, first: u32, at: i64): void {
  if (!journalOn) return;
  let count: u32 = 0;
  for (let i = first; i < argc; i++) if (hasExpiry(i, at)) count++;
  if (count == 0 || !Journal.begin(database.index, count + 5)) return;
  Journal.word("HPEXPIREAT");
  Journal.bytes(Arg.ptr(1), Arg.length(1));
  Journal.int(at);
  Journal.word("FIELDS");
  Journal.int(count);
  for (let i = first; i < argc; i++) {
    if (hasExpiry(i, at)) Journal.bytes(Arg.ptr(i), Arg.length(i));
  }
}

/** HTTL, HPTTL, HEXPIRETIME, HPEXPIRETIME: `base` is now for what is left and 0 for points in time. */
export function fieldTtl(base: i64, seconds: bool): void {
  const e = openHash();
  if (refused || !parseFields(2, false)) return;
  if (e == 0) {
    replyNoFields(4);
    return;
  }
  replyArray(argc - 4);
  for (let i: u32 = 4; i < argc; i++) {
    if (!Hash.find(Arg.ptr(i), Arg.length(i)) || !isVisible(Hash.found)) {
      replyInt(Outcome.NoField);
      continue;
    }
    const at = Hash.expiry(Hash.found);
    if (at == 0) replyInt(Outcome.NoExpiry);
    else replyInt(seconds ? (at - base + 999) / 1000 : at - base);
  }
}

export function hpersist(): void {
  const database = currentDatabase();
  const e = openToExpire(database);
  if (wrongType || !parseFields(2, false)) return;
  if (e == 0) {
    replyNoFields(4);
    return;
  }
  let changed: u32 = 0;
  replyArray(argc - 4);
  for (let i: u32 = 4; i < argc; i++) {
    if (!Hash.find(Arg.ptr(i), Arg.length(i)) || !isVisible(Hash.found)) {
      replyInt(Outcome.NoField);
      continue;
    }
    if (Hash.expiry(Hash.found) == 0) {
      replyInt(Outcome.NoExpiry);
      continue;
    }
    if (changed == 0) {
      willChange(database, slot, e);
      Hash.find(Arg.ptr(i), Arg.length(i));
    }
    Hash.expireFound(0);
    setPointer(e, Hash.encoding, Hash.ptr);
    changed++;
    replyInt(Outcome.Done);
  }
  if (changed == 0) return;
  Writes.one();
  notify(Notify.Hash, "hpersist", database.index, Arg.ptr(1), Arg.length(1));
  Journal.verbatim(database.index);
}
