/**
 * Set values: an array of integers (intset.ts) or a hash table of members (dict.ts). A member in a table is an
 * allocation {u32 length, bytes}. As in Redis 7.0 a set of integers turns into a table when it gets a member that is
 * none or more than `set-max-intset-entries`, and never back. `encoding` is the entry's.
 */
import { Encoding } from "../abi";
import { copyBytes } from "../base/bytes";
import { Settings } from "../base/frame";
import { alloc, canAllocate, free, usableSize } from "../base/memory";
import { nextRandom64, randomBelow } from "../base/random";
import { parsedInt64, parseInt64, writeInt64 } from "../protocol/number";
import { Setting } from "../settings";
import {
  dictBytes,
  dictFind,
  dictFree,
  dictInsertSearched,
  dictNew,
  dictRemoveFound,
  dictTakeAny,
} from "./dict";
import { checkDict } from "./dict-check";
import { Dict, dictCount } from "./dict-layout";
import { dictRandom } from "./dict-random";
import { dictNext } from "./dict-walk";
import {
  IntSet,
  intsetFind,
  intsetInsertSearched,
  intsetNew,
  intsetRemoveFound,
  intsetValid,
} from "./intset";

/** Bytes of a member in front of its text. */
export const MEMBER_HEADER: u32 = 4;
/** Redis lets no array of integers grow beyond that, whatever the directive says. */
const INTSET_MAX: f64 = 1073741824;
/** What turning an integer into a member of a table may take. */
const CONVERTED_BYTES: u64 = 48;

const integerText: usize = memory.data(32, 16);
const convertedText: usize = memory.data(32, 16);

/** A member that a walk or a random choice has come to; an integer's text stands in a buffer until the next one. */
export class Member {
  static ptr: usize = 0;
  static length: u32 = 0;
  /** Where `setNext` goes on. */
  static at: u64 = 0;
}

/** What changes of a set left: its encoding and its address. */
export class SetValue {
  static encoding: u32 = 0;
  static ptr: usize = 0;
  /** The integer that was searched in an array. */
  static integer: i64 = 0;
  static isInteger: bool = false;
}

/** The encoding that a new set begins with, by its first member. */
export function setEncodingFor(key: usize, length: u32): u32 {
  return parseInt64(key, <i32>length) ? Encoding.IntSet : Encoding.HashTable;
}

export function setNew(encoding: u32): usize {
  return encoding == <u32>Encoding.IntSet ? intsetNew() : dictNew(MEMBER_HEADER);
}

/** Elements of the value. */
export function setCount(encoding: u32, ptr: usize): u32 {
  return encoding == <u32>Encoding.IntSet ? IntSet.count(ptr) : dictCount(ptr);
}

/** Whether the member is there. Remembers its place for `setInsertSearched` and `setRemoveFound`. */
export function setHas(encoding: u32, ptr: usize, key: usize, length: u32): bool {
  if (encoding == <u32>Encoding.HashTable) return dictFind(ptr, key, length) != 0;
  SetValue.isInteger = parseInt64(key, <i32>length);
  if (!SetValue.isInteger) return false;
  SetValue.integer = parsedInt64();
  return intsetFind(ptr, SetValue.integer);
}

/** Whether there is memory to add a member: what the caller has not announced by the length of its arguments. */
export function setCanInsert(encoding: u32, ptr: usize, length: u32): bool {
  if (encoding == <u32>Encoding.HashTable) return canAllocate(<usize>length + 128);
  const bytes = (<u64>IntSet.count(ptr) + 1) * CONVERTED_BYTES + <u64>length + 128;
  return bytes < <u64>u32.MAX_VALUE && canAllocate(<usize>bytes);
}

/** Adds the member that was just searched and not found; `SetValue` tells what became of the set. */
export function setInsertSearched(encoding: u32, ptr: usize, key: usize, length: u32): void {
  SetValue.encoding = encoding;
  SetValue.ptr = ptr;
  if (encoding == <u32>Encoding.IntSet) {
    if (SetValue.isInteger) {
      SetValue.ptr = intsetInsertSearched(ptr, SetValue.integer);
      if (<f64>IntSet.count(SetValue.ptr) > intsetMax()) convert();
      return;
    }
    convert();
    dictFind(SetValue.ptr, key, length);
  }
  dictInsertSearched(SetValue.ptr, newMember(key, length));
}

/** Most integers that an array may have. */
export function intsetMax(): f64 {
  return min<f64>(Settings.value(Setting.SetMaxIntsetEntries), INTSET_MAX);
}

function newMember(key: usize, length: u32): usize {
  const record = alloc(<usize>length + MEMBER_HEADER);
  store<u32>(record, length);
  copyBytes(record + MEMBER_HEADER, key, length);
  return record;
}

