/**
 * Clients that write all the time, as applications do while a cluster fails over: ioredis, node-redis, plain
 * connections with a slot map of their own, and redis-py where it is installed. Each tries again what failed,
 * and remembers what the cluster confirmed.
 */
import { fileURLToPath } from "node:url";
import { Cluster } from "ioredis";
import { createCluster } from "redis";
import { within } from "./cluster.ts";
import { hashSlot } from "./hash-slot.ts";
import { ReplyError, RespClient } from "./resp-client.ts";
import { until } from "./server.ts";

const WRITE_TIMEOUT_MS = 2000;
/** What an application sets so that a node which hangs, but does not refuse, is given up. */
const SOCKET_TIMEOUT_MS = 500;
const RETRY_AFTER_MS = 20;
const PAUSE_MS = 3;

/** A confirmed write; its value is the key's number. */
export interface Confirmed {
  readonly key: string;
  readonly value: string;
  readonly atMs: number;
}

/** One client that writes until it is stopped. */
export interface Writer {
  readonly name: string;
  readonly confirmed: readonly Confirmed[];
  /** Failed tries, by the first words of what the client said. */
  readonly errors: ReadonlyMap<string, number>;
  stop(): Promise<void>;
}

/** What a client library must be able to do here. */
interface Library {
  set(key: string, value: string): Promise<unknown>;
  close(): Promise<void>;
}

class LibraryWriter implements Writer {
  readonly confirmed: Confirmed[] = [];
  readonly errors = new Map<string, number>();
  private stopping = false;
  private readonly done: Promise<void>;

  constructor(
    readonly name: string,
    private readonly library: Library,
  ) {
    this.done = this.run();
  }

  private async run(): Promise<void> {
    for (let number = 0; !this.stopping; ) {
      const [key, value] = [`${this.name}:${number}`, String(number)];
      try {
        await within(this.library.set(key, value), WRITE_TIMEOUT_MS, `SET ${key}`);
        this.confirmed.push({ key, value, atMs: Date.now() });
        number++;
        await Bun.sleep(PAUSE_MS);
      } catch (reason) {
        count(this.errors, reason instanceof Error ? reason.message : String(reason));
        await Bun.sleep(RETRY_AFTER_MS);
      }
    }
  }

  async stop(): Promise<void> {
    this.stopping = true;
    await this.done;
    await this.library.close();
  }
}

function count(errors: Map<string, number>, text: string): void {
  const kind = text.slice(0, 200);
  errors.set(kind, (errors.get(kind) ?? 0) + 1);
}

export function ioredisWriter(ports: readonly number[]): Writer {
  const nodes = ports.map((port) => ({ host: "127.0.0.1", port }));
  const cluster = new Cluster(nodes, {
    redisOptions: { connectTimeout: SOCKET_TIMEOUT_MS, commandTimeout: SOCKET_TIMEOUT_MS },
    // Only this finds the new primary while the old one keeps its connections and says nothing.
    slotsRefreshInterval: 500,
    slotsRefreshTimeout: SOCKET_TIMEOUT_MS,
  });
  // Without a listener a lost node would end the test; the writes tell enough.
  cluster.on("error", () => {});
  return new LibraryWriter("ioredis", {
    set: (key, value) => cluster.set(key, value),
    close: async () => cluster.disconnect(),
  });
}

export async function nodeRedisWriter(ports: readonly number[]): Promise<Writer> {
  const cluster = createCluster({
    rootNodes: ports.map((port) => ({ url: `redis://127.0.0.1:${port}` })),
    defaults: {
      disableOfflineQueue: true,
      socket: { connectTimeout: SOCKET_TIMEOUT_MS },
    },
    // The default waits five seconds before it asks for the cluster's new layout.
    topologyRefreshOnReconnectionAttemptStrategy: 200,
  });
  cluster.on("error", () => {});
  await cluster.connect();
  return new LibraryWriter("node-redis", {
    set: (key, value) => cluster.set(key, value),
    close: async () => cluster.destroy(),
  });
}

/**
 * A pool of plain connections as redis-py keeps one: CLUSTER SLOTS at start, one connection per node, MOVED
 * corrects one slot, and a lost connection has the layout read anew from whoever answers.
 */
