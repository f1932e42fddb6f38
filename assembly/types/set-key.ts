/** Sets and their keys: what the commands of the family share. */
import { Notify, ValueType } from "../abi";
import { Database, find } from "../keyspace/database";
import { Entry, setPointer } from "../keyspace/entry";
import { deleteFound } from "../keyspace/keyspace";
import { notify } from "../keyspace/notify";
import { replyWrongType } from "../protocol/reply";
import { setCount, setRemoveFound } from "../structures/set-value";

/** Whether the entry, where there is one, holds something else; that was replied then. */
export function refusedAsSet(e: usize): bool {
  if (e == 0 || Entry.type(e) == <u32>ValueType.Set) return false;
  replyWrongType();
  return true;
}

/** Deletes the key, whose set has become empty, and says so. */
export function deleteEmptied(database: Database, slot: u32, key: usize, length: u32): void {
  deleteFound(database, slot, find(database, slot, key, length));
  notify(Notify.Generic, "del", database.index, key, length);
}

/** Takes out the member that was just found in the entry's set. */
export function removeFoundMember(e: usize): void {
  const encoding = Entry.encoding(e);
  setPointer(e, encoding, setRemoveFound(encoding, Entry.pointer(e)));
}

export function countOf(e: usize): u32 {
  return setCount(Entry.encoding(e), Entry.pointer(e));
}
