/** What replication lets clients do, and what persistence keeps of it: whole servers over TCP. */
import { afterEach, describe, expect, test } from "bun:test";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { testWithRedis } from "../support/oracle.ts";
import { freePort } from "../support/ports.ts";
import { spawnServer, until } from "../support/server.ts";
import { expectSameData, field, fill, follow, info, type Peer, Peers, settled } from "./pair.ts";

let peers = new Peers();
let directories: string[] = [];
afterEach(async () => {
  await peers.stop();
  peers = new Peers();
  for (const directory of directories) rmSync(directory, { recursive: true, force: true });
  directories = [];
});

function directory(): string {
  const path = mkdtempSync(join(tmpdir(), "atoll-repl-"));
  directories.push(path);
  return path;
}

async function pair(primaryArgs: string[] = [], replicaArgs: string[] = []): Promise<[Peer, Peer]> {
  const primary = await peers.start("atoll", primaryArgs);
  const replica = await peers.start("atoll", replicaArgs);
  await follow(replica, primary);
  await settled(primary, replica);
  return [primary, replica];
}

/** SHUTDOWN SAVE, and the end of the process. */
async function shutDown(peer: Peer): Promise<void> {
  peer.client.call("SHUTDOWN", "SAVE").catch(() => undefined);
  await peer.server.process.exited;
  expect(peer.server.process.exitCode).toBe(0);
}

