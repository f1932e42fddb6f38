/**
 * Whether listpacks from outside are those of a stream (streamValidateListpackIntegrity in Redis 7.0's t_stream.c). Beyond
 * Redis: counts must be right. Identifiers need not rise, as XSETID may go back behind entries that are deleted.
 */
import { lpFirst, lpNext, lpValid } from "./listpack";
import { Lp, lpGet } from "./listpack-element";

const DELETED: i64 = 1;
const SAME_FIELDS: i64 = 2;
const FLAGS_MAX: u32 = 3;

let at: usize = 0;

/** Reads an integer and goes on; false: there is none. */
function integer(lp: usize): bool {
  if (at == 0) return false;
  lpGet(at);
  at = lpNext(lp, at);
  return Lp.isInteger;
}

function skip(lp: usize, count: i64): bool {
  for (; count > 0; count--) {
    if (at == 0) return false;
    at = lpNext(lp, at);
  }
  return true;
}

/** Checks a listpack; answers how many entries it has, below 0: not sound. */
export function validNode(lp: usize, length: u32): i64 {
  if (!lpValid(lp, length, true)) return -1;
  at = lpFirst(lp);
  if (!integer(lp)) return -1;
  const entries = Lp.value;
  if (!integer(lp)) return -1;
  const deleted = Lp.value;
  if (!integer(lp)) return -1;
  const fields = Lp.value;
  if (entries < 0 || deleted < 0 || fields < 0 || !skip(lp, fields)) return -1;
  if (!integer(lp) || Lp.value != 0) return -1;
  let live: i64 = 0;
  let dead: i64 = 0;
  while (at != 0) {
    if (!validEntry(lp, fields)) return -1;
    if (isDeleted) dead++;
    else live++;
  }
  return live == entries && dead == deleted && live + dead > 0 ? entries : -1;
}

let isDeleted: bool = false;

function validEntry(lp: usize, masterFields: i64): bool {
  // Flags change in place: they must be an integer of one byte.
  if (<u32>load<u8>(at) > FLAGS_MAX) return false;
  if (!integer(lp)) return false;
  const flags = Lp.value;
  if (!integer(lp) || !integer(lp)) return false;
  let fields = masterFields;
  let elements = fields + 3;
  if ((flags & SAME_FIELDS) == 0) {
    if (!integer(lp)) return false;
    fields = Lp.value;
    if (fields < 0 || fields > <i64>u32.MAX_VALUE) return false;
    elements = (fields << 1) + 4;
    fields <<= 1;
  }
  if (!skip(lp, fields) || !integer(lp) || Lp.value != elements) return false;
  isDeleted = (flags & DELETED) != 0;
  return true;
}
