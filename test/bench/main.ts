/**
 * `npm run bench`: Atoll and redis-server side by side, in the same mode, measured in turns. What counts are the
 * ratios: both see the same machine at the same time.
 */
import { statSync } from "node:fs";
import { parseArgs } from "node:util";
import { executablePath } from "../../build/executable.ts";
import { requireTool } from "../support/oracle.ts";
import { type AggregateRow, aggregateRows } from "./aggregates.ts";
import { fill, KEYSPACE, type Load, type Measured, runLoad } from "./load.ts";
import {
  BYTES_PER_KEY_MAX,
  IDLE_BYTES_MAX,
  median,
  medians,
  SPEED_HEADER,
  START_MS_MAX,
  speedRow,
  table,
  times,
  verdict,
} from "./report.ts";
import { BenchServer, type Mode } from "./server.ts";
import { type BenchTest, TESTS } from "./tests.ts";

const HELP = `usage: npm run bench -- [options]

  --quick            fewer requests, rounds and keys: a first impression
  --rounds N         rounds of each measurement, of which the median counts (default 5)
  --mode MODE        standalone, cluster or both (default both)
  --tests LIST       of memory, values, start and the names of commands: get, lpush, zadd, lrange_100 ... (default all)
  --pipelines LIST   depths of the pipeline (default 1,16,100)
  --keys N           keys for the memory test (default 5000000)
`;

interface Plan {
  readonly modes: readonly Mode[];
  readonly tests: readonly BenchTest[];
  readonly pipelines: readonly number[];
  readonly rounds: number;
  readonly withMemory: boolean;
  readonly withValues: boolean;
  readonly withStart: boolean;
  readonly keys: number;
  /** Multiplies the number of requests. */
  readonly scale: number;
}

interface Programs {
  readonly redis: readonly string[];
  readonly atoll: readonly string[];
  readonly benchmark: string;
}

interface Pair {
  readonly redis: BenchServer;
  readonly atoll: BenchServer;
}

type Side = keyof Pair;

const SIDES = ["redis", "atoll"] as const;
const IDLE_SETTLE_MS = 1_500;

/** Enough requests for a run of about two seconds. */
function requestsFor(test: BenchTest, pipeline: number, scale: number): number {
  const full = pipeline === 1 ? 250_000 : pipeline < 50 ? 2_000_000 : 4_000_000;
  return Math.round((full * scale) / test.weight);
}

async function measureSpeed(mode: Mode, plan: Plan, programs: Programs): Promise<void> {
  const pair = await startPair(mode, programs);
  try {
    const rows: string[][] = [[...SPEED_HEADER]];
    for (const side of SIDES) await fill(pair[side], KEYSPACE);
    for (const pipeline of plan.pipelines) {
      for (const test of plan.tests) {
        const requests = requestsFor(test, pipeline, plan.scale);
        const load = { test, mode, pipeline, requests };
        progress(`${mode}: ${test.name} x${pipeline}`);
        for (const side of SIDES) {
          await refill(pair[side], load, programs.benchmark);
          await runLoad(programs.benchmark, pair[side], warmUpOf(load));
        }
        const { redis, atoll } = await alternate(pair, load, plan.rounds, programs.benchmark);
        rows.push(speedRow(test, pipeline, medians(redis), medians(atoll)));
      }
    }
    progress("");
    say(`\nSpeed, ${mode} mode (processor time per command; p50 and p99 as redis / atoll)\n`);
    say(table(rows));
  } finally {
    await stopPair(pair);
  }
}

/** Not counted: the code of this command is compiled and the caches are filled when measuring begins. */
function warmUpOf(load: Load): Load {
  return { ...load, requests: Math.round(load.requests / 2) };
}

/** Both servers in turns; who goes first changes with each round. */
async function alternate(
  pair: Pair,
  load: Load,
  rounds: number,
  benchmark: string,
): Promise<Record<Side, Measured[]>> {
  const results: Record<Side, Measured[]> = { redis: [], atoll: [] };
  for (let round = 0; round < rounds; round += 1) {
    const order = round % 2 === 0 ? SIDES : [...SIDES].reverse();
    for (const side of order) {
      await refill(pair[side], load, benchmark);
      results[side].push(await runLoad(benchmark, pair[side], load));
    }
  }
  return results;
}

