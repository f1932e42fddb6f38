/** String values inside entries: reading them as bytes, writing them, growing them in place. */
import { Encoding, ValueType } from "../abi";
import { copyBytes } from "../base/bytes";
import { ClientState } from "../base/client";
import { client } from "../base/frame";
import { alloc, canAllocate, free, resize, usableSize } from "../base/memory";
import { int64Length, parsedInt64, parseInt64, writeInt64 } from "../protocol/number";
import { takeOwned } from "../protocol/query";
import { Database, replaceFound } from "./database";
import { Entry, INLINE_MAX, RAW_HEADER, reshape } from "./entry";
import { addEntry, expiryOf, reshapeFound, willChange } from "./keyspace";
import { beforeQuietWrite } from "./watch";

const INTEGER_TEXT_MAX: u32 = 20;
/** Integers are read as text through these; two, as LCS looks at two values at once. */
const textBuffers: usize = memory.data(64, 16);
/** Redis grows strings by doubling up to this many bytes, then by this much. */
const GROWTH_MAX: u32 = 1 << 20;

/** The bytes of a string value; `view` fills it. */
export class View {
  static ptr: usize = 0;
  static length: u32 = 0;
}

/** Points `View` at the bytes of the string in entry `e`; `buffer` 0 or 1 takes an integer's text. */
export function view(e: usize, buffer: u32): void {
  const encoding = Entry.encoding(e);
  if (encoding == Encoding.Raw) {
    const raw = Entry.pointer(e);
    View.ptr = raw + RAW_HEADER;
    View.length = load<u32>(raw);
    return;
  }
  if (encoding == Encoding.Int) {
    View.ptr = textBuffers + ((<usize>buffer) << 5);
    View.length = <u32>writeInt64(View.ptr, Entry.integer(e));
    return;
  }
  View.ptr = Entry.inlinePtr(e);
  View.length = Entry.inlineLength(e);
}

/** Length of the string in bytes. */
export function stringLength(e: usize): u32 {
  const encoding = Entry.encoding(e);
  if (encoding == Encoding.Raw) return load<u32>(Entry.pointer(e));
  if (encoding == Encoding.Int) return <u32>int64Length(Entry.integer(e));
  return Entry.inlineLength(e);
}

/** Reads the value as a 64-bit integer, as strictly as Redis; `parsedInt64` has it. */
export function viewInteger(e: usize): bool {
  view(e, 0);
  return parseInt64(View.ptr, <i32>View.length);
}

/**
 * Sets key to a string: `e` is what the lookup just before found (0: nothing), whatever its type. Text that is an
 * integer is kept as one. `expireAt` < 0: no expiry.
 */
export function setString(
  database: Database,
  slot: u32,
  key: usize,
  keyLength: u32,
  e: usize,
  value: usize,
  length: u32,
  expireAt: i64,
): void {
  if (length <= INTEGER_TEXT_MAX && parseInt64(value, <i32>length)) {
    setInteger(database, slot, key, keyLength, e, parsedInt64(), expireAt);
    return;
  }
  setBytes(database, slot, key, keyLength, e, value, length, expireAt);
}

/** As `setString`, never as an integer (INCRBYFLOAT's result). */
export function setBytes(
  database: Database,
  slot: u32,
  key: usize,
  keyLength: u32,
  e: usize,
  value: usize,
  length: u32,
  expireAt: i64,
): void {
  if (length <= INLINE_MAX) {
    const target = shape(database, slot, key, keyLength, e, Encoding.Inline, expireAt, length);
    copyBytes(Entry.inlinePtr(target), value, length);
    return;
  }
  let raw = takeOwned(ClientState.at(client), value);
  if (raw == 0) {
    raw = alloc(<usize>length + RAW_HEADER);
    store<u32>(raw, length);
    memory.copy(raw + RAW_HEADER, value, length);
  }
  if (e != 0 && Entry.encoding(e) == Encoding.Raw) {
    willChange(database, slot, e);
    free(Entry.pointer(e));
  }
  const target = shape(database, slot, key, keyLength, e, Encoding.Raw, expireAt, 0);
  store<usize>(Entry.payload(target), raw);
}

/**
 * As `setString` with a value that OBJECT ENCODING calls raw whatever its length: `raw` is an allocation {u32 length,
 * bytes} that changes hands. The key's expiry goes.
 */
export function setRaw(
  database: Database,
  slot: u32,
  key: usize,
  keyLength: u32,
  e: usize,
  raw: usize,
): void {
  const length = load<u32>(raw);
  if (length <= INLINE_MAX) {
    const target = shape(database, slot, key, keyLength, e, Encoding.InlineRaw, -1, length);
    copyBytes(Entry.inlinePtr(target), raw + RAW_HEADER, length);
    free(raw);
    return;
  }
  if (e != 0 && Entry.encoding(e) == Encoding.Raw) {
    willChange(database, slot, e);
    free(Entry.pointer(e));
  }
  const target = shape(database, slot, key, keyLength, e, Encoding.Raw, -1, 0);
  store<usize>(Entry.payload(target), raw);
}

/**
 * Makes the string just found raw, as commands do that may change it in place, and tells nobody: the bytes are the
 * same. Answers the entry's new address.
 */
