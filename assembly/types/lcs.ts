/**
 * LCS: the longest common subsequence of two strings. Behaviour: Redis 7.0 t_string.c.
 *
 * Row i, column j of the table is the length of the longest subsequence that the first i bytes of a and the first j
 * bytes of b share. The subsequence is read off backwards from the last cell: a step to the diagonal where bytes
 * are equal, else towards the larger neighbour, and to the left when both are equal. Which of several longest
 * subsequences comes out, and in which ranges, follows from that order, so it is kept exactly. For LEN alone
 * two rows are enough.
 */

import { equalsWord } from "../base/bytes";
import { Arg, argc, canReply, closeReplyGap, needReplyGap, Settings, slot } from "../base/frame";
import { alloc, canAllocate, free } from "../base/memory";
import { currentDatabase, isString, lookupRead, slotOf } from "../keyspace/keyspace";
import { View, view } from "../keyspace/string-value";
import { parsedInt64, parseInt64 } from "../protocol/number";
import {
  replyArray,
  replyBulk,
  replyBulkText,
  replyError,
  replyInt,
  replyMap,
  replyNotInteger,
  replyOutOfMemory,
  replySyntaxError,
} from "../protocol/reply";
import { Setting } from "../settings";

let wantLength: bool = false;
let wantRanges: bool = false;
let withMatchLength: bool = false;
let matchLengthMin: i64 = 0;

let a: usize = 0;
let aLength: u32 = 0;
let b: usize = 0;
let bLength: u32 = 0;
let table: usize = 0;

function parseOptions(): bool {
  wantLength = false;
  wantRanges = false;
  withMatchLength = false;
  matchLengthMin = 0;
  for (let i: u32 = 3; i < argc; i++) {
    const ptr = Arg.ptr(i);
    const length = Arg.length(i);
    if (equalsWord(ptr, length, "idx")) wantRanges = true;
    else if (equalsWord(ptr, length, "len")) wantLength = true;
    else if (equalsWord(ptr, length, "withmatchlen")) withMatchLength = true;
    else if (i + 1 < argc && equalsWord(ptr, length, "minmatchlen")) {
      i++;
      if (!parseInt64(Arg.ptr(i), <i32>Arg.length(i))) {
        replyNotInteger();
        return false;
      }
      matchLengthMin = max<i64>(parsedInt64(), 0);
    } else {
      replySyntaxError();
      return false;
    }
  }
  if (wantRanges && wantLength) {
    replyError("ERR If you want both the length and indexes, please just use IDX.");
    return false;
  }
  return true;
}

export function lcs(): void {
  const database = currentDatabase();
  const otherSlot = slotOf(Arg.ptr(2), Arg.length(2));
  const first = lookupRead(database, slot, Arg.ptr(1), Arg.length(1));
  const second = lookupRead(database, otherSlot, Arg.ptr(2), Arg.length(2));
  if ((first != 0 && !isString(first)) || (second != 0 && !isString(second))) {
    replyError("ERR The specified keys must contain string values");
    return;
  }
  View.ptr = 0;
  View.length = 0;
  if (first != 0) view(first, 0);
  a = View.ptr;
  aLength = View.length;
  View.length = 0;
  if (second != 0) view(second, 1);
  b = View.ptr;
  bLength = View.length;
  if (!parseOptions()) return;
  const cells = (<u64>aLength + 1) * (<u64>bLength + 1);
  if (<f64>cells * 4 > Settings.value(Setting.ProtoMaxBulkLength)) {
    replyError("ERR Insufficient memory, transient memory for LCS exceeds proto-max-bulk-len");
    return;
  }
  const rows = wantLength ? 2 : aLength + 1;
  const bytes = <u64>rows * (<u64>bLength + 1) * 4;
  if (bytes > 0xf0000000 || !canAllocate(<usize>bytes)) {
    replyError("ERR Insufficient memory, failed allocating transient memory for LCS");
    return;
  }
  table = alloc(<usize>bytes);
  const length = fillTable(rows);
  if (wantLength) replyInt(length);
  else if (wantRanges) replyRanges(length);
  else replySubsequence(length);
  free(table);
}

/** Fills the table, of which `rows` rows are kept in turn; answers the last cell. */
function fillTable(rows: u32): u32 {
  const rowBytes = (<usize>bLength + 1) << 2;
  memory.fill(table, 0, rowBytes);
  let above = table;
  let row = table;
  for (let i: u32 = 0; i < aLength; i++) {
    row = table + <usize>((i + 1) % rows) * rowBytes;
    store<u32>(row, 0);
    const byte = load<u8>(a + i);
    let diagonal: u32 = 0;
    let left: u32 = 0;
    for (let j: u32 = 0; j < bLength; j++) {
      const offset = (<usize>j + 1) << 2;
      const up = load<u32>(above + offset);
      if (load<u8>(b + j) == byte) left = diagonal + 1;
      else if (up > left) left = up;
      store<u32>(row + offset, left);
      diagonal = up;
    }
    above = row;
  }
  return load<u32>(row + ((<usize>bLength) << 2));
}

class Cell {
  @inline static at(i: u32, j: u32): u32 {
    return load<u32>(table + ((<usize>i * (<usize>bLength + 1) + j) << 2));
  }
  /** Whether the way back goes up from here: the cell above is larger than the one to the left. */
  @inline static goesUp(i: u32, j: u32): bool {
    return Cell.at(i - 1, j) > Cell.at(i, j - 1);
  }
}

function replySubsequence(length: u32): void {
  if (!canAllocate(length)) {
    replyOutOfMemory();
    return;
  }
  const text = alloc(length);
  let at = length;
  let i = aLength;
  let j = bLength;
  while (i > 0 && j > 0) {
    const byte = load<u8>(a + i - 1);
    if (byte == load<u8>(b + j - 1)) {
      store<u8>(text + --at, byte);
      i--;
      j--;
    } else if (Cell.goesUp(i, j)) i--;
    else j--;
  }
  replyBulk(text, length);
  free(text);
}

/** Bytes that one range takes in a reply, at most. */
const RANGE_BYTES: usize = 96;

/** IDX: ranges of bytes that follow each other in both strings, the last ones first, and the length. */
function replyRanges(length: u32): void {
  if (!canReply(<usize>length * RANGE_BYTES + 128)) {
    replyOutOfMemory();
    return;
  }
  replyMap(2);
  replyBulkText("matches");
  const gap = needReplyGap();
  let count: u32 = 0;
  let i = aLength;
  let j = bLength;
  while (i > 0 && j > 0) {
    if (load<u8>(a + i - 1) != load<u8>(b + j - 1)) {
      if (Cell.goesUp(i, j)) i--;
      else j--;
      continue;
    }
    const aEnd = i;
    const bEnd = j;
    while (i > 0 && j > 0 && load<u8>(a + i - 1) == load<u8>(b + j - 1)) {
      i--;
      j--;
    }
    const matched = aEnd - i;
    if (<i64>matched < matchLengthMin) continue;
    count++;
    replyArray(withMatchLength ? 3 : 2);
    replyRange(i, aEnd - 1);
    replyRange(j, bEnd - 1);
    if (withMatchLength) replyInt(matched);
  }
  replyBulkText("len");
  replyInt(length);
  closeReplyGap(gap, count);
}

function replyRange(from: u32, to: u32): void {
  replyArray(2);
  replyInt(from);
  replyInt(to);
}
