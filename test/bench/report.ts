/** Tables of the benchmark: both servers' numbers, their ratio, and the bar that ratio is held to. */
import type { Measured } from "./load.ts";
import type { BenchTest } from "./tests.ts";

export const BYTES_PER_KEY_MAX = 60;
export const START_MS_MAX = 80;
export const IDLE_BYTES_MAX = 80 * 1024 * 1024;

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((left, right) => left - right);
  const middle = Math.floor(sorted.length / 2);
  const upper = sorted[middle] ?? Number.NaN;
  return sorted.length % 2 === 1 ? upper : ((sorted[middle - 1] ?? Number.NaN) + upper) / 2;
}

export function medians(rounds: readonly Measured[]): Measured {
  const of = (pick: (round: Measured) => number): number => median(rounds.map(pick));
  return {
    perSecond: of(({ perSecond }) => perSecond),
    cpuMicros: of(({ cpuMicros }) => cpuMicros),
    p50Ms: of(({ p50Ms }) => p50Ms),
    p99Ms: of(({ p99Ms }) => p99Ms),
  };
}

export const SPEED_HEADER = [
  "test",
  "redis k/s",
  "atoll k/s",
  "ratio",
  "bar",
  "redis us",
  "atoll us",
  "ratio",
  "bar",
  "p50 ms",
  "p99 ms",
] as const;

/** One line of the speed table; processor time is per command. */
export function speedRow(
  test: BenchTest,
  pipeline: number,
  redis: Measured,
  atoll: Measured,
): string[] {
  const bar = test.bars[pipeline];
  const throughput = atoll.perSecond / redis.perSecond;
  const cpu = atoll.cpuMicros / redis.cpuMicros;
  const thousands = (value: number): string => (value / 1000).toFixed(1);
  return [
    `${test.name} x${pipeline}`,
    thousands(redis.perSecond),
    thousands(atoll.perSecond),
    times(throughput),
    bar === undefined ? "" : verdict(throughput >= bar.throughputMin, `>= ${bar.throughputMin}`),
    redis.cpuMicros.toFixed(2),
    atoll.cpuMicros.toFixed(2),
    times(cpu),
    bar === undefined ? "" : verdict(cpu <= bar.cpuMax, `<= ${bar.cpuMax}`),
    `${redis.p50Ms.toFixed(2)} / ${atoll.p50Ms.toFixed(2)}`,
    `${redis.p99Ms.toFixed(2)} / ${atoll.p99Ms.toFixed(2)}`,
  ];
}

export function times(ratio: number): string {
  return `${ratio.toFixed(2)}x`;
}

/** The bar with a mark when it is missed. */
export function verdict(isReached: boolean, bar: string): string {
  return isReached ? bar : `${bar} MISSED`;
}

/** Columns as wide as their widest cell; the first to the left, the others to the right. */
export function table(rows: readonly (readonly string[])[]): string {
  const widths: number[] = [];
  for (const row of rows) {
    for (const [index, cell] of row.entries()) {
      widths[index] = Math.max(widths[index] ?? 0, cell.length);
    }
  }
  const line = (row: readonly string[]): string =>
    row
      .map((cell, index) => {
        const width = widths[index] ?? 0;
        return index === 0 ? cell.padEnd(width) : cell.padStart(width);
      })
      .join("  ")
      .trimEnd();
  return `${rows.map(line).join("\n")}\n`;
}
