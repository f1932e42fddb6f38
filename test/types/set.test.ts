import { beforeAll, describe, expect, test } from "bun:test";
import { LoadStatus } from "../../assembly/abi.ts";
import { Setting } from "../../assembly/settings.ts";
import { loadBuilds, seeded } from "../assembly/load.ts";
import { type Instance, type Reply, Session, sound, startEngines } from "../engine/harness.ts";
import { loadAll, NOW, snapshotOf } from "../engine/rdb-support.ts";

/** Sets in both builds: commands, encodings, a model, payloads. Expected texts and bytes are redis-server 7.0.15's. */

const wrongType = {
  error: "WRONGTYPE Operation against a key holding the wrong kind of value",
};
const fail = (text: string): Reply => ({ error: `ERR ${text}` });

beforeAll(async () => {
  await loadBuilds();
}, 120_000);

function open(instance: Instance, intsetMax = 512): Session {
  instance.engine.set(Setting.SetMaxIntsetEntries, intsetMax);
  instance.engine.set(Setting.RdbCompression, 1);
  return new Session(instance, { nowMs: NOW });
}

function sorted(reply: Reply | undefined): string[] {
  if (!Array.isArray(reply)) throw new Error(`no array: ${JSON.stringify(reply)}`);
  return (reply as string[]).toSorted();
}

function encoding(session: Session, key: string): Reply | undefined {
  return session.call("OBJECT", "ENCODING", key);
}

