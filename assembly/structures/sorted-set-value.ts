/**
 * Sorted set values: a pack (sorted-set-pack.ts) while small, which OBJECT ENCODING calls a listpack and whose encoding is
 * `Listpack`; else members in a dict and in order:
 *
 *   BigSortedSet, 16 bytes  ->  ordered-set.ts (nodes) and dict.ts (cells)  ->  records {u32 length, f64 score, member}
 */
import { Encoding } from "../abi";
import { copyBytes } from "../base/bytes";
import { alloc, canAllocate, free, roundedSize, usableSize } from "../base/memory";
import { dictBytes, dictFind, dictFree, dictInsertSearched, dictNew } from "./dict";
import { dictCount } from "./dict-layout";
import { Lp, lpRead } from "./listpack-element";
import { checkOrdered, insertRecord, orderedBytes, takeLast } from "./ordered-set";
import { OrderedSet, RECORD_MEMBER, RECORD_SCORE, Record } from "./ordered-set-node";
import { Place, placeAfter, seekRank } from "./ordered-set-search";
import { checkPack, newPack, Pack, packAppend, packCopy, packTrim } from "./sorted-set-pack";

@unmanaged
export class BigSortedSet extends OrderedSet {
  dict: usize;
  unused: u32;

  @inline static of(ptr: usize): BigSortedSet {
    return changetype<BigSortedSet>(ptr);
  }
}
if (offsetof<BigSortedSet>() != 16) ERROR("BigSortedSet must be 16 bytes");

export function newBig(): usize {
  const ptr = alloc(offsetof<BigSortedSet>());
  const big = BigSortedSet.of(ptr);
  big.root = 0;
  big.count = 0;
  big.dict = dictNew(<u32>RECORD_MEMBER);
  return ptr;
}

export function newRecord(member: usize, length: u32, score: f64): usize {
  const record = alloc(RECORD_MEMBER + <usize>length);
  store<u32>(record, length);
  store<f64>(record, score, RECORD_SCORE);
  copyBytes(record + RECORD_MEMBER, member, length);
  return record;
}

/** Whether a member more fits into memory, with the nodes and cells that may come with it. */
export function roomForMember(length: u32): bool {
  return canAllocate(((<usize>length) << 1) + 32768);
}

/** Adds a member that a search of the dict has just missed. */
export function addSearched(big: BigSortedSet, member: usize, length: u32, score: f64): void {
  const record = newRecord(member, length, score);
  dictInsertSearched(big.dict, record);
  insertRecord(big, record);
}

/** The same value as a pack's in the other encoding; the pack stays. 0: memory does not suffice. */
export function bigOfPack(pack: usize): usize {
  const count = Pack.count(pack);
  if (!canAllocate(Pack.bytes(pack) * 2 + <usize>count * 64)) return 0;
  const ptr = newBig();
  const big = BigSortedSet.of(ptr);
  let at = Pack.members(pack);
  for (let index: u32 = 0; index < count; index++) {
    lpRead(at);
    dictFind(big.dict, Lp.ptr, Lp.length);
    addSearched(big, Lp.ptr, Lp.length, Pack.score(pack, index));
    at = Pack.after(at);
  }
  return ptr;
}

/** The same value as a pack; the other one stays. `bytes`: of all members. */
export function packOfBig(ptr: usize, bytes: usize): usize {
  const big = BigSortedSet.of(ptr);
  let pack = newPack(bytes + <usize>big.count * 8);
  if (big.count == 0) return pack;
  seekRank(big, 0);
  do {
    const record = Place.record();
    pack = packAppend(pack, Record.member(record), Record.length(record), Record.score(record));
  } while (placeAfter(Place.leaf, Place.index));
  return packTrim(pack);
}

/** Elements of the value. */
export function sortedSetCount(encoding: u32, ptr: usize): u32 {
  return encoding == <u32>Encoding.Listpack ? Pack.count(ptr) : OrderedSet.at(ptr).count;
}

/** Bytes allocated for the value; of large ones an estimate from the first `samples` elements (0: all). */
export function sortedSetBytes(encoding: u32, ptr: usize, samples: u32): usize {
  if (encoding == <u32>Encoding.Listpack) return usableSize(ptr);
  const big = BigSortedSet.of(ptr);
  const fixed = roundedSize(offsetof<BigSortedSet>()) + dictBytes(big.dict) + orderedBytes(big);
  if (big.count == 0) return fixed;
  const wanted = samples == 0 ? big.count : min(samples, big.count);
  let records: usize = 0;
  let seen: u32 = 0;
  seekRank(big, 0);
  do {
    records += usableSize(Place.record());
    seen++;
  } while (seen < wanted && placeAfter(Place.leaf, Place.index));
  return fixed + <usize>((<f64>records / <f64>seen) * <f64>big.count);
}

/** Frees up to `budget` elements; answers how many. Fewer than `budget`: nothing is left, the value itself is freed. */
export function sortedSetFreeSome(encoding: u32, ptr: usize, budget: u32): u32 {
  if (encoding == <u32>Encoding.Listpack) {
    free(ptr);
    return 0;
  }
  const big = BigSortedSet.of(ptr);
  let freed: u32 = 0;
  while (freed < budget) {
    const record = takeLast(big);
    if (record == 0) {
      dictFree(big.dict);
      free(ptr);
      return freed;
    }
    free(record);
    freed++;
  }
  return freed;
}

/** A deep copy, or 0 where memory does not suffice (nothing is left behind then). */
export function sortedSetCopy(encoding: u32, ptr: usize): usize {
  if (!canAllocate(sortedSetBytes(encoding, ptr, 0) * 2)) return 0;
  if (encoding == <u32>Encoding.Listpack) return packCopy(ptr);
  const big = BigSortedSet.of(ptr);
  const copyPtr = newBig();
  const copy = BigSortedSet.of(copyPtr);
  if (big.count == 0) return copyPtr;
  seekRank(big, 0);
  let leaf: usize;
  let index: u32;
  do {
    leaf = Place.leaf;
    index = Place.index;
    const record = Place.record();
    const member = Record.member(record);
    dictFind(copy.dict, member, Record.length(record));
    addSearched(copy, member, Record.length(record), Record.score(record));
  } while (placeAfter(leaf, index));
  return copyPtr;
}

/** Invariants, for tests: both structures sound, with the same records. */
export function checkSortedSet(encoding: u32, ptr: usize): bool {
  if (encoding == <u32>Encoding.Listpack) return checkPack(ptr);
  const big = BigSortedSet.of(ptr);
  if (!checkOrdered(big) || dictCount(big.dict) != big.count) return false;
  if (big.count == 0) return true;
  seekRank(big, 0);
  do {
    const record = Place.record();
    if (dictFind(big.dict, Record.member(record), Record.length(record)) != record) return false;
  } while (placeAfter(Place.leaf, Place.index));
  return true;
}
