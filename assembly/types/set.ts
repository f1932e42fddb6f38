/** Set commands on members; those on whole sets are in set-algebra.ts, those by chance in set-random.ts. Behaviour: Redis 7.0 t_set.c. */

import { Encoding, Notify, ValueType } from "../abi";
import { Arg, argc, closeReplyGap, needReplyGap, replyLost, slot } from "../base/frame";
import { Command } from "../command-ids";
import { Journal } from "../journal";
import { Database, find } from "../keyspace/database";
import { Entry, setPointer } from "../keyspace/entry";
import {
  addEntry,
  currentDatabase,
  lookupRead,
  lookupWrite,
  slotOf,
  willChange,
} from "../keyspace/keyspace";
import { notify } from "../keyspace/notify";
import { replyArray, replyBulk, replyInt, replyOutOfMemory } from "../protocol/reply";
import {
  MEMBER_HEADER,
  Member,
  SetValue,
  setCanInsert,
  setEncodingFor,
  setHas,
  setInsertSearched,
  setNew,
  setNext,
} from "../structures/set-value";
import { collectedRecord, collectRecords, nextCursor, releaseCollected } from "./scan-members";
import { parseScanCursor, parseScanOptions, replyScanCursor, ScanOptions } from "./scan-options";
import { sDiff, sInter, sInterCard, sUnion } from "./set-algebra";
import { countOf, deleteEmptied, refusedAsSet, removeFoundMember } from "./set-key";
import { sPop, sRandMember } from "./set-random";
import { Writes } from "./writes";

export function runSet(id: u32): void {
  switch (id) {
    case Command.SAdd:
      return sAdd();
    case Command.SCard:
      return sCard();
    case Command.SDiff:
      return sDiff(false);
    case Command.SDiffStore:
      return sDiff(true);
    case Command.SInter:
    case Command.SMembers:
      return sInter(false);
    case Command.SInterCard:
      return sInterCard();
    case Command.SInterStore:
      return sInter(true);
    case Command.SIsMember:
      return sIsMember();
    case Command.SMIsMember:
      return sMIsMember();
    case Command.SMove:
      return sMove();
    case Command.SPop:
      return sPop();
    case Command.SRandMember:
      return sRandMember();
    case Command.SRem:
      return sRem();
    case Command.SScan:
      return sScan();
    case Command.SUnion:
      return sUnion(false);
    case Command.SUnionStore:
      return sUnion(true);
    default:
      unreachable();
  }
}

/** A new, empty set under a key that a search has just missed. */
function addSet(database: Database, slot: u32, key: usize, length: u32, encoding: u32): usize {
  const e = addEntry(database, slot, key, length, ValueType.Set, encoding, -1, 0);
  setPointer(e, encoding, setNew(encoding));
  return e;
}

/** Adds the member that was just searched and not found. */
function insertSearched(e: usize, member: usize, length: u32): void {
  setInsertSearched(Entry.encoding(e), Entry.pointer(e), member, length);
  setPointer(e, SetValue.encoding, SetValue.ptr);
}

function has(e: usize, argument: u32): bool {
  return setHas(Entry.encoding(e), Entry.pointer(e), Arg.ptr(argument), Arg.length(argument));
}

function sAdd(): void {
  const database = currentDatabase();
  const key = Arg.ptr(1);
  const length = Arg.length(1);
  let e = lookupWrite(database, slot, key, length);
  if (refusedAsSet(e)) return;
  let added: u32 = 0;
  if (e == 0) {
    e = addSet(database, slot, key, length, setEncodingFor(Arg.ptr(2), Arg.length(2)));
  } else if (Entry.encoding(e) == <u32>Encoding.IntSet) {
    // It may turn into a table at any member.
    if (!setCanInsert(Encoding.IntSet, Entry.pointer(e), 0)) {
      replyOutOfMemory();
      return;
    }
  }
  for (let i: u32 = 2; i < argc; i++) {
    if (has(e, i)) continue;
    if (added++ == 0) willChange(database, slot, e);
    insertSearched(e, Arg.ptr(i), Arg.length(i));
  }
  if (added > 0) {
    notify(Notify.Set, "sadd", database.index, key, length);
    Writes.many(added);
    Journal.verbatim(database.index);
  }
  replyInt(added);
}

