/** Members by chance: SPOP and SRANDMEMBER. Behaviour: Redis 7.0 t_set.c. */
import { Notify, ValueType } from "../abi";
import { Arg, argc, canReply, closeSetGap, needReplyGap, replyLost, slot } from "../base/frame";
import { Journal } from "../journal";
import { Database } from "../keyspace/database";
import { Entry, setPointer } from "../keyspace/entry";
import { discardValue } from "../keyspace/garbage";
import { currentDatabase, lookupRead, lookupWrite, willChange } from "../keyspace/keyspace";
import { notify } from "../keyspace/notify";
import { parsedInt64, parseInt64 } from "../protocol/number";
import {
  replyArray,
  replyBulk,
  replyError,
  replyNotInteger,
  replyNull,
  replyOutOfMemory,
  replySet,
  replySyntaxError,
} from "../protocol/reply";
import { Member, setNext, setPick } from "../structures/set-value";
import { countOf, deleteEmptied, refusedAsSet, removeFoundMember } from "./set-key";
import { replyMembers, replyWalk, SetResult } from "./set-result";
import { Writes } from "./writes";

/** When less than a fifth of a set stays, those that stay move to a new one (SPOP_MOVE_STRATEGY_MUL). */
const MOVE_FACTOR: u64 = 5;
/** Bytes of the shortest bulk reply. */
const LEAST_BULK: i64 = 6;
/** More than that is not reserved at once. */
const ROOM_MAX: u64 = 1 << 31;

export function sPop(): void {
  if (argc > 3) {
    replySyntaxError();
    return;
  }
  if (argc == 3) {
    popMany();
    return;
  }
  const database = currentDatabase();
  const key = Arg.ptr(1);
  const length = Arg.length(1);
  const e = lookupWrite(database, slot, key, length);
  if (e == 0) {
    replyNull();
    return;
  }
  if (refusedAsSet(e)) return;
  setPick(Entry.encoding(e), Entry.pointer(e));
  if (
    !canReply(<usize>Member.length + 64) ||
    !Journal.reserve(<usize>length + Member.length + 64)
  ) {
    replyOutOfMemory();
    return;
  }
  willChange(database, slot, e);
  replyBulk(Member.ptr, Member.length);
  notify(Notify.Set, "spop", database.index, key, length);
  journalRemoval(database);
  removeFoundMember(e);
  if (countOf(e) == 0) deleteEmptied(database, slot, key, length);
  Writes.one();
}

/** For replicas the member in hand is one that was named. */
function journalRemoval(database: Database): void {
  if (!Journal.begin(database.index, 3)) return;
  Journal.word("SREM");
  Journal.bytes(Arg.ptr(1), Arg.length(1));
  Journal.bytes(Member.ptr, Member.length);
}

function popMany(): void {
  if (!parseInt64(Arg.ptr(2), <i32>Arg.length(2)) || parsedInt64() < 0) {
    replyError("ERR value is out of range, must be positive");
    return;
  }
  const wanted = <u64>parsedInt64();
  const database = currentDatabase();
  const e = lookupWrite(database, slot, Arg.ptr(1), Arg.length(1));
  if (e == 0) {
    replySet(0);
    return;
  }
  if (refusedAsSet(e)) return;
  if (wanted == 0) {
    replySet(0);
    return;
  }
  const size = countOf(e);
  if (wanted >= <u64>size) popAll(database, e, size);
  else popSome(database, e, <u32>wanted, size - <u32>wanted);
}

function popAll(database: Database, e: usize, size: u32): void {
  const key = Arg.ptr(1);
  const length = Arg.length(1);
  // In Redis this is a union of one set, which is looked up for it.
  lookupRead(database, slot, key, length);
  replyMembers(e);
  if (replyLost) return;
  notify(Notify.Set, "spop", database.index, key, length);
  Writes.many(size);
  if (Journal.begin(database.index, 2)) {
    Journal.word("DEL");
    Journal.bytes(key, length);
  }
  deleteEmptied(database, slot, key, length);
}

function popSome(database: Database, e: usize, wanted: u32, remaining: u32): void {
  const gap = needReplyGap();
  willChange(database, slot, e);
  notify(Notify.Set, "spop", database.index, Arg.ptr(1), Arg.length(1));
  const few = <u64>remaining * MOVE_FACTOR <= <u64>wanted;
  let popped = wanted;
  if (few && pickRest(e, remaining)) popAllBut(database, e);
  else popped = popEach(database, e, wanted);
  Writes.many(popped);
  closeSetGap(gap, popped);
}

