/** What a pattern of SORT's BY or GET names for an element: the element itself, another key's string, a hash's field. */
import { ValueType } from "../abi";
import { copyBytes } from "../base/bytes";
import { Arg } from "../base/frame";
import { Entry } from "../keyspace/entry";
import { currentDatabase, lookupRead, slotOf } from "../keyspace/keyspace";
import { View, view } from "../keyspace/string-value";
import { cTextLength } from "../protocol/reply";
import { readField } from "./sort-elements";
import { Arena, Row } from "./sort-rows";

const HASH: u32 = 0x23;
const STAR: u32 = 0x2a;
const ARROW: u16 = 0x3e2d;

/** The key made last; in the arena, and long enough for most. */
let buffer: usize = 0;
let capacity: u32 = 0;

/** Forgets the buffer, which goes with the arena. */
export function beginLookups(): void {
  buffer = 0;
  capacity = 0;
}

/** Where the star stands in the pattern at argument `index`; its C length: there is none. */
export function starIn(index: u32): u32 {
  const ptr = Arg.ptr(index);
  const length = cTextLength(ptr, Arg.length(index));
  let at: u32 = 0;
  while (at < length && <u32>load<u8>(ptr + at) != STAR) at++;
  return at;
}

export function hasStar(index: u32): bool {
  return starIn(index) < cTextLength(Arg.ptr(index), Arg.length(index));
}

/** Where `->` with a field behind it begins, after the star; the pattern's whole length: nowhere. */
function arrowIn(ptr: usize, length: u32, star: u32): u32 {
  const end = cTextLength(ptr, length);
  for (let at = star + 1; at + 1 < end; at++) {
    if (load<u16>(ptr + at) != ARROW) continue;
    // The first arrow decides.
    return at + 2 < end ? at : length;
  }
  return length;
}

/** What a lookup may find. */
export enum Lookup {
  Missing = 0,
  /** `View` has it, until the next one. */
  Found = 1,
  NoMemory = 2,
}

export function lookupPattern(index: u32, row: Row): Lookup {
  const pattern = Arg.ptr(index);
  const length = Arg.length(index);
  const textLength = cTextLength(pattern, length);
  if (textLength == 1 && <u32>load<u8>(pattern) == HASH) {
    View.ptr = row.ptr;
    View.length = row.length;
    return Lookup.Found;
  }
  const star = starIn(index);
  if (star == textLength) return Lookup.Missing;
  const arrow = arrowIn(pattern, length, star);
  const behind = arrow - star - 1;
  const bytes = <u64>star + <u64>row.length + <u64>behind;
  if (bytes > 0x7fffffff) return Lookup.NoMemory;
  const keyLength = <u32>bytes;
  if (keyLength > capacity || buffer == 0) {
    capacity = max<u32>(keyLength << 1, 256);
    buffer = Arena.take(capacity);
    if (buffer == 0) return Lookup.NoMemory;
  }
  copyBytes(buffer, pattern, star);
  copyBytes(buffer + star, row.ptr, row.length);
  copyBytes(buffer + star + row.length, pattern + star + 1, behind);
  const database = currentDatabase();
  const slot = slotOf(buffer, keyLength);
  const e = lookupRead(database, slot, buffer, keyLength);
  if (e == 0) return Lookup.Missing;
  if (arrow == length) {
    if (Entry.type(e) != <u32>ValueType.String) return Lookup.Missing;
    view(e, 0);
    return Lookup.Found;
  }
  if (Entry.type(e) != <u32>ValueType.Hash) return Lookup.Missing;
  const found = readField(database, slot, e, pattern + arrow + 2, length - arrow - 2);
  return found ? Lookup.Found : Lookup.Missing;
}
