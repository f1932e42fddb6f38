/**
 * Hash values in RDB files and in digests. Formats: Redis 7.0 rdb.c; with expiring fields Redis 7.4's; digest: debug.c.
 *
 *   Hash            count, { field, value }
 *   HashListpack    a listpack of fields and values, as a string
 *   HashMetadata    u64 soonest expiry, count, { expiry - soonest + 1 or 0, field, value }
 *   HashListpackEx  u64 soonest expiry, a listpack of fields, values and expiries (0: none), in order of expiry
 */
import { Encoding, LoadStatus } from "../abi";
import { writeText } from "../base/bytes";
import { Settings } from "../base/frame";
import { canAllocate, free } from "../base/memory";
import { Setting } from "../settings";
import { dictFind, dictInsertSearched, dictNew } from "../structures/dict";
import { Dict } from "../structures/dict-layout";
import { dictNext } from "../structures/dict-walk";
import { Hash, HashText, hashToTable } from "../structures/hash-fields";
import {
  hasNames,
  isPacked,
  Packed,
  plainListpack,
  plainRoom,
  widthOf,
  withNames,
} from "../structures/hash-packed";
import { FieldRecord, newRecord, RECORD_FIELD } from "../structures/hash-record";
import { ExpiringTable } from "../structures/hash-table";
import { dictOf, hashCount, hashFreeSome, hashNextExpiry } from "../structures/hash-value";
import {
  lpAppend,
  lpBytes,
  lpCopy,
  lpCount,
  lpFind,
  lpFirst,
  lpNext,
  lpSafeToAdd,
  lpValid,
  newListpack,
} from "../structures/listpack";
import { Lp, lpGet, lpRead } from "../structures/listpack-element";
import { mix, xor } from "./digest-sum";
import { Loading } from "./loading-state";
import { RdbType } from "./rdb-format";
import { RdbReader, Text } from "./rdb-read";
import { RdbWriter } from "./rdb-write";
import { Pace, SaveCursor } from "./save-cursor";
import { listpackOfZiplist } from "./ziplist";

// Writing. Commands may be half done: nothing here uses the state that they use but `Lp`, which they read again.

/** The type byte that announces the value. */
export function hashRdbType(encoding: u32, ptr: usize): u32 {
  switch (encoding) {
    case Encoding.Listpack:
      return RdbType.HashListpack;
    case Encoding.ListpackEx:
      return anyExpires(encoding, ptr) ? RdbType.HashListpackEx : RdbType.Hash;
    case Encoding.HashTableEx:
      return anyExpires(encoding, ptr) ? RdbType.HashMetadata : RdbType.Hash;
    default:
      return RdbType.Hash;
  }
}

/** Whether a value whose fields may expire has one that does. */
function anyExpires(encoding: u32, ptr: usize): bool {
  if (encoding == <u32>Encoding.HashTableEx) return ExpiringTable.at(ptr).expiring > 0;
  return hashNextExpiry(encoding, ptr) != i64.MAX_VALUE;
}

/** Steps of saving a table. */
enum Saving {
  Begin = 0,
  /** Of fields that expire: which is the first to. */
  Soonest = 1,
  Fields = 2,
}

/** Goes on writing the value with `RdbWriter`; see `SaveCursor`. */
export function saveHash(cursor: SaveCursor): bool {
  if (cursor.encoding == <u32>Encoding.Listpack) {
    saveListpack(cursor.ptr, 2);
    return true;
  }
  if (cursor.encoding == <u32>Encoding.ListpackEx) {
    saveExpiringListpack(cursor.ptr);
    return true;
  }
  const dict = dictOf(cursor.encoding, cursor.ptr);
  if (cursor.step == Saving.Begin) {
    const expiring = cursor.encoding == <u32>Encoding.HashTableEx;
    if (expiring && ExpiringTable.at(cursor.ptr).expiring > 0) {
      cursor.step = Saving.Soonest;
      cursor.soonest = i64.MAX_VALUE;
    } else beginFields(cursor, dict);
  }
  if (cursor.step == Saving.Soonest && !seekSoonest(cursor, dict)) return false;
  return saveFields(cursor, dict);
}

function seekSoonest(cursor: SaveCursor, dict: usize): bool {
  while (true) {
    const record = dictNext(dict, cursor.at);
    if (record == 0) break;
    cursor.at = Dict.at;
    if (FieldRecord.expires(record)) {
      cursor.soonest = min(cursor.soonest, FieldRecord.expireAt(record));
    }
    if (Pace.isOver()) return false;
  }
  RdbWriter.u64(<u64>cursor.soonest);
  beginFields(cursor, dict);
  return true;
}

