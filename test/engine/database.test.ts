import { beforeAll, expect, test } from "bun:test";
import { loadBuilds, seeded } from "../assembly/load.ts";
import { encode, type Instance, type Reply, Session, sound, startEngines } from "./harness.ts";

/** The slot tables through commands, against a JS Map, with the invariant walk in between. */

beforeAll(async () => {
  await loadBuilds();
}, 120_000);

interface Expected {
  value: string;
  until: number;
}

/** Runs many commands in one go and answers their replies. */
function batch(session: Session, commands: readonly string[][]): Reply[] {
  session.feed(Buffer.concat(commands.map(encode)));
  return session.replies();
}

test("random writes, expiries and deletions against a model, in many slots and in one", async () => {
  const seed = 0xdb;
  for (const instance of await startEngines()) {
    for (const tag of ["", "{one}"]) {
      const random = seeded(seed);
      const session = new Session(instance);
      const model = new Map<string, Expected>();
      for (let round = 0; round < 40; round++) {
        const where = `${instance.name}, seed ${seed}, tag "${tag}", round ${round}`;
        // Rounds that grow and rounds that shrink take turns.
        const growing = round % 8 < 5;
        const commands: string[][] = [];
        const expected: Reply[] = [];
        for (let step = 0; step < 1_000; step++) {
          const key = `${tag}${"k".repeat(random() % 30)}${random() % 3_000}`;
          const known = model.get(key);
          const action = random() % 10;
          if (action < (growing ? 5 : 1)) {
            const value = action === 0 ? "x".repeat(random() % 3_000) : `${random()}`;
            const until =
              random() % 3 === 0 ? session.nowMs + 1_000_000 + (random() % 1_000_000) : -1;
            commands.push(
              until < 0 ? ["SET", key, value] : ["SET", key, value, "PXAT", `${until}`],
            );
            expected.push("OK");
            model.set(key, { value, until });
          } else if (action < 9 && !growing) {
            commands.push(["DEL", key]);
            expected.push(known === undefined ? 0 : 1);
            model.delete(key);
          } else if (action === 5) {
            const until = session.nowMs + 5_000_000;
            commands.push(["PEXPIREAT", key, `${until}`]);
            expected.push(known === undefined ? 0 : 1);
            if (known !== undefined) known.until = until;
          } else if (action === 6) {
            commands.push(["PERSIST", key]);
            expected.push(known !== undefined && known.until >= 0 ? 1 : 0);
            if (known !== undefined) known.until = -1;
          } else if (action === 7) {
            commands.push(["PEXPIRETIME", key]);
            expected.push(known === undefined ? -2 : known.until);
          } else {
            commands.push(["GET", key]);
            expected.push(known?.value ?? null);
          }
        }
        const replies = batch(session, commands);
        const wrong = replies.findIndex((reply, index) => reply !== expected[index]);
        if (wrong >= 0 || replies.length !== expected.length) {
          throw new Error(
            `${where}: ${commands[wrong]?.join(" ").slice(0, 80)} gave ${replies[wrong]}`,
          );
        }
        if (round % 5 === 4) expect(`${where}: ${sound(instance)}`).toEndWith("true");
        expect(session.call("DBSIZE")).toBe(model.size);
        const expiring = [...model.values()].filter(({ until }) => until >= 0).length;
        expect(instance.engine.expiresCount(0)).toBe(expiring);
      }
      const keys = session.call("KEYS", "*") as string[];
      expect(keys.length).toBe(model.size);
      expect(new Set(keys)).toEqual(new Set(model.keys()));
      for (const key of [...model.keys()]) expect(session.call("DEL", key)).toBe(1);
      expect(session.call("KEYS", "*")).toEqual([]);
      expect(sound(instance)).toBe(true);
      session.free();
    }
  }
});

test("an emptied database takes no more memory than an empty one", async () => {
  for (const instance of await startEngines()) {
    const session = new Session(instance);
    session.call("PING");
    const before = instance.engine.usedMemory;
    for (const tag of ["", "{t}"]) {
      batch(
        session,
        Array.from({ length: 20_000 }, (_, index) => ["SET", `${tag}${index}`, "v"]),
      );
      expect(instance.engine.usedMemory).toBeGreaterThan(before);
      const dels = Array.from({ length: 20_000 }, (_, index) => [
        "DEL",
        `${tag}${(index * 7_919) % 20_000}`,
      ]);
      expect(batch(session, dels).every((reply) => reply === 1)).toBe(true);
      expect(instance.engine.usedMemory).toBe(before);
    }
    expect(sound(instance)).toBe(true);
  }
});

