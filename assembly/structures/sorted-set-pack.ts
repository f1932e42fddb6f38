/**
 * Small sorted sets. What Redis keeps as a listpack of member, score, member, score ... is here a column of scores and a
 * row of members, both in order:
 *
 *   u32 bytes in all | u32 count << 2 | width | count scores of 1 << width bytes | members
 *
 *   width 0, 1, 2: all scores are integers of 8, 16, 32 bits; 3: doubles
 *   a member is a listpack's element (listpack-element.ts) without the length behind it
 *
 * That is less than the listpack, where a score takes up to 21 bytes, and a search by score reads nothing but scores.
 * Members are reached from the front only. A file or payload gets the listpack that Redis has (sorted-set-listpack.ts).
 */
import { compareBytes } from "../base/bytes";
import { alloc, resize, roundedSize, usableSize } from "../base/memory";
import { parsedInt64, parseInt64 } from "../protocol/number";
import { lpSafeBytes } from "./listpack";
import {
  bareBytes,
  encodedSize,
  Lp,
  lpEqualsParsed,
  lpRead,
  soundSize,
  writeBare,
} from "./listpack-element";

const SCORES: usize = 8;
const DOUBLES: u32 = 3;
/** Packs longer than this grow by an eighth, so that appending stays cheap. */
const GROW_ABOVE: usize = 16384;

export class Pack {
  /** Rank of the member that `packFind` has found, or that was inserted. */
  static index: u32 = 0;

  @inline static bytes(pack: usize): usize {
    return load<u32>(pack);
  }
  @inline static count(pack: usize): u32 {
    return load<u32>(pack, 4) >> 2;
  }
  @inline static width(pack: usize): u32 {
    return <u32>load<u8>(pack, 4) & 3;
  }
  @inline static head(pack: usize, bytes: usize, count: u32, width: u32): void {
    store<u32>(pack, <u32>bytes);
    store<u32>(pack, (count << 2) | width, 4);
  }
  /** Where the members begin. */
  @inline static members(pack: usize): usize {
    return pack + SCORES + ((<usize>Pack.count(pack)) << Pack.width(pack));
  }
  /** The member behind the one at `at`. */
  @inline static after(at: usize): usize {
    return at + encodedSize(at);
  }
  static score(pack: usize, index: u32): f64 {
    const width = Pack.width(pack);
    const at = pack + SCORES + ((<usize>index) << width);
    if (width == 2) return <f64>load<i32>(at);
    if (width == DOUBLES) return load<f64>(at);
    return width == 1 ? <f64>load<i16>(at) : <f64>load<i8>(at);
  }
  /** The member of the rank, which may be the count: the end. */
  static member(pack: usize, index: u32): usize {
    if (index == Pack.count(pack)) return pack + Pack.bytes(pack);
    let at = Pack.members(pack);
    for (; index > 0; index--) at = Pack.after(at);
    return at;
  }
}

/** The narrowest width that holds the score. */
export function widthOf(score: f64): u32 {
  if (!(abs(score) <= 2147483647)) return DOUBLES;
  const whole = <i32>score;
  if (<f64>whole != score) return DOUBLES;
  if (whole == <i32>(<i8>whole)) return 0;
  return whole == <i32>(<i16>whole) ? 1 : 2;
}

function storeScore(pack: usize, width: u32, index: u32, score: f64): void {
  const at = pack + SCORES + ((<usize>index) << width);
  // Redis's listpack has no -0 either.
  if (width == DOUBLES) store<f64>(at, score == 0 ? 0.0 : score);
  else if (width == 2) store<i32>(at, <i32>score);
  else if (width == 1) store<i16>(at, <i16>(<i32>score));
  else store<i8>(at, <i8>(<i32>score));
}

/** An empty pack with room for members of `bytes` and scores. */
export function newPack(bytes: usize): usize {
  const pack = alloc(SCORES + bytes);
  Pack.head(pack, SCORES, 0, 0);
  return pack;
}