function beginFields(cursor: SaveCursor, dict: usize): void {
  cursor.step = Saving.Fields;
  cursor.at = 0;
  RdbWriter.length(hashCount(Encoding.HashTable, dict));
}

/** All fields with their values; where any expires, each with its expiry in front. */
function saveFields(cursor: SaveCursor, dict: usize): bool {
  const soonest = cursor.soonest;
  while (true) {
    const record = dictNext(dict, cursor.at);
    if (record == 0) return true;
    cursor.at = Dict.at;
    if (soonest != 0) {
      const at = FieldRecord.expireAt(record);
      wideLength(at == 0 ? 0 : <u64>(at - soonest) + 1);
    }
    RdbWriter.string(FieldRecord.fieldPtr(record), FieldRecord.fieldLength(record));
    RdbWriter.string(FieldRecord.valuePtr(record), FieldRecord.valueLength(record));
    if (Pace.isOver()) return false;
  }
}

/** Writes a listpack with all its names written out. */
function saveListpack(lp: usize, width: u32): void {
  if (!hasNames(lp, width)) {
    RdbWriter.string(lp, <u32>lpBytes(lp));
    return;
  }
  if (!canAllocate(plainRoom(lp, width))) {
    RdbWriter.failed = true;
    return;
  }
  const plain = plainListpack(lp, width);
  RdbWriter.string(plain, <u32>lpBytes(plain));
  free(plain);
}

function saveExpiringListpack(lp: usize): void {
  if (anyExpires(Encoding.ListpackEx, lp)) {
    RdbWriter.u64(<u64>hashNextExpiry(Encoding.ListpackEx, lp));
    saveListpack(lp, 3);
    return;
  }
  RdbWriter.length(hashCount(Encoding.ListpackEx, lp));
  let p = lpFirst(lp);
  while (p != 0) {
    for (let i = 0; i < 2; i++) {
      lpRead(p);
      RdbWriter.string(Lp.ptr, Lp.length);
      p = lpNext(lp, p);
    }
    p = lpNext(lp, p);
  }
}

function wideLength(value: u64): void {
  if (value <= <u64>u32.MAX_VALUE) {
    RdbWriter.length(<u32>value);
    return;
  }
  RdbWriter.byte(0x81);
  RdbWriter.u64(bswap<u64>(value));
}

// Reading.

/** The latest expiry that a file may hold: 48 bits, as Redis 7.4 has for it. */
const LATEST: u64 = 0xffffffffffff;
/** Bytes beyond its field and value that a record and its place in the dict may take. */
const RECORD_SLACK: usize = 64;

/** Begins to read a value of the RDB type: see `Loading` in loading.ts. */
export function beginHash(type: u32): bool {
  switch (type) {
    case RdbType.Hash:
      return beginPairs(0);
    case RdbType.HashMetadata:
      return RdbReader.skip(8) && beginPairs(load<u64>(RdbReader.at - 8));
    case RdbType.HashListpackEx:
      return RdbReader.skip(8) && readBlob();
    case RdbType.HashZipmap:
    case RdbType.HashZiplist:
    case RdbType.HashListpack:
      return readBlob();
    default:
      return RdbReader.corrupt();
  }
}

/** A count, of which the fields follow. `soonest` is what their expiries are relative to. */
function beginPairs(soonest: u64): bool {
  if (!RdbReader.length()) return false;
  const count = RdbReader.value;
  const small = <f64>count <= Settings.value(Setting.HashMaxListpackEntries);
  if (!canAllocate(1024)) return outOfMemory();
  Loading.left = count;
  Loading.state = soonest;
  if (small && Loading.rdbType == <u32>RdbType.Hash) {
    Loading.encoding = Encoding.Listpack;
    Loading.ptr = newListpack(64);
  } else if (Loading.rdbType == <u32>RdbType.HashMetadata) {
    Loading.encoding = Encoding.HashTableEx;
    Loading.ptr = changetype<usize>(ExpiringTable.of(dictNew(RECORD_FIELD)));
  } else {
    Loading.encoding = Encoding.HashTable;
    Loading.ptr = dictNew(RECORD_FIELD);
  }
  return true;
}

function outOfMemory(): bool {
  RdbReader.status = LoadStatus.OutOfMemory;
  return false;
}

