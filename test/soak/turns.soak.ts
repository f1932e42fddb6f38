/**
 * No turn of the event loop may take more than 10 ms of processor time, whatever large values there are: with a
 * million keys and one set of five million members under mixed load; and while a set of ten million is filled, is
 * unlinked, expires, or goes with FLUSHALL ASYNC.
 *
 *   SOAK_SECONDS   of mixed load, default 60
 *   SOAK_MEMBERS   of the large set, default 5 000 000 (what is freed has twice as many)
 */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { RespClient } from "../../src/cli/resp-client.ts";
import { startServer, type TestServer } from "../support/server.ts";
import { expectShortTurns } from "../support/turns.ts";

const SECONDS = Number(process.env["SOAK_SECONDS"] ?? 60);
const MEMBERS = Number(process.env["SOAK_MEMBERS"] ?? 5_000_000);
const KEYS = MEMBERS / 5;
const TIMEOUT_MS = 30 * 60_000;
/** Members of one SADD, and commands under way. */
const BATCH = 500;
const PIPELINE = 20;

let server: TestServer;
let client: RespClient;

beforeAll(async () => {
  server = await startServer({ args: ["--enable-debug-command", "yes", "--save", ""] });
  client = await RespClient.connect({ host: "127.0.0.1", port: server.port, timeoutMs: 120_000 });
}, TIMEOUT_MS);

afterAll(async () => {
  client?.close();
  await server?.stop();
});

async function fillSet(key: string, members: number): Promise<void> {
  for (let from = 0; from < members; from += BATCH * PIPELINE) {
    const commands = Array.from({ length: PIPELINE }, (_, line) =>
      client.call(
        "SADD",
        key,
        ...Array.from({ length: BATCH }, (_, at) => `member:${from + line * BATCH + at}`),
      ),
    );
    await Promise.all(commands);
  }
}

/** The longest turn during `action`, milliseconds of processor time. */
async function longestTurn(what: string, action: () => Promise<void>): Promise<number> {
  await client.call("DEBUG", "TURN-LENGTH", "START");
  await action();
  const reply = (await client.call("DEBUG", "TURN-LENGTH", "STOP")) as unknown[];
  const [, turns, , wallMicros, , cpuMicros, , spentOn] = reply;
  process.stderr.write(
    `${what}: ${turns} turns, longest ${cpuMicros} us (${wallMicros} us wall): ${spentOn}\n`,
  );
  return Number(cpuMicros) / 1000;
}

async function remove(...command: readonly string[]): Promise<void> {
  await client.call(...command);
}

/** Until nothing waits to be freed. */
async function freed(): Promise<void> {
  for (;;) {
    const text = await client.text("INFO", "memory");
    if (/^lazyfree_pending_objects:0\r?$/m.test(text)) return;
    await Bun.sleep(50);
  }
}

function randomCommand(): string[] {
  const below = (limit: number): number => Math.floor(Math.random() * limit);
  const key = `key:${below(KEYS)}`;
  const member = `member:${below(2 * MEMBERS)}`;
  const choices: (() => string[])[] = [
    () => ["SET", `k${below(KEYS)}`, "v".repeat(below(200))],
    () => ["GET", key],
    () => ["SADD", "large", member],
    () => ["SREM", "large", member],
    () => ["SISMEMBER", "large", member],
    () => ["SPOP", "large"],
    () => ["SRANDMEMBER", "large", "5"],
    () => ["SSCAN", "large", String(below(2 ** 31)), "COUNT", "50"],
    () => ["HSET", `h${below(1000)}`, `f${below(500)}`, "value"],
    () => ["LPUSH", `l${below(1000)}`, "element"],
    () => ["RPOP", `l${below(1000)}`],
    () => ["ZADD", `z${below(100)}`, String(below(1e6)), `m${below(5000)}`],
    () => ["ZRANGE", `z${below(100)}`, "0", "20"],
    () => ["XADD", `x${below(100)}`, "*", "f", "v"],
    () => ["SCAN", String(below(2 ** 31))],
    () => ["RANDOMKEY"],
    () => ["EXPIRE", `k${below(KEYS)}`, "3"],
    () => ["UNLINK", `h${below(1000)}`],
  ];
  return choices[below(choices.length)]?.() ?? [];
}

test(
  "a million keys and one large set under mixed load",
  async () => {
    await client.call("DEBUG", "POPULATE", String(KEYS));
    await fillSet("large", MEMBERS);
    const load = async (): Promise<void> => {
      const end = Date.now() + SECONDS * 1000;
      while (Date.now() < end) {
        await Promise.all(Array.from({ length: 50 }, () => client.send(randomCommand())));
      }
    };
    // Images are made meanwhile, one after the other.
    const images = async (): Promise<void> => {
      const end = Date.now() + SECONDS * 1000;
      while (Date.now() < end) {
        // Where one is being made still, this is an error.
        await client.send(["BGSAVE"]);
        await Bun.sleep(1000);
      }
    };
    const both = async (): Promise<void> => {
      await Promise.all([load(), images()]);
    };
    await expectShortTurns("mixed load", () => longestTurn("mixed load", both));
  },
  TIMEOUT_MS,
);

test.each([
  ["UNLINK", () => remove("UNLINK", "huge")],
  ["DEL", () => remove("DEL", "huge")],
  [
    "expiry",
    async (): Promise<void> => {
      await remove("PEXPIRE", "huge", "100");
      // Nobody asks for it: the cycle removes it.
      while ((await client.call("DBSIZE")) !== 0) await Bun.sleep(20);
    },
  ],
  ["FLUSHALL ASYNC", () => remove("FLUSHALL", "ASYNC")],
] as const)(
  "%s of a huge set",
  async (name, begin) => {
    await expectShortTurns(name, async () => {
      await remove("FLUSHALL");
      const filling = await longestTurn("filling", () => fillSet("huge", 2 * MEMBERS));
      const removing = await longestTurn(name, async () => {
        await begin();
        await freed();
      });
      expect(await client.call("EXISTS", "huge")).toBe(0);
      return Math.max(filling, removing);
    });
  },
  TIMEOUT_MS,
);
