/**
 * Small sorted sets as Redis has them, in files and payloads: a listpack of member, score, member, score ... in order,
 * with the number texts that Redis 7.0 puts in (zzlInsertAt in t_zset.c): whole scores as integers, others with 17 digits.
 */
import { copyBytes } from "../base/bytes";
import { alloc } from "../base/memory";
import { parseDouble, parsedDouble, writeDouble17 } from "../protocol/double";
import { LP_EMPTY, LP_HEADER, lpCount, lpFirst, lpNext } from "./listpack";
import {
  backlenSize,
  encodedSize,
  integerBytes,
  Lp,
  lpGet,
  writeBacklen,
  writeIntegerElement,
} from "./listpack-element";
import { Pack, putScore, sizedPack, widthOf } from "./sorted-set-pack";

const scoreText: usize = memory.data(32, 16);
/** Scores that double2ll (util.c) takes for integers: half of what 64 bits hold. */
const WHOLE_MAX: f64 = 4611686018427387904;
/** Bytes of the longest score, and of the longest length behind a member. */
const SCORE_MAX: usize = 28;
const BACKLEN_MAX: usize = 5;

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

/** The pack with what a sound listpack of pairs has, in its order; the listpack stays. */
export function packOfListpack(lp: usize): usize {
  let width: u32 = 0;
  let bytes: usize = 0;
  for (let p = lpFirst(lp); p != 0; p = lpNext(lp, p)) {
    bytes += encodedSize(p);
    p = lpNext(lp, p);
    width = max(width, widthOf(scoreAt(p)));
  }
  const pack = sizedPack(lpCount(lp) >> 1, width, bytes);
  let at = Pack.members(pack);
  let index: u32 = 0;
  for (let p = lpFirst(lp); p != 0; p = lpNext(lp, p)) {
    const size = encodedSize(p);
    copyBytes(at, p, size);
    at += size;
    p = lpNext(lp, p);
    putScore(pack, index, scoreAt(p));
    index++;
  }
  return pack;
}

/** Bytes that suffice for `listpackOfPack`. */
export function listpackRoom(pack: usize): usize {
  const members = Pack.bytes(pack) - (Pack.members(pack) - pack);
  return <usize>LP_EMPTY + members + <usize>Pack.count(pack) * (SCORE_MAX + BACKLEN_MAX);
}

/**
 * The listpack of a pack, to be freed; the pack stays. It may be made while a command is half done: nothing here uses
 * state that commands use.
 */
export function listpackOfPack(pack: usize): usize {
  const lp = alloc(listpackRoom(pack));
  const count = Pack.count(pack);
  let from = Pack.members(pack);
  let at = lp + LP_HEADER;
  for (let index: u32 = 0; index < count; index++) {
    const size = encodedSize(from);
    copyBytes(at, from, size);
    writeBacklen(at + size, size);
    at += size + backlenSize(size);
    from += size;
    at = writeScore(at, Pack.score(pack, index));
  }
  store<u8>(at, 0xff);
  store<u32>(lp, <u32>(at - lp) + 1);
  store<u16>(lp, <u16>min<u32>(count << 1, 0xffff), 4);
  return lp;
}

/** Writes the score's element; answers where it ends. */
function writeScore(at: usize, score: f64): usize {
  if (isWhole(score)) {
    const bytes = integerBytes(<i64>score);
    writeIntegerElement(at, bytes, <i64>score);
    return at + bytes + 1;
  }
  const length = <u32>writeDouble17(scoreText, score);
  store<u8>(at, <u8>(0x80 | length));
  copyBytes(at + 1, scoreText, length);
  store<u8>(at + 1 + length, <u8>(length + 1));
  return at + length + 2;
}
