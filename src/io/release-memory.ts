import { FFIType, ptr } from "bun:ffi";
import { systemFunctions } from "./system-library.ts";

/** madvise(2): the pages may go; when they are touched again they are zero. */
const MADV_DONTNEED = 4;

export type ReleaseMemory = (memory: Uint8Array, address: number, length: number) => boolean;

/**
 * Gives pages inside the engine's memory back to the system: WASM memory cannot shrink, but pages that nobody
 * needs can. Undefined where the C library cannot be loaded: then memory once used stays with the process.
 */
export function loadReleaseMemory(): ReleaseMemory | undefined {
  const symbols = systemFunctions({
    madvise: { args: [FFIType.ptr, FFIType.u64, FFIType.i32], returns: FFIType.i32 },
  });
  if (symbols === undefined) return undefined;
  return (memory, address, length) =>
    symbols.madvise(ptr(memory, address), length, MADV_DONTNEED) === 0;
}
