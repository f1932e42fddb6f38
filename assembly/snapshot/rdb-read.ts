/**
 * Reading RDB. `RdbReader` walks over bytes from a file, a link or a client and trusts none of them: a function that
 * cannot go on answers false (or 0) and leaves the reason in `status`; `LoadStatus.More` means the bytes end
 * too early. Reading changes nothing but the reader, so the caller may start again with more bytes.
 */
import { LoadStatus } from "../abi";
import { alloc, canAllocate, free } from "../base/memory";
import { RAW_HEADER } from "../keyspace/entry";
import { writeInt64 } from "../protocol/number";
import { lzfDecompress } from "./lzf";
import { ModulePart, StringCode } from "./rdb-format";

/** The longest string that is taken: two copies of it must fit the instance's memory. */
const STRING_MAX: u64 = 1 << 30;
/** LZF makes at most 264 bytes of 3. */
const LZF_RATIO_MAX: u64 = 88;

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
}
