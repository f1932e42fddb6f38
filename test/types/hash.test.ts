import { beforeAll, describe, expect, test } from "bun:test";
import { Client } from "../../assembly/abi.ts";
import { Setting } from "../../assembly/settings.ts";
import { loadBuilds, seeded } from "../assembly/load.ts";
import { type Instance, type Reply, Session, sound, startEngines } from "../engine/harness.ts";
import { NOW } from "../engine/rdb-support.ts";

/** The hash commands of Redis 7.0, and hashes against a JS Map through changes of encoding. */

beforeAll(async () => {
  await loadBuilds();
}, 120_000);

const WRONG_TYPE = {
  error: "WRONGTYPE Operation against a key holding the wrong kind of value",
};

function open(instance: Instance, entries = 512, longest = 64): Session {
  instance.engine.set(Setting.HashMaxListpackEntries, entries);
  instance.engine.set(Setting.HashMaxListpackValue, longest);
  const session = new Session(instance, { nowMs: NOW });
  session.call("FLUSHALL");
  return session;
}

function pairsOf(reply: Reply | undefined): Map<string, string> {
  const items = reply as string[];
  const pairs = new Map<string, string>();
  for (let at = 0; at < items.length; at += 2) pairs.set(items[at]!, items[at + 1]!);
  return pairs;
}

