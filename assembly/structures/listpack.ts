/**
 * Redis's listpack (listpack.c, "listpack.md" by its author): a run of strings and integers in one allocation, byte for
 * byte the form that RDB files and DUMP payloads hold.
 *
 *   u32 bytes in all | u16 count, 65 535: not known, walk | entries | 0xff
 *
 *   an entry is its encoding, its data, and the length of these two ("backlen", for walking backwards):
 *     0nnnnnnn            integer of 7 bits, unsigned
 *     10nnnnnn            string of n bytes
 *     110nnnnn n8         integer of 13 bits
 *     1110nnnn n8         string of n bytes
 *     0xf0 u32            string of n bytes
 *     0xf1 .. 0xf4        integers of 16, 24, 32, 64 bits, little-endian
 *   the backlen has 7 bits per byte, the highest first; all bytes but the first have their high bit set.
 *
 * A text that is the only one of a 64-bit integer is stored as that integer. The allocation may be longer than the
 * listpack: what the allocator's size class has on top is room for the next entry.
 */
import { bytesEqual, copyBytes } from "../base/bytes";
import { alloc, resize, roundedSize, usableSize } from "../base/memory";
import { parsedInt64, parseInt64, writeInt64 } from "../protocol/number";
import { replyBulk, replyBulkInt } from "../protocol/reply";

export const LP_HEADER: u32 = 6;
/** Bytes of a listpack without entries. */
export const LP_EMPTY: u32 = 7;
const END: u32 = 0xff;
const COUNT_UNKNOWN: u32 = 0xffff;
/** LISTPACK_MAX_SAFETY_LIMIT. */
const SAFE_BYTES: u64 = 1 << 30;
/** Listpacks longer than this grow by an eighth, so that appending stays cheap. */
const GROW_ABOVE: usize = 16384;

export enum LpWhere {
  Before = 0,
  After = 1,
  Replace = 2,
}

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

/** An empty listpack with room for `capacity` bytes in all. */
export function newListpack(capacity: usize): usize {
  const lp = alloc(max<usize>(capacity, LP_EMPTY));
  store<u32>(lp, LP_EMPTY);
  store<u16>(lp, 0, 4);
  store<u8>(lp, END, LP_HEADER);
  return lp;
}

/** A copy of `length` bytes that are a listpack. */
export function lpCopy(source: usize, length: usize): usize {
  const lp = alloc(length);
  memory.copy(lp, source, length);
  return lp;
}

export function lpBytes(lp: usize): usize {
  return load<u32>(lp);
}

export function lpCount(lp: usize): u32 {
  const known = <u32>load<u16>(lp, 4);
  return known != COUNT_UNKNOWN ? known : countByWalk(lp);
}

function countByWalk(lp: usize): u32 {
  let count: u32 = 0;
  let p = lp + LP_HEADER;
  while (load<u8>(p) != END) {
    p += entrySize(p);
    count++;
  }
  if (count < COUNT_UNKNOWN) store<u16>(lp, <u16>count, 4);
  return count;
}

/** Bytes that the backlen of `bytes` takes; the borders are those of lpEncodeBacklen. */
function backlenSize(bytes: u32): u32 {
  if (bytes <= 127) return 1;
  if (bytes < 16383) return 2;
  if (bytes < 2097151) return 3;
  return bytes < 268435455 ? 4 : 5;
}

function writeBacklen(at: usize, bytes: u32): void {
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
function encodedSize(p: usize): u32 {
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
    default:
      return 1;
  }
}

/** Bytes of the whole entry at `p`. */
export function entrySize(p: usize): u32 {
  const size = encodedSize(p);
  return size + backlenSize(size);
}

/** Where the entry that ends at `end` begins. */
export function entryBefore(end: usize): usize {
  let at = end - 1;
  let byte = <u32>load<u8>(at);
  let bytes = byte & 127;
  let shift: u32 = 7;
  while ((byte & 128) != 0 && shift <= 28) {
    byte = <u32>load<u8>(--at);
    bytes |= (byte & 127) << shift;
    shift += 7;
  }
  return at - bytes;
}

// Walking. 0 is the place before the first and behind the last element.

export function lpFirst(lp: usize): usize {
  const p = lp + LP_HEADER;
  return load<u8>(p) == END ? 0 : p;
}

export function lpLast(lp: usize): usize {
  const end = lp + lpBytes(lp) - 1;
  return end == lp + LP_HEADER ? 0 : entryBefore(end);
}

export function lpNext(_lp: usize, p: usize): usize {
  const next = p + entrySize(p);
  return load<u8>(next) == END ? 0 : next;
}

export function lpPrev(lp: usize, p: usize): usize {
  return p == lp + LP_HEADER ? 0 : entryBefore(p);
}

