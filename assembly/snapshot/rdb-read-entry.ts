/** Reading an entry: its value through the file of its type, and the key around it. */
import { Encoding, LoadStatus, ValueType } from "../abi";
import { copyBytes } from "../base/bytes";
import { now } from "../base/frame";
import { alloc, canAllocate, free } from "../base/memory";
import { Entry, INLINE_MAX, newEntry, newPointerEntry, RAW_HEADER } from "../keyspace/entry";
import { freshClock, lfuPolicy } from "../keyspace/keyspace";
import { parsedInt64, parseInt64 } from "../protocol/number";
import { beginValue, continueValue, dropLoading, loadedEmpty, valueTypeOf } from "./loading";
import { Loading } from "./loading-state";
import { RdbType } from "./rdb-format";
import { RdbReader, Text } from "./rdb-read";

/** Texts up to this long may be 64-bit integers. */
const INTEGER_TEXT_MAX: u32 = 20;
const LRU_CLOCK_MAX: i64 = (1 << 24) - 1;

/** Whether values of the RDB type can be read. */
export function knowsRdbType(type: u32): bool {
  if (valueTypeOf(type) >= 0) return true;
  RdbReader.status = LoadStatus.UnknownType;
  return false;
}

/**
 * A value of the RDB type, as a new entry under the key that no table knows yet; 0 when it cannot be had.
 * `expireAt` < 0: no expiry.
 */
export function readEntry(type: u32, key: usize, keyLength: u32, expireAt: i64, clock: u32): usize {
  if (type == RdbType.String) return readStringEntry(key, keyLength, expireAt, clock);
  if (!beginValue(type)) return 0;
  while (Loading.left > 0) {
    if (!continueValue()) {
      dropLoading();
      return 0;
    }
    Loading.left--;
  }
  if (loadedEmpty()) {
    dropLoading();
    RdbReader.corrupt();
    return 0;
  }
  return loadedEntry(key, keyLength, expireAt, clock);
}

/** The entry of the value that has just been read to its end, or 0 where memory does not suffice. */
export function loadedEntry(key: usize, keyLength: u32, expireAt: i64, clock: u32): usize {
  if (!canAllocate(<usize>keyLength + 64)) {
    dropLoading();
    RdbReader.status = LoadStatus.OutOfMemory;
    return 0;
  }
  const ptr = Loading.ptr;
  Loading.ptr = 0;
  return newPointerEntry(key, keyLength, Loading.type, Loading.encoding, ptr, expireAt, clock);
}

function readStringEntry(key: usize, keyLength: u32, expireAt: i64, clock: u32): usize {
  if (!RdbReader.string(1)) return 0;
  const ptr = Text.ptr;
  const length = Text.length;
  const owned = Text.owned;
  if (!canAllocate(<usize>keyLength + <usize>length + 64)) {
    free(owned);
    RdbReader.status = LoadStatus.OutOfMemory;
    return 0;
  }
  const isInteger = length <= INTEGER_TEXT_MAX && parseInt64(ptr, <i32>length);
  const encoding = isInteger ? Encoding.Int : length <= INLINE_MAX ? Encoding.Inline : Encoding.Raw;
  const inlineLength: u32 = encoding == Encoding.Inline ? length : 0;
  const e = newEntry(key, keyLength, ValueType.String, encoding, expireAt, inlineLength, clock);
  if (encoding == Encoding.Int) store<i64>(Entry.payload(e), parsedInt64());
  else if (encoding == Encoding.Inline) copyBytes(Entry.inlinePtr(e), ptr, length);
  else if (owned != 0) {
    store<usize>(Entry.payload(e), owned);
    return e;
  } else {
    const raw = alloc(<usize>length + RAW_HEADER);
    store<u32>(raw, length);
    memory.copy(raw + RAW_HEADER, ptr, length);
    store<usize>(Entry.payload(e), raw);
  }
  free(owned);
  return e;
}

/** The access clock of a restored key: `frequency` (-1: none) under LFU, else `idleSeconds` (-1: none) before now. */
export function restoredClock(frequency: i32, idleSeconds: i64): u32 {
  if (lfuPolicy()) {
    if (frequency < 0) return freshClock();
    return ((<u32>(now / 60000) & 0xffff) << 8) | <u32>frequency;
  }
  if (idleSeconds < 0) return freshClock();
  const clock = (now / 1000) & LRU_CLOCK_MAX;
  const used = clock - idleSeconds;
  // Used before the clock began: as long ago as the clock can tell.
  return <u32>(used >= 0 ? used : (clock + LRU_CLOCK_MAX / 2) % LRU_CLOCK_MAX) & 0xffffff;
}
