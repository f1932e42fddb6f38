/** Adding entries at the end of a stream. `stream-node.ts` tells how they lie. */

import { Arg, Settings } from "../base/frame";
import { alloc, free, resize, roundedSize, usableSize } from "../base/memory";
import { Setting } from "../settings";
import { At, treeFind, treeLast } from "./id-tree";
import { treeInsert } from "./id-tree-change";
import { LP_EMPTY, LP_HEADER, lpBytes, lpFirst, lpNext, lpReplaceInteger } from "./listpack";
import { lpEntryBytes, lpEquals, writeIntegerElement, writePlanned } from "./listpack-element";
import { Stream } from "./stream";
import { idBelow } from "./stream-id";
import { EntryFlag, entriesOf, integerAt, NODE_BYTES_MAX } from "./stream-node";

const LP_COUNT_UNKNOWN: u32 = 0xffff;

/** Bytes of an integer as an element, with its length behind. */
function integerBytes(value: i64): u32 {
  if (<u64>value <= 127) return 2;
  if (value >= -4096 && value <= 4095) return 3;
  if (value == <i64>(<i16>value)) return 4;
  if (value >= -8388608 && value <= 8388607) return 5;
  return value == <i64>(<i32>value) ? 6 : 10;
}

function writeInteger(at: usize, value: i64): usize {
  const bytes = integerBytes(value);
  writeIntegerElement(at, bytes - 1, value);
  return at + bytes;
}

/** Writes a text as an element where there is room; answers its bytes. */
function writeText(at: usize, ptr: usize, length: u32): u32 {
  const bytes = lpEntryBytes(ptr, length);
  writePlanned(at, ptr, length);
  return bytes;
}

/** Looks for the last listpack where it is not known. */
function findTail(stream: Stream): usize {
  if (stream.tail == 0 && treeLast(stream.nodes)) {
    stream.tail = At.value;
    stream.tailMs = At.high;
    stream.tailSeq = At.low;
  }
  return stream.tail;
}

/** Bytes of the last listpack: adding an entry may have to copy it. */
export function tailBytes(stream: Stream): usize {
  const tail = findTail(stream);
  return tail == 0 ? 0 : lpBytes(tail);
}

function tailIsFull(tail: usize, argumentBytes: u64): bool {
  const setting = Settings.value(Setting.StreamNodeMaxBytes);
  const bytesMax = setting == 0 || setting > <f64>NODE_BYTES_MAX ? NODE_BYTES_MAX : <u64>setting;
  if (<u64>lpBytes(tail) + argumentBytes >= bytesMax) return true;
  const entriesMax = <i64>Settings.value(Setting.StreamNodeMaxEntries);
  if (entriesMax == 0) return false;
  const first = lpFirst(tail);
  return integerAt(first) + integerAt(lpNext(tail, first)) >= entriesMax;
}

/**
 * Adds the entry at the end: `pairs` fields and values, from argument `first` on, which have `argumentBytes` bytes in
 * all. The identifier is above all others.
 */
export function appendEntry(
  stream: Stream,
  ms: u64,
  seq: u64,
  first: u32,
  pairs: u32,
  argumentBytes: u64,
): void {
  let lp = findTail(stream);
  let isLast = true;
  if (lp != 0 && tailIsFull(lp, argumentBytes)) {
    const bytes = lpBytes(lp);
    if (roundedSize(bytes) < usableSize(lp)) {
      treeFind(stream.nodes, stream.tailMs, stream.tailSeq);
      At.setValue(resize(lp, bytes, bytes));
    }
    lp = 0;
  }
  if (lp == 0) {
    lp = newNode(first, pairs, argumentBytes);
    if (!treeInsert(stream.nodes, ms, seq, lp)) {
      // Only after XSETID has gone back behind entries that were deleted.
      stream.length -= <u64>entriesOf(At.value);
      free(At.value);
      At.setValue(lp);
    }
    isLast = stream.nodesCount == 1 || idBelow(stream.tailMs, stream.tailSeq, ms, seq);
    stream.tail = lp;
    stream.tailMs = ms;
    stream.tailSeq = seq;
  } else {
    const p = lpFirst(lp);
    const target = lpReplaceInteger(lp, p, integerAt(p) + 1);
    if (target != lp) moveTail(stream, target);
    lp = target;
  }
  writeTail(stream, lp, ms - stream.tailMs, seq - stream.tailSeq, first, pairs);
  if (!isLast) stream.tail = 0;
  stream.length++;
  stream.entriesAdded++;
  stream.lastMs = ms;
  stream.lastSeq = seq;
  if (stream.length == 1) {
    stream.firstMs = ms;
    stream.firstSeq = seq;
  }
}