/** Walks SCAN to its end while `meanwhile` runs between the calls; every key reported, with repeats. */
function scanAll(session: Session, count: number, meanwhile: () => void): string[] {
  const found: string[] = [];
  let cursor = "0";
  let calls = 0;
  do {
    const [next, keys] = session.call("SCAN", cursor, "COUNT", `${count}`) as [string, string[]];
    found.push(...keys);
    cursor = next;
    meanwhile();
    if (++calls > 100_000) throw new Error("SCAN does not end");
  } while (cursor !== "0");
  return found;
}

test("SCAN reports every key that stays, whatever comes, goes and resizes meanwhile", async () => {
  const seed = 0x5ca4;
  for (const instance of await startEngines()) {
    const random = seeded(seed);
    for (const [tag, count] of [
      ["", 10],
      ["", 500],
      ["{t}", 10],
      ["{t}", 1],
      ["{t}", 200],
    ] as const) {
      const session = new Session(instance);
      const stays = Array.from({ length: 1_000 }, (_, index) => `${tag}stay${index}`);
      batch(
        session,
        stays.map((key) => ["SET", key, "1"]),
      );
      const others: string[] = [];
      // With so many, the one slot's table is moved instead of being resized at once.
      const othersEach = count === 10 ? 600 : 60;
      let swing = 0;
      const found = scanAll(session, count, () => {
        // Others come by the thousand and go again: the one slot's table grows and shrinks.
        const commands: string[][] = [];
        if (swing++ % 40 < 20) {
          for (let index = 0; index < othersEach; index++) {
            const key = `${tag}other${random()}`;
            others.push(key);
            commands.push(["SET", key, "1"]);
          }
        } else {
          for (const key of others.splice(0, othersEach)) commands.push(["DEL", key]);
        }
        batch(session, commands);
      });
      const seen = new Set(found);
      const missed = stays.filter((key) => !seen.has(key));
      expect({ tag, count, seed, missed }).toEqual({ tag, count, seed, missed: [] });
      const reported = found.filter((key) => key.startsWith(`${tag}stay`));
      // In hash order nothing comes twice.
      expect(reported.length).toBe(stays.length);
      session.call("FLUSHALL");
      session.free();
    }
    expect(sound(instance)).toBe(true);
  }
});

/** Fills one slot until its table is on the way to another size; answers how many keys it holds. */
function fillUntilMoving(session: Session, engine: Instance["engine"], from: number): number {
  let count = from;
  while (!engine.moveKeys(0)) session.call("SET", `{t}${count++}`, "v", "PX", `${10_000 + count}`);
  return count;
}

test("a large table in the middle of its move: search, SCAN, RANDOMKEY, expiry, flush", async () => {
  for (const instance of await startEngines()) {
    const { engine } = instance;
    const session = new Session(instance);
    session.call("PING");
    const before = engine.usedMemory;
    batch(
      session,
      Array.from({ length: 9_000 }, (_, at) => ["SET", `{t}${at}`, "v", "PX", `${10_000 + at}`]),
    );
    while (engine.moveKeys(64));
    for (const share of [0, 0.1, 0.5, 0.95]) {
      let count = fillUntilMoving(session, engine, session.call("DBSIZE") as number);
      const bucketCount = Math.floor(count / 10.5);
      engine.moveKeys(Math.floor(bucketCount * share));
      expect(engine.moveKeys(0)).toBe(true);
      expect(`${share}: ${sound(instance)}`).toEndWith("true");
      // Writes in the middle, and a walk that the rest of the move happens under.
      for (let at = 0; at < 20; at++) session.call("SET", `{t}${count++}`, "v", "PX", "5");
      const found = scanAll(session, 50, () => engine.moveKeys(2)).length;
      expect(found).toBe(count);
      while (engine.moveKeys(64));
      expect(`${share}, moved: ${sound(instance)}`).toEndWith("true");
      session.nowMs += 10;
      for (let slice = 0; slice < 150; slice++) engine.expireCycle(session.nowMs, 1000);
      expect(session.call("DBSIZE")).toBe(count - 20);
      session.nowMs -= 10;
    }
    // Removing moves keys into a smaller table.
    const count = session.call("DBSIZE") as number;
    let at = 0;
    while (!engine.moveKeys(0)) session.call("DEL", `{t}${at++}`);
    engine.moveKeys(50);
    expect(sound(instance)).toBe(true);
    const seen = new Map<string, number>();
    const left = count - at;
    for (let pick = 0; pick < left * 10; pick++) {
      const key = session.call("RANDOMKEY") as string;
      seen.set(key, (seen.get(key) ?? 0) + 1);
    }
    expect(seen.size).toBe(left);
    // Each key as likely, wherever it stands: the sum of squares of a Poisson distribution with a mean of 10.
    const squares = [...seen.values()].reduce((sum, times) => sum + (times - 10) ** 2 / 10, 0);
    expect(Math.abs(squares / left - 1)).toBeLessThan(0.15);
    // The walk of the active expiry, in pieces of which each is followed by a piece of the move.
    session.nowMs += 1_000_000;
    while ((session.call("DBSIZE") as number) > left / 2) engine.expireCycle(session.nowMs, 20);
    if (engine.moveKeys(1)) expect(sound(instance)).toBe(true);
    while (session.call("DBSIZE") !== 0) {
      engine.expireCycle(session.nowMs, 20);
      engine.moveKeys(1);
    }
    session.call("PING");
    expect(engine.usedMemory).toBe(before);
    expect(sound(instance)).toBe(true);
  }
}, 60_000);