export function makeRaw(database: Database, slot: u32, e: usize): usize {
  const encoding = Entry.encoding(e);
  if (encoding == Encoding.Inline) {
    store<u8>(e, <u8>((ValueType.String << 4) | Encoding.InlineRaw));
    return e;
  }
  if (encoding != Encoding.Int) return e;
  beforeQuietWrite(database, slot, e);
  view(e, 0);
  const length = View.length;
  const made = reshape(e, ValueType.String, Encoding.InlineRaw, expiryOf(e), length, 0);
  copyBytes(Entry.inlinePtr(made), View.ptr, length);
  replaceFound(database, slot, made);
  return made;
}

/**
 * Gives the string just found an allocation of its own, with room for `spare` bytes behind it, and tells nobody, as
 * `makeRaw`. Not for integers. Answers the allocation {u32 length, bytes}, or 0 when memory is short.
 */
export function ownRaw(database: Database, slot: u32, e: usize, spare: u32): usize {
  if (Entry.encoding(e) == Encoding.Raw) {
    const raw = Entry.pointer(e);
    const length = load<u32>(raw);
    if (<usize>length + spare + RAW_HEADER <= usableSize(raw)) return raw;
    const size = <usize>length + spare + RAW_HEADER;
    if (!canAllocate(size)) return 0;
    beforeQuietWrite(database, slot, e);
    const grown = resize(raw, <usize>length + RAW_HEADER, size);
    store<usize>(Entry.payload(e), grown);
    return grown;
  }
  beforeQuietWrite(database, slot, e);
  const length = Entry.inlineLength(e);
  const raw = alloc(<usize>length + spare + RAW_HEADER);
  store<u32>(raw, length);
  copyBytes(raw + RAW_HEADER, Entry.inlinePtr(e), length);
  const made = reshape(e, ValueType.String, Encoding.Raw, expiryOf(e), 0, 0);
  store<usize>(Entry.payload(made), raw);
  replaceFound(database, slot, made);
  return raw;
}

export function setInteger(
  database: Database,
  slot: u32,
  key: usize,
  keyLength: u32,
  e: usize,
  value: i64,
  expireAt: i64,
): void {
  const target = shape(database, slot, key, keyLength, e, Encoding.Int, expireAt, 0);
  store<i64>(Entry.payload(target), value);
}

function shape(
  database: Database,
  slot: u32,
  key: usize,
  keyLength: u32,
  e: usize,
  encoding: u32,
  expireAt: i64,
  inlineLength: u32,
): usize {
  if (e == 0) {
    return addEntry(
      database,
      slot,
      key,
      keyLength,
      ValueType.String,
      encoding,
      expireAt,
      inlineLength,
    );
  }
  return reshapeFound(database, slot, e, ValueType.String, encoding, expireAt, inlineLength, 0);
}

/**
 * Makes the string of the entry just found `length` bytes long, keeping what it has; new bytes are zero. Its encoding
 * becomes raw, as after APPEND and SETRANGE. Answers the address of its first byte, or 0 when memory is short.
 */
export function growString(database: Database, slot: u32, e: usize, length: u32): usize {
  const encoding = Entry.encoding(e);
  if (encoding == Encoding.Raw) return growRaw(database, slot, e, length);
  view(e, 0);
  const had = View.length;
  const expireAt = expiryOf(e);
  if (length <= INLINE_MAX) {
    const isInt = encoding == Encoding.Int;
    const target = reshapeFound(
      database,
      slot,
      e,
      ValueType.String,
      Encoding.InlineRaw,
      expireAt,
      length,
      isInt ? 0 : had,
    );
    const ptr = Entry.inlinePtr(target);
    if (isInt) copyBytes(ptr, View.ptr, had);
    memory.fill(ptr + had, 0, length - had);
    return ptr;
  }
  // What is new has the length that was asked for; only what grows again is likely to grow once more.
  const size = had == 0 ? <usize>length + RAW_HEADER : roomFor(length);
  if (!canAllocate(size)) return 0;
  const raw = alloc(size);
  store<u32>(raw, length);
  memory.copy(raw + RAW_HEADER, View.ptr, had);
  memory.fill(raw + RAW_HEADER + had, 0, length - had);
  const target = reshapeFound(database, slot, e, ValueType.String, Encoding.Raw, expireAt, 0, 0);
  store<usize>(Entry.payload(target), raw);
  return raw + RAW_HEADER;
}

function growRaw(database: Database, slot: u32, e: usize, length: u32): usize {
  let raw = Entry.pointer(e);
  const had = load<u32>(raw);
  if (<usize>length + RAW_HEADER > usableSize(raw)) {
    const size = roomFor(length);
    if (!canAllocate(size)) return 0;
    willChange(database, slot, e);
    raw = resize(raw, <usize>had + RAW_HEADER, size);
    store<usize>(Entry.payload(e), raw);
  } else {
    willChange(database, slot, e);
  }
  store<u32>(raw, length);
  memory.fill(raw + RAW_HEADER + had, 0, length - had);
  return raw + RAW_HEADER;
}

function roomFor(length: u32): usize {
  return <usize>length + RAW_HEADER + min(length, GROWTH_MAX);
}
