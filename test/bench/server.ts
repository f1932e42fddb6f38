/** Servers under measurement: started alike, looked at from outside through /proc. */
import { FFIType, ptr } from "bun:ffi";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { RespClient } from "../../src/cli/resp-client.ts";
import { systemFunctions } from "../../src/io/system-library.ts";
import { freePort } from "../support/ports.ts";

export type Mode = "standalone" | "cluster";

export interface ServerOptions {
  readonly name: string;
  /** Program and the arguments that come before the directives. */
  readonly command: readonly string[];
  readonly mode: Mode;
}

/** The clock of a process's time on processors has this in its low bits, and the process above (clock_getcpuclockid(3)). */
const CPUCLOCK_SCHED = 2;
const library = systemFunctions({
  clock_gettime: { args: [FFIType.i32, FFIType.ptr], returns: FFIType.i32 },
});
const READY_WITHIN_MS = 20_000;
const CLUSTER_OK_WITHIN_MS = 20_000;

export class BenchServer {
  readonly name: string;
  readonly port: number;
  /** From spawn to the first PONG, milliseconds. */
  readonly startMs: number;
  readonly #child: Bun.Subprocess;
  readonly #directory: string;

  private constructor(
    options: ServerOptions,
    port: number,
    child: Bun.Subprocess,
    directory: string,
    startMs: number,
  ) {
    this.name = options.name;
    this.port = port;
    this.startMs = startMs;
    this.#child = child;
    this.#directory = directory;
  }

  static async start(options: ServerOptions): Promise<BenchServer> {
    const directory = mkdtempSync(join(tmpdir(), "atoll-bench-"));
    const port = freePort();
    const directives = ["--port", String(port), "--bind", "127.0.0.1", "--dir", directory];
    directives.push("--save", "", "--appendonly", "no");
    if (options.mode === "cluster") directives.push("--cluster-enabled", "yes");
    const startedAt = performance.now();
    const child = Bun.spawn([...options.command, ...directives], {
      cwd: directory,
      stdin: "ignore",
      stdout: Bun.file(join(directory, "log")),
      stderr: "ignore",
    });
    await firstPong(port, child, options.name, directory);
    const startMs = performance.now() - startedAt;
    const server = new BenchServer(options, port, child, directory, startMs);
    if (options.mode === "cluster") await server.#ownAllSlots();
    return server;
  }

  /** Processor time used so far, user and system, milliseconds; /proc rounds it to ten of them. */
  get cpuMs(): number {
    // A buffer of its own: what a small typed array points to may move.
    const time = new BigInt64Array(new ArrayBuffer(16));
    const clock = (~this.#child.pid << 3) | CPUCLOCK_SCHED;
    if (library?.clock_gettime(clock, ptr(time)) !== 0) {
      throw new Error(`${this.name}: no clock of its processor time`);
    }
    return Number(time[0]) * 1000 + Number(time[1]) / 1e6;
  }

  get residentBytes(): number {
    const status = readFileSync(`/proc/${this.#child.pid}/status`, "utf8");
    return Number(/^VmRSS:\s+(\d+) kB/m.exec(status)?.[1] ?? 0) * 1024;
  }

  async usedMemoryBytes(): Promise<number> {
    const client = await this.connect();
    const text = await client.text("INFO", "memory");
    client.close();
    return Number(/^used_memory:(\d+)/m.exec(text)?.[1] ?? 0);
  }

  async connect(): Promise<RespClient> {
    return await RespClient.connect({ host: "127.0.0.1", port: this.port, timeoutMs: 30_000 });
  }

  async stop(): Promise<void> {
    this.#child.kill("SIGTERM");
    const late = setTimeout(() => this.#child.kill("SIGKILL"), 5_000);
    await this.#child.exited;
    clearTimeout(late);
    rmSync(this.#directory, { recursive: true, force: true });
  }

  async #ownAllSlots(): Promise<void> {
    const client = await this.connect();
    await client.call("CLUSTER", "ADDSLOTSRANGE", "0", "16383");
    const deadline = Date.now() + CLUSTER_OK_WITHIN_MS;
    while (!(await client.text("CLUSTER", "INFO")).includes("cluster_state:ok")) {
      if (Date.now() > deadline) throw new Error(`${this.name}: the cluster does not become ok`);
      await Bun.sleep(50);
    }
    client.close();
  }
}

async function firstPong(
  port: number,
  child: Bun.Subprocess,
  name: string,
  directory: string,
): Promise<void> {
  const deadline = Date.now() + READY_WITHIN_MS;
  while (child.exitCode === null && Date.now() < deadline) {
    try {
      const client = await RespClient.connect({ host: "127.0.0.1", port, timeoutMs: 5_000 });
      await client.call("PING");
      client.close();
      return;
    } catch {
      await Bun.sleep(1);
    }
  }
  child.kill("SIGKILL");
  const log = readFileSync(join(directory, "log"), "utf8");
  rmSync(directory, { recursive: true, force: true });
  throw new Error(`${name} did not start:\n${log.slice(-2000)}`);
}
