/** Hash commands: those that write, and the switch to all. Behaviour: Redis 7.0 t_hash.c; field expiry as Redis 7.4. */
import { Encoding, Notify, ValueType } from "../abi";
import { Arg, argc, commandId, now, slot } from "../base/frame";
import { Command } from "../command-ids";
import { Journal } from "../journal";
import { Database } from "../keyspace/database";
import { Entry, setPointer } from "../keyspace/entry";
import { deleteEmptyHash, findField, isVisible } from "../keyspace/field-expiry";
import { addEntry, currentDatabase, lookupWrite, willChange } from "../keyspace/keyspace";
import { notify } from "../keyspace/notify";
import { incrByFloatText, isLongDouble, LONG_DOUBLE_TEXT_MAX } from "../protocol/long-double";
import { parsedInt64, parseInt64, writeInt64 } from "../protocol/number";
import {
  replyBulk,
  replyError,
  replyInt,
  replyNotInteger,
  replyOk,
  replyOutOfMemory,
  replyWrongType,
} from "../protocol/reply";
import { Hash, HashText, hashMayGrow } from "../structures/hash-fields";
import { lpEntryBytes } from "../structures/listpack-element";
import { fieldTtl, hexpire, hpersist } from "./hash-expire";
import { hRandField } from "./hash-random";
import { hExists, hGet, hGetAll, hLen, hMGet, hScan, hStrLen, Part } from "./hash-read";
import { Writes } from "./writes";

export function runHash(id: u32): void {
  switch (id) {
    case Command.HGet:
      return hGet();
    case Command.HSet:
    case Command.HMSet:
      return hSet();
    case Command.HMGet:
      return hMGet();
    case Command.HGetAll:
      return hGetAll(Part.Both);
    case Command.HKeys:
      return hGetAll(Part.Fields);
    case Command.HVals:
      return hGetAll(Part.Values);
    case Command.HDel:
      return hDel();
    case Command.HLen:
      return hLen();
    case Command.HExists:
      return hExists();
    case Command.HStrLen:
      return hStrLen();
    case Command.HSetNx:
      return hSetNx();
    case Command.HIncrBy:
      return hIncrBy();
    case Command.HIncrByFloat:
      return hIncrByFloat();
    case Command.HRandField:
      return hRandField();
    case Command.HScan:
      return hScan();
    case Command.HExpire:
      return hexpire(now, true, "hexpire");
    case Command.HPExpire:
      return hexpire(now, false, "hpexpire");
    case Command.HExpireAt:
      return hexpire(0, true, "hexpireat");
    case Command.HPExpireAt:
      return hexpire(0, false, "hpexpireat");
    case Command.HTtl:
      return fieldTtl(now, true);
    case Command.HPTtl:
      return fieldTtl(now, false);
    case Command.HExpireTime:
      return fieldTtl(0, true);
    case Command.HPExpireTime:
      return fieldTtl(0, false);
    case Command.HPersist:
      return hpersist();
    default:
      unreachable();
  }
}

/** The key's entry for a command that writes, its hash open; 0: there is none, or `refused`. */
function openForWrite(database: Database): usize {
  refused = false;
  const e = lookupWrite(database, slot, Arg.ptr(1), Arg.length(1));
  if (e == 0) return 0;
  if (Entry.type(e) != <u32>ValueType.Hash) {
    replyWrongType();
    refused = true;
    return 0;
  }
  Hash.open(Entry.encoding(e), Entry.pointer(e));
  return e;
}

/** The last `openForWrite` has met a key of another type, and said so. */
let refused: bool = false;

/** The key is there and its hash is about to change; where there is no key yet, one with room for `bytes` is added. */
function beginChange(database: Database, known: usize, bytes: usize): usize {
  if (known != 0) {
    willChange(database, slot, known);
    return known;
  }
  Hash.create(bytes);
  const key = Arg.ptr(1);
  const e = addEntry(database, slot, key, Arg.length(1), ValueType.Hash, Encoding.Listpack, -1, 0);
  setPointer(e, Hash.encoding, Hash.ptr);
  return e;
}

