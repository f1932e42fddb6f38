import { FFIType, ptr } from "bun:ffi";
import { systemFunctions } from "./system-library.ts";

/** CLOCK_THREAD_CPUTIME_ID of clock_gettime(2) and RUSAGE_THREAD of getrusage(2). */
const threadClock = 3;
const thisThread = 1;

/** Offsets in 32-bit words: `struct timespec` {i64 s, i64 ns}, and what is asked for of `struct rusage` (i64 each). */
const nanosecondsWord = 2;
const minorFaultsWord = 16;
const rusageWords = 36;

/** What the calling thread alone has used so far. */
export interface ThreadUsage {
  /** Processor time, user and system, to the nanosecond. */
  cpuMs(): number;
  /** Pages that were given to the process on first touch. */
  pageFaults(): number;
}

/**
 * `process.threadCpuUsage` stands still between two ticks of the kernel's clock (4 ms at 250 Hz), so that a turn may
 * get the time of those before it. The clock does not.
 */
export function loadThreadUsage(): ThreadUsage {
  const symbols = systemFunctions({
    clock_gettime: { args: [FFIType.i32, FFIType.ptr], returns: FFIType.i32 },
    getrusage: { args: [FFIType.i32, FFIType.ptr], returns: FFIType.i32 },
  });
  if (symbols === undefined) return { cpuMs: roughCpuMs, pageFaults: () => 0 };
  // A buffer of its own: what a small typed array points to may move.
  const words = new Uint32Array(new ArrayBuffer(rusageWords * 4));
  const address = ptr(words);
  const word = (index: number): number => words[index] as number;
  return {
    cpuMs: () => {
      symbols.clock_gettime(threadClock, address);
      return word(0) * 1000 + word(nanosecondsWord) / 1e6;
    },
    pageFaults: () => {
      symbols.getrusage(thisThread, address);
      return word(minorFaultsWord);
    },
  };
}

function roughCpuMs(): number {
  const { user, system } = process.threadCpuUsage();
  return (user + system) / 1000;
}
