/**
 * Values on their way out. What is small is freed at once; a value of many elements goes into a list and is freed in
 * slices between turns of the event loop, so that nobody waits for it (Redis's lazyfree, always on).
 */
import { Stat } from "../abi";
import { alloc, free } from "../base/memory";
import { Stats } from "../base/stats";
import { freeSomeOf, valueCount } from "./value";

/** Values of up to so many elements are freed at once (LAZYFREE_THRESHOLD in Redis's lazyfree.c). */
const AT_ONCE_MAX: u32 = 64;

/*
 *  Garbage, 16 bytes: a value whose key is gone
 */
@unmanaged
class Garbage {
  next: usize;
  ptr: usize;
  type: u32;
  encoding: u32;
}

let first: usize = 0;

/** Frees the value, at once or bit by bit. */
export function discardValue(type: u32, encoding: u32, ptr: usize): void {
  if (valueCount(type, encoding, ptr) <= AT_ONCE_MAX) {
    freeSomeOf(type, encoding, ptr, u32.MAX_VALUE);
    return;
  }
  const garbage = changetype<Garbage>(alloc(offsetof<Garbage>()));
  garbage.next = first;
  garbage.ptr = ptr;
  garbage.type = type;
  garbage.encoding = encoding;
  first = changetype<usize>(garbage);
  Stats.add(Stat.LazyfreePending, 1);
}

export function hasGarbage(): bool {
  return first != 0;
}

/** Frees about `budget` elements of what waits; answers how many. */
export function freeGarbage(budget: u32): u32 {
  let freed: u32 = 0;
  while (first != 0 && freed < budget) {
    const garbage = changetype<Garbage>(first);
    const wanted = budget - freed;
    const some = freeSomeOf(garbage.type, garbage.encoding, garbage.ptr, wanted);
    freed += some;
    if (some >= wanted) break;
    first = garbage.next;
    free(changetype<usize>(garbage));
    Stats.add(Stat.LazyfreePending, -1);
    Stats.add(Stat.LazyfreedKeys, 1);
  }
  return freed;
}
