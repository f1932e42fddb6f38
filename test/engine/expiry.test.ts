import { beforeAll, expect, test } from "bun:test";
import { ClientFlag, Stat } from "../../assembly/abi.ts";
import { Gate, Setting } from "../../assembly/settings.ts";
import { loadBuilds, seeded } from "../assembly/load.ts";
import { encode, type Instance, type Reply, Session, sound, startEngines } from "./harness.ts";

/** Keys that expire: on access, by the cycle, on replicas. Redis 7.0 expire.c and db.c. */

beforeAll(async () => {
  await loadBuilds();
}, 120_000);

function batch(session: Session, commands: readonly string[][]): Reply[] {
  session.feed(Buffer.concat(commands.map(encode)));
  return session.replies();
}

test("a key lives up to and including its millisecond", async () => {
  for (const instance of await startEngines()) {
    const session = new Session(instance);
    const until = session.nowMs + 100;
    session.call("SET", "k", "v", "PXAT", until);
    session.nowMs = until;
    expect(session.call("GET", "k")).toBe("v");
    expect(session.call("PTTL", "k")).toBe(0);
    session.nowMs = until + 1;
    expect(session.call("GET", "k")).toBe(null);
    expect(instance.engine.counters.stat(Stat.ExpiredKeys)).toBe(1);
    expect(session.call("DBSIZE")).toBe(0);
  }
});

test("every command that looks at an expired key misses it", async () => {
  const looks: [string[], Reply][] = [
    [["GET", "k"], null],
    [["EXISTS", "k"], 0],
    [["TYPE", "k"], "none"],
    [["TTL", "k"], -2],
    [["STRLEN", "k"], 0],
    [["DEL", "k"], 0],
    [["UNLINK", "k"], 0],
    [["PERSIST", "k"], 0],
    [["EXPIRE", "k", "10"], 0],
    [["GETDEL", "k"], null],
    [["GETEX", "k", "EX", "5"], null],
    [["SETNX", "k", "w"], 1],
    [["SET", "k", "w", "XX"], null],
    [["SET", "k", "w", "GET"], null],
    [["INCR", "k"], 1],
    [["APPEND", "k", "w"], 1],
    [["SETRANGE", "k", "1", "w"], 2],
    [["RENAME", "k", "l"], { error: "ERR no such key" }],
    [["COPY", "k", "l"], 0],
    [["MOVE", "k", "1"], 0],
    [
      ["MGET", "k", "k"],
      [null, null],
    ],
    [["MSETNX", "k", "1"], 1],
    [["GETSET", "k", "1"], null],
    [["OBJECT", "ENCODING", "k"], null],
    [["KEYS", "*"], []],
    [
      ["SCAN", "0"],
      ["0", []],
    ],
    [["RANDOMKEY"], null],
    [["DUMP", "k"], null],
  ];
  for (const instance of await startEngines()) {
    for (const [argv, expected] of looks) {
      const session = new Session(instance);
      session.call("SET", "k", "v", "PX", "10");
      session.nowMs += 1_000;
      const got = session.call(...argv);
      expect({ argv, got }).toEqual({ argv, got: expected });
      session.call("FLUSHALL");
      session.free();
    }
    expect(sound(instance)).toBe(true);
  }
});

test("a replica hides what has expired and waits for its primary's DEL", async () => {
  for (const instance of await startEngines()) {
    const { engine } = instance;
    engine.set(Setting.Replica, 1);
    engine.set(Setting.Journal, 1);
    const link = new Session(instance, { flags: ClientFlag.Primary });
    link.feed(encode(["SET", "k", "v", "PXAT", `${link.nowMs + 10}`]));
    const reader = new Session(instance, { nowMs: link.nowMs + 1_000 });
    link.nowMs = reader.nowMs;
    reader.take();
    for (const argv of [
      ["GET", "k"],
      ["EXISTS", "k"],
      ["TTL", "k"],
      ["KEYS", "*"],
      ["SCAN", "0"],
    ]) {
      const reply = reader.call(...argv);
      expect(JSON.stringify(reply).includes("k")).toBe(false);
    }
    expect(reader.call("DBSIZE")).toBe(1);
    expect(reader.call("RANDOMKEY")).toBe("k");
    // What the primary says holds: it still sees the key, and INCR goes on with it.
    link.feed(encode(["APPEND", "k", "w"]));
    link.feed(encode(["PERSIST", "k"]));
    expect(reader.call("GET", "k")).toBe("vw");
    link.feed(encode(["DEL", "k"]));
    expect(reader.call("DBSIZE")).toBe(0);
    expect(engine.counters.stat(Stat.ExpiredKeys)).toBe(0);
    // A past time from the primary is kept, not turned into a deletion.
    link.feed(encode(["SET", "p", "v"]));
    link.feed(encode(["PEXPIREAT", "p", "1000"]));
    expect(reader.call("DBSIZE")).toBe(1);
    expect(reader.call("GET", "p")).toBe(null);
  }
});

