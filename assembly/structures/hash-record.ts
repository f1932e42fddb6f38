/**
 * A field of a large hash, one allocation: a record of `dict.ts`.
 *
 *   +0  u32  bytes of the field
 *   +4  u32  bytes of the value << 2 | flags; if Outline: address of an allocation {u32 bytes, value} | flags
 *   +8       field
 *   ..       value                                 not if Outline
 *   ..  i64  expiry, milliseconds since 1970       if Expires
 *
 * A long value stands outline, so that a record is rewritten in at most some 1 000 bytes whatever happens to it.
 */
import { copyBytes } from "../base/bytes";
import { alloc, free, resize, roundedSize, usableSize } from "../base/memory";

/** Where fields begin: what `dictNew` is told. */
export const RECORD_FIELD: u32 = 8;
const OUTLINE: u32 = 1;
const EXPIRES: u32 = 2;
const FLAGS: u32 = 3;
/** Longest value inside a record. */
const INLINE_MAX: u32 = 1024;
const RAW_HEADER: u32 = 4;

export class FieldRecord {
  @inline static fieldLength(r: usize): u32 {
    return load<u32>(r);
  }
  @inline static fieldPtr(r: usize): usize {
    return r + RECORD_FIELD;
  }
  @inline static word(r: usize): u32 {
    return load<u32>(r, 4);
  }
  @inline static valueLength(r: usize): u32 {
    const word = load<u32>(r, 4);
    return (word & OUTLINE) == 0 ? word >> 2 : load<u32>(<usize>(word & ~FLAGS));
  }
  @inline static valuePtr(r: usize): usize {
    const word = load<u32>(r, 4);
    if ((word & OUTLINE) != 0) return <usize>(word & ~FLAGS) + RAW_HEADER;
    return r + RECORD_FIELD + load<u32>(r);
  }
  @inline static expires(r: usize): bool {
    return (load<u32>(r, 4) & EXPIRES) != 0;
  }
  /** Bytes in front of the expiry. */
  @inline static body(r: usize): usize {
    const word = load<u32>(r, 4);
    return RECORD_FIELD + load<u32>(r) + ((word & OUTLINE) == 0 ? word >> 2 : 0);
  }
  /** When the field expires; 0: never. */
  @inline static expireAt(r: usize): i64 {
    return FieldRecord.expires(r) ? load<i64>(r + FieldRecord.body(r)) : 0;
  }
  /** The outline allocation, or 0. */
  @inline static raw(r: usize): usize {
    const word = load<u32>(r, 4);
    return (word & OUTLINE) != 0 ? <usize>(word & ~FLAGS) : 0;
  }
}

function recordSize(fieldLength: u32, valueLength: u32, expires: bool): usize {
  const inline = valueLength > INLINE_MAX ? 0 : valueLength;
  return <usize>RECORD_FIELD + fieldLength + inline + (expires ? 8 : 0);
}

/** Writes what stands behind the field. `raw`: where an outline value is; else the value is copied in. */
function writeBody(r: usize, raw: usize, value: usize, valueLength: u32, expireAt: i64): void {
  const flags: u32 = expireAt != 0 ? EXPIRES : 0;
  if (raw != 0) store<u32>(r, <u32>raw | OUTLINE | flags, 4);
  else {
    store<u32>(r, (valueLength << 2) | flags, 4);
    copyBytes(r + RECORD_FIELD + load<u32>(r), value, valueLength);
  }
  if (expireAt != 0) store<i64>(r + FieldRecord.body(r), expireAt);
}

/** A record of field and value; `expireAt` 0: it does not expire. */
export function newRecord(
  field: usize,
  fieldLength: u32,
  value: usize,
  valueLength: u32,
  expireAt: i64,
): usize {
  const r = alloc(recordSize(fieldLength, valueLength, expireAt != 0));
  store<u32>(r, fieldLength);
  copyBytes(r + RECORD_FIELD, field, fieldLength);
  writeBody(r, placeRaw(0, value, valueLength), value, valueLength, expireAt);
  return r;
}

/** Puts a long value into an outline allocation, which may be there already; 0 where it is short. */
function placeRaw(old: usize, value: usize, length: u32): usize {
  if (length <= INLINE_MAX) {
    free(old);
    return 0;
  }
  const size = <usize>length + RAW_HEADER;
  const raw = old == 0 ? alloc(size) : resize(old, 0, size);
  store<u32>(raw, length);
  memory.copy(raw + RAW_HEADER, value, length);
  return raw;
}

/** Gives the record another value, which must not be its own one, and expiry; it may move. */
export function rewriteRecord(r: usize, value: usize, valueLength: u32, expireAt: i64): usize {
  const fieldLength = FieldRecord.fieldLength(r);
  const raw = placeRaw(FieldRecord.raw(r), value, valueLength);
  const size = recordSize(fieldLength, valueLength, expireAt != 0);
  let target = r;
  if (roundedSize(size) != usableSize(r)) {
    target = alloc(size);
    copyBytes(target, r, RECORD_FIELD + fieldLength);
    free(r);
  }
  writeBody(target, raw, value, valueLength, expireAt);
  return target;
}

/** Gives the record another expiry (0: none); it may move. */
export function expireRecord(r: usize, expireAt: i64): usize {
  const body = FieldRecord.body(r);
  let target = r;
  const size = body + (expireAt != 0 ? 8 : 0);
  if (roundedSize(size) != usableSize(r)) {
    target = alloc(size);
    copyBytes(target, r, <u32>body);
    free(r);
  }
  const word = FieldRecord.word(target) & ~EXPIRES;
  store<u32>(target, expireAt != 0 ? word | EXPIRES : word, 4);
  if (expireAt != 0) store<i64>(target + body, expireAt);
  return target;
}

export function freeRecord(r: usize): void {
  free(FieldRecord.raw(r));
  free(r);
}

/** Bytes allocated for the record and its value. */
export function recordBytes(r: usize): usize {
  const raw = FieldRecord.raw(r);
  return usableSize(r) + (raw == 0 ? 0 : usableSize(raw));
}
