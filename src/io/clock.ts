import type { Clock } from "../node/clock.ts";

/**
 * The system's clocks. One reading of the monotonic clock gives both times on the hot path; the offset
 * between the two is renewed by `resync`, so that the wall clock may be set while we run.
 */
export class SystemClock implements Clock {
  private offsetMs = offsetAtTick();

  monotonicMs(): number {
    return performance.now();
  }

  wallMs(monotonicMs: number): number {
    return Math.floor(monotonicMs + this.offsetMs);
  }

  nowMs(): number {
    return Date.now();
  }

  resync(): void {
    // The wall clock shows whole milliseconds, so the offset is between this and one more. As long as it is, it stays:
    // were it too little, a client would see a time to live that is longer than what it has just asked for.
    const leastMs = Date.now() - performance.now();
    this.offsetMs = Math.min(Math.max(this.offsetMs, leastMs), leastMs + 1);
  }
}

/** The offset as the wall clock's next millisecond begins: exact but for the readings themselves. */
function offsetAtTick(): number {
  const before = Date.now();
  for (;;) {
    const monotonicMs = performance.now();
    const now = Date.now();
    if (now !== before) return now - monotonicMs;
  }
}
