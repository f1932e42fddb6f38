/** Sorted set values in RDB files and in digests. Formats: Redis 7.0 rdb.c; digest: debug.c. */
import { Encoding, LoadStatus } from "../abi";
import { Settings } from "../base/frame";
import { canAllocate, free } from "../base/memory";
import { parseDouble, parsedDouble, writeDouble17 } from "../protocol/double";
import { Setting } from "../settings";
import { dictFind } from "../structures/dict";
import {
  lpBytes,
  lpCopy,
  lpCount,
  lpFind,
  lpFirst,
  lpNext,
  lpSafeToAdd,
  lpValid,
} from "../structures/listpack";
import { Lp, lpRead } from "../structures/listpack-element";
import { OrderedSet, Record } from "../structures/ordered-set-node";
import { lastLeaf, leafBefore, leafCount, recordAt } from "../structures/ordered-set-search";
import { Walk, Z } from "../structures/sorted-set";
import {
  isScore,
  listpackOfPack,
  listpackRoom,
  packOfListpack,
  scoreAt,
} from "../structures/sorted-set-listpack";
import {
  addSearched,
  BigSortedSet,
  newBig,
  packOfBig,
  roomForMember,
  sortedSetFreeSome,
} from "../structures/sorted-set-value";
import { mix, xor } from "./digest-sum";
import { Loading } from "./loading-state";
import { RdbType } from "./rdb-format";
import { RdbReader, Text } from "./rdb-read";
import { RdbWriter } from "./rdb-write";
import { Pace, SaveCursor } from "./save-cursor";
import { listpackOfZiplist } from "./ziplist";

/** The type byte that announces the value. */
export function sortedSetRdbType(encoding: u32, _ptr: usize): u32 {
  return encoding == <u32>Encoding.Listpack ? RdbType.ZSetListpack : RdbType.ZSet2;
}

/**
 * Goes on writing the value with `RdbWriter` (see `SaveCursor`): a big one from its end, so that loading it always adds
 * in front.
 */
export function saveSortedSet(cursor: SaveCursor): bool {
  if (cursor.encoding == <u32>Encoding.Listpack) {
    savePack(cursor.ptr);
    return true;
  }
  if (cursor.step == 0) {
    cursor.step = 1;
    const set = OrderedSet.at(cursor.ptr);
    RdbWriter.length(set.count);
    cursor.node = lastLeaf(set);
    cursor.index = cursor.node == 0 ? 0 : leafCount(cursor.node);
  }
  let leaf = cursor.node;
  let index = cursor.index;
  while (leaf != 0) {
    while (index > 0) {
      const record = recordAt(leaf, --index);
      RdbWriter.string(Record.member(record), Record.length(record));
      RdbWriter.u64(reinterpret<u64>(Record.score(record)));
      if (!Pace.isOver()) continue;
      cursor.node = leaf;
      cursor.index = index;
      return false;
    }
    leaf = leafBefore(leaf);
    if (leaf != 0) index = leafCount(leaf);
  }
  return true;
}

function savePack(pack: usize): void {
  if (!canAllocate(listpackRoom(pack))) {
    RdbWriter.failed = true;
    return;
  }
  const lp = listpackOfPack(pack);
  RdbWriter.string(lp, <u32>lpBytes(lp));
  free(lp);
}

function outOfMemory(): bool {
  RdbReader.status = LoadStatus.OutOfMemory;
  return false;
}

/** Begins to read a value of the RDB type: see `Loading` in loading.ts. */
export function beginSortedSet(type: u32): bool {
  if (type == RdbType.ZSetListpack || type == RdbType.ZSetZiplist) {
    if (!RdbReader.string(1)) return false;
    const owned = Text.owned;
    const loaded = loadPacked(type == RdbType.ZSetZiplist);
    free(owned);
    return loaded;
  }
  if (!RdbReader.length()) return false;
  Loading.left = RdbReader.value;
  Loading.state = 0;
  if (Loading.left == 0) return true;
  if (!canAllocate(4096)) return outOfMemory();
  Loading.ptr = newBig();
  Loading.encoding = Encoding.SkipList;
  return true;
}

/** Makes a set of the listpack or ziplist in `Text`, a big one where it is too long for the settings. */
function loadPacked(ziplist: bool): bool {
  const length = <usize>Text.length;
  if (!canAllocate(length * 3 + 64)) return outOfMemory();
  let lp: usize = 0;
  if (ziplist) lp = listpackOfZiplist(Text.ptr, length);
  else if (lpValid(Text.ptr, length, true)) lp = lpCopy(Text.ptr, length);
  if (lp == 0) return RdbReader.corrupt();
  const count = lpCount(lp);
  if ((count & 1) != 0) {
    free(lp);
    return RdbReader.corrupt();
  }
  const small = <f64>(count >> 1) <= Settings.value(Setting.ZsetMaxListpackEntries);
  if (small && count <= QUICK_MAX) return keepSmall(lp);
  return convert(lp, small);
}

/** Elements up to which each is looked for in those behind it; more go through a table. */
const QUICK_MAX: u32 = 256;

