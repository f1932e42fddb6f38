import type { Command } from "../../assembly/command-ids.ts";
import { Histogram } from "./stats.ts";

/** One histogram of durations per command that has run (latency-tracking). */
export class Latencies {
  private histograms: (Histogram | undefined)[] = [];

  /** `count` calls of the command that took `microseconds` each. */
  add(id: Command, microseconds: number, count: number): void {
    let histogram = this.histograms[id];
    if (histogram === undefined) {
      histogram = new Histogram();
      this.histograms[id] = histogram;
    }
    histogram.add(microseconds, count);
  }

  get(id: Command): Histogram | undefined {
    return this.histograms[id];
  }

  reset(): void {
    this.histograms = [];
  }
}
