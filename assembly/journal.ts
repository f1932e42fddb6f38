/**
 * The journal: every effective write in canonical form, as RESP commands. Replicas and the append-only file get
 * these bytes as they are. SELECT stands before the first write to another database; MULTI and EXEC stand
 * around a unit (one command, or one EXEC) that wrote more than once, as Redis propagates it.
 */

import { copyBytes, writeText } from "./base/bytes";
import { Arg, argc, holdJournal, journalOn, publish, Streams } from "./base/frame";
import { writeInt64, writeUint64 } from "./protocol/number";

const CRLF: u16 = 0x0a0d;
const MULTI_BYTES: u32 = 15;

/** Database that the stream stands in; -1: not said yet. */
let selected: i32 = -1;
/** Where the unit begins in the region, and how many commands it has. */
let unitStart: u32 = 0;
let unitCount: u32 = 0;
let inUnit: bool = false;

/** Opens a unit: what follows until `endUnit` is one transaction for replicas. */
export function beginUnit(): void {
  if (!journalOn) return;
  inUnit = true;
  holdJournal(true);
  unitCount = 0;
  unitStart = <u32>Streams.journal.length;
}

/** Closes the unit: with one command or none, the MULTI in front is taken away again. */
export function endUnit(): void {
  if (!inUnit) return;
  inUnit = false;
  holdJournal(false);
  if (unitCount > 1) Journal.literal("*1\r\n$4\r\nEXEC\r\n");
}

/** Puts MULTI in front of the first command of the unit, when a second one arrives. */
function wrapUnit(): void {
  const stream = Streams.journal;
  stream.room(MULTI_BYTES);
  const start = stream.base + unitStart;
  memory.copy(start + MULTI_BYTES, start, stream.length - unitStart);
  writeText(start, "*1\r\n$5\r\nMULTI\r\n");
  stream.length += MULTI_BYTES;
}

/** The database that the stream has selected; -1: it will say so before the next write. */
export function journalDatabase(): i32 {
  return selected;
}

export function journalForgetDatabase(): void {
  selected = -1;
}

export function journalTaken(): void {
  if (!inUnit) Streams.journal.clear();
  publish();
}

/** What stands around a command: SELECT, MULTI, EXEC, and the headers of a DEL. */
const AROUND_BYTES: usize = 512;

export class Journal {
  /** Room for commands of `bytes` in all, so that writing them cannot fail. False: memory does not suffice. */
  static reserve(bytes: usize): bool {
    return !journalOn || Streams.journal.reserve(bytes + AROUND_BYTES);
  }

  /** Begins a command of `count` arguments on a database. False when nobody listens. */
  static begin(database: i32, count: u32): bool {
    if (!journalOn) return false;
    if (inUnit && ++unitCount == 2) wrapUnit();
    if (database != selected && database >= 0) Journal.select(database);
    Journal.header(42, count);
    return true;
  }

  static select(database: i32): void {
    selected = database;
    Journal.header(42, 2);
    Journal.literal("$6\r\nSELECT\r\n");
    Journal.int(database);
    // Before the first command of a unit: MULTI comes to stand behind it, as in Redis.
    if (unitCount == 1) unitStart = <u32>Streams.journal.length;
  }

  static header(kind: u8, value: u64): void {
    const stream = Streams.journal;
    const at = stream.room(32);
    store<u8>(at, kind);
    const length = <u32>writeUint64(at + 1, value);
    store<u16>(at + 1 + length, CRLF);
    stream.length += length + 3;
  }

  static literal(text: string): void {
    const stream = Streams.journal;
    stream.length += writeText(stream.room(text.length), text);
  }

  static bytes(ptr: usize, length: u32): void {
    Journal.header(36, length);
    const stream = Streams.journal;
    const at = stream.room(<usize>length + 2);
    copyBytes(at, ptr, length);
    store<u16>(at + length, CRLF);
    stream.length += length + 2;
  }

  static word(text: string): void {
    const stream = Streams.journal;
    Journal.header(36, text.length);
    const at = stream.room(<usize>text.length + 2);
    const length = writeText(at, text);
    store<u16>(at + length, CRLF);
    stream.length += length + 2;
  }

  static int(value: i64): void {
    const stream = Streams.journal;
    const at = stream.room(64);
    const digits = <u32>writeInt64(at + 5, value);
    store<u8>(at, 36);
    if (digits < 10) {
      store<u8>(at + 1, <u8>(48 + digits));
      store<u16>(at + 2, CRLF);
      writeInt64(at + 4, value);
      store<u16>(at + 4 + digits, CRLF);
      stream.length += digits + 6;
    } else {
      store<u8>(at + 1, <u8>(48 + digits / 10));
      store<u8>(at + 2, <u8>(48 + (digits % 10)));
      store<u16>(at + 3, CRLF);
      store<u16>(at + 5 + digits, CRLF);
      stream.length += digits + 7;
    }
  }

  /** The command in hand as it came. */
  static verbatim(database: i32): void {
    if (!Journal.begin(database, argc)) return;
    for (let i: u32 = 0; i < argc; i++) Journal.bytes(Arg.ptr(i), Arg.length(i));
  }
}

/** Appends a command that the host has in RESP already. */
export function journalAppend(database: i32, ptr: usize, length: u32): i32 {
  if (!journalOn) return 1;
  if (inUnit && ++unitCount == 2) wrapUnit();
  if (database >= 0 && database != selected) Journal.select(database);
  const stream = Streams.journal;
  copyBytes(stream.room(length), ptr, length);
  stream.length += length;
  publish();
  return 1;
}
