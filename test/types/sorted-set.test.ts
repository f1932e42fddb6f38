/** Sorted sets in both encodings: every command by example, then random commands beside a plain model. */
import { describe, expect, test } from "bun:test";
import { Setting } from "../../assembly/settings.ts";
import { seeded } from "../assembly/load.ts";
import { type Instance, type Reply, Session, sound, startEngines } from "../engine/harness.ts";
import { signed } from "../engine/payload.ts";

/** Rounds with damaged payloads per build. */
const rounds = Number(process.env["ATOLL_COUNT"] ?? 10_000);

function limits(instance: Instance, entries: number, value = 64): void {
  instance.engine.set(Setting.ZsetMaxListpackEntries, entries);
  instance.engine.set(Setting.ZsetMaxListpackValue, value);
}

const error = (text: string): Reply => ({ error: text });

for (const instance of await startEngines()) {
  const session = new Session(instance);
  const call = (...argv: (string | number | Uint8Array)[]): Reply | undefined =>
    session.call(...argv);

  for (const entries of [128, 0]) {
    const encoding = entries === 0 ? "skiplist" : "listpack";
    describe(`sorted sets as ${encoding} (${instance.name})`, () => {
      const fresh = (...pairs: (string | number)[]): void => {
        limits(instance, entries);
        call("FLUSHALL");
        call("ZADD", "k", ...pairs);
        expect(call("OBJECT", "ENCODING", "k")).toBe(encoding);
      };

      test("ZADD with each option", () => {
        fresh(1, "a", 2, "b");
        expect(call("ZADD", "k", "NX", 5, "a", 3, "c")).toBe(1);
        expect(call("ZADD", "k", "XX", "CH", 5, "a", 9, "z")).toBe(1);
        expect(call("ZADD", "k", "GT", "CH", 4, "a", 6, "b")).toBe(1);
        expect(call("ZADD", "k", "LT", "CH", 4, "a", 7, "b")).toBe(1);
        expect(call("ZRANGE", "k", 0, -1, "WITHSCORES")).toEqual(["c", "3", "a", "4", "b", "6"]);
        expect(call("ZADD", "k", "INCR", "1.5", "a")).toBe("5.5");
        expect(call("ZADD", "k", "INCR", "XX", 1, "none")).toBe(null);
        expect(call("ZADD", "none", "XX", 1, "a")).toBe(0);
        expect(call("ZINCRBY", "k", "inf", "a")).toBe("inf");
        expect(call("ZINCRBY", "k", "-inf", "a")).toEqual(
          error("ERR resulting score is not a number (NaN)"),
        );
        const gtLt = "ERR GT, LT, and/or NX options at the same time are not compatible";
        expect(call("ZADD", "k", "GT", "LT", 1, "a")).toEqual(error(gtLt));
        expect(call("ZADD", "k", 1, "a", 2)).toEqual(error("ERR syntax error"));
        expect(call("ZADD", "k", 1, "a", "x", "b")).toEqual(
          error("ERR value is not a valid float"),
        );
        expect(sound(instance)).toBe(true);
      });

      test("ranges by rank, score and member", () => {
        fresh("-inf", "low", 1, "a", 1, "b", 2, "c", "inf", "top");
        const range = (...rest: (string | number)[]): Reply | undefined =>
          call("ZRANGE", "k", ...rest);
        expect(range(1, -2)).toEqual(["a", "b", "c"]);
        expect(range(0, 1, "REV")).toEqual(["top", "c"]);
        expect(range("(1", "inf", "BYSCORE")).toEqual(["c", "top"]);
        expect(range("2", "(1", "BYSCORE", "REV")).toEqual(["c"]);
        expect(range("-inf", "+inf", "BYSCORE", "LIMIT", 1, 2)).toEqual(["a", "b"]);
        expect(call("ZCOUNT", "k", "-inf", "(2")).toBe(3);
        expect(call("ZRANK", "k", "c")).toBe(3);
        expect(call("ZREVRANK", "k", "c")).toBe(1);
        expect(call("ZRANK", "k", "c", "WITHSCORE")).toEqual([3, "2"]);
        expect(call("ZMSCORE", "k", "a", "none", "top")).toEqual(["1", null, "inf"]);
        fresh(0, "a", 0, "b", 0, "c", 0, "d");
        expect(range("[b", "(d", "BYLEX")).toEqual(["b", "c"]);
        expect(range("+", "(b", "BYLEX", "REV")).toEqual(["d", "c"]);
        expect(call("ZLEXCOUNT", "k", "-", "[c")).toBe(3);
        expect(call("ZREMRANGEBYLEX", "k", "[b", "[c")).toBe(2);
        expect(range(0, -1)).toEqual(["a", "d"]);
        expect(call("ZRANGESTORE", "to", "k", 0, 0, "REV")).toBe(1);
        expect(call("ZRANGE", "to", 0, -1)).toEqual(["d"]);
      });

      test("taking and removing; the key goes with the last member", () => {
        fresh(1, "a", 2, "b", 3, "c", 4, "d");
        expect(call("ZPOPMIN", "k")).toEqual(["a", "1"]);
        expect(call("ZPOPMAX", "k", 2)).toEqual(["d", "4", "c", "3"]);
        expect(call("ZMPOP", 2, "none", "k", "MIN", "COUNT", 5)).toEqual(["k", [["b", "2"]]]);
        expect(call("EXISTS", "k")).toBe(0);
        fresh(1, "a", 2, "b");
        expect(call("ZREM", "k", "a", "none", "b", "a")).toBe(2);
        expect(call("EXISTS", "k")).toBe(0);
        fresh(1, "a", 2, "b", 3, "c");
        expect(call("ZREMRANGEBYSCORE", "k", "(1", 2)).toBe(1);
        expect(call("ZREMRANGEBYRANK", "k", 0, -1)).toBe(2);
        expect(new Session(instance).call("BZPOPMIN", "k", 9)).toBe(undefined);
      });

      test("sets and sorted sets together", () => {
        fresh(1, "a", 2, "b", 3, "c");
        call("SADD", "s", "b", "c", "5");
        expect(call("ZUNION", 2, "k", "s", "WITHSCORES")).toEqual([
          "5",
          "1",
          "a",
          "1",
          "b",
          "3",
          "c",
          "4",
        ]);
        expect(
          call("ZINTER", 2, "k", "s", "WEIGHTS", 2, 10, "AGGREGATE", "MAX", "WITHSCORES"),
        ).toEqual(["b", "10", "c", "10"]);
        expect(call("ZDIFF", 2, "k", "s")).toEqual(["a"]);
        expect(call("ZINTERCARD", 2, "k", "s", "LIMIT", 1)).toBe(1);
        expect(call("ZUNIONSTORE", "to", 2, "k", "s")).toBe(4);
        expect(call("ZDIFFSTORE", "to", 2, "k", "k")).toBe(0);
        expect(call("EXISTS", "to")).toBe(0);
        expect(call("ZUNION", 0, "k")).toEqual(
          error("ERR at least 1 input key is needed for 'zunion' command"),
        );
      });

      test("DUMP, RESTORE, COPY and ZSCAN keep members and scores", () => {
        fresh("-0", "zero", "0.1", "tenth", 7, "12", "1e300", "huge");
        const members = call("ZRANGE", "k", 0, -1, "WITHSCORES")!;
        call("RESTORE", "r", 0, Buffer.from(call("DUMP", "k") as string, "latin1"));
        expect(call("ZRANGE", "r", 0, -1, "WITHSCORES")).toEqual(members);
        expect(call("COPY", "k", "c")).toBe(1);
        expect(call("ZRANGE", "c", 0, -1, "WITHSCORES")).toEqual(members);
        const [cursor, found] = call("ZSCAN", "k", 0, "COUNT", 100) as [string, string[]];
        expect(cursor).toBe("0");
        expect(found.length).toBe(8);
        expect(found[found.indexOf("tenth") + 1]).toBe("0.10000000000000001");
        expect(new Set(call("ZRANDMEMBER", "k", 3) as string[]).size).toBe(3);
        expect((call("ZRANDMEMBER", "k", -20, "WITHSCORES") as string[]).length).toBe(40);
      });
    });
  }

  test(`random commands beside a model (${instance.name})`, () => {
    for (const [seed, entries] of [
      [1, 8],
      [2, 0],
      [3, 0],
    ] as const) {
      limits(instance, entries);
      call("FLUSHALL");
      expect(playModel(call, seed, entries === 0 ? 4000 : 40), `seed ${seed}`).toBe("");
      expect(sound(instance), `seed ${seed}`).toBe(true);
    }
  });

  test(`a hundred thousand members, in order and at random (${instance.name})`, () => {
    limits(instance, 128);
    call("FLUSHALL");
    const random = seeded(5);
    for (let i = 0; i < 30_000; i++) {
      call("ZADD", "up", i, `m${i}`);
      call("ZADD", "down", -i, `m${i}`);
      call("ZADD", "random", random() % 1000, `m${i}`);
    }
    expect(sound(instance)).toBe(true);
    expect(call("ZREMRANGEBYSCORE", "random", 100, 899)).toBeGreaterThan(20_000);
    expect(call("ZREMRANGEBYRANK", "up", 5, 29_000)).toBe(28_996);
    for (let i = 0; i < 30_000; i += 2) call("ZREM", "down", `m${i}`);
    expect(call("ZCARD", "down")).toBe(15_000);
    expect(sound(instance)).toBe(true);
    call("FLUSHALL");
  });

  test(`damaged payloads do no harm (${instance.name})`, () => {
    limits(instance, 128);
    call("FLUSHALL");
    const payloads = [
      [1, "a", "2.5", "b", 3, "44"],
      Array.from({ length: 60 }, (_, i) => (i % 2 === 0 ? i : `member${i}`)),
    ].map((pairs) => {
      call("ZADD", "small", ...pairs);
      const small = Buffer.from(call("DUMP", "small") as string, "latin1");
      limits(instance, 0);
      call("ZADD", "big", ...pairs);
      limits(instance, 128);
      return [small, Buffer.from(call("DUMP", "big") as string, "latin1")];
    });
    const seed = Number(process.env["ATOLL_SEED"] ?? 11);
    const random = seeded(seed);
    let taken = 0;
    for (let i = 0; i < rounds; i++) {
      const source = payloads.flat()[random() % 4]!;
      const body = Buffer.from(source.subarray(0, source.length - 8));
      for (let changes = 1 + (random() % 3); changes > 0; changes--) {
        body[random() % (body.length - 2)] = random() % 4 === 0 ? random() : random() % 24;
      }
      if (random() % 5 === 0) body[0] = [3, 5, 12, 17][random() % 4]!;
      const cut = random() % 8 === 0 ? random() % body.length : body.length - 2;
      const reply = call("RESTORE", "k", 0, signed(body.subarray(0, cut)), "REPLACE");
      if (reply !== "OK") continue;
      taken++;
      if (call("TYPE", "k") !== "zset") continue;
      call("ZADD", "k", 1, "new", "0.5", "a");
      call("ZRANGEBYSCORE", "k", "-inf", 5, "WITHSCORES");
      call("ZREMRANGEBYRANK", "k", 0, 1);
      call("ZPOPMAX", "k", 2);
      if (taken % 200 === 0) expect(sound(instance), `seed ${seed}, round ${i}`).toBe(true);
    }
    expect(taken).toBeGreaterThan(rounds / 100);
    expect(sound(instance), `seed ${seed}`).toBe(true);
    call("FLUSHALL");
  }, 600_000);
}

