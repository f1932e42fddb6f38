/**
 * Whatever is removed, however large, no turn of the event loop is long: values of many elements are freed in slices.
 * Measured inside the process, in processor time, so that a busy machine does not count.
 */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { loadThreadUsage } from "../../src/io/thread-usage.ts";
import type { RespClient } from "../support/resp-client.ts";
import { startServer, type TestServer, until } from "../support/server.ts";
import { expectShortTurns, stopMeter } from "../support/turns.ts";
import { infoFields } from "./support.ts";

const elementCount = 1_000_000;
const perCommand = 5000;
/** What adds elements to a value, and what stands for one element. */
const fillers: Readonly<
  Record<string, readonly [command: string, element: (at: number) => string]>
> = {
  set: ["SADD", (at) => bulk(`member:${at}`)],
  hash: ["HSET", (at) => `${bulk(`field:${at}`)}${bulk("value")}`],
  zset: ["ZADD", (at) => `${bulk(String(at))}${bulk(`member:${at}`)}`],
  list: ["RPUSH", (at) => bulk(`element:${at}`)],
};

function bulk(text: string): string {
  return `$${text.length}\r\n${text}\r\n`;
}

describe("the meter of turns", () => {
  let server: TestServer;
  let client: RespClient;

  beforeAll(async () => {
    server = await startServer({ args: ["--enable-debug-command", "yes", "--save", ""] });
    client = await server.connect();
  });
  afterAll(() => server.stop());

  test("says what the longest turn was spent on", async () => {
    await client.must("DEBUG", "POPULATE", 200_000);
    await client.must("DEBUG", "TURN-LENGTH", "START");
    await client.must("KEYS", "none*");
    await client.must("PING");
    const { fields } = await stopMeter(client);
    const [, micros] = /^keys x1 (\d+) us, .*host \d+ us, \d+ page faults/.exec(
      String(fields.get("spent-on")),
    ) as RegExpExecArray;
    expect(Number(micros)).toBeGreaterThan(500);
    expect(Number(fields.get("longest-cpu-us"))).toBeGreaterThanOrEqual(Number(micros));
  });

  test("leaves the loop its rest, and no garbage that would take turns of its own", async () => {
    await client.must("DEBUG", "TURN-LENGTH", "START");
    await Bun.sleep(300);
    const turns = Number((await stopMeter(client)).fields.get("turns"));
    expect(turns).toBeGreaterThan(20);
    expect(turns).toBeLessThan(400);
  });

  test("reads a clock that goes on between two ticks of the kernel's", () => {
    const usage = loadThreadUsage();
    for (let round = 0; round < 20; round++) {
      const before = usage.cpuMs();
      for (const until = performance.now() + 0.3; performance.now() < until; );
      // Others may have had the processor for most of the time, but hardly for all of it.
      expect(usage.cpuMs()).toBeGreaterThan(before + 0.005);
    }
  });
});

describe("turns of the event loop while a million elements go", () => {
  let server: TestServer;
  let client: RespClient;

  beforeAll(async () => {
    server = await startServer({ args: ["--enable-debug-command", "yes", "--save", ""] });
    client = await server.connect();
  });
  afterAll(() => server.stop());

  async function fill(kind: string, key: string): Promise<void> {
    const [command, element] = fillers[kind] as (typeof fillers)[string];
    const words = element(0).split("$").length - 1;
    for (let first = 0; first < elementCount; first += perCommand) {
      const elements = Array.from({ length: perCommand }, (_, at) => element(first + at));
      const header = `*${2 + words * perCommand}\r\n${bulk(command)}${bulk(key)}`;
      client.send(header + elements.join(""));
      await client.next();
    }
  }

  async function memoryField(name: string): Promise<number> {
    return Number(infoFields(String(await client.must("INFO", "memory"))).get(name));
  }

  /** The longest turn, ms of processor time, from `action` until nothing waits to be freed. */
  async function longestTurn(action: () => Promise<unknown>): Promise<number> {
    await Bun.sleep(50);
    await client.must("DEBUG", "TURN-LENGTH", "START");
    await action();
    await until(async () => (await memoryField("lazyfree_pending_objects")) === 0, 10_000);
    return (await stopMeter(client)).longest;
  }

  const removals: Readonly<Record<string, (key: string) => Promise<unknown>>> = {
    nothing: () => client.must("PING"),
    UNLINK: (key) => client.must("UNLINK", key),
    DEL: (key) => client.must("DEL", key),
    SET: (key) => client.must("SET", key, "x"),
    expiry: async (key) => {
      await client.must("PEXPIRE", key, 5);
      await until(async () => (await client.must("DBSIZE")) === 1);
    },
    FLUSHALL: () => client.must("FLUSHALL"),
  };

  const cases: Readonly<Record<string, readonly string[]>> = {
    set: Object.keys(removals),
    hash: ["DEL", "expiry"],
    zset: ["DEL", "FLUSHALL"],
    list: ["DEL", "UNLINK"],
  };
  for (const [kind, names] of Object.entries(cases)) {
    test(`a ${kind}`, async () => {
      const before = await memoryField("used_memory");
      await fill(kind, "source");
      for (const name of names) {
        const remove = removals[name] as (key: string) => Promise<unknown>;
        await expectShortTurns(`${name} of a ${kind}`, async () => {
          if ((await client.must("EXISTS", "source")) === 0) await fill(kind, "source");
          await client.must("COPY", "source", "big");
          const longest = await longestTurn(() => remove("big"));
          await client.must("DEL", "big");
          return longest;
        });
      }
      // All of it comes back.
      await longestTurn(() => client.must("FLUSHALL"));
      expect(await memoryField("used_memory")).toBeLessThan(before + 4_000_000);
    }, 60_000);
  }
});

describe("turns of the event loop while one slot holds many keys", () => {
  const keyCount = 400_000;
  const perWrite = 2000;
  let server: TestServer;
  let client: RespClient;

  beforeAll(async () => {
    server = await startServer({ args: ["--enable-debug-command", "yes", "--save", ""] });
    client = await server.connect();
  });
  afterAll(() => server.stop());

  async function longestTurn(command: (at: number) => string[]): Promise<number> {
    await client.must("DEBUG", "TURN-LENGTH", "START");
    for (let from = 0; from < keyCount; from += perWrite) {
      await client.pipeline(Array.from({ length: perWrite }, (_, at) => command(from + at)));
    }
    return (await stopMeter(client)).longest;
  }

  test("its table grows and shrinks bit by bit", async () => {
    await expectShortTurns("one slot", async () => {
      const growing = await longestTurn((at) => ["SET", `{t}${at}`, "value"]);
      expect(await client.must("DBSIZE")).toBe(keyCount);
      const shrinking = await longestTurn((at) => ["DEL", `{t}${at}`]);
      expect(await client.must("DBSIZE")).toBe(0);
      return Math.max(growing, shrinking);
    });
  }, 60_000);
});
