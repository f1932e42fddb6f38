/**
 * Redis's listpack (listpack.c, "listpack.md" by its author): a run of strings and integers in one allocation, byte for
 * byte the form that RDB files and DUMP payloads hold.
 *
 *   u32 bytes in all | u16 count, 65 535: not known, walk | entries | 0xff
 *
 * The entries are told in listpack-element.ts. The allocation may be longer than the listpack: what the allocator's size
 * class has on top is room for the next entry.
 */
import { alloc, resize, roundedSize, usableSize } from "../base/memory";
import { parsedInt64, parseInt64 } from "../protocol/number";
import {
  backlenSize,
  entryBefore,
  entrySize,
  Lp,
  lpEntryBytes,
  lpEqualsParsed,
  NAME_ENTRY,
  planInteger,
  soundBacklen,
  soundSize,
  writeName,
  writePlanned,
} from "./listpack-element";

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

// Searching.

/**
 * The first element from `from` (0: none) on that is this text, looking at one and passing over `skip`, and so on; 0:
 * none is.
 */
export function lpFind(lp: usize, from: usize, ptr: usize, length: u32, skip: u32): usize {
  const isInteger = parseInt64(ptr, <i32>length);
  const value = isInteger ? parsedInt64() : 0;
  let p = from;
  while (p != 0) {
    if (lpEqualsParsed(p, ptr, length, isInteger, value)) return p;
    p = lpNext(lp, p);
    for (let i: u32 = 0; i < skip && p != 0; i++) p = lpNext(lp, p);
  }
  return 0;
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

/** Gives back what the listpack does not need. */
export function lpTrim(lp: usize): usize {
  return resize(lp, lpBytes(lp), lpBytes(lp));
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
  const size = lpEntryBytes(ptr, length);
  return insertPlanned(lp, lp + lpBytes(lp) - 1, size, ptr, length);
}

/** Appends a name, which the caller has the use of. */
export function lpAppendName(lp: usize, number: u32): usize {
  const offset = lpBytes(lp) - 1;
  lp = remake(lp, offset, 0, NAME_ENTRY);
  Lp.at = lp + offset;
  writeName(Lp.at, number);
  countMore(lp, 1);
  return lp;
}

export function lpPrepend(lp: usize, ptr: usize, length: u32): usize {
  const size = lpEntryBytes(ptr, length);
  return insertPlanned(lp, lp + LP_HEADER, size, ptr, length);
}

/** Inserts the text before or after the element at `p`, or in its place. */
export function lpInsert(lp: usize, p: usize, ptr: usize, length: u32, where: LpWhere): usize {
  const size = lpEntryBytes(ptr, length);
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
  return lpSafeBytes(have + bytes);
}

/** Whether a listpack of so many bytes stays in those bounds. */
export function lpSafeBytes(bytes: u64): bool {
  return bytes <= SAFE_BYTES;
}

// Checking.

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

/** Invariants, for tests: sound throughout, and inside its allocation. */
export function checkListpack(lp: usize): bool {
  return lpValid(lp, lpBytes(lp), true) && lpBytes(lp) <= usableSize(lp);
}