test("a database is flushed while its tables move", async () => {
  for (const instance of await startEngines()) {
    const { engine } = instance;
    const session = new Session(instance);
    // The region of key events gets its memory with the first of them.
    session.call("FLUSHALL");
    session.call("PING");
    const before = engine.usedMemory;
    for (const share of [0, 200, 700]) {
      const count = fillUntilMoving(session, engine, 0);
      engine.moveKeys(share);
      session.call("FLUSHALL", "ASYNC");
      let left = count;
      while (left > 0) {
        left = engine.reclaim(100);
        engine.moveKeys(1);
      }
      fillUntilMoving(session, engine, 0);
      session.call("FLUSHALL", "SYNC");
      expect(engine.moveKeys(0)).toBe(false);
      session.call("PING");
      expect(engine.usedMemory).toBe(before);
    }
    expect(sound(instance)).toBe(true);
  }
}, 60_000);

test("a flushed slot of very many keys is freed in slices, to the last byte", async () => {
  for (const instance of await startEngines()) {
    const { engine } = instance;
    const session = new Session(instance);
    // The region of key events gets its memory with the first of them.
    session.call("FLUSHALL");
    session.call("PING");
    const before = engine.usedMemory;
    const count = 20_000;
    for (const budget of [1, 100]) {
      batch(
        session,
        Array.from({ length: count }, (_, index) => ["SET", `{t}${index}`, "1", "PX", "10000"]),
      );
      session.call("FLUSHALL", "ASYNC");
      let left = count;
      while (left > 0) {
        const now = engine.reclaim(budget);
        // A bucket is freed as a whole.
        expect(left - now).toBeLessThan(budget + 12);
        left = now;
      }
      session.call("PING");
      expect(engine.usedMemory).toBe(before);
    }
    expect(sound(instance)).toBe(true);
  }
});

test("SCAN: filters, bad cursors, the end", async () => {
  for (const instance of await startEngines()) {
    const session = new Session(instance);
    expect(session.call("SCAN", "0")).toEqual(["0", []]);
    batch(
      session,
      Array.from({ length: 300 }, (_, index) => ["SET", `key${index}`, "v"]),
    );
    expect(scanAll(session, 7, () => undefined).length).toBe(300);
    const [cursor, keys] = session.call(
      "SCAN",
      "0",
      "COUNT",
      "100000",
      "MATCH",
      "key1?",
      "TYPE",
      "string",
    ) as [string, string[]];
    expect(cursor).toBe("0");
    expect(keys.length).toBe(10);
    expect(session.call("SCAN", "0", "COUNT", "1000000", "TYPE", "hash")).toEqual(["0", []]);
    expect(session.call("SCAN", "18446744073709551615")).toEqual(["0", []]);
    expect(session.call("SCAN", "18446744073709551616")).toEqual({ error: "ERR invalid cursor" });
    expect(session.call("SCAN", "x")).toEqual({ error: "ERR invalid cursor" });
    expect(session.call("SCAN", "0", "COUNT", "0")).toEqual({ error: "ERR syntax error" });
    expect(session.call("SCAN", "0", "COUNT", "9223372036854775807")).toHaveLength(2);
  }
});

