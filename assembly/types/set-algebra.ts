/** Unions, intersections and differences of sets. Behaviour: Redis 7.0 t_set.c. */
import { equalsWord } from "../base/bytes";
import { Arg, argc, closeSetGap, needReplyGap, replyLost, Streams, slot } from "../base/frame";
import { Entry } from "../keyspace/entry";
import { currentDatabase, lookupRead, slotOf } from "../keyspace/keyspace";
import { parsedInt64, parseInt64 } from "../protocol/number";
import {
  replyBulk,
  replyError,
  replyInt,
  replyOutOfMemory,
  replySet,
  replySyntaxError,
} from "../protocol/reply";
import { Member, setHas, setNext } from "../structures/set-value";
import { countOf, refusedAsSet } from "./set-key";
import { deleteStored, SetResult } from "./set-result";

/** The sets that the arguments name: entries, or 0 for a key that is missing, in the output region. */
class Sources {
  static count: u32 = 0;
  static missing: u32 = 0;

  @inline static at(index: u32): usize {
    return load<usize>(Streams.output.base + ((<usize>index) << 2));
  }
  @inline static put(index: u32, e: usize): void {
    store<usize>(Streams.output.base + ((<usize>index) << 2), e);
  }

  /** Looks up `count` keys from an argument on. False: one of them is no set, or memory is short; that was replied. */
  static read(first: u32, count: u32): bool {
    const cells = Streams.output;
    cells.length = 0;
    if (!cells.reserve((<usize>count) << 2)) {
      replyOutOfMemory();
      return false;
    }
    const database = currentDatabase();
    Sources.count = count;
    Sources.missing = 0;
    for (let i: u32 = 0; i < count; i++) {
      const key = Arg.ptr(first + i);
      const length = Arg.length(first + i);
      const keySlot = slotOf(key, length);
      const e = lookupRead(database, keySlot, key, length);
      if (refusedAsSet(e)) return false;
      if (e == 0) Sources.missing++;
      Sources.put(i, e);
    }
    return true;
  }

  static has(index: u32): bool {
    const e = Sources.at(index);
    return e != 0 && setHas(Entry.encoding(e), Entry.pointer(e), Member.ptr, Member.length);
  }

  /** The smallest one comes first: its members are looked for in the others. */
  static smallestFirst(): void {
    let smallest: u32 = 0;
    for (let i: u32 = 1; i < Sources.count; i++) {
      if (countOf(Sources.at(i)) < countOf(Sources.at(smallest))) smallest = i;
    }
    const e = Sources.at(0);
    Sources.put(0, Sources.at(smallest));
    Sources.put(smallest, e);
  }
}

/** SINTER, SINTERSTORE, and SMEMBERS, which is an intersection of one set. */
export function sInter(stores: bool): void {
  const first: u32 = stores ? 2 : 1;
  if (!Sources.read(first, argc - first)) return;
  if (Sources.missing > 0) {
    if (stores) deleteStored(currentDatabase(), slot, Arg.ptr(1), Arg.length(1));
    else replySet(0);
    return;
  }
  Sources.smallestFirst();
  if (stores) {
    if (buildIntersection())
      SetResult.store(currentDatabase(), slot, Arg.ptr(1), Arg.length(1), "sinterstore");
    return;
  }
  const e = Sources.at(0);
  const encoding = Entry.encoding(e);
  const ptr = Entry.pointer(e);
  // Of one set the size is known.
  const alone = Sources.count == 1;
  if (alone) replySet(countOf(e));
  const gap: usize = alone ? 0 : needReplyGap();
  let count: u32 = 0;
  let more = setNext(encoding, ptr, 0);
  for (; more && !replyLost; more = setNext(encoding, ptr, Member.at)) {
    if (!inAllOthers()) continue;
    replyBulk(Member.ptr, Member.length);
    count++;
  }
  if (!alone) closeSetGap(gap, count);
}

function inAllOthers(): bool {
  for (let i: u32 = 1; i < Sources.count; i++) {
    if (!Sources.has(i)) return false;
  }
  return true;
}

function buildIntersection(): bool {
  const e = Sources.at(0);
  const encoding = Entry.encoding(e);
  const ptr = Entry.pointer(e);
  if (!beginResult()) return false;
  for (let more = setNext(encoding, ptr, 0); more; more = setNext(encoding, ptr, Member.at)) {
    if (inAllOthers() && !addMember()) return false;
  }
  return true;
}

/** Begins the result. False: memory does not suffice; that was replied. */
function beginResult(): bool {
  if (SetResult.begin()) return true;
  replyOutOfMemory();
  return false;
}