/** A pack for so many members, whose elements the caller writes from `Pack.members` on. */
export function sizedPack(count: u32, width: u32, memberBytes: usize): usize {
  const bytes = SCORES + ((<usize>count) << width) + memberBytes;
  const pack = alloc(bytes);
  Pack.head(pack, bytes, count, width);
  return pack;
}

/** Writes a score into a pack that is wide enough for it. */
export function putScore(pack: usize, index: u32, score: f64): void {
  storeScore(pack, Pack.width(pack), index, score);
}

/** The member that is this text, or 0. */
export function packFind(pack: usize, member: usize, length: u32): usize {
  const isInteger = parseInt64(member, <i32>length);
  const value = isInteger ? parsedInt64() : 0;
  const count = Pack.count(pack);
  let at = Pack.members(pack);
  for (let index: u32 = 0; index < count; index++) {
    if (lpEqualsParsed(at, member, length, isInteger, value)) {
      Pack.index = index;
      return at;
    }
    at = Pack.after(at);
  }
  return 0;
}

/** The member at `at` compared with the bytes. */
function compareMember(at: usize, ptr: usize, length: u32): i32 {
  lpRead(at);
  return compareBytes(Lp.ptr, Lp.length, ptr, length);
}

// Changing. The pack may move; its new address is the answer.

/** Inserts a member that is not there where it belongs. */
export function packInsert(pack: usize, member: usize, length: u32, score: f64): usize {
  const count = Pack.count(pack);
  let at = Pack.members(pack);
  let index: u32 = 0;
  for (; index < count; index++) {
    const other = Pack.score(pack, index);
    if (other > score || (other == score && compareMember(at, member, length) > 0)) break;
    at = Pack.after(at);
  }
  return insertAt(pack, index, at, member, length, score);
}

/** Appends the member that comes last. */
export function packAppend(pack: usize, member: usize, length: u32, score: f64): usize {
  return insertAt(pack, Pack.count(pack), pack + Pack.bytes(pack), member, length, score);
}

function insertAt(
  pack: usize,
  index: u32,
  at: usize,
  member: usize,
  length: u32,
  score: f64,
): usize {
  const size = <usize>bareBytes(member, length);
  const count = Pack.count(pack);
  const had = Pack.width(pack);
  const width = max(had, widthOf(score));
  const scoreBytes = (<usize>count + 1) << width;
  const before = at - Pack.members(pack);
  const behind = pack + Pack.bytes(pack) - at;
  const bytes = SCORES + scoreBytes + before + size + behind;
  if (bytes > usableSize(pack)) {
    const wanted = bytes > GROW_ABOVE ? bytes + (bytes >> 3) : bytes;
    pack = resize(pack, Pack.bytes(pack), wanted);
  }
  // From the end on, so that nothing is written over before it has moved.
  const from = pack + SCORES + ((<usize>count) << had);
  const to = pack + SCORES + scoreBytes;
  if (behind != 0) memory.copy(to + before + size, from + before, behind);
  if (before != 0) memory.copy(to, from, before);
  if (width != had) widen(pack, count, width, index);
  else if (index != count) {
    const gap = pack + SCORES + ((<usize>index) << width);
    memory.copy(gap + ((<usize>1) << width), gap, (<usize>(count - index)) << width);
  }
  Pack.head(pack, bytes, count + 1, width);
  storeScore(pack, width, index, score);
  writeBare(to + before, member, length);
  Pack.index = index;
  return pack;
}

/** Makes the scores wider, and leaves a gap at `index`. */
function widen(pack: usize, count: u32, width: u32, index: u32): void {
  for (let i = count; i > 0; ) {
    i--;
    storeScore(pack, width, i >= index ? i + 1 : i, Pack.score(pack, i));
  }
}

/** Deletes `removed` members from the one at `at`, which has the rank `index`, on. */
export function packDelete(pack: usize, at: usize, index: u32, removed: u32): usize {
  const count = Pack.count(pack);
  const width = Pack.width(pack);
  const members = Pack.members(pack);
  const end = pack + Pack.bytes(pack);
  let behind = at;
  for (let i: u32 = 0; i < removed; i++) behind = Pack.after(behind);
  const gap = pack + SCORES + ((<usize>index) << width);
  const gone = (<usize>removed) << width;
  memory.copy(gap, gap + gone, (<usize>(count - index - removed)) << width);
  memory.copy(members - gone, members, at - members);
  memory.copy(at - gone, behind, end - behind);
  const bytes = end - pack - gone - (behind - at);
  Pack.head(pack, bytes, count - removed, width);
  return roundedSize(bytes) << 1 <= usableSize(pack) ? resize(pack, bytes, bytes) : pack;
}

