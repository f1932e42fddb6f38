/** Ranges of sorted sets by rank, score and member. Behaviour: Redis 7.0 t_zset.c, zrangeGenericCommand and others. */

import { compareBytes, equalsWord } from "../base/bytes";
import { Arg, argc, resp3, Settings, slot } from "../base/frame";
import { Journal } from "../journal";
import { currentDatabase, lookupRead, slotOf, willChange } from "../keyspace/keyspace";
import { parseBound, parsedDouble } from "../protocol/double";
import { parsedInt64, parseInt64 } from "../protocol/number";
import {
  replyArray,
  replyBulk,
  replyDouble,
  replyError,
  replyInt,
  replyNotInteger,
  replyOutOfMemory,
  replySyntaxError,
} from "../protocol/reply";
import { Setting } from "../settings";
import { Walk, Z } from "../structures/sorted-set";
import { roomForMember } from "../structures/sorted-set-value";
import {
  addMember,
  deleteTarget,
  finishRemoval,
  Opened,
  openEntry,
  opened,
  openKey,
  storeSet,
} from "./sorted-set-key";
import { Writes } from "./writes";

export enum RangeBy {
  Rank = 0,
  Score = 1,
  Lex = 2,
  /** ZRANGE's options say. */
  Unsaid = 3,
}

/** An end of a range of members that is none. */
enum LexEnd {
  Value = 0,
  /** `-` */
  Lowest = 1,
  /** `+` */
  Highest = 2,
}

/** What range arguments say, and which ranks that is in the set in hand. */
class Range {
  static first: i64 = 0;
  static last: i64 = 0;
  static min: f64 = 0;
  static max: f64 = 0;
  static minOpen: bool = false;
  static maxOpen: bool = false;
  static minEnd: LexEnd = LexEnd.Value;
  static maxEnd: LexEnd = LexEnd.Value;
  static minPtr: usize = 0;
  static minLength: u32 = 0;
  static maxPtr: usize = 0;
  static maxLength: u32 = 0;
  /** First rank of the range, and the one behind it. */
  static start: u32 = 0;
  static end: u32 = 0;
}

function parseLong(argument: u32): bool {
  if (parseInt64(Arg.ptr(argument), <i32>Arg.length(argument))) return true;
  replyNotInteger();
  return false;
}

/** A score, with `(` in front of one that does not belong to the range. Sets `isOpen`. */
let isOpen: bool = false;
function parseScore(argument: u32): bool {
  const ptr = Arg.ptr(argument);
  const length = Arg.length(argument);
  isOpen = length > 0 && load<u8>(ptr) == 40;
  const skip: u32 = isOpen ? 1 : 0;
  return parseBound(ptr + skip, <i32>(length - skip));
}

function parseScores(min: u32, max: u32): bool {
  if (parseScore(min)) {
    Range.min = parsedDouble();
    Range.minOpen = isOpen;
    if (parseScore(max)) {
      Range.max = parsedDouble();
      Range.maxOpen = isOpen;
      return true;
    }
  }
  replyError("ERR min or max is not a float");
  return false;
}

/** What `parseLexEnd` has read; the value, if any, stands behind the first byte. */
let lexEnd: LexEnd = LexEnd.Value;
function parseLexEnd(argument: u32): bool {
  const ptr = Arg.ptr(argument);
  const length = Arg.length(argument);
  if (length == 0) return false;
  const sign = <u32>load<u8>(ptr);
  if (sign == 43 || sign == 45) {
    lexEnd = sign == 43 ? LexEnd.Highest : LexEnd.Lowest;
    return length == 1 || load<u8>(ptr, 1) == 0;
  }
  lexEnd = LexEnd.Value;
  isOpen = sign == 40;
  return isOpen || sign == 91;
}

function parseLex(min: u32, max: u32): bool {
  if (parseLexEnd(min)) {
    Range.minEnd = lexEnd;
    Range.minOpen = isOpen;
    Range.minPtr = Arg.ptr(min) + 1;
    Range.minLength = Arg.length(min) - 1;
    if (parseLexEnd(max)) {
      Range.maxEnd = lexEnd;
      Range.maxOpen = isOpen;
      Range.maxPtr = Arg.ptr(max) + 1;
      Range.maxLength = Arg.length(max) - 1;
      return true;
    }
  }
  replyError("ERR min or max not valid string range item");
  return false;
}

function parseRange(by: RangeBy, min: u32, max: u32): bool {
  if (by == RangeBy.Score) return parseScores(min, max);
  if (by == RangeBy.Lex) return parseLex(min, max);
  if (!parseLong(min)) return false;
  Range.first = parsedInt64();
  if (!parseLong(max)) return false;
  Range.last = parsedInt64();
  return true;
}

