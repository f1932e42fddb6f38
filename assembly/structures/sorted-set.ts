/** A sorted set in hand, whichever its encoding: what commands do with it. */
import { Encoding } from "../abi";
import { canAllocate, free } from "../base/memory";
import { writeInt64 } from "../protocol/number";
import { dictFind, dictRemoveFound } from "./dict";
import { Lp, lpGet } from "./listpack-element";
import { insertRecord, removeRank, removeRecord } from "./ordered-set";
import { OrderedSet, RECORD_SCORE, Record } from "./ordered-set-node";
import {
  Place,
  placeAfter,
  placeBefore,
  rankOfLex,
  rankOfRecord,
  rankOfScore,
  recordAt,
  seekRank,
} from "./ordered-set-search";
import {
  layTrail,
  newPack,
  Pack,
  packBeforeLex,
  packBelow,
  packDelete,
  packFind,
  packInsert,
  packSafeToAdd,
  packUpToLex,
  placeOnTrail,
} from "./sorted-set-pack";
import {
  addSearched,
  BigSortedSet,
  bigOfPack,
  newBig,
  packOfBig,
  sortedSetCount,
  sortedSetFreeSome,
} from "./sorted-set-value";

/** The walk's own text of an integer: it stays while other packs are read. */
const integerText: usize = memory.data(32, 16);

/** The set in hand. Whoever changes it writes `encoding` and `ptr` back to the entry. */
export class Z {
  static encoding: u32 = 0;
  static ptr: usize = 0;
  /** What `find` has found: its record, or its place in the pack and its rank. */
  static found: usize = 0;
  static rank: u32 = 0;
  /** The score of what was found. */
  static score: f64 = 0;

  static open(encoding: u32, ptr: usize): void {
    Z.encoding = encoding;
    Z.ptr = ptr;
  }

  /** A new, empty set. */
  static create(big: bool): void {
    Z.encoding = big ? <u32>Encoding.SkipList : <u32>Encoding.Listpack;
    Z.ptr = big ? newBig() : newPack(56);
  }

  @inline static isBig(): bool {
    return Z.encoding != <u32>Encoding.Listpack;
  }

  static count(): u32 {
    return sortedSetCount(Z.encoding, Z.ptr);
  }

  static find(member: usize, length: u32): bool {
    if (Z.isBig()) {
      Z.found = dictFind(BigSortedSet.of(Z.ptr).dict, member, length);
      if (Z.found != 0) Z.score = Record.score(Z.found);
    } else {
      Z.found = packFind(Z.ptr, member, length);
      if (Z.found != 0) {
        Z.rank = Pack.index;
        Z.score = Pack.score(Z.ptr, Z.rank);
      }
    }
    return Z.found != 0;
  }

  /** Adds a member that `find` has just missed. False: memory does not suffice. */
  static add(member: usize, length: u32, score: f64, entriesMax: f64, valueMax: f64): bool {
    if (!Z.isBig()) {
      const small =
        <f64>Pack.count(Z.ptr) + 1 <= entriesMax &&
        <f64>length <= valueMax &&
        packSafeToAdd(Z.ptr, length);
      if (small) {
        Z.ptr = packInsert(Z.ptr, member, length, score);
        return true;
      }
      const big = bigOfPack(Z.ptr);
      if (big == 0) return false;
      free(Z.ptr);
      Z.open(Encoding.SkipList, big);
      dictFind(BigSortedSet.of(big).dict, member, length);
    }
    addSearched(BigSortedSet.of(Z.ptr), member, length, score);
    return true;
  }

  /** Gives the member just found, whose bytes the caller has, another score. */
  static setScore(member: usize, length: u32, score: f64): void {
    if (Z.isBig()) {
      const big = BigSortedSet.of(Z.ptr);
      removeRecord(big, Z.found);
      store<f64>(Z.found, score, RECORD_SCORE);
      insertRecord(big, Z.found);
      return;
    }
    Z.ptr = packDelete(Z.ptr, Z.found, Z.rank, 1);
    Z.ptr = packInsert(Z.ptr, member, length, score);
  }

  /** Removes the member just found. */
  static removeFound(): void {
    if (!Z.isBig()) {
      Z.ptr = packDelete(Z.ptr, Z.found, Z.rank, 1);
      return;
    }
    const big = BigSortedSet.of(Z.ptr);
    const record = dictRemoveFound(big.dict);
    removeRecord(big, record);
    free(record);
  }

  static rankOfFound(): u32 {
    if (Z.isBig()) return rankOfRecord(OrderedSet.at(Z.ptr), Z.found);
    return Z.rank;
  }

