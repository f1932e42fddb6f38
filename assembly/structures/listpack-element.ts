/**
 * One element of a listpack: its encoding, its data, and the length of these two ("backlen", for walking backwards).
 *
 *     0nnnnnnn            integer of 7 bits, unsigned
 *     10nnnnnn            string of n bytes
 *     110nnnnn n8         integer of 13 bits
 *     1110nnnn n8         string of n bytes
 *     0xf0 u32            string of n bytes
 *     0xf1 .. 0xf4        integers of 16, 24, 32, 64 bits, little-endian
 *     0xf5 u16            in memory only, and in hashes only: a name (field-names.ts)
 *   the backlen has 7 bits per byte, the highest first; all bytes but the first have their high bit set.
 *
 * A text that is the only one of a 64-bit integer is stored as that integer.
 */
import { bytesEqual, copyBytes } from "../base/bytes";
import { replyAt, roomReply, setReplyAt } from "../base/frame";
import { parsedInt64, parseInt64, writeInt64 } from "../protocol/number";
import { replyBulk, replyBulkInt } from "../protocol/reply";
import { Name } from "./field-names";

export const NAME: u32 = 0xf5;
/** Bytes of a name's element. */
export const NAME_ENTRY: u32 = 4;

/** What the last call has read or where it has worked. */
export class Lp {
  /** Text of the element read; of an integer (after `lpRead`) in a buffer that the next reading overwrites. */
  static ptr: usize = 0;
  static length: u32 = 0;
  static isInteger: bool = false;
  static value: i64 = 0;
  /** The element inserted, or the one that follows what was deleted (0: none). */
  static at: usize = 0;
}

const integerText: usize = memory.data(32, 16);

// Sizes.

/** Bytes that the backlen of `bytes` takes; the borders are those of lpEncodeBacklen. */
export function backlenSize(bytes: u32): u32 {
  if (bytes <= 127) return 1;
  if (bytes < 16383) return 2;
  if (bytes < 2097151) return 3;
  return bytes < 268435455 ? 4 : 5;
}

export function writeBacklen(at: usize, bytes: u32): void {
  if (bytes <= 127) {
    store<u8>(at, <u8>bytes);
    return;
  }
  const size = backlenSize(bytes);
  for (let i = size - 1; i > 0; i--) {
    store<u8>(at + i, <u8>((bytes & 127) | 128));
    bytes >>= 7;
  }
  store<u8>(at, <u8>bytes);
}

/** Bytes of encoding and data of the entry at `p`. */
export function encodedSize(p: usize): u32 {
  const first = <u32>load<u8>(p);
  if (first < 0x80) return 1;
  if (first < 0xc0) return 1 + (first & 63);
  if (first < 0xe0) return 2;
  if (first < 0xf0) return 2 + (((first & 15) << 8) | <u32>load<u8>(p, 1));
  switch (first) {
    case 0xf0:
      return 5 + load<u32>(p, 1);
    case 0xf1:
      return 3;
    case 0xf2:
      return 4;
    case 0xf3:
      return 5;
    case 0xf4:
      return 9;
    case NAME:
      return 3;
    default:
      return 1;
  }
}

/** Bytes of the whole entry at `p`. */
export function entrySize(p: usize): u32 {
  const size = encodedSize(p);
  return size + backlenSize(size);
}

/**
 * Where the entry that ends at `end` begins. As in Redis the backlen counts as short as it could be written: RESTORE lets
 * longer ones pass, whose first bytes are the entry's own.
 */
export function entryBefore(end: usize): usize {
  let at = end - 1;
  let byte = <u32>load<u8>(at);
  if (byte < 128) return at - byte;
  let bytes = byte & 127;
  for (let shift: u32 = 7; (byte & 128) != 0 && shift <= 28; shift += 7) {
    byte = <u32>load<u8>(--at);
    bytes |= (byte & 127) << shift;
  }
  return end - backlenSize(bytes) - bytes;
}

// Reading.

/** The element at `p` into `Lp`; the text of an integer is not written. */
export function lpGet(p: usize): void {
  const first = <u32>load<u8>(p);
  Lp.isInteger = false;
  if (first < 0x80) {
    Lp.isInteger = true;
    Lp.value = first;
  } else if (first < 0xc0) {
    Lp.ptr = p + 1;
    Lp.length = first & 63;
  } else if (first < 0xe0) {
    Lp.isInteger = true;
    // Thirteen bits, the highest of them the sign.
    const bits = ((first & 31) << 8) | <u32>load<u8>(p, 1);
    Lp.value = <i32>(bits << 19) >> 19;
  } else if (first < 0xf0) {
    Lp.ptr = p + 2;
    Lp.length = ((first & 15) << 8) | <u32>load<u8>(p, 1);
  } else getWide(p, first);
}

