/** nodes.conf on disk: it survives kill -9 at any moment, belongs to one node, and is left alone when damaged. */
import { afterEach, describe, expect, test } from "bun:test";
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Prng } from "../../src/base/prng.ts";
import { NodeFlag } from "../../src/cluster/bus-message.ts";
import { type ClusterConfig, parseClusterConfig } from "../../src/cluster/nodes-conf.ts";
import { hasSlot } from "../../src/cluster/slot-bitmap.ts";
import { TestCluster, useExecutable } from "../support/cluster.ts";
import { freePort } from "../support/ports.ts";
import { RespClient } from "../support/resp-client.ts";
import { spawnServer, type TestServer } from "../support/server.ts";

const KILLS = 200;
/** From the process's start; the node answers after some 60 ms. */
const LIFE_MAX_MS = 140;
const TIMEOUT_MS = 60_000;

describe("nodes.conf", () => {
  const running: TestServer[] = [];
  const directories: string[] = [];
  let cluster: TestCluster | undefined;

  afterEach(async () => {
    for (const server of running.splice(0)) {
      server.process.kill("SIGKILL");
      await server.process.exited;
    }
    await cluster?.stop();
    cluster = undefined;
    for (const directory of directories.splice(0)) rmSync(directory, { recursive: true });
  });

  function newDirectory(): string {
    const directory = mkdtempSync(join(tmpdir(), "atoll-nodes-conf-"));
    directories.push(directory);
    return directory;
  }

  async function spawnNode(directory: string, port: number): Promise<TestServer> {
    await useExecutable();
    const args = ["--bind", "127.0.0.1", "--cluster-node-timeout", "1000"];
    const server = await spawnServer({ directory, port, args, cluster: true });
    running.push(server);
    return server;
  }

  /** Starts a node that is bound to fail: its exit code and log. */
  async function failedStart(directory: string, port: number) {
    const server = await spawnNode(directory, port);
    const status = await server.process.exited;
    const streamsEnd = Date.now() + 1000;
    while (!server.log.includes("conf") && Date.now() < streamsEnd) await Bun.sleep(5);
    return { status, log: server.log };
  }

  test(
    `kill -9 at ${KILLS} random moments leaves a file that loads, with all that was confirmed`,
    async () => {
      const seed = Date.now() % 0x7fffffff;
      const prng = new Prng(seed);
      console.log(`seed ${seed}`);
      cluster = await TestCluster.start({ kinds: ["atoll", "atoll"] });
      const peers = cluster.members;
      const directory = newDirectory();
      const port = freePort();
      const confirmed = new Set<number>();
      let nodeId: string | undefined;
      let saves = 0;
      for (let round = 0; round < KILLS; round++) {
        const server = await spawnNode(directory, port);
        const changes = changeAlways(
          port,
          peers.map((peer) => peer.port),
          confirmed,
          prng,
        );
        await Bun.sleep(prng.below(LIFE_MAX_MS));
        const context = `seed ${seed}, round ${round}; the log:\n${server.log}`;
        if (server.process.exitCode !== null) throw new Error(`ended by itself: ${context}`);
        running.pop();
        await server.signal("SIGKILL");
        saves += await changes;

        const config = load(directory, context);
        if (config === null) {
          if (nodeId !== undefined) throw new Error(`the file is empty: ${context}`);
          continue;
        }
        const myself = config.nodes.find(({ flags }) => (flags & NodeFlag.myself) !== 0);
        nodeId ??= myself?.id;
        if (myself === undefined || myself.id !== nodeId) throw new Error(`who am I? ${context}`);
        const lost = [...confirmed].filter((slot) => !hasSlot(myself.slots, slot));
        if (lost.length > 0) throw new Error(`confirmed slots ${lost} are lost: ${context}`);
      }
      // It was worth it: nearly every round changed the file many times.
      expect(saves).toBeGreaterThan(KILLS);
      expect(confirmed.size).toBeGreaterThan(KILLS / 4);
      const server = await spawnNode(directory, port);
      await server.untilLogged(`Node configuration loaded, I'm ${nodeId}`);
      // What the killed left unfinished has other names.
      expect(readdirSync(directory)).toContain("nodes.conf");
    },
    TIMEOUT_MS,
  );

  test("two nodes cannot share a file", async () => {
    const directory = newDirectory();
    const first = await spawnNode(directory, freePort());
    await first.untilLogged("Ready to accept connections");
    const before = readFileSync(join(directory, "nodes.conf"));
    const second = await failedStart(directory, freePort());
    expect(second.status).toBe(1);
    expect(second.log).toContain("nodes.conf is already used by a different Redis Cluster node.");
    expect(readFileSync(join(directory, "nodes.conf"))).toEqual(before);
    expect(first.process.exitCode).toBeNull();
    // The lock goes with the process, however it ends.
    await first.signal("SIGKILL");
    const third = await spawnNode(directory, freePort());
    await third.untilLogged("Node configuration loaded");
  });

  const id = "0123456789abcdef0123456789abcdef01234567";
  const myself = `${id} 127.0.0.1:7000@17000 myself,master - 0 0 1 connected 0-16383`;
  const vars = "vars currentEpoch 1 lastVoteEpoch 0";
  const damages: Record<string, string | Uint8Array> = {
    "random bytes": new Uint8Array(300).map((_, index) => (index * 149 + 7) % 256),
    "a line cut short": `${myself.slice(0, 60)}\n${vars}\n`,
    "an unknown flag": `${myself.replace("myself,", "myself,coral,")}\n${vars}\n`,
    "a slot beyond the last": `${myself.replace("0-16383", "0-16384")}\n${vars}\n`,
    "an odd number of variables": `${myself}\nvars currentEpoch\n`,
    "nobody called myself": `${myself.replace("myself,", "")}\n${vars}\n`,
    "no end of the last line": `${myself}\n${vars.slice(0, 20)}`,
  };

  for (const [name, damage] of Object.entries(damages)) {
    test(`damaged by ${name}: a clear error, exit 1, the file untouched`, async () => {
      const directory = newDirectory();
      const path = join(directory, "nodes.conf");
      writeFileSync(path, damage);
      const before = readFileSync(path);
      const { status, log } = await failedStart(directory, freePort());
      expect(log).toContain("Unrecoverable error: corrupted cluster config file");
      expect(status).toBe(1);
      expect(readFileSync(path)).toEqual(before);
      expect(readdirSync(directory)).toEqual(["nodes.conf"]);
    });
  }
});

