/** XLEN, XRANGE, XREVRANGE, XDEL and XSETID. Behaviour: Redis 7.0 t_stream.c. */
import { Notify } from "../../abi";
import { equalsWord } from "../../base/bytes";
import { Arg, argc, closeReplyGap, needReplyGap, replyLost, slot } from "../../base/frame";
import { Journal } from "../../journal";
import { currentDatabase, lookupRead, lookupWrite } from "../../keyspace/keyspace";
import { notify } from "../../keyspace/notify";
import { beforeQuietWrite } from "../../keyspace/watch";
import { parsedInt64 } from "../../protocol/number";
import {
  replyArray,
  replyError,
  replyInt,
  replyNullArray,
  replyOk,
  replySyntaxError,
} from "../../protocol/reply";
import { Stream } from "../../structures/stream";
import { idBelow } from "../../structures/stream-id";
import { refreshFirst, removeWalked } from "../../structures/stream-trim";
import { Entries, edgeEntry, findEntry } from "../../structures/stream-walk";
import { Writes } from "../writes";
import { ID_MAX, Id, parseEnd, parseId, parseStart } from "./ids";
import { checkStreamType, parseCount, parsedCount, parseInteger, streamOf } from "./lookup";
import { lookupRemoval, noteRemoval } from "./removal";

export function xLen(): void {
  const e = lookupRead(currentDatabase(), slot, Arg.ptr(1), Arg.length(1));
  if (e == 0) replyInt(0);
  else if (checkStreamType(e)) replyInt(<i64>streamOf(e).length);
}

export function xRange(reverse: bool): void {
  if (!parseStart(reverse ? 3 : 2)) return;
  const fromMs = Id.ms;
  const fromSeq = Id.seq;
  if (!parseEnd(reverse ? 2 : 3)) return;
  const toMs = Id.ms;
  const toSeq = Id.seq;
  let count: i64 = -1;
  for (let i: u32 = 4; i < argc; i++) {
    if (i + 1 == argc || !equalsWord(Arg.ptr(i), Arg.length(i), "count")) {
      replySyntaxError();
      return;
    }
    if (!parseCount(++i)) return;
    count = parsedCount();
  }
  const e = lookupRead(currentDatabase(), slot, Arg.ptr(1), Arg.length(1));
  if (e == 0) {
    replyArray(0);
    return;
  }
  if (!checkStreamType(e)) return;
  if (count == 0) {
    replyNullArray();
    return;
  }
  Entries.begin(streamOf(e), fromMs, fromSeq, toMs, toSeq, reverse);
  replyWalk(count);
}

/** Replies the entries of the walk that has begun, `limit` (0 or below: all) at most. */
export function replyWalk(limit: i64): void {
  const gap = needReplyGap();
  let count: u32 = 0;
  while ((limit <= 0 || <i64>count < limit) && !replyLost && Entries.step()) {
    Entries.reply();
    count++;
  }
  closeReplyGap(gap, count);
}

export function xDel(): void {
  const e = lookupRemoval();
  if (e == 0) return;
  for (let i: u32 = 2; i < argc; i++) {
    if (!parseId(i)) return;
  }
  // Whether something goes is only known afterwards, and WATCH counts nothing else.
  const database = currentDatabase();
  beforeQuietWrite(database, slot, e);
  const deleted = deleteEntries(streamOf(e));
  if (deleted > 0) {
    noteRemoval(e, deleted, "xdel");
    Journal.verbatim(database.index);
  }
  replyInt(deleted);
}

/** Deletes the entries named by arguments 2 and on, which are sound; answers how many there were. */
function deleteEntries(stream: Stream): u32 {
  let deleted: u32 = 0;
  let first = false;
  for (let i: u32 = 2; i < argc; i++) {
    parseId(i);
    const ms = Id.ms;
    const seq = Id.seq;
    if (!findEntry(stream, ms, seq)) continue;
    removeWalked(stream);
    if (ms == stream.firstMs && seq == stream.firstSeq) first = true;
    if (idBelow(stream.maxDeletedMs, stream.maxDeletedSeq, ms, seq)) {
      stream.maxDeletedMs = ms;
      stream.maxDeletedSeq = seq;
    }
    deleted++;
  }
  if (deleted > 0 && (first || stream.length == 0)) refreshFirst(stream);
  return deleted;
}

// XSETID.

let entriesAdded: i64 = -1;
let deletedMs: u64 = 0;
let deletedSeq: u64 = 0;

/** Reads the options behind the identifier, which is `ms` and `seq`; false: an error was replied. */
function parseCounters(ms: u64, seq: u64): bool {
  entriesAdded = -1;
  deletedMs = 0;
  deletedSeq = 0;
  for (let i: u32 = 3; i < argc; i += 2) {
    const more = i + 1 < argc;
    if (more && equalsWord(Arg.ptr(i), Arg.length(i), "entriesadded")) {
      if (!parseInteger(i + 1)) return false;
      entriesAdded = parsedInt64();
      if (entriesAdded < 0) {
        replyError("ERR entries_added must be positive");
        return false;
      }
    } else if (more && equalsWord(Arg.ptr(i), Arg.length(i), "maxdeletedid")) {
      if (!parseId(i + 1)) return false;
      deletedMs = Id.ms;
      deletedSeq = Id.seq;
      if (idBelow(ms, seq, deletedMs, deletedSeq)) {
        replyError(
          "ERR The ID specified in XSETID is smaller than the provided max_deleted_entry_id",
        );
        return false;
      }
    } else {
      replySyntaxError();
      return false;
    }
  }
  return true;
}

export function xSetId(): void {
  if (!parseId(2)) return;
  const ms = Id.ms;
  const seq = Id.seq;
  if (!parseCounters(ms, seq)) return;
  const database = currentDatabase();
  const key = Arg.ptr(1);
  const length = Arg.length(1);
  const e = lookupWrite(database, slot, key, length);
  if (e == 0) {
    replyError("ERR no such key");
    return;
  }
  if (!checkStreamType(e)) return;
  const stream = streamOf(e);
  if (!maySetId(stream, ms, seq)) return;
  beforeQuietWrite(database, slot, e);
  stream.lastMs = ms;
  stream.lastSeq = seq;
  if (entriesAdded != -1) stream.entriesAdded = <u64>entriesAdded;
  if (deletedMs != 0 || deletedSeq != 0) {
    stream.maxDeletedMs = deletedMs;
    stream.maxDeletedSeq = deletedSeq;
  }
  replyOk();
  Writes.one();
  notify(Notify.Stream, "xsetid", database.index, key, length);
  Journal.verbatim(database.index);
}

function maySetId(stream: Stream, ms: u64, seq: u64): bool {
  if (stream.length == 0) return true;
  edgeEntry(stream, false, false);
  if (idBelow(ms, seq, Entries.ms, Entries.seq)) {
    replyError("ERR The ID specified in XSETID is smaller than the target stream top item");
    return false;
  }
  if (entriesAdded != -1 && stream.length > <u64>entriesAdded) {
    replyError(
      "ERR The entries_added specified in XSETID is smaller than the target stream length",
    );
    return false;
  }
  return true;
}

/** The whole range, for walks without bounds. */
export function walkAll(stream: Stream, reverse: bool): void {
  Entries.begin(stream, 0, 0, ID_MAX, ID_MAX, reverse);
}
