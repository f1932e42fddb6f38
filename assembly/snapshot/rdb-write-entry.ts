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
import { saveSet, setRdbType } from "./set-rdb";
import { saveSortedSet, sortedSetRdbType } from "./sorted-set-rdb";
import { saveStream, streamRdbType } from "./stream-rdb";

const integerText: usize = memory.data(32, 16);

/** Key and value with what belongs to them: expiry, and idle time or frequency where the policy uses it. */
export function writeRecord(e: usize): void {
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
  writeValue(e);
}

/** The value alone: what follows the key in a file and the type in a DUMP payload. */
export function writeValue(e: usize): void {
  switch (Entry.type(e)) {
    case ValueType.String:
      writeStringValue(e);
      return;
    case ValueType.List:
      saveList(Entry.encoding(e), Entry.pointer(e));
      return;
    case ValueType.Set:
      saveSet(Entry.encoding(e), Entry.pointer(e));
      return;
    case ValueType.SortedSet:
      saveSortedSet(Entry.encoding(e), Entry.pointer(e));
      return;
    case ValueType.Hash:
      saveHash(Entry.encoding(e), Entry.pointer(e));
      return;
    case ValueType.Stream:
      saveStream(Entry.encoding(e), Entry.pointer(e));
      return;
    default:
      unreachable();
  }
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
