/** Small hashes: listpacks of fields and values, or of fields, values and expiries. */
import { Encoding } from "../abi";
import { copyBytes } from "../base/bytes";
import { alloc, free, resize, usableSize } from "../base/memory";
import { dropName, NAME_MAX, useAgain, useName } from "./field-names";
import {
  LP_HEADER,
  lpAppend,
  lpAppendInteger,
  lpAppendName,
  lpBytes,
  lpCopy,
  lpCount,
  lpFirst,
  lpNext,
  lpReplaceInteger,
  lpTrim,
} from "./listpack";
import {
  entrySize,
  Lp,
  lpEntryBytes,
  lpGet,
  NAME_ENTRY,
  nameAt,
  writeName,
  writeNameText,
} from "./listpack-element";

const END: u32 = 0xff;

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
    const name = useName(field, fieldLength);
    const own = name != 0 ? NAME_ENTRY : lpEntryBytes(field, fieldLength);
    const more = own + lpEntryBytes(value, valueLength) + 2;
    const wanted = lpBytes(lp) + more - (width == 3 ? 0 : 2);
    if (wanted > usableSize(lp)) lp = resize(lp, lpBytes(lp), wanted);
    lp = name != 0 ? lpAppendName(lp, name) : lpAppend(lp, field, fieldLength);
    lp = lpAppend(lp, value, valueLength);
    return width == 3 ? lpAppendInteger(lp, 0) : lp;
  }
}

// Names (field-names.ts): whoever copies, deletes or frees fields tells of the names among them.

/** The field is about to be deleted. */
export function dropField(field: usize): void {
  const name = nameAt(field);
  if (name != 0) dropName(name);
}

/** Frees a listpack with `width` elements per field. */
export function freePacked(lp: usize, width: u32): void {
  for (let p = lpFirst(lp); p != 0; p = Packed.next(lp, p, width)) dropField(p);
  free(lp);
}

export function copyPacked(lp: usize, width: u32): usize {
  for (let p = lpFirst(lp); p != 0; p = Packed.next(lp, p, width)) {
    const name = nameAt(p);
    if (name != 0) useAgain(name);
  }
  return lpCopy(lp, lpBytes(lp));
}

/** A listpack of the same fields with names where there are such, in place of one without, which is freed. */
export function withNames(plain: usize, width: u32): usize {
  const lp = alloc(lpBytes(plain));
  let from = lpFirst(plain);
  let at = lp + LP_HEADER;
  while (from != 0) {
    const behind = from + entrySize(from);
    lpGet(from);
    const isText = load<u8>(from) >> 6 == 2;
    const name = isText ? useName(Lp.ptr, Lp.length) : 0;
    if (name != 0) {
      writeName(at, name);
      at += NAME_ENTRY;
      from = behind;
    }
    const end = Packed.end(from, name != 0 ? width - 1 : width);
    copyBytes(at, from, <u32>(end - from));
    at += end - from;
    from = load<u8>(end) == END ? 0 : end;
  }
  finish(lp, at, plain);
  free(plain);
  return lpTrim(lp);
}

/** Ends a listpack at `at`, which has as many elements as the other one. */
function finish(lp: usize, at: usize, other: usize): void {
  store<u8>(at, <u8>END);
  store<u32>(lp, <u32>(at - lp) + 1);
  store<u16>(lp, load<u16>(other, 4), 4);
}

export function hasNames(lp: usize, width: u32): bool {
  for (let p = lpFirst(lp); p != 0; p = Packed.next(lp, p, width)) {
    if (nameAt(p) != 0) return true;
  }
  return false;
}

/** Bytes that suffice for the listpack with all names written out. */
export function plainRoom(lp: usize, width: u32): usize {
  return lpBytes(lp) + <usize>(lpCount(lp) / width) * NAME_MAX;
}

/**
 * The listpack with all names written out as Redis has it, to be freed. It may be made while a command is half done:
 * nothing here uses state that commands use.
 */
export function plainListpack(named: usize, width: u32): usize {
  const lp = alloc(plainRoom(named, width));
  let from = lpFirst(named);
  let at = lp + LP_HEADER;
  while (from != 0) {
    const name = nameAt(from);
    if (name != 0) {
      at = writeNameText(at, name);
      from += NAME_ENTRY;
    }
    const end = Packed.end(from, name != 0 ? width - 1 : width);
    copyBytes(at, from, <u32>(end - from));
    at += end - from;
    from = load<u8>(end) == END ? 0 : end;
  }
  finish(lp, at, named);
  return lp;
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
