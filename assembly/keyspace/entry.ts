/**
 * One allocation per key.
 *
 *   +0  u32  access clock (24 bits) << 8 | value type (4) << 4 | encoding (4)
 *   +4  u32  value length (12 bits, Inline only) << 20 | key length (12) << 8 | mark (4) | flags (4)
 *   +8  i64  expiry, milliseconds since 1970      if Expires
 *   ..  u32  key length                           if LongKey (4 095 bytes or more)
 *   ..  u32  address of the value                 if Pointer
 *   ..  i64  value                                if Integer
 *   ..       key bytes
 *   ..       value bytes                          Inline and InlineRaw only
 *
 * A 16-byte key with a 16-byte value takes 40 bytes. A raw string is an allocation {u32 length, bytes}. The mark is the
 * snapshot's (saving.ts): it stays when an entry is rebuilt, and is 0 in one that is new.
 */
import { Encoding, ValueType } from "../abi";
import { bytesEqual, copyBytes } from "../base/bytes";
import { alloc, free, roundedSize, usableSize } from "../base/memory";
import { discardValue } from "./garbage";
import { copyOf, valueSize } from "./value";

/** Flag values are chosen so that the offset of the key is 8 + what the set flags add up to. */
export const EXPIRES: u32 = 1;
export const LONG_KEY: u32 = 2;
export const POINTER: u32 = 4;
export const INTEGER: u32 = 8;

export const RAW_HEADER: u32 = 4;
/** Longest value kept inside its entry. */
export const INLINE_MAX: u32 = 1024;
const SHORT_KEY_MAX: u32 = 4094;
const HEADER: u32 = 8;

/** Accessors of an entry at address `e`. */
export class Entry {
  @inline static type(e: usize): u32 {
    return <u32>load<u8>(e) >> 4;
  }
  @inline static encoding(e: usize): u32 {
    return <u32>load<u8>(e) & 15;
  }
  /** Whether it is a hash in one of the two encodings whose fields may expire. */
  @inline static hasExpiringFields(e: usize): bool {
    const kinds = <u32>load<u8>(e);
    return (kinds | 1) == (((<u32>ValueType.Hash) << 4) | <u32>Encoding.HashTableEx);
  }
  @inline static flags(e: usize): u32 {
    return load<u8>(e, 4);
  }
  @inline static mark(e: usize): u32 {
    return <u32>load<u8>(e, 4) >> 4;
  }
  @inline static setMark(e: usize, mark: u32): void {
    store<u8>(e, <u8>((<u32>load<u8>(e, 4) & 15) | (mark << 4)), 4);
  }
  @inline static clock(e: usize): u32 {
    return load<u32>(e) >> 8;
  }
  @inline static setClock(e: usize, clock: u32): void {
    store<u32>(e, (clock << 8) | <u32>load<u8>(e));
  }
  @inline static keyPtr(e: usize): usize {
    const flags = <u32>load<u8>(e, 4);
    return (
      e +
      HEADER +
      ((flags & EXPIRES) << 3) +
      ((flags & LONG_KEY) << 1) +
      (flags & (POINTER | INTEGER))
    );
  }
  @inline static keyLength(e: usize): u32 {
    const word = load<u32>(e, 4);
    if ((word & LONG_KEY) != 0) return load<u32>(e + HEADER + ((<usize>word & EXPIRES) << 3));
    return (word >> 8) & 0xfff;
  }
  /** Whether its key is this one: length and place of the key from one load, as every search asks. */
  @inline static isOf(e: usize, key: usize, length: u32): bool {
    const word = load<u32>(e, 4);
    let own = (word >> 8) & 0xfff;
    let at = e + HEADER + ((word & EXPIRES) << 3);
    if ((word & LONG_KEY) != 0) {
      own = load<u32>(at);
      at += 4;
    }
    at += word & (POINTER | INTEGER);
    return own == length && bytesEqual(at, key, length);
  }
  @inline static inlineLength(e: usize): u32 {
    return load<u32>(e, 4) >> 20;
  }
  @inline static inlinePtr(e: usize): usize {
    return Entry.keyPtr(e) + Entry.keyLength(e);
  }
  @inline static expires(e: usize): bool {
    return (<u32>load<u8>(e, 4) & EXPIRES) != 0;
  }
  /** Only where `expires`. */
  @inline static expireAt(e: usize): i64 {
    return load<i64>(e, HEADER);
  }
  /** Address of the 4- or 8-byte payload that stands before the key. */
  @inline static payload(e: usize): usize {
    const flags = <u32>load<u8>(e, 4);
    return e + HEADER + ((flags & EXPIRES) << 3) + ((flags & LONG_KEY) << 1);
  }
  @inline static pointer(e: usize): usize {
    return load<usize>(Entry.payload(e));
  }
  @inline static integer(e: usize): i64 {
    return load<i64>(Entry.payload(e));
  }
}

