/** Commands on keys of any type, and on whole databases. Behaviour: Redis 7.0 db.c, expire.c, object.c. */
import { ClientFlag, Encoding, Setting, ValueType } from "../abi";
import { equalsWord } from "../base/bytes";
import { ClientState } from "../base/client";
import {
  Arg,
  argc,
  client,
  clientFlags,
  clusterEnabled,
  isReplica,
  now,
  Settings,
  slot,
} from "../base/frame";
import { canAllocate } from "../base/memory";
import { Journal } from "../journal";
import {
  countDatabases,
  Database,
  databaseAt,
  databaseBytes,
  databaseExists,
  find,
  insertSearched,
  randomEntry,
  swapDatabases,
} from "../keyspace/database";
import { duplicate, Entry, renamed, valueBytes } from "../keyspace/entry";
import { flush } from "../keyspace/flush";
import {
  currentDatabase,
  deleteFound,
  detachFound,
  expiryOf,
  freshClock,
  lfuDecayed,
  lfuPolicy,
  lookupQuietly,
  lookupRead,
  lookupWrite,
  peek,
  setExpiry,
  slotOf,
} from "../keyspace/keyspace";
import { stringLength } from "../keyspace/string-value";
import { beforeWrite, exchangeWatchers, touchDatabase } from "../keyspace/watch";
import { parsedInt64, parseInt64 } from "../protocol/number";
import {
  beginError,
  cTextLength,
  endError,
  errorBytes,
  errorText,
  replyArray,
  replyBulk,
  replyBulkText,
  replyError,
  replyInt,
  replyNotInteger,
  replyNull,
  replyOk,
  replyOutOfMemory,
  replySimple,
  replySyntaxError,
} from "../protocol/reply";
import { Writes } from "./writes";

/** Longest string that Redis keeps inside its value object: OBJECT ENCODING says embstr. */
const EMBEDDED_MAX: u32 = 44;
const SHARED_INTEGERS: i64 = 10000;
const SHARED_REFERENCES: i64 = 2147483647;

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

// Expiry.

enum Condition {
  None = 0,
  IfNone = 1,
  IfSome = 2,
  IfLater = 4,
  IfEarlier = 8,
}

/** Reads NX, XX, GT, LT from argument 3 on; -1 after an error reply. */
function parseConditions(): i32 {
  let bits: i32 = 0;
  for (let i: u32 = 3; i < argc; i++) {
    const ptr = Arg.ptr(i);
    const length = Arg.length(i);
    if (equalsWord(ptr, length, "nx")) bits |= Condition.IfNone;
    else if (equalsWord(ptr, length, "xx")) bits |= Condition.IfSome;
    else if (equalsWord(ptr, length, "gt")) bits |= Condition.IfLater;
    else if (equalsWord(ptr, length, "lt")) bits |= Condition.IfEarlier;
    else {
      beginError();
      errorText("ERR Unsupported option ");
      errorBytes(ptr, cTextLength(ptr, length));
      endError();
      return -1;
    }
  }
  const others = Condition.IfSome | Condition.IfLater | Condition.IfEarlier;
  if ((bits & Condition.IfNone) != 0 && (bits & others) != 0) {
    replyError("ERR NX and XX, GT or LT options at the same time are not compatible");
    return -1;
  }
  if ((bits & Condition.IfLater) != 0 && (bits & Condition.IfEarlier) != 0) {
    replyError("ERR GT and LT options at the same time are not compatible");
    return -1;
  }
  return bits;
}

function replyInvalidExpiry(name: string): void {
  beginError();
  errorText("ERR invalid expire time in '");
  errorText(name);
  errorText("' command");
  endError();
}