for (const instance of await startEngines()) {
  describe(`sets (${instance.name})`, () => {
    test("members in and out", () => {
      const session = open(instance);
      const call = session.call.bind(session);
      expect(call("SADD", "s", "1", "2", "2", "3")).toBe(3);
      expect(encoding(session, "s")).toBe("intset");
      expect(call("SADD", "s", "2", "-70000", "5000000000")).toBe(2);
      expect(call("SMEMBERS", "s")).toEqual(["-70000", "1", "2", "3", "5000000000"]);
      expect(call("SISMEMBER", "s", "02")).toBe(0);
      expect(call("SREM", "s", "x", "5000000000", "1", "1")).toBe(2);
      expect(call("SADD", "s", "02", "2")).toBe(1);
      expect(encoding(session, "s")).toBe("hashtable");
      expect(sorted(call("SMEMBERS", "s"))).toEqual(["-70000", "02", "2", "3"]);
      expect(call("SMISMEMBER", "s", "2", "1", "02")).toEqual([1, 0, 1]);
      expect(call("SMISMEMBER", "none", "2", "1")).toEqual([0, 0]);
      expect([call("SCARD", "s"), call("SCARD", "none")]).toEqual([4, 0]);
      expect(call("SREM", "s", "2", "3", "02", "-70000", "9")).toBe(4);
      expect(call("EXISTS", "s")).toBe(0);
      session.call("SET", "text", "v");
      for (const command of ["SADD text 1", "SREM text 1", "SISMEMBER text 1", "SCARD text"]) {
        expect(call(...command.split(" "))).toEqual(wrongType);
      }
      call("FLUSHALL");
    });

    test("an array of integers becomes a table by count, too, and never goes back", () => {
      const session = open(instance, 4);
      expect(session.call("SADD", "s", "1", "2", "3", "4")).toBe(4);
      expect(encoding(session, "s")).toBe("intset");
      expect(session.call("SADD", "s", "5")).toBe(1);
      expect(encoding(session, "s")).toBe("hashtable");
      expect(session.call("SREM", "s", "5", "4")).toBe(2);
      expect(encoding(session, "s")).toBe("hashtable");
      // A difference found by taking away keeps the table that the first set needed.
      session.call("SADD", "big", "1", "2", "3", "4", "5", "6");
      session.call("SADD", "one", "1", "2", "3", "4", "5", "9");
      session.call("SDIFFSTORE", "found", "big", "one");
      expect([encoding(session, "found"), session.call("SMEMBERS", "found")]).toEqual([
        "intset",
        ["6"],
      ]);
      session.call("SADD", "few", "1");
      session.call("SDIFFSTORE", "found", "big", "few", "few2", "few3");
      expect(encoding(session, "found")).toBe("hashtable");
      session.call("FLUSHALL");
    });

    test("SMOVE", () => {
      const session = open(instance);
      const call = session.call.bind(session);
      call("SADD", "a", "1", "2");
      call("SADD", "b", "2", "x");
      call("SET", "text", "v");
      expect(call("SMOVE", "none", "text", "1")).toBe(0);
      expect(call("SMOVE", "a", "text", "1")).toEqual(wrongType);
      expect(call("SMOVE", "text", "a", "1")).toEqual(wrongType);
      expect([call("SMOVE", "a", "a", "1"), call("SMOVE", "a", "a", "9")]).toEqual([1, 0]);
      expect([call("SMOVE", "a", "b", "9"), call("SMOVE", "a", "b", "1")]).toEqual([0, 1]);
      expect(call("SMOVE", "a", "b", "2")).toBe(1);
      expect(call("EXISTS", "a")).toBe(0);
      expect(sorted(call("SMEMBERS", "b"))).toEqual(["1", "2", "x"]);
      expect(call("SMOVE", "b", "new", "1")).toBe(1);
      expect([call("SMEMBERS", "new"), encoding(session, "new")]).toEqual([["1"], "intset"]);
      call("FLUSHALL");
    });

    test("unions, intersections, differences", () => {
      const session = open(instance);
      const call = session.call.bind(session);
      call("SADD", "a", "1", "2", "3", "4");
      call("SADD", "b", "2", "3", "x");
      call("SADD", "c", "3", "x", "y");
      call("SET", "text", "v");
      expect(call("SINTER", "a", "b", "c")).toEqual(["3"]);
      expect(call("SINTER", "a", "none")).toEqual([]);
      expect(call("SINTER", "none", "text")).toEqual(wrongType);
      expect(sorted(call("SUNION", "a", "none", "c"))).toEqual(["1", "2", "3", "4", "x", "y"]);
      expect(call("SUNION", "a", "text")).toEqual(wrongType);
      expect(call("SDIFF", "a", "b", "none")).toEqual(["1", "4"]);
      expect(call("SDIFF", "a", "b", "a")).toEqual([]);
      expect(call("SDIFF", "none", "a")).toEqual([]);
      expect(call("SINTERSTORE", "a", "a", "b")).toBe(2);
      expect(call("SMEMBERS", "a")).toEqual(["2", "3"]);
      call("PEXPIRE", "a", "100000");
      expect(call("SUNIONSTORE", "text", "a", "b")).toBe(3);
      expect(sorted(call("SMEMBERS", "text"))).toEqual(["2", "3", "x"]);
      expect(call("SUNIONSTORE", "a", "a")).toBe(2);
      expect(call("PTTL", "a")).toBe(-1);
      expect(call("SDIFFSTORE", "a", "a", "b")).toBe(0);
      expect(call("EXISTS", "a")).toBe(0);
      expect(call("SINTERSTORE", "b", "none")).toBe(0);
      expect(call("EXISTS", "b")).toBe(0);
      call("SADD", "d", "3", "x", "z");
      expect(call("SINTERCARD", "2", "c", "d")).toBe(2);
      expect(call("SINTERCARD", "2", "c", "d", "LIMIT", "1")).toBe(1);
      expect(call("SINTERCARD", "2", "c", "d", "limit", "0")).toBe(2);
      expect(call("SINTERCARD", "2", "c", "none")).toBe(0);
      expect(call("SINTERCARD", "0", "c")).toEqual(fail("numkeys should be greater than 0"));
      expect(call("SINTERCARD", "3", "c", "d")).toEqual(
        fail("Number of keys can't be greater than number of args"),
      );
      expect(call("SINTERCARD", "1", "c", "LIMIT")).toEqual(fail("syntax error"));
      expect(call("SINTERCARD", "1", "c", "LIMIT", "-1")).toEqual(fail("LIMIT can't be negative"));
      call("FLUSHALL");
    });

    test("SPOP journals what it took, one by one, and the whole set as DEL", () => {
      const session = open(instance);
      const { engine } = instance;
      engine.set(Setting.Journal, 1);
      const call = session.call.bind(session);
      call("SADD", "s", "7");
      session.journalText();
      expect(call("SPOP", "s")).toBe("7");
      expect(session.journalText()).toBe("*3\r\n$4\r\nSREM\r\n$1\r\ns\r\n$1\r\n7\r\n");
      call("SADD", "s", "a", "b");
      session.journalText();
      expect(sorted(call("SPOP", "s", "2"))).toEqual(["a", "b"]);
      expect(session.journalText()).toBe("*2\r\n$3\r\nDEL\r\n$1\r\ns\r\n");
      call("SADD", "s", ...Array.from({ length: 40 }, (_, index) => `${index}`));
      for (const [count, left] of [
        ["3", 37],
        ["35", 2],
      ] as const) {
        session.journalText();
        const popped = call("SPOP", "s", count) as string[];
        expect(new Set(popped).size).toBe(Number(count));
        const removed = [...session.journalText().matchAll(/SREM\r\n\$1\r\ns\r\n\$\d\r\n(\d+)/g)];
        expect(removed.map((match) => match[1]!).toSorted()).toEqual(popped.toSorted());
        expect(call("SCARD", "s")).toBe(left);
      }
      expect(call("SPOP", "s", "0")).toEqual([]);
      expect(session.journalText()).toBe("");
      expect(call("SPOP", "none")).toBe(null);
      expect(call("SPOP", "none", "3")).toEqual([]);
      expect(call("SPOP", "s", "-1")).toEqual(fail("value is out of range, must be positive"));
      expect(call("SPOP", "s", "x")).toEqual(fail("value is out of range, must be positive"));
      expect(call("SPOP", "s", "1", "2")).toEqual(fail("syntax error"));
      // Those few that stay begin anew: integers alone are an array again.
      call("DEL", "s");
      call("SADD", "s", "x", ...Array.from({ length: 40 }, (_, index) => `${index}`));
      call("SREM", "s", "x");
      expect(encoding(session, "s")).toBe("hashtable");
      call("SPOP", "s", "38");
      expect(encoding(session, "s")).toBe("intset");
      call("FLUSHALL");
      engine.set(Setting.Journal, 0);
      session.take();
    });

    test("SRANDMEMBER", () => {
      const session = open(instance);
      const call = session.call.bind(session);
      const all = Array.from({ length: 20 }, (_, index) => `m${index}`);
      call("SADD", "s", ...all);
      expect(all).toContain(call("SRANDMEMBER", "s") as string);
      for (const count of [1, 3, 10, 11, 19]) {
        const picked = call("SRANDMEMBER", "s", count) as string[];
        expect(new Set(picked).size).toBe(count);
        expect(picked.every((member) => all.includes(member))).toBe(true);
      }
      expect(sorted(call("SRANDMEMBER", "s", "20"))).toEqual(all.toSorted());
      expect(sorted(call("SRANDMEMBER", "s", "999"))).toEqual(all.toSorted());
      const many = call("SRANDMEMBER", "s", "-300") as string[];
      expect([many.length, new Set(many).size]).toEqual([300, 20]);
      expect(call("SRANDMEMBER", "s", "0")).toEqual([]);
      expect(call("SRANDMEMBER", "none")).toBe(null);
      expect(call("SRANDMEMBER", "none", "-3")).toEqual([]);
      expect(call("SRANDMEMBER", "s", "x")).toEqual(
        fail("value is not an integer or out of range"),
      );
      expect(call("SRANDMEMBER", "s", "-9223372036854775808")).toEqual(
        fail(
          "value is out of range, value must between -9223372036854775807 and 9223372036854775807",
        ),
      );
      expect(call("SRANDMEMBER", "s", "-9223372036854775807")).toEqual({
        error: "OOM command not allowed when used memory > 'maxmemory'.",
      });
      expect(call("SRANDMEMBER", "s", "1", "2")).toEqual(fail("syntax error"));
      call("FLUSHALL");
    });

    test("SSCAN", () => {
      const session = open(instance);
      const call = session.call.bind(session);
      call("SADD", "ints", "3", "1", "12");
      expect(call("SSCAN", "ints", "0", "COUNT", "1")).toEqual(["0", ["1", "3", "12"]]);
      expect(call("SSCAN", "ints", "0", "MATCH", "1*")).toEqual(["0", ["1", "12"]]);
      const members = Array.from({ length: 3_000 }, (_, index) => `m${index}`);
      call("SADD", "s", ...members);
      const seen: string[] = [];
      let cursor = "0";
      do {
        const [next, some] = call("SSCAN", "s", cursor, "MATCH", "m*", "COUNT", "50") as [
          string,
          string[],
        ];
        expect(some.length).toBeLessThan(80);
        seen.push(...some);
        cursor = next;
      } while (cursor !== "0");
      expect(seen.toSorted()).toEqual(members.toSorted());
      expect(call("SSCAN", "s", "0", "MATCH", "none")).toEqual([expect.any(String), []]);
      expect(call("SSCAN", "s", "18446744073709551615")).toEqual(["0", []]);
      expect(call("SSCAN", "none", "x")).toEqual(fail("invalid cursor"));
      expect(call("SSCAN", "none", "0", "WHAT")).toEqual(["0", []]);
      expect(call("SSCAN", "s", "0", "TYPE", "set")).toEqual(fail("syntax error"));
      expect(call("SSCAN", "s", "0", "COUNT", "0")).toEqual(fail("syntax error"));
      call("FLUSHALL");
    });

    test("RESP3 has sets", () => {
      const session = open(instance);
      session.call("SADD", "s", "1");
      const raw = (...argv: string[]): string => {
        session.feed(
          Buffer.from(
            `*${argv.length}\r\n${argv.map((word) => `$${word.length}\r\n${word}\r\n`).join("")}`,
          ),
        );
        return session.raw();
      };
      // Word 2 of a client is its protocol.
      const words = new Uint32Array(instance.build.memory.buffer, session.handle, 3);
      words[2] = 3;
      const one = "~1\r\n$1\r\n1\r\n";
      for (const command of ["SMEMBERS s", "SINTER s s", "SUNION s", "SDIFF s none"]) {
        expect(raw(...command.split(" "))).toBe(one);
      }
      expect(raw("SINTER", "none")).toBe("~0\r\n");
      expect(raw("SRANDMEMBER", "s", "2")).toBe("*1\r\n$1\r\n1\r\n");
      expect(raw("SPOP", "none", "2")).toBe("~0\r\n");
      expect(raw("SPOP", "none")).toBe("_\r\n");
      session.call("SADD", "s", "2");
      expect(raw("SPOP", "s", "1")).toMatch(/^~1\r\n\$1\r\n[12]\r\n$/);
      expect(raw("SPOP", "s", "1")).toMatch(/^~1\r\n\$1\r\n[12]\r\n$/);
      session.free();
    });

    test("only what changes a set touches those who watch it", () => {
      const session = open(instance);
      const other = open(instance);
      session.call("SADD", "s", "1", "2");
      const watched = (...argv: string[]): boolean => {
        session.call("WATCH", "s");
        other.call(...argv);
        session.call("MULTI");
        session.call("PING");
        return session.call("EXEC") === null;
      };
      expect(watched("SADD", "s", "1")).toBe(false);
      expect(watched("SREM", "s", "9")).toBe(false);
      expect(watched("SMOVE", "s", "t", "9")).toBe(false);
      expect(watched("SRANDMEMBER", "s", "-5")).toBe(false);
      expect(watched("SPOP", "s", "0")).toBe(false);
      expect(watched("SADD", "s", "1", "3")).toBe(true);
      expect(watched("SREM", "s", "3")).toBe(true);
      expect(watched("SPOP", "s")).toBe(true);
      expect(watched("SUNIONSTORE", "s", "s")).toBe(true);
      session.call("FLUSHALL");
    });

    test("random commands against a model, saved, loaded and replayed", () => {
      for (const [seed, intsetMax, range] of [
        [1, 512, 40],
        [2, 4, 40],
        [3, 64, 4_000],
      ] as const) {
        modelRun(instance, seed, intsetMax, range);
      }
    }, 60_000);

    test("big sets are freed in slices and leave nothing behind", () => {
      const session = open(instance);
      while (instance.engine.reclaim(1_000) > 0);
      session.call("PING");
      const before = instance.engine.usedMemory;
      for (let from = 0; from < 30_000; from += 1_000) {
        session.call("SADD", "s", ...Array.from({ length: 1_000 }, (_, at) => `m${from + at}`));
      }
      session.call("SADD", "ints", ...Array.from({ length: 512 }, (_, at) => `${at}`));
      expect(session.call("COPY", "s", "t")).toBe(1);
      expect(session.call("COPY", "ints", "ints2")).toBe(1);
      expect(session.call("SDIFF", "s", "t")).toEqual([]);
      expect(sound(instance)).toBe(true);
      session.call("DEL", "s", "t", "ints", "ints2");
      for (let turns = 0; instance.engine.reclaim(500) > 0; turns++) {
        if (turns > 1_000) throw new Error("never done");
      }
      session.call("PING");
      expect(instance.engine.usedMemory).toBe(before);
    });
  });
}

