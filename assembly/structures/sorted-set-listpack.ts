/**
 * Small sorted sets: a listpack of member, score, member, score ... in order, with the number texts that Redis 7.0 puts
 * in (zzlInsertAt in t_zset.c): whole scores as integers, others with 17 digits. Ranks count pairs.
 */
import { compareBytes } from "../base/bytes";
import { parseDouble, parsedDouble, writeDouble17 } from "../protocol/double";
import {
  LpWhere,
  lpAppend,
  lpCount,
  lpFirst,
  lpInsert,
  lpInsertInteger,
  lpLast,
  lpNext,
  lpPrev,
} from "./listpack";
import { Lp, lpGet, lpRead } from "./listpack-element";

const scoreText: usize = memory.data(32, 16);
/** Scores that double2ll (util.c) takes for integers: half of what 64 bits hold. */
const WHOLE_MAX: f64 = 4611686018427387904;

/** The score that the element at `p` holds; 0 for a text that is no number, which loading refuses. */
export function scoreAt(p: usize): f64 {
  lpGet(p);
  if (Lp.isInteger) return <f64>Lp.value;
  return parseDouble(Lp.ptr, <i32>Lp.length) ? parsedDouble() : 0;
}

/** Whether the element at `p` is a score. */
export function isScore(p: usize): bool {
  lpGet(p);
  return Lp.isInteger || parseDouble(Lp.ptr, <i32>Lp.length);
}

/** Whether a listpack holds the score as an integer. */
export function isWhole(score: f64): bool {
  return abs(score) <= WHOLE_MAX && score == trunc(score);
}

function insertScore(lp: usize, member: usize, score: f64): usize {
  if (isWhole(score)) {
    return lpInsertInteger(lp, member, <i64>score, LpWhere.After);
  }
  const length = <u32>writeDouble17(scoreText, score);
  return lpInsert(lp, member, scoreText, length, LpWhere.After);
}

/** The member at `p` compared with the bytes. */
export function compareMember(p: usize, ptr: usize, length: u32): i32 {
  lpRead(p);
  return compareBytes(Lp.ptr, Lp.length, ptr, length);
}

/** Inserts a member that is not there; answers the listpack. */
export function insertPair(lp: usize, member: usize, length: u32, score: f64): usize {
  let p = lpFirst(lp);
  while (p != 0) {
    const scoreElement = lpNext(lp, p);
    const at = scoreAt(scoreElement);
    if (at > score || (at == score && compareMember(p, member, length) > 0)) break;
    p = lpNext(lp, scoreElement);
  }
  lp = p == 0 ? lpAppend(lp, member, length) : lpInsert(lp, p, member, length, LpWhere.Before);
  return insertScore(lp, Lp.at, score);
}

/** Appends the pair that comes last. */
export function appendPair(lp: usize, member: usize, length: u32, score: f64): usize {
  lp = lpAppend(lp, member, length);
  return insertScore(lp, Lp.at, score);
}

/** How many pairs stand in front of the one whose score is the first above (`passEqual`) or not below `score`. */
export function pairsBelow(lp: usize, score: f64, passEqual: bool): u32 {
  let rank: u32 = 0;
  let p = lpFirst(lp);
  while (p != 0) {
    const scoreElement = lpNext(lp, p);
    const at = scoreAt(scoreElement);
    if (at > score || (at == score && !passEqual)) break;
    rank++;
    p = lpNext(lp, scoreElement);
  }
  return rank;
}

/** How many pairs, of the first on, have a member before (`passEqual`: or equal to) the bytes. */
export function pairsBeforeLex(lp: usize, from: u32, ptr: usize, length: u32, pass: bool): u32 {
  let rank: u32 = 0;
  let p = lpFirst(lp);
  while (p != 0) {
    if (rank >= from) {
      const order = compareMember(p, ptr, length);
      if (order > 0 || (order == 0 && !pass)) break;
    }
    rank++;
    p = lpNext(lp, lpNext(lp, p));
  }
  return rank;
}

/** The same from the end: the rank behind the last pair below `end` that has a member not behind the bytes. */
export function pairsUpToLex(lp: usize, end: u32, ptr: usize, length: u32, pass: bool): u32 {
  let rank = lpCount(lp) >> 1;
  let p = lpLast(lp);
  while (p != 0) {
    const member = lpPrev(lp, p);
    if (rank <= end) {
      const order = compareMember(member, ptr, length);
      if (order < 0 || (order == 0 && pass)) break;
    }
    rank--;
    p = lpPrev(lp, member);
  }
  return rank;
}

/** The rank of the pair whose member stands at `member`. */
export function rankOfPair(lp: usize, member: usize): u32 {
  let rank: u32 = 0;
  for (let p = lpFirst(lp); p != member; p = lpNext(lp, lpNext(lp, p))) rank++;
  return rank;
}