/** EXPIRE, PEXPIRE, EXPIREAT, PEXPIREAT: `base` is now for distances and 0 for points in time. */
export function expire(base: i64, seconds: bool, name: string): void {
  const conditions = parseConditions();
  if (conditions < 0) return;
  if (!parseInt64(Arg.ptr(2), <i32>Arg.length(2))) {
    replyNotInteger();
    return;
  }
  let at = parsedInt64();
  if (seconds) {
    if (at > i64.MAX_VALUE / 1000 || at < i64.MIN_VALUE / 1000) {
      replyInvalidExpiry(name);
      return;
    }
    at *= 1000;
  }
  if (at > i64.MAX_VALUE - base) {
    replyInvalidExpiry(name);
    return;
  }
  at += base;
  const database = currentDatabase();
  const e = lookupWrite(database, slot, Arg.ptr(1), Arg.length(1));
  if (e == 0 || !mayExpire(conditions, expiryOf(e), at)) {
    replyInt(0);
    return;
  }
  Writes.one();
  if (at <= now && !isReplica && (clientFlags & ClientFlag.Internal) == 0) {
    deleteFound(database, slot, e);
    if (Journal.begin(database.index, 2)) {
      Journal.word(Settings.on(Setting.LazyExpire) ? "UNLINK" : "DEL");
      Journal.bytes(Arg.ptr(1), Arg.length(1));
    }
    replyInt(1);
    return;
  }
  // The past cannot be told from "none" below zero; time zero is as expired as any.
  setExpiry(database, slot, e, max<i64>(at, 0));
  if (Journal.begin(database.index, 3)) {
    Journal.word("PEXPIREAT");
    Journal.bytes(Arg.ptr(1), Arg.length(1));
    Journal.int(at);
  }
  replyInt(1);
}

function mayExpire(conditions: i32, current: i64, at: i64): bool {
  if ((conditions & Condition.IfNone) != 0 && current >= 0) return false;
  if ((conditions & Condition.IfSome) != 0 && current < 0) return false;
  if ((conditions & Condition.IfLater) != 0 && (current < 0 || at <= current)) return false;
  if ((conditions & Condition.IfEarlier) != 0 && current >= 0 && at >= current) return false;
  return true;
}

/** TTL, PTTL, EXPIRETIME, PEXPIRETIME. */
export function ttl(seconds: bool, absolute: bool): void {
  const e = lookupQuietly(currentDatabase(), slot, Arg.ptr(1), Arg.length(1));
  if (e == 0) {
    replyInt(-2);
    return;
  }
  if (!Entry.expires(e)) {
    replyInt(-1);
    return;
  }
  let left = Entry.expireAt(e);
  if (!absolute) left = max<i64>(left - now, 0);
  // Unsigned: the last half second of time may not wrap.
  replyInt(seconds ? <i64>((<u64>left + 500) / 1000) : left);
}

export function persist(): void {
  const database = currentDatabase();
  const e = lookupWrite(database, slot, Arg.ptr(1), Arg.length(1));
  if (e == 0 || !Entry.expires(e)) {
    replyInt(0);
    return;
  }
  setExpiry(database, slot, e, -1);
  Writes.one();
  Journal.verbatim(database.index);
  replyInt(1);
}

// Moving keys.

function sameArguments(a: u32, b: u32): bool {
  return (
    Arg.length(a) == Arg.length(b) && memory.compare(Arg.ptr(a), Arg.ptr(b), Arg.length(a)) == 0
  );
}

/** Puts a detached or fresh entry under its key, which `find` has just missed. */
function insertFresh(database: Database, slot: u32, e: usize): void {
  if (database.table(slot).interest != 0) {
    beforeWrite(database, slot, Entry.keyPtr(e), Entry.keyLength(e), false);
  }
  insertSearched(database, slot, e);
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
  insertFresh(database, targetSlot, renamed(e, target, targetLength));
  Writes.one();
  Journal.verbatim(database.index);
  if (onlyNew) replyInt(1);
  else replyOk();
}