/** Puts there what the run is going to take away or to look for. */
async function refill(server: BenchServer, load: Load, benchmark: string): Promise<void> {
  const filler = TESTS.find(({ name }) => name === load.test.filledBy);
  if (filler === undefined) return;
  await runLoad(benchmark, server, {
    ...load,
    test: filler,
    pipeline: Math.max(16, load.pipeline),
  });
}

/** Bytes of small and large values of each type, as `used_memory` grows by them. */
async function measureValues(mode: Mode, plan: Plan, programs: Programs): Promise<void> {
  const found: Record<Side, readonly AggregateRow[]> = { redis: [], atoll: [] };
  for (const side of SIDES) {
    progress(`${mode}: values into ${side}`);
    const server = await BenchServer.start({ name: side, command: programs[side], mode });
    try {
      found[side] = await aggregateRows(server, plan.scale);
    } finally {
      await server.stop();
    }
  }
  progress("");
  const rows = [["bytes of", "redis", "atoll", "ratio", "bar"]];
  for (const [index, { name, bytes, ratioMax }] of found.redis.entries()) {
    const atoll = found.atoll[index]?.bytes ?? 0;
    const ratio = atoll / bytes;
    const bar = ratioMax === undefined ? "" : verdict(ratio <= ratioMax, `<= ${ratioMax}`);
    rows.push([name, bytes.toFixed(1), atoll.toFixed(1), times(ratio), bar]);
  }
  say(`\nBytes per value, ${mode} mode (used_memory)\n`);
  say(table(rows));
}

async function measureMemory(mode: Mode, plan: Plan, programs: Programs): Promise<void> {
  const rows = [["", "redis", "atoll", "ratio", "bar"]];
  const found: Record<string, { used: number; resident: number }> = {};
  for (const side of SIDES) {
    progress(`${mode}: ${plan.keys} keys into ${side}`);
    const server = await BenchServer.start({ name: side, command: programs[side], mode });
    try {
      const used = await server.usedMemoryBytes();
      const resident = server.residentBytes;
      await fill(server, plan.keys);
      found[side] = {
        used: ((await server.usedMemoryBytes()) - used) / plan.keys,
        resident: (server.residentBytes - resident) / plan.keys,
      };
    } finally {
      await server.stop();
    }
  }
  progress("");
  for (const [name, kind] of [
    ["used_memory", "used"],
    ["resident", "resident"],
  ] as const) {
    const redis = found["redis"]?.[kind] ?? 0;
    const atoll = found["atoll"]?.[kind] ?? 0;
    const bar = verdict(atoll <= BYTES_PER_KEY_MAX, `<= ${BYTES_PER_KEY_MAX} B`);
    rows.push([name, redis.toFixed(1), atoll.toFixed(1), times(atoll / redis), bar]);
  }
  say(`\nBytes per key, ${mode} mode (${plan.keys} keys of 16 bytes with values of 16 bytes)\n`);
  say(table(rows));
}

async function measureStart(mode: Mode, plan: Plan, programs: Programs): Promise<void> {
  progress(`${mode}: start-up`);
  const starts: Record<Side, number[]> = { redis: [], atoll: [] };
  const idles: Record<Side, number[]> = { redis: [], atoll: [] };
  for (let round = 0; round < plan.rounds; round += 1) {
    for (const side of SIDES) {
      const server = await BenchServer.start({ name: side, command: programs[side], mode });
      await Bun.sleep(IDLE_SETTLE_MS);
      starts[side].push(server.startMs);
      idles[side].push(server.residentBytes);
      await server.stop();
    }
  }
  progress("");
  const startMs = { redis: median(starts.redis), atoll: median(starts.atoll) };
  const idle = { redis: median(idles.redis), atoll: median(idles.atoll) };
  const size = {
    redis: statSync(programs.redis[0] ?? "").size,
    atoll: statSync(programs.atoll[0] ?? "").size,
  };
  say(`\nAt rest, ${mode} mode\n`);
  say(
    table([
      ["", "redis", "atoll", "bar"],
      [
        "start to first reply, ms",
        startMs.redis.toFixed(1),
        startMs.atoll.toFixed(1),
        verdict(startMs.atoll <= START_MS_MAX, `<= ${START_MS_MAX}`),
      ],
      [
        "idle resident, MB",
        megabytes(idle.redis),
        megabytes(idle.atoll),
        verdict(idle.atoll <= IDLE_BYTES_MAX, `<= ${megabytes(IDLE_BYTES_MAX)}`),
      ],
      ["executable, MB", megabytes(size.redis), megabytes(size.atoll), "one file"],
    ]),
  );
}