for (const instance of await startEngines()) {
  describe(`hashes (${instance.name})`, () => {
    for (const [entries, encoding] of [
      [512, "listpack"],
      [0, "hashtable"],
    ] as const) {
      test(`each command on a ${encoding}`, () => {
        const session = open(instance, entries);
        const call = (...argv: (string | number)[]) => session.call(...argv);
        expect(call("HSET", "h", "a", "1", "b", "two")).toBe(2);
        expect(call("OBJECT", "ENCODING", "h")).toBe(encoding);
        expect(call("HSET", "h", "a", "3", "c", "")).toBe(1);
        expect(call("HMSET", "h", "d", "x")).toBe("OK");
        expect(call("HSETNX", "h", "a", "9")).toBe(0);
        expect(call("HSETNX", "h", "e", "9")).toBe(1);
        expect(call("HGET", "h", "a")).toBe("3");
        expect(call("HGET", "h", "z")).toBe(null);
        expect(call("HMGET", "h", "a", "z", "c")).toEqual(["3", null, ""]);
        expect(call("HLEN", "h")).toBe(5);
        expect(call("HEXISTS", "h", "e")).toBe(1);
        expect(call("HEXISTS", "h", "z")).toBe(0);
        expect(call("HSTRLEN", "h", "b")).toBe(3);
        expect(call("HSTRLEN", "h", "z")).toBe(0);
        const all = { a: "3", b: "two", c: "", d: "x", e: "9" };
        expect(Object.fromEntries(pairsOf(call("HGETALL", "h")))).toEqual(all);
        expect((call("HKEYS", "h") as string[]).toSorted()).toEqual(Object.keys(all));
        expect((call("HVALS", "h") as string[]).toSorted()).toEqual(["", "3", "9", "two", "x"]);
        expect(call("HINCRBY", "h", "a", "-5")).toBe(-2);
        expect(call("HINCRBYFLOAT", "h", "a", "0.5")).toBe("-1.5");
        expect(call("HDEL", "h", "a", "b", "z", "a")).toBe(2);
        expect(call("HDEL", "h", "c", "d", "e", "none")).toBe(3);
        expect(call("EXISTS", "h")).toBe(0);
        expect(sound(instance)).toBe(true);
      });
    }

    test("a missing key", () => {
      const session = open(instance);
      const call = (...argv: (string | number)[]) => session.call(...argv);
      expect(call("HGET", "h", "a")).toBe(null);
      expect(call("HMGET", "h", "a", "b")).toEqual([null, null]);
      for (const name of ["HGETALL", "HKEYS", "HVALS"]) expect(call(name, "h")).toEqual([]);
      for (const name of ["HLEN"]) expect(call(name, "h")).toBe(0);
      for (const name of ["HDEL", "HEXISTS", "HSTRLEN"]) expect(call(name, "h", "a")).toBe(0);
      expect(call("HRANDFIELD", "h")).toBe(null);
      expect(call("HRANDFIELD", "h", "5")).toEqual([]);
      expect(call("HSCAN", "h", "0", "nonsense")).toEqual(["0", []]);
      expect(call("EXISTS", "h")).toBe(0);
    });

    test("errors, and what is checked first", () => {
      const session = open(instance);
      const call = (...argv: (string | number)[]) => session.call(...argv);
      const error = (text: string) => ({ error: `ERR ${text}` });
      call("SET", "s", "x");
      for (const argv of [
        ["HSET", "s", "a", "b"],
        ["HGET", "s", "a"],
        ["HGETALL", "s"],
        ["HDEL", "s", "a"],
        ["HRANDFIELD", "s", "0"],
        ["HSCAN", "s", "0", "x"],
        ["HINCRBY", "s", "a", "1"],
        ["HINCRBYFLOAT", "s", "a", "1"],
        ["HSETNX", "s", "a", "1"],
      ]) {
        expect(call(...argv)).toEqual(WRONG_TYPE);
      }
      const arity = (name: string) => error(`wrong number of arguments for '${name}' command`);
      expect(call("HSET", "s", "a", "b", "c")).toEqual(arity("hset"));
      expect(call("HMSET", "s", "a", "b", "c")).toEqual(arity("hmset"));
      const notInteger = error("value is not an integer or out of range");
      expect(call("HINCRBY", "s", "a", "x")).toEqual(notInteger);
      expect(call("HINCRBYFLOAT", "s", "a", "x")).toEqual(error("value is not a valid float"));
      expect(call("HINCRBYFLOAT", "s", "a", "inf")).toEqual(error("value is NaN or Infinity"));
      call("HSET", "h", "a", "x", "n", "9223372036854775807", "f", "1e4932");
      expect(call("HINCRBY", "h", "a", "1")).toEqual(error("hash value is not an integer"));
      expect(call("HINCRBYFLOAT", "h", "a", "1")).toEqual(error("hash value is not a float"));
      const overflow = error("increment or decrement would overflow");
      expect(call("HINCRBY", "h", "n", "1")).toEqual(overflow);
      const infinite = error("increment would produce NaN or Infinity");
      expect(call("HINCRBYFLOAT", "h", "f", "1e4932")).toEqual(infinite);
      expect(call("HRANDFIELD", "h", "x")).toEqual(notInteger);
      expect(call("HRANDFIELD", "h", "1", "x")).toEqual(error("syntax error"));
      const outOfRange = error("value is out of range");
      expect(call("HRANDFIELD", "h", "9223372036854775807", "WITHVALUES")).toEqual(outOfRange);
      expect(call("HSCAN", "h", "x")).toEqual(error("invalid cursor"));
      expect(call("HSCAN", "h", "0", "type", "hash")).toEqual(error("syntax error"));
      expect(call("HINCRBY", "none", "a", "x")).toEqual(notInteger);
      expect(call("EXISTS", "none")).toBe(0);
    });

    test("a hash becomes a table by number and by length, and stays one", () => {
      const session = open(instance, 3, 5);
      const encoding = () => session.call("OBJECT", "ENCODING", "h");
      session.call("HSET", "h", "a", "1", "b", "2", "c", "3");
      expect(encoding()).toBe("listpack");
      session.call("HSET", "h", "c", "4");
      expect(encoding()).toBe("listpack");
      session.call("HSET", "h", "d", "4");
      expect(encoding()).toBe("hashtable");
      session.call("HDEL", "h", "a", "b", "c");
      expect(encoding()).toBe("hashtable");
      session.call("DEL", "h");
      session.call("HSET", "h", "a", "sixsix");
      expect(encoding()).toBe("hashtable");
      session.call("DEL", "h");
      session.call("HSET", "h", "a", "1");
      session.call("HINCRBY", "h", "a", "1234567");
      expect(encoding()).toBe("hashtable");
      session.call("COPY", "h", "i");
      expect(session.call("HGET", "i", "a")).toBe("1234568");
      expect(sound(instance)).toBe(true);
    });

    test("RESP3 shapes", () => {
      const session = open(instance);
      instance.engine.setClientWord(session.handle, Client.Protocol, 3);
      const raw = (...argv: string[]): string => {
        session.feed(Buffer.from(`${argv.join(" ")}\r\n`));
        return session.raw();
      };
      expect(raw("HGETALL", "h")).toBe("%0\r\n");
      raw("HSET", "h", "a", "1");
      expect(raw("HGETALL", "h")).toBe("%1\r\n$1\r\na\r\n$1\r\n1\r\n");
      expect(raw("HKEYS", "h")).toBe("*1\r\n$1\r\na\r\n");
      expect(raw("HGET", "h", "b")).toBe("_\r\n");
      expect(raw("HRANDFIELD", "h", "-2", "WITHVALUES")).toBe(
        `*2\r\n${"*2\r\n$1\r\na\r\n$1\r\n1\r\n".repeat(2)}`,
      );
      expect(raw("HRANDFIELD", "h", "2", "WITHVALUES")).toBe("*1\r\n*2\r\n$1\r\na\r\n$1\r\n1\r\n");
      expect(raw("HSCAN", "h", "0")).toBe("*2\r\n$1\r\n0\r\n*2\r\n$1\r\na\r\n$1\r\n1\r\n");
    });

    test("HRANDFIELD picks every field, never one twice where it must not", () => {
      for (const entries of [512, 0]) {
        const session = open(instance, entries);
        const names = Array.from({ length: 40 }, (_, at) => `f${at}`);
        session.call("HSET", "h", ...names.flatMap((name) => [name, `${name}v`]));
        const seen = new Set<string>();
        for (let round = 0; round < 400; round++)
          seen.add(session.call("HRANDFIELD", "h") as string);
        expect(seen.size).toBe(40);
        for (const count of [1, 5, 13, 14, 39, 40, 100]) {
          const picked = session.call("HRANDFIELD", "h", count, "WITHVALUES") as string[];
          expect(picked.length).toBe(2 * Math.min(count, 40));
          const pairs = pairsOf(picked);
          expect(pairs.size).toBe(Math.min(count, 40));
          for (const [name, value] of pairs) expect(value).toBe(`${name}v`);
        }
        expect((session.call("HRANDFIELD", "h", -100) as string[]).length).toBe(100);
      }
    });

    test("HSCAN meets every field that stays, whatever else comes and goes", () => {
      const session = open(instance, 0);
      const stay = Array.from({ length: 500 }, (_, at) => `stay${at}`);
      session.call("HSET", "h", ...stay.flatMap((name) => [name, "1"]));
      const met = new Set<string>();
      let cursor = "0";
      let round = 0;
      do {
        const [next, found] = session.call("HSCAN", "h", cursor, "COUNT", "7") as [
          string,
          string[],
        ];
        for (const name of pairsOf(found).keys()) met.add(name);
        cursor = next;
        const many = Array.from({ length: 60 }, (_, at) => `go${round % 2}:${at}`);
        if (round % 4 < 2) session.call("HSET", "h", ...many.flatMap((name) => [name, "2"]));
        else session.call("HDEL", "h", ...many);
        round++;
      } while (cursor !== "0");
      for (const name of stay) expect(met.has(name)).toBe(true);
      const [, only] = session.call("HSCAN", "h", "0", "MATCH", "stay7", "COUNT", "100000") as [
        string,
        string[],
      ];
      expect(only).toEqual(["stay7", "1"]);
    });

    test("the journal has what replicas need", () => {
      const session = open(instance);
      instance.engine.set(Setting.Journal, 1);
      session.call("HSET", "h", "a", "1.25");
      session.journalText();
      session.call("HINCRBYFLOAT", "h", "a", "1");
      expect(
        session
          .journalText()
          .split("\r\n")
          .filter((_, at) => at % 2 === 0),
      ).toEqual(["*4", "HSET", "h", "a", "2.25"]);
      session.call("HDEL", "h", "nothing");
      session.call("HSETNX", "h", "a", "1");
      session.call("HGETALL", "h");
      expect(session.journalText()).toBe("");
      instance.engine.set(Setting.Journal, 0);
    });

    test("random commands against a model, through all encodings and sizes", () => {
      const seed = Number(process.env["ATOLL_SEED"] ?? 0x4a5);
      for (const [entries, longest, universe] of [
        [512, 64, 40],
        [8, 12, 30],
        [16, 64, 3000],
        [0, 0, 20],
      ] as const) {
        const session = open(instance, entries, longest);
        const random = seeded(seed);
        const where = `seed ${seed}, ${entries} entries, ${instance.name}`;
        let model = new Map<string, string>();
        const value = (): string => {
          const kind = random() % 12;
          if (kind === 0) return "v".repeat(random() % 5000);
          if (kind < 6) return String((random() % 100_000) - 50_000);
          return "w".repeat(random() % 20);
        };
        for (let step = 0; step < 4000; step++) {
          const field = String(random() % universe);
          const kind = random() % 20;
          if (kind < 9) {
            const stored = value();
            const added = model.has(field) ? 0 : 1;
            expect(session.call("HSET", "h", field, stored), where).toBe(added);
            model.set(field, stored);
          } else if (kind < 14) {
            const removed = model.delete(field) ? 1 : 0;
            expect(session.call("HDEL", "h", field), where).toBe(removed);
          } else if (kind < 16) {
            expect(session.call("HGET", "h", field), where).toBe(model.get(field) ?? null);
          } else if (kind === 16) {
            const had = model.get(field) ?? "0";
            if (/^-?[1-9]\d{0,9}$|^0$/.test(had)) {
              const sum = Number(had) + 7;
              expect(session.call("HINCRBY", "h", field, 7), where).toBe(sum);
              model.set(field, String(sum));
            }
          } else if (kind === 17 && step % 10 === 0) {
            session.call("COPY", "h", "i", "REPLACE");
            session.call("RENAME", "i", "h");
          } else if (kind === 18 && step % 500 === 0) {
            session.call("DEL", "h");
            model = new Map();
          } else expect(session.call("HLEN", "h"), where).toBe(model.size);
          if (step % 1000 === 999) {
            expect(pairsOf(session.call("HGETALL", "h")), where).toEqual(model);
            expect(sound(instance), where).toBe(true);
          }
        }
        session.call("FLUSHALL");
        instance.engine.reclaim(1_000_000);
        expect(sound(instance), where).toBe(true);
      }
    });
  });
}
