import type { Clock } from "../node/clock.ts";

/**
 * The system's clocks. One reading of the monotonic clock gives both times on the hot path; the offset
 * between the two is renewed by `resync`, so that the wall clock may be set while we run.
 */
export class SystemClock implements Clock {
  private offsetMs = Date.now() - performance.now();

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
    this.offsetMs = Date.now() - performance.now();
  }
}