/** Adds the member in hand to the result. False: memory does not suffice; that was replied. */
function addMember(): bool {
  if (SetResult.add(Member.ptr, Member.length)) return true;
  replyOutOfMemory();
  return false;
}

export function sInterCard(): void {
  if (!parseInt64(Arg.ptr(1), <i32>Arg.length(1)) || parsedInt64() < 1) {
    replyError("ERR numkeys should be greater than 0");
    return;
  }
  if (parsedInt64() > <i64>argc - 2) {
    replyError("ERR Number of keys can't be greater than number of args");
    return;
  }
  const count = <u32>parsedInt64();
  let limit: i64 = 0;
  for (let i = count + 2; i < argc; i += 2) {
    if (!equalsWord(Arg.ptr(i), Arg.length(i), "limit") || i + 1 == argc) {
      replySyntaxError();
      return;
    }
    if (!parseInt64(Arg.ptr(i + 1), <i32>Arg.length(i + 1)) || parsedInt64() < 0) {
      replyError("ERR LIMIT can't be negative");
      return;
    }
    limit = parsedInt64();
  }
  if (!Sources.read(2, count)) return;
  let found: i64 = 0;
  if (Sources.missing == 0) {
    Sources.smallestFirst();
    const e = Sources.at(0);
    const encoding = Entry.encoding(e);
    const ptr = Entry.pointer(e);
    for (let more = setNext(encoding, ptr, 0); more; more = setNext(encoding, ptr, Member.at)) {
      if (inAllOthers() && ++found == limit) break;
    }
  }
  replyInt(found);
}

export function sUnion(stores: bool): void {
  const first: u32 = stores ? 2 : 1;
  if (!Sources.read(first, argc - first)) return;
  if (!beginResult()) return;
  for (let i: u32 = 0; i < Sources.count; i++) {
    if (Sources.at(i) != 0 && !addAll(Sources.at(i))) return;
  }
  if (stores) SetResult.store(currentDatabase(), slot, Arg.ptr(1), Arg.length(1), "sunionstore");
  else SetResult.answer();
}

function addAll(e: usize): bool {
  const encoding = Entry.encoding(e);
  const ptr = Entry.pointer(e);
  for (let more = setNext(encoding, ptr, 0); more; more = setNext(encoding, ptr, Member.at)) {
    if (!addMember()) return false;
  }
  return true;
}

export function sDiff(stores: bool): void {
  const first: u32 = stores ? 2 : 1;
  if (!Sources.read(first, argc - first)) return;
  if (!beginResult()) return;
  if (Sources.at(0) != 0 && !repeatsFirst()) {
    if (searchesOthers()) {
      if (!addUnlessInOthers()) return;
    } else {
      if (!addAll(Sources.at(0))) return;
      for (let i: u32 = 1; i < Sources.count && SetResult.count() > 0; i++)
        removeAll(Sources.at(i));
    }
  }
  if (stores) SetResult.store(currentDatabase(), slot, Arg.ptr(1), Arg.length(1), "sdiffstore");
  else SetResult.answer();
}

/** Whether the first set is taken away from itself. */
function repeatsFirst(): bool {
  for (let i: u32 = 1; i < Sources.count; i++) {
    if (Sources.at(i) == Sources.at(0)) return true;
  }
  return false;
}

/**
 * Redis's choice between two ways: to look for each member of the first set in all others, or to take all members of
 * the others out of a copy of the first. The way can be seen in the encoding of the result.
 */
function searchesOthers(): bool {
  let searching: u64 = 0;
  let removing: u64 = 0;
  for (let i: u32 = 0; i < Sources.count; i++) {
    if (Sources.at(i) == 0) continue;
    searching += countOf(Sources.at(0));
    removing += countOf(Sources.at(i));
  }
  return searching >> 1 <= removing;
}

function addUnlessInOthers(): bool {
  const e = Sources.at(0);
  const encoding = Entry.encoding(e);
  const ptr = Entry.pointer(e);
  for (let more = setNext(encoding, ptr, 0); more; more = setNext(encoding, ptr, Member.at)) {
    let other: u32 = 1;
    while (other < Sources.count && !Sources.has(other)) other++;
    if (other == Sources.count && !addMember()) return false;
  }
  return true;
}

function removeAll(e: usize): void {
  if (e == 0) return;
  const encoding = Entry.encoding(e);
  const ptr = Entry.pointer(e);
  for (let more = setNext(encoding, ptr, 0); more; more = setNext(encoding, ptr, Member.at)) {
    SetResult.remove(Member.ptr, Member.length);
  }
}