function moveTail(stream: Stream, lp: usize): void {
  stream.tail = lp;
  treeFind(stream.nodes, stream.tailMs, stream.tailSeq);
  At.setValue(lp);
}

/** A listpack with a master entry for one entry of these fields, which is still to be written. */
function newNode(first: u32, pairs: u32, argumentBytes: u64): usize {
  let bytes: usize = LP_EMPTY + 6 + integerBytes(pairs);
  for (let i: u32 = 0; i < pairs; i++) {
    bytes += lpEntryBytes(Arg.ptr(first + (i << 1)), Arg.length(first + (i << 1)));
  }
  const lp = alloc(bytes + <usize>argumentBytes + 16);
  let at = writeInteger(lp + LP_HEADER, 1);
  at = writeInteger(at, 0);
  at = writeInteger(at, pairs);
  for (let i: u32 = 0; i < pairs; i++) {
    at += writeText(at, Arg.ptr(first + (i << 1)), Arg.length(first + (i << 1)));
  }
  at = writeInteger(at, 0);
  store<u8>(at, 0xff);
  store<u32>(lp, <u32>bytes);
  const elements = <u64>pairs + 4;
  store<u16>(lp, <u16>min<u64>(elements, LP_COUNT_UNKNOWN), 4);
  return lp;
}

/** Whether the fields are the master's, in the same order. */
function sameFields(lp: usize, first: u32, pairs: u32): bool {
  let p = lpFirst(lp);
  p = lpNext(lp, p);
  p = lpNext(lp, p);
  if (integerAt(p) != <i64>pairs) return false;
  for (let i: u32 = 0; i < pairs; i++) {
    p = lpNext(lp, p);
    if (!lpEquals(p, Arg.ptr(first + (i << 1)), Arg.length(first + (i << 1)))) return false;
  }
  return true;
}

/** Writes an entry at the end of the last listpack. */
function writeTail(
  stream: Stream,
  lp: usize,
  msDelta: u64,
  seqDelta: u64,
  first: u32,
  pairs: u32,
): void {
  const same = sameFields(lp, first, pairs);
  const step: u32 = same ? 2 : 1;
  const end = first + (pairs << 1);
  const elements = <u64>(same ? pairs + 3 : (pairs << 1) + 4);
  let added: usize = 2 + integerBytes(msDelta) + integerBytes(seqDelta) + integerBytes(elements);
  if (!same) added += integerBytes(pairs);
  for (let i = same ? first + 1 : first; i < end; i += step) {
    added += lpEntryBytes(Arg.ptr(i), Arg.length(i));
  }
  const bytes = lpBytes(lp);
  if (bytes + added > usableSize(lp)) {
    lp = resize(lp, bytes, bytes + added + (bytes >> 2));
    moveTail(stream, lp);
  }
  let at = lp + bytes - 1;
  at = writeInteger(at, same ? EntryFlag.SameFields : 0);
  at = writeInteger(at, msDelta);
  at = writeInteger(at, seqDelta);
  if (!same) at = writeInteger(at, pairs);
  for (let i = same ? first + 1 : first; i < end; i += step) {
    at += writeText(at, Arg.ptr(i), Arg.length(i));
  }
  at = writeInteger(at, elements);
  store<u8>(at, 0xff);
  store<u32>(lp, <u32>(bytes + added));
  const known = <u64>load<u16>(lp, 4);
  store<u16>(lp, <u16>min<u64>(known + elements + 1, LP_COUNT_UNKNOWN), 4);
}
