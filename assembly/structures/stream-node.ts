/**
 * The listpacks of a stream, byte for byte as Redis 7.0 lays them out (t_stream.c):
 *
 *   master   entries | deleted | n | field 1 ... field n | 0
 *   entry    flags | ms - master's | seq - master's | [n | field] value ... | elements of this entry before this one
 *
 * The identifier of the first entry is the listpack's key. An entry with the master's fields (`SameFields`) has only
 * values. A deleted entry stays, flagged, until the whole listpack goes.
 */
import { Setting } from "../abi";
import { Arg, Settings } from "../base/frame";
import { alloc, free, resize, roundedSize, usableSize } from "../base/memory";
import { writeUint64 } from "../protocol/number";
import { replyArray, replyBulk } from "../protocol/reply";
import {
  At,
  treeFind,
  treeFirst,
  treeInsert,
  treeLast,
  treeNext,
  treePrevious,
  treeRemove,
  treeSeekBack,
} from "./id-tree";
import {
  LP_EMPTY,
  LP_HEADER,
  Lp,
  lpBytes,
  lpEntryBytes,
  lpEquals,
  lpFirst,
  lpGet,
  lpLast,
  lpNext,
  lpPrev,
  lpReplaceInteger,
  replyElement,
  writeIntegerElement,
  writePlanned,
} from "./listpack";
import { Stream } from "./stream";

enum Flag {
  Deleted = 1,
  SameFields = 2,
}

/** STREAM_LISTPACK_MAX_SIZE: no entry and no listpack is larger. */
export const NODE_BYTES_MAX: u64 = 1 << 30;
const LP_COUNT_UNKNOWN: u32 = 0xffff;

function integerAt(p: usize): i64 {
  lpGet(p);
  return Lp.value;
}

// Adding.

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
  at = writeInteger(at, same ? Flag.SameFields : 0);
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

// Walking.

/** The entry that a walk has come to, and where the walk is. */
export class Entries {
  static ms: u64 = 0;
  static seq: u64 = 0;
  static fields: u32 = 0;
  static flags: u32 = 0;
  static lp: usize = 0;
  /** Its first element: the flags. */
  static start: usize = 0;
  /** Its first field, or its first value where the fields are the master's. */
  static body: usize = 0;
  /** Key of the listpack. */
  static masterMs: u64 = 0;
  static masterSeq: u64 = 0;
  static masterFields: u32 = 0;
  /** First field of the master, or the element behind where it has none. */
  static masterBody: usize = 0;
  /** The next entry, forwards; the end of the one before, backwards; 0: the listpack is done. */
  static next: usize = 0;
  static leaf: usize = 0;
  static index: u32 = 0;
  static reverse: bool = false;
  static tombstones: bool = false;
  static fromMs: u64 = 0;
  static fromSeq: u64 = 0;
  static toMs: u64 = 0;
  static toSeq: u64 = 0;

  /** Begins a walk over the entries from one identifier to another, both included; `step` goes to the first. */
  static begin(
    stream: Stream,
    fromMs: u64,
    fromSeq: u64,
    toMs: u64,
    toSeq: u64,
    reverse: bool,
  ): void {
    Entries.reverse = reverse;
    Entries.tombstones = false;
    Entries.fromMs = fromMs;
    Entries.fromSeq = fromSeq;
    Entries.toMs = toMs;
    Entries.toSeq = toSeq;
    Entries.next = 0;
    const nodes = stream.nodes;
    const found = reverse
      ? treeSeekBack(nodes, toMs, toSeq)
      : treeSeekBack(nodes, fromMs, fromSeq) || treeFirst(nodes);
    if (found) Entries.enter();
    else Entries.leaf = 0;
  }

  /** Enters the listpack that `At` is at. */
  static enter(): void {
    Entries.leaf = At.leaf;
    Entries.index = At.index;
    Entries.masterMs = At.high;
    Entries.masterSeq = At.low;
    const lp = At.value;
    Entries.lp = lp;
    let p = lpNext(lp, lpNext(lp, lpFirst(lp)));
    const fields = <u32>integerAt(p);
    Entries.masterFields = fields;
    p = lpNext(lp, p);
    Entries.masterBody = p;
    if (Entries.reverse) {
      Entries.next = lpLast(lp);
      return;
    }
    for (let i: u32 = 0; i < fields; i++) p = lpNext(lp, p);
    Entries.next = lpNext(lp, p);
  }

  static nextNode(): bool {
    if (Entries.leaf == 0) return false;
    At.leaf = Entries.leaf;
    At.index = Entries.index;
    if (!(Entries.reverse ? treePrevious() : treeNext())) {
      Entries.leaf = 0;
      return false;
    }
    Entries.enter();
    return true;
  }

