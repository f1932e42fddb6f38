/** Replication between whole servers: Atoll and redis-server 7.0.15 in every place of a pair and of a chain. */
import { afterEach, describe, expect, test } from "bun:test";
import { testWithRedis } from "../support/oracle.ts";
import { until } from "../support/server.ts";
import {
  expectSameData,
  field,
  fill,
  follow,
  info,
  type Kind,
  Load,
  type Peer,
  Peers,
  settled,
} from "./pair.ts";

let peers = new Peers();
afterEach(async () => {
  await peers.stop();
  peers = new Peers();
});

describe("a pair: full sync under load, stream, partial resync, promotion", () => {
  test("Atoll -> Atoll", () => story("atoll", "atoll"), 20_000);
  testWithRedis("Atoll -> redis-server", () => story("atoll", "redis"), 20_000);
  testWithRedis("redis-server -> Atoll", () => story("redis", "atoll"), 20_000);
});

describe("a chain", () => {
  test("Atoll -> Atoll -> Atoll", () => chain("atoll", "atoll", "atoll"), 20_000);
  testWithRedis("redis-server -> Atoll -> Atoll", () => chain("redis", "atoll", "atoll"), 20_000);
  testWithRedis("Atoll -> redis-server -> Atoll", () => chain("atoll", "redis", "atoll"), 20_000);
});

async function story(first: Kind, second: Kind): Promise<void> {
  const primary = await peers.start(first);
  const replica = await peers.start(second);
  await fill(primary);
  await replica.client.must("SET", "of the replica", "goes away");

  const load = new Load(primary);
  await follow(replica, primary);
  await until(
    async () => (await field(replica, "replication", "master_link_status")) === "up",
    9000,
  );
  await Bun.sleep(100);
  await load.stop();
  await settled(primary, replica);
  await expectSameData(primary, replica);

  await streams(primary, replica);
  await cutFromBothSides(primary, replica);

  expect(String(await replica.client.call("SET", "a", "b"))).toContain("READONLY");
  expect(await primary.client.must("WAIT", 1, 2000)).toBe(1);
  await replica.client.must("REPLICAOF", "NO", "ONE");
  expect(await replica.client.must("SET", "a", "b")).toBe("OK");
  expect(((await replica.client.must("ROLE")) as unknown[])[0]).toBe("master");
}

/** Each kind of write arrives as what it did. */
async function streams(primary: Peer, replica: Peer): Promise<void> {
  const { client } = primary;
  await client.pipeline([
    ["SET", "shortlived", "x", "PX", 40],
    ["SET", "float", "1.25"],
    ["INCRBYFLOAT", "float", "0.5"],
    ["SETRANGE", "range", 5, "x"],
    ["GETSET", "float", "2.5"],
    ["SELECT", 5],
    ["MSET", "five", 5, "six", 6],
    ["MULTI"],
    ["SET", "in multi", 1],
    ["INCR", "in multi"],
    ["EXEC"],
    ["MOVE", "six", 0],
    ["SELECT", 0],
    ["RENAME", "range", "renamed"],
    ["COPY", "renamed", "copied"],
    ["SWAPDB", 3, 9],
    ["EXPIRE", "copied", 1000],
  ]);
  await client.must("SET", "wide", "w".repeat(3_000_000));
  await until(async () => (await client.call("EXISTS", "shortlived")) === 0, 3000);
  await settled(primary, replica);
  expect(await replica.client.must("GET", "float")).toBe("2.5");
  expect(await replica.client.must("EXISTS", "shortlived")).toBe(0);
  await expectSameData(primary, replica);
}

/** The backlog fills the gap whichever side lost the connection. */
async function cutFromBothSides(primary: Peer, replica: Peer): Promise<void> {
  const before = await info(primary, "stats");
  expect(await primary.client.must("CLIENT", "KILL", "TYPE", "replica")).toBe(1);
  await primary.client.pipeline([
    ["INCR", "cut"],
    ["SELECT", 9],
    ["INCR", "cut"],
    ["SELECT", 0],
  ]);
  await settled(primary, replica);
  expect(await replica.client.must("CLIENT", "KILL", "TYPE", "master")).toBe(1);
  await primary.client.must("INCR", "cut");
  await until(async () => Number(await field(primary, "stats", "sync_partial_ok")) >= 2, 5000);
  await settled(primary, replica);
  const after = await info(primary, "stats");
  expect(Number(after.get("sync_partial_ok"))).toBe(Number(before.get("sync_partial_ok")) + 2);
  expect(after.get("sync_full")).toBe(before.get("sync_full") as string);
  await expectSameData(primary, replica);
}

async function chain(first: Kind, second: Kind, third: Kind): Promise<void> {
  const top = await peers.start(first);
  const middle = await peers.start(second);
  const leaf = await peers.start(third);
  await fill(top, 300);
  await follow(middle, top);
  await settled(top, middle);
  // The stream stands in another database when the leaf joins: only the image can tell it.
  await top.client.pipeline([
    ["SELECT", 9],
    ["SET", "in nine", 1],
  ]);
  await follow(leaf, middle);
  await settled(middle, leaf);
  const load = new Load(top);
  await top.client.must("SET", "in nine too", 2);
  await Bun.sleep(150);
  await load.stop();
  await settled(top, leaf);
  await expectSameData(top, leaf);

  await middle.client.must("CLIENT", "KILL", "TYPE", "master");
  await top.client.must("SET", "after the cut", 1);
  await settled(top, leaf);
  await expectSameData(top, leaf);
  expect(await field(middle, "stats", "sync_full")).toBe("1");

  // The middle takes over: its replica goes on with it, by partial resynchronization.
  await middle.client.must("REPLICAOF", "NO", "ONE");
  await middle.client.must("SET", "of the new primary", 1);
  await settled(middle, leaf);
  await expectSameData(middle, leaf);
  expect(await field(middle, "stats", "sync_full")).toBe("1");
}
