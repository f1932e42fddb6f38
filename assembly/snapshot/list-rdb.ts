/** List values in RDB files and in digests. Formats: Redis 7.0 rdb.c; digest: debug.c. */

/** The type byte that announces the value. */
export function listRdbType(_encoding: u32, _ptr: usize): u32 {
  return unreachable();
}

/** Writes the value with `RdbWriter`. */
export function saveList(_encoding: u32, _ptr: usize): void {
  unreachable();
}

/** Begins to read a value of the RDB type: see `Loading` in loading.ts. */
export function beginList(_type: u32): bool {
  return unreachable();
}

/** Reads one more element. */
export function continueList(): bool {
  return unreachable();
}

/** Mixes the elements into the digest at `sum`. */
export function digestList(_sum: usize, _encoding: u32, _ptr: usize): void {
  unreachable();
}