/** Finds the ranks of the range in the set in hand; `start` is `end` where it is empty. */
function resolve(by: RangeBy, reverse: bool): void {
  const count = Z.count();
  Range.start = 0;
  Range.end = 0;
  if (by == RangeBy.Score) {
    Range.start = Z.rankOfScore(Range.min, Range.minOpen);
    Range.end = max<u32>(Z.rankOfScore(Range.max, !Range.maxOpen), Range.start);
  } else if (by == RangeBy.Lex) resolveLex(count, reverse);
  else {
    const size = <i64>count;
    let first = Range.first < 0 ? max<i64>(Range.first + size, 0) : Range.first;
    const last = Range.last < 0 ? Range.last + size : min<i64>(Range.last, size - 1);
    if (first > last || first >= size) return;
    if (reverse) {
      Range.start = <u32>(size - 1 - last);
      Range.end = <u32>(size - first);
    } else {
      Range.start = <u32>first;
      Range.end = <u32>last + 1;
    }
  }
}

/** In a listpack as Redis walks it, from the end that comes first: it matters where scores differ. */
function resolveLex(count: u32, reverse: bool): void {
  if (Range.minEnd == LexEnd.Highest || Range.maxEnd == LexEnd.Lowest) return;
  const lowest = Range.minEnd == LexEnd.Lowest;
  const highest = Range.maxEnd == LexEnd.Highest;
  if (!lowest && !highest) {
    const order = compareBytes(Range.minPtr, Range.minLength, Range.maxPtr, Range.maxLength);
    if (order > 0 || (order == 0 && (Range.minOpen || Range.maxOpen))) return;
  }
  if (!Z.isBig() && !overlapsLex(count, lowest, highest)) return;
  let start: u32 = 0;
  let end = count;
  if (reverse) {
    if (!highest) end = Z.endOfLex(count, Range.maxPtr, Range.maxLength, !Range.maxOpen);
    if (!lowest) start = Z.endOfLex(end, Range.minPtr, Range.minLength, Range.minOpen);
  } else {
    if (!lowest) start = Z.rankOfLex(0, Range.minPtr, Range.minLength, Range.minOpen);
    if (!highest) end = Z.rankOfLex(start, Range.maxPtr, Range.maxLength, !Range.maxOpen);
  }
  Range.start = start;
  Range.end = max(start, end);
}

/** Whether the last member is not below the range and the first not above it. */
function overlapsLex(count: u32, lowest: bool, highest: bool): bool {
  if (count == 0) return false;
  if (!lowest) {
    Walk.start(count - 1, false);
    Walk.step();
    const order = compareBytes(Walk.member, Walk.length, Range.minPtr, Range.minLength);
    if (order < 0 || (order == 0 && Range.minOpen)) return false;
  }
  if (!highest) {
    Walk.start(0, false);
    Walk.step();
    const order = compareBytes(Walk.member, Walk.length, Range.maxPtr, Range.maxLength);
    if (order > 0 || (order == 0 && Range.maxOpen)) return false;
  }
  return true;
}

// ZRANGE and its kin.

let withScores: bool = false;
let offset: i64 = 0;
let limit: i64 = -1;
let chosenBy: RangeBy = RangeBy.Rank;
let chosenReverse: bool = false;

/** Options from argument `first` on; `free`: those of ZRANGE, which choose kind and direction. */
function parseRangeOptions(first: u32, free: bool, stores: bool): bool {
  withScores = false;
  offset = 0;
  limit = -1;
  let saidReverse = false;
  for (let i = first; i < argc; i++) {
    const ptr = Arg.ptr(i);
    const length = Arg.length(i);
    if (!stores && equalsWord(ptr, length, "withscores")) withScores = true;
    else if (i + 2 < argc && equalsWord(ptr, length, "limit")) {
      if (!parseLong(i + 1)) return false;
      offset = parsedInt64();
      if (!parseLong(i + 2)) return false;
      limit = parsedInt64();
      i += 2;
    } else if (free && !saidReverse && equalsWord(ptr, length, "rev")) {
      saidReverse = true;
      chosenReverse = true;
    } else if (chosenBy == RangeBy.Unsaid && equalsWord(ptr, length, "bylex")) {
      chosenBy = RangeBy.Lex;
    } else if (chosenBy == RangeBy.Unsaid && equalsWord(ptr, length, "byscore")) {
      chosenBy = RangeBy.Score;
    } else {
      replySyntaxError();
      return false;
    }
  }
  if (chosenBy == RangeBy.Unsaid) chosenBy = RangeBy.Rank;
  if (limit != -1 && chosenBy == RangeBy.Rank) {
    replyError(
      "ERR syntax error, LIMIT is only supported in combination with either BYSCORE or BYLEX",
    );
    return false;
  }
  if (withScores && chosenBy == RangeBy.Lex) {
    replyError("ERR syntax error, WITHSCORES not supported in combination with BYLEX");
    return false;
  }
  return true;
}