/** The change is made: the entry gets the value as it is now. */
function endChange(database: Database, e: usize, event: string): void {
  setPointer(e, Hash.encoding, Hash.ptr);
  notify(Notify.Hash, event, database.index, Arg.ptr(1), Arg.length(1));
}

/** Bytes of a listpack with all fields and values of HSET, and the length of the longest of them. */
let packedBytes: u64 = 0;
let longestArgument: u32 = 0;

function measure(from: u32, end: u32): void {
  packedBytes = 0;
  longestArgument = 0;
  for (let i = from; i < end; i++) {
    const length = Arg.length(i);
    packedBytes += lpEntryBytes(Arg.ptr(i), length);
    if (length > longestArgument) longestArgument = length;
  }
}

/** Room that a new hash is given at once: what is longer becomes a table. */
const FIRST_ROOM_MAX: u64 = 16384;

function hSet(): void {
  const isHSet = commandId == <u32>Command.HSet;
  if ((argc & 1) != 0) {
    replyError(
      isHSet
        ? "ERR wrong number of arguments for 'hset' command"
        : "ERR wrong number of arguments for 'hmset' command",
    );
    return;
  }
  const database = currentDatabase();
  const known = openForWrite(database);
  if (refused) return;
  if (known == 0 || Hash.isPacked()) measure(2, argc);
  const e = beginChange(database, known, <usize>min<u64>(packedBytes, FIRST_ROOM_MAX));
  if (!hashMayGrow(packedBytes, longestArgument)) {
    replyOutOfMemory();
    return;
  }
  let created: u32 = 0;
  for (let i: u32 = 2; i < argc; i += 2) {
    const field = Arg.ptr(i);
    const length = Arg.length(i);
    if (!Hash.find(field, length) || !isVisible(Hash.found)) created++;
    Hash.put(field, length, Arg.ptr(i + 1), Arg.length(i + 1), false);
  }
  if (known == 0) Hash.trim();
  endChange(database, e, "hset");
  Writes.many((argc - 2) >> 1);
  Journal.verbatim(database.index);
  if (isHSet) replyInt(created);
  else replyOk();
}

function hSetNx(): void {
  const database = currentDatabase();
  const known = openForWrite(database);
  if (refused) return;
  const field = Arg.ptr(2);
  const length = Arg.length(2);
  if (known != 0 && findField(database, slot, known, field, length, true)) {
    replyInt(0);
    return;
  }
  measure(2, 4);
  const e = beginChange(database, known, <usize>min<u64>(packedBytes, FIRST_ROOM_MAX));
  if (!hashMayGrow(packedBytes, longestArgument)) {
    replyOutOfMemory();
    return;
  }
  Hash.find(field, length);
  Hash.put(field, length, Arg.ptr(3), Arg.length(3), false);
  if (known == 0) Hash.trim();
  endChange(database, e, "hset");
  Writes.one();
  Journal.verbatim(database.index);
  replyInt(1);
}

function hDel(): void {
  const database = currentDatabase();
  const e = openForWrite(database);
  if (refused) return;
  if (e == 0) {
    replyInt(0);
    return;
  }
  let deleted: u32 = 0;
  for (let i: u32 = 2; i < argc && Hash.count() > 0; i++) {
    if (!findField(database, slot, e, Arg.ptr(i), Arg.length(i), true)) continue;
    if (deleted == 0) {
      willChange(database, slot, e);
      Hash.find(Arg.ptr(i), Arg.length(i));
    }
    Hash.removeFound();
    setPointer(e, Hash.encoding, Hash.ptr);
    deleted++;
  }
  if (deleted > 0) {
    notify(Notify.Hash, "hdel", database.index, Arg.ptr(1), Arg.length(1));
    Writes.many(deleted);
    Journal.verbatim(database.index);
  }
  if (Hash.count() == 0) deleteEmptyHash(database, slot, e);
  replyInt(deleted);
}

// Numbers.