function getWide(p: usize, first: u32): void {
  if (first == 0xf0) {
    Lp.ptr = p + 5;
    Lp.length = load<u32>(p, 1);
    return;
  }
  if (first == NAME) {
    Lp.ptr = Name.text(nameAt(p));
    Lp.length = Name.length(nameAt(p));
    return;
  }
  Lp.isInteger = true;
  if (first == 0xf1) Lp.value = load<i16>(p, 1);
  else if (first == 0xf2) {
    Lp.value = <i64>(((<i32>load<i8>(p, 3)) << 16) | <i32>load<u16>(p, 1));
  } else if (first == 0xf3) Lp.value = load<i32>(p, 1);
  else Lp.value = load<i64>(p, 1);
}

/** The element at `p` into `Lp`, an integer also as text. */
export function lpRead(p: usize): void {
  lpGet(p);
  if (!Lp.isInteger) return;
  Lp.ptr = integerText;
  Lp.length = <u32>writeInt64(integerText, Lp.value);
}

/** The element at `p` as a bulk string. */
export function replyElement(p: usize): void {
  lpGet(p);
  if (Lp.isInteger) replyBulkInt(Lp.value);
  else replyBulk(Lp.ptr, Lp.length);
}

/** What the reply to an element of a list has more than its entry, at most: 20 digits take nine bytes there. */
const REPLY_MORE: u32 = 24;

/** `count` elements from `p` on as bulk strings. `end`: the mark behind the last entry of the listpack. */
export function replyElements(p: usize, count: u32, end: usize): void {
  if (!roomReply(end - p + <usize>(count + 1) * REPLY_MORE)) return;
  let at = replyAt;
  for (; count > 0; count--) {
    const length = <u32>load<u8>(p) - 0x80;
    if (length >= 64) {
      setReplyAt(at);
      replyElement(p);
      at = replyAt;
      p += entrySize(p);
      continue;
    }
    if (length < 10) {
      store<u32>(at, 0x0a0d3024 + (length << 8));
      at += 4;
    } else {
      const tens = length / 10;
      store<u8>(at, 36);
      store<u32>(at, 0x0a0d3030 + tens + ((length - tens * 10) << 8), 1);
      at += 5;
    }
    // What is copied beyond a short element is overwritten by what follows.
    if (length <= 16 && p + 17 <= end) v128.store(at, v128.load(p, 1));
    else copyBytes(at, p + 1, length);
    at += length;
    store<u16>(at, 0x0a0d);
    at += 2;
    p += length + 2;
  }
  setReplyAt(at);
}

/** Whether the element at `p` is this text. */
export function lpEquals(p: usize, ptr: usize, length: u32): bool {
  lpGet(p);
  if (!Lp.isInteger) return Lp.length == length && bytesEqual(Lp.ptr, ptr, length);
  return parseInt64(ptr, <i32>length) && parsedInt64() == Lp.value;
}

/** The same for a text of which is known whether it is an integer, and which. */
export function lpEqualsParsed(
  p: usize,
  ptr: usize,
  length: u32,
  isInteger: bool,
  value: i64,
): bool {
  lpGet(p);
  if (Lp.isInteger) return isInteger && value == Lp.value;
  return Lp.length == length && bytesEqual(Lp.ptr, ptr, length);
}

// Writing. An element is first planned, then written where room has been made.

let plannedInteger: bool = false;
let plannedValue: i64 = 0;
/** Encoding and data of the planned element, without its backlen. */
let plannedBytes: u32 = 0;

/** Plans a text; answers the bytes that its entry takes. */
export function lpEntryBytes(ptr: usize, length: u32): u32 {
  if (parseInt64(ptr, <i32>length)) return planInteger(parsedInt64());
  plannedInteger = false;
  plannedBytes = length + (length < 64 ? 1 : length < 4096 ? 2 : 5);
  return plannedBytes + backlenSize(plannedBytes);
}

export function planInteger(value: i64): u32 {
  plannedInteger = true;
  plannedValue = value;
  plannedBytes = integerBytes(value);
  return plannedBytes + 1;
}