/** One by one, for as long as memory lasts: what was not replied stays. */
function popEach(database: Database, e: usize, wanted: u32): u32 {
  let popped: u32 = 0;
  for (; popped < wanted; popped++) {
    setPick(Entry.encoding(e), Entry.pointer(e));
    const bytes = <usize>Arg.length(1) + <usize>Member.length + 64;
    if (!canReply(<usize>Member.length + 64) || !Journal.reserve(bytes)) break;
    replyBulk(Member.ptr, Member.length);
    journalRemoval(database);
    removeFoundMember(e);
  }
  return popped;
}

/**
 * Picks the few members that stay into a set of their own, whose encoding begins anew as in Redis, and makes room to
 * reply all others. False: memory does not suffice, and nothing has changed.
 */
function pickRest(e: usize, remaining: u32): bool {
  const encoding = Entry.encoding(e);
  const ptr = Entry.pointer(e);
  if (!SetResult.begin()) return false;
  while (SetResult.count() < remaining) {
    setPick(encoding, ptr);
    if (!SetResult.add(Member.ptr, Member.length)) return false;
  }
  let bytes: u64 = 0;
  for (let more = setNext(encoding, ptr, 0); more; more = setNext(encoding, ptr, Member.at)) {
    bytes += <u64>Member.length + 64;
  }
  const journaled = bytes + <u64>countOf(e) * (<u64>Arg.length(1) + 32);
  if (journaled < ROOM_MAX && canReply(<usize>bytes) && Journal.reserve(<usize>journaled))
    return true;
  SetResult.drop();
  return false;
}

/** Replies and drops every member that is not in the picked rest, which takes the set's place. */
function popAllBut(database: Database, e: usize): void {
  const encoding = Entry.encoding(e);
  const ptr = Entry.pointer(e);
  for (let more = setNext(encoding, ptr, 0); more; more = setNext(encoding, ptr, Member.at)) {
    if (SetResult.has(Member.ptr, Member.length)) continue;
    replyBulk(Member.ptr, Member.length);
    journalRemoval(database);
  }
  setPointer(e, SetResult.encoding, SetResult.take());
  discardValue(ValueType.Set, encoding, ptr);
}

export function sRandMember(): void {
  if (argc > 3) {
    replySyntaxError();
    return;
  }
  if (argc == 3) {
    randomMany();
    return;
  }
  const e = lookupRead(currentDatabase(), slot, Arg.ptr(1), Arg.length(1));
  if (e == 0) {
    replyNull();
    return;
  }
  if (refusedAsSet(e)) return;
  setPick(Entry.encoding(e), Entry.pointer(e));
  replyBulk(Member.ptr, Member.length);
}

function randomMany(): void {
  if (!parseInt64(Arg.ptr(2), <i32>Arg.length(2))) {
    replyNotInteger();
    return;
  }
  const asked = parsedInt64();
  if (asked == i64.MIN_VALUE) {
    replyError(
      "ERR value is out of range, value must between -9223372036854775807 and 9223372036854775807",
    );
    return;
  }
  const e = lookupRead(currentDatabase(), slot, Arg.ptr(1), Arg.length(1));
  if (e == 0) {
    replyArray(0);
    return;
  }
  if (refusedAsSet(e)) return;
  const size = countOf(e);
  if (asked < 0) pickAny(e, -asked);
  else if (asked == 0) replyArray(0);
  else if (asked == 1) pickAny(e, 1);
  else if (<u64>asked >= <u64>size) {
    replyArray(size);
    replyWalk(e);
  } else if (!pickDistinct(e, <u32>asked, size)) replyOutOfMemory();
}

/** So many members, perhaps the same ones again. */
function pickAny(e: usize, count: i64): void {
  const least = <u64>min<i64>(count, i64.MAX_VALUE / LEAST_BULK) * LEAST_BULK;
  if (least > ROOM_MAX || !canReply(<usize>least)) {
    replyOutOfMemory();
    return;
  }
  replyArray(count);
  for (let left = count; left > 0 && !replyLost; left--) {
    setPick(Entry.encoding(e), Entry.pointer(e));
    replyBulk(Member.ptr, Member.length);
  }
}

/** Different members, fewer than there are: picks those that come or, of most of them, those that do not. */
function pickDistinct(e: usize, count: u32, size: u32): bool {
  const encoding = Entry.encoding(e);
  const ptr = Entry.pointer(e);
  const leaveOut = count > size >> 1;
  const picked = leaveOut ? size - count : count;
  if (!SetResult.begin()) return false;
  while (SetResult.count() < picked) {
    setPick(encoding, ptr);
    if (!SetResult.add(Member.ptr, Member.length)) return false;
  }
  replyArray(count);
  if (leaveOut) {
    let more = setNext(encoding, ptr, 0);
    for (; more && !replyLost; more = setNext(encoding, ptr, Member.at)) {
      if (!SetResult.has(Member.ptr, Member.length)) replyBulk(Member.ptr, Member.length);
    }
  } else SetResult.reply();
  SetResult.drop();
  return true;
}
