/** Megabytes of a primary's stream at once are worked on in many turns, and offsets stay right whatever ends the link. */
import { afterEach, beforeEach, expect, test } from "bun:test";
import type { RespClient } from "../support/resp-client.ts";
import { startServer, type TestServer, until } from "../support/server.ts";
import { expectShortTurns, stopMeter } from "../support/turns.ts";
import { FakePrimary } from "./fake-primary.ts";

const commandCount = 400_000;
/** Every command is as long, so that the counter tells how much of the stream was applied. */
const increment = "*2\r\n$4\r\nINCR\r\n$7\r\ncounter\r\n";
const select = "*2\r\n$6\r\nSELECT\r\n$1\r\n0\r\n";
const long = increment.repeat(commandCount);

let primary: FakePrimary;
let server: TestServer;
let client: RespClient;

beforeEach(async () => {
  primary = await FakePrimary.start();
  server = await startServer({ args: ["--enable-debug-command", "yes", "--save", ""] });
  client = await server.connect();
  await client.must("REPLICAOF", "127.0.0.1", primary.port);
  await until(async () => (await field("master_link_status")) === "up", 5000);
  primary.send(select);
  await until(async () => Number(await field("slave_repl_offset")) === select.length, 5000);
});

afterEach(async () => {
  client.close();
  primary.stop();
  await server.stop();
});

async function field(name: string): Promise<string> {
  const text = String(await client.must("INFO", "replication"));
  return new RegExp(`^${name}:(.*)\r$`, "m").exec(text)?.[1] ?? "";
}

async function applied(): Promise<number> {
  return Number(await client.must("GET", "counter"));
}

/** The longest turn, milliseconds of processor time, until `condition` holds. */
async function longestTurn(condition: () => Promise<boolean>): Promise<number> {
  await until(condition, 20_000);
  return (await stopMeter(client)).longest;
}

test("small commands", async () => {
  let end = select.length;
  const seen: number[] = [];
  await expectShortTurns("small commands", async () => {
    await client.must("DEBUG", "TURN-LENGTH", "START");
    primary.send(long);
    end += long.length;
    return longestTurn(async () => {
      seen.push(await applied());
      return Number(await field("slave_repl_offset")) === end;
    });
  });
  expect((await applied()) * increment.length).toBe(end - select.length);
  // Clients were served in between.
  expect(new Set(seen).size).toBeGreaterThan(3);
  await until(() => primary.acknowledged === end, 3000);
}, 30_000);

test("commands that take long, in one piece", async () => {
  const members = Array.from({ length: 5000 }, (_, at) => `$8\r\n${String(at).padStart(8)}\r\n`);
  const fill = `*5002\r\n$4\r\nSADD\r\n$3\r\nset\r\n${members.join("")}`;
  const copy = "*3\r\n$11\r\nSUNIONSTORE\r\n$3\r\nsum\r\n$3\r\nset\r\n";
  primary.send(fill);
  await until(async () => (await client.must("EXISTS", "set")) === 1, 5000);
  let end = select.length + fill.length;
  await expectShortTurns("long commands", async () => {
    await client.must("DEBUG", "TURN-LENGTH", "START");
    primary.send(copy.repeat(500));
    end += copy.length * 500;
    return longestTurn(async () => Number(await field("slave_repl_offset")) === end);
  });
  expect(await client.must("SCARD", "sum")).toBe(5000);
}, 30_000);

test("transactions stay whole; GETACK among them tells what stands before it", async () => {
  const body = increment.repeat(1000);
  const unit = `*1\r\n$5\r\nMULTI\r\n${body}*1\r\n$4\r\nEXEC\r\n`;
  const ask = "*3\r\n$8\r\nREPLCONF\r\n$6\r\nGETACK\r\n$1\r\n*\r\n";
  primary.send(unit.repeat(200) + ask);
  const end = select.length + unit.length * 200;
  for (let seen = 0; seen < 200_000; seen = await applied()) expect(seen % 1000).toBe(0);
  await until(() => primary.acknowledged >= end, 3000);
  await until(async () => Number(await field("slave_repl_offset")) === end + ask.length, 3000);
}, 30_000);

test("what the primary sent before it went is applied, and asked for no more", async () => {
  const half = increment.slice(0, 9);
  primary.resumes = true;
  primary.sendLast(long + half);
  await until(() => primary.requests.length === 2, 20_000);
  expect(await applied()).toBe(commandCount);
  const next = select.length + long.length + 1;
  expect(primary.requests[1]).toBe(`${primary.replid} ${next}`);
}, 30_000);

test("promotion in the middle: what is not applied is gone, and the offset is right", async () => {
  primary.send(long);
  await until(async () => (await applied()) > 0, 5000);
  await client.must("REPLICAOF", "NO", "ONE");
  const count = await applied();
  const offset = Number(await field("master_repl_offset"));
  expect(count).toBeLessThan(commandCount);
  expect(offset).toBe(select.length + count * increment.length);
  expect(await field("role")).toBe("master");
  await Bun.sleep(100);
  expect(await applied()).toBe(count);
}, 30_000);

test("CLIENT KILL in the middle: the stream goes on where it was cut", async () => {
  primary.send(long);
  await until(async () => (await applied()) > 0, 5000);
  primary.resumes = true;
  expect(await client.must("CLIENT", "KILL", "TYPE", "master")).toBe(1);
  await until(() => primary.requests.length === 2, 5000);
  const count = await applied();
  expect(count).toBeLessThan(commandCount);
  const next = select.length + count * increment.length + 1;
  expect(primary.requests[1]).toBe(`${primary.replid} ${next}`);
  primary.send(long.slice(count * increment.length));
  await until(async () => (await applied()) === commandCount, 20_000);
}, 30_000);

test("the image of a full synchronization is loaded in slices", async () => {
  const source = await startServer({ args: ["--enable-debug-command", "yes", "--save", ""] });
  const filler = await source.connect();
  try {
    await filler.must("CONFIG", "SET", "repl-diskless-sync-delay", 0);
    await filler.must("DEBUG", "POPULATE", 300_000);
    await expectShortTurns("loading", async () => {
      await client.must("REPLICAOF", "NO", "ONE");
      await client.must("FLUSHALL");
      await client.must("DEBUG", "TURN-LENGTH", "START");
      await client.must("REPLICAOF", "127.0.0.1", source.port);
      return longestTurn(async () => (await client.call("DBSIZE")) === 300_000);
    });
  } finally {
    filler.close();
    await source.stop();
  }
}, 30_000);
