/** SORT's view of the types: their elements, a hash's field, and the list that STORE makes. */
import { Encoding, ValueType } from "../abi";
import { canAllocate, free } from "../base/memory";
import { signalReady } from "../keyspace/blocking";
import { Database } from "../keyspace/database";
import { Entry, setPointer } from "../keyspace/entry";
import { findField } from "../keyspace/field-expiry";
import { addEntry, lookupWrite, reshapeFound } from "../keyspace/keyspace";
import { View } from "../keyspace/string-value";
import { writeInt64 } from "../protocol/number";
import { Hash, HashText } from "../structures/hash-fields";
import { listCount, listFreeSome } from "../structures/list-value";
import { Lp } from "../structures/listpack-element";
import { pushTail, quicklistWithFill } from "../structures/quicklist";
import { readHere, seek, step } from "../structures/quicklist-place";
import { Member, setNext } from "../structures/set-value";
import { Walk, Z } from "../structures/sorted-set";
import { bigOfPack, sortedSetCount } from "../structures/sorted-set-value";
import { Rows } from "./sort-rows";

const integerText: usize = memory.data(32, 16);

/** SORT leaves a small sorted set behind as a big one, as in Redis. False: memory is short. */
export function prepare(e: usize): bool {
  if (Entry.encoding(e) != Encoding.Listpack) return true;
  const small = Entry.pointer(e);
  const big = bigOfPack(small);
  if (big == 0) return false;
  free(small);
  setPointer(e, Encoding.SkipList, big);
  return true;
}

/** Adds `count` elements from the one at `first` on, as `Rows`; with `backwards` both count from the end. */
export function collect(e: usize, first: u32, count: u32, backwards: bool): void {
  const encoding = Entry.encoding(e);
  const ptr = Entry.pointer(e);
  switch (Entry.type(e)) {
    case ValueType.List:
      return collectList(ptr, first, count, backwards);
    case ValueType.Set:
      return collectSet(encoding, ptr, count);
    case ValueType.SortedSet:
      Z.open(encoding, ptr);
      Walk.start(backwards ? sortedSetCount(encoding, ptr) - 1 - first : first, backwards);
      for (let left = count; left > 0 && Walk.step(); left--) Rows.add(Walk.member, Walk.length);
      return;
    default:
      unreachable();
  }
}

function collectList(ptr: usize, first: u32, count: u32, backwards: bool): void {
  seek(ptr, backwards ? listCount(0, ptr) - 1 - first : first);
  for (let left = count; left > 0; left--) {
    readHere();
    if (Lp.isInteger) Rows.add(integerText, <u32>writeInt64(integerText, Lp.value));
    else Rows.add(Lp.ptr, Lp.length);
    if (!step(backwards)) return;
  }
}

function collectSet(encoding: u32, ptr: usize, count: u32): void {
  Member.at = 0;
  for (let left = count; left > 0 && setNext(encoding, ptr, Member.at); left--) {
    Rows.add(Member.ptr, Member.length);
  }
}

/** Points `View` at a field of the hash; false where there is none. */
export function readField(
  database: Database,
  slot: u32,
  e: usize,
  field: usize,
  length: u32,
): bool {
  Hash.open(Entry.encoding(e), Entry.pointer(e));
  if (!findField(database, slot, e, field, length, false)) return false;
  Hash.readValue(Hash.found);
  View.ptr = HashText.ptr;
  View.length = HashText.length;
  return true;
}

/** What adding an element may take beside its own bytes: a node that is moved or begun. */
const NODE_BYTES: usize = 16384;

/** The list that STORE makes. */
export class StoredList {
  static failed: bool = false;
  static count: u32 = 0;
  private static list: usize = 0;

  static begin(): void {
    StoredList.failed = false;
    StoredList.count = 0;
    // Whatever is configured: Redis's SORT leaves the list with its default.
    StoredList.list = quicklistWithFill(-2);
  }

  static add(ptr: usize, length: u32): void {
    if (StoredList.failed || !canAllocate(((<usize>length) << 1) + NODE_BYTES)) {
      StoredList.failed = true;
      return;
    }
    pushTail(StoredList.list, ptr, length);
    StoredList.count++;
  }

  static discard(): void {
    while (listFreeSome(Encoding.Quicklist, StoredList.list, 1024) == 1024) {}
  }

  /** Puts it under the key in place of whatever is there. */
  static put(database: Database, slot: u32, key: usize, length: u32): void {
    const type = ValueType.List;
    const encoding = Encoding.Quicklist;
    let e = lookupWrite(database, slot, key, length);
    // Redis 7.0 lets nobody go where a key was there before (dbOverwrite), unless that was a stream.
    if (e == 0) signalReady(database.index, type, key, length);
    if (e == 0) e = addEntry(database, slot, key, length, type, encoding, -1, 0);
    else e = reshapeFound(database, slot, e, type, encoding, -1, 0, 0);
    setPointer(e, encoding, StoredList.list);
  }
}