test("RANDOMKEY picks every key about as often, over slots and within one", async () => {
  for (const instance of await startEngines()) {
    for (const tag of ["", "{t}"]) {
      const session = new Session(instance);
      const count = 200;
      batch(
        session,
        Array.from({ length: count }, (_, index) => ["SET", `${tag}${index}`, "v"]),
      );
      const picks = new Map<string, number>();
      const draws = 40_000;
      for (const reply of batch(
        session,
        Array.from({ length: draws }, () => ["RANDOMKEY"]),
      )) {
        picks.set(reply as string, (picks.get(reply as string) ?? 0) + 1);
      }
      expect(picks.size).toBe(count);
      // 200 each with a standard deviation of 14: six of them.
      expect(Math.min(...picks.values())).toBeGreaterThan(115);
      expect(Math.max(...picks.values())).toBeLessThan(285);
      session.call("FLUSHALL");
      expect(session.call("RANDOMKEY")).toBe(null);
      session.free();
    }
  }
});

test("long keys, keys of every length up to the short limit and beyond", async () => {
  for (const instance of await startEngines()) {
    const session = new Session(instance);
    const lengths = [0, 1, 7, 8, 9, 4_093, 4_094, 4_095, 4_096, 70_000];
    for (const length of lengths) {
      const key = "k".repeat(length);
      expect(session.call("SET", key, `v${length}`)).toBe("OK");
      expect(session.call("PEXPIRE", key, "1000000")).toBe(1);
      expect(session.call("APPEND", key, "x".repeat(2_000))).toBe(2_000 + `v${length}`.length);
      expect(session.call("PERSIST", key)).toBe(1);
      expect(session.call("COPY", key, `${key}2`)).toBe(1);
      expect(session.call("RENAME", `${key}2`, key)).toBe("OK");
      expect(session.call("SET", key, "12")).toBe("OK");
      expect(session.call("INCR", key)).toBe(13);
    }
    expect(session.call("DBSIZE")).toBe(lengths.length);
    expect(
      (session.call("KEYS", "*") as string[]).map((key) => key.length).sort((a, b) => a - b),
    ).toEqual(lengths);
    expect(sound(instance)).toBe(true);
  }
});

function populated(instance: Instance, keys: number): Session {
  const session = new Session(instance);
  batch(
    session,
    Array.from({ length: keys }, (_, index) => ["SET", `k${index}`, "v", "EX", "1000"]),
  );
  return session;
}

test("databases: flush, lazily too, and swap", async () => {
  for (const instance of await startEngines()) {
    const { engine } = instance;
    const session = populated(instance, 5_000);
    session.call("FLUSHALL");
    const before = engine.usedMemory;
    for (const argv of [
      ["FLUSHALL"],
      ["FLUSHDB"],
      ["FLUSHALL", "ASYNC"],
      ["FLUSHDB", "ASYNC"],
      ["FLUSHALL", "SYNC"],
    ]) {
      populated(instance, 5_000).free();
      batch(
        session,
        Array.from({ length: 3_000 }, (_, index) => ["SET", `{t}${index}`, "v"]),
      );
      expect(session.call(...argv)).toBe("OK");
      expect(session.call("DBSIZE")).toBe(0);
      expect(engine.expiresCount(0)).toBe(0);
      let left = 1;
      for (let turns = 0; left > 0 && turns < 10_000; turns++) left = engine.reclaim(500);
      expect(left).toBe(0);
      session.call("PING");
      expect({ argv, bytes: engine.usedMemory }).toEqual({ argv, bytes: before });
    }
    expect(session.call("SET", "a", "0")).toBe("OK");
    session.call("SELECT", "3");
    session.call("SET", "a", "3");
    session.call("SET", "b", "3");
    expect(session.call("SWAPDB", "0", "3")).toBe("OK");
    expect(session.call("GET", "a")).toBe("0");
    expect(session.call("DBSIZE")).toBe(1);
    expect([engine.keyCount(0), engine.keyCount(3), engine.keyCount(9)]).toEqual([2, 1, 0]);
    expect(sound(instance)).toBe(true);
  }
});
