/**
 * Reading RDB. `RdbReader` walks over bytes from a file, a link or a client and trusts none of them: a function that
 * cannot go on answers false (or 0) and leaves the reason in `status`; `LoadStatus.More` means the bytes end
 * too early. Reading changes nothing but the reader, so the caller may start again with more bytes.
 */
import { Encoding, LoadStatus, ValueType } from "../abi";
import { copyBytes } from "../base/bytes";
import { now } from "../base/frame";
import { alloc, canAllocate, free } from "../base/memory";
import { Entry, INLINE_MAX, newEntry, newPointerEntry, RAW_HEADER } from "../keyspace/entry";
import { freshClock, lfuPolicy } from "../keyspace/keyspace";
import { parsedInt64, parseInt64, writeInt64 } from "../protocol/number";
import { beginValue, continueValue, dropLoading, loadedEmpty, valueTypeOf } from "./loading";
import { Loading } from "./loading-state";
import { lzfDecompress } from "./lzf";
import { ModulePart, RdbType, StringCode } from "./rdb-format";

/** The longest string that is taken: two copies of it must fit the instance's memory. */
const STRING_MAX: u64 = 1 << 30;
/** LZF makes at most 264 bytes of 3. */
const LZF_RATIO_MAX: u64 = 88;
/** Texts up to this long may be 64-bit integers. */
const INTEGER_TEXT_MAX: u32 = 20;
const LRU_CLOCK_MAX: i64 = (1 << 24) - 1;

/** Integers become text here: one buffer for a key, one for a value. */
const integerTexts: usize = memory.data(64, 16);

/** A string just read. */
export class Text {
  static ptr: usize = 0;
  static length: u32 = 0;
  /** The allocation {u32 length, bytes} that holds it when it was compressed, else 0; the reader's caller frees it. */
  static owned: usize = 0;
}

export class RdbReader {
  static at: usize = 0;
  static end: usize = 0;
  static status: LoadStatus = LoadStatus.More;
  /** What `length` has read: a length, or the code of a special string. */
  static value: u64 = 0;
  static special: bool = false;

  static begin(ptr: usize, length: usize): void {
    RdbReader.at = ptr;
    RdbReader.end = ptr + length;
    RdbReader.status = LoadStatus.More;
  }

  /** Whether `bytes` more are there. */
  static need(bytes: usize): bool {
    if (RdbReader.end - RdbReader.at >= bytes) return true;
    RdbReader.status = LoadStatus.More;
    return false;
  }

  static corrupt(): bool {
    RdbReader.status = LoadStatus.Corrupt;
    return false;
  }

  /** Steps over `bytes`. */
  static skip(bytes: usize): bool {
    if (!RdbReader.need(bytes)) return false;
    RdbReader.at += bytes;
    return true;
  }

  /** A length or the code of a special string. */
  static lengthOrCode(): bool {
    if (!RdbReader.need(1)) return false;
    const at = RdbReader.at;
    const first = <u32>load<u8>(at);
    RdbReader.special = false;
    switch (first >> 6) {
      case 0:
        RdbReader.value = first;
        RdbReader.at = at + 1;
        return true;
      case 1:
        if (!RdbReader.need(2)) return false;
        RdbReader.value = ((first & 63) << 8) | <u32>load<u8>(at, 1);
        RdbReader.at = at + 2;
        return true;
      case 3:
        RdbReader.special = true;
        RdbReader.value = first & 63;
        RdbReader.at = at + 1;
        return true;
      default:
        return RdbReader.wideLength(first);
    }
  }

  static wideLength(first: u32): bool {
    const at = RdbReader.at;
    if (first == 0x80) {
      if (!RdbReader.need(5)) return false;
      RdbReader.value = bswap<u32>(load<u32>(at, 1));
      RdbReader.at = at + 5;
      return true;
    }
    if (first != 0x81) return RdbReader.corrupt();
    if (!RdbReader.need(9)) return false;
    RdbReader.value = bswap<u64>(load<u64>(at, 1));
    RdbReader.at = at + 9;
    return true;
  }

  /** A length, left in `value`. */
  static length(): bool {
    if (!RdbReader.lengthOrCode()) return false;
    return RdbReader.special ? RdbReader.corrupt() : true;
  }

