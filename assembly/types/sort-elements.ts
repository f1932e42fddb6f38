/** SORT's view of the types: their elements, a hash's field, and the list that STORE makes. */
import { ValueType } from "../abi";
import { Database } from "../keyspace/database";
import { Entry } from "../keyspace/entry";
import { Member, setNext } from "../structures/set-value";
import { Rows } from "./sort-rows";

/** Brings the value into the form that SORT leaves behind. False: memory is short. */
export function prepare(_e: usize): bool {
  return true;
}

/** Adds `count` elements from the one at `first` on, as `Rows`; with `backwards` both count from the end. */
export function collect(e: usize, _first: u32, count: u32, _backwards: bool): void {
  switch (Entry.type(e)) {
    case ValueType.Set:
      return collectSet(e, count);
    default:
      Rows.failed = true;
  }
}

function collectSet(e: usize, count: u32): void {
  const encoding = Entry.encoding(e);
  const ptr = Entry.pointer(e);
  Member.at = 0;
  for (let left = count; left > 0 && setNext(encoding, ptr, Member.at); left--) {
    Rows.add(Member.ptr, Member.length);
  }
}

/** Points `View` at a field of the hash; false where there is none. */
export function readField(
  _database: Database,
  _slot: u32,
  _e: usize,
  _field: usize,
  _length: u32,
): bool {
  return false;
}

/** The list that STORE makes. */
export class StoredList {
  static failed: bool = true;
  static count: u32 = 0;

  static begin(): void {}

  static add(_ptr: usize, _length: u32): void {}

  static discard(): void {}

  static put(_database: Database, _slot: u32, _key: usize, _length: u32): void {}
}
