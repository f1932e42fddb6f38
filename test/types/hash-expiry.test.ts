import { beforeAll, describe, expect, test } from "bun:test";
import { ClientFlag } from "../../assembly/abi.ts";
import { Setting } from "../../assembly/settings.ts";
import { loadBuilds, seeded } from "../assembly/load.ts";
import { type Instance, type Reply, Session, sound, startEngine } from "../engine/harness.ts";
import { loadAll, NOW, snapshotOf } from "../engine/rdb-support.ts";

/** Fields that expire, as in Redis 7.4: replies, what becomes of them, and what replicas are told. */

const builds = await loadBuilds();
beforeAll(async () => {
  await loadBuilds();
}, 120_000);

function open(instance: Instance, entries = 512, longest = 64): Session {
  instance.engine.set(Setting.HashMaxListpackEntries, entries);
  instance.engine.set(Setting.HashMaxListpackValue, longest);
  instance.engine.set(Setting.Journal, 1);
  return new Session(instance, { nowMs: NOW });
}

/** The journal's commands since the last look, as lines, without SELECT. */
function journal(session: Session): string[] {
  const lines: string[] = [];
  for (const part of session
    .journalText()
    .split(/\*\d+\r\n/)
    .slice(1)) {
    const words = part.split(/\$\d+\r\n/).slice(1);
    const line = words.map((word) => word.replace(/\r\n$/, "")).join(" ");
    if (!line.startsWith("SELECT")) lines.push(line);
  }
  return lines;
}

function pairsOf(reply: Reply | undefined): Map<string, string> {
  const items = reply as string[];
  const pairs = new Map<string, string>();
  for (let at = 0; at < items.length; at += 2) pairs.set(items[at]!, items[at + 1]!);
  return pairs;
}