/** Reads one more element. */
export function continueHash(): bool {
  let expireAt: u64 = 0;
  if (Loading.rdbType == <u32>RdbType.HashMetadata) {
    if (!RdbReader.length()) return false;
    if (RdbReader.value != 0) {
      if (RdbReader.value > LATEST || Loading.state > LATEST) return RdbReader.corrupt();
      expireAt = Loading.state + RdbReader.value - 1;
      if (expireAt > LATEST || expireAt == 0) return RdbReader.corrupt();
    }
  }
  if (!RdbReader.string(0)) return false;
  const field = Text.ptr;
  const length = Text.length;
  const owned = Text.owned;
  if (!RdbReader.string(1)) {
    free(owned);
    return false;
  }
  const added = addField(field, length, Text.ptr, Text.length, <i64>expireAt);
  free(owned);
  free(Text.owned);
  return added;
}

function addField(
  field: usize,
  fieldLength: u32,
  value: usize,
  valueLength: u32,
  expireAt: i64,
): bool {
  const bytes = <usize>fieldLength + valueLength + RECORD_SLACK;
  const packed = Loading.encoding == <u32>Encoding.Listpack;
  const have = packed ? lpBytes(Loading.ptr) : 0;
  if (!canAllocate(bytes + (have << 2))) return outOfMemory();
  if (packed) {
    const most = Settings.value(Setting.HashMaxListpackValue);
    const fits = <f64>fieldLength <= most && <f64>valueLength <= most;
    if (fits && lpSafeToAdd(Loading.ptr, bytes)) {
      return addPacked(field, fieldLength, value, valueLength);
    }
    Hash.open(Loading.encoding, Loading.ptr);
    hashToTable();
    Loading.ptr = Hash.ptr;
    Loading.encoding = Hash.encoding;
  }
  const expiring = Loading.encoding == <u32>Encoding.HashTableEx;
  const dict = expiring ? ExpiringTable.at(Loading.ptr).dict : Loading.ptr;
  if (dictFind(dict, field, fieldLength) != 0) return RdbReader.corrupt();
  dictInsertSearched(dict, newRecord(field, fieldLength, value, valueLength, expireAt));
  if (expireAt != 0) {
    const table = ExpiringTable.at(Loading.ptr);
    table.expiring++;
    table.note(expireAt);
  }
  return true;
}

function addPacked(field: usize, fieldLength: u32, value: usize, valueLength: u32): bool {
  const lp = Loading.ptr;
  if (lpFind(lp, lpFirst(lp), field, fieldLength, 1) != 0) return RdbReader.corrupt();
  Loading.ptr = Packed.append(lp, field, fieldLength, value, valueLength, 2);
  return true;
}

/** A whole value in one string: a listpack, or what came before it. */
function readBlob(): bool {
  if (!RdbReader.string(1)) return false;
  const length = Text.length;
  const owned = Text.owned;
  const whole = canAllocate(<usize>length * 4 + 1024)
    ? takeBlob(Text.ptr, length) && fitBlob()
    : outOfMemory();
  free(owned);
  if (whole) return true;
  // A listpack has no names as yet, and may have half a field.
  if (isPacked(Loading.encoding)) free(Loading.ptr);
  else if (Loading.ptr != 0) hashFreeSome(Loading.encoding, Loading.ptr, u32.MAX_VALUE);
  Loading.ptr = 0;
  return false;
}

/** Makes a listpack of it, which nobody has looked into yet. */
function takeBlob(ptr: usize, length: u32): bool {
  Loading.encoding = Encoding.Listpack;
  switch (Loading.rdbType) {
    case RdbType.HashZipmap:
      Loading.ptr = newListpack(<usize>length + 16);
      return readZipmap(ptr, length);
    case RdbType.HashZiplist:
      Loading.ptr = listpackOfZiplist(ptr, length);
      return Loading.ptr != 0 ? true : RdbReader.corrupt();
    case RdbType.HashListpackEx:
      Loading.encoding = Encoding.ListpackEx;
      break;
    default:
  }
  if (!lpValid(ptr, length, true)) return RdbReader.corrupt();
  Loading.ptr = lpCopy(ptr, length);
  return true;
}

