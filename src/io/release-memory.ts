import { dlopen, FFIType, ptr } from "bun:ffi";
import { systemLibraries } from "./system-library.ts";

/** madvise(2): the pages may go; when they are touched again they are zero. */
const MADV_DONTNEED = 4;

export type ReleaseMemory = (memory: Uint8Array, address: number, length: number) => boolean;

/**
 * Gives pages inside the engine's memory back to the system: WASM memory cannot shrink, but pages that nobody
 * needs can. Undefined where the C library cannot be loaded: then memory once used stays with the process.
 */
export function loadReleaseMemory(): ReleaseMemory | undefined {
  for (const library of systemLibraries) {
    try {
      const { symbols } = dlopen(library, {
        madvise: { args: [FFIType.ptr, FFIType.u64, FFIType.i32], returns: FFIType.i32 },
      });
      return (memory, address, length) =>
        symbols.madvise(ptr(memory, address), length, MADV_DONTNEED) === 0;
    } catch {
      // The next library may be the one.
    }
  }
  return undefined;
}
