/**
 * One hash in hand: `Hash.open` takes its encoding and value, and what follows works on that, and moves or converts it.
 * Afterwards the entry must get `Hash.encoding` and `Hash.ptr` again (`setPointer`). `find` remembers the field for the
 * calls about "found". The encodings are told in hash-value.ts.
 */
import { Encoding } from "../abi";
import { copyBytes } from "../base/bytes";
import { Settings } from "../base/frame";
import { canAllocate } from "../base/memory";
import { nextRandom64, randomBelow } from "../base/random";
import { replyBulk } from "../protocol/reply";
import { Setting } from "../settings";
import { dictFind, dictInsertSearched, dictNew, dictRemoveFound, dictReplaceFound } from "./dict";
import { Dict } from "./dict-layout";
import { dictRandom } from "./dict-random";
import { dictNext } from "./dict-walk";
import {
  dropField,
  expiredListpack,
  expirePacked,
  freePacked,
  isPacked,
  Packed,
  plainRoom,
  widen,
  widenedField,
  widthOf,
} from "./hash-packed";
import {
  expireRecord,
  FieldRecord,
  freeRecord,
  newRecord,
  RECORD_FIELD,
  rewriteRecord,
} from "./hash-record";
import { ExpiringTable } from "./hash-table";
import { dictOf, hashCount, hashExpires } from "./hash-value";
import {
  LP_EMPTY,
  LpWhere,
  lpDelete,
  lpFind,
  lpFirst,
  lpInsert,
  lpSafeToAdd,
  lpSeek,
  lpTrim,
  newListpack,
} from "./listpack";
import { Lp, lpRead, replyElement } from "./listpack-element";

/** A listpack of no more bytes is converted without asking whether memory suffices. */
const SMALL_LISTPACK: usize = 65536;

/** Bytes just read: a field or a value. Of integers they are overwritten by the next reading. */
export class HashText {
  static ptr: usize = 0;
  static length: u32 = 0;
}

/** The value in hand. */
export class Hash {
  /** `Encoding`, as its entry has it. */
  static encoding: u32 = 0;
  static ptr: usize = 0;
  /** The field found: its element in the listpack, or its record. */
  static found: usize = 0;

  static open(encoding: u32, ptr: usize): void {
    Hash.encoding = encoding;
    Hash.ptr = ptr;
  }

  /** A new value, small as yet, with room for `bytes` of entries. */
  static create(bytes: usize): void {
    Hash.encoding = Encoding.Listpack;
    Hash.ptr = newListpack(bytes + LP_EMPTY);
  }

  /** Gives back what a new value has been given too much. */
  static trim(): void {
    if (isPacked(Hash.encoding)) Hash.ptr = lpTrim(Hash.ptr);
  }

  static count(): u32 {
    return hashCount(Hash.encoding, Hash.ptr);
  }

  static find(field: usize, length: u32): bool {
    if (isPacked(Hash.encoding)) {
      const skip = widthOf(Hash.encoding) - 1;
      Hash.found = lpFind(Hash.ptr, lpFirst(Hash.ptr), field, length, skip);
    } else Hash.found = dictFind(dictOf(Hash.encoding, Hash.ptr), field, length);
    return Hash.found != 0;
  }

  // What was found, or stands at any other `place` of a walk.

  static readField(place: usize): void {
    if (isPacked(Hash.encoding)) {
      lpRead(place);
      HashText.ptr = Lp.ptr;
      HashText.length = Lp.length;
      return;
    }
    HashText.ptr = FieldRecord.fieldPtr(place);
    HashText.length = FieldRecord.fieldLength(place);
  }

  static readValue(place: usize): void {
    if (isPacked(Hash.encoding)) {
      lpRead(Packed.value(Hash.ptr, place));
      HashText.ptr = Lp.ptr;
      HashText.length = Lp.length;
      return;
    }
    HashText.ptr = FieldRecord.valuePtr(place);
    HashText.length = FieldRecord.valueLength(place);
  }

  static replyField(place: usize): void {
    if (isPacked(Hash.encoding)) replyElement(place);
    else replyBulk(FieldRecord.fieldPtr(place), FieldRecord.fieldLength(place));
  }