/** What kind of payload an encoding keeps before the key. */
function payloadFlag(encoding: u32): u32 {
  if (encoding == Encoding.Int) return INTEGER;
  if (encoding == Encoding.Inline || encoding == Encoding.InlineRaw) return 0;
  return POINTER;
}

/** Bytes of the allocation that an entry needs. */
export function entrySize(keyLength: u32, encoding: u32, expires: bool, inlineLength: u32): usize {
  const long: u32 = keyLength > SHORT_KEY_MAX ? 4 : 0;
  return (
    <usize>HEADER + (expires ? 8 : 0) + long + payloadFlag(encoding) + keyLength + inlineLength
  );
}

/** A new entry with its key; the value is the caller's to write. `expireAt` < 0: no expiry. */
export function newEntry(
  key: usize,
  keyLength: u32,
  type: u32,
  encoding: u32,
  expireAt: i64,
  inlineLength: u32,
  clock: u32,
): usize {
  const e = alloc(entrySize(keyLength, encoding, expireAt >= 0, inlineLength));
  writeHeader(e, keyLength, type, encoding, expireAt, inlineLength, clock);
  copyBytes(Entry.keyPtr(e), key, keyLength);
  return e;
}

function writeHeader(
  e: usize,
  keyLength: u32,
  type: u32,
  encoding: u32,
  expireAt: i64,
  inlineLength: u32,
  clock: u32,
): void {
  store<u32>(e, (clock << 8) | (type << 4) | encoding);
  let flags = payloadFlag(encoding);
  let shortLength = keyLength;
  if (keyLength > SHORT_KEY_MAX) {
    flags |= LONG_KEY;
    shortLength = 0;
  }
  if (expireAt >= 0) {
    flags |= EXPIRES;
    store<i64>(e, expireAt, HEADER);
  }
  store<u32>(e, (inlineLength << 20) | (shortLength << 8) | flags, 4);
  if (keyLength > SHORT_KEY_MAX) {
    store<u32>(e + HEADER + (expireAt >= 0 ? 8 : 0), keyLength);
  }
}

/**
 * The entry rebuilt with another encoding, expiry or inline length: in place where the allocation has the same
 * size and nothing moves, else in a new one (the old one is freed). Key and clock are kept, and the pointer
 * or integer payload where the encoding has the same kind, and the first `keepInline` inline bytes.
 */
export function reshape(
  e: usize,
  type: u32,
  encoding: u32,
  expireAt: i64,
  inlineLength: u32,
  keepInline: u32,
): usize {
  const keyLength = Entry.keyLength(e);
  const size = entrySize(keyLength, encoding, expireAt >= 0, inlineLength);
  const samePlan =
    Entry.expires(e) == expireAt >= 0 &&
    (Entry.flags(e) & (POINTER | INTEGER)) == payloadFlag(encoding);
  const mark = Entry.mark(e);
  if (samePlan && roundedSize(size) == usableSize(e)) {
    writeHeader(e, keyLength, type, encoding, expireAt, inlineLength, Entry.clock(e));
    Entry.setMark(e, mark);
    return e;
  }
  const target = newEntry(
    Entry.keyPtr(e),
    keyLength,
    type,
    encoding,
    expireAt,
    inlineLength,
    Entry.clock(e),
  );
  Entry.setMark(target, mark);
  if ((Entry.flags(e) & (POINTER | INTEGER)) == payloadFlag(encoding)) {
    if (payloadFlag(encoding) == POINTER) store<usize>(Entry.payload(target), Entry.pointer(e));
    else if (payloadFlag(encoding) == INTEGER) store<i64>(Entry.payload(target), Entry.integer(e));
  }
  if (keepInline != 0) copyBytes(Entry.inlinePtr(target), Entry.inlinePtr(e), keepInline);
  free(e);
  return target;
}