  /** Goes to the next entry. False: there is none. */
  static step(): bool {
    while (Entries.leaf != 0) {
      if (!Entries.decode()) {
        if (!Entries.nextNode()) return false;
        continue;
      }
      if ((Entries.flags & Flag.Deleted) != 0 && !Entries.tombstones) continue;
      const ms = Entries.ms;
      const seq = Entries.seq;
      const early = ms < Entries.fromMs || (ms == Entries.fromMs && seq < Entries.fromSeq);
      const late = ms > Entries.toMs || (ms == Entries.toMs && seq > Entries.toSeq);
      if (!early && !late) return true;
      if (early == Entries.reverse) {
        Entries.leaf = 0;
        return false;
      }
    }
    return false;
  }

  /** Reads the entry at `next` and moves that on. False: the listpack has no more. */
  static decode(): bool {
    const lp = Entries.lp;
    let p = Entries.next;
    if (p == 0) return false;
    if (Entries.reverse) {
      // `p` is the count of elements behind an entry, or the zero behind the master's fields.
      let elements = integerAt(p);
      if (elements == 0) return false;
      while (elements-- > 0) p = lpPrev(lp, p);
      Entries.next = lpPrev(lp, p);
    }
    Entries.start = p;
    const flags = <u32>integerAt(p);
    p = lpNext(lp, p);
    Entries.flags = flags;
    Entries.ms = Entries.masterMs + <u64>integerAt(p);
    p = lpNext(lp, p);
    Entries.seq = Entries.masterSeq + <u64>integerAt(p);
    p = lpNext(lp, p);
    let elements = Entries.masterFields;
    if ((flags & Flag.SameFields) == 0) {
      elements = <u32>integerAt(p);
      p = lpNext(lp, p);
      Entries.fields = elements;
      elements <<= 1;
    } else Entries.fields = elements;
    Entries.body = p;
    if (Entries.reverse) return true;
    for (; elements > 0; elements--) p = lpNext(lp, p);
    Entries.next = lpNext(lp, p);
    return true;
  }

  /** The field in hand and its value, between `fieldsBegin` and `fieldsNext`. */
  static field: usize = 0;
  static value: usize = 0;

  static fieldsBegin(): void {
    const same = (Entries.flags & Flag.SameFields) != 0;
    Entries.field = same ? Entries.masterBody : Entries.body;
    Entries.value = same || Entries.fields == 0 ? Entries.body : lpNext(Entries.lp, Entries.body);
  }

  static fieldsNext(): void {
    const lp = Entries.lp;
    const next = lpNext(lp, Entries.value);
    if ((Entries.flags & Flag.SameFields) != 0) {
      Entries.field = lpNext(lp, Entries.field);
      Entries.value = next;
    } else {
      Entries.field = next;
      Entries.value = lpNext(lp, next);
    }
  }

  /** Replies the entry: its identifier, and an array of fields and values. */
  static reply(): void {
    replyArray(2);
    replyId(Entries.ms, Entries.seq);
    replyArray((<i64>Entries.fields) << 1);
    Entries.fieldsBegin();
    for (let i: u32 = 0; i < Entries.fields; i++) {
      replyElement(Entries.field);
      replyElement(Entries.value);
      Entries.fieldsNext();
    }
  }
}

/** Whether there is such an entry; a walk is then at it. */
export function findEntry(stream: Stream, ms: u64, seq: u64): bool {
  Entries.begin(stream, ms, seq, ms, seq, false);
  return Entries.step();
}

/** Goes to the first or last entry of all. False: there is none. */
export function edgeEntry(stream: Stream, first: bool, tombstones: bool): bool {
  Entries.begin(stream, 0, 0, u64.MAX_VALUE, u64.MAX_VALUE, !first);
  Entries.tombstones = tombstones;
  return Entries.step();
}

export const ID_TEXT_MAX: u32 = 41;
const idText: usize = memory.data(48, 16);

/** Writes an identifier as text; answers its length. */
export function writeId(at: usize, ms: u64, seq: u64): u32 {
  let length = <u32>writeUint64(at, ms);
  store<u8>(at + length, 45);
  length += 1;
  return length + <u32>writeUint64(at + length, seq);
}

export function replyId(ms: u64, seq: u64): void {
  replyBulk(idText, writeId(idText, ms, seq));
}

// Removing.

