/**
 * DUMP and RESTORE. A payload is the value's RDB type, the value as in a file, the RDB version (u16, little-endian) and
 * the CRC64 of all that. Behaviour: Redis 7.0 cluster.c.
 */
import { ClientFlag, LoadStatus, Notify } from "../abi";
import { equalsWord } from "../base/bytes";
import { Arg, argc, clientFlags, isReplica, now, Streams, slot } from "../base/frame";
import { Journal } from "../journal";
import { Database, find } from "../keyspace/database";
import { Entry, freeEntry } from "../keyspace/entry";
import {
  currentDatabase,
  deleteFound,
  insertEntry,
  lookupRead,
  lookupWrite,
} from "../keyspace/keyspace";
import { notify } from "../keyspace/notify";
import { parsedInt64, parseInt64 } from "../protocol/number";
import {
  replyBulk,
  replyError,
  replyNotInteger,
  replyNull,
  replyOk,
  replyOutOfMemory,
  replySyntaxError,
} from "../protocol/reply";
import { crc64 } from "../snapshot/crc64";
import { RDB_VERSION } from "../snapshot/rdb-format";
import { RdbReader } from "../snapshot/rdb-read";
import { readEntry, restoredClock } from "../snapshot/rdb-read-entry";
import { RdbWriter } from "../snapshot/rdb-write";
import { rdbType, writeValue } from "../snapshot/rdb-write-entry";
import { Writes } from "./writes";

/** Version and checksum. */
const FOOTER_BYTES: u32 = 10;

export function dump(): void {
  const e = lookupRead(currentDatabase(), slot, Arg.ptr(1), Arg.length(1));
  if (e == 0) {
    replyNull();
    return;
  }
  const output = Streams.output;
  output.length = 0;
  RdbWriter.begin(output);
  RdbWriter.byte(rdbType(e));
  writeValue(e);
  RdbWriter.u16(RDB_VERSION);
  if (!RdbWriter.failed) RdbWriter.u64(crc64(0, output.base, <i32>output.length));
  if (RdbWriter.failed) replyOutOfMemory();
  else replyBulk(output.base, <u32>output.length);
  output.clear();
}

// RESTORE.

let replace: bool = false;
let absolute: bool = false;
let idle: i64 = -1;
let frequency: i32 = -1;

/** Reads the options; false: an error was replied. */
function parseOptions(): bool {
  replace = false;
  absolute = false;
  idle = -1;
  frequency = -1;
  for (let i: u32 = 4; i < argc; i++) {
    const ptr = Arg.ptr(i);
    const length = Arg.length(i);
    const more = i + 1 < argc;
    if (equalsWord(ptr, length, "replace")) replace = true;
    else if (equalsWord(ptr, length, "absttl")) absolute = true;
    else if (more && frequency == -1 && equalsWord(ptr, length, "idletime")) {
      if (!parseCount(++i)) return false;
      idle = parsedInt64();
      if (idle < 0) return refuse("ERR Invalid IDLETIME value, must be >= 0");
    } else if (more && idle == -1 && equalsWord(ptr, length, "freq")) {
      if (!parseCount(++i)) return false;
      const value = parsedInt64();
      if (value < 0 || value > 255) {
        return refuse("ERR Invalid FREQ value, must be >= 0 and <= 255");
      }
      frequency = <i32>value;
    } else {
      replySyntaxError();
      return false;
    }
  }
  return true;
}

function parseCount(argument: u32): bool {
  if (parseInt64(Arg.ptr(argument), <i32>Arg.length(argument))) return true;
  replyNotInteger();
  return false;
}

function refuse(text: string): bool {
  replyError(text);
  return false;
}

/** Whether the footer names a version we write or an earlier one, and the right checksum. */
function payloadIsSound(payload: usize, length: u32): bool {
  if (length < FOOTER_BYTES) return false;
  const footer = payload + length - FOOTER_BYTES;
  if (<u32>load<u16>(footer) > RDB_VERSION) return false;
  return crc64(0, payload, <i32>length - 8) == load<u64>(footer, 2);
}

export function restore(): void {
  if (!parseOptions()) return;
  const database = currentDatabase();
  const key = Arg.ptr(1);
  const keyLength = Arg.length(1);
  if (!replace && lookupWrite(database, slot, key, keyLength) != 0) {
    replyError("BUSYKEY Target key name already exists.");
    return;
  }
  if (!parseCount(2)) return;
  let expireAt = parsedInt64();
  if (expireAt < 0) {
    replyError("ERR Invalid TTL value, must be >= 0");
    return;
  }
  const payload = Arg.ptr(3);
  const length = Arg.length(3);
  if (!payloadIsSound(payload, length)) {
    replyError("ERR DUMP payload version or checksum are wrong");
    return;
  }
  const expires = expireAt != 0;
  // Wraps as Redis's sum does: far beyond the end of time is the past.
  if (expires && !absolute) expireAt += now;
  RdbReader.begin(payload + 1, length - FOOTER_BYTES - 1);
  const stored = expires ? max<i64>(expireAt, 0) : -1;
  const clock = restoredClock(frequency, idle);
  let e: usize = 0;
  if (length > FOOTER_BYTES) e = readEntry(load<u8>(payload), key, keyLength, stored, clock);
  if (e == 0) {
    if (RdbReader.status == LoadStatus.OutOfMemory) replyOutOfMemory();
    else replyError("ERR Bad data format");
    return;
  }
  put(database, e, expires, expireAt);
}

/** Puts the decoded entry in the place of what the key held, or drops both when it has expired already. */
function put(database: Database, e: usize, expires: bool, expireAt: i64): void {
  const key = Entry.keyPtr(e);
  const length = Entry.keyLength(e);
  const old = replace ? find(database, slot, key, length) : 0;
  if (old != 0) deleteFound(database, slot, old);
  const obeys = isReplica || (clientFlags & ClientFlag.Internal) != 0;
  if (expires && expireAt <= now && !obeys) {
    if (old != 0) {
      notify(Notify.Generic, "del", database.index, key, length);
      Writes.one();
      if (Journal.begin(database.index, 2)) {
        Journal.word("DEL");
        Journal.bytes(key, length);
      }
    }
    freeEntry(e);
    replyOk();
    return;
  }
  find(database, slot, key, length);
  insertEntry(database, slot, e);
  notify(Notify.Generic, "restore", database.index, key, length);
  Writes.one();
  journalRestore(database, expires && !absolute, expireAt);
  replyOk();
}

/** The command as it came, but with a point in time instead of a distance. */
function journalRestore(database: Database, relative: bool, expireAt: i64): void {
  if (!relative) {
    Journal.verbatim(database.index);
    return;
  }
  if (!Journal.begin(database.index, argc + 1)) return;
  for (let i: u32 = 0; i < argc; i++) {
    if (i == 2) Journal.int(expireAt);
    else Journal.bytes(Arg.ptr(i), Arg.length(i));
  }
  Journal.word("ABSTTL");
}