/** The entry with another expiry (< 0: none), its value untouched. */
export function withExpiry(e: usize, expireAt: i64): usize {
  if (Entry.expires(e)) {
    if (expireAt >= 0) {
      store<i64>(e, expireAt, HEADER);
      return e;
    }
  } else if (expireAt < 0) return e;
  const target = copyEntry(e, Entry.keyPtr(e), Entry.keyLength(e), expireAt);
  Entry.setMark(target, Entry.mark(e));
  free(e);
  return target;
}

/** A second entry, under any key and with any expiry, that shares a pointed-to value with `e`. */
function copyEntry(e: usize, key: usize, keyLength: u32, expireAt: i64): usize {
  const encoding = Entry.encoding(e);
  const isInline = encoding == Encoding.Inline || encoding == Encoding.InlineRaw;
  const inlineLength = isInline ? Entry.inlineLength(e) : 0;
  const target = newEntry(
    key,
    keyLength,
    Entry.type(e),
    encoding,
    expireAt,
    inlineLength,
    Entry.clock(e),
  );
  if (isInline) copyBytes(Entry.inlinePtr(target), Entry.inlinePtr(e), inlineLength);
  else if (encoding == Encoding.Int) store<i64>(Entry.payload(target), Entry.integer(e));
  else store<usize>(Entry.payload(target), Entry.pointer(e));
  return target;
}

/** The entry under another key; the old one is freed, its value moves over. */
export function renamed(e: usize, key: usize, keyLength: u32): usize {
  const target = copyEntry(e, key, keyLength, Entry.expires(e) ? Entry.expireAt(e) : -1);
  free(e);
  return target;
}

/** Bytes of the value beyond its entry; of large ones an estimate from `samples` elements (0: all). */
export function valueBytes(e: usize, samples: u32): usize {
  if ((Entry.flags(e) & POINTER) == 0) return 0;
  return valueSize(Entry.type(e), Entry.encoding(e), Entry.pointer(e), samples);
}

/** A deep copy of the entry under another key, or 0 where memory does not suffice. */
export function duplicate(e: usize, key: usize, keyLength: u32): usize {
  let copy: usize = 0;
  if ((Entry.flags(e) & POINTER) != 0) {
    copy = copyOf(Entry.type(e), Entry.encoding(e), Entry.pointer(e));
    if (copy == 0) return 0;
  }
  const target = copyEntry(e, key, keyLength, Entry.expires(e) ? Entry.expireAt(e) : -1);
  if (copy != 0) store<usize>(Entry.payload(target), copy);
  return target;
}

/** A new entry that points to a value which is there already. `expireAt` < 0: no expiry. */
export function newPointerEntry(
  key: usize,
  keyLength: u32,
  type: u32,
  encoding: u32,
  ptr: usize,
  expireAt: i64,
  clock: u32,
): usize {
  const e = newEntry(key, keyLength, type, encoding, expireAt, 0, clock);
  store<usize>(Entry.payload(e), ptr);
  return e;
}

/** Points the entry to a value that has moved or changed its encoding; the old one is the caller's. */
export function setPointer(e: usize, encoding: u32, ptr: usize): void {
  store<u8>(e, <u8>((Entry.type(e) << 4) | encoding));
  store<usize>(Entry.payload(e), ptr);
}

/** Frees the value behind the pointer, where there is one; one of many elements is freed later, in slices. */
export function freeValue(e: usize): void {
  if ((Entry.flags(e) & POINTER) == 0) return;
  discardValue(Entry.type(e), Entry.encoding(e), Entry.pointer(e));
}

/** Frees entry and value. */
export function freeEntry(e: usize): void {
  freeValue(e);
  free(e);
}