/** Checks the fields, and makes a table of what is too large for a listpack. */
function fitBlob(): bool {
  const width = widthOf(Loading.encoding);
  const lp = Loading.ptr;
  const elements = lpCount(lp);
  if (elements % width != 0) return RdbReader.corrupt();
  if (width == 3 && !inOrder(lp)) return RdbReader.corrupt();
  const tooMany = <f64>(elements / width) > Settings.value(Setting.HashMaxListpackEntries);
  const isZipmap = Loading.rdbType == <u32>RdbType.HashZipmap;
  const longest = isZipmap ? longestElement(lp) : 0;
  if (tooMany || <f64>longest > Settings.value(Setting.HashMaxListpackValue)) {
    return makeTable(elements / width);
  }
  for (let p = lpFirst(lp); p != 0; ) {
    lpRead(p);
    const next = Packed.next(lp, p, width);
    if (next != 0 && lpFind(lp, next, Lp.ptr, Lp.length, width - 1) != 0) {
      return RdbReader.corrupt();
    }
    p = next;
  }
  Loading.ptr = withNames(lp, width);
  return true;
}

/** A table of so many fields, or fewer where some are there twice. */
function makeTable(fields: u32): bool {
  if (!canAllocate(lpBytes(Loading.ptr) * 8 + ((<usize>fields) << 6))) return outOfMemory();
  Hash.open(Loading.encoding, Loading.ptr);
  hashToTable();
  Loading.encoding = Hash.encoding;
  Loading.ptr = Hash.ptr;
  return hashCount(Hash.encoding, Hash.ptr) == fields ? true : RdbReader.corrupt();
}

/** Whether each expiry is one, and they stand in order, those that say "none" last. */
function inOrder(lp: usize): bool {
  let last: u64 = 1;
  for (let p = lpFirst(lp); p != 0; p = lpNext(lp, p)) {
    p = lpNext(lp, lpNext(lp, p));
    lpGet(p);
    if (!Lp.isInteger || <u64>Lp.value > LATEST) return false;
    const at: u64 = Lp.value == 0 ? LATEST + 1 : <u64>Lp.value;
    if (at < last) return false;
    last = at;
  }
  return true;
}

function longestElement(lp: usize): u32 {
  let longest: u32 = 0;
  for (let p = lpFirst(lp); p != 0; p = lpNext(lp, p)) {
    lpRead(p);
    if (Lp.length > longest) longest = Lp.length;
  }
  return longest;
}

/** Where the last length of a zipmap ended; 0: it is damaged. */
let zipmapAt: usize = 0;

/** A length of a zipmap: a byte below 254, or 254 and a u32. */
function zipmapLength(at: usize, end: usize): u32 {
  zipmapAt = 0;
  if (at >= end) return 0;
  const first = <u32>load<u8>(at);
  if (first == 255) return 0;
  if (first < 254) {
    zipmapAt = at + 1;
    return first;
  }
  if (end - at < 5) return 0;
  zipmapAt = at + 5;
  return load<u32>(at, 1);
}

/**
 * A zipmap (zipmap.c, Redis before 2.6): u8 count, then per field its length and bytes, the value's length, a byte that
 * counts unused bytes behind the value, the value, those; 0xff at the end.
 */
function readZipmap(ptr: usize, length: u32): bool {
  const end = ptr + length;
  if (length < 2) return RdbReader.corrupt();
  let at = ptr + 1;
  while (at < end && load<u8>(at) != 255) {
    const fieldLength = zipmapLength(at, end);
    const field = zipmapAt;
    if (field == 0 || end - field < <usize>fieldLength) return RdbReader.corrupt();
    const valueLength = zipmapLength(field + fieldLength, end);
    const gap = zipmapAt;
    if (gap == 0 || gap >= end) return RdbReader.corrupt();
    const unused = <usize>load<u8>(gap);
    const value = gap + 1;
    if (<u64>(end - value) < <u64>valueLength + <u64>unused) return RdbReader.corrupt();
    Loading.ptr = lpAppend(lpAppend(Loading.ptr, field, fieldLength), value, valueLength);
    at = value + valueLength + unused;
  }
  return at + 1 == end ? true : RdbReader.corrupt();
}

// Digest.

const elementDigest: usize = memory.data(32, 16);
const markText: usize = memory.data(16, 16);

/** Mixes the elements into the digest at `sum`. */
export function digestHash(sum: usize, encoding: u32, ptr: usize): void {
  Hash.open(encoding, ptr);
  for (let place = Hash.first(); place != 0; place = Hash.next(place)) {
    memory.fill(elementDigest, 0, 20);
    Hash.readField(place);
    mix(elementDigest, HashText.ptr, HashText.length);
    Hash.readValue(place);
    mix(elementDigest, HashText.ptr, HashText.length);
    if (Hash.expiry(place) != 0) {
      xor(elementDigest, markText, writeText(markText, "!!hexpire!!"));
    }
    xor(sum, elementDigest, 20);
  }
}