  static replyValue(place: usize): void {
    if (isPacked(Hash.encoding)) replyElement(Packed.value(Hash.ptr, place));
    else replyBulk(FieldRecord.valuePtr(place), FieldRecord.valueLength(place));
  }

  /** When the field expires; 0: never. */
  static expiry(place: usize): i64 {
    if (!hashExpires(Hash.encoding)) return 0;
    if (Hash.encoding == <u32>Encoding.ListpackEx) return Packed.expiry(Hash.ptr, place);
    return FieldRecord.expireAt(place);
  }

  // Changing. Memory for what comes in is the caller's to ask for; see `hashMayGrow`.

  /** Gives the field last searched the value, which it has from then on, with the expiry that it had or without. */
  static put(
    field: usize,
    fieldLength: u32,
    value: usize,
    valueLength: u32,
    keepExpiry: bool,
  ): void {
    if (isPacked(Hash.encoding)) {
      const most = Settings.value(Setting.HashMaxListpackValue);
      if (<f64>fieldLength > most || <f64>valueLength > most) {
        hashToTable();
        Hash.find(field, fieldLength);
      }
    }
    if (isPacked(Hash.encoding)) putPacked(field, fieldLength, value, valueLength, keepExpiry);
    else putRecord(field, fieldLength, value, valueLength, keepExpiry);
  }

  static removeFound(): void {
    if (isPacked(Hash.encoding)) {
      dropField(Hash.found);
      Hash.ptr = lpDelete(Hash.ptr, Hash.found, widthOf(Hash.encoding));
      return;
    }
    const record = dictRemoveFound(dictOf(Hash.encoding, Hash.ptr));
    if (FieldRecord.expires(record)) ExpiringTable.at(Hash.ptr).expiring--;
    freeRecord(record);
  }

  /** Gives the field found an expiry, or none (0). */
  static expireFound(at: i64): void {
    if (at != 0) makeExpiring();
    if (Hash.encoding == <u32>Encoding.ListpackEx) {
      Hash.found = expirePacked(Hash.ptr, Hash.found, at);
      Hash.ptr = expiredListpack;
    }
    if (Hash.encoding == <u32>Encoding.HashTableEx) expireInTable(at);
  }

  // Walking: `first`, then `next` of each place, until 0. The value must not change meanwhile.

  /** Where a walk over a dict goes on. */
  static walkAt: u64 = 0;

  static first(): usize {
    if (isPacked(Hash.encoding)) return lpFirst(Hash.ptr);
    Hash.walkAt = 0;
    return Hash.next(0);
  }

  static next(place: usize): usize {
    if (isPacked(Hash.encoding)) return Packed.next(Hash.ptr, place, widthOf(Hash.encoding));
    const record = dictNext(dictOf(Hash.encoding, Hash.ptr), Hash.walkAt);
    Hash.walkAt = Dict.at;
    return record;
  }

  /** Any field, all with the same chance. */
  static random(): usize {
    if (isPacked(Hash.encoding)) {
      return lpSeek(Hash.ptr, <i32>(randomBelow(Hash.count()) * widthOf(Hash.encoding)));
    }
    return dictRandom(dictOf(Hash.encoding, Hash.ptr), nextRandom64());
  }

  /** The dict of a large hash. */
  static dict(): usize {
    return dictOf(Hash.encoding, Hash.ptr);
  }

  @inline static isPacked(): bool {
    return isPacked(Hash.encoding);
  }
}

function putPacked(
  field: usize,
  fieldLength: u32,
  value: usize,
  valueLength: u32,
  keepExpiry: bool,
): void {
  const width = widthOf(Hash.encoding);
  if (Hash.found != 0) {
    const kept = keepExpiry || Hash.expiry(Hash.found) == 0;
    if (kept) {
      const offset = Hash.found - Hash.ptr;
      const place = Packed.value(Hash.ptr, Hash.found);
      Hash.ptr = lpInsert(Hash.ptr, place, value, valueLength, LpWhere.Replace);
      Hash.found = Hash.ptr + offset;
      return;
    }
    // Fields without expiry stand at the end.
    dropField(Hash.found);
    Hash.ptr = lpDelete(Hash.ptr, Hash.found, width);
  }
  Hash.ptr = Packed.append(Hash.ptr, field, fieldLength, value, valueLength, width);
  if (Hash.found != 0) return;
  if (<f64>Hash.count() > Settings.value(Setting.HashMaxListpackEntries)) hashToTable();
}

