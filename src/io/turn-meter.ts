import type { TurnMeter, TurnReport } from "../node/turns.ts";

/**
 * Measures turns of the event loop from inside: while it runs, each turn asks for the next one, so that the loop never
 * waits, and what lies between two of them is the work of one turn. Processor time is what counts on a busy machine,
 * where the clock on the wall also shows the work of others.
 */
export class LoopTurnMeter implements TurnMeter {
  private running = false;
  private report: TurnReport = { turns: 0, longestMs: 0, longestCpuMs: 0 };

  start(): void {
    this.report = { turns: 0, longestMs: 0, longestCpuMs: 0 };
    if (this.running) return;
    this.running = true;
    let wall = performance.now();
    let cpu = threadCpuMs();
    const turn = (): void => {
      if (!this.running) return;
      const [nextWall, nextCpu] = [performance.now(), threadCpuMs()];
      const { turns, longestMs, longestCpuMs } = this.report;
      this.report = {
        turns: turns + 1,
        longestMs: Math.max(longestMs, nextWall - wall),
        longestCpuMs: Math.max(longestCpuMs, nextCpu - cpu),
      };
      [wall, cpu] = [nextWall, nextCpu];
      setImmediate(turn);
    };
    setImmediate(turn);
  }

  stop(): TurnReport {
    this.running = false;
    return this.report;
  }
}

/** User and system time of the calling thread so far, milliseconds. */
function threadCpuMs(): number {
  const { user, system } = process.threadCpuUsage();
  return (user + system) / 1000;
}
