import { beforeAll, describe, expect, test } from "bun:test";
import { Setting } from "../../assembly/settings.ts";
import { loadBuilds, seeded } from "../assembly/load.ts";
import { type Instance, Session, sound, startEngines } from "../engine/harness.ts";
import { signed } from "../engine/payload.ts";
import { loadAll, NOW, snapshotOf } from "../engine/rdb-support.ts";

/** DUMP and RESTORE of hashes: Redis's bytes, the encodings of other versions, and damaged payloads. */

beforeAll(async () => {
  await loadBuilds();
}, 120_000);

/** Rounds with damaged payloads per build. */
const rounds = Number(process.env["ATOLL_COUNT"] ?? 10_000);

/** Payloads without version and checksum; {a: 1, b: "xyz"} each, of 7.4 with an expiry of a and then of both. */
const table = "\x04\x02\x01a\xc0\x01\x01b\x03xyz";
const listpack = "\x10\x14\x14\x00\x00\x00\x04\x00\x81a\x02\x01\x01\x81b\x02\x83xyz\x04\xff";
const zipmap = "\x09\x0f\x02\x01a\x01\x001\x01b\x03\x01xyz?\xff";
const ziplist =
  "\x0d\x18\x18\x00\x00\x00\x12\x00\x00\x00\x04\x00\x00\x01a\x03\xf2\x02\x01b\x03\x03xyz\xff";
const soon = "\x00\xa0\xcf\x95\x8c\x01\x00\x00";
const expiringTable = `\x18${soon}\x02\x01\x01a\xc0\x01\x00\x01b\x03xyz`;
/** Expiries 1_700_800_000_000 and none. */
const expiringListpack = `\x19${soon}\x20\x20\x00\x00\x00\x06\x00\x81a\x02\x01\x01\xf4${soon}\x09\x81b\x02\x83xyz\x04\x00\x01\xff`;

function open(instance: Instance): Session {
  instance.engine.set(Setting.HashMaxListpackEntries, 512);
  instance.engine.set(Setting.HashMaxListpackValue, 64);
  instance.engine.set(Setting.RdbCompression, 1);
  return new Session(instance, { nowMs: NOW });
}

