import { beforeAll, describe, expect, test } from "bun:test";
import { Setting } from "../../assembly/settings.ts";
import { loadBuilds, seeded } from "../assembly/load.ts";
import { type Instance, Session, sound, startEngines } from "../engine/harness.ts";
import { signed } from "../engine/payload.ts";
import { NOW } from "../engine/rdb-support.ts";

/** DUMP and RESTORE of sets: Redis's bytes, the encodings of other versions, and damaged payloads. */

beforeAll(async () => {
  await loadBuilds();
}, 120_000);

/** Rounds with damaged payloads per build. */
const rounds = Number(process.env["ATOLL_COUNT"] ?? 10_000);

/** Payloads without version and checksum: a type byte and the value. */
const intset = "\x0b\x0e\x02\x00\x00\x00\x03\x00\x00\x00\x01\x00\x02\x00\x03\x00";
const table = "\x02\x03\x01a\xc0\x07\x05hello";
/** {1, "ab", 300} as Redis 7.2 writes it. */
const listpack = "\x14\x10\x10\x00\x00\x00\x03\x00\x01\x01\x82ab\x03\xc1\x2c\x02\xff";

function open(instance: Instance): Session {
  instance.engine.set(Setting.SetMaxIntsetEntries, 512);
  return new Session(instance, { nowMs: NOW });
}

for (const instance of await startEngines()) {
  describe(`payloads of sets (${instance.name})`, () => {
    test("DUMP has Redis's bytes", () => {
      const session = open(instance);
      session.call("SADD", "s", "3", "1", "2");
      const dumped = (): Buffer => Buffer.from(session.call("DUMP", "s") as string, "latin1");
      expect(dumped().toString("latin1")).toBe(signed(intset).toString("latin1"));
      session.call("DEL", "s");
      session.call("SADD", "s", "hello");
      expect(dumped().toString("latin1")).toBe(signed("\x02\x01\x05hello").toString("latin1"));
      session.call("FLUSHALL");
    });

    test("RESTORE takes arrays, tables and listpacks, and fits them to the directive", () => {
      const session = open(instance);
      const restored = (payload: string): unknown[] => {
        expect(session.call("RESTORE", "s", "0", signed(payload), "REPLACE")).toBe("OK");
        const members = (session.call("SMEMBERS", "s") as string[]).toSorted();
        return [session.call("OBJECT", "ENCODING", "s"), members];
      };
      expect(restored(intset)).toEqual(["intset", ["1", "2", "3"]]);
      expect(restored(table)).toEqual(["hashtable", ["7", "a", "hello"]]);
      expect(restored("\x02\x02\xc0\x07\xc1\x00\x7f")).toEqual(["intset", ["32512", "7"]]);
      expect(restored(listpack)).toEqual(["hashtable", ["1", "300", "ab"]]);
      instance.engine.set(Setting.SetMaxIntsetEntries, 2);
      expect(restored(intset)).toEqual(["hashtable", ["1", "2", "3"]]);
      expect(restored("\x02\x02\xc0\x07\xc0\x08")).toEqual(["intset", ["7", "8"]]);
      expect(sound(instance)).toBe(true);
      session.call("FLUSHALL");
    });

    test("RESTORE refuses what is no set", () => {
      const session = open(instance);
      for (const payload of [
        "\x02\x00",
        "\x02\x02\x01a\x01a",
        "\x02\x02\xc0\x07\x017",
        "\x02\x8f\xff\xff\xff\xff\x01a",
        "\x02\x81\xff\xff\xff\xff\xff\xff\xff\xff\x01a",
        "\x0b\x08\x02\x00\x00\x00\x00\x00\x00\x00",
        "\x0b\x0a\x03\x00\x00\x00\x01\x00\x00\x00\x01\x00",
        "\x0b\x0c\x02\x00\x00\x00\x02\x00\x00\x00\x02\x00\x01\x00",
        "\x0b\x0c\x02\x00\x00\x00\x02\x00\x00\x00\x01\x00\x01\x00",
        "\x0b\x0a\x02\x00\x00\x00\x02\x00\x00\x00\x01\x00",
        "\x14\x0b\x0b\x00\x00\x00\x02\x00\x01\x01\x01\x01\xff",
      ]) {
        expect(session.call("RESTORE", "s", "0", signed(payload))).toEqual({
          error: "ERR Bad data format",
        });
      }
      expect(session.call("EXISTS", "s")).toBe(0);
      expect(sound(instance)).toBe(true);
    });

    test("damaged payloads do no harm", () => {
      const seed = Number(process.env["ATOLL_SEED"] ?? 77);
      const random = seeded(seed);
      const session = open(instance);
      session.call("PING");
      const before = instance.engine.usedMemory;
      for (let round = 0; round < rounds; round++) {
        const payload = Buffer.from([intset, table, listpack][random() % 3]!, "latin1");
        for (let changes = 1 + (random() % 3); changes > 0; changes--) {
          payload[1 + (random() % (payload.length - 1))] = random() % 2 === 0 ? random() : 255;
        }
        const cut = random() % 4 === 0 ? random() % payload.length : payload.length;
        session.call("RESTORE", "s", "0", signed(payload.subarray(0, cut)), "REPLACE");
        if (session.call("EXISTS", "s") !== 1) continue;
        session.call("SADD", "s", "1", "x");
        session.call("SMEMBERS", "s");
        session.call("SPOP", "s");
        session.call("SREM", "s", "1");
        if (round % 500 === 0) expect(`seed ${seed}: ${sound(instance)}`).toEndWith("true");
      }
      session.call("DEL", "s");
      expect(sound(instance)).toBe(true);
      session.call("PING");
      expect(instance.engine.usedMemory).toBe(before);
    }, 600_000);
  });
}