for (const build of builds) {
  const start = async (): Promise<Instance> => {
    const fresh = (await loadBuilds()).find(({ name }) => name === build.name);
    return startEngine(fresh!);
  };
  describe(`expiry of fields (${build.name})`, () => {
    test("the cycle walks a slot of very many keys bit by bit, whatever happens to its table", async () => {
      const instance = await start();
      const session = open(instance);
      const { engine } = instance;
      const hashCount = 40;
      for (let at = 0; at < 12_000; at++) {
        session.call("SET", `{t}${at}`, "v");
        if (at % 300 !== 0) continue;
        session.call("HSET", `{t}h${at}`, "soon", "1", "later", "2", "stays", "3");
        session.call("HPEXPIRE", `{t}h${at}`, "100", "FIELDS", "1", "soon");
        session.call("HPEXPIRE", `{t}h${at}`, "60000", "FIELDS", "1", "later");
      }
      let added = 0;
      const expire = (): number => {
        let removed = 0;
        let calls = 0;
        for (; calls < 3_000 && removed < hashCount; calls++) {
          removed += engine.expireCycle(session.nowMs, 16);
          // The table grows under the walk.
          if (calls % 3 === 0) session.call("SET", `{t}new${added++}`, "v");
        }
        // A slice looks at few of the thousand buckets.
        expect(calls).toBeGreaterThan(40);
        return removed;
      };
      session.nowMs += 5_000;
      expect(expire()).toBe(hashCount);
      for (let slice = 0; slice < 200; slice++)
        expect(engine.expireCycle(session.nowMs, 16)).toBe(0);
      session.call("HPEXPIRE", "{t}h0", "20000", "FIELDS", "1", "stays");
      session.nowMs += 30_000;
      for (let slice = 0; slice < 200; slice++) engine.expireCycle(session.nowMs, 16);
      expect(session.call("HLEN", "{t}h0")).toBe(1);
      session.nowMs += 60_000;
      expect(expire()).toBe(hashCount);
      expect(session.call("EXISTS", "{t}h0")).toBe(0);
      expect(session.call("HLEN", "{t}h300")).toBe(1);
      expect(sound(instance)).toBe(true);
    }, 30_000);

    for (const [entries, before, after] of [
      [512, "listpack", "listpackex"],
      [0, "hashtable", "hashtable"],
    ] as const) {
      test(`setting, asking and taking away on a ${before}`, async () => {
        const instance = await start();
        const session = open(instance, entries);
        const call = (...argv: (string | number)[]) => session.call(...argv);
        const fields = (...names: string[]) => ["FIELDS", names.length, ...names];
        call("HSET", "h", "a", "1", "b", "2", "c", "3");
        expect(call("OBJECT", "ENCODING", "h")).toBe(before);
        expect(call("HTTL", "h", ...fields("a", "z"))).toEqual([-1, -2]);
        expect(call("HEXPIRE", "h", 100, ...fields("a", "z"))).toEqual([1, -2]);
        expect(call("OBJECT", "ENCODING", "h")).toBe(after);
        expect(call("HTTL", "h", ...fields("a", "b", "z"))).toEqual([100, -1, -2]);
        expect(call("HPTTL", "h", ...fields("a"))).toEqual([100_000]);
        expect(call("HEXPIRETIME", "h", ...fields("a"))).toEqual([NOW / 1000 + 100]);
        expect(call("HPEXPIRETIME", "h", ...fields("a", "c"))).toEqual([NOW + 100_000, -1]);
        expect(call("HPEXPIRE", "h", 1500, ...fields("b"))).toEqual([1]);
        // Seconds that are left are rounded up.
        expect(call("HTTL", "h", ...fields("b"))).toEqual([2]);
        expect(call("HEXPIREAT", "h", NOW / 1000 + 7, ...fields("c"))).toEqual([1]);
        expect(call("HPTTL", "h", ...fields("c"))).toEqual([7000]);
        expect(call("HPERSIST", "h", ...fields("a", "z", "a"))).toEqual([1, -2, -1]);
        expect(call("HSET", "h", "c", "4")).toBe(0);
        expect(call("HTTL", "h", ...fields("a", "b", "c"))).toEqual([-1, 2, -1]);
        expect(call("HINCRBY", "h", "b", "40")).toBe(42);
        expect(call("HINCRBYFLOAT", "h", "b", "0.5")).toBe("42.5");
        expect(call("HTTL", "h", ...fields("b"))).toEqual([2]);
        expect(sound(instance)).toBe(true);
      });

      test(`NX, XX, GT and LT on a ${before}`, async () => {
        const session = open(await start(), entries);
        const set = (seconds: number, ...condition: string[]): Reply =>
          (session.call("HEXPIRE", "h", seconds, ...condition, "FIELDS", 1, "a") as Reply[])[0]!;
        session.call("HSET", "h", "a", "1");
        expect(set(10, "XX")).toBe(0);
        expect(set(10, "GT")).toBe(0);
        expect(set(10, "LT")).toBe(1);
        expect(set(20, "NX")).toBe(0);
        expect(set(20, "LT")).toBe(0);
        expect(set(20, "GT")).toBe(1);
        expect(set(20, "gt")).toBe(0);
        expect(set(30, "XX")).toBe(1);
        session.call("HPERSIST", "h", "FIELDS", 1, "a");
        expect(set(5, "NX")).toBe(1);
      });

      test(`a time that has passed deletes at once from a ${before}`, async () => {
        const instance = await start();
        const session = open(instance, entries);
        session.call("HSET", "h", "a", "1", "b", "2");
        journal(session);
        expect(session.call("HPEXPIREAT", "h", 1, "FIELDS", 2, "a", "z")).toEqual([2, -2]);
        expect(journal(session)).toEqual(["HDEL h a"]);
        expect(session.call("HEXPIRE", "h", 0, "FIELDS", 1, "b")).toEqual([2]);
        expect(session.call("EXISTS", "h")).toBe(0);
        expect(sound(instance)).toBe(true);
      });

      test(`an expired field of a ${before} is not seen, and the reader removes it`, async () => {
        const instance = await start();
        const session = open(instance, entries);
        const call = (...argv: (string | number)[]) => session.call(...argv);
        call("HSET", "h", "a", "1", "b", "2", "c", "3");
        call("HPEXPIRE", "h", 10, "FIELDS", 2, "a", "b");
        session.nowMs += 11;
        expect(pairsOf(call("HGETALL", "h"))).toEqual(new Map([["c", "3"]]));
        expect(call("HKEYS", "h")).toEqual(["c"]);
        expect(call("HRANDFIELD", "h", 10)).toEqual(["c"]);
        expect(call("HRANDFIELD", "h")).toEqual("c");
        expect(call("HSCAN", "h", "0")).toEqual(["0", ["c", "3"]]);
        expect(call("HPTTL", "h", "FIELDS", 1, "a")).toEqual([-2]);
        expect(call("HLEN", "h")).toBe(3);
        journal(session);
        expect(call("HGET", "h", "a")).toBe(null);
        expect(journal(session)).toEqual(["HDEL h a"]);
        expect(call("HLEN", "h")).toBe(2);
        expect(call("HSETNX", "h", "b", "new")).toBe(1);
        expect(journal(session)).toEqual(["MULTI", "HDEL h b", "HSETNX h b new", "EXEC"]);
        expect(call("HPTTL", "h", "FIELDS", 1, "b")).toEqual([-1]);
        call("HPEXPIRE", "h", 10, "FIELDS", 2, "b", "c");
        session.nowMs += 11;
        expect(call("HINCRBY", "h", "b", 1)).toBe(1);
        expect(call("HDEL", "h", "b", "c")).toBe(1);
        expect(call("EXISTS", "h")).toBe(0);
        expect(sound(instance)).toBe(true);
      });

      test(`the last field of a ${before} takes the key along, by a reader and by the cycle`, async () => {
        const instance = await start();
        const session = open(instance, entries);
        for (const reads of [true, false]) {
          session.call("HSET", "h", "a", "1", "b", "2");
          session.call("HPEXPIRE", "h", 10, "FIELDS", 2, "a", "b");
          session.nowMs += 1000;
          if (reads) expect(session.call("HMGET", "h", "a", "b", "a")).toEqual([null, null, null]);
          else instance.engine.expireCycle(session.nowMs, 1000);
          expect(session.call("EXISTS", "h")).toBe(0);
          expect(sound(instance)).toBe(true);
        }
      });
    }

    test("errors, and what is checked first", async () => {
      const session = open(await start());
      const call = (...argv: (string | number)[]) => session.call(...argv);
      const error = (text: string) => ({ error: `ERR ${text}` });
      const mandatory = error("Mandatory argument FIELDS is missing or not at the right position");
      const counted = error("The `numfields` parameter must match the number of arguments");
      call("SET", "s", "x");
      const wrongType = {
        error: "WRONGTYPE Operation against a key holding the wrong kind of value",
      };
      expect(call("HEXPIRE", "s", "x", "FIELDS", 1, "a")).toEqual(wrongType);
      expect(call("HTTL", "s", "FIELDS", 1, "a")).toEqual(wrongType);
      expect(call("HPERSIST", "s", "FIELDS", 1, "a")).toEqual(wrongType);
      const notInteger = error("value is not an integer or out of range");
      expect(call("HEXPIRE", "h", "x", "FIELDS", 1, "a")).toEqual(notInteger);
      const negative = error("invalid expire time, must be >= 0");
      expect(call("HEXPIRE", "h", "-1", "FIELDS", 1, "a")).toEqual(negative);
      for (const [name, time] of [
        ["hexpire", "70368744178"],
        ["hpexpire", "70368744177663"],
        ["hpexpireat", "70368744177664"],
        ["hexpireat", "9223372036854775807"],
      ] as const) {
        const invalid = error(`invalid expire time in '${name}' command`);
        expect(call(name, "h", time, "FIELDS", 1, "a")).toEqual(invalid);
      }
      expect(call("HPEXPIREAT", "h", "70368744177663", "FIELDS", 1, "a")).toEqual([-2]);
      expect(call("HEXPIRE", "h", 1, "FIELD", 1, "a")).toEqual(mandatory);
      expect(call("HEXPIRE", "h", 1, "NX", "XX", "FIELDS", 1, "a")).toEqual(mandatory);
      const positive = error("Parameter `numFields` should be greater than 0");
      for (const count of ["0", "-1", "x"]) {
        expect(call("HEXPIRE", "h", 1, "FIELDS", count, "a")).toEqual(positive);
      }
      expect(call("HEXPIRE", "h", 1, "FIELDS", 2, "a")).toEqual(counted);
      expect(call("HEXPIRE", "h", 1, "FIELDS", 1, "a", "b")).toEqual(counted);
      const number = error("Number of fields must be a positive integer");
      for (const name of ["HTTL", "HPTTL", "HEXPIRETIME", "HPEXPIRETIME", "HPERSIST"]) {
        expect(call(name, "h", "x", 1, "a")).toEqual(mandatory);
        expect(call(name, "h", "FIELDS", 0, "a")).toEqual(number);
        expect(call(name, "h", "FIELDS", 2, "a")).toEqual(counted);
        expect(call(name, "h", "FIELDS", 1, "a")).toEqual([-2]);
      }
      expect(call("HEXPIRE", "h", 1, "FIELDS", 1)).toEqual(
        error("wrong number of arguments for 'hexpire' command"),
      );
      expect(call("EXISTS", "h")).toBe(0);
    });

    test("what replicas are told", async () => {
      const session = open(await start());
      session.call("HSET", "h", "a", "1", "b", "2", "c", "3");
      journal(session);
      session.call("HEXPIRE", "h", 10, "FIELDS", 3, "a", "z", "b");
      expect(journal(session)).toEqual([`HPEXPIREAT h ${NOW + 10_000} FIELDS 2 a b`]);
      session.call("HEXPIRE", "h", 20, "NX", "FIELDS", 2, "a", "c");
      expect(journal(session)).toEqual([`HPEXPIREAT h ${NOW + 20_000} FIELDS 1 c`]);
      session.call("HEXPIRE", "h", 20, "NX", "FIELDS", 1, "a");
      expect(journal(session)).toEqual([]);
      session.call("HPERSIST", "h", "FIELDS", 1, "b");
      expect(journal(session)).toEqual(["HPERSIST h FIELDS 1 b"]);
      session.call("HINCRBYFLOAT", "h", "a", "1");
      expect(journal(session)).toEqual([
        "MULTI",
        "HSET h a 2",
        `HPEXPIREAT h ${NOW + 10_000} FIELDS 1 a`,
        "EXEC",
      ]);
      session.nowMs += 60_000;
      session.instance.engine.expireCycle(session.nowMs, 1000);
      session.take();
      expect(journal(session).toSorted()).toEqual(["HDEL h a", "HDEL h c"]);
    });

    test("a replica hides what has expired and removes nothing by itself", async () => {
      const instance = await start();
      const session = open(instance);
      session.call("HSET", "h", "a", "1", "b", "2");
      session.call("HPEXPIRE", "h", 10, "FIELDS", 1, "a");
      session.nowMs += 1000;
      instance.engine.set(Setting.Replica, 1);
      const primary = new Session(instance, { flags: ClientFlag.Primary, nowMs: session.nowMs });
      expect(session.call("HGET", "h", "a")).toBe(null);
      instance.engine.expireCycle(session.nowMs, 1000);
      expect(session.call("HLEN", "h")).toBe(2);
      primary.call("HINCRBY", "h", "a", "1");
      expect(session.call("HGET", "h", "a")).toBe(null);
      primary.call("HPERSIST", "h", "FIELDS", "1", "a");
      expect(session.call("HGET", "h", "a")).toBe("2");
      primary.call("HPEXPIREAT", "h", "1", "FIELDS", "1", "a");
      expect(session.call("HLEN", "h")).toBe(2);
      primary.call("HDEL", "h", "a");
      expect(session.call("HLEN", "h")).toBe(1);
      expect(sound(instance)).toBe(true);
    });

    test("copies, renames, dumps and snapshots keep expiries, and the cycle finds them there", async () => {
      for (const entries of [512, 0]) {
        const instance = await start();
        const session = open(instance, entries);
        session.call("HSET", "h", "a", "1", "b", "2", "c", "3");
        session.call("HPEXPIRE", "h", 5000, "FIELDS", 1, "b");
        session.call("HPEXPIRE", "h", 4000, "FIELDS", 1, "a");
        session.call("COPY", "h", "copy");
        session.call("COPY", "h", "x");
        session.call("RENAME", "x", "renamed");
        session.call("COPY", "h", "moved");
        session.call("MOVE", "moved", 1);
        const payload = Buffer.from(session.call("DUMP", "h") as string, "latin1");
        expect(payload[0]).toBe(entries === 0 ? 24 : 25);
        expect(session.call("RESTORE", "restored", 0, payload)).toBe("OK");
        const times = () =>
          ["h", "copy", "renamed", "restored"].map((key) =>
            session.call("HPTTL", key, "FIELDS", 3, "a", "b", "c"),
          );
        expect(times()).toEqual(Array(4).fill([4000, 5000, -1]));
        const digest = instance.engine.digest();
        const file = snapshotOf(instance.engine);
        loadAll(instance.engine, file);
        expect(instance.engine.digest()).toBe(digest);
        expect(times()).toEqual(Array(4).fill([4000, 5000, -1]));
        expect(sound(instance)).toBe(true);
        session.nowMs += 5600;
        for (let round = 0; round < 10; round++) instance.engine.expireCycle(session.nowMs, 100);
        for (const key of ["h", "copy", "renamed", "restored"]) {
          expect(session.call("HLEN", key)).toBe(1);
        }
        session.call("SELECT", 1);
        expect(session.call("HLEN", "moved")).toBe(1);
        expect(sound(instance)).toBe(true);
      }
    });

    test("a hash without expiries any more is written as before", async () => {
      for (const entries of [512, 0]) {
        const session = open(await start(), entries);
        session.call("HSET", "h", "a", "1", "b", "2");
        session.call("HEXPIRE", "h", 5, "FIELDS", 1, "a");
        session.call("HPERSIST", "h", "FIELDS", 1, "a");
        const payload = Buffer.from(session.call("DUMP", "h") as string, "latin1");
        expect(payload.subarray(0, 2)).toEqual(Buffer.from([4, 2]));
      }
    });

    test("the cycle's work is bounded, and it gets through in the end", async () => {
      const instance = await start();
      const session = open(instance, 0);
      const names = Array.from({ length: 5000 }, (_, at) => `f${at}`);
      session.call("HSET", "h", ...names.flatMap((name) => [name, "v"]));
      session.call("HPEXPIRE", "h", 10, "FIELDS", 4000, ...names.slice(0, 4000));
      session.call("HPEXPIRE", "h", 100_000, "FIELDS", 500, ...names.slice(4000, 4500));
      session.nowMs += 1000;
      let rounds = 0;
      while (session.call("HLEN", "h") !== 1000 && rounds < 1000) {
        const before = session.call("HLEN", "h") as number;
        instance.engine.expireCycle(session.nowMs, 100);
        expect(before - (session.call("HLEN", "h") as number)).toBeLessThan(200);
        rounds++;
      }
      expect(rounds).toBeGreaterThan(30);
      expect(rounds).toBeLessThan(200);
      session.nowMs += 200_000;
      for (let round = 0; round < 200; round++) instance.engine.expireCycle(session.nowMs, 100);
      expect(session.call("HLEN", "h")).toBe(500);
      expect(sound(instance)).toBe(true);
    });

    test("random commands against a model, and a replica that follows", async () => {
      const seed = Number(process.env["ATOLL_SEED"] ?? 0x7e1d);
      for (const [entries, longest] of [
        [512, 64],
        [6, 20],
        [0, 0],
      ] as const) {
        const instance = await start();
        const session = open(instance, entries, longest);
        const replica = await start();
        const follower = open(replica, entries, longest);
        replica.engine.set(Setting.Replica, 1);
        follower.setFlag(ClientFlag.Primary, true);
        const random = seeded(seed);
        const where = `seed ${seed}, ${entries} entries, ${build.name}`;
        const model = new Map<string, { value: string; until: number }>();
        const live = (field: string) => {
          const known = model.get(field);
          if (known === undefined || known.until >= session.nowMs) return known;
          model.delete(field);
          return undefined;
        };
        const follow = (): void => {
          session.take();
          follower.nowMs = session.nowMs;
          follower.feed(Buffer.from(session.journalText(), "latin1"));
        };
        for (let step = 0; step < 6000; step++) {
          const field = `f${random() % 25}`;
          const known = live(field);
          const kind = random() % 24;
          if (kind < 7) {
            const value = "v".repeat(random() % 30);
            expect(session.call("HSET", "h", field, value), where).toBe(known ? 0 : 1);
            model.set(field, { value, until: Number.POSITIVE_INFINITY });
          } else if (kind < 14) {
            const after = random() % 400;
            const outcome = known ? (after === 0 ? 2 : 1) : -2;
            const reply = session.call("HPEXPIRE", "h", after, "FIELDS", 1, field);
            expect(reply, where).toEqual([outcome]);
            if (outcome === 1) known!.until = session.nowMs + after;
            if (outcome === 2) model.delete(field);
          } else if (kind === 14) {
            const outcome = known ? (known.until < Number.POSITIVE_INFINITY ? 1 : -1) : -2;
            const reply = session.call("HPERSIST", "h", "FIELDS", 1, field);
            expect(reply, where).toEqual([outcome]);
            if (outcome === 1) known!.until = Number.POSITIVE_INFINITY;
          } else if (kind === 15) {
            expect(session.call("HDEL", "h", field), where).toBe(known ? 1 : 0);
            model.delete(field);
          } else if (kind < 18) {
            const left = known ? known.until - session.nowMs : -2;
            const expected = left === Number.POSITIVE_INFINITY ? -1 : left;
            expect(session.call("HPTTL", "h", "FIELDS", 1, field), where).toEqual([expected]);
          } else if (kind === 18) {
            expect(session.call("HSETNX", "h", field, "n"), where).toBe(known ? 0 : 1);
            if (!known) model.set(field, { value: "n", until: Number.POSITIVE_INFINITY });
          } else if (kind === 19) {
            session.nowMs += random() % 60;
            if (random() % 2 === 0) instance.engine.expireCycle(session.nowMs, 20);
          } else if (kind === 20 && random() % 4 === 0) {
            session.call("COPY", "h", "i", "REPLACE");
            if (session.call("EXISTS", "i") === 1) session.call("RENAME", "i", "h");
          } else expect(session.call("HGET", "h", field), where).toBe(known?.value ?? null);
          if (step % 500 !== 499) continue;
          const expected = new Map<string, string>();
          for (const name of [...model.keys()]) {
            const found = live(name);
            if (found) expected.set(name, found.value);
          }
          expect(pairsOf(session.call("HGETALL", "h")), where).toEqual(expected);
          expect(sound(instance), where).toBe(true);
          follow();
          expect(replica.engine.digest(), where).toBe(instance.engine.digest());
          expect(sound(replica), where).toBe(true);
        }
      }
    });
  });
}
