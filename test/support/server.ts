/**
 * Starts servers for tests: Atoll from source (or the built executable when `ATOLL_BINARY` names it) and
 * the real `redis-server`, each in a directory of its own. Servers are stopped by process id only.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { Subprocess } from "bun";
import { freePort } from "./ports.ts";
import { type Address, RespClient } from "./resp-client.ts";

const root = fileURLToPath(new URL("../../", import.meta.url));

/** The command that starts Atoll, without arguments. */
export function atollCommand(preload?: string): string[] {
  const binary = process.env["ATOLL_BINARY"];
  const program = join(root, "src", "main.ts");
  if (preload !== undefined) return [process.execPath, "--preload", preload, program];
  return binary ? [binary] : [process.execPath, program];
}

export interface ServerOptions {
  /** Arguments after the port and directory, as `--requirepass x`. */
  readonly args?: readonly string[];
  /** The text of a configuration file to start from. */
  readonly config?: string;
  /** Default: a free one. 0: no TCP, so give a `unixsocket`. */
  readonly port?: number;
  /** Default: a fresh temporary directory, removed by `stop`. */
  readonly directory?: string;
  /** Cluster nodes need their bus port free too. */
  readonly cluster?: boolean;
  /** A module that is loaded before the program, which then runs from source. */
  readonly preload?: string;
  /** Start real redis-server instead of Atoll. */
  readonly real?: boolean;
  readonly env?: Record<string, string>;
  /** How long to wait for the first PONG, milliseconds. */
  readonly startTimeoutMs?: number;
  /** When the server answers only on a unix socket. */
  readonly address?: Address;
}

export class TestServer {
  constructor(
    readonly port: number,
    readonly directory: string,
    readonly process: Subprocess<"ignore", "pipe", "pipe">,
    private readonly address: Address,
    private readonly ownsDirectory: boolean,
    private readonly output: { text: string },
  ) {}

  get pid(): number {
    return this.process.pid;
  }

  /** What the server wrote to its standard output and error so far. */
  get log(): string {
    return this.output.text;
  }

  connect(options: { readonly binary?: boolean } = {}): Promise<RespClient> {
    return RespClient.connect(this.address, options);
  }

  /** Waits until the log holds `text`. */
  async untilLogged(text: string | RegExp, timeoutMs = 5000): Promise<void> {
    const matches = (): boolean =>
      typeof text === "string" ? this.log.includes(text) : text.test(this.log);
    await until(matches, timeoutMs, () => `log line ${text}; the log:\n${this.log}`);
  }

  /** Sends `signal` and waits for the end; answers the exit code (null when it died of a signal). */
  async signal(signal: NodeJS.Signals): Promise<number | null> {
    this.process.kill(signal);
    await this.process.exited;
    return this.process.exitCode;
  }

  /** Stops the server (orderly, then by force after 5 s) and removes its directory. */
  async stop(): Promise<number | null> {
    if (this.process.exitCode === null && this.process.signalCode === null) {
      this.process.kill("SIGTERM");
      const timer = setTimeout(() => this.process.kill("SIGKILL"), 5000);
      await this.process.exited;
      clearTimeout(timer);
    }
    if (this.ownsDirectory) rmSync(this.directory, { recursive: true, force: true });
    return this.process.exitCode;
  }
}

/** Starts a server and waits until it answers PING (with any reply, -NOAUTH and -LOADING too). */
export async function startServer(options: ServerOptions = {}): Promise<TestServer> {
  const server = await spawnServer(options);
  const deadline = Date.now() + (options.startTimeoutMs ?? 10_000);
  for (;;) {
    if (server.process.exitCode !== null || server.process.signalCode !== null) {
      const log = server.log;
      await server.stop();
      throw new Error(`the server ended at start (exit ${server.process.exitCode}):\n${log}`);
    }
    try {
      const client = await server.connect();
      await client.call("PING");
      client.close();
      return server;
    } catch (reason) {
      if (Date.now() > deadline) {
        const log = server.log;
        await server.stop();
        throw new Error(`no answer from the server: ${reason}\n${log}`);
      }
      await Bun.sleep(15);
    }
  }
}

/** Starts a server and answers at once: for tests of failing starts. */
export async function spawnServer(options: ServerOptions = {}): Promise<TestServer> {
  const port = options.port ?? freePort();
  const directory = options.directory ?? mkdtempSync(join(tmpdir(), "atoll-test-"));
  const command = options.real ? ["redis-server"] : atollCommand(options.preload);
  if (options.config !== undefined) {
    const file = join(directory, "redis.conf");
    await Bun.write(file, options.config);
    command.push(file);
  }
  command.push("--port", String(port), "--dir", directory);
  if (options.real) command.push("--save", "");
  if (options.cluster) command.push("--cluster-enabled", "yes");
  command.push(...(options.args ?? []));
  const child = Bun.spawn(command, {
    cwd: directory,
    stdin: "ignore",
    stdout: "pipe",
    stderr: "pipe",
    env: { ...process.env, ...options.env },
  });
  const output = { text: "" };
  void collect(child.stdout, output);
  void collect(child.stderr, output);
  const address = options.address ?? { port };
  return new TestServer(port, directory, child, address, options.directory === undefined, output);
}

async function collect(stream: ReadableStream<Uint8Array>, into: { text: string }): Promise<void> {
  const decoder = new TextDecoder();
  for await (const chunk of stream) into.text += decoder.decode(chunk, { stream: true });
}

/** Waits until `condition` holds; throws with `what` after `timeoutMs`. */
export async function until(
  condition: () => boolean | Promise<boolean>,
  timeoutMs = 5000,
  what: () => string = () => "the condition",
): Promise<void> {
  const deadline = Date.now() + timeoutMs;
  while (!(await condition())) {
    if (Date.now() > deadline) throw new Error(`timed out waiting for ${what()}`);
    await Bun.sleep(10);
  }
}
