import type { TurnMeter, TurnReport } from "../node/turns.ts";
import type { EventLoop } from "./event-loop.ts";
import { loadThreadUsage, type ThreadUsage } from "./thread-usage.ts";

/** Milliseconds between two looks at the clock. */
const periodMs = 1;

/**
 * Measures turns of the event loop from inside, by a timer that is due in every millisecond: what the thread has
 * computed between two of its calls is the work of the turn they stand in, and of the ones that fit into the millisecond
 * before. Processor time is what counts on a busy machine, where the clock on the wall also shows the work of others.
 * Nothing is allocated but for a turn that is the longest: a callback asked for in each turn would leave so much garbage
 * that its collection took longer than the turns.
 */
export class LoopTurnMeter implements TurnMeter {
  private running = false;
  private turns = 0;
  private longestMs = 0;
  /** Of the turn that took the most processor time. */
  private longest = shortestTurn;
  /** All kinds of parts there have been; those that the turn in hand has not done count 0. */
  private readonly parts = new Map<string, Part>();
  private usage: ThreadUsage | undefined;
  /** Weakly held and nowhere else, so it goes with the next collection of garbage. */
  private canary = new WeakRef({});

  constructor(private readonly loop: EventLoop) {}

  start(): void {
    this.turns = 0;
    this.longestMs = 0;
    this.longest = shortestTurn;
    if (this.running) return;
    this.running = true;
    this.usage ??= loadThreadUsage();
    const { usage } = this;
    let wall = performance.now();
    let cpu = usage.cpuMs();
    let faults = usage.pageFaults();
    const look = (): void => {
      if (!this.running) return;
      const nextFaults = usage.pageFaults();
      this.add(performance.now() - wall, usage.cpuMs() - cpu, nextFaults - faults);
      // The meter's own work does not count.
      wall = performance.now();
      cpu = usage.cpuMs();
      faults = nextFaults;
      this.loop.after(periodMs, look);
    };
    this.loop.after(periodMs, look);
  }

  private add(wallMs: number, cpuMs: number, pageFaults: number): void {
    const collected = this.canary.deref() === undefined;
    if (collected) this.canary = new WeakRef({});
    this.turns++;
    this.longestMs = Math.max(this.longestMs, wallMs);
    if (cpuMs > this.longest.longestCpuMs) {
      const parts = [...this.parts.values()]
        .filter(({ count }) => count > 0)
        .sort((a, b) => b.cpuMs - a.cpuMs)
        .map((part) => ({ ...part }));
      this.longest = { longestCpuMs: cpuMs, parts, pageFaults, collected };
    }
    for (const part of this.parts.values()) {
      part.count = 0;
      part.cpuMs = 0;
    }
  }

  cpuMs(): number {
    return this.usage?.cpuMs() ?? 0;
  }

  note(name: string, cpuMs: number): void {
    let part = this.parts.get(name);
    if (part === undefined) {
      part = { name, count: 0, cpuMs: 0 };
      this.parts.set(name, part);
    }
    part.count++;
    part.cpuMs += cpuMs;
  }

  stop(): TurnReport {
    this.running = false;
    return { turns: this.turns, longestMs: this.longestMs, ...this.longest };
  }
}

interface Part {
  readonly name: string;
  count: number;
  cpuMs: number;
}

const shortestTurn: Omit<TurnReport, "turns" | "longestMs"> = {
  longestCpuMs: 0,
  parts: [],
  pageFaults: 0,
  collected: false,
};