test("during a pause expired keys are hidden but not deleted", async () => {
  for (const instance of await startEngines()) {
    instance.engine.set(Setting.Journal, 1);
    const session = new Session(instance);
    session.call("SET", "k", "v", "PX", "10");
    session.take();
    session.journalText();
    session.nowMs += 1_000;
    instance.engine.set(Setting.Gates, Gate.PauseWrites);
    expect(session.call("GET", "k")).toBe(null);
    expect(session.call("DBSIZE")).toBe(1);
    expect(session.journalText()).toBe("");
    instance.engine.set(Setting.Gates, 0);
    expect(session.call("GET", "k")).toBe(null);
    expect(session.journalText()).toBe(encode(["DEL", "k"]).toString());
  }
});

test("the cycle deletes all that is due, in slices, and tells the journal", async () => {
  const seed = 0xc7c1e;
  for (const instance of await startEngines()) {
    const { engine } = instance;
    engine.set(Setting.Journal, 1);
    const random = seeded(seed);
    const session = new Session(instance);
    const start = session.nowMs;
    const times = new Map<string, number>();
    for (const database of [0, 5]) {
      session.call("SELECT", database);
      const commands: string[][] = [];
      for (let index = 0; index < 4_000; index++) {
        const key = index % 2 === 0 ? `${database}:${index}` : `{t}${database}:${index}`;
        const until = random() % 4 === 0 ? -1 : start + 1 + (random() % 10_000);
        times.set(key, until);
        commands.push(until < 0 ? ["SET", key, "v"] : ["SET", key, "v", "PXAT", `${until}`]);
      }
      batch(session, commands);
    }
    session.take();
    session.journalText();
    for (let now = start; now <= start + 11_000; now += 500) {
      let slices = 0;
      let deleted = 0;
      // A slice that finds nothing while others are left would end the loop too early.
      for (let idle = 0; idle < 3; slices++) {
        const count = engine.expireCycle(now, 400);
        deleted += count;
        idle = count === 0 ? idle + 1 : 0;
        session.take();
        if (slices > 10_000) throw new Error("the cycle does not end");
      }
      const alive = [...times.values()].filter((until) => until < 0 || until >= now).length;
      expect({ now: now - start, keys: engine.keyCount(0) + engine.keyCount(5) }).toEqual({
        now: now - start,
        keys: alive,
      });
      expect(sound(instance)).toBe(true);
      expect(deleted).toBeLessThanOrEqual(8_000);
    }
    const gone = [...times.values()].filter((until) => until >= 0).length;
    expect(session.journalText().split("$3\r\nDEL\r\n").length - 1).toBe(gone);
    expect(engine.counters.stat(Stat.ExpiredKeys)).toBe(gone);
    expect(engine.expiresCount(0)).toBe(0);
    expect(engine.averageTtl(0)).toBe(0);
  }
});

test("a slice stays near its budget, also in one slot with very many keys", async () => {
  for (const instance of await startEngines()) {
    const { engine } = instance;
    const session = new Session(instance);
    const count = 100_000;
    for (let from = 0; from < count; from += 10_000) {
      batch(
        session,
        Array.from({ length: 10_000 }, (_, index) => [
          "SET",
          `{t}${from + index}`,
          "v",
          "PX",
          "10",
        ]),
      );
    }
    let most = 0;
    let left = count;
    for (let slices = 0; left > 0; slices++) {
      const deleted = engine.expireCycle(session.nowMs + 1_000, 200);
      most = Math.max(most, deleted);
      left -= deleted;
      if (slices > 20_000) throw new Error("the cycle does not end");
    }
    expect(most).toBeLessThan(1_000);
    expect(engine.keyCount(0)).toBe(0);
    expect(sound(instance)).toBe(true);
  }
});

test("one slot of very many keys that live on is walked in slices, and what is due in it goes", async () => {
  for (const instance of await startEngines()) {
    const { engine } = instance;
    const session = new Session(instance);
    const count = 50_000;
    const keep = (index: number): string[] => ["SET", `{t}${index}`, "v", "PX", "100000"];
    batch(
      session,
      Array.from({ length: count }, (_, index) => keep(index)),
    );
    session.call("SET", "{t}due", "v", "PX", 10);
    const now = session.nowMs + 1_000;
    let slices = 0;
    for (; engine.keyCount(0) > count; slices++) {
      engine.expireCycle(now, 100);
      expect(engine.expireCycleLooked).toBeLessThan(100 + 12);
      if (slices > count / 50) throw new Error("the cycle does not come to it");
    }
    // What is written behind the walk's back is known at its end.
    engine.expireCycle(now, 100);
    session.nowMs = now;
    for (let index = 0; index < 300; index++) session.call("SET", `{t}${index}`, "v", "PX", 500);
    for (let round = 0; round < (2 * count) / 100; round++) engine.expireCycle(now, 100);
    expect(engine.keyCount(0)).toBe(count);
    for (let round = 0; round < (2 * count) / 100; round++) engine.expireCycle(now + 600, 100);
    expect(engine.keyCount(0)).toBe(count - 300);
    expect(sound(instance)).toBe(true);
  }
});