export function packCopy(pack: usize): usize {
  const copy = alloc(Pack.bytes(pack));
  memory.copy(copy, pack, Pack.bytes(pack));
  return copy;
}

/** Gives back what the pack does not need. */
export function packTrim(pack: usize): usize {
  return resize(pack, Pack.bytes(pack), Pack.bytes(pack));
}

/** Whether the set may get a member more and its listpack stay in the bounds that Redis sets. */
export function packSafeToAdd(pack: usize, length: u32): bool {
  return lpSafeBytes(<u64>Pack.bytes(pack) + <u64>length);
}

// Ranks.

/** How many members stand before the one whose score is the first above (`passEqual`) or not below `score`. */
export function packBelow(pack: usize, score: f64, passEqual: bool): u32 {
  const count = Pack.count(pack);
  let rank: u32 = 0;
  for (; rank < count; rank++) {
    const at = Pack.score(pack, rank);
    if (at > score || (at == score && !passEqual)) break;
  }
  return rank;
}

/** How many members, of the first on, come before (`passEqual`: or equal) the bytes. */
export function packBeforeLex(
  pack: usize,
  from: u32,
  ptr: usize,
  length: u32,
  passEqual: bool,
): u32 {
  const count = Pack.count(pack);
  let at = Pack.members(pack);
  let rank: u32 = 0;
  for (; rank < count; rank++) {
    if (rank >= from) {
      const order = compareMember(at, ptr, length);
      if (order > 0 || (order == 0 && !passEqual)) break;
    }
    at = Pack.after(at);
  }
  return rank;
}

/** The same from the end: the rank behind the last member below `end` that does not come behind the bytes. */
export function packUpToLex(pack: usize, end: u32, ptr: usize, length: u32, passEqual: bool): u32 {
  const last = min(end, Pack.count(pack));
  let at = Pack.members(pack);
  let rank: u32 = 0;
  for (let index: u32 = 0; index < last; index++) {
    const order = compareMember(at, ptr, length);
    if (order < 0 || (order == 0 && passEqual)) rank = index + 1;
    at = Pack.after(at);
  }
  return rank;
}

// Backwards.

const TRAIL_MAX: u32 = 256;
const trail: usize = memory.data(256 * 4, 16);
/** The ranks whose places the trail has: from `trailFirst` on. */
let trailFirst: u32 = 0;

/** Notes where the members up to the rank stand, for `placeOnTrail`; answers the place of the last one. */
export function layTrail(pack: usize, last: u32): usize {
  trailFirst = last < TRAIL_MAX ? 0 : last - TRAIL_MAX + 1;
  let at = Pack.member(pack, trailFirst);
  for (let index = trailFirst; index < last; index++) {
    store<usize>(trail + ((<usize>(index - trailFirst)) << 2), at);
    at = Pack.after(at);
  }
  return at;
}

/** The member of a rank that is below the last one asked for. */
export function placeOnTrail(pack: usize, index: u32): usize {
  if (index < trailFirst) return layTrail(pack, index);
  return load<usize>(trail + ((<usize>(index - trailFirst)) << 2));
}

/** Invariants, for tests: the members are sound and fill the pack. */
export function checkPack(pack: usize): bool {
  const end = pack + Pack.bytes(pack);
  const count = Pack.count(pack);
  if (Pack.bytes(pack) > usableSize(pack) || Pack.members(pack) > end) return false;
  let at = Pack.members(pack);
  for (let index: u32 = 0; index < count; index++) {
    if (at >= end) return false;
    const size = soundSize(at, end);
    if (size == 0 || size > <u64>(end - at)) return false;
    at = Pack.after(at);
  }
  return at == end;
}