/** The file's cluster; null for the empty file of a node that was killed before its first save. */
function load(directory: string, context: string): ClusterConfig | null {
  let bytes: Uint8Array;
  try {
    bytes = new Uint8Array(readFileSync(join(directory, "nodes.conf")));
  } catch {
    return null;
  }
  if (bytes.length === 0) return null;
  const parsed = parseClusterConfig(bytes);
  if ("config" in parsed) return parsed.config;
  throw new Error(
    `does not load: line ${parsed.line}, ${parsed.reason}\n${Buffer.from(bytes)}\n${context}`,
  );
}

/**
 * Keeps a node changing its configuration until the connection ends; answers how often it did. Slots that
 * the node confirmed to own are added to `confirmed`; everything else comes and goes.
 */
async function changeAlways(
  port: number,
  peerPorts: readonly number[],
  confirmed: Set<number>,
  prng: Prng,
): Promise<number> {
  let changes = 0;
  try {
    const client = await connectSoon(port);
    const known = String(await client.must("CLUSTER", "NODES"));
    const peerIds = known
      .split("\n")
      .flatMap((line) => (line.includes("myself") ? [] : [line.slice(0, 40)]));
    for (;;) {
      const slot = prng.below(16_384);
      if (confirmed.has(slot)) continue;
      await client.must("CLUSTER", "MEET", "127.0.0.1", prng.pick(peerPorts));
      // Busy: it was added, and its life ended before it could say so.
      if ((await client.call("CLUSTER", "ADDSLOTS", slot)) === "OK") confirmed.add(slot);
      const peerId = prng.pick(peerIds);
      if (peerId !== "") await client.call("CLUSTER", "SETSLOT", slot, "MIGRATING", peerId);
      await client.call("CLUSTER", "BUMPEPOCH");
      await client.call("CLUSTER", "SETSLOT", slot, "STABLE");
      if (peerId !== "" && prng.chance(0.25)) await client.call("CLUSTER", "FORGET", peerId);
      changes += 4;
    }
  } catch {
    return changes;
  }
}

async function connectSoon(port: number): Promise<RespClient> {
  const deadline = Date.now() + LIFE_MAX_MS;
  for (;;) {
    try {
      return await RespClient.connect({ port });
    } catch (reason) {
      if (Date.now() > deadline) throw reason;
      await Bun.sleep(2);
    }
  }
}