for (const instance of await startEngines()) {
  describe(`payloads of hashes (${instance.name})`, () => {
    test("DUMP has Redis's bytes", () => {
      const session = open(instance);
      const dumped = (): string => session.call("DUMP", "h") as string;
      session.call("HSET", "h", "a", "1", "b", "xyz");
      expect(dumped()).toBe(signed(listpack).toString("latin1"));
      session.call("DEL", "h");
      instance.engine.set(Setting.HashMaxListpackEntries, 0);
      session.call("HSET", "h", "a", "1");
      expect(dumped()).toBe(signed("\x04\x01\x01a\xc0\x01").toString("latin1"));
      session.call("FLUSHALL");
    });

    test("RESTORE takes every form, and fits it to the directives", () => {
      const session = open(instance);
      const restored = (payload: string): unknown[] => {
        expect(session.call("RESTORE", "h", "0", signed(payload), "REPLACE")).toBe("OK");
        const values = session.call("HMGET", "h", "a", "b");
        const times = session.call("HPEXPIRETIME", "h", "FIELDS", "2", "a", "b");
        expect(session.call("HLEN", "h")).toBe(2);
        return [session.call("OBJECT", "ENCODING", "h"), values, times];
      };
      const time = Number(Buffer.from(soon, "latin1").readBigUInt64LE());
      expect(time).toBeGreaterThan(NOW);
      const values = ["1", "xyz"];
      for (const payload of [table, listpack, zipmap, ziplist]) {
        expect(restored(payload)).toEqual(["listpack", values, [-1, -1]]);
      }
      expect(restored(expiringTable)).toEqual(["hashtable", values, [time, -1]]);
      expect(restored(expiringListpack)).toEqual(["listpackex", values, [time, -1]]);
      instance.engine.set(Setting.HashMaxListpackEntries, 1);
      for (const payload of [table, listpack, zipmap, ziplist]) {
        expect(restored(payload)).toEqual(["hashtable", values, [-1, -1]]);
      }
      expect(restored(expiringListpack)).toEqual(["hashtable", values, [time, -1]]);
      expect(sound(instance)).toBe(true);
      session.call("FLUSHALL");
    });

    test("RESTORE refuses what is no hash", () => {
      const session = open(instance);
      for (const payload of [
        "\x04\x00",
        "\x04\x02\x01a\x01b\x01a\x01c",
        "\x04\x02\x01a\x01b",
        "\x04\x81\xff\xff\xff\xff\xff\xff\xff\xff\x01a\x01b",
        "\x10\x07\x07\x00\x00\x00\x00\x00\xff",
        "\x10\x0a\x0a\x00\x00\x00\x01\x00\x81a\x02\xff",
        "\x10\x10\x10\x00\x00\x00\x04\x00\x81a\x02\x01\x01\x81a\x02\x01\x01\xff",
        "\x09\x02\x00\xff",
        "\x09\x04\x01\xfe\xff\xff",
        "\x09\x08\x01\x01a\x01\xff1\xff\xff",
        "\x18\x00\x00\x00\x00\x00\x00\x00\x00\x01\x01\x01a\x01b",
        "\x18\xff\xff\xff\xff\xff\xff\xff\xff\x01\x01\x01a\x01b",
        expiringListpack.replace("\x00\x01\xff", "\x82x\x01\xff"),
        // Without an expiry first, with one behind it.
        `\x19${soon}\x20\x20\x00\x00\x00\x06\x00\x81b\x02\x83xyz\x04\x00\x01\x81a\x02\x01\x01\xf4${soon}\x09\xff`,
      ]) {
        expect(session.call("RESTORE", "h", "0", signed(payload)), payload).toEqual({
          error: "ERR Bad data format",
        });
      }
      expect(session.call("EXISTS", "h")).toBe(0);
      expect(sound(instance)).toBe(true);
    });

    test("a snapshot is loaded in chunks of any size", () => {
      const session = open(instance);
      const names = Array.from({ length: 700 }, (_, at) => [`f${at}`, "v".repeat(at)]);
      session.call("HSET", "large", ...names.flat());
      session.call("HSET", "small", "a", "1", "b", "xyz");
      session.call("HSET", "mixed", "a", "1", "b", "x".repeat(3000));
      session.call("HEXPIRE", "mixed", "100", "FIELDS", "1", "b");
      session.call("HEXPIRE", "large", "100", "FIELDS", "2", "f1", "f600");
      const digest = instance.engine.digest();
      const file = snapshotOf(instance.engine);
      for (const size of [1, 7, 100, 65536]) {
        loadAll(instance.engine, file, size);
        expect(instance.engine.digest()).toBe(digest);
      }
      expect(sound(instance)).toBe(true);
      session.call("FLUSHALL");
    });

    test("damaged payloads are refused or make a sound hash", () => {
      const seed = Number(process.env["ATOLL_SEED"] ?? 0xd0);
      const session = open(instance);
      const random = seeded(seed);
      const fields = Array.from({ length: 30 }, (_, at) => [`f${at}`, String(at * 7)]).flat();
      const bodies = [table, listpack, zipmap, ziplist, expiringTable, expiringListpack];
      const whole = bodies.map((body) => Buffer.from(body, "latin1"));
      instance.engine.set(Setting.RdbCompression, 0);
      for (const entries of [512, 4]) {
        instance.engine.set(Setting.HashMaxListpackEntries, entries);
        session.call("HSET", "source", ...fields);
        const dumped = () => Buffer.from(session.call("DUMP", "source") as string, "latin1");
        whole.push(dumped().subarray(0, -10));
        session.call("HEXPIRE", "source", "100", "FIELDS", "3", "f1", "f7", "f9");
        whole.push(dumped().subarray(0, -10));
        session.call("DEL", "source");
      }
      let taken = 0;
      for (let round = 0; round < rounds; round++) {
        const body = Buffer.from(whole[random() % whole.length]!);
        for (let changes = 1 + (random() % 3); changes > 0; changes--) {
          body[1 + (random() % (body.length - 1))] = random();
        }
        const cut = random() % 10 === 0 ? body.subarray(0, random() % body.length) : body;
        instance.engine.set(Setting.HashMaxListpackEntries, random() % 2 === 0 ? 512 : 4);
        if (session.call("RESTORE", "h", "0", signed(cut), "REPLACE") !== "OK") continue;
        taken++;
        session.call("HSET", "h", "f1", "new", "fresh", "x");
        session.call("HEXPIRE", "h", "10", "FIELDS", "1", "f1");
        session.call("HGETALL", "h");
        session.call("HDEL", "h", "f2", "a");
        if (round % 50 === 0) expect(sound(instance), `seed ${seed}, round ${round}`).toBe(true);
      }
      expect(taken).toBeGreaterThan(rounds / 100);
      session.call("FLUSHALL");
      instance.engine.reclaim(1_000_000);
      expect(sound(instance)).toBe(true);
    }, 600_000);
  });
}
