import { errorCodesMax, metricSamples } from "../base/limits.ts";

/** Counters of the host, as INFO prints them; CONFIG RESETSTAT starts most of them anew. */
export class ServerStats {
  connectionsReceived = 0;
  connectionsRejected = 0;
  netInputBytes = 0;
  netOutputBytes = 0;
  reads = 0;
  writes = 0;
  expireTimeCapReached = 0;
  expireCycleMs = 0;
  slowlogEntries = 0;
  clientsClosedForOutput = 0;
  /** Largest query and output buffers seen lately, bytes. */
  readonly inputPeak = new RecentPeak();
  readonly outputPeak = new RecentPeak();
  readonly operations = new InstantMetric();
  readonly input = new InstantMetric();
  readonly output = new InstantMetric();
  private readonly errors = new Map<string, number>();
  /** Error replies that the host wrote itself. */
  hostErrors = 0;

  /** Counts an error reply of the host by its code, the first word. */
  countError(code: string): void {
    this.hostErrors++;
    const known = this.errors.get(code);
    if (known === undefined && this.errors.size >= errorCodesMax) return;
    this.errors.set(code, (known ?? 0) + 1);
  }

  /** Errors of the host by code. */
  errorCounts(): [string, number][] {
    return [...this.errors];
  }

  reset(): void {
    this.connectionsReceived = 0;
    this.connectionsRejected = 0;
    this.netInputBytes = 0;
    this.netOutputBytes = 0;
    this.reads = 0;
    this.writes = 0;
    this.expireTimeCapReached = 0;
    this.expireCycleMs = 0;
    this.hostErrors = 0;
    this.clientsClosedForOutput = 0;
    this.errors.clear();
    this.operations.reset();
    this.input.reset();
    this.output.reset();
  }
}

/** A rate per second, averaged over the last 16 samples (trackInstantaneousMetric in server.c). */
export class InstantMetric {
  private readonly samples = new Float64Array(metricSamples);
  private next = 0;
  private lastMs = -1;
  private lastCount = 0;

  sample(count: number, nowMs: number): void {
    const elapsedMs = nowMs - this.lastMs;
    if (this.lastMs >= 0) {
      // A counter that was reset in between gives nothing rather than a negative rate.
      const moved = Math.max(0, count - this.lastCount);
      this.samples[this.next] = elapsedMs > 0 ? (moved * 1000) / elapsedMs : 0;
      this.next = (this.next + 1) % metricSamples;
    }
    this.lastMs = nowMs;
    this.lastCount = count;
  }

  get perSecond(): number {
    let sum = 0;
    for (const sample of this.samples) sum += sample;
    return sum / metricSamples;
  }

  reset(): void {
    this.samples.fill(0);
    this.lastMs = -1;
    this.lastCount = 0;
  }
}

/** The largest value of the last eight seconds (CLIENTS_PEAK_MEM_USAGE_SLOTS). */
export class RecentPeak {
  private readonly peaks = new Float64Array(8);
  private readonly seconds = new Float64Array(8);

  note(value: number, nowMs: number): void {
    const second = Math.floor(nowMs / 1000);
    const slot = second % 8;
    if (this.seconds[slot] !== second) {
      this.seconds[slot] = second;
      this.peaks[slot] = 0;
    }
    if (value > (this.peaks[slot] as number)) this.peaks[slot] = value;
  }

  at(nowMs: number): number {
    const oldest = Math.floor(nowMs / 1000) - 7;
    let peak = 0;
    for (let slot = 0; slot < 8; slot++) {
      if ((this.seconds[slot] as number) >= oldest) {
        peak = Math.max(peak, this.peaks[slot] as number);
      }
    }
    return peak;
  }
}

/** Sub-buckets per power of two: values are kept to within 1/16. */
const subBuckets = 16;

/** Counts of durations in microseconds, in buckets that widen with the value. */
export class Histogram {
  private readonly counts = new Float64Array(subBuckets * 28);
  total = 0;

  /** `count` commands that took `microseconds` each. */
  add(microseconds: number, count: number): void {
    const whole = Math.min(Math.max(0, Math.floor(microseconds)), 0x3fffffff);
    const index = bucketOf(whole);
    this.counts[index] = (this.counts[index] as number) + count;
    this.total += count;
  }

  /** The value, microseconds, that `percentile` (0 to 100) of the counts do not exceed. */
  percentile(percentile: number): number {
    let left = Math.ceil((percentile / 100) * this.total);
    if (left < 1) left = 1;
    for (let index = 0; index < this.counts.length; index++) {
      left -= this.counts[index] as number;
      if (left <= 0) return highestOf(index);
    }
    return 0;
  }

  /** Cumulative counts at 1, 2, 4 ... microseconds, as LATENCY HISTOGRAM lists them. */
  powers(): [number, number][] {
    const list: [number, number][] = [];
    let sum = 0;
    let shown = 0;
    let limit = 1;
    for (let index = 0; index < this.counts.length && sum < this.total; index++) {
      while (highestOf(index) > limit) {
        if (sum > shown) list.push([limit, sum]);
        shown = sum;
        limit *= 2;
      }
      sum += this.counts[index] as number;
    }
    if (sum > shown) list.push([limit, sum]);
    return list;
  }
}

function bucketOf(value: number): number {
  if (value < subBuckets) return value;
  const shift = 27 - Math.clz32(value);
  return (shift + 1) * subBuckets + ((value >>> shift) - subBuckets);
}

function highestOf(index: number): number {
  if (index < subBuckets) return index;
  const shift = Math.floor(index / subBuckets) - 1;
  return (((index % subBuckets) + subBuckets + 1) << shift) - 1;
}