describe("commands and gates", () => {
  test("min-replicas-to-write holds writes back until a replica is there", async () => {
    const primary = await peers.start("atoll", ["--min-replicas-to-write", "1"]);
    const refusal = "NOREPLICAS Not enough good replicas to write.";
    expect(String(await primary.client.call("SET", "a", 1))).toContain(refusal);
    expect(await primary.client.call("GET", "a")).toBeNull();
    const replica = await peers.start("atoll");
    await follow(replica, primary);
    await until(async () => (await primary.client.call("SET", "a", 1)) === "OK", 5000);
    expect(await field(primary, "replication", "min_slaves_good_slaves")).toBe("1");
    await replica.client.must("REPLICAOF", "no", "one");
    await until(async () => String(await primary.client.call("SET", "a", 1)).includes(refusal));
    await primary.client.must("CONFIG", "SET", "min-slaves-to-write", 0);
    expect(await primary.client.call("SET", "a", 1)).toBe("OK");
  }, 15_000);

  test("a write right before SHUTDOWN NOW still reaches the replica", async () => {
    const [primary, replica] = await pair();
    primary.client.send("SET last 1\r\nSHUTDOWN NOW NOSAVE\r\n");
    await primary.server.process.exited;
    await until(async () => (await replica.client.call("GET", "last")) === "1", 2000);
  });

  test("a replica: read-only, ROLE, WAIT, masters of its own choice", async () => {
    const [primary, replica] = await pair();
    expect(String(await replica.client.call("DEL", "a"))).toBe(
      "ReplyError: READONLY You can't write against a read only replica.",
    );
    expect(String(await replica.client.call("WAIT", 1, 1))).toContain(
      "ERR WAIT cannot be used with replica instances.",
    );
    expect(await replica.client.call("ROLE")).toEqual([
      "slave",
      "127.0.0.1",
      primary.server.port,
      "connected",
      Number(await field(primary, "replication", "master_repl_offset")),
    ]);
    expect(await replica.client.call("REPLICAOF", "127.0.0.1", primary.server.port)).toBe(
      "OK Already connected to specified master",
    );
    expect(String(await replica.client.call("REPLICAOF", "127.0.0.1", "x"))).toContain(
      "ERR Invalid master port",
    );
    expect(await replica.client.call("CONFIG", "GET", "replicaof")).toEqual([
      "replicaof",
      `127.0.0.1 ${primary.server.port}`,
    ]);
    await replica.client.must("CONFIG", "SET", "replica-read-only", "no");
    expect(await replica.client.call("SET", "mine", 1)).toBe("OK");
    expect(await primary.client.call("GET", "mine")).toBeNull();

    const replies = await primary.client.pipeline([
      ["SET", "a", 1],
      ["WAIT", 1, 5000],
      ["SET", "b", 1],
      ["WAIT", 2, 60],
      ["PING"],
    ]);
    expect(replies).toEqual(["OK", 1, "OK", 1, "PONG"]);
    expect(await replica.client.must("GET", "b")).toBe("1");
    const line = await field(primary, "replication", "slave0");
    expect(line).toMatch(/^ip=127.0.0.1,port=\d+,state=online,offset=\d+,lag=[01]$/);
    expect(await primary.client.must("CLIENT", "LIST", "TYPE", "replica")).toContain("flags=S");
    expect(await replica.client.must("CLIENT", "LIST", "TYPE", "master")).toContain("flags=M");
  }, 15_000);

  test("clients that wait are let go when their server becomes a replica", async () => {
    const first = await peers.start("atoll");
    const second = await peers.start("atoll");
    await second.client.must("SET", "a", 1);
    const waiting = second.client.call("WAIT", 1, 0);
    const other = await second.server.connect();
    await other.must("REPLICAOF", "127.0.0.1", first.server.port);
    expect(String(await waiting)).toContain("UNBLOCKED force unblock");
    other.close();
  });

  test("a password, an announced address, and stale data", async () => {
    const primary = await peers.start("atoll", ["--requirepass", "secret"]);
    await primary.client.must("AUTH", "secret");
    await primary.client.must("SET", "a", "1");
    const args = ["--replica-announce-ip", "10.9.8.7", "--replica-announce-port", "4321"];
    const replica = await peers.start("atoll", [...args, "--replica-serve-stale-data", "no"]);
    await follow(replica, primary);
    await replica.server.untilLogged("NOAUTH Authentication required");
    expect(String(await replica.client.call("GET", "a"))).toContain("MASTERDOWN Link with MASTER");
    await replica.client.must("CONFIG", "SET", "masterauth", "secret");
    await settled(primary, replica);
    expect(await replica.client.must("GET", "a")).toBe("1");
    expect(await field(primary, "replication", "slave0")).toContain("ip=10.9.8.7,port=4321,");
  }, 15_000);

  test("a replica that reads too slowly is closed at its output limit", async () => {
    const limit = "replica 2mb 0 0";
    const primary = await peers.start("atoll", ["--client-output-buffer-limit", limit]);
    const slow = await primary.server.connect();
    slow.send("REPLCONF capa eof capa psync2\r\nPSYNC ? -1\r\n");
    await until(async () => (await field(primary, "replication", "connected_slaves")) === "1");
    slow.pause();
    const value = "x".repeat(1_000_000);
    await primary.client.pipeline(Array.from({ length: 40 }, (_, i) => ["SET", `k${i}`, value]));
    await primary.server.untilLogged("scheduled to be closed ASAP for overcoming of output buffer");
    expect(await field(primary, "replication", "connected_slaves")).toBe("0");
    slow.close();
  });

  test("PSYNC and SYNC by hand", async () => {
    const { server, client } = await peers.start("atoll");
    await client.must("SET", "k", "v");
    const plain = await server.connect();
    plain.send("SYNC\r\n");
    await until(
      () => plain.leftover.includes("REDIS0010"),
      3000,
      () => plain.leftover,
    );
    expect(plain.leftover).toMatch(/^\n*\$\d+\r\nREDIS0010/);
    await client.must("SET", "after", "1");
    await until(
      () => plain.leftover.includes("after"),
      3000,
      () => plain.leftover,
    );
    expect(plain.leftover).toEndWith(
      "*2\r\n$6\r\nSELECT\r\n$1\r\n0\r\n*3\r\n$3\r\nSET\r\n$5\r\nafter\r\n$1\r\n1\r\n",
    );
    const wrong = await server.connect();
    expect(String(await wrong.call("PSYNC", "?", "x"))).toContain("ERR value is not an integer");
    expect(String(await wrong.call("PSYNC", "?", "1", "FAILOVER"))).toContain("can't be sent to a");
    const id = await field({ kind: "atoll", server, client }, "replication", "master_replid");
    expect(String(await wrong.call("PSYNC", id, 1))).toStartWith("CONTINUE");
    plain.close();
    wrong.close();
  });
});

