/** Set values in RDB files and in digests. Formats: Redis 7.0 rdb.c; digest: debug.c. */

/** The type byte that announces the value. */
export function setRdbType(_encoding: u32, _ptr: usize): u32 {
  return unreachable();
}

/** Writes the value with `RdbWriter`. */
export function saveSet(_encoding: u32, _ptr: usize): void {
  unreachable();
}

/** Begins to read a value of the RDB type: see `Loading` in loading.ts. */
export function beginSet(_type: u32): bool {
  return unreachable();
}

/** Reads one more element. */
export function continueSet(): bool {
  return unreachable();
}

/** Mixes the elements into the digest at `sum`. */
export function digestSet(_sum: usize, _encoding: u32, _ptr: usize): void {
  unreachable();
}