async function startPair(mode: Mode, programs: Programs): Promise<Pair> {
  const redis = await BenchServer.start({ name: "redis", command: programs.redis, mode });
  try {
    const atoll = await BenchServer.start({ name: "atoll", command: programs.atoll, mode });
    return { redis, atoll };
  } catch (error) {
    await redis.stop();
    throw error;
  }
}

async function stopPair(pair: Pair): Promise<void> {
  await Promise.all([pair.redis.stop(), pair.atoll.stop()]);
}

function megabytes(bytes: number): string {
  return (bytes / (1024 * 1024)).toFixed(1);
}

function say(text: string): void {
  process.stdout.write(text);
}

/** What is being measured; on a terminal in one line that is rewritten, else a line each. */
function progress(text: string): void {
  const { stderr } = process;
  if (stderr.isTTY) stderr.write(`\r\x1b[K${text === "" ? "" : `${text}...`}`);
  else if (text !== "") stderr.write(`${text}...\n`);
}

function parsePlan(argv: readonly string[]): Plan | undefined {
  const { values } = parseArgs({
    args: [...argv],
    options: {
      quick: { type: "boolean", default: false },
      rounds: { type: "string" },
      mode: { type: "string", default: "both" },
      tests: { type: "string" },
      pipelines: { type: "string", default: "1,16,100" },
      keys: { type: "string" },
      help: { type: "boolean", short: "h" },
    },
  });
  if (values.help) return undefined;
  const modes = (["standalone", "cluster"] as const).filter(
    (each) => values.mode === "both" || values.mode === each,
  );
  if (modes.length === 0) throw new Error(`--mode is standalone, cluster or both`);
  const all = [...TESTS.map(({ name }) => name.toLowerCase()), "memory", "values", "start"];
  const tests = values.tests?.toLowerCase().split(",") ?? all;
  for (const test of tests) if (!all.includes(test)) throw new Error(`--tests knows no "${test}"`);
  return {
    modes,
    tests: TESTS.filter(({ name }) => tests.includes(name.toLowerCase())),
    pipelines: values.pipelines.split(",").map((text) => count("--pipelines", text)),
    rounds: count("--rounds", values.rounds ?? (values.quick ? "3" : "5")),
    withMemory: tests.includes("memory"),
    withValues: tests.includes("values"),
    withStart: tests.includes("start"),
    keys: count("--keys", values.keys ?? (values.quick ? "500000" : "5000000")),
    scale: values.quick ? 0.3 : 1,
  };
}

function count(name: string, text: string): number {
  const value = Number(text);
  if (!Number.isSafeInteger(value) || value < 1) throw new Error(`${name}: not a count: "${text}"`);
  return value;
}

async function main(argv: readonly string[]): Promise<number> {
  try {
    const plan = parsePlan(argv);
    if (plan === undefined) {
      say(HELP);
      return 0;
    }
    const programs: Programs = {
      redis: [requireTool("redis-server")],
      atoll: [executablePath(), "server"],
      benchmark: requireTool("redis-benchmark"),
    };
    for (const mode of plan.modes) {
      if (plan.tests.length > 0) await measureSpeed(mode, plan, programs);
      if (plan.withMemory) await measureMemory(mode, plan, programs);
      if (plan.withValues) await measureValues(mode, plan, programs);
      if (plan.withStart) await measureStart(mode, plan, programs);
    }
    return 0;
  } catch (error) {
    progress("");
    process.stderr.write(`bench: ${error instanceof Error ? error.message : String(error)}\n`);
    return 1;
  }
}

process.exit(await main(process.argv.slice(2)));
