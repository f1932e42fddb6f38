/**
 * Writing RDB, byte for byte as Redis 7.0 (rdb.c). Everything goes through `RdbWriter`, which appends to one byte
 * stream and, when memory is short, stops writing and says so in `failed` instead of trapping.
 *
 * A snapshot may write while a command is half done (`beforeWrite`), so nothing here uses state that commands
 * use: not `View`, not the last parsed integer, not the last search.
 */
import { copyBytes } from "../base/bytes";
import { ByteStream, Settings } from "../base/frame";
import { Setting } from "../settings";
import { lzfCompress } from "./lzf";
import { StringCode } from "./rdb-format";

/** Texts up to this long may be integers of 32 bits. */
const INTEGER_TEXT_MAX: u32 = 11;
/** Redis compresses strings longer than this. */
const COMPRESS_ABOVE: u32 = 20;
/** Two lengths of at most five bytes and a code. */
const LZF_HEADER_MAX: usize = 11;

export class RdbWriter {
  static stream: usize = 0;
  /** Memory ran short: what was written is worthless. */
  static failed: bool = false;

  static begin(stream: ByteStream): void {
    RdbWriter.stream = changetype<usize>(stream);
    RdbWriter.failed = false;
  }

  /** Room for `bytes` more, or 0. The caller then calls `advance`. */
  static room(bytes: usize): usize {
    if (RdbWriter.failed) return 0;
    const stream = changetype<ByteStream>(RdbWriter.stream);
    if (!stream.canRoom(bytes)) {
      RdbWriter.failed = true;
      return 0;
    }
    return stream.room(bytes);
  }

  @inline static advance(bytes: usize): void {
    changetype<ByteStream>(RdbWriter.stream).length += bytes;
  }

  static byte(value: u32): void {
    const at = RdbWriter.room(1);
    if (at == 0) return;
    store<u8>(at, <u8>value);
    RdbWriter.advance(1);
  }

  static u16(value: u32): void {
    const at = RdbWriter.room(2);
    if (at == 0) return;
    store<u16>(at, <u16>value);
    RdbWriter.advance(2);
  }

  static u64(value: u64): void {
    const at = RdbWriter.room(8);
    if (at == 0) return;
    store<u64>(at, value);
    RdbWriter.advance(8);
  }

  static bytes(ptr: usize, length: u32): void {
    const at = RdbWriter.room(length);
    if (at == 0) return;
    copyBytes(at, ptr, length);
    RdbWriter.advance(length);
  }

  static length(value: u32): void {
    const at = RdbWriter.room(5);
    if (at != 0) RdbWriter.advance(storeLength(at, value));
  }

  /** A length that may need 64 bits. */
  static length64(value: u64): void {
    if (value <= <u64>u32.MAX_VALUE) {
      RdbWriter.length(<u32>value);
      return;
    }
    RdbWriter.byte(0x81);
    RdbWriter.u64(bswap<u64>(value));
  }

  /** A string: as an integer or compressed where that is shorter and Redis does so. */
  static string(ptr: usize, length: u32): void {
    if (length <= INTEGER_TEXT_MAX && parseSmall(ptr, length)) {
      RdbWriter.integer(small);
      return;
    }
    const at = RdbWriter.room(<usize>length + LZF_HEADER_MAX);
    if (at == 0) return;
    if (length > COMPRESS_ABOVE && Settings.on(Setting.RdbCompression)) {
      const body = at + LZF_HEADER_MAX;
      const compressed = <u32>lzfCompress(ptr, <i32>length, body, <i32>length - 4);
      if (compressed != 0) {
        store<u8>(at, <u8>(0xc0 | StringCode.Lzf));
        let header = 1 + storeLength(at + 1, compressed);
        header += storeLength(at + header, length);
        memory.copy(at + header, body, compressed);
        RdbWriter.advance(<usize>compressed + header);
        return;
      }
    }
    const header = storeLength(at, length);
    copyBytes(at + header, ptr, length);
    RdbWriter.advance(<usize>length + header);
  }

  /** A string that is a 32-bit integer. */
  static integer(value: i32): void {
    const at = RdbWriter.room(5);
    if (at == 0) return;
    if (value == <i32>(<i8>value)) {
      store<u8>(at, <u8>(0xc0 | StringCode.Int8));
      store<u8>(at, <u8>value, 1);
      RdbWriter.advance(2);
    } else if (value == <i32>(<i16>value)) {
      store<u8>(at, <u8>(0xc0 | StringCode.Int16));
      store<u16>(at, <u16>value, 1);
      RdbWriter.advance(3);
    } else {
      store<u8>(at, <u8>(0xc0 | StringCode.Int32));
      store<i32>(at, value, 1);
      RdbWriter.advance(5);
    }
  }
}

/** Writes a length in its shortest form; answers how many bytes that took (1 to 5). */
function storeLength(at: usize, value: u32): u32 {
  if (value < 64) {
    store<u8>(at, <u8>value);
    return 1;
  }
  if (value < 16384) {
    store<u16>(at, <u16>(0x40 | (value >> 8) | ((value & 0xff) << 8)));
    return 2;
  }
  store<u8>(at, 0x80);
  store<u32>(at, bswap<u32>(value), 1);
  return 5;
}

/** What `parseSmall` has read. */
let small: i32 = 0;

/** Reads a 32-bit integer whose text is the only one for its value. */
function parseSmall(ptr: usize, length: u32): bool {
  if (length == 0) return false;
  const first = <u32>load<u8>(ptr);
  const negative = first == 45;
  let at: u32 = negative ? 1 : 0;
  if (at == length) return false;
  const leading = <u32>load<u8>(ptr + at);
  if (leading == 48 && length > 1) return false;
  let value: i64 = 0;
  for (; at < length; at++) {
    const digit = <u32>load<u8>(ptr + at) - 48;
    if (digit > 9) return false;
    value = value * 10 + <i64>digit;
  }
  if (negative) value = -value;
  if (value != <i64>(<i32>value)) return false;
  small = <i32>value;
  return true;
}