/** The element at `index`, below 0 from the end; 0: there is none. */
export function lpSeek(lp: usize, index: i32): usize {
  const known = <i32>load<u16>(lp, 4);
  if (known != <i32>COUNT_UNKNOWN) {
    if (index < 0) index += known;
    if (index < 0 || index >= known) return 0;
    if (index > known >> 1) index -= known;
  }
  if (index >= 0) {
    let p = lpFirst(lp);
    for (; index > 0 && p != 0; index--) p = lpNext(lp, p);
    return p;
  }
  let p = lpLast(lp);
  for (; index < -1 && p != 0; index++) p = lpPrev(lp, p);
  return p;
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

/** Whether the element at `p` is this text. */
export function lpEquals(p: usize, ptr: usize, length: u32): bool {
  lpGet(p);
  if (!Lp.isInteger) return Lp.length == length && bytesEqual(Lp.ptr, ptr, length);
  return parseInt64(ptr, <i32>length) && parsedInt64() == Lp.value;
}

/**
 * The first element from `from` (0: none) on that is this text, looking at one and passing over `skip`, and so on; 0:
 * none is.
 */
export function lpFind(lp: usize, from: usize, ptr: usize, length: u32, skip: u32): usize {
  const isInteger = parseInt64(ptr, <i32>length);
  const value = isInteger ? parsedInt64() : 0;
  let p = from;
  while (p != 0) {
    lpGet(p);
    if (Lp.isInteger) {
      if (isInteger && value == Lp.value) return p;
    } else if (Lp.length == length && bytesEqual(Lp.ptr, ptr, length)) return p;
    p = lpNext(lp, p);
    for (let i: u32 = 0; i < skip && p != 0; i++) p = lpNext(lp, p);
  }
  return 0;
}

// Writing. An element is first planned, then written where room has been made.

let plannedInteger: bool = false;
let plannedValue: i64 = 0;
/** Encoding and data of the planned element, without its backlen. */
let plannedBytes: u32 = 0;

/** Plans a text; answers the bytes of its entry. */
function plan(ptr: usize, length: u32): u32 {
  if (parseInt64(ptr, <i32>length)) return planInteger(parsedInt64());
  plannedInteger = false;
  plannedBytes = length + (length < 64 ? 1 : length < 4096 ? 2 : 5);
  return plannedBytes + backlenSize(plannedBytes);
}

function planInteger(value: i64): u32 {
  plannedInteger = true;
  plannedValue = value;
  if (<u64>value <= 127) plannedBytes = 1;
  else if (value >= -4096 && value <= 4095) plannedBytes = 2;
  else if (value == <i64>(<i16>value)) plannedBytes = 3;
  else if (value >= -8388608 && value <= 8388607) plannedBytes = 4;
  else plannedBytes = value == <i64>(<i32>value) ? 5 : 9;
  return plannedBytes + 1;
}

/** Bytes that an entry with this text takes. */
export function lpEntryBytes(ptr: usize, length: u32): u32 {
  return plan(ptr, length);
}

/** Writes the element that was planned last (`lpEntryBytes`) at `at`, where so many bytes are free. */
export function writePlanned(at: usize, ptr: usize, length: u32): void {
  if (plannedInteger) {
    writeIntegerElement(at, plannedBytes, plannedValue);
    return;
  }
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
  writeBacklen(data + length, plannedBytes);
}

/** Writes an integer in its encoding of `bytes` bytes, with the length behind it. */
export function writeIntegerElement(at: usize, bytes: u32, value: i64): void {
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
  store<u8>(at + bytes, <u8>bytes);
}

/** Makes the `removed` bytes at `offset` to be `added`; the listpack may move. Nothing else is written. */
function remake(lp: usize, offset: usize, removed: usize, added: usize): usize {
  const bytes = lpBytes(lp);
  const wanted = bytes - removed + added;
  const behind = bytes - offset - removed;
  if (added > removed && wanted > usableSize(lp)) {
    lp = resize(lp, bytes, wanted > GROW_ABOVE ? wanted + (wanted >> 3) : wanted);
  }
  if (added != removed) {
    const from = lp + offset + removed;
    if (behind == 1) store<u8>(lp + offset + added, END);
    else memory.copy(lp + offset + added, from, behind);
    store<u32>(lp, <u32>wanted);
  }
  return lp;
}

/** Gives back room where more than half of the allocation has become unused. */
function shrink(lp: usize): usize {
  const bytes = lpBytes(lp);
  return roundedSize(bytes) << 1 <= usableSize(lp) ? resize(lp, bytes, bytes) : lp;
}

function countMore(lp: usize, more: i32): void {
  const known = <u32>load<u16>(lp, 4);
  if (known != COUNT_UNKNOWN) store<u16>(lp, <u16>(known + more), 4);
}

function insertPlanned(lp: usize, p: usize, size: u32, ptr: usize, length: u32): usize {
  const offset = p - lp;
  lp = remake(lp, offset, 0, size);
  Lp.at = lp + offset;
  writePlanned(Lp.at, ptr, length);
  countMore(lp, 1);
  return lp;
}

function replacePlanned(lp: usize, p: usize, size: u32, ptr: usize, length: u32): usize {
  const offset = p - lp;
  const old = entrySize(p);
  lp = remake(lp, offset, old, size);
  writePlanned(lp + offset, ptr, length);
  if (size < old) lp = shrink(lp);
  Lp.at = lp + offset;
  return lp;
}

// The text that is inserted must not lie in the listpack itself.

export function lpAppend(lp: usize, ptr: usize, length: u32): usize {
  const size = plan(ptr, length);
  return insertPlanned(lp, lp + lpBytes(lp) - 1, size, ptr, length);
}

export function lpPrepend(lp: usize, ptr: usize, length: u32): usize {
  const size = plan(ptr, length);
  return insertPlanned(lp, lp + LP_HEADER, size, ptr, length);
}

/** Inserts the text before or after the element at `p`, or in its place. */
export function lpInsert(lp: usize, p: usize, ptr: usize, length: u32, where: LpWhere): usize {
  const size = plan(ptr, length);
  if (where == LpWhere.Replace) return replacePlanned(lp, p, size, ptr, length);
  if (where == LpWhere.After) p += entrySize(p);
  return insertPlanned(lp, p, size, ptr, length);
}

export function lpAppendInteger(lp: usize, value: i64): usize {
  const size = planInteger(value);
  return insertPlanned(lp, lp + lpBytes(lp) - 1, size, 0, 0);
}

export function lpInsertInteger(lp: usize, p: usize, value: i64, where: LpWhere): usize {
  const size = planInteger(value);
  if (where == LpWhere.Replace) return replacePlanned(lp, p, size, 0, 0);
  if (where == LpWhere.After) p += entrySize(p);
  return insertPlanned(lp, p, size, 0, 0);
}

export function lpReplaceInteger(lp: usize, p: usize, value: i64): usize {
  return lpInsertInteger(lp, p, value, LpWhere.Replace);
}

/** Deletes up to `count` elements from the one at `p` on. */
export function lpDelete(lp: usize, p: usize, count: u32): usize {
  let end = p;
  let deleted: u32 = 0;
  while (deleted < count && load<u8>(end) != END) {
    end += entrySize(end);
    deleted++;
  }
  const offset = p - lp;
  lp = remake(lp, offset, end - p, 0);
  const known = <u32>load<u16>(lp, 4);
  if (known != COUNT_UNKNOWN) store<u16>(lp, <u16>(known - deleted), 4);
  lp = shrink(lp);
  Lp.at = load<u8>(lp + offset) == END ? 0 : lp + offset;
  return lp;
}

/** Whether a listpack may grow by `bytes` and stay in the bounds that Redis sets. `lp` 0: a new one. */
export function lpSafeToAdd(lp: usize, bytes: u64): bool {
  const have: u64 = lp == 0 ? 0 : lpBytes(lp);
  return have + bytes <= SAFE_BYTES;
}

// Checking.

/** Bytes of encoding and data at `p`, of which no byte at or behind `end` is read; 0: not an entry. */
function soundSize(p: usize, end: usize): u64 {
  const first = <u32>load<u8>(p);
  const left = end - p;
  if (first > 0xf4) return 0;
  if (first >= 0xe0 && first < 0xf0 && left < 2) return 0;
  if (first == 0xf0) return left < 5 ? 0 : <u64>load<u32>(p, 1) + 5;
  return encodedSize(p);
}

/**
 * Whether these bytes are a listpack (lpValidateIntegrity): the length in front, the mark at the end, and, where `deep`,
 * each entry, each backlen and the count.
 */
export function lpValid(ptr: usize, length: usize, deep: bool): bool {
  if (length < LP_EMPTY || <usize>load<u32>(ptr) != length) return false;
  const end = ptr + length - 1;
  if (load<u8>(end) != END) return false;
  if (!deep) return true;
  let p = ptr + LP_HEADER;
  let count: u32 = 0;
  while (p != end) {
    const size = soundSize(p, end);
    if (size == 0) return false;
    const whole = size + backlenSize(<u32>size);
    if (size > <u64>length || whole > <u64>(end - p)) return false;
    const next = p + <usize>whole;
    if (!soundBacklen(p, next, <u32>size)) return false;
    p = next;
    count++;
  }
  const known = <u32>load<u16>(ptr, 4);
  return known == COUNT_UNKNOWN || known == count;
}

/** Whether the backlen that ends at `end` leads to `start`. */
function soundBacklen(start: usize, end: usize, size: u32): bool {
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

/** Invariants, for tests: sound throughout, and inside its allocation. */
export function checkListpack(lp: usize): bool {
  return lpValid(lp, lpBytes(lp), true) && lpBytes(lp) <= usableSize(lp);
}
