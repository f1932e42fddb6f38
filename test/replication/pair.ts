/** What the end-to-end tests of replication share: two servers, a load, and the question whether they agree. */
import { expect } from "bun:test";
import type { RespClient } from "../support/resp-client.ts";
import { startServer, type TestServer, until } from "../support/server.ts";

export type Kind = "atoll" | "redis";

/** A server with one connection to it. */
export interface Peer {
  readonly kind: Kind;
  readonly server: TestServer;
  readonly client: RespClient;
}

/** Servers of one test; `stop` ends them all. */
export class Peers {
  private readonly peers: Peer[] = [];

  async start(
    kind: Kind,
    args: readonly string[] = [],
    directory?: string,
    port?: number,
  ): Promise<Peer> {
    const server = await startServer({
      real: kind === "redis",
      args: ["--repl-diskless-sync-delay", "0", "--enable-debug-command", "yes", ...args],
      ...(directory === undefined ? {} : { directory }),
      ...(port === undefined ? {} : { port }),
    });
    const peer = { kind, server, client: await server.connect() };
    // A file with a long string takes either program a while.
    await until(async () => !String(await peer.client.call("PING")).includes("LOADING"));
    this.peers.push(peer);
    return peer;
  }

  async stop(): Promise<void> {
    for (const { client } of this.peers) client.close();
    await Promise.all(this.peers.map(({ server }) => endNow(server)));
  }
}

async function endNow(server: TestServer): Promise<void> {
  server.process.kill("SIGKILL");
  await server.stop();
}

export async function info(peer: Peer, section: string): Promise<Map<string, string>> {
  const text = String(await peer.client.must("INFO", section));
  return new Map(
    text
      .split("\r\n")
      .filter((line) => line.includes(":"))
      .map((line) => [line.slice(0, line.indexOf(":")), line.slice(line.indexOf(":") + 1)]),
  );
}

export async function field(peer: Peer, section: string, name: string): Promise<string> {
  return (await info(peer, section)).get(name) ?? "";
}

export async function follow(replica: Peer, primary: Peer): Promise<void> {
  await replica.client.must("REPLICAOF", "127.0.0.1", primary.server.port);
}

/** Waits until the replica's link is up and both stand at the same offset. */
export async function settled(primary: Peer, replica: Peer, timeoutMs = 8000): Promise<void> {
  let last = "";
  await until(
    async () => {
      const [there, here] = [
        await info(primary, "replication"),
        await info(replica, "replication"),
      ];
      const offset = there.get("master_repl_offset");
      last = `${here.get("master_link_status")} ${offset} ${here.get("slave_repl_offset")}`;
      return here.get("master_link_status") === "up" && here.get("slave_repl_offset") === offset;
    },
    timeoutMs,
    () => `the replica (${last})\n${primary.server.log}\n--- replica\n${replica.server.log}`,
  );
}

/** Both hold the same data, by DEBUG DIGEST, and as many keys in each database. */
export async function expectSameData(left: Peer, right: Peer): Promise<void> {
  const [here, there] = await Promise.all(
    [left, right].map(async (peer) => ({
      digest: await peer.client.must("DEBUG", "DIGEST"),
      keys: keyCounts(await info(peer, "keyspace")),
    })),
  );
  expect(here).toEqual(there as typeof here);
}

function keyCounts(keyspace: Map<string, string>): string[] {
  return [...keyspace].map(([name, value]) => `${name} ${value.split(",")[0]}`);
}

/** Keys in three databases, some with an expiry, one value of 20 MB. */
export async function fill(peer: Peer, keys = 3000): Promise<void> {
  const { client } = peer;
  for (const database of [0, 3, 9]) {
    const commands: (string | number)[][] = [["SELECT", database]];
    for (let i = 0; i < keys; i++) {
      commands.push(["SET", `key:${database}:${i}`, `value ${i} `.repeat(1 + (i % 20))]);
      if (i % 7 === 0) commands.push(["PEXPIRE", `key:${database}:${i}`, 3_600_000 + i]);
      if (i % 11 === 0) commands.push(["SET", `number:${database}:${i}`, i * 1_000_003]);
    }
    await client.pipeline(commands);
  }
  await client.must("SELECT", 0);
  await client.must("SET", "big", "0123456789abcdef".repeat(1_310_720));
}

/** Writes as fast as the server answers, until `stop`. */
export class Load {
  commands = 0;
  private running = true;
  private readonly done: Promise<void>;

  constructor(private readonly peer: Peer) {
    this.done = this.run();
  }

  async stop(): Promise<void> {
    this.running = false;
    await this.done;
  }

  private async run(): Promise<void> {
    const client = await this.peer.server.connect();
    for (let round = 0; this.running; round++) {
      const database = [0, 3, 9][round % 3] as number;
      const at = round % 500;
      const batch: (string | number)[][] = [
        ["SELECT", database],
        ["INCR", "counter"],
        ["INCRBYFLOAT", "sum", "0.1"],
        ["SET", `key:${database}:${at}`, `new ${round}`, "EX", 5000],
        ["APPEND", `key:${database}:${at + 1000}`, "+"],
        ["DEL", `key:${database}:${at + 2000}`],
        ["MULTI"],
        ["SET", `both:${at}`, round],
        ["INCR", "transactions"],
        ["EXEC"],
      ];
      await client.pipeline(batch);
      this.commands += batch.length;
      await Bun.sleep(1);
    }
    client.close();
  }
}
