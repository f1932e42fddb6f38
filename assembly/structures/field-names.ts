/**
 * Names that the fields of many small hashes have: each stands here once, and a listpack in memory holds its number in
 * an element that Redis does not know (`NAME` in listpack-element.ts): 4 bytes in place of the text. Only listpacks of
 * hashes have such elements, only for fields; what leaves for a file or payload is written out (`plainListpack`).
 *
 *   record     u32 length | u32 uses | u32 number | text     found by its text in a dict
 *   directory  by number: u32 record, or (next free number << 1 | 1)
 *
 * A text becomes a name when it was met as a new field so often that sharing pays; where one is met, a small table of
 * hashes remembers for a while. A name that no hash uses any more goes.
 */
import { copyBytes } from "../base/bytes";
import { hash32, hashSeed } from "../base/hash";
import { alloc, canAllocate, free, resize } from "../base/memory";
import { parseInt64 } from "../protocol/number";
import { dictFind, dictFree, dictInsertSearched, dictNew, dictRemoveFound } from "./dict";
import { Dict, dictCount } from "./dict-layout";
import { dictNext } from "./dict-walk";

/** Shorter texts are no longer than a name's element; longer ones a listpack writes in another way. */
const NAME_MIN: u32 = 3;
export const NAME_MAX: u32 = 63;
const NUMBER_MAX: u32 = 0xffff;
/** How often a text is met before it becomes a name: a name takes about as much as three fields. */
const MET_MIN: u32 = 3;
const MET_MASK: u32 = 3;

const RECORD_USES: usize = 4;
const RECORD_NUMBER: usize = 8;
const RECORD_TEXT: usize = 12;

/** Hashes of texts met lately, the lowest two bits of each being how often. */
const MET_CELLS: u32 = 2048;
const met: usize = memory.data(2048 * 4, 16);

/** Texts to records; 0: there are no names. */
let names: usize = 0;
let directory: usize = 0;
let capacity: u32 = 0;
/** Numbers are given out from 1 on. */
let numbersUsed: u32 = 0;
let freeNumber: u32 = 0;

export class Name {
  @inline static record(number: u32): usize {
    return load<usize>(directory + ((<usize>number) << 2));
  }
  @inline static text(number: u32): usize {
    return Name.record(number) + RECORD_TEXT;
  }
  @inline static length(number: u32): u32 {
    return load<u32>(Name.record(number));
  }
}

function addUse(record: usize): void {
  store<u32>(record, load<u32>(record, RECORD_USES) + 1, RECORD_USES);
}

/** The number to be held for a new field, which counts as a use of it; 0: its text stands in the listpack itself. */
export function useName(field: usize, length: u32): u32 {
  if (length < NAME_MIN || length > NAME_MAX) return 0;
  // A listpack holds numbers as such.
  if (load<u8>(field) <= 0x39 && parseInt64(field, <i32>length)) return 0;
  let mark: u32;
  if (names != 0) {
    const record = dictFind(names, field, length);
    if (record != 0) {
      addUse(record);
      return load<u32>(record, RECORD_NUMBER);
    }
    // As good as the hash that it was made of.
    mark = Dict.position;
  } else mark = hash32(field, <i32>length, hashSeed);
  return metOften(mark) ? newName(field, length) : 0;
}

/** One use more of a name that a listpack has which was copied. */
export function useAgain(number: u32): void {
  addUse(Name.record(number));
}

/** Notes that the text with this hash was met, and tells whether it was met often of late. */
function metOften(hash: u32): bool {
  const cell = met + (((<usize>hash >> 2) & (MET_CELLS - 1)) << 2);
  const known = load<u32>(cell);
  if (((known ^ hash) & ~MET_MASK) != 0) {
    store<u32>(cell, (hash & ~MET_MASK) | 1);
    return false;
  }
  const times = known & MET_MASK;
  if (times >= MET_MIN) return true;
  store<u32>(cell, known + 1);
  return false;
}

function newName(field: usize, length: u32): u32 {
  if (freeNumber == 0 && numbersUsed == NUMBER_MAX) return 0;
  if (!canAllocate(1 << 19)) return 0;
  if (names == 0) names = dictNew(<u32>RECORD_TEXT);
  const number = takeNumber();
  const record = alloc(RECORD_TEXT + <usize>length);
  store<u32>(record, length);
  store<u32>(record, 1, RECORD_USES);
  store<u32>(record, number, RECORD_NUMBER);
  copyBytes(record + RECORD_TEXT, field, length);
  store<usize>(directory + ((<usize>number) << 2), record);
  dictFind(names, field, length);
  dictInsertSearched(names, record);
  return number;
}

function takeNumber(): u32 {
  if (freeNumber != 0) {
    const number = freeNumber;
    freeNumber = <u32>Name.record(number) >> 1;
    return number;
  }
  numbersUsed++;
  if (numbersUsed >= capacity) {
    const wanted: u32 = capacity == 0 ? 16 : capacity << 1;
    const size = (<usize>wanted) << 2;
    directory = capacity == 0 ? alloc(size) : resize(directory, (<usize>capacity) << 2, size);
    capacity = wanted;
  }
  return numbersUsed;
}

/** A listpack has the name no longer. */
export function dropName(number: u32): void {
  const record = Name.record(number);
  const uses = load<u32>(record, RECORD_USES) - 1;
  store<u32>(record, uses, RECORD_USES);
  if (uses != 0) return;
  dictFind(names, record + RECORD_TEXT, load<u32>(record));
  dictRemoveFound(names);
  free(record);
  store<u32>(directory + ((<usize>number) << 2), (freeNumber << 1) | 1);
  freeNumber = number;
  if (dictCount(names) == 0) forget();
}

/** The last name has gone. */
function forget(): void {
  dictFree(names);
  free(directory);
  names = 0;
  directory = 0;
  capacity = 0;
  numbersUsed = 0;
  freeNumber = 0;
}

/** For tests: uses of all names, or -1 where a name is not what the directory says. */
export function countNameUses(): i32 {
  if (names == 0) return directory == 0 ? 0 : -1;
  let uses: u32 = 0;
  for (let record = dictNext(names, 0); record != 0; record = dictNext(names, Dict.at)) {
    const number = load<u32>(record, RECORD_NUMBER);
    if (number == 0 || number > numbersUsed || Name.record(number) != record) return -1;
    if (load<u32>(record, RECORD_USES) == 0) return -1;
    uses += load<u32>(record, RECORD_USES);
  }
  return <i32>uses;
}
