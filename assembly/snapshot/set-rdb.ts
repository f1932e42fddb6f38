/** Sets in RDB: type byte, writing, reading, digest. */
import { Encoding, LoadStatus } from "../abi";
import { copyBytes } from "../base/bytes";
import { alloc, canAllocate, free } from "../base/memory";
import { Dict } from "../structures/dict-layout";
import { dictNext } from "../structures/dict-walk";
import { IntSet, intsetValid } from "../structures/intset";
import { lpFirst, lpNext, lpValid } from "../structures/listpack";
import { Lp, lpRead } from "../structures/listpack-element";
import {
  intsetMax,
  MEMBER_HEADER,
  Member,
  SetValue,
  setCanInsert,
  setCount,
  setFitted,
  setFreeSome,
  setHas,
  setInsertSearched,
  setNew,
  setNext,
} from "../structures/set-value";
import { xor } from "./digest-sum";
import { Loading } from "./loading-state";
import { RdbType } from "./rdb-format";
import { RdbReader, Text } from "./rdb-read";
import { RdbWriter } from "./rdb-write";
import { Pace, SaveCursor } from "./save-cursor";

export function setRdbType(encoding: u32, _ptr: usize): u32 {
  return encoding == <u32>Encoding.IntSet ? RdbType.SetIntset : RdbType.Set;
}

/** Goes on writing the value with `RdbWriter`; see `SaveCursor`. */
export function saveSet(cursor: SaveCursor): bool {
  const ptr = cursor.ptr;
  if (cursor.encoding == <u32>Encoding.IntSet) {
    RdbWriter.string(ptr, <u32>IntSet.bytes(ptr));
    return true;
  }
  if (cursor.step == 0) {
    cursor.step = 1;
    RdbWriter.length(setCount(cursor.encoding, ptr));
  }
  while (true) {
    const record = dictNext(ptr, cursor.at);
    if (record == 0) return true;
    cursor.at = Dict.at;
    RdbWriter.string(record + MEMBER_HEADER, load<u32>(record));
    if (Pace.isOver()) return false;
  }
}

/** Reads what stands before the first element, or all of the value: sets `Loading.ptr`, `encoding` and `left`. */
export function beginSet(rdbType: u32): bool {
  if (rdbType == RdbType.SetIntset) return readIntset();
  if (rdbType == RdbType.SetListpack) return readListpack();
  if (!RdbReader.length()) return false;
  const count = RdbReader.value;
  if (count == 0) return true;
  if (!canAllocate(1024)) return outOfMemory();
  Loading.encoding = <f64>count > intsetMax() ? Encoding.HashTable : Encoding.IntSet;
  Loading.ptr = setNew(Loading.encoding);
  Loading.left = count;
  return true;
}

/** Reads one element into `Loading.ptr`. */
export function continueSet(): bool {
  if (!RdbReader.string(1)) return false;
  const added = addLoaded(Text.ptr, Text.length);
  free(Text.owned);
  return added;
}

function addLoaded(member: usize, length: u32): bool {
  if (setHas(Loading.encoding, Loading.ptr, member, length)) return RdbReader.corrupt();
  if (!setCanInsert(Loading.encoding, Loading.ptr, length)) return outOfMemory();
  setInsertSearched(Loading.encoding, Loading.ptr, member, length);
  Loading.encoding = SetValue.encoding;
  Loading.ptr = SetValue.ptr;
  return true;
}

function outOfMemory(): bool {
  RdbReader.status = LoadStatus.OutOfMemory;
  return false;
}

/** An array of integers as it stands in memory. */
function readIntset(): bool {
  if (!RdbReader.string(1)) return false;
  const made = takeIntset(Text.ptr, Text.length);
  free(Text.owned);
  return made;
}

function takeIntset(bytes: usize, length: u32): bool {
  if (!intsetValid(bytes, length)) return RdbReader.corrupt();
  if (!canAllocate(length)) return outOfMemory();
  const ptr = alloc(length);
  copyBytes(ptr, bytes, length);
  if (!setCanInsert(Encoding.IntSet, ptr, 0)) {
    free(ptr);
    return outOfMemory();
  }
  setFitted(Encoding.IntSet, ptr);
  Loading.encoding = SetValue.encoding;
  Loading.ptr = SetValue.ptr;
  return true;
}

/** A listpack of members: Redis 7.2 and later. */
function readListpack(): bool {
  if (!RdbReader.string(1)) return false;
  const owned = Text.owned;
  const made = takeListpack(Text.ptr, Text.length);
  free(owned);
  if (!made && Loading.ptr != 0) dropMade();
  return made;
}

function takeListpack(lp: usize, length: u32): bool {
  if (!lpValid(lp, length, true)) return RdbReader.corrupt();
  if (!canAllocate(1024)) return outOfMemory();
  Loading.encoding = Encoding.IntSet;
  Loading.ptr = setNew(Encoding.IntSet);
  for (let p = lpFirst(lp); p != 0; p = lpNext(lp, p)) {
    lpRead(p);
    if (!addLoaded(Lp.ptr, Lp.length)) return false;
  }
  return true;
}

function dropMade(): void {
  setFreeSome(Loading.encoding, Loading.ptr, u32.MAX_VALUE);
  Loading.ptr = 0;
}

/** DEBUG DIGEST: the members, in any order. */
export function digestSet(sum: usize, encoding: u32, ptr: usize): void {
  for (let more = setNext(encoding, ptr, 0); more; more = setNext(encoding, ptr, Member.at)) {
    xor(sum, Member.ptr, Member.length);
  }
}
