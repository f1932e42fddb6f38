/** Names that small hashes share: nobody sees them but the memory. */
import { describe, expect, test } from "bun:test";
import { Setting } from "../../assembly/settings.ts";
import { entry, seeded } from "../assembly/load.ts";
import { encode, type Instance, Session, sound, startEngines } from "../engine/harness.ts";
import { describeWithRedis } from "../support/oracle.ts";
import { startServer } from "../support/server.ts";

type Random = () => number;

function started(instance: Instance): Session {
  instance.engine.set(Setting.HashMaxListpackEntries, 24);
  instance.engine.set(Setting.HashMaxListpackValue, 70);
  instance.engine.set(Setting.RdbCompression, 1);
  return new Session(instance, { nowMs: Date.now() });
}

/** How often fields of hashes refer to a name. */
const uses = (instance: Instance): number => entry(instance.build, "countNameUses")();
const used = (instance: Instance): number => entry(instance.build, "usedMemory")() >>> 0;

/** Short and long ones, numbers, and the longest that may be a name and one more. */
const names = Array.from({ length: 30 }, (_, index) => {
  if (index % 6 === 0) return String(index * 12_345);
  if (index % 7 === 0) return "f".repeat(index < 15 ? 63 : 64).slice(2) + String(index + 10);
  return index % 5 === 0 ? `f${index % 10}` : `field:${index}`;
});

function command(random: Random, expiring: boolean): string[] {
  const key = (): string => `h${random() % 12}`;
  const field = (): string => names[random() % names.length] as string;
  const value = (): string => (random() % 3 === 0 ? String(random()) : `v${random() % 1000}`);
  const roll = random() % 32;
  if (roll < 12) return ["HSET", key(), field(), value(), field(), value(), field(), value()];
  if (roll < 18) return ["HDEL", key(), field(), field()];
  if (roll === 18) return ["HSETNX", key(), field(), value()];
  if (roll === 19) return ["HINCRBY", key(), `counter${random() % 3}`, "7"];
  if (roll === 20) return ["COPY", key(), key(), "REPLACE"];
  if (roll === 21) return ["RENAME", key(), key()];
  if (roll === 22) return ["DEL", key()];
  if (roll === 23) return ["HSET", key(), `once${random()}`, "x"];
  if (roll < 26) return ["HGET", key(), field()];
  if (roll === 26) return ["HMGET", key(), field(), field(), field()];
  if (roll === 27) return ["HSTRLEN", key(), field()];
  if (roll === 28 && expiring) return ["HPEXPIRE", key(), "5", "FIELDS", "1", field()];
  if (roll === 29 && expiring) return ["HEXPIRE", key(), "1000", "FIELDS", "1", field()];
  return roll === 30 ? ["DUMP", key()] : ["HEXISTS", key(), field()];
}

for (const instance of await startEngines()) {
  describe(`names of fields (${instance.name})`, () => {
    test("many hashes of one shape hold each name once", () => {
      const session = started(instance);
      const fields = Array.from({ length: 10 }, (_, index) => `e00000000${index}`);
      const before = used(instance);
      const fill = (from: number): void => {
        for (let i = from; i < from + 2000; i++) {
          session.call("HSET", `h${i}`, ...fields.flatMap((field) => [field, `v${1e8 + i}`]));
        }
      };
      fill(10_000);
      expect(uses(instance)).toBeGreaterThan(19_900);
      const table = 65_536;
      fill(20_000);
      const half = used(instance);
      fill(30_000);
      // Entry, and a listpack of which the names would have been 120 bytes.
      expect((used(instance) - half) / 2000).toBeLessThan(200 + 64);
      expect(session.call("HGETALL", "h11111")).toEqual(fields.flatMap((f) => [f, "v100011111"]));
      expect(sound(instance)).toBe(true);
      session.call("FLUSHALL");
      expect(uses(instance)).toBe(0);
      expect(used(instance) - before).toBeLessThan(table);
      session.free();
    });

    test("fields that never come again are no names", () => {
      const session = started(instance);
      for (let i = 0; i < 20_000; i++) session.call("HSET", `h${i % 50}`, `once${i}`, "x");
      expect(uses(instance)).toBeLessThan(20);
      session.call("FLUSHALL");
      session.free();
    });

    test("uses are counted through every change", () => {
      const session = started(instance);
      const seed = 0x7a3e;
      const random = seeded(seed);
      for (let step = 0; step < 12_000; step++) {
        session.feed(encode(command(random, true)));
        session.nowMs++;
        if (step % 500 === 0 && !sound(instance)) throw new Error(`seed ${seed}, step ${step}`);
      }
      session.raw();
      for (let i = 0; i < 12; i++) {
        const payload = session.call("DUMP", `h${i}`);
        if (typeof payload !== "string") continue;
        const bytes = Buffer.from(payload, "latin1");
        expect(session.call("RESTORE", `r${i}`, "0", bytes)).toBe("OK");
        // Of expiries only those that are ahead come back, of a table the order may differ.
        if (session.call("OBJECT", "ENCODING", `h${i}`) === "listpack") {
          expect(session.call("DUMP", `r${i}`)).toBe(payload);
        }
      }
      expect(sound(instance)).toBe(true);
      expect(uses(instance)).toBeGreaterThan(20);
      session.call("FLUSHALL");
      expect(uses(instance)).toBe(0);
      expect(entry(instance.build, "checkMemory")()).toBe(1);
      session.free();
    });

    test("more names than there are numbers: what comes after has its text", () => {
      const session = started(instance);
      const batch = (from: number, round: number): Buffer =>
        Buffer.concat(
          Array.from({ length: 1000 }, (_, at) =>
            encode(["HSET", `h${(from + at) % 4000}:${round}`, `name:${from + at}`, "x"]),
          ),
        );
      for (let from = 0; from < 70_000; from += 1000) {
        for (let round = 0; round < 5; round++) session.feed(batch(from, round));
        session.output = [];
      }
      session.journal = [];
      expect(uses(instance)).toBeGreaterThan(65_535);
      expect(session.call("HGET", "h1:4", "name:68001")).toBe("x");
      expect(session.call("HGET", "h1:0", "name:1")).toBe("x");
      expect(sound(instance)).toBe(true);
      session.call("FLUSHALL");
      expect(uses(instance)).toBe(0);
      session.free();
    }, 60_000);
  });
}

describeWithRedis("names of fields beside redis-server", () => {
  test("replies and payloads", async () => {
    const server = await startServer({ real: true });
    const client = await server.connect({ binary: true });
    const seed = 0x11ad;
    const random = seeded(seed);
    try {
      await client.call("CONFIG", "SET", "hash-max-listpack-entries", "24");
      await client.call("CONFIG", "SET", "hash-max-listpack-value", "70");
      const sessions = (await startEngines()).map((instance) => started(instance));
      for (let step = 0; step < 6000; step++) {
        const argv = command(random, false);
        const isTable =
          argv[0] === "DUMP" &&
          (await client.rawCall("OBJECT", "ENCODING", argv[1] as string)).includes("hashtable");
        const real = await client.rawCall(...argv);
        for (const session of sessions) {
          session.feed(encode(argv));
          const raw = session.raw();
          // The order of a table's fields is nobody's.
          if (isTable) continue;
          const where = `${session.instance.name}, seed ${seed}, step ${step}`;
          expect(raw, `${where}: ${argv.join(" ")}`).toBe(real);
        }
      }
      for (const { instance } of sessions) expect(uses(instance)).toBeGreaterThan(20);
    } finally {
      client.close();
      await server.stop();
    }
  }, 120_000);
});
