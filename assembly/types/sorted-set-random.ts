/** ZRANDMEMBER and ZSCAN. Behaviour: Redis 7.0 t_zset.c and db.c. */
import { equalsWord } from "../base/bytes";
import { Arg, argc, closeReplyGap, needReplyGap, replyLost, Streams } from "../base/frame";
import { randomBelow } from "../base/random";
import { writeDouble17 } from "../protocol/double";
import { parsedInt64, parseInt64 } from "../protocol/number";
import {
  replyArray,
  replyBulk,
  replyBulkInt,
  replyError,
  replyNotInteger,
  replyNull,
  replyOutOfMemory,
  replySyntaxError,
} from "../protocol/reply";
import { Dict } from "../structures/dict-layout";
import { DICT_SCAN_MAX, dictScan } from "../structures/dict-walk";
import { Record } from "../structures/ordered-set-node";
import { Walk, Z } from "../structures/sorted-set";
import { isWhole } from "../structures/sorted-set-listpack";
import { BigSortedSet } from "../structures/sorted-set-value";
import { parseScanCursor, parseScanOptions, replyScanCursor, ScanOptions } from "./scan-options";
import { Opened, openKey } from "./sorted-set-key";
import { replyMember, replyMembers } from "./sorted-set-range";

const COUNT_MAX: i64 = i64.MAX_VALUE;

export function zRandMember(): void {
  if (argc == 2) {
    const state = openKey(1, false);
    if (state == Opened.Wrong) return;
    if (state == Opened.Missing) {
      replyNull();
      return;
    }
    Walk.start(randomBelow(Z.count()), false);
    Walk.step();
    replyBulk(Walk.member, Walk.length);
    return;
  }
  if (!parseInt64(Arg.ptr(2), <i32>Arg.length(2))) {
    replyNotInteger();
    return;
  }
  const wanted = parsedInt64();
  if (wanted < -COUNT_MAX) {
    replyError(
      "ERR value is out of range, value must between -9223372036854775807 and 9223372036854775807",
    );
    return;
  }
  const scores = argc > 3;
  if (argc > 4 || (scores && !equalsWord(Arg.ptr(3), Arg.length(3), "withscores"))) {
    replySyntaxError();
    return;
  }
  if (scores && (wanted < -(COUNT_MAX / 2) || wanted > COUNT_MAX / 2)) {
    replyError("ERR value is out of range");
    return;
  }
  const state = openKey(1, false);
  if (state == Opened.Wrong) return;
  if (state == Opened.Missing || wanted == 0) replyArray(0);
  else if (wanted < 0) replyRepeated(-wanted, scores);
  else replyDistinct(wanted, scores);
}

/** Three gigabytes of the shortest bulk strings. */
const REPLIES_MAX: u64 = 536870912;

/** So many members, perhaps the same again. */
function replyRepeated(wanted: i64, scores: bool): void {
  // Not even empty members in that number would fit into memory.
  if (<u64>wanted > REPLIES_MAX) {
    replyOutOfMemory();
    return;
  }
  replyMembers(wanted, scores);
  const count = Z.count();
  for (let left = wanted; left > 0; left--) {
    Walk.start(randomBelow(count), false);
    Walk.step();
    replyMember(Walk.member, Walk.length, Walk.score, scores);
    // What memory cannot hold need not be drawn either.
    if (replyLost) return;
  }
}

/** Up to so many members, each once: by drawing ranks, or, for most of the set, those that are left out. */
function replyDistinct(wanted: i64, scores: bool): void {
  const count = Z.count();
  if (wanted >= <i64>count) {
    replyMembers(count, scores);
    Walk.start(0, false);
    while (Walk.step()) replyMember(Walk.member, Walk.length, Walk.score, scores);
    return;
  }
  const chosen = <u32>wanted;
  const leavesOut = chosen > count >> 1;
  const marks = Streams.output;
  const bytes = (<usize>count >> 3) + 1;
  marks.length = 0;
  if (!marks.canRoom(bytes)) {
    replyOutOfMemory();
    return;
  }
  const base = marks.room(bytes);
  memory.fill(base, 0, bytes);
  replyMembers(chosen, scores);
  for (let left = leavesOut ? count - chosen : chosen; left > 0; ) {
    const rank = randomBelow(count);
    const at = base + (rank >> 3);
    const bit = (<u32>1) << (rank & 7);
    if ((<u32>load<u8>(at) & bit) != 0) continue;
    store<u8>(at, <u8>(<u32>load<u8>(at) | bit));
    left--;
    if (leavesOut) continue;
    Walk.start(rank, false);
    Walk.step();
    replyMember(Walk.member, Walk.length, Walk.score, scores);
  }
  if (!leavesOut) return;
  Walk.start(0, false);
  for (let rank: u32 = 0; Walk.step(); rank++) {
    const marked = (<u32>load<u8>(base + (rank >> 3)) >> (rank & 7)) & 1;
    if (marked == 0) replyMember(Walk.member, Walk.length, Walk.score, scores);
  }
}

// ZSCAN.

const scoreText: usize = memory.data(32, 16);
const cells: usize = memory.data(4096 * 4, 16);
if (DICT_SCAN_MAX != 4096) ERROR("cells must hold what one call of dictScan reports");
/** Redis looks at up to ten times COUNT buckets in one call. */
const SCAN_EFFORT: u64 = 10;

/** `asStored`: whole numbers as a listpack holds them. */
function replyScanned(member: usize, length: u32, score: f64, asStored: bool): u32 {
  if (!ScanOptions.matches(member, length)) return 0;
  replyBulk(member, length);
  if (asStored && isWhole(score)) {
    replyBulkInt(<i64>score);
    return 2;
  }
  replyBulk(scoreText, <u32>writeDouble17(scoreText, score));
  return 2;
}

export function zScan(): void {
  if (!parseScanCursor(2)) return;
  const state = openKey(1, false);
  if (state == Opened.Wrong) return;
  if (state == Opened.Missing) {
    replyScanCursor(0);
    replyArray(0);
    return;
  }
  if (!parseScanOptions(3, false)) return;
  if (!Z.isBig()) {
    replyScanCursor(0);
    const gap = needReplyGap();
    let count: u32 = 0;
    Walk.start(0, false);
    while (Walk.step()) count += replyScanned(Walk.member, Walk.length, Walk.score, true);
    closeReplyGap(gap, count);
    return;
  }
  scanBig(BigSortedSet.of(Z.ptr).dict);
}

function scanBig(dict: usize): void {
  const found = Streams.output;
  found.length = 0;
  let seen: u64 = 0;
  let buckets: u64 = 0;
  let cursor = ScanOptions.cursor;
  const wanted = ScanOptions.count;
  do {
    if (!found.canRoom((<usize>DICT_SCAN_MAX) << 2)) break;
    const count = dictScan(dict, cursor, cells);
    const bytes = (<usize>count) << 2;
    memory.copy(found.room(bytes), cells, bytes);
    found.length += bytes;
    seen += count;
    buckets++;
    cursor = Dict.cursor;
  } while (cursor != 0 && seen < wanted && buckets / SCAN_EFFORT < wanted);
  replyScanCursor(cursor);
  const gap = needReplyGap();
  let count: u32 = 0;
  for (let at: usize = 0; at < found.length; at += 4) {
    const record = load<usize>(found.base + at);
    count += replyScanned(
      Record.member(record),
      Record.length(record),
      Record.score(record),
      false,
    );
  }
  closeReplyGap(gap, count);
  found.clear();
}
