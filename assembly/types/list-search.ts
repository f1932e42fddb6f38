/** List commands that look for an element. Behaviour: Redis 7.0 t_list.c. */
import { Notify } from "../abi";
import { equalsWord } from "../base/bytes";
import { Arg, argc, closeReplyGap, needReplyGap, slot } from "../base/frame";
import { Journal } from "../journal";
import { Entry } from "../keyspace/entry";
import { currentDatabase, lookupRead, lookupWrite, willChange } from "../keyspace/keyspace";
import { notify } from "../keyspace/notify";
import { parsedInt64, parseInt64 } from "../protocol/number";
import {
  replyArray,
  replyError,
  replyInt,
  replyNotInteger,
  replyNull,
  replySyntaxError,
  replyWrongType,
} from "../protocol/reply";
import { Quicklist } from "../structures/quicklist";
import {
  atEnd,
  deleteEqualFromHere,
  equalsHere,
  insertHere,
  step,
} from "../structures/quicklist-place";
import { deleteEmpty, isList, roomToChange } from "./list-parts";
import { Writes } from "./writes";

/** LINSERT key BEFORE|AFTER pivot element */
export function insert(): void {
  const after = equalsWord(Arg.ptr(2), Arg.length(2), "after");
  if (!after && !equalsWord(Arg.ptr(2), Arg.length(2), "before")) {
    replySyntaxError();
    return;
  }
  const database = currentDatabase();
  const e = lookupWrite(database, slot, Arg.ptr(1), Arg.length(1));
  if (e == 0) {
    replyInt(0);
    return;
  }
  if (!isList(e)) {
    replyWrongType();
    return;
  }
  const list = Entry.pointer(e);
  atEnd(list, false);
  while (!equalsHere(Arg.ptr(3), Arg.length(3))) {
    if (step(false)) continue;
    replyInt(-1);
    return;
  }
  if (!roomToChange(Arg.length(4))) return;
  willChange(database, slot, e);
  insertHere(list, Arg.ptr(4), Arg.length(4), after);
  notify(Notify.List, "linsert", database.index, Arg.ptr(1), Arg.length(1));
  Writes.one();
  Journal.verbatim(database.index);
  replyInt(Quicklist.at(list).count);
}

/** LREM key count element */
export function remove(): void {
  if (!parseInt64(Arg.ptr(2), <i32>Arg.length(2))) {
    replyNotInteger();
    return;
  }
  const wanted = parsedInt64();
  const database = currentDatabase();
  const key = Arg.ptr(1);
  const keyLength = Arg.length(1);
  const e = lookupWrite(database, slot, key, keyLength);
  if (e == 0) {
    replyInt(0);
    return;
  }
  if (!isList(e)) {
    replyWrongType();
    return;
  }
  const list = Entry.pointer(e);
  const backwards = wanted < 0;
  atEnd(list, backwards);
  while (!equalsHere(Arg.ptr(3), Arg.length(3))) {
    if (step(backwards)) continue;
    replyInt(0);
    return;
  }
  willChange(database, slot, e);
  // More than there can be is all.
  const most = backwards ? -wanted : wanted;
  const bounded: u32 = most > <i64>u32.MAX_VALUE ? 0 : <u32>most;
  const removed = deleteEqualFromHere(list, Arg.ptr(3), Arg.length(3), bounded, backwards);
  notify(Notify.List, "lrem", database.index, key, keyLength);
  if (Quicklist.at(list).count == 0) deleteEmpty(database, slot, key, keyLength);
  Writes.many(removed);
  Journal.verbatim(database.index);
  replyInt(removed);
}

// LPOS.

let rank: i64 = 1;
/** -1: not given, so that one position and no array is answered; 0: all. */
let most: i64 = -1;
let lookAt: i64 = 0;

/** Reads a number of at least 0; false: the error was replied. */
function parseNatural(argument: u32, refusal: string): bool {
  if (parseInt64(Arg.ptr(argument), <i32>Arg.length(argument)) && parsedInt64() >= 0) return true;
  replyError(refusal);
  return false;
}

function parsePositionOptions(): bool {
  rank = 1;
  most = -1;
  lookAt = 0;
  for (let i: u32 = 3; i < argc; i += 2) {
    const ptr = Arg.ptr(i);
    const length = Arg.length(i);
    if (i + 1 < argc && equalsWord(ptr, length, "rank")) {
      if (!parseInt64(Arg.ptr(i + 1), <i32>Arg.length(i + 1))) {
        replyNotInteger();
        return false;
      }
      rank = parsedInt64();
      if (rank == 0) {
        replyError(
          "ERR RANK can't be zero: use 1 to start from the first match, 2 from the second ... or use negative to start from the end of the list",
        );
        return false;
      }
    } else if (i + 1 < argc && equalsWord(ptr, length, "count")) {
      if (!parseNatural(i + 1, "ERR COUNT can't be negative")) return false;
      most = parsedInt64();
    } else if (i + 1 < argc && equalsWord(ptr, length, "maxlen")) {
      if (!parseNatural(i + 1, "ERR MAXLEN can't be negative")) return false;
      lookAt = parsedInt64();
    } else {
      replySyntaxError();
      return false;
    }
  }
  // Redis cannot negate it: every match is beyond it, and COUNT is never reached.
  if (rank == i64.MIN_VALUE && most > 0) most = 0;
  return true;
}

/** LPOS key element [RANK rank] [COUNT matches] [MAXLEN elements] */
export function position(): void {
  if (!parsePositionOptions()) return;
  const e = lookupRead(currentDatabase(), slot, Arg.ptr(1), Arg.length(1));
  if (e == 0) {
    if (most >= 0) replyArray(0);
    else replyNull();
    return;
  }
  if (!isList(e)) {
    replyWrongType();
    return;
  }
  const list = Entry.pointer(e);
  if (most < 0) {
    if (replyPositions(list, 1) == 0) replyNull();
    return;
  }
  const gap = needReplyGap();
  closeReplyGap(gap, replyPositions(list, most));
}

/** Replies the positions of up to `wanted` (0: all) matches from number `rank` on; answers how many. */
function replyPositions(list: usize, wanted: i64): u32 {
  const backwards = rank < 0;
  const skipped = backwards ? -rank : rank;
  const count = <i64>Quicklist.at(list).count;
  let matches: i64 = 0;
  let replied: u32 = 0;
  let index: i64 = 0;
  atEnd(list, backwards);
  while (lookAt == 0 || index < lookAt) {
    if (equalsHere(Arg.ptr(2), Arg.length(2)) && ++matches >= skipped) {
      replyInt(backwards ? count - index - 1 : index);
      replied++;
      if (wanted != 0 && <i64>replied >= wanted) break;
    }
    if (!step(backwards)) break;
    index++;
  }
  return replied;
}