export class PlainPool {
  private readonly connections = new Map<number, RespClient>();
  private readonly portBySlot = new Map<number, number>();

  constructor(private readonly ports: readonly number[]) {}

  async call(key: string, ...args: readonly string[]): Promise<unknown> {
    const slot = hashSlot(key);
    if (this.portBySlot.size === 0) await this.readSlots();
    const port = this.portBySlot.get(slot) ?? this.ports[0] ?? 0;
    try {
      const client = await this.connection(port);
      const reply = await within(client.call(...args), SOCKET_TIMEOUT_MS, `node ${port}`);
      if (!(reply instanceof ReplyError)) return reply;
      const moved = /^MOVED \d+ .*:(\d+)$/.exec(reply.message);
      if (moved === null) throw reply;
      this.portBySlot.set(slot, Number(moved[1]));
    } catch (reason) {
      if (!(reason instanceof ReplyError)) this.forget(port);
      throw reason;
    }
    return await this.call(key, ...args);
  }

  private async readSlots(): Promise<void> {
    for (const port of this.ports) {
      try {
        const client = await this.connection(port);
        const ranges = await within(client.must("CLUSTER", "SLOTS"), SOCKET_TIMEOUT_MS, "slots");
        for (const [start, end, primary] of ranges as [number, number, [string, number]][]) {
          for (let slot = start; slot <= end; slot++) this.portBySlot.set(slot, primary[1]);
        }
        return;
      } catch {
        this.connections.delete(port);
      }
    }
    throw new Error("no node answers");
  }

  private async connection(port: number): Promise<RespClient> {
    const known = this.connections.get(port);
    if (known?.closed === false) return known;
    const client = await within(RespClient.connect({ port }), SOCKET_TIMEOUT_MS, `node ${port}`);
    this.connections.set(port, client);
    return client;
  }

  private forget(port: number): void {
    this.connections.get(port)?.close();
    this.connections.delete(port);
    this.portBySlot.clear();
  }

  async close(): Promise<void> {
    for (const client of this.connections.values()) client.close();
  }
}

export function plainWriter(ports: readonly number[]): Writer {
  const pool = new PlainPool(ports);
  return new LibraryWriter("plain", {
    set: (key, value) => pool.call(key, "SET", key, value),
    close: () => pool.close(),
  });
}

/** A Python that has redis-py with cluster support; undefined: none here. */
export function pythonWithRedis(): string | undefined {
  for (const name of ["/usr/bin/python3", "python3"]) {
    const path = Bun.which(name);
    if (path === null) continue;
    const probe = Bun.spawnSync([path, "-c", "import redis.cluster"], { stderr: "ignore" });
    if (probe.exitCode === 0) return path;
  }
  return undefined;
}

export async function redisPyWriter(python: string, ports: readonly number[]): Promise<Writer> {
  const script = fileURLToPath(new URL("redis_py_writer.py", import.meta.url));
  const child = Bun.spawn([python, script, ...ports.map(String)], {
    stdin: "pipe",
    stdout: "pipe",
    stderr: "pipe",
  });
  const confirmed: Confirmed[] = [];
  const errors = new Map<string, number>();
  const done = (async () => {
    const decoder = new TextDecoder();
    let rest = "";
    for await (const chunk of child.stdout) {
      const lines = (rest + decoder.decode(chunk, { stream: true })).split("\n");
      rest = lines.pop() ?? "";
      for (const line of lines) {
        const [status, key = ""] = line.split(" ");
        if (status === "ok") {
          confirmed.push({ key, value: key.split(":")[1] ?? "", atMs: Date.now() });
        } else count(errors, line);
      }
    }
  })();
  await until(
    () => confirmed.length > 0 || child.exitCode !== null,
    10_000,
    () => "the first write of redis-py",
  );
  if (child.exitCode !== null) throw new Error(await new Response(child.stderr).text());
  return {
    name: "redis-py",
    confirmed,
    errors,
    stop: async () => {
      child.stdin.end();
      await child.exited;
      await done;
    },
  };
}
