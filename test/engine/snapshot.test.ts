import { describe, expect, test } from "bun:test";
import { LoadStatus, Stat, Yield } from "../../assembly/abi.ts";
import { Setting } from "../../assembly/settings.ts";
import { entry, loadBuilds, seeded } from "../assembly/load.ts";
import { Session, sound, startEngine, startEngines } from "./harness.ts";
import {
  fill,
  header,
  loadAll,
  NOW,
  randomValue,
  snapshotOf,
  takeSnapshotBytes,
} from "./rdb-support.ts";

for (const instance of await startEngines()) {
  const { engine, name } = instance;
  const session = new Session(instance, { nowMs: NOW });
  engine.set(Setting.RdbCompression, 1);
  engine.set(Setting.RdbChecksum, 1);

  describe(`snapshot (${name})`, () => {
    test("an empty data set is header, end mark and checksum", () => {
      const file = snapshotOf(engine);
      expect(file.subarray(0, -9)).toEqual(header);
      expect(file.at(-9)).toBe(255);
      expect(loadAll(engine, file)).toBe(LoadStatus.Done);
      expect(engine.imageReader.aux()).toEqual(new Map([["test", "1"]]));
      expect(engine.imageReader.bytes).toBe(file.length);
    });

    test("the bytes are those of Redis", () => {
      session.call("FLUSHALL");
      session.call("SELECT", 3);
      session.call("SET", "k", "v", "PXAT", String(NOW + 5000));
      engine.set(Setting.RdbChecksum, 0);
      const file = snapshotOf(engine).toString("latin1");
      engine.set(Setting.RdbChecksum, 1);
      const time = Buffer.alloc(8);
      time.writeBigUInt64LE(BigInt(NOW + 5000));
      const record = `\xfc${time.toString("latin1")}\0\x01k\x01v`;
      const body = `\xfe\x03\xfb\x01\x01${record}\xff\0\0\0\0\0\0\0\0`;
      expect(file).toBe(header.toString("latin1") + body);
      session.call("SELECT", 0);
    });

    test("what is saved is the state at the start, whatever is written in between", () => {
      for (let seed = 1; seed <= 6; seed++) {
        const random = seeded(seed);
        session.call("FLUSHALL");
        fill(session, random, 1500);
        const before = engine.digest();
        let turn = 0;
        const between = (): void => {
          turn++;
          if (seed === 2 && turn === 3) session.call("FLUSHALL");
          if (seed === 3 && turn % 5 === 1) session.call("SWAPDB", 0, [1, 9][turn & 1]!);
          if (seed === 4 && turn === 2) session.call("FLUSHDB", "ASYNC");
          if (seed === 4) engine.reclaim(1000);
          if (seed === 5 && turn === 4) engine.expireCycle(NOW + 500_000, 1_000_000);
          if (seed === 6 && turn > 3) return;
          for (let i = 0; i < 30; i++) {
            const key = `key:${random() % 5000}`;
            const other = `key:${random() % 5000}`;
            session.call("SELECT", [0, 1, 9][random() % 3]!);
            const what = random() % 8;
            if (what === 0) session.call("DEL", key);
            else if (what === 1) session.call("APPEND", key, "more");
            else if (what === 2) session.call("RENAME", key, other);
            else if (what === 3) session.call("INCR", String(random() % 5000));
            else if (what === 4) session.call("MOVE", key, 0);
            else if (what === 5) session.call("PEXPIRE", key, String(random() % 100_000));
            else session.call("SET", key, randomValue(random));
          }
        };
        const file = snapshotOf(engine, 3000, between);
        session.call("SELECT", 0);
        while (engine.reclaim(100_000) > 0);
        expect(sound(instance), `seed ${seed}`).toBe(true);
        expect(loadAll(engine, file, 777), `seed ${seed}`).toBe(LoadStatus.Done);
        expect(engine.digest(), `seed ${seed}`).toBe(before);
        expect(sound(instance), `seed ${seed}`).toBe(true);
      }
    });

    test("the view grows with writes, and a snapshot given up leaves nothing behind", () => {
      session.call("FLUSHALL");
      for (let i = 0; i < 300; i++) session.call("SET", `key:${i}`, "value");
      engine.snapshot.begin(header, NOW);
      expect(engine.snapshot.begin(header, NOW)).toBe(false);
      engine.snapshot.next(10);
      takeSnapshotBytes(engine);
      expect(engine.snapshot.view().length).toBe(0);
      session.call("SET", "key:299", "changed");
      const grown = engine.snapshot.view().length;
      expect(grown).toBeGreaterThan(10);
      session.call("SET", "key:299", "changed again");
      expect(engine.snapshot.view().length).toBe(grown);
      engine.snapshot.end();
      session.call("SET", "key:298", "changed");
      expect(engine.snapshot.view().length).toBe(0);
      expect(engine.snapshot.begin(header, NOW)).toBe(true);
      engine.snapshot.end();
      expect(sound(instance)).toBe(true);
    });

    test("a slot of many long values takes many steps", () => {
      session.call("FLUSHALL");
      const random = seeded(5);
      for (let i = 0; i < 300; i++) {
        session.call("SET", `{one}${i}`, Uint8Array.from({ length: 3000 }, random));
      }
      const before = engine.digest();
      engine.snapshot.begin(header, NOW);
      const parts = [takeSnapshotBytes(engine)];
      for (let more = true; more; ) {
        more = engine.snapshot.next(1000);
        parts.push(takeSnapshotBytes(engine));
        session.call("APPEND", `{one}${random() % 300}`, "more");
        parts.push(takeSnapshotBytes(engine));
      }
      engine.snapshot.end();
      expect(Math.max(...parts.map(({ length }) => length))).toBeLessThan(4 * 1000 + 3100);
      expect(loadAll(engine, Buffer.concat(parts))).toBe(LoadStatus.Done);
      expect(engine.digest()).toBe(before);
    });

    test("who would change a big value waits until it is saved; others do not", () => {
      session.call("FLUSHALL");
      const members = Array.from({ length: 5000 }, (_, at) => `member:${at}`);
      for (const key of ["big", "gone", "other"]) session.call("SADD", key, ...members);
      const [one, two, three] = [1, 2, 3].map(() => new Session(instance, { nowMs: NOW }));
      const before = engine.digest();
      engine.snapshot.begin(header, NOW);
      const parts = [takeSnapshotBytes(engine)];
      // Nothing waits where nothing changes.
      expect(one!.call("SADD", "new", "a")).toBe(1);
      expect(one!.call("SUNIONSTORE", "union", "new")).toBe(1);
      expect(engine.snapshot.awaited).toBe(false);
      one!.call("SADD", "big", "a");
      expect(one!.parkedOn).toBe(Yield.Paused);
      expect(engine.snapshot.awaited).toBe(true);
      for (const command of [["MULTI"], ["INCR", "number"], ["SADD", "big", "b"], ["EXEC"]]) {
        two!.call(...command);
      }
      expect(two!.parkedOn).toBe(Yield.Paused);
      expect(session.call("GET", "number")).toBe(null);
      expect(session.call("SCARD", "big")).toBe(5000);
      // What is deleted is kept, also while somebody waits for it or it is half saved.
      three!.call("SPOP", "gone");
      expect(three!.parkedOn).toBe(Yield.Paused);
      expect(session.call("DEL", "gone")).toBe(1);
      while (engine.snapshot.awaited) expect(engine.snapshot.hurry(500)).toBe(true);
      for (const client of [one!, two!, three!]) client.resume();
      expect(one!.replies()).toEqual([1]);
      expect(two!.replies()).toEqual([[1, 1]]);
      expect(three!.replies()).toEqual([null]);
      one!.call("SREM", "other", "member:1");
      expect(one!.parkedOn).toBe(Yield.Paused);
      engine.snapshot.hurry(100);
      session.call("PEXPIREAT", "big", NOW + 1);
      expect(session.call("UNLINK", "other")).toBe(1);
      expect(engine.snapshot.awaited).toBe(false);
      one!.resume();
      expect(one!.replies()).toEqual([0]);
      for (;;) {
        const more = engine.snapshot.next(1000);
        parts.push(takeSnapshotBytes(engine));
        if (!more) break;
      }
      engine.snapshot.end();
      for (const client of [one!, two!, three!]) client.free();
      while (engine.reclaim(100_000) > 0);
      expect(sound(instance)).toBe(true);
      expect(loadAll(engine, Buffer.concat(parts))).toBe(LoadStatus.Done);
      expect(engine.digest()).toBe(before);
    });

    test("more flushes than are remembered", () => {
      session.call("FLUSHALL");
      fill(session, seeded(8), 400);
      const before = engine.digest();
      const file = snapshotOf(engine, 5000, () => {
        for (let i = 0; i < 40; i++) {
          session.call("SET", "k", i);
          session.call(i % 2 === 0 ? "FLUSHALL" : "FLUSHDB");
        }
      });
      while (engine.reclaim(100_000) > 0);
      expect(sound(instance)).toBe(true);
      expect(loadAll(engine, file)).toBe(LoadStatus.Done);
      expect(engine.digest()).toBe(before);
    });

    test("a database that is saved may be freed before the end", () => {
      session.call("FLUSHALL");
      for (const database of [0, 1]) {
        session.call("SELECT", database);
        for (let i = 0; i < 100; i++) session.call("SET", `key:${i}`, "value");
      }
      const before = engine.digest();
      const file = snapshotOf(engine, 100, () => {
        if (engine.keyCount(0) < 100) return;
        session.call("SELECT", 1);
        session.call("APPEND", "key:5", "more");
        session.call("SELECT", 2);
        // Fill the list of flushed databases, so that the next one is freed at once.
        for (let i = 0; i < 64; i++) {
          session.call("SET", "k", i);
          session.call("FLUSHDB");
        }
      });
      session.call("SELECT", 0);
      while (engine.reclaim(100_000) > 0);
      expect(sound(instance)).toBe(true);
      expect(loadAll(engine, file)).toBe(LoadStatus.Done);
      expect(engine.digest()).toBe(before);
      session.call("FLUSHALL");
      session.call("SELECT", 1);
      session.call("SET", "late", "v");
      session.call("SELECT", 0);
      session.call("SET", "early", "v");
      engine.snapshot.begin(header, NOW);
      session.call("APPEND", "early", "v");
      // Now database 1 is in hand; 0 is saved, and its content goes when the list is full.
      while (engine.snapshot.next(1)) {
        takeSnapshotBytes(engine);
        if (engine.keyCount(0) === 0) continue;
        session.call("SELECT", 3);
        for (let i = 0; i < 64; i++) {
          session.call("SET", "k", i);
          session.call("FLUSHDB");
        }
        session.call("SELECT", 0);
        session.call("FLUSHDB");
        session.call("SET", "early", "again");
        session.call("DEL", "early");
      }
      engine.snapshot.end();
      while (engine.reclaim(100_000) > 0);
      expect(sound(instance)).toBe(true);
    });

    test("idle time and frequency are written where the policy uses them, and come back", () => {
      for (const [policy, argument] of [
        [1, "IDLETIME"],
        [2, "FREQ"],
      ] as const) {
        engine.set(Setting.MaxMemoryPolicy, policy);
        session.call("FLUSHALL");
        session.call("SET", "plain", "x");
        const dumped = session.call("DUMP", "plain") as string;
        session.call("RESTORE", "old", "0", dumped, argument, "77");
        const file = snapshotOf(engine);
        expect(loadAll(engine, file)).toBe(LoadStatus.Done);
        expect(session.call("OBJECT", argument, "old")).toBe(77);
      }
      engine.set(Setting.MaxMemoryPolicy, 0);
      session.call("SET", "plain", "x");
    });
  });
}

const [build] = await loadBuilds();

test("short of memory the snapshot fails, the command does not", () => {
  const instance = startEngine(build!);
  const { engine } = instance;
  const session = new Session(instance, { nowMs: NOW });
  const value = "v".repeat(1 << 20);
  for (let i = 0; i < 20; i++) session.call("SET", `{one}${i}`, value);
  const digest = engine.digest();
  const pages = Math.ceil(engine.counters.stat(Stat.MemoryPages)) + 100;
  entry(instance.build, "limitMemory")(pages);
  expect(engine.snapshot.begin(header, NOW)).toBe(true);
  for (let i = 0; i < 20; i++) expect(session.call("SET", `{one}${i}`, "w")).toBe("OK");
  expect(engine.snapshot.next(1000)).toBe(false);
  expect(engine.snapshot.failed).toBe(true);
  expect(engine.snapshot.view().length).toBe(0);
  engine.snapshot.end();
  for (let i = 0; i < 20; i++) expect(session.call("SET", `{one}${i}`, value)).toBe("OK");
  expect(engine.digest()).toBe(digest);
  expect(sound(instance)).toBe(true);
});