  /** A string, left in `Text`; `buffer` (0 or 1) takes an integer's text. */
  static string(buffer: u32): bool {
    Text.owned = 0;
    if (!RdbReader.lengthOrCode()) return false;
    if (RdbReader.special) return RdbReader.specialString(buffer);
    if (RdbReader.value > STRING_MAX) return RdbReader.corrupt();
    const length = <u32>RdbReader.value;
    Text.ptr = RdbReader.at;
    Text.length = length;
    return RdbReader.skip(length);
  }

  static specialString(buffer: u32): bool {
    const code = <i32>RdbReader.value;
    if (code == StringCode.Lzf) return RdbReader.compressedString();
    const at = RdbReader.at;
    let value: i64 = 0;
    if (code == StringCode.Int8) {
      if (!RdbReader.skip(1)) return false;
      value = load<i8>(at);
    } else if (code == StringCode.Int16) {
      if (!RdbReader.skip(2)) return false;
      value = load<i16>(at);
    } else if (code == StringCode.Int32) {
      if (!RdbReader.skip(4)) return false;
      value = load<i32>(at);
    } else return RdbReader.corrupt();
    Text.ptr = integerTexts + ((<usize>buffer) << 5);
    Text.length = <u32>writeInt64(Text.ptr, value);
    return true;
  }

  static compressedString(): bool {
    if (!RdbReader.length()) return false;
    const compressed = RdbReader.value;
    if (!RdbReader.length()) return false;
    const length = RdbReader.value;
    if (compressed > STRING_MAX || length > STRING_MAX) return RdbReader.corrupt();
    if (length > compressed * LZF_RATIO_MAX) return RdbReader.corrupt();
    const source = RdbReader.at;
    if (!RdbReader.skip(<usize>compressed)) return false;
    const size = <usize>length + RAW_HEADER;
    if (!canAllocate(size)) {
      RdbReader.status = LoadStatus.OutOfMemory;
      return false;
    }
    const raw = alloc(size);
    store<u32>(raw, <u32>length);
    const made = lzfDecompress(source, <i32>compressed, raw + RAW_HEADER, <i32>length);
    if (<u64>made != length) {
      free(raw);
      return RdbReader.corrupt();
    }
    Text.ptr = raw + RAW_HEADER;
    Text.length = <u32>length;
    Text.owned = raw;
    return true;
  }

  /** Steps over a string without making anything of it. */
  static skipString(): bool {
    if (!RdbReader.lengthOrCode()) return false;
    if (!RdbReader.special) {
      return RdbReader.value > STRING_MAX
        ? RdbReader.corrupt()
        : RdbReader.skip(<usize>RdbReader.value);
    }
    const code = <i32>RdbReader.value;
    if (code > StringCode.Lzf) return RdbReader.corrupt();
    if (code != StringCode.Lzf) return RdbReader.skip((<usize>1) << code);
    if (!RdbReader.length()) return false;
    const compressed = RdbReader.value;
    if (!RdbReader.length()) return false;
    return compressed > STRING_MAX ? RdbReader.corrupt() : RdbReader.skip(<usize>compressed);
  }

  /** Steps over a module's auxiliary data: identity, when, then parts until the end mark. */
  static skipModuleAux(): bool {
    for (let i = 0; i < 3; i++) {
      if (!RdbReader.length()) return false;
    }
    while (true) {
      if (!RdbReader.length()) return false;
      const part = RdbReader.value;
      let whole = false;
      if (part == ModulePart.Eof) return true;
      else if (part == ModulePart.SignedInt || part == ModulePart.UnsignedInt) {
        whole = RdbReader.length();
      } else if (part == ModulePart.Float) whole = RdbReader.skip(4);
      else if (part == ModulePart.Double) whole = RdbReader.skip(8);
      else if (part == ModulePart.String) whole = RdbReader.skipString();
      else return RdbReader.corrupt();
      if (!whole) return false;
    }
  }

  /** Whether values of the RDB type can be read. */
  static knows(type: u32): bool {
    if (valueTypeOf(type) >= 0) return true;
    RdbReader.status = LoadStatus.UnknownType;
    return false;
  }

  /**
   * A value of the RDB type, as a new entry under the key that no table knows yet; 0 when it cannot be had.
   * `expireAt` < 0: no expiry.
   */
  static entry(type: u32, key: usize, keyLength: u32, expireAt: i64, clock: u32): usize {
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
