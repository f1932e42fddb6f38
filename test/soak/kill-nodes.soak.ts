/**
 * A six-node cluster under writes loses a random node to `kill -9` again and again, and gets it back. After each
 * loss every node must see `cluster_state:ok` again, and every write that a replica confirmed must be there.
 *
 *   SOAK_MINUTES   how long, default 20
 *   SOAK_SEED      replays the order of the kills
 */
import { expect, test } from "bun:test";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { buildExecutable } from "../../build/executable.ts";
import { parseClusterNodes } from "../../src/cli/cluster-nodes.ts";
import { createCluster, type Member, waitForOk } from "../../src/cli/create-cluster.ts";
import { planCluster } from "../../src/cli/create-plan.ts";
import { RespClient } from "../../src/cli/resp-client.ts";
import { ReplyError } from "../../src/cli/resp-decode.ts";
import { NodeProcess } from "../../src/cli/up-node.ts";
import { freePorts } from "../support/ports.ts";

const NODES = 6;
const HOST = "127.0.0.1";
const NODE_TIMEOUT_MS = 1_000;
/** Node timeout, election, the old primary's return and its resynchronization. */
const RECOVER_WITHIN_MS = 30_000;
const WRITES_PER_ROUND = 500;
/** Short, as a third of the writes meets a primary without a replica for a while. */
const CONFIRM_WITHIN_MS = 50;

function seededRandom(seed: number): (below: number) => number {
  let state = seed >>> 0;
  return (below) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
}

class SoakCluster {
  readonly #executable: string;
  readonly #directory: string;
  readonly ports: readonly number[];
  readonly #nodes = new Map<number, NodeProcess>();

  constructor(executable: string, directory: string, firstPort: number) {
    this.#executable = executable;
    this.#directory = directory;
    this.ports = Array.from({ length: NODES }, (_, index) => firstPort + index);
  }