/** Removes the entry where the walk is; the walk is over then. */
export function removeWalked(stream: Stream): void {
  let lp = Entries.lp;
  const first = lpFirst(lp);
  const entries = integerAt(first);
  stream.length--;
  if (entries == 1) {
    dropNode(stream, Entries.masterMs, Entries.masterSeq, lp);
    return;
  }
  const start = Entries.start - lp;
  lp = lpReplaceInteger(lp, lp + start, <i64>(Entries.flags | Flag.Deleted));
  lp = setCounts(lp, entries - 1, integerAt(lpNext(lp, lpFirst(lp))) + 1);
  if (lp != Entries.lp) replaceNode(stream, Entries.masterMs, Entries.masterSeq, lp);
}

function setCounts(lp: usize, entries: i64, deleted: i64): usize {
  lp = lpReplaceInteger(lp, lpFirst(lp), entries);
  return lpReplaceInteger(lp, lpNext(lp, lpFirst(lp)), deleted);
}

function replaceNode(stream: Stream, ms: u64, seq: u64, lp: usize): void {
  treeFind(stream.nodes, ms, seq);
  At.setValue(lp);
  stream.tail = 0;
}

function dropNode(stream: Stream, ms: u64, seq: u64, lp: usize): void {
  treeRemove(stream.nodes, ms, seq);
  stream.tail = 0;
  free(lp);
}

/** The first identifier again, after entries were removed from the front. */
export function refreshFirst(stream: Stream): void {
  const found = stream.length != 0 && edgeEntry(stream, true, false);
  stream.firstMs = found ? Entries.ms : 0;
  stream.firstSeq = found ? Entries.seq : 0;
}

/** What a trim goes by. */
export class Trim {
  static byLength: bool = false;
  static lengthMax: u64 = 0;
  static ms: u64 = 0;
  static seq: u64 = 0;
  /** Only whole listpacks go. */
  static approximate: bool = false;
  /** At most so many entries go; 0: no limit. */
  static limit: i64 = 0;
}

/** Removes what is too much from the front; answers how many entries. */
export function trimStream(stream: Stream): i64 {
  let deleted: i64 = 0;
  while (treeFirst(stream.nodes)) {
    if (Trim.byLength && stream.length <= Trim.lengthMax) break;
    const lp = At.value;
    const ms = At.high;
    const seq = At.low;
    const entries = integerAt(lpFirst(lp));
    if (Trim.limit != 0 && deleted + entries > Trim.limit) break;
    if (wholeGoes(stream, lp, ms, seq, entries)) {
      dropNode(stream, ms, seq, lp);
      stream.length -= <u64>entries;
      deleted += entries;
      continue;
    }
    if (!Trim.approximate) deleted += trimNode(stream, entries);
    break;
  }
  if (stream.length == 0 || deleted > 0) refreshFirst(stream);
  return deleted;
}

/** Whether a listpack goes as a whole. */
function wholeGoes(stream: Stream, lp: usize, ms: u64, seq: u64, entries: i64): bool {
  if (Trim.byLength) return stream.length - <u64>entries >= Trim.lengthMax;
  let p = lpLast(lp);
  for (let elements = integerAt(p); elements > 0; elements--) p = lpPrev(lp, p);
  p = lpNext(lp, p);
  const lastMs = ms + <u64>integerAt(p);
  p = lpNext(lp, p);
  return idBelow(lastMs, seq + <u64>integerAt(p), Trim.ms, Trim.seq);
}

export function idBelow(ms: u64, seq: u64, otherMs: u64, otherSeq: u64): bool {
  return ms < otherMs || (ms == otherMs && seq < otherSeq);
}

/** Flags entries at the front of the first listpack as deleted; answers how many. */
function trimNode(stream: Stream, entries: i64): i64 {
  Entries.begin(stream, 0, 0, u64.MAX_VALUE, u64.MAX_VALUE, false);
  Entries.tombstones = true;
  const ms = Entries.masterMs;
  const seq = Entries.masterSeq;
  let lp = Entries.lp;
  let deleted: i64 = 0;
  while (Entries.decode()) {
    const stop = Trim.byLength
      ? stream.length <= Trim.lengthMax
      : !idBelow(Entries.ms, Entries.seq, Trim.ms, Trim.seq);
    if (stop) break;
    if ((Entries.flags & Flag.Deleted) != 0) continue;
    // Flags are below 128, so the element keeps its size and nothing moves.
    store<u8>(Entries.start, <u8>(Entries.flags | Flag.Deleted));
    deleted++;
    stream.length--;
  }
  const gone = integerAt(lpNext(lp, lpFirst(lp))) + deleted;
  const target = setCounts(lp, entries - deleted, gone);
  if (target != lp) replaceNode(stream, ms, seq, target);
  return deleted;
}

/** Entries that are not deleted, as the listpack counts them. */
export function entriesOf(lp: usize): i64 {
  return integerAt(lpFirst(lp));
}