/** The array of integers in `SetValue` becomes a table. */
function convert(): void {
  const old = SetValue.ptr;
  const d = dictNew(MEMBER_HEADER);
  const count = IntSet.count(old);
  for (let index: u32 = 0; index < count; index++) {
    const length = <u32>writeInt64(convertedText, IntSet.get(old, index));
    dictFind(d, convertedText, length);
    dictInsertSearched(d, newMember(convertedText, length));
  }
  free(old);
  SetValue.encoding = Encoding.HashTable;
  SetValue.ptr = d;
}

/** Makes a table of a loaded array that has more integers than an array may have; tells in `SetValue`. */
export function setFitted(encoding: u32, ptr: usize): void {
  SetValue.encoding = encoding;
  SetValue.ptr = ptr;
  if (encoding == <u32>Encoding.IntSet && <f64>IntSet.count(ptr) > intsetMax()) convert();
}

/** Takes out the member that was just found or picked; answers the set's address. */
export function setRemoveFound(encoding: u32, ptr: usize): usize {
  if (encoding == <u32>Encoding.IntSet) return intsetRemoveFound(ptr);
  free(dictRemoveFound(ptr));
  return ptr;
}

function showInteger(value: i64): void {
  Member.ptr = integerText;
  Member.length = <u32>writeInt64(integerText, value);
}

function showRecord(record: usize): void {
  Member.ptr = record + MEMBER_HEADER;
  Member.length = load<u32>(record);
}

/** The member at or after a place of the walk, into `Member`; false at the end. Begins at 0, goes on at `Member.at`. */
export function setNext(encoding: u32, ptr: usize, at: u64): bool {
  if (encoding == <u32>Encoding.IntSet) {
    if (at >= <u64>IntSet.count(ptr)) return false;
    showInteger(IntSet.get(ptr, <u32>at));
    Member.at = at + 1;
    return true;
  }
  const record = dictNext(ptr, at);
  if (record == 0) return false;
  Member.at = Dict.at;
  showRecord(record);
  return true;
}

/** Picks a member of a set that has some, each as likely; it counts as found. */
export function setPick(encoding: u32, ptr: usize): void {
  if (encoding == <u32>Encoding.IntSet) {
    IntSet.at = randomBelow(IntSet.count(ptr));
    showInteger(IntSet.get(ptr, IntSet.at));
  } else showRecord(dictRandom(ptr, nextRandom64()));
}

// What every value of a type can do.

/** Bytes allocated for the value; of large ones an estimate from the first `samples` elements (0: all). */
export function setBytes(encoding: u32, ptr: usize, samples: u32): usize {
  if (encoding == <u32>Encoding.IntSet) return usableSize(ptr);
  const count = dictCount(ptr);
  let sampled: u32 = 0;
  let bytes: u64 = 0;
  let record = dictNext(ptr, 0);
  while (record != 0) {
    bytes += <u64>usableSize(record);
    if (++sampled == samples) break;
    record = dictNext(ptr, Dict.at);
  }
  if (sampled > 0 && sampled < count) bytes = (bytes * <u64>count) / <u64>sampled;
  return <usize>bytes + dictBytes(ptr);
}

/** Frees up to `budget` elements; answers how many. Fewer than `budget`: nothing is left, the value itself is freed. */
export function setFreeSome(encoding: u32, ptr: usize, budget: u32): u32 {
  if (encoding == <u32>Encoding.IntSet) {
    free(ptr);
    return 0;
  }
  for (let freed: u32 = 0; freed < budget; freed++) {
    const record = dictTakeAny(ptr);
    if (record == 0) {
      dictFree(ptr);
      return freed;
    }
    free(record);
  }
  return budget;
}

/** A deep copy, or 0 where memory does not suffice (nothing is left behind then). */
export function setCopy(encoding: u32, ptr: usize): usize {
  if (encoding == <u32>Encoding.IntSet) {
    const bytes = IntSet.bytes(ptr);
    if (!canAllocate(bytes)) return 0;
    const copy = alloc(bytes);
    memory.copy(copy, ptr, bytes);
    return copy;
  }
  if (!canAllocate(512)) return 0;
  const copy = dictNew(MEMBER_HEADER);
  let record = dictNext(ptr, 0);
  while (record != 0) {
    const length = load<u32>(record);
    const next = Dict.at;
    if (!canAllocate(<usize>length + 128)) {
      setFreeSome(encoding, copy, u32.MAX_VALUE);
      return 0;
    }
    dictFind(copy, record + MEMBER_HEADER, length);
    dictInsertSearched(copy, newMember(record + MEMBER_HEADER, length));
    record = dictNext(ptr, next);
  }
  return copy;
}

/** For tests: whether the value is sound. */
export function checkSet(encoding: u32, ptr: usize): bool {
  if (encoding == <u32>Encoding.IntSet) return checkIntSet(ptr);
  return dictCount(ptr) > 0 && checkDict(ptr);
}

function checkIntSet(ptr: usize): bool {
  if (IntSet.bytes(ptr) > usableSize(ptr)) return false;
  return intsetValid(ptr, <u32>IntSet.bytes(ptr));
}