  async form(): Promise<void> {
    for (const port of this.ports) {
      const own = join(this.#directory, String(port));
      mkdirSync(own);
      const lines = [
        `port ${port}`,
        `bind ${HOST}`,
        'save ""',
        "cluster-enabled yes",
        `cluster-node-timeout ${NODE_TIMEOUT_MS}`,
        "cluster-replica-validity-factor 0",
        "repl-diskless-sync-delay 0",
      ];
      writeFileSync(join(own, "redis.conf"), `${lines.join("\n")}\n`);
      this.start(port);
    }
    await Promise.all([...this.#nodes.values()].map((node) => node.ready(RECOVER_WITHIN_MS)));
    const planned = planCluster(NODES, 1);
    if (!planned.ok) throw new Error(planned.reason);
    await this.with(async (members) => {
      await createCluster(members, planned.plan, () => {}, RECOVER_WITHIN_MS);
      expect(await waitForOk(members, RECOVER_WITHIN_MS)).toBe(true);
    });
  }

  start(port: number): NodeProcess {
    const place = { host: HOST, port, directory: join(this.#directory, String(port)) };
    const node = NodeProcess.start(place, [this.#executable, "server"], []);
    this.#nodes.set(port, node);
    return node;
  }

  async kill(port: number): Promise<void> {
    const node = this.#nodes.get(port);
    node?.signal("SIGKILL");
    await node?.exited;
  }

  async stop(): Promise<void> {
    await Promise.all(this.ports.map((port) => this.kill(port)));
  }

  /** With a connection to each of the nodes. */
  async with<T>(body: (members: readonly Member[]) => Promise<T>, but?: number): Promise<T> {
    const members = await Promise.all(
      this.ports
        .filter((port) => port !== but)
        .map(async (port) => ({
          host: HOST,
          port,
          client: await RespClient.connect({ host: HOST, port }),
        })),
    );
    try {
      return await body(members);
    } finally {
      for (const { client } of members) client.close();
    }
  }

  /** Every node answers, sees all slots, three primaries and three linked replicas. */
  async recovered(): Promise<void> {
    await this.#until("the cluster does not recover", () => this.#recoverProblem());
  }

  /**
   * The others have given the lost node up and serve all slots. Nodes here keep no files, so that a primary which
   * came back sooner would come back empty, and its replica would follow it.
   */
  async survived(lost: number): Promise<void> {
    await this.#until("the cluster does not survive", () => this.#surviveProblem(lost));
  }

  async #until(failure: string, problem: () => Promise<string | undefined>): Promise<void> {
    const deadline = Date.now() + RECOVER_WITHIN_MS;
    for (;;) {
      const found = await problem().catch(String);
      if (found === undefined) return;
      if (Date.now() > deadline) throw new Error(`${failure}: ${found}`);
      await Bun.sleep(100);
    }
  }

  async #surviveProblem(lost: number): Promise<string | undefined> {
    return await this.with(async (members) => {
      for (const { port, client } of members) {
        const state = await client.text("CLUSTER", "INFO");
        if (!state.includes("cluster_state:ok")) return `${port} is not ok`;
        const nodes = parseClusterNodes(await client.text("CLUSTER", "NODES"));
        const gone = nodes.find((node) => node.port === lost);
        if (gone?.flags.includes("fail") !== true) return `${port} does not see the loss`;
      }
      return undefined;
    }, lost);
  }

  async #recoverProblem(): Promise<string | undefined> {
    return await this.with(async (members) => {
      for (const { port, client } of members) {
        const state = await client.text("CLUSTER", "INFO");
        if (!state.includes("cluster_state:ok")) return `${port} is not ok`;
        const nodes = parseClusterNodes(await client.text("CLUSTER", "NODES"));
        if (nodes.some(({ flags }) => flags.some((flag) => flag.startsWith("fail")))) {
          return `${port} sees a failed node`;
        }
        if (nodes.filter(({ isPrimary }) => isPrimary).length !== NODES / 2) {
          return `${port} sees another number of primaries`;
        }
        const replication = await client.text("INFO", "replication");
        if (/role:slave/.test(replication) && !/master_link_status:up/.test(replication)) {
          return `${port} is not linked`;
        }
      }
      return undefined;
    });
  }

  /**
   * Follows redirections; undefined when the node that owns the key is not there, or no replica confirms the
   * write in time. 0 asks for no confirmation.
   */
  async ask(args: readonly string[], confirmWithinMs: number): Promise<unknown> {
    let port = this.ports[0] ?? 0;
    for (let hop = 0; hop < NODES; hop += 1) {
      try {
        const client = await this.#client(port);
        const reply = await client.send(args);
        if (!(reply instanceof ReplyError)) {
          if (confirmWithinMs === 0) return reply;
          const replicas = await client.send(["WAIT", "1", String(confirmWithinMs)]);
          return replicas === 1 ? reply : undefined;
        }
        if (reply.code !== "MOVED") return undefined;
        port = Number(reply.message.split(":").at(-1));
      } catch {
        this.#clients.delete(port);
        port = this.ports[(this.ports.indexOf(port) + 1) % NODES] ?? 0;
      }
    }
    return undefined;
  }

  readonly #clients = new Map<number, RespClient>();

  async #client(port: number): Promise<RespClient> {
    const known = this.#clients.get(port);
    if (known?.isOpen) return known;
    const client = await RespClient.connect({ host: HOST, port });
    this.#clients.set(port, client);
    return client;
  }
}

test(
  "kill -9 of any node loses no confirmed write",
  async () => {
    const minutes = Number(process.env["SOAK_MINUTES"] ?? 20);
    const seed = Number(process.env["SOAK_SEED"] ?? Date.now() % 1_000_000);
    const random = seededRandom(seed);
    const directory = mkdtempSync(join(tmpdir(), "atoll-soak-"));
    const cluster = new SoakCluster(await buildExecutable(), directory, freePorts(NODES));
    const confirmed = new Map<string, string>();
    let isClean = false;
    process.stderr.write(`SOAK_SEED=${seed}, ${minutes} minutes, files in ${directory}\n`);
    try {
      await cluster.form();
      const end = Date.now() + minutes * 60_000;
      for (let round = 1; Date.now() < end; round += 1) {
        await cluster.recovered();
        const victim = cluster.ports[random(NODES)] ?? 0;
        const killAt = random(WRITES_PER_ROUND);
        for (let write = 0; write < WRITES_PER_ROUND; write += 1) {
          if (write === killAt) await cluster.kill(victim);
          const key = `key:${random(10_000)}`;
          const value = `${round}:${write}`;
          const reply = await cluster.ask(["SET", key, value], CONFIRM_WITHIN_MS);
          // A write without confirmation may have happened or not: the key is of no use any more.
          if (reply === "OK") confirmed.set(key, value);
          else confirmed.delete(key);
        }
        await cluster.survived(victim);
        await Bun.sleep(random(2 * NODE_TIMEOUT_MS));
        await cluster.start(victim).ready(RECOVER_WITHIN_MS);
        await cluster.recovered();
        for (const [key, value] of confirmed) {
          const found = await cluster.ask(["GET", key], 0);
          if (found !== value) {
            throw new Error(`round ${round}, seed ${seed}: ${key} is ${found}, not ${value}`);
          }
        }
        process.stderr.write(`round ${round}: killed ${victim}, ${confirmed.size} keys checked\n`);
      }
      isClean = true;
    } finally {
      await cluster.stop();
      if (isClean) rmSync(directory, { recursive: true, force: true });
    }
  },
  4 * 60 * 60_000,
);
