/** List values: what every value of a type can do, whatever its encoding. `encoding` is the entry's. */

/** Elements of the value. */
export function listCount(_encoding: u32, _ptr: usize): u32 {
  return unreachable();
}

/** Bytes allocated for the value; of large ones an estimate from the first `samples` elements (0: all). */
export function listBytes(_encoding: u32, _ptr: usize, _samples: u32): usize {
  return unreachable();
}

/** Frees up to `budget` elements; answers how many. Fewer than `budget`: nothing is left, the value itself is freed. */
export function listFreeSome(_encoding: u32, _ptr: usize, _budget: u32): u32 {
  return unreachable();
}

/** A deep copy, or 0 where memory does not suffice (nothing is left behind then). */
export function listCopy(_encoding: u32, _ptr: usize): usize {
  return unreachable();
}
