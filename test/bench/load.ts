/** Load on a server: redis-benchmark for speed, and a filler of our own for keys that are all different. */
import type { BenchServer, Mode } from "./server.ts";
import type { BenchTest } from "./tests.ts";

export interface Load {
  readonly test: BenchTest;
  readonly mode: Mode;
  readonly pipeline: number;
  readonly requests: number;
}

export interface Measured {
  readonly perSecond: number;
  /** Processor time of the server, user and system, for each command. */
  readonly cpuMicros: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
}

export const CLIENTS = 50;
/** Keys, members or fields that a test is spread over. */
export const KEYSPACE = 100_000;

/** One run of redis-benchmark against the server, with those subscribed that the test asks for. */
export async function runLoad(
  benchmark: string,
  server: BenchServer,
  load: Load,
): Promise<Measured> {
  const count = load.test.subscribers ?? 0;
  const subscribers = await Promise.all(Array.from({ length: count }, () => subscriber(server)));
  try {
    return await runBenchmark(benchmark, server, load);
  } finally {
    for (const socket of subscribers) socket.end();
  }
}

/** A client that listens and throws away what it hears. */
async function subscriber(server: BenchServer): Promise<Bun.Socket> {
  const subscribed = Promise.withResolvers<void>();
  const socket = await Bun.connect({
    hostname: "127.0.0.1",
    port: server.port,
    socket: {
      data: () => subscribed.resolve(),
      error: (_, error) => subscribed.reject(error),
    },
  });
  socket.write("SUBSCRIBE bench\r\n");
  await subscribed.promise;
  return socket;
}

async function runBenchmark(benchmark: string, server: BenchServer, load: Load): Promise<Measured> {
  const generators = load.test.generators?.[load.pipeline] ?? 1;
  const clients = Math.round(CLIENTS / generators);
  const requests = Math.round(load.requests / generators);
  const cpuBefore = server.cpuMs;
  const generate = () => runGenerator(benchmark, server, load, { clients, requests });
  const rows = await Promise.all(Array.from({ length: generators }, generate));
  const cpuMs = server.cpuMs - cpuBefore;
  return {
    // All is done when the slowest of them is.
    perSecond: Math.min(...rows.map(({ perSecond }) => perSecond)) * generators,
    cpuMicros: (cpuMs * 1000) / (requests * generators),
    p50Ms: Math.max(...rows.map(({ p50Ms }) => p50Ms)),
    p99Ms: Math.max(...rows.map(({ p99Ms }) => p99Ms)),
  };
}

async function runGenerator(
  benchmark: string,
  server: BenchServer,
  load: Load,
  share: { readonly clients: number; readonly requests: number },
): Promise<Row> {
  const child = Bun.spawn(
    [
      benchmark,
      ...["-h", "127.0.0.1", "-p", String(server.port), "-c", String(share.clients)],
      ...["-n", String(share.requests), "-P", String(load.pipeline), "-r", String(KEYSPACE)],
      "--csv",
      ...load.test.load(load.mode),
    ],
    { stdin: "ignore", stdout: "pipe", stderr: "pipe" },
  );
  const [text, errors, status] = await Promise.all([
    new Response(child.stdout).text(),
    new Response(child.stderr).text(),
    child.exited,
  ]);
  const row = parseCsv(text);
  if (status !== 0 || row === undefined) {
    throw new Error(`redis-benchmark against ${server.name} failed: ${errors || text}`);
  }
  return row;
}

/** What one generator says. */
type Row = Omit<Measured, "cpuMicros">;

/** The last row of numbers under the header that names the columns: what is filled in first stands before it. */
export function parseCsv(text: string): Row | undefined {
  const lines = text.split("\n").map((line) => [...line.matchAll(/"([^"]*)"/g)].map((m) => m[1]));
  const header = lines.findIndex((cells) => cells.includes("rps"));
  const names = lines[header];
  const cells = lines.slice(header + 1).findLast((each) => each.length > 1);
  if (names === undefined || cells === undefined) return undefined;
  const cell = (name: string): number => Number(cells[names.indexOf(name)]);
  const perSecond = cell("rps");
  if (!(perSecond > 0)) return undefined;
  return { perSecond, p50Ms: cell("p50_latency_ms"), p99Ms: cell("p99_latency_ms") };
}

const FILL_BATCH = 1_000;
const OK_BYTES = "+OK\r\n".length;

/**
 * Sets `count` keys of 16 bytes, `key:` and 12 digits as redis-benchmark names them, to values of 16 bytes. One
 * batch is under way at a time; the next is written while the server works on it.
 */
export async function fill(server: BenchServer, count: number): Promise<void> {
  const done = Promise.withResolvers<void>();
  let sent = 0;
  let answeredBytes = 0;
  let rest: Buffer = Buffer.alloc(0);
  const advance = (socket: Bun.Socket): void => {
    for (;;) {
      if (rest.length === 0) {
        const answered = answeredBytes / OK_BYTES;
        if (sent >= count || sent - answered >= 2 * FILL_BATCH) return;
        const size = Math.min(FILL_BATCH, count - sent);
        rest = batch(sent, size);
        sent += size;
      }
      const taken = socket.write(rest);
      rest = rest.subarray(Math.max(0, taken));
      if (rest.length > 0) return;
    }
  };
  const socket = await Bun.connect({
    hostname: "127.0.0.1",
    port: server.port,
    socket: {
      open: advance,
      drain: advance,
      data(own, chunk) {
        if (chunk.includes(0x2d)) {
          done.reject(new Error(`${server.name} refused a key: ${chunk.toString().slice(0, 200)}`));
        }
        answeredBytes += chunk.length;
        if (answeredBytes >= count * OK_BYTES) done.resolve();
        else advance(own);
      },
      close: () => done.reject(new Error(`${server.name} closed the connection`)),
      error: (_, error) => done.reject(error),
    },
  });
  await done.promise;
  socket.end();
}

/** SET commands for the keys from `first` on. */
function batch(first: number, size: number): Buffer {
  let text = "";
  for (let index = first; index < first + size; index += 1) {
    const digits = String(index).padStart(12, "0");
    text += `*3\r\n$3\r\nSET\r\n$16\r\nkey:${digits}\r\n$16\r\nval:${digits}\r\n`;
  }
  return Buffer.from(text, "latin1");
}
