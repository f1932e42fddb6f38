/**
 * A sorted array of integers, in the bytes that Redis keeps and saves (intset.c), so that saving is copying:
 *
 *   +0 u32 bytes per integer: 2, 4 or 8   +4 u32 integers   +8 the integers, ascending
 *
 * Integers widen when one comes that does not fit; they never narrow.
 */
import { alloc, canAllocate, resize } from "../base/memory";

const HEADER: usize = 8;

/** Where the last search ended. */
export class IntSet {
  static at: u32 = 0;

  @inline static width(ptr: usize): u32 {
    return load<u32>(ptr);
  }
  @inline static count(ptr: usize): u32 {
    return load<u32>(ptr, 4);
  }
  /** Bytes in use. */
  @inline static bytes(ptr: usize): usize {
    return HEADER + <usize>IntSet.width(ptr) * <usize>IntSet.count(ptr);
  }
  @inline static get(ptr: usize, index: u32): i64 {
    return integerAt(ptr, IntSet.width(ptr), index);
  }
}

function integerAt(ptr: usize, width: u32, index: u32): i64 {
  const at = ptr + HEADER + <usize>width * <usize>index;
  if (width == 2) return load<i16>(at);
  return width == 4 ? <i64>load<i32>(at) : load<i64>(at);
}

function putInteger(ptr: usize, width: u32, index: u32, value: i64): void {
  const at = ptr + HEADER + <usize>width * <usize>index;
  if (width == 2) store<i16>(at, <i16>value);
  else if (width == 4) store<i32>(at, <i32>value);
  else store<i64>(at, value);
}

function widthFor(value: i64): u32 {
  if (value == <i64>(<i16>value)) return 2;
  return value == <i64>(<i32>value) ? 4 : 8;
}

export function intsetNew(): usize {
  const ptr = alloc(HEADER);
  store<u32>(ptr, 2);
  store<u32>(ptr, 0, 4);
  return ptr;
}

/** Whether the integer is there; `IntSet.at` is its place, or the one it would have. */
export function intsetFind(ptr: usize, value: i64): bool {
  const width = IntSet.width(ptr);
  let low: u32 = 0;
  let high = IntSet.count(ptr);
  // Numbers that only grow go to the end.
  if (high > 0 && integerAt(ptr, width, high - 1) < value) low = high;
  while (low < high) {
    const middle = low + ((high - low) >> 1);
    const found = integerAt(ptr, width, middle);
    if (found == value) {
      IntSet.at = middle;
      return true;
    }
    if (found < value) low = middle + 1;
    else high = middle;
  }
  IntSet.at = low;
  return false;
}

/** Adds the integer that was just searched and not found; the array may move. */
export function intsetInsertSearched(ptr: usize, value: i64): usize {
  const count = IntSet.count(ptr);
  const width = IntSet.width(ptr);
  const wanted = widthFor(value);
  if (wanted > width) return widen(ptr, wanted, value);
  const bytes = IntSet.bytes(ptr);
  const target = resize(ptr, bytes, bytes + width);
  const at = IntSet.at;
  const place = target + HEADER + <usize>at * width;
  memory.copy(place + width, place, <usize>(count - at) * width);
  putInteger(target, width, at, value);
  store<u32>(target, count + 1, 4);
  return target;
}

/** Gives all integers more bytes; the new one, too wide so far, is below or above all others. */
function widen(ptr: usize, width: u32, value: i64): usize {
  const count = IntSet.count(ptr);
  const old = IntSet.width(ptr);
  const target = resize(ptr, IntSet.bytes(ptr), HEADER + <usize>(count + 1) * width);
  const shift: u32 = value < 0 ? 1 : 0;
  for (let index = count; index > 0; index--) {
    putInteger(target, width, index - 1 + shift, integerAt(target, old, index - 1));
  }
  putInteger(target, width, value < 0 ? 0 : count, value);
  store<u32>(target, width);
  store<u32>(target, count + 1, 4);
  return target;
}

/** Takes the integer out that was just found; the array may move. */
export function intsetRemoveFound(ptr: usize): usize {
  const count = IntSet.count(ptr);
  const width = IntSet.width(ptr);
  const at = IntSet.at;
  const place = ptr + HEADER + <usize>at * width;
  memory.copy(place, place + width, <usize>(count - at - 1) * width);
  store<u32>(ptr, count - 1, 4);
  const bytes = IntSet.bytes(ptr);
  // Removing must work when memory has run out.
  return canAllocate(bytes) ? resize(ptr, bytes, bytes) : ptr;
}

/** Whether the bytes, from anywhere, are an array as above with at least one integer. */
export function intsetValid(ptr: usize, length: u32): bool {
  if (<usize>length < HEADER) return false;
  const width = load<u32>(ptr);
  const count = load<u32>(ptr, 4);
  if (width != 2 && width != 4 && width != 8) return false;
  if (count == 0 || <u64>count * <u64>width + <u64>HEADER != <u64>length) return false;
  let previous = integerAt(ptr, width, 0);
  for (let index: u32 = 1; index < count; index++) {
    const value = integerAt(ptr, width, index);
    if (value <= previous) return false;
    previous = value;
  }
  return true;
}