/** Reads a database number from an argument; -1 after an error reply. */
function parseDatabase(argument: u32): i32 {
  if (!parseInt64(Arg.ptr(argument), <i32>Arg.length(argument))) {
    replyNotInteger();
    return -1;
  }
  const index = parsedInt64();
  if (index < i32.MIN_VALUE || index > i32.MAX_VALUE) {
    replyError("ERR value is out of range, value must between -2147483648 and 2147483647");
    return -1;
  }
  if (index < 0 || index >= <i64>countDatabases()) {
    replyError("ERR DB index is out of range");
    return -1;
  }
  if (!databaseExists(<u32>index) && !canAllocate(databaseBytes())) {
    replyOutOfMemory();
    return -1;
  }
  return <i32>index;
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
  let e = find(source, slot, Arg.ptr(1), Arg.length(1));
  if (!canAllocate(valueBytes(e))) {
    replyOutOfMemory();
    return;
  }
  if (occupant != 0) {
    deleteFound(database, targetSlot, find(database, targetSlot, key, length));
    e = find(source, slot, Arg.ptr(1), Arg.length(1));
  }
  const made = duplicate(e, key, length);
  Entry.setClock(made, freshClock());
  find(database, targetSlot, key, length);
  insertFresh(database, targetSlot, made);
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
  insertFresh(target, slot, e);
  Writes.one();
  Journal.verbatim(source.index);
  replyInt(1);
}

// Databases.

export function select(): void {
  if (!parseInt64(Arg.ptr(1), <i32>Arg.length(1))) {
    replyNotInteger();
    return;
  }
  const wanted = parsedInt64();
  if (wanted < i32.MIN_VALUE || wanted > i32.MAX_VALUE) {
    replyError("ERR value is out of range, value must between -2147483648 and 2147483647");
    return;
  }
  if (clusterEnabled && wanted != 0) {
    replyError("ERR SELECT is not allowed in cluster mode");
    return;
  }
  const index = parseDatabase(1);
  if (index < 0) return;
  ClientState.at(client).database = index;
  replyOk();
}

export function dbSize(): void {
  replyInt(currentDatabase().keys);
}

/** SYNC or ASYNC; -1 after an error reply. */
function parseFlush(): i32 {
  if (argc == 1) return Settings.on(Setting.LazyUserFlush) ? 1 : 0;
  if (argc == 2 && equalsWord(Arg.ptr(1), Arg.length(1), "sync")) return 0;
  if (argc == 2 && equalsWord(Arg.ptr(1), Arg.length(1), "async")) return 1;
  replySyntaxError();
  return -1;
}

function allKeys(): u32 {
  let keys: u32 = 0;
  for (let index: u32 = 0; index < countDatabases(); index++) {
    if (databaseExists(index)) keys += databaseAt(index).keys;
  }
  return keys;
}

/** FLUSHDB, FLUSHALL: journalled even when nothing was there, as Redis does. */
export function flushCommand(all: bool): void {
  const lazily = parseFlush();
  if (lazily < 0) return;
  const database = currentDatabase();
  Writes.many(all ? allKeys() : database.keys);
  flush(all ? -1 : <i32>database.index, lazily);
  Journal.verbatim(<i32>database.index);
  replyOk();
}

export function swapDb(): void {
  if (clusterEnabled) {
    replyError("ERR SWAPDB is not allowed in cluster mode");
    return;
  }
  if (!parseInt64(Arg.ptr(1), <i32>Arg.length(1)) || !fitsInt()) {
    replyError("ERR invalid first DB index");
    return;
  }
  const first = parsedInt64();
  if (!parseInt64(Arg.ptr(2), <i32>Arg.length(2)) || !fitsInt()) {
    replyError("ERR invalid second DB index");
    return;
  }
  const second = parsedInt64();
  const count = <i64>countDatabases();
  if (first < 0 || second < 0 || first >= count || second >= count) {
    replyError("ERR DB index is out of range");
    return;
  }
  if (!canAllocate(databaseBytes() * 2)) {
    replyOutOfMemory();
    return;
  }
  if (first != second) {
    touchDatabase(<u32>first, <i32>second);
    touchDatabase(<u32>second, <i32>first);
    swapDatabases(<u32>first, <u32>second);
    exchangeWatchers(databaseAt(<u32>first), databaseAt(<u32>second));
  }
  Writes.one();
  Journal.verbatim(<i32>currentDatabase().index);
  replyOk();
}

