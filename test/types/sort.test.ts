import { describe, expect, test } from "bun:test";
import { Setting } from "../../assembly/settings.ts";
import { Prng } from "../../src/base/prng.ts";
import { Session, sound, startEngines } from "../engine/harness.ts";

for (const instance of await startEngines()) {
  const { engine, name } = instance;
  const session = new Session(instance);
  engine.set(Setting.ListMaxListpackSize, -2);
  engine.set(Setting.ZsetMaxListpackEntries, 128);
  engine.set(Setting.ZsetMaxListpackValue, 64);
  const call = (...argv: (string | number)[]) => session.call(...argv);

  describe(`SORT (${name})`, () => {
    test("lists, sets and sorted sets", () => {
      call("RPUSH", "list", "10", "9", "2.5", "-1", "2.5");
      call("SADD", "set", "3", "20", "1");
      call("ZADD", "zset", "3", "a", "1", "c", "2", "b");
      expect(call("SORT", "list")).toEqual(["-1", "2.5", "2.5", "9", "10"]);
      expect(call("SORT", "list", "DESC", "LIMIT", 1, 2)).toEqual(["9", "2.5"]);
      expect(call("SORT", "list", "ALPHA")).toEqual(["-1", "10", "2.5", "2.5", "9"]);
      expect(call("SORT_RO", "set")).toEqual(["1", "3", "20"]);
      expect(call("OBJECT", "ENCODING", "zset")).toBe("listpack");
      expect(call("SORT", "zset", "ALPHA", "DESC")).toEqual(["c", "b", "a"]);
      expect(call("OBJECT", "ENCODING", "zset")).toBe("skiplist");
      expect(call("SORT", "zset", "BY", "nosort")).toEqual(["c", "b", "a"]);
      expect(call("SORT", "zset", "BY", "nosort", "DESC", "LIMIT", 1, 5)).toEqual(["b", "c"]);
      expect(call("SORT", "list", "BY", "x", "DESC", "LIMIT", 0, 2)).toEqual(["2.5", "-1"]);
      expect(call("SORT", "list", "BY", "x", "LIMIT", 3, -1)).toEqual(["-1", "2.5"]);
      expect(call("SORT", "missing")).toEqual([]);
    });

    test("weights and values from other keys and from fields", () => {
      call("MSET", "w10", "5", "w9", "1", "w-1", "3", "v9", "nine");
      call("HSET", "h9", "f", "2", "-f", "x");
      call("HSET", "h10", "f", "1");
      call("DEL", "list");
      call("RPUSH", "list", "10", "9", "-1", "7");
      expect(call("SORT", "list", "BY", "w*")).toEqual(["7", "9", "-1", "10"]);
      expect(call("SORT", "list", "BY", "h*->f", "GET", "#", "GET", "v*", "GET", "h*->f")).toEqual([
        "-1",
        null,
        null,
        "7",
        null,
        null,
        "10",
        null,
        "1",
        "9",
        "nine",
        "2",
      ]);
      expect(call("SORT", "list", "BY", "w*", "ALPHA")).toEqual(["7", "9", "-1", "10"]);
      expect(call("SORT", "list", "GET", "fixed", "LIMIT", 0, 1)).toEqual([null]);
      call("SET", "w7", "word");
      const error = { error: "ERR One or more scores can't be converted into double" };
      expect(call("SORT", "list", "BY", "w*")).toEqual(error);
    });

    test("STORE makes a list in place of what is there", () => {
      engine.set(Setting.Journal, 1);
      call("SET", "target", "x", "EX", "100");
      session.journalText();
      expect(call("SORT", "list", "GET", "v*", "GET", "#", "STORE", "target")).toBe(8);
      expect(session.journalText()).toContain("\r\nSORT\r\n");
      expect(call("LRANGE", "target", 0, -1)).toEqual(["", "-1", "", "7", "nine", "9", "", "10"]);
      expect(call("TTL", "target")).toBe(-1);
      expect(call("SORT", "list", "STORE", "list")).toBe(4);
      expect(call("LRANGE", "list", 0, -1)).toEqual(["-1", "7", "9", "10"]);
      session.journalText();
      expect(call("SORT", "missing", "STORE", "target")).toBe(0);
      expect(call("EXISTS", "target")).toBe(0);
      expect(session.journalText()).toContain("\r\nSORT\r\n");
      expect(call("SORT", "missing", "STORE", "target")).toBe(0);
      expect(session.journalText()).toBe("");
      engine.set(Setting.Journal, 0);
      expect(call("SORT", "set", "BY", "nosort", "STORE", "sorted")).toBe(3);
      expect(call("LRANGE", "sorted", 0, -1)).toEqual(["1", "20", "3"]);
    });

    test("elements of equal weight come as Redis's sorts leave them", () => {
      for (let i = 0; i < 9; i++) {
        call("RPUSH", "nine", `p${i}`);
        call("SET", `equal-p${i}`, i % 2);
      }
      const sort = (...options: (string | number)[]): string =>
        String(call("SORT", "nine", "BY", "equal-*", "ALPHA", ...options));
      expect(sort()).toBe("p0,p2,p4,p6,p8,p1,p3,p5,p7");
      expect(sort("LIMIT", 3, 4)).toBe("p6,p0,p1,p5");
      expect(sort("LIMIT", 0, 3, "DESC")).toBe("p5,p3,p7");
    });

    test("errors", () => {
      const syntax = { error: "ERR syntax error" };
      expect(call("SORT", "list", "LIMIT", 1)).toEqual(syntax);
      expect(call("SORT", "list", "STORE")).toEqual(syntax);
      expect(call("SORT_RO", "list", "STORE", "x")).toEqual(syntax);
      expect(call("SORT", "list", "LIMIT", 1, "x")).toEqual({
        error: "ERR value is not an integer or out of range",
      });
      call("SET", "string", "x");
      expect(call("SORT", "string")).toEqual({
        error: "WRONGTYPE Operation against a key holding the wrong kind of value",
      });
      engine.set(Setting.ClusterEnabled, 1);
      engine.slotStatesView().fill(1);
      for (const option of ["BY", "GET"]) {
        expect(call("SORT", "list", option, "w*")).toEqual({
          error: `ERR ${option} option of SORT denied in Cluster mode.`,
        });
      }
      expect(call("SORT", "list", "BY", "nosort")).toEqual(["-1", "7", "9", "10"]);
      expect(call("SORT", "list", "STORE", "elsewhere")).toEqual({
        error: "CROSSSLOT Keys in request don't hash to the same slot",
      });
      engine.set(Setting.ClusterEnabled, 0);
    });

    const seed = Number(process.env["ATOLL_SEED"] ?? 99);
    test(`any numbers in any number (ATOLL_SEED=${seed})`, () => {
      const prng = new Prng(seed);
      for (let round = 0; round < 120; round++) {
        const count = 1 + prng.below(round % 20 === 0 ? 4000 : 60);
        const numbers = Array.from({ length: count }, () => prng.below(2000) / 4 - 250);
        call("DEL", "n");
        call("RPUSH", "n", ...numbers);
        const down = prng.chance(0.5);
        const first = prng.below(count);
        const wanted = numbers
          .sort((a, b) => (down ? b - a : a - b))
          .slice(first, first + 50)
          .map(String);
        const order = down ? "DESC" : "ASC";
        expect(call("SORT", "n", order, "LIMIT", first, 50)).toEqual(wanted);
      }
      expect(sound(instance)).toBe(true);
    });
  });
}
