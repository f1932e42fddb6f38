/** How long turns of the event loop take. */

/** What one turn did of one kind. */
export interface TurnPart {
  readonly name: string;
  readonly count: number;
  readonly cpuMs: number;
}

export interface TurnReport {
  readonly turns: number;
  /** By the clock on the wall, milliseconds. */
  readonly longestMs: number;
  /** Processor time of the thread, milliseconds. */
  readonly longestCpuMs: number;
  /** Of the turn that took the most processor time: what was noted, the longest first. */
  readonly parts: readonly TurnPart[];
  /** In that turn. */
  readonly pageFaults: number;
  /** Garbage of the host's was collected in that turn. */
  readonly collected: boolean;
}

export interface TurnMeter {
  /** Begins anew. The loop does not wait from now on: it takes a whole processor. */
  start(): void;
  stop(): TurnReport;
  /** Processor time of the thread so far. */
  cpuMs(): number;
  /** Something that the turn in hand has done. */
  note(name: string, cpuMs: number): void;
}