type Call = (...argv: (string | number | Uint8Array)[]) => Reply | undefined;

/** Random commands on one key; what differs from the model, or "". */
function playModel(call: Call, seed: number, members: number): string {
  const random = seeded(seed);
  const model = new Map<string, number>();
  const ordered = (): [string, number][] =>
    [...model].sort(([a, x], [b, y]) => x - y || (a < b ? -1 : 1));
  const score = (): number => (random() % 4 === 0 ? (random() % 1000) / 8 : random() % 12) - 3;
  const member = (): string => `m${random() % members}`;
  for (let i = 0; i < 6000; i++) {
    const kind = random() % 100;
    let expected: unknown;
    let actual: unknown;
    if (kind < 50) {
      const [name, value] = [member(), score()];
      expected = model.has(name) ? 0 : 1;
      model.set(name, value);
      actual = call("ZADD", "k", value, name);
    } else if (kind < 70) {
      const name = member();
      expected = model.delete(name) ? 1 : 0;
      actual = call("ZREM", "k", name);
    } else if (kind < 74) {
      const name = member();
      const at = ordered().findIndex(([other]) => other === name);
      expected = at < 0 ? null : at;
      actual = call("ZRANK", "k", name);
    } else if (kind < 78) {
      const [from, to] = [score(), score()];
      expected = [...model.values()].filter((value) => value > from && value <= to).length;
      actual = call("ZCOUNT", "k", `(${from}`, to);
    } else if (kind < 82) {
      const from = random() % 50;
      expected = ordered()
        .slice(from, from + 20)
        .flatMap(([name, value]) => [name, String(value)]);
      actual = call("ZRANGE", "k", from, from + 19, "WITHSCORES");
    } else if (kind < 86) {
      const from = score();
      expected = ordered()
        .filter(([, value]) => value <= from)
        .reverse()
        .slice(1, 11)
        .map(([name]) => name);
      actual = call("ZREVRANGEBYSCORE", "k", from, "-inf", "LIMIT", 1, 10);
    } else if (kind < 92) {
      const first = ordered().slice(0, 3);
      for (const [name] of first) model.delete(name);
      expected = first.flatMap(([name, value]) => [name, String(value)]);
      actual = call("ZPOPMIN", "k", 3);
    } else if (kind === 92) {
      const from = random() % 40;
      const gone = ordered().slice(from, from + 30);
      for (const [name] of gone) model.delete(name);
      expected = gone.length;
      actual = call("ZREMRANGEBYRANK", "k", from, from + 29);
    } else {
      expected = model.size;
      actual = call("ZCARD", "k");
    }
    if (!Bun.deepEquals(actual, expected)) {
      return `step ${i}, kind ${kind}: ${JSON.stringify(actual)} instead of ${JSON.stringify(expected)}`;
    }
  }
  return "";
}
