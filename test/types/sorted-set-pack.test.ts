/** Small sorted sets, whose bytes in memory are not Redis's: replies and payloads must be redis-server's all the same. */
import { expect, test } from "bun:test";
import { Setting } from "../../assembly/settings.ts";
import { entry, seeded } from "../assembly/load.ts";
import { encode, type Instance, Session, startEngines } from "../engine/harness.ts";
import { describeWithRedis } from "../support/oracle.ts";
import { startServer } from "../support/server.ts";

type Random = () => number;

/** Kinds of scores: below, how `score` makes them. */
const KINDS = 5;
const LONG = 4;

/** Scores at the borders of each width, whole and broken ones. */
const borders = [
  "0 -0 127 128 -128 -129 4095 4096 32767 32768 -32768 -32769 8388607 8388608 2147483647 2147483648",
  "-2147483648 -2147483649 1.5 -0.125 1208925819614629174706176 inf -inf",
].flatMap((line) => line.split(" "));
/** Scores that replies give in fewer digits than redis-server's, while payloads are the same. */
const longScores =
  "-0.1 1e300 4611686018427387904 4611686018427389000 9223372036854775807 1e19".split(" ");

function score(random: Random, kind: number): string {
  if (kind === 0) return String((random() % 200) - 100);
  if (kind === 1) return String((random() % 80_000) - 40_000);
  if (kind === LONG && random() % 2 === 0) return longScores[random() % 6] as string;
  if (kind === 2) return String(1_700_000_000 + (random() % 1000));
  return borders[random() % borders.length] as string;
}

/** Texts, numbers, and texts whose length takes more than six bits. */
function member(random: Random, members: number): string {
  const number = random() % members;
  if (number % 3 === 0) return String(number * 977);
  return number % 17 === 0 ? `m${number}`.padEnd(70, "x") : `m${number}`;
}

function command(random: Random, kind: number, members: number): string[] {
  const roll = random() % (kind === LONG ? 11 : 20);
  const name = (): string => member(random, members);
  const rank = (): string => String((random() % 40) - 20);
  if (roll < 8) return ["ZADD", "k", score(random, kind), name(), score(random, kind), name()];
  if (roll < 11) return ["ZREM", "k", name()];
  if (roll === 11) return ["ZINCRBY", "k", score(random, Math.min(kind, 1)), name()];
  if (roll === 12) return ["ZREVRANGE", "k", "0", "-1", "WITHSCORES"];
  if (roll === 13) return ["ZREVRANGE", "k", rank(), rank()];
  if (roll === 14) return ["ZRANGE", "k", rank(), rank(), "WITHSCORES"];
  if (roll === 15) return ["ZREVRANK", "k", name()];
  if (roll === 16) return ["ZRANGEBYSCORE", "k", score(random, kind), "inf", "LIMIT", "1", "5"];
  if (roll === 17) return ["ZLEXCOUNT", "k", `[${name()}`, `(${name()}`];
  if (roll === 18) return random() % 4 === 0 ? ["ZPOPMAX", "k", "2"] : ["ZSCORE", "k", name()];
  return ["ZSCAN", "k", "0"];
}

function started(instance: Instance, entries: number): Session {
  instance.engine.set(Setting.ZsetMaxListpackEntries, entries);
  instance.engine.set(Setting.ZsetMaxListpackValue, 100);
  instance.engine.set(Setting.RdbCompression, 1);
  return new Session(instance, { nowMs: Date.now() });
}

describeWithRedis("small sorted sets beside redis-server", () => {
  test("every width of scores: replies and payloads", async () => {
    const server = await startServer({ real: true });
    const client = await server.connect({ binary: true });
    const seed = 0x9ac4;
    try {
      for (const [members, entries] of [
        [12, 128],
        [700, 600],
      ] as const) {
        await client.call("FLUSHALL");
        await client.call("CONFIG", "SET", "zset-max-listpack-entries", String(entries));
        await client.call("CONFIG", "SET", "zset-max-listpack-value", "100");
        const random = seeded(seed + members);
        const sessions = (await startEngines()).map((instance) => started(instance, entries));
        for (let kind = 0; kind < KINDS; kind++) {
          const fill = Array.from({ length: members === 700 ? 250 : 3 }, () => [
            "ZADD",
            "k",
            score(random, kind),
            member(random, members),
          ]);
          const steps = Array.from({ length: 400 }, () => command(random, kind, members));
          const commands = [["DEL", "k"], ...fill, ...steps, ["OBJECT", "ENCODING", "k"]];
          for (const [index, argv] of commands.entries()) {
            const asked = index % 7 === 0 ? [argv, ["DUMP", "k"]] : [argv];
            for (const one of asked) {
              const real = await client.rawCall(...one);
              for (const session of sessions) {
                const where = `${session.instance.name}, seed ${seed}, kind ${kind}, ${index}`;
                session.feed(encode(one));
                expect(session.raw(), `${where}: ${one.join(" ")}`).toBe(real);
              }
            }
          }
          for (const { instance } of sessions) {
            expect(entry(instance.build, "checkDatabases")()).toBe(1);
            expect(entry(instance.build, "checkMemory")()).toBe(1);
          }
        }
        // What redis-server has dumped comes back as the same payload.
        const payload = (await client.rawCall("DUMP", "k")).replace(/^[^\n]*\n/, "").slice(0, -2);
        for (const session of sessions) {
          const bytes = Buffer.from(payload, "latin1");
          expect(session.call("RESTORE", "copy", "0", bytes)).toBe("OK");
          expect(session.call("DUMP", "copy")).toBe(payload);
        }
      }
    } finally {
      client.close();
      await server.stop();
    }
  }, 120_000);
});