/** Bytes of encoding and data of an integer. */
export function integerBytes(value: i64): u32 {
  if (<u64>value <= 127) return 1;
  if (value >= -4096 && value <= 4095) return 2;
  if (value == <i64>(<i16>value)) return 3;
  if (value >= -8388608 && value <= 8388607) return 4;
  return value == <i64>(<i32>value) ? 5 : 9;
}

/** As `lpEntryBytes`, for an element without the length behind it (`writeBare`). */
export function bareBytes(ptr: usize, length: u32): u32 {
  lpEntryBytes(ptr, length);
  return plannedBytes;
}

/** Writes the element that was planned last (`lpEntryBytes`) at `at`, where so many bytes are free. */
export function writePlanned(at: usize, ptr: usize, length: u32): void {
  if (plannedInteger) {
    writeIntegerElement(at, plannedBytes, plannedValue);
    return;
  }
  writeText(at, ptr, length);
  writeBacklen(at + plannedBytes, plannedBytes);
}

/** Writes the element that was planned last (`bareBytes`) without the length behind it. */
export function writeBare(at: usize, ptr: usize, length: u32): void {
  if (plannedInteger) writeInteger(at, plannedBytes, plannedValue);
  else writeText(at, ptr, length);
}

function writeText(at: usize, ptr: usize, length: u32): void {
  let data = at + 1;
  if (length < 64) store<u8>(at, <u8>(0x80 | length));
  else if (length < 4096) {
    store<u8>(at, <u8>(0xe0 | (length >> 8)));
    store<u8>(at, <u8>length, 1);
    data = at + 2;
  } else {
    store<u8>(at, 0xf0);
    store<u32>(at, length, 1);
    data = at + 5;
  }
  copyBytes(data, ptr, length);
}

/** Writes an integer in its encoding of `bytes` bytes, with the length behind it. */
export function writeIntegerElement(at: usize, bytes: u32, value: i64): void {
  writeInteger(at, bytes, value);
  store<u8>(at + bytes, <u8>bytes);
}

function writeInteger(at: usize, bytes: u32, value: i64): void {
  switch (bytes) {
    case 1:
      store<u8>(at, <u8>value);
      break;
    case 2:
      store<u8>(at, <u8>(0xc0 | ((<u32>value >> 8) & 31)));
      store<u8>(at, <u8>value, 1);
      break;
    case 3:
      store<u8>(at, 0xf1);
      store<u16>(at, <u16>value, 1);
      break;
    case 4:
      store<u8>(at, 0xf2);
      store<u16>(at, <u16>value, 1);
      store<u8>(at, <u8>(value >> 16), 3);
      break;
    case 5:
      store<u8>(at, 0xf3);
      store<u32>(at, <u32>value, 1);
      break;
    default:
      store<u8>(at, 0xf4);
      store<i64>(at, value, 1);
  }
}

// Names.

/** The number of the name at `p`; 0: it is no name. */
export function nameAt(p: usize): u32 {
  return <u32>load<u8>(p) == NAME ? <u32>load<u16>(p, 1) : 0;
}

export function writeName(at: usize, number: u32): void {
  store<u32>(at, NAME | (number << 8) | (3 << 24));
}

/** Writes the name as the text that it is, which has less than 64 bytes; answers where its entry ends. */
export function writeNameText(at: usize, number: u32): usize {
  const length = Name.length(number);
  store<u8>(at, <u8>(0x80 | length));
  copyBytes(at + 1, Name.text(number), length);
  store<u8>(at + 1 + length, <u8>(1 + length));
  return at + length + 2;
}

// Checking.

/** Bytes of encoding and data at `p`, of which no byte at or behind `end` is read; 0: not an entry. */
export function soundSize(p: usize, end: usize): u64 {
  const first = <u32>load<u8>(p);
  const left = end - p;
  if (first > 0xf4) return 0;
  if (first >= 0xe0 && first < 0xf0 && left < 2) return 0;
  if (first == 0xf0) return left < 5 ? 0 : <u64>load<u32>(p, 1) + 5;
  return encodedSize(p);
}

/** Whether the backlen that ends at `end` leads to `start`. */
export function soundBacklen(start: usize, end: usize, size: u32): bool {
  let at = end - 1;
  let value: u64 = 0;
  let shift: u64 = 0;
  while (true) {
    const byte = <u64>load<u8>(at);
    value |= (byte & 127) << shift;
    if ((byte & 128) == 0) break;
    shift += 7;
    if (shift > 28 || at == start) return false;
    at--;
  }
  return value == <u64>size;
}