test("keys that never expire do not make what is due look rare", async () => {
  for (const instance of await startEngines()) {
    const { engine } = instance;
    const session = new Session(instance);
    batch(
      session,
      Array.from({ length: 5_000 }, (_, index) =>
        index % 50 === 0
          ? ["SET", `{${index % 100}}${index}`, "v", "PX", "10"]
          : ["SET", `{${index % 100}}${index}`, "v"],
      ),
    );
    let deleted = 0;
    for (let slices = 0; deleted < 100; slices++) {
      const here = engine.expireCycle(session.nowMs + 1_000, 64);
      expect(engine.expireCycleLooked).toBe(here);
      deleted += here;
      expect(slices).toBeLessThan(10);
    }
  }
});

test("slices between writes that move the slot's table never lose an expiry", async () => {
  const seed = 0x51ce5;
  for (const instance of await startEngines()) {
    const random = seeded(seed);
    const { engine } = instance;
    const session = new Session(instance);
    const start = session.nowMs;
    for (let step = 0; step < 6_000; step++) {
      const growing = step % 2_000 < 1_200;
      const key = `{t}${random() % 3_000}`;
      const kind = random() % 8;
      if (kind === 0) session.call("PERSIST", key);
      else if (kind === 1) session.call("PEXPIRE", key, 1 + (random() % 3_000));
      else if (kind < 4 || !growing) session.call("DEL", key, `{t}${random() % 3_000}`);
      else session.call("SET", key, "v", "PX", 1 + (random() % 3_000));
      if (step % 7 === 0) engine.expireCycle(session.nowMs, 20);
      if (step % 100 === 0) {
        session.nowMs += 20;
        if (!sound(instance)) throw new Error(`step ${step} of seed ${seed}`);
      }
    }
    session.nowMs = start + 100_000;
    for (let slices = 0; slices < 1_000; slices++) engine.expireCycle(session.nowMs, 20);
    expect(engine.expiresCount(0)).toBe(0);
    expect(sound(instance)).toBe(true);
  }
});

test("lengthened and shortened expiries are met by the cycle in their time", async () => {
  for (const instance of await startEngines()) {
    const { engine } = instance;
    const session = new Session(instance);
    const start = session.nowMs;
    const dueAt = (key: string, at: number): void => {
      engine.expireCycle(start + at, 10_000);
      expect(session.call("EXISTS", key)).toBe(1);
      engine.expireCycle(start + at + 1, 10_000);
      expect(engine.keyCount(0)).toBe(0);
    };
    session.call("SET", "a", "v", "PXAT", start + 1_000);
    session.call("PEXPIREAT", "a", start + 5_000);
    engine.expireCycle(start + 2_000, 10_000);
    dueAt("a", 5_000);
    session.call("SET", "a", "v", "PXAT", start + 50_000);
    engine.expireCycle(start + 6_000, 10_000);
    session.call("PEXPIREAT", "a", start + 7_000);
    dueAt("a", 7_000);
    session.call("SET", "a", "v");
    session.call("SET", "b", "v", "PXAT", start + 9_000);
    session.call("RENAME", "b", "a");
    dueAt("a", 9_000);
    session.call("SET", "a", "v", "PXAT", start + 11_000);
    session.call("SET", "a", "w", "KEEPTTL");
    session.call("APPEND", "a", "x".repeat(5_000));
    session.call("COPY", "a", "b");
    session.call("DEL", "a");
    dueAt("b", 11_000);
    expect(sound(instance)).toBe(true);
  }
});

test("the average time to live is of the right size", async () => {
  for (const instance of await startEngines()) {
    const { engine } = instance;
    const session = new Session(instance);
    const commands: string[][] = [];
    for (let index = 0; index < 2_000; index++)
      commands.push(["SET", `{t}${index}`, "v", "PX", "60000"]);
    for (let index = 0; index < 50; index++)
      commands.push(["SET", `{t}soon${index}`, "v", "PX", `${index + 1}`]);
    batch(session, commands);
    for (let step = 0; step < 60; step += 5) engine.expireCycle(session.nowMs + step, 100_000);
    expect(engine.averageTtl(0)).toBeGreaterThan(55_000);
    expect(engine.averageTtl(0)).toBeLessThan(61_000);
  }
});

test("memory comes back after expiry", async () => {
  for (const instance of await startEngines()) {
    const { engine } = instance;
    const session: Session = new Session(instance);
    session.call("PING");
    const before = used(instance, session);
    batch(
      session,
      Array.from({ length: 20_000 }, (_, index) => [
        "SET",
        `k${index}`,
        "v".repeat(index % 3_000),
        "PX",
        "10",
      ]),
    );
    session.nowMs += 1_000;
    for (let slices = 0; engine.keyCount(0) > 0 && slices < 10_000; slices++) {
      engine.expireCycle(session.nowMs, 1_000);
    }
    expect(used(instance, session)).toBe(before);
  }
});

function used(instance: Instance, session: Session): number {
  session.call("PING");
  return instance.engine.usedMemory;
}