  /** Removes `count` members from the rank on. */
  static removeRange(rank: u32, count: u32): void {
    if (count == 0) return;
    if (!Z.isBig()) {
      Z.ptr = packDelete(Z.ptr, Pack.member(Z.ptr, rank), rank, count);
      return;
    }
    const big = BigSortedSet.of(Z.ptr);
    for (; count > 0; count--) {
      const record = removeRank(big, rank);
      dictFind(big.dict, Record.member(record), Record.length(record));
      dictRemoveFound(big.dict);
      free(record);
    }
  }

  /** How many members have a score below (`passEqual`: or equal to) it. */
  static rankOfScore(score: f64, passEqual: bool): u32 {
    if (Z.isBig()) return rankOfScore(OrderedSet.at(Z.ptr), score, passEqual);
    return packBelow(Z.ptr, score, passEqual);
  }

  /** How many members stand before the bytes; of a pack, those at ranks below `from` are passed over unseen. */
  static rankOfLex(from: u32, ptr: usize, length: u32, passEqual: bool): u32 {
    if (Z.isBig()) return rankOfLex(OrderedSet.at(Z.ptr), ptr, length, passEqual);
    return packBeforeLex(Z.ptr, from, ptr, length, passEqual);
  }

  /** As `rankOfLex`, looking from the end: the same where all scores are equal. */
  static endOfLex(end: u32, ptr: usize, length: u32, passEqual: bool): u32 {
    if (Z.isBig()) return rankOfLex(OrderedSet.at(Z.ptr), ptr, length, passEqual);
    return packUpToLex(Z.ptr, end, ptr, length, passEqual);
  }

  /** Makes a big set a pack. `bytes`: of its members. */
  static pack(bytes: usize): void {
    const pack = packOfBig(Z.ptr, bytes);
    sortedSetFreeSome(Encoding.SkipList, Z.ptr, u32.MAX_VALUE);
    Z.open(Encoding.Listpack, pack);
  }

  /** Whether memory suffices to make a pack a big set, which `add` may have to. */
  static canConvert(): bool {
    if (Z.isBig()) return true;
    return canAllocate((Pack.bytes(Z.ptr) << 1) + ((<usize>Pack.count(Z.ptr)) << 6));
  }

  static drop(): void {
    sortedSetFreeSome(Z.encoding, Z.ptr, u32.MAX_VALUE);
  }
}

/** A walk over the members of one set, from a rank on, either way. The set must not change meanwhile. */
export class Walk {
  static member: usize = 0;
  static length: u32 = 0;
  static score: f64 = 0;
  /** The member is a number in a pack: its text lasts until the next step. */
  static isNumber: bool = false;
  static big: bool = false;
  static reverse: bool = false;
  /** The pack, where it is one. */
  static pack: usize = 0;
  /** The next element's place: in the pack, or its leaf. 0: the end. */
  static next: usize = 0;
  /** Its rank in the pack, or its place in the leaf. */
  static index: u32 = 0;

  /** Begins at the rank in the set in hand. */
  static start(rank: u32, reverse: bool): void {
    Walk.big = Z.isBig();
    Walk.reverse = reverse;
    Walk.pack = Z.ptr;
    Walk.isNumber = false;
    Walk.next = 0;
    if (rank >= Z.count()) return;
    if (Walk.big) {
      seekRank(OrderedSet.at(Z.ptr), rank);
      Walk.next = Place.leaf;
      Walk.index = Place.index;
    } else {
      Walk.next = reverse ? layTrail(Z.ptr, rank) : Pack.member(Z.ptr, rank);
      Walk.index = rank;
    }
  }

  /** The next member into `member`, `length`, `score`; false: there is none. */
  static step(): bool {
    const at = Walk.next;
    if (at == 0) return false;
    if (Walk.big) {
      const record = recordAt(at, Walk.index);
      Walk.member = Record.member(record);
      Walk.length = Record.length(record);
      Walk.score = Record.score(record);
      if (Walk.reverse) placeBefore(at, Walk.index);
      else placeAfter(at, Walk.index);
      Walk.next = Place.leaf;
      Walk.index = Place.index;
      return true;
    }
    Walk.score = Pack.score(Walk.pack, Walk.index);
    lpGet(at);
    Walk.isNumber = Lp.isInteger;
    if (Lp.isInteger) {
      Walk.member = integerText;
      Walk.length = <u32>writeInt64(integerText, Lp.value);
    } else {
      Walk.member = Lp.ptr;
      Walk.length = Lp.length;
    }
    if (!Walk.reverse) {
      Walk.index++;
      Walk.next = Walk.index < Pack.count(Walk.pack) ? Pack.after(at) : 0;
    } else if (Walk.index > 0) {
      Walk.index--;
      Walk.next = placeOnTrail(Walk.pack, Walk.index);
    } else Walk.next = 0;
    return true;
  }
}