function putRecord(
  field: usize,
  fieldLength: u32,
  value: usize,
  valueLength: u32,
  keepExpiry: bool,
): void {
  const dict = dictOf(Hash.encoding, Hash.ptr);
  if (Hash.found == 0) {
    dictInsertSearched(dict, newRecord(field, fieldLength, value, valueLength, 0));
    return;
  }
  const had = FieldRecord.expireAt(Hash.found);
  const expireAt = keepExpiry ? had : 0;
  if (had != 0 && expireAt == 0) ExpiringTable.at(Hash.ptr).expiring--;
  Hash.found = rewriteRecord(Hash.found, value, valueLength, expireAt);
  dictReplaceFound(dict, Hash.found);
}

// Expiry.

/** Gives the value an encoding that has room for expiries; what was found stays found. */
function makeExpiring(): void {
  if (Hash.encoding == <u32>Encoding.HashTable) {
    Hash.ptr = changetype<usize>(ExpiringTable.of(Hash.ptr));
    Hash.encoding = Encoding.HashTableEx;
  } else if (Hash.encoding == <u32>Encoding.Listpack) {
    Hash.ptr = widen(Hash.ptr, Hash.found);
    Hash.found = widenedField;
    Hash.encoding = Encoding.ListpackEx;
  }
}

function expireInTable(at: i64): void {
  const table = ExpiringTable.at(Hash.ptr);
  const had = FieldRecord.expires(Hash.found);
  if (had && at == 0) table.expiring--;
  else if (!had && at != 0) table.expiring++;
  Hash.found = expireRecord(Hash.found, at);
  dictReplaceFound(table.dict, Hash.found);
  if (at != 0) table.note(at);
}

// Converting.

/** Turns a listpack into a dict. */
export function hashToTable(): void {
  const lp = Hash.ptr;
  const dict = dictNew(RECORD_FIELD);
  const expiring = Hash.encoding == <u32>Encoding.ListpackEx;
  const table = expiring ? ExpiringTable.of(dict) : changetype<ExpiringTable>(0);
  const width = widthOf(Hash.encoding);
  for (let p = lpFirst(lp); p != 0; p = Packed.next(lp, p, width)) {
    const expireAt = expiring ? Packed.expiry(lp, p) : 0;
    addPair(dict, lp, p, expireAt);
    if (expireAt == 0) continue;
    table.expiring++;
    table.note(expireAt);
  }
  freePacked(lp, width);
  Hash.ptr = expiring ? changetype<usize>(table) : dict;
  Hash.encoding = expiring ? Encoding.HashTableEx : Encoding.HashTable;
}

const fieldText: usize = memory.data(32, 16);

/** Adds a field of a listpack to the dict; answers whether it was not there yet. */
function addPair(dict: usize, lp: usize, field: usize, expireAt: i64): bool {
  lpRead(field);
  let ptr = Lp.ptr;
  const length = Lp.length;
  if (Lp.isInteger) {
    // The value may be an integer as well, and both have one buffer.
    copyBytes(fieldText, ptr, length);
    ptr = fieldText;
  }
  if (dictFind(dict, ptr, length) != 0) return false;
  lpRead(Packed.value(lp, field));
  dictInsertSearched(dict, newRecord(ptr, length, Lp.ptr, Lp.length, expireAt));
  return true;
}

/**
 * Prepares the value in hand for fields and values of `bytes` in all, the longest `longest` bytes long: converts it
 * before (hashTypeTryConversion). False: memory does not suffice.
 */
export function hashMayGrow(bytes: u64, longest: u32): bool {
  if (!isPacked(Hash.encoding)) return true;
  const have = plainRoom(Hash.ptr, widthOf(Hash.encoding));
  if (have > SMALL_LISTPACK && !canAllocate(have * 8)) return false;
  const tooLong = <f64>longest > Settings.value(Setting.HashMaxListpackValue);
  if (tooLong || !lpSafeToAdd(Hash.ptr, bytes)) hashToTable();
  return true;
}
