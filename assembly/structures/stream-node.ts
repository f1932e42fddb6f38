/**
 * The listpacks of a stream, byte for byte as Redis 7.0 lays them out (t_stream.c):
 *
 *   master   entries | deleted | n | field 1 ... field n | 0
 *   entry    flags | ms - master's | seq - master's | [n | field] value ... | elements of this entry before this one
 *
 * The identifier of the first entry is the listpack's key. An entry with the master's fields (`SameFields`) has only
 * values. A deleted entry stays, flagged, until the whole listpack goes.
 */
import { lpFirst, lpNext, lpReplaceInteger } from "./listpack";
import { Lp, lpGet } from "./listpack-element";

export enum EntryFlag {
  Deleted = 1,
  SameFields = 2,
}

/** STREAM_LISTPACK_MAX_SIZE: no entry and no listpack is larger. */
export const NODE_BYTES_MAX: u64 = 1 << 30;

export function integerAt(p: usize): i64 {
  lpGet(p);
  return Lp.value;
}

/** Entries that are not deleted, as the listpack counts them. */
export function entriesOf(lp: usize): i64 {
  return integerAt(lpFirst(lp));
}

export function setCounts(lp: usize, entries: i64, deleted: i64): usize {
  lp = lpReplaceInteger(lp, lpFirst(lp), entries);
  return lpReplaceInteger(lp, lpNext(lp, lpFirst(lp)), deleted);
}