function sRem(): void {
  const database = currentDatabase();
  const key = Arg.ptr(1);
  const length = Arg.length(1);
  const e = lookupWrite(database, slot, key, length);
  if (refusedAsSet(e)) return;
  let removed: u32 = 0;
  let left = e == 0 ? 0 : countOf(e);
  for (let i: u32 = 2; i < argc && left > 0; i++) {
    if (!has(e, i)) continue;
    if (removed++ == 0) willChange(database, slot, e);
    removeFoundMember(e);
    left--;
  }
  if (removed > 0) {
    notify(Notify.Set, "srem", database.index, key, length);
    if (left == 0) deleteEmptied(database, slot, key, length);
    Writes.many(removed);
    Journal.verbatim(database.index);
  }
  replyInt(removed);
}

function sMove(): void {
  const database = currentDatabase();
  const key = Arg.ptr(1);
  const length = Arg.length(1);
  const target = Arg.ptr(2);
  const targetLength = Arg.length(2);
  const targetSlot = slotOf(target, targetLength);
  const from = lookupWrite(database, slot, key, length);
  let to = lookupWrite(database, targetSlot, target, targetLength);
  if (from == 0) {
    replyInt(0);
    return;
  }
  if (refusedAsSet(from) || refusedAsSet(to)) return;
  const found = has(from, 3);
  if (from == to || !found) {
    replyInt(found ? 1 : 0);
    return;
  }
  const member = Arg.ptr(3);
  const memberLength = Arg.length(3);
  if (to != 0 && !setCanInsert(Entry.encoding(to), Entry.pointer(to), memberLength)) {
    replyOutOfMemory();
    return;
  }
  willChange(database, slot, from);
  removeFoundMember(from);
  notify(Notify.Set, "srem", database.index, key, length);
  if (countOf(from) == 0) deleteEmptied(database, slot, key, length);
  if (to == 0) {
    find(database, targetSlot, target, targetLength);
    const encoding = setEncodingFor(member, memberLength);
    to = addSet(database, targetSlot, target, targetLength, encoding);
  }
  Writes.one();
  if (!has(to, 3)) {
    willChange(database, targetSlot, to);
    insertSearched(to, member, memberLength);
    Writes.one();
    notify(Notify.Set, "sadd", database.index, target, targetLength);
  }
  Journal.verbatim(database.index);
  replyInt(1);
}

// Questions.

function sCard(): void {
  const e = lookupRead(currentDatabase(), slot, Arg.ptr(1), Arg.length(1));
  if (!refusedAsSet(e)) replyInt(e == 0 ? 0 : countOf(e));
}

function sIsMember(): void {
  const e = lookupRead(currentDatabase(), slot, Arg.ptr(1), Arg.length(1));
  if (!refusedAsSet(e)) replyInt(e != 0 && has(e, 2) ? 1 : 0);
}

function sMIsMember(): void {
  const e = lookupRead(currentDatabase(), slot, Arg.ptr(1), Arg.length(1));
  if (refusedAsSet(e)) return;
  replyArray(argc - 2);
  for (let i: u32 = 2; i < argc; i++) replyInt(e != 0 && has(e, i) ? 1 : 0);
}

function sScan(): void {
  if (!parseScanCursor(2)) return;
  const e = lookupRead(currentDatabase(), slot, Arg.ptr(1), Arg.length(1));
  if (e == 0) {
    replyScanCursor(0);
    replyArray(0);
    return;
  }
  if (refusedAsSet(e) || !parseScanOptions(3, false)) return;
  const set = Entry.pointer(e);
  let count: u32 = 0;
  if (Entry.encoding(e) == <u32>Encoding.IntSet) {
    // All at once, whatever COUNT says.
    replyScanCursor(0);
    const gap = needReplyGap();
    let more = setNext(Encoding.IntSet, set, 0);
    for (; more && !replyLost; more = setNext(Encoding.IntSet, set, Member.at)) {
      if (!ScanOptions.matches(Member.ptr, Member.length)) continue;
      replyBulk(Member.ptr, Member.length);
      count++;
    }
    closeReplyGap(gap, count);
    return;
  }
  const collected = collectRecords(set);
  replyScanCursor(nextCursor);
  const gap = needReplyGap();
  for (let i: u32 = 0; i < collected; i++) {
    const record = collectedRecord(i);
    const member = record + MEMBER_HEADER;
    if (!ScanOptions.matches(member, load<u32>(record))) continue;
    replyBulk(member, load<u32>(record));
    count++;
  }
  closeReplyGap(gap, count);
  releaseCollected();
}
