/** What is measured: the commands, how redis-benchmark is told to send them, and the bar each is held to. */
import type { Mode } from "./server.ts";

/** Each must hold: throughput at least, processor time per command at most, as multiples of redis-server's. */
export interface Bar {
  readonly throughputMin: number;
  readonly cpuMax: number;
}

export interface BenchTest {
  /** As in the table of results. */
  readonly name: string;
  /** Arguments for redis-benchmark behind the general ones. */
  readonly load: (mode: Mode) => readonly string[];
  /** Sent before each run, so that there is something to take: name of another test. */
  readonly filledBy?: string;
  /** Clients that listen to channel `bench` meanwhile. */
  readonly subscribers?: number;
  /** By depth of the pipeline: so many load generators share the clients; else one. */
  readonly generators?: Readonly<Record<number, number>>;
  /** Work of one command in terms of a GET: so many times fewer are sent. */
  readonly weight: number;
  /** By depth of the pipeline. */
  readonly bars: Readonly<Record<number, Bar>>;
}

const unpipelined: Bar = { throughputMin: 0.97, cpuMax: 1.0 };
const stringBars = {
  1: unpipelined,
  16: { throughputMin: 1.35, cpuMax: 0.65 },
  100: { throughputMin: 1.7, cpuMax: 0.5 },
};
/** The load generator is the limit for INCR. */
const incrBars = {
  1: unpipelined,
  16: { throughputMin: 1.2, cpuMax: 0.65 },
  100: { throughputMin: 1.3, cpuMax: 0.5 },
};
const typeBars = { 1: unpipelined, 16: { throughputMin: 1.3, cpuMax: 0.65 } };

function builtIn(name: string, bars: BenchTest["bars"], more: Partial<BenchTest> = {}): BenchTest {
  return { name, load: () => ["-t", name.toLowerCase()], weight: 1, bars, ...more };
}

function ofType(name: string, more: Partial<BenchTest> = {}): BenchTest {
  return builtIn(name, typeBars, more);
}

/**
 * The first `count` elements of a list. A load generator takes some 10 us to read 300 of them, and is busy all the
 * time with a server that needs less: in a pipeline two of them ask.
 */
function lrange(count: number, weight: number): BenchTest {
  const load = () => ["LRANGE", "mylist", "0", String(count - 1)];
  return ofType(`LRANGE_${count}`, { load, filledBy: "LPUSH", generators: { 16: 2 }, weight });
}

/** Ten keys at once: of one slot in cluster mode. */
function mset(mode: Mode): string[] {
  const key = mode === "cluster" ? "key{t}:__rand_int__" : "key:__rand_int__";
  return ["MSET", ...Array.from({ length: 10 }, () => [key, "xxx"]).flat()];
}

const publishBars = {
  1: unpipelined,
  16: { throughputMin: 1.3, cpuMax: 1.0 },
};

/** PUBLISH to that many subscribers of one channel. */
function publish(subscribers: number, weight: number): BenchTest {
  const load = () => ["PUBLISH", "bench", "xxxxxxxxxxxxxxxx"];
  return { name: `PUBLISH_${subscribers}`, load, subscribers, weight, bars: publishBars };
}

export const TESTS: readonly BenchTest[] = [
  builtIn("GET", stringBars),
  builtIn("SET", stringBars),
  builtIn("INCR", incrBars),
  ofType("LPUSH"),
  ofType("RPUSH"),
  ofType("LPOP", { filledBy: "LPUSH" }),
  ofType("SADD"),
  ofType("SPOP", { filledBy: "SADD" }),
  ofType("HSET"),
  ofType("HGET", { load: () => ["HGET", "myhash", "element:__rand_int__"], filledBy: "HSET" }),
  ofType("ZADD"),
  ofType("ZPOPMIN", { filledBy: "ZADD" }),
  lrange(100, 4),
  lrange(300, 10),
  ofType("MSET", { load: mset, weight: 5 }),
  ofType("XADD", { load: () => ["XADD", "mystream", "*", "myfield", "xxx"], weight: 2 }),
  publish(1, 2),
  publish(10, 4),
  publish(100, 20),
];