describe("other ways of a full sync, and of a handover", () => {
  test("repl-diskless-load on-empty-db loads the image as it arrives", async () => {
    const primary = await peers.start("atoll");
    await fill(primary, 300);
    const replica = await peers.start("atoll", ["--repl-diskless-load", "on-empty-db"]);
    await follow(replica, primary);
    await settled(primary, replica);
    await expectSameData(primary, replica);
    expect(replica.server.log).toContain("receiving streamed RDB from master with EOF to parser");
    // Now it has data: the next full sync goes by way of a file.
    await primary.client.must("DEBUG", "CHANGE-REPL-ID");
    await primary.client.must("CLIENT", "KILL", "TYPE", "replica");
    await replica.server.untilLogged("receiving streamed RDB from master with EOF to disk");
    await settled(primary, replica);
    await expectSameData(primary, replica);
  }, 15_000);

  testWithRedis(
    "FAILOVER of a redis-server hands its role to Atoll",
    async () => {
      const real = await peers.start("redis");
      const replica = await peers.start("atoll");
      await fill(real, 100);
      await follow(replica, real);
      await settled(real, replica);
      const { port } = replica.server;
      await real.client.must("FAILOVER", "TO", "127.0.0.1", port, "TIMEOUT", 5000);
      await until(async () => (await field(replica, "replication", "role")) === "master");
      await replica.client.must("SET", "of the new primary", 1);
      await settled(replica, real);
      await expectSameData(replica, real);
      expect(await field(replica, "stats", "sync_full")).toBe("0");
    },
    15_000,
  );
});

