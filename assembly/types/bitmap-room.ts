/** What bitmap commands have in common: offsets, and strings opened for bits to be written. */
import { ClientFlag, Encoding, ValueType } from "../abi";
import { Arg, clientFlags, Settings, slot } from "../base/frame";
import { canAllocate } from "../base/memory";
import { Database, find } from "../keyspace/database";
import {
  addEntry,
  currentDatabase,
  isString,
  lookupRead,
  lookupWrite,
  willChange,
} from "../keyspace/keyspace";
import { growString, makeRaw, stringLength, View, view } from "../keyspace/string-value";
import { parsedInt64, parseInt64 } from "../protocol/number";
import { replyError, replyOutOfMemory, replyWrongType } from "../protocol/reply";
import { Setting } from "../settings";
import { LENGTH_MAX } from "./string";

const HASH: u32 = 0x23;

/** What the last successful `parseBitOffset` read. */
export let bitOffset: i64 = 0;

/** Reads argument `index` as the offset of a bit; where `width` is not 0, `#n` stands for n times so many bits. */
export function parseBitOffset(index: u32, width: u32): bool {
  let ptr = Arg.ptr(index);
  let length = Arg.length(index);
  const scaled = width != 0 && length > 0 && <u32>load<u8>(ptr) == HASH;
  if (scaled) {
    ptr++;
    length--;
  }
  if (parseInt64(ptr, <i32>length)) {
    const offset = scaled ? parsedInt64() * <i64>width : parsedInt64();
    const obeys = (clientFlags & (ClientFlag.Primary | ClientFlag.Internal)) != 0;
    const most = Settings.value(Setting.ProtoMaxBulkLength);
    if (offset >= 0 && (obeys || <f64>(offset >> 3) < most)) {
      bitOffset = offset;
      return true;
    }
  }
  replyError("ERR bit offset is not an integer or out of range");
  return false;
}

/** Points `View` at the string that is the command's first key, empty where the key is missing. */
export class Bits {
  /** Whether there is such a key. */
  static found: bool = false;

  /** False: the key holds something else, and that was replied. */
  static read(): bool {
    const e = lookupRead(currentDatabase(), slot, Arg.ptr(1), Arg.length(1));
    Bits.found = e != 0;
    View.ptr = 0;
    View.length = 0;
    if (e == 0) return true;
    if (!isString(e)) {
      replyWrongType();
      return false;
    }
    view(e, 0);
    return true;
  }
}

/** The string that is the command's first key, opened for bits to be written. */
export class Target {
  static database: Database = changetype<Database>(0);
  static entry: usize = 0;
  /** Address of its first byte. */
  static ptr: usize = 0;
  static length: u32 = 0;
  /** The key is new, or the string has grown: the command counts as a change whatever it writes. */
  static grown: bool = false;

  /** Makes the string reach to byte `last`. False: an error was replied. */
  static open(last: i64): bool {
    const database = currentDatabase();
    const key = Arg.ptr(1);
    const keyLength = Arg.length(1);
    Target.database = database;
    let e = lookupWrite(database, slot, key, keyLength);
    if (e != 0 && !isString(e)) {
      replyWrongType();
      return false;
    }
    if (<f64>last >= LENGTH_MAX) {
      replyOutOfMemory();
      return false;
    }
    const wanted = <u32>last + 1;
    const had: u32 = e == 0 ? 0 : stringLength(e);
    Target.grown = e == 0 || had < wanted;
    Target.length = max(had, wanted);
    if (!Target.grown) {
      e = makeRaw(database, slot, e);
      view(e, 0);
      Target.entry = e;
      Target.ptr = View.ptr;
      return true;
    }
    if (!canAllocate(<usize>wanted * 2)) {
      replyOutOfMemory();
      return false;
    }
    if (e == 0) {
      const type = ValueType.String;
      addEntry(database, slot, key, keyLength, type, Encoding.InlineRaw, -1, 0);
      // Looking it up as a command does would count as a second use.
      e = find(database, slot, key, keyLength);
    }
    Target.ptr = growString(database, slot, e, wanted);
    if (Target.ptr != 0) return true;
    replyOutOfMemory();
    return false;
  }

  /** To be called before each write of bits that differ. */
  static willWrite(): void {
    if (!Target.grown) willChange(Target.database, slot, Target.entry);
  }
}
