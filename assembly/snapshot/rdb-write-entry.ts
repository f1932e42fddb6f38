/** Writing the record of an entry: what stands around its value, and which type's file writes that. */
import { Encoding, ValueType } from "../abi";
import { now, Settings } from "../base/frame";
import { Entry, RAW_HEADER } from "../keyspace/entry";
import { lfuDecayed, lfuPolicy } from "../keyspace/keyspace";
import { writeInt64 } from "../protocol/number";
import { MaxMemoryPolicy, Setting } from "../settings";
import { hashRdbType, saveHash } from "./hash-rdb";
import { listRdbType, saveList } from "./list-rdb";
import { Opcode, RdbType } from "./rdb-format";
import { RdbWriter } from "./rdb-write";
import { Pace, SaveCursor } from "./save-cursor";
import { saveSet, setRdbType } from "./set-rdb";
import { saveSortedSet, sortedSetRdbType } from "./sorted-set-rdb";
import { saveStream, streamRdbType } from "./stream-rdb";

const PIECE_BYTES: u32 = 65536;
const integerText: usize = memory.data(32, 16);

/** Key and value with what belongs to them, in one go. */
export function writeRecord(e: usize): void {
  writeHeader(e);
  writeValue(e);
}

/** What stands before the value: expiry, idle time or frequency where the policy uses it, type and key. */
export function writeHeader(e: usize): void {
  if (Entry.expires(e)) {
    RdbWriter.byte(Opcode.ExpireTimeMs);
    RdbWriter.u64(<u64>Entry.expireAt(e));
  }
  const policy = <u32>Settings.value(Setting.MaxMemoryPolicy);
  if (policy == MaxMemoryPolicy.AllKeysLru || policy == MaxMemoryPolicy.VolatileLru) {
    RdbWriter.byte(Opcode.Idle);
    RdbWriter.length(((<u32>(now / 1000) & 0xffffff) - Entry.clock(e)) & 0xffffff);
  } else if (lfuPolicy()) {
    RdbWriter.byte(Opcode.Freq);
    RdbWriter.byte(lfuDecayed(Entry.clock(e)));
  }
  RdbWriter.byte(rdbType(e));
  RdbWriter.string(Entry.keyPtr(e), Entry.keyLength(e));
}

const wholeCursor: usize = memory.data(64, 16);

/** The value alone: what follows the key in a file and the type in a DUMP payload. */
export function writeValue(e: usize): void {
  if (Entry.type(e) == ValueType.String) {
    writeStringValue(e);
    return;
  }
  const cursor = SaveCursor.at(wholeCursor);
  cursor.begin(Entry.type(e), Entry.encoding(e), Entry.pointer(e));
  Pace.free();
  while (!writeSome(cursor) && !RdbWriter.failed);
}

/** Goes on with a value; true: all of it is written. */
export function writeSome(cursor: SaveCursor): bool {
  switch (cursor.type) {
    case ValueType.String:
      return writeStringSome(cursor);
    case ValueType.List:
      return saveList(cursor);
    case ValueType.Set:
      return saveSet(cursor);
    case ValueType.SortedSet:
      return saveSortedSet(cursor);
    case ValueType.Hash:
      return saveHash(cursor);
    case ValueType.Stream:
      return saveStream(cursor);
    default:
      return unreachable();
  }
}

/** A long string in pieces, as it stands. */
function writeStringSome(cursor: SaveCursor): bool {
  const length = load<u32>(cursor.ptr);
  if (cursor.step == 0) {
    cursor.step = 1;
    RdbWriter.length(length);
  }
  while (cursor.index < length) {
    const piece = min(length - cursor.index, PIECE_BYTES);
    RdbWriter.bytes(cursor.ptr + RAW_HEADER + cursor.index, piece);
    cursor.index += piece;
    if (Pace.isOver()) return false;
  }
  return true;
}

/** The type byte that announces the value of an entry. */
export function rdbType(e: usize): u32 {
  switch (Entry.type(e)) {
    case ValueType.String:
      return RdbType.String;
    case ValueType.List:
      return listRdbType(Entry.encoding(e), Entry.pointer(e));
    case ValueType.Set:
      return setRdbType(Entry.encoding(e), Entry.pointer(e));
    case ValueType.SortedSet:
      return sortedSetRdbType(Entry.encoding(e), Entry.pointer(e));
    case ValueType.Hash:
      return hashRdbType(Entry.encoding(e), Entry.pointer(e));
    case ValueType.Stream:
      return streamRdbType(Entry.encoding(e), Entry.pointer(e));
    default:
      return unreachable();
  }
}

function writeStringValue(e: usize): void {
  const encoding = Entry.encoding(e);
  if (encoding == Encoding.Raw) {
    const raw = Entry.pointer(e);
    RdbWriter.string(raw + RAW_HEADER, load<u32>(raw));
  } else if (encoding == Encoding.Int) {
    RdbWriter.string(integerText, <u32>writeInt64(integerText, Entry.integer(e)));
  } else {
    RdbWriter.string(Entry.inlinePtr(e), Entry.inlineLength(e));
  }
}