describe("restarts", () => {
  test("a replica saved by SHUTDOWN goes on by partial resynchronization", async () => {
    const home = directory();
    const primary = await peers.start("atoll");
    await fill(primary, 200);
    const replica = await peers.start("atoll", [], home);
    await follow(replica, primary);
    await settled(primary, replica);
    await primary.client.pipeline([
      ["SELECT", 7],
      ["SET", "selected", 7],
    ]);
    await settled(primary, replica);
    await shutDown(replica);
    await primary.client.must("INCR", "meanwhile");
    const address = ["--replicaof", "127.0.0.1", String(primary.server.port)];
    const again = await peers.start("atoll", address, home);
    await settled(primary, again);
    await expectSameData(primary, again);
    const stats = await info(primary, "stats");
    expect([stats.get("sync_full"), stats.get("sync_partial_ok")]).toEqual(["1", "1"]);
    expect(again.server.log).toMatch(/DB loaded from disk: \d+\.\d{3} seconds/);
  }, 15_000);

  test("an old primary saved by SHUTDOWN follows the new one without a full sync", async () => {
    const home = directory();
    const old = await peers.start("atoll", [], home);
    const next = await peers.start("atoll");
    await fill(old, 200);
    await follow(next, old);
    await settled(old, next);
    await old.client.must("SET", "last", 1);
    await shutDown(old);
    await next.client.must("REPLICAOF", "NO", "ONE");
    await next.client.must("SET", "first", 1);
    const again = await peers.start("atoll", [], home);
    await follow(again, next);
    await settled(next, again);
    await expectSameData(next, again);
    expect(await field(next, "stats", "sync_full")).toBe("0");
    expect(await field(next, "stats", "sync_partial_ok")).toBe("1");
  }, 15_000);

  test("replicas of a restarted primary go on under its new name", async () => {
    const home = directory();
    const first = await peers.start("atoll", [], home);
    const replica = await peers.start("atoll");
    await fill(first, 200);
    await follow(replica, first);
    await settled(first, replica);
    await shutDown(first);
    const primary = await peers.start("atoll", [], home, first.server.port);
    await primary.client.must("SET", "after", 1);
    await settled(primary, replica);
    await expectSameData(primary, replica);
    expect(await field(primary, "stats", "sync_full")).toBe("0");
  }, 15_000);

  test("a file that a crash left behind goes on in the database of its stream", async () => {
    const home = directory();
    const old = await peers.start("atoll", [], home);
    const next = await peers.start("atoll");
    await follow(next, old);
    await settled(old, next);
    await old.client.pipeline([["SELECT", 9], ["SET", "a", 1], ["SAVE"], ["SET", "b", 2]]);
    await settled(old, next);
    await old.server.signal("SIGKILL");
    await next.client.must("REPLICAOF", "NO", "ONE");
    const again = await peers.start("atoll", [], home);
    await follow(again, next);
    await settled(next, again);
    await expectSameData(next, again);
    expect(await field(next, "stats", "sync_full")).toBe("0");
  }, 15_000);

  testWithRedis(
    "each program loads the other's file",
    async () => {
      const home = directory();
      const atoll = await peers.start("atoll", [], home);
      await fill(atoll, 500);
      const digest = await atoll.client.must("DEBUG", "DIGEST");
      expect(await atoll.client.must("SAVE")).toBe("OK");
      const real = await peers.start("redis", [], home);
      expect(await real.client.must("DEBUG", "DIGEST")).toBe(digest);
      await real.client.must("SET", "one more", 1);
      const digestNow = await real.client.must("DEBUG", "DIGEST");
      await shutDown(real);
      const again = await peers.start("atoll", [], home);
      expect(await again.client.must("DEBUG", "DIGEST")).toBe(digestNow);
    },
    15_000,
  );

  test("SAVE, BGSAVE, LASTSAVE and save points", async () => {
    const home = directory();
    const peer = await peers.start("atoll", ["--save", "1 3"], home);
    const { client } = peer;
    const path = join(home, "dump.rdb");
    await client.must("SET", "a", 1);
    expect(await field(peer, "persistence", "rdb_changes_since_last_save")).toBe("1");
    expect(await client.must("BGSAVE")).toBe("Background saving started");
    const underWay = () => field(peer, "persistence", "rdb_bgsave_in_progress");
    await until(async () => (await underWay()) === "0");
    expect(existsSync(path)).toBe(true);
    const facts = await info(peer, "persistence");
    expect(facts.get("rdb_changes_since_last_save")).toBe("0");
    expect(facts.get("rdb_last_bgsave_status")).toBe("ok");
    expect(facts.get("rdb_last_bgsave_time_sec")).toBe("0");
    expect(String(await client.call("BGSAVE", "now"))).toContain("syntax error");
    const seconds = Number(await client.must("LASTSAVE"));
    expect(Math.abs(seconds - Date.now() / 1000)).toBeLessThan(3);
    await client.pipeline([
      ["INCR", "a"],
      ["INCR", "a"],
      ["INCR", "a"],
    ]);
    await peer.server.untilLogged("3 changes in 1 seconds. Saving...");
    await until(async () => (await field(peer, "persistence", "rdb_saves")) === "2");
    await until(async () => (await underWay()) === "0");
    expect(await client.must("SAVE")).toBe("OK");
  }, 10_000);

  test("a save that fails refuses writes until one succeeds", async () => {
    const home = directory();
    const peer = await peers.start(
      "atoll",
      ["--save", "3600 1", "--enable-protected-configs", "yes"],
      home,
    );
    const inner = mkdtempSync(join(home, "gone-"));
    await peer.client.must("CONFIG", "SET", "dir", inner);
    rmSync(inner, { recursive: true });
    await peer.client.must("SET", "a", 1);
    await peer.client.call("BGSAVE");
    await until(
      async () => (await field(peer, "persistence", "rdb_last_bgsave_status")) === "err",
      3000,
    );
    expect(String(await peer.client.call("SET", "a", 2))).toContain("MISCONF Redis is configured");
    await peer.client.must("CONFIG", "SET", "dir", home);
    await peer.client.must("SAVE");
    expect(await peer.client.must("SET", "a", 2)).toBe("OK");
  });

  const damages: readonly (readonly [string, (bytes: Buffer) => Buffer, string])[] = [
    [
      "signature",
      (bytes) => Buffer.concat([Buffer.from("X"), bytes.subarray(1)]),
      "Wrong signature",
    ],
    ["version", (bytes) => withVersion(bytes), "Can't handle RDB format version 99"],
    ["short", (bytes) => bytes.subarray(0, bytes.length - 12), "Short read or OOM loading DB"],
    ["checksum", (bytes) => flipped(bytes), "Wrong RDB checksum"],
  ];
  test("a damaged file ends the start with exit code 1 and stays as it is", async () => {
    const source = directory();
    const peer = await peers.start("atoll", [], source);
    await fill(peer, 10);
    await peer.client.must("SAVE");
    const good = readFileSync(join(source, "dump.rdb"));
    for (const [, damage, line] of damages) {
      const home = directory();
      const bad = damage(good);
      writeFileSync(join(home, "dump.rdb"), bad);
      const port = freePort();
      const server = await spawnServer({ directory: home, port });
      await server.process.exited;
      expect(server.process.exitCode).toBe(1);
      await server.untilLogged(line);
      expect(readFileSync(join(home, "dump.rdb")).equals(bad)).toBe(true);
    }
  }, 15_000);
});

function withVersion(bytes: Buffer): Buffer {
  const copy = Buffer.from(bytes);
  copy.write("0099", 5, "latin1");
  return copy;
}

function flipped(bytes: Buffer): Buffer {
  const copy = Buffer.from(bytes);
  copy[copy.length - 1] = (copy[copy.length - 1] as number) ^ 1;
  return copy;
}
