import { FFIType } from "bun:ffi";
import { systemFunctions } from "./system-library.ts";

/** flock(2): exclusive, and an answer at once. */
const LOCK_EX = 2;
const LOCK_NB = 4;

export type FileLock = (descriptor: number) => boolean;

/**
 * Locks an open file for this process alone, as long as the descriptor is open; false: another process
 * holds it. Neither Bun nor Node offers flock, so it comes from the C library. Undefined where that
 * cannot be loaded.
 */
export function loadFileLock(): FileLock | undefined {
  const symbols = systemFunctions({
    flock: { args: [FFIType.i32, FFIType.i32], returns: FFIType.i32 },
  });
  if (symbols === undefined) return undefined;
  return (descriptor) => symbols.flock(descriptor, LOCK_EX | LOCK_NB) === 0;
}
