/** Time as the node sees it. Nothing under `src/node` reads a clock by itself. */
export interface Clock {
  /** Milliseconds with a fraction, from a point of its own; never goes back. */
  monotonicMs(): number;
  /** The wall clock that belongs to a monotonic reading: whole milliseconds since 1970. */
  wallMs(monotonicMs: number): number;
  /** The wall clock now: whole milliseconds since 1970. */
  nowMs(): number;
  /** Follows a wall clock that was set; called by the cron. */
  resync(): void;
}
