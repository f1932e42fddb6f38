/** List values: what every value of a type can do, whatever its encoding. A list is always a quicklist. */
import { copyQuicklist, freeNodes, Quicklist, quicklistBytes } from "./quicklist";

/** Elements of the value. */
export function listCount(_encoding: u32, ptr: usize): u32 {
  return Quicklist.at(ptr).count;
}

/** Bytes allocated for the value; of large ones an estimate from the first `samples` nodes (0: all). */
export function listBytes(_encoding: u32, ptr: usize, samples: u32): usize {
  return quicklistBytes(ptr, samples);
}

/**
 * Frees up to `budget` nodes, which cost as much as single elements of other types; answers how many. Fewer than
 * `budget`: nothing is left, the value itself is freed.
 */
export function listFreeSome(_encoding: u32, ptr: usize, budget: u32): u32 {
  return freeNodes(ptr, budget);
}

/** A deep copy, or 0 where memory does not suffice (nothing is left behind then). */
export function listCopy(_encoding: u32, ptr: usize): usize {
  return copyQuicklist(ptr);
}
