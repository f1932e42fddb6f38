import { Histogram } from "./stats.ts";

/** Counters of one host command, by full name: Redis counts subcommands on their own. */
export interface HostCommandStat {
  calls: number;
  microseconds: number;
  rejected: number;
  failed: number;
  readonly latency: Histogram;
}

/** What INFO commandstats and latencystats tell of commands that run in the host. */
export class HostCommandStats {
  private readonly byName = new Map<string, HostCommandStat>();

  of(fullName: string): HostCommandStat {
    let stat = this.byName.get(fullName);
    if (stat === undefined) {
      stat = { calls: 0, microseconds: 0, rejected: 0, failed: 0, latency: new Histogram() };
      this.byName.set(fullName, stat);
    }
    return stat;
  }

  entries(): [string, HostCommandStat][] {
    return [...this.byName];
  }

  reset(): void {
    this.byName.clear();
  }
}