function fitsInt(): bool {
  const value = parsedInt64();
  return value >= i32.MIN_VALUE && value <= i32.MAX_VALUE;
}

let randomState: u64 = 0x2545f4914f6cdd1d;

/** xorshift64*: cheap, and only RANDOMKEY depends on it. */
function nextRandom(): u32 {
  randomState ^= randomState >> 12;
  randomState ^= randomState << 25;
  randomState ^= randomState >> 27;
  return <u32>((randomState * 0x2545f4914f6cdd1d) >> 32);
}

export function seedRandom(seed: u64): void {
  randomState = seed | 1;
}

export function randomKey(): void {
  const database = currentDatabase();
  // A replica cannot delete expired keys: after a hundred tries it answers one all the same, as Redis does.
  for (let tries = 0; database.keys > 0; tries++) {
    const e = randomEntry(database, nextRandom());
    const key = Entry.keyPtr(e);
    const length = Entry.keyLength(e);
    if (tries < 100 && peek(database, slotOf(key, length), key, length) == 0) continue;
    replyBulk(key, length);
    return;
  }
  replyNull();
}

// OBJECT.

export function encodingName(e: usize): string {
  switch (Entry.encoding(e)) {
    case Encoding.Int:
      return "int";
    case Encoding.Inline:
      return stringLength(e) <= EMBEDDED_MAX ? "embstr" : "raw";
    case Encoding.InlineRaw:
    case Encoding.Raw:
      return "raw";
    default:
      return unreachable();
  }
}

/** How many references Redis would report: its small integers are shared. */
export function referenceCount(e: usize): i64 {
  if (Entry.encoding(e) != Encoding.Int) return 1;
  return <u64>Entry.integer(e) < <u64>SHARED_INTEGERS ? SHARED_REFERENCES : 1;
}

/** Seconds since the key was last used. */
export function idleSeconds(e: usize): u32 {
  return ((<u32>(now / 1000) & 0xffffff) - Entry.clock(e)) & 0xffffff;
}

export function object(): void {
  const ptr = Arg.ptr(1);
  const length = Arg.length(1);
  if (equalsWord(ptr, length, "help")) {
    objectHelp();
    return;
  }
  const e = lookupQuietly(currentDatabase(), slot, Arg.ptr(2), Arg.length(2));
  if (e == 0) replyNull();
  else if (equalsWord(ptr, length, "refcount")) replyInt(referenceCount(e));
  else if (equalsWord(ptr, length, "encoding")) replyBulkText(encodingName(e));
  else if (equalsWord(ptr, length, "idletime")) {
    if (lfuPolicy()) {
      replyError(
        "ERR An LFU maxmemory policy is selected, idle time not tracked. Please note that when switching between policies at runtime LRU and LFU data will take some time to adjust.",
      );
    } else replyInt(idleSeconds(e));
  } else if (!lfuPolicy()) {
    replyError(
      "ERR An LFU maxmemory policy is not selected, access frequency not tracked. Please note that when switching between policies at runtime LRU and LFU data will take some time to adjust.",
    );
  } else replyInt(lfuDecayed(Entry.clock(e)));
}

function objectHelp(): void {
  replyArray(15);
  replySimple("OBJECT <subcommand> [<arg> [value] [opt] ...]. Subcommands are:");
  replySimple("ENCODING <key>");
  replySimple("    Return the kind of internal representation used in order to store the value");
  replySimple("    associated with a <key>.");
  replySimple("FREQ <key>");
  replySimple("    Return the access frequency index of the <key>. The returned integer is");
  replySimple("    proportional to the logarithm of the recent access frequency of the key.");
  replySimple("IDLETIME <key>");
  replySimple("    Return the idle time of the <key>, that is the approximated number of");
  replySimple("    seconds elapsed since the last access to the key.");
  replySimple("REFCOUNT <key>");
  replySimple("    Return the number of references of the value associated with the specified");
  replySimple("    <key>.");
  replySimple("HELP");
  replySimple("    Prints this help.");
}
