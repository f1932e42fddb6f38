/**
 * A large hash of which fields have had an expiry: the dict of its records with what the search for expired ones needs.
 *
 *   +0 u32 dict   +4 u32 fields that have an expiry
 *   +8 i64 no field expires before this time (a lower bound; i64.MAX_VALUE: none does)
 *   +16 u64 where the search goes on   +24 i64 earliest expiry that the search has met
 */
import { alloc } from "../base/memory";

export const NEVER: i64 = i64.MAX_VALUE;

@unmanaged
export class ExpiringTable {
  dict: usize;
  expiring: u32;
  next: i64;
  cursor: u64;
  searched: i64;

  static of(dict: usize): ExpiringTable {
    const table = changetype<ExpiringTable>(alloc(offsetof<ExpiringTable>()));
    table.dict = dict;
    table.expiring = 0;
    table.next = NEVER;
    table.cursor = 0;
    table.searched = NEVER;
    return table;
  }

  @inline static at(ptr: usize): ExpiringTable {
    return changetype<ExpiringTable>(ptr);
  }

  /** A field of the table is to expire at this time. */
  note(at: i64): void {
    if (at < this.next) this.next = at;
    if (at < this.searched) this.searched = at;
  }
}
if (offsetof<ExpiringTable>() != 32) ERROR("ExpiringTable must be 32 bytes");
