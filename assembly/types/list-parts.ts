/** What several list commands have in common. */
import { Encoding, Notify, ValueType } from "../abi";
import { canAllocate } from "../base/memory";
import { signalReady } from "../keyspace/blocking";
import { Database, find } from "../keyspace/database";
import { Entry, setPointer } from "../keyspace/entry";
import { addEntry, deleteFound, willChange } from "../keyspace/keyspace";
import { notify } from "../keyspace/notify";
import { replyArray, replyOutOfMemory } from "../protocol/reply";
import { replyElements } from "../structures/listpack-element";
import { newQuicklist, Quicklist } from "../structures/quicklist";
import { QuickNode } from "../structures/quicklist-node";
import { At, changeBytes, deleteRange, replyHere, seek, step } from "../structures/quicklist-place";
import { Writes } from "./writes";

/** Whether the entry holds a list. */
export function isList(e: usize): bool {
  return Entry.type(e) == ValueType.List;
}

/** An empty list under a key that a lookup has just missed; answers the quicklist. */
export function addList(database: Database, keySlot: u32, key: usize, length: u32): usize {
  const e = addEntry(database, keySlot, key, length, ValueType.List, Encoding.Quicklist, -1, 0);
  const list = newQuicklist();
  setPointer(e, Encoding.Quicklist, list);
  signalReady(database.index, ValueType.List, key, length);
  return list;
}

/** Says that elements have left the list under the key; an empty list goes. */
export function tellPopped(
  database: Database,
  keySlot: u32,
  key: usize,
  length: u32,
  tail: bool,
  empty: bool,
): void {
  if (tail) notify(Notify.List, "rpop", database.index, key, length);
  else notify(Notify.List, "lpop", database.index, key, length);
  if (empty) deleteEmpty(database, keySlot, key, length);
}

/** Deletes the key, whose list has no elements or none that stay. */
export function deleteEmpty(database: Database, keySlot: u32, key: usize, length: u32): void {
  notify(Notify.Generic, "del", database.index, key, length);
  deleteFound(database, keySlot, find(database, keySlot, key, length));
}

/** Takes up to `wanted` elements, as an array; answers how many. */
export function popSome(
  database: Database,
  keySlot: u32,
  key: usize,
  keyLength: u32,
  e: usize,
  tail: bool,
  wanted: i64,
): u32 {
  const list = Entry.pointer(e);
  const count = Quicklist.at(list).count;
  const taken: u32 = wanted > <i64>count ? count : <u32>wanted;
  willChange(database, keySlot, e);
  replyRange(list, tail ? count - taken : 0, taken, tail);
  // A list that goes as a whole is freed behind the scenes.
  if (taken < count) deleteRange(list, tail ? count - taken : 0, taken);
  tellPopped(database, keySlot, key, keyLength, tail, taken == count);
  Writes.many(taken);
  return taken;
}

/** An array of `count` elements from `start` on; `backwards`: the last of them first. */
export function replyRange(list: usize, start: u32, count: u32, backwards: bool): void {
  replyArray(count);
  if (count == 0) return;
  seek(list, backwards ? start + count - 1 : start);
  if (backwards) {
    while (true) {
      replyHere();
      if (--count == 0) return;
      step(true);
    }
  }
  while (true) {
    const node = QuickNode.at(At.node);
    const last = min(node.count, At.offset + count);
    if (node.plain) replyHere();
    else replyElements(At.p, last - At.offset, node.end);
    count -= last - At.offset;
    if (count == 0) return;
    At.offset = node.count - 1;
    step(false);
  }
}

/** Whether memory suffices to put an element where `At` is; else replies so. */
export function roomToChange(length: u32): bool {
  const bytes = changeBytes() + ((<u64>length) << 1);
  if (bytes < 0xf0000000 && canAllocate(<usize>bytes)) return true;
  replyOutOfMemory();
  return false;
}
