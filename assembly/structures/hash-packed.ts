/** Small hashes: listpacks of fields and values, or of fields, values and expiries. */
import { Encoding } from "../abi";
import { copyBytes } from "../base/bytes";
import { alloc, free, resize, usableSize } from "../base/memory";
import {
  LP_HEADER,
  lpAppend,
  lpAppendInteger,
  lpBytes,
  lpCount,
  lpFirst,
  lpNext,
  lpReplaceInteger,
} from "./listpack";
import { entrySize, Lp, lpEntryBytes, lpGet } from "./listpack-element";

export function isPacked(encoding: u32): bool {
  return encoding == <u32>Encoding.Listpack || encoding == <u32>Encoding.ListpackEx;
}

/** Elements that a field takes in the listpack. */
export function widthOf(encoding: u32): u32 {
  return encoding == <u32>Encoding.ListpackEx ? 3 : 2;
}

/** Fields of a listpack, each known by the address of its first element. */
export class Packed {
  @inline static value(lp: usize, field: usize): usize {
    return lpNext(lp, field);
  }
  /** Only where the listpack has expiries. */
  static expiry(lp: usize, field: usize): i64 {
    lpGet(lpNext(lp, lpNext(lp, field)));
    return Lp.isInteger ? Lp.value : 0;
  }
  static next(lp: usize, field: usize, width: u32): usize {
    let p = field;
    for (let i: u32 = 0; i < width; i++) p = lpNext(lp, p);
    return p;
  }
  /** Where the field's last element ends. */
  static end(field: usize, width: u32): usize {
    let p = field;
    for (let i: u32 = 0; i < width; i++) p += entrySize(p);
    return p;
  }
  /** Appends field and value, and with `width` 3 "no expiry". */
  static append(
    lp: usize,
    field: usize,
    fieldLength: u32,
    value: usize,
    valueLength: u32,
    width: u32,
  ): usize {
    const more = lpEntryBytes(field, fieldLength) + lpEntryBytes(value, valueLength) + 2;
    const wanted = lpBytes(lp) + more - (width == 3 ? 0 : 2);
    if (wanted > usableSize(lp)) lp = resize(lp, lpBytes(lp), wanted);
    lp = lpAppend(lp, field, fieldLength);
    lp = lpAppend(lp, value, valueLength);
    return width == 3 ? lpAppendInteger(lp, 0) : lp;
  }
}

/** Where the field of the last `widen` stands. */
export let widenedField: usize = 0;

/** Puts "no expiry" behind each value of a listpack without expiries; `field` is a field to be found again. */
export function widen(old: usize, field: usize): usize {
  const fields = lpCount(old) >> 1;
  const size = lpBytes(old) + ((<usize>fields) << 1);
  const lp = alloc(size);
  store<u32>(lp, <u32>size);
  store<u16>(lp, <u16>min<u32>(fields * 3, 0xffff), 4);
  let target = lp + LP_HEADER;
  widenedField = 0;
  for (let p = lpFirst(old); p != 0; ) {
    const end = Packed.end(p, 2);
    if (p == field) widenedField = target;
    copyBytes(target, p, <u32>(end - p));
    target += end - p;
    // The integer 0, and the byte that says that it took one.
    store<u16>(target, 0x0100);
    target += 2;
    p = load<u8>(end) == 0xff ? 0 : end;
  }
  store<u8>(target, 0xff);
  free(old);
  return lp;
}

/** Where the listpack of the last `expirePacked` is. */
export let expiredListpack: usize = 0;

/** Writes the field's expiry and moves the field to where it belongs; answers its place. */
export function expirePacked(old: usize, field: usize, at: i64): usize {
  const offset = field - old;
  const lp = lpReplaceInteger(old, lpNext(old, Packed.value(old, field)), at);
  expiredListpack = lp;
  const from = lp + offset;
  const end = Packed.end(from, 3);
  // The first of the other fields that expires later, or never.
  let place: usize = at == 0 ? 0 : lpFirst(lp);
  for (; place != 0; place = Packed.next(lp, place, 3)) {
    if (place == from) continue;
    const other = Packed.expiry(lp, place);
    if (other == 0 || other > at) break;
  }
  return moveBytes(from, end, place == 0 ? lp + lpBytes(lp) - 1 : place);
}

/** Moves the bytes from `from` to `end` so that they stand before what is at `place`; answers where they begin. */
function moveBytes(from: usize, end: usize, place: usize): usize {
  if (place == from || place == end) return from;
  const size = end - from;
  const held = alloc(size);
  memory.copy(held, from, size);
  let target = place;
  if (place < from) memory.copy(place + size, place, from - place);
  else {
    memory.copy(from, end, place - end);
    target = place - size;
  }
  memory.copy(target, held, size);
  free(held);
  return target;
}