/** The key at argument `key`, the range behind it; `free`: options choose kind and direction. */
export function zRange(key: u32, by: RangeBy, reverse: bool, free: bool, stores: bool): void {
  chosenBy = by;
  chosenReverse = reverse;
  if (!parseRangeOptions(key + 3, free, stores)) return;
  // Ranges that are walked backwards are given from their upper end on.
  const swapped = chosenReverse && chosenBy != RangeBy.Rank;
  if (!parseRange(chosenBy, key + (swapped ? 2 : 1), key + (swapped ? 1 : 2))) return;
  const e = lookupKey(key);
  if (e != 0 && !openEntry(e)) return;
  let count: u32 = 0;
  let first: u32 = 0;
  if (e != 0) {
    resolve(chosenBy, chosenReverse);
    const size = Range.end - Range.start;
    if (chosenBy == RangeBy.Rank) count = size;
    else if (<u64>offset < <u64>size) {
      count = size - <u32>offset;
      if (limit >= 0) count = <u32>min<i64>(limit, count);
    }
    const skipped: u32 = chosenBy == RangeBy.Rank ? 0 : <u32>offset;
    if (count > 0) first = chosenReverse ? Range.end - 1 - skipped : Range.start + skipped;
  }
  if (stores) storeRange(first, count);
  else replyRange(first, count);
}

function lookupKey(argument: u32): usize {
  const key = Arg.ptr(argument);
  const length = Arg.length(argument);
  const keySlot = argument == 1 ? slot : slotOf(key, length);
  return lookupRead(currentDatabase(), keySlot, key, length);
}

/** Header of so many members, with or without scores. */
export function replyMembers(count: i64, scores: bool): void {
  replyArray(scores && !resp3 ? count << 1 : count);
}

/** One member, and its score behind it. */
export function replyMember(ptr: usize, length: u32, score: f64, scores: bool): void {
  if (scores && resp3) replyArray(2);
  replyBulk(ptr, length);
  if (scores) replyDouble(score);
}

function replyRange(first: u32, count: u32): void {
  replyMembers(count, withScores);
  if (count == 0) return;
  Walk.start(first, chosenReverse);
  for (; count > 0; count--) {
    Walk.step();
    replyMember(Walk.member, Walk.length, Walk.score, withScores);
  }
}

function storeRange(first: u32, count: u32): void {
  const database = currentDatabase();
  if (count == 0) {
    if (deleteTarget(1)) {
      Writes.one();
      Journal.verbatim(database.index);
    }
    replyInt(0);
    return;
  }
  Walk.start(first, chosenReverse);
  const big =
    chosenBy == RangeBy.Rank && <f64>count > Settings.value(Setting.ZsetMaxListpackEntries);
  Z.create(big);
  for (let left = count; left > 0; left--) {
    Walk.step();
    Z.find(Walk.member, Walk.length);
    const added = roomForMember(Walk.length) && addMember(Walk.member, Walk.length, Walk.score);
    if (!added) {
      Z.drop();
      replyOutOfMemory();
      return;
    }
  }
  storeSet(1, "zrangestore");
  Writes.one();
  Journal.verbatim(database.index);
  replyInt(count);
}

/** ZCOUNT and ZLEXCOUNT. */
export function zCount(by: RangeBy): void {
  if (!parseRange(by, 2, 3)) return;
  const state = openKey(1, false);
  if (state == Opened.Wrong) return;
  if (state == Opened.Missing) {
    replyInt(0);
    return;
  }
  resolve(by, false);
  replyInt(Range.end - Range.start);
}

/** ZREMRANGEBYRANK, ZREMRANGEBYSCORE, ZREMRANGEBYLEX. */
export function zRemoveRange(by: RangeBy, event: string): void {
  if (!parseRange(by, 2, 3)) return;
  const state = openKey(1, true);
  if (state == Opened.Wrong) return;
  if (state == Opened.Missing) {
    replyInt(0);
    return;
  }
  const e = opened;
  resolve(by, false);
  const count = Range.end - Range.start;
  if (count > 0) {
    willChange(currentDatabase(), slot, e);
    Z.removeRange(Range.start, count);
    finishRemoval(e, count, event);
  }
  replyInt(count);
}