const numberText: usize = memory.data(8192, 16);
if (LONG_DOUBLE_TEXT_MAX > 8192) ERROR("numberText is too small");

/** Stores the number written in `numberText`. False: memory does not suffice, which was said. */
function storeNumber(database: Database, known: usize, length: u32, event: string): bool {
  const field = Arg.ptr(2);
  const fieldLength = Arg.length(2);
  const room = <usize>fieldLength + length + 16;
  const e = beginChange(database, known, <usize>min<u64>(room, FIRST_ROOM_MAX));
  if (!hashMayGrow(room, 0)) {
    replyOutOfMemory();
    return false;
  }
  Hash.find(field, fieldLength);
  Hash.put(field, fieldLength, numberText, length, true);
  endChange(database, e, event);
  Writes.one();
  return true;
}

function hIncrBy(): void {
  if (!parseInt64(Arg.ptr(3), <i32>Arg.length(3))) {
    replyNotInteger();
    return;
  }
  const amount = parsedInt64();
  const database = currentDatabase();
  const e = openForWrite(database);
  if (refused) return;
  let value: i64 = 0;
  if (e != 0 && findField(database, slot, e, Arg.ptr(2), Arg.length(2), true)) {
    Hash.readValue(Hash.found);
    if (!parseInt64(HashText.ptr, <i32>HashText.length)) {
      replyError("ERR hash value is not an integer");
      return;
    }
    value = parsedInt64();
  }
  const sum = value + amount;
  if (amount < 0 ? sum > value : sum < value) {
    replyError("ERR increment or decrement would overflow");
    return;
  }
  if (!storeNumber(database, e, <u32>writeInt64(numberText, sum), "hincrby")) return;
  Journal.verbatim(database.index);
  replyInt(sum);
}

/** Whether the argument is an infinity, which `isLongDouble` takes. */
function isInfinite(ptr: usize, length: u32): bool {
  return incrByFloatText(0, -1, ptr, <i32>length, numberText) < 0;
}

function hIncrByFloat(): void {
  const amount = Arg.ptr(3);
  const amountLength = Arg.length(3);
  if (!isLongDouble(amount, <i32>amountLength)) {
    replyError("ERR value is not a valid float");
    return;
  }
  if (isInfinite(amount, amountLength)) {
    replyError("ERR value is NaN or Infinity");
    return;
  }
  const database = currentDatabase();
  const e = openForWrite(database);
  if (refused) return;
  let value: usize = 0;
  let valueLength: i32 = -1;
  let expireAt: i64 = 0;
  if (e != 0 && findField(database, slot, e, Arg.ptr(2), Arg.length(2), true)) {
    expireAt = Hash.expiry(Hash.found);
    Hash.readValue(Hash.found);
    value = HashText.ptr;
    valueLength = <i32>HashText.length;
    if (!isLongDouble(value, valueLength)) {
      replyError("ERR hash value is not a float");
      return;
    }
  }
  const length = incrByFloatText(value, valueLength, amount, <i32>amountLength, numberText);
  if (length < 0) {
    replyError("ERR increment would produce NaN or Infinity");
    return;
  }
  if (!storeNumber(database, e, <u32>length, "hincrbyfloat")) return;
  journalFloat(database, <u32>length, expireAt);
  replyBulk(numberText, <u32>length);
}

/** The sum itself, so that no rounding elsewhere matters; and the expiry again, which HSET takes away. */
function journalFloat(database: Database, length: u32, expireAt: i64): void {
  if (!Journal.begin(database.index, 4)) return;
  Journal.word("HSET");
  Journal.bytes(Arg.ptr(1), Arg.length(1));
  Journal.bytes(Arg.ptr(2), Arg.length(2));
  Journal.bytes(numberText, length);
  if (expireAt == 0) return;
  Journal.begin(database.index, 6);
  Journal.word("HPEXPIREAT");
  Journal.bytes(Arg.ptr(1), Arg.length(1));
  Journal.int(expireAt);
  Journal.word("FIELDS");
  Journal.int(1);
  Journal.bytes(Arg.ptr(2), Arg.length(2));
}