function modelRun(instance: Instance, seed: number, intsetMax: number, range: number): void {
  const { engine } = instance;
  const session = open(instance, intsetMax);
  engine.set(Setting.Journal, 1);
  session.take();
  session.journalText();
  const random = seeded(seed);
  const model = new Map<string, Set<string>>();
  const key = (): string => `k${random() % 5}`;
  const member = (): string => {
    const number = random() % range;
    return random() % 200 === 0 ? `x${number}` : String(number % 3 === 0 ? -number : number);
  };
  const of = (name: string): Set<string> => model.get(name) ?? new Set();
  const put = (name: string, members: Iterable<string>): number => {
    const set = new Set(members);
    if (set.size === 0) model.delete(name);
    else model.set(name, set);
    return set.size;
  };
  const journal: Buffer[] = [];
  const same = (reply: Reply | undefined, expected: Iterable<string>): boolean =>
    sorted(reply).join(" ") === [...expected].toSorted().join(" ");
  for (let step = 0; step < 6_000; step++) {
    const name = key();
    const names = [key(), key(), key()].slice(0, 1 + (random() % 3));
    const some = Array.from({ length: 1 + (random() % 8) }, member);
    const set = of(name);
    const sets = names.map(of);
    const inter = [...sets[0]!].filter((one) => sets.every((each) => each.has(one)));
    const union = new Set(sets.flatMap((each) => [...each]));
    const diff = [...sets[0]!].filter((one) => !sets.slice(1).some((each) => each.has(one)));
    const action = random() % 16;
    let good = true;
    if (action < 4) {
      const size = set.size;
      const reply = session.call("SADD", name, ...some);
      good = reply === put(name, [...set, ...some]) - size;
    } else if (action < 6) {
      const left = [...set].filter((one) => !some.includes(one));
      good = session.call("SREM", name, ...some) === set.size - left.length;
      put(name, left);
    } else if (action === 6) {
      const count = random() % (set.size + 3);
      const popped = session.call("SPOP", name, count) as string[];
      const taken = new Set(popped);
      good = popped.length === Math.min(count, set.size) && popped.every((one) => set.has(one));
      good &&= taken.size === popped.length;
      put(
        name,
        [...set].filter((one) => !taken.has(one)),
      );
    } else if (action === 7) {
      const count = (random() % 60) - 20;
      const picked = session.call("SRANDMEMBER", name, count) as string[];
      const wanted = count < 0 ? (set.size > 0 ? -count : 0) : Math.min(count, set.size);
      good = picked.length === wanted && picked.every((one) => set.has(one));
      if (count > 0) good &&= new Set(picked).size === picked.length;
    } else if (action === 8) {
      const [one = "", target = name] = [some[0], names[0]];
      const moves = set.has(one);
      good = session.call("SMOVE", name, target, one) === (moves ? 1 : 0);
      if (moves && target !== name) {
        put(
          name,
          [...set].filter((each) => each !== one),
        );
        put(target, [...of(target), one]);
      }
    } else if (action === 9) good = same(session.call("SINTER", ...names), inter);
    else if (action === 10) good = same(session.call("SUNION", ...names), union);
    else if (action === 11) good = same(session.call("SDIFF", ...names), diff);
    else if (action === 12) {
      good = session.call("SINTERSTORE", name, ...names) === put(name, inter);
    } else if (action === 13 && random() % 3 === 0) {
      good = session.call("SUNIONSTORE", name, ...names) === put(name, union);
    } else if (action === 14) {
      good = session.call("SDIFFSTORE", name, ...names) === put(name, diff);
    } else {
      const flags = session.call("SMISMEMBER", name, ...some) as number[];
      good = some.every((one, at) => flags[at] === (set.has(one) ? 1 : 0));
      good &&= session.call("SCARD", name) === set.size;
      good &&= session.call("SINTERCARD", names.length, ...names) === inter.length;
    }
    const where = `${instance.name}, seed ${seed}, step ${step}, action ${action}`;
    if (!good) throw new Error(where);
    if (step % 500 === 0) expect(`${where}: ${sound(instance)}`).toEndWith("true");
    for (const [each, members] of step % 100 === 0 ? model : []) {
      expect(`${where} ${sorted(session.call("SMEMBERS", each)).join()}`).toBe(
        `${where} ${[...members].toSorted().join()}`,
      );
    }
    journal.push(...session.journal.splice(0));
  }
  const digest = engine.digest();
  engine.set(Setting.Journal, 0);
  const file = snapshotOf(engine);
  expect(loadAll(engine, file, 100)).toBe(LoadStatus.Done);
  expect([engine.digest(), sound(instance)]).toEqual([digest, true]);
  session.call("FLUSHALL");
  session.feed(Buffer.concat(journal));
  session.raw();
  expect([engine.digest(), sound(instance)]).toEqual([digest, true]);
  session.call("FLUSHALL");
  session.free();
}