function keepSmall(lp: usize): bool {
  let p = lpFirst(lp);
  while (p != 0) {
    const score = lpNext(lp, p);
    const next = lpNext(lp, score);
    lpRead(p);
    const twice = next != 0 && lpFind(lp, next, Lp.ptr, Lp.length, 1) != 0;
    if (twice || !isScore(score)) {
      free(lp);
      return RdbReader.corrupt();
    }
    p = next;
  }
  Loading.ptr = packOfListpack(lp);
  Loading.encoding = Encoding.Listpack;
  free(lp);
  return true;
}

/** Makes a big set of the listpack, which finds members that are there twice; `keep`: and then a pack. */
function convert(lp: usize, keep: bool): bool {
  if (!canAllocate(lpBytes(lp) * 2 + <usize>lpCount(lp) * 32)) {
    free(lp);
    return outOfMemory();
  }
  const ptr = newBig();
  const big = BigSortedSet.of(ptr);
  let sound = true;
  let p = lpFirst(lp);
  while (p != 0) {
    const scoreElement = lpNext(lp, p);
    sound = isScore(scoreElement);
    if (!sound) break;
    const score = scoreAt(scoreElement);
    lpRead(p);
    sound = dictFind(big.dict, Lp.ptr, Lp.length) == 0;
    if (!sound) break;
    addSearched(big, Lp.ptr, Lp.length, score);
    p = lpNext(lp, scoreElement);
  }
  if (!sound || keep) sortedSetFreeSome(Encoding.SkipList, ptr, u32.MAX_VALUE);
  Loading.ptr = sound ? (keep ? packOfListpack(lp) : ptr) : 0;
  free(lp);
  if (!sound) return RdbReader.corrupt();
  Loading.encoding = keep ? Encoding.Listpack : Encoding.SkipList;
  return true;
}

/** A score as text with its length in front, which is a code for what no digits tell (rdbLoadDoubleValue). */
let readScore: f64 = 0;
function readTextScore(): bool {
  if (!RdbReader.need(1)) return false;
  const length = <u32>load<u8>(RdbReader.at);
  RdbReader.at += 1;
  if (length == 253) return RdbReader.corrupt();
  if (length >= 254) {
    readScore = length == 255 ? -Infinity : Infinity;
    return true;
  }
  const at = RdbReader.at;
  if (!RdbReader.skip(length)) return false;
  if (!parseDouble(at, <i32>length)) return RdbReader.corrupt();
  readScore = parsedDouble();
  return true;
}

function readBinaryScore(): bool {
  const at = RdbReader.at;
  if (!RdbReader.skip(8)) return false;
  readScore = load<f64>(at);
  return F64.isNaN(readScore) ? RdbReader.corrupt() : true;
}

/** Reads one more element. */
export function continueSortedSet(): bool {
  if (!RdbReader.string(1)) return false;
  const ptr = Text.ptr;
  const length = Text.length;
  const owned = Text.owned;
  const read =
    (Loading.rdbType == RdbType.ZSet2 ? readBinaryScore() : readTextScore()) &&
    addLoaded(ptr, length);
  free(owned);
  return read;
}

function addLoaded(ptr: usize, length: u32): bool {
  if (!roomForMember(length)) return outOfMemory();
  const big = BigSortedSet.of(Loading.ptr);
  if (dictFind(big.dict, ptr, length) != 0) return RdbReader.corrupt();
  addSearched(big, ptr, length, readScore);
  // The longest member, and the bytes of all.
  const longest = max<u64>(Loading.state >> 32, length);
  const bytes = min<u64>((Loading.state & 0xffffffff) + <u64>length, 0xffffffff);
  Loading.state = (longest << 32) | bytes;
  if (Loading.left == 1) packLoaded(longest, bytes);
  return true;
}

/** The last element is there: a small set becomes a pack. */
function packLoaded(longest: u64, bytes: u64): void {
  const count = OrderedSet.at(Loading.ptr).count;
  if (
    <f64>count > Settings.value(Setting.ZsetMaxListpackEntries) ||
    <f64>longest > Settings.value(Setting.ZsetMaxListpackValue) ||
    !lpSafeToAdd(0, bytes) ||
    !canAllocate(<usize>bytes * 2 + ((<usize>count) << 5))
  ) {
    return;
  }
  const pack = packOfBig(Loading.ptr, <usize>bytes);
  sortedSetFreeSome(Encoding.SkipList, Loading.ptr, u32.MAX_VALUE);
  Loading.ptr = pack;
  Loading.encoding = Encoding.Listpack;
}

const elementDigest: usize = memory.data(32, 16);
const scoreText: usize = memory.data(32, 16);

/** Mixes the elements into the digest at `sum`. */
export function digestSortedSet(sum: usize, encoding: u32, ptr: usize): void {
  Z.open(encoding, ptr);
  Walk.start(0, false);
  while (Walk.step()) {
    memory.fill(elementDigest, 0, 20);
    mix(elementDigest, Walk.member, Walk.length);
    mix(elementDigest, scoreText, <u32>writeDouble17(scoreText, Walk.score));
    xor(sum, elementDigest, 20);
  }
}
