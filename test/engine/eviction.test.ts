/** Eviction: each policy takes the right keys, and says so to replicas. */
import { describe, expect, test } from "bun:test";
import { Stat } from "../../assembly/abi.ts";
import { Gate, MaxMemoryPolicy, Setting } from "../../assembly/settings.ts";
import { seeded } from "../assembly/load.ts";
import { type Instance, Session, sound, startEngines } from "./harness.ts";

const START = 1_700_000_000_000;
const VALUE = "v".repeat(200);

interface Keyspace {
  readonly session: Session;
  /** Sets the key; answers false when it was refused for want of memory. */
  readonly set: (key: string, ...options: string[]) => boolean;
  readonly exists: (key: string) => boolean;
}

/** An emptied engine that may use `room` bytes more than it does now, and evicts by `policy`. */
function limited(instance: Instance, policy: MaxMemoryPolicy, room: number): Keyspace {
  const { engine } = instance;
  engine.set(Setting.MaxMemory, 0);
  const session = new Session(instance, { nowMs: START });
  session.call("FLUSHALL", "SYNC");
  engine.set(Setting.MaxMemorySamples, 5);
  engine.set(Setting.EvictionTenacity, 10);
  engine.set(Setting.MaxMemoryPolicy, policy);
  engine.set(Setting.MaxMemory, engine.counters.stat(Stat.UsedMemory) + room);
  engine.set(Setting.Gates, Gate.MaxMemory);
  return {
    session,
    set: (key, ...options) => {
      const reply = session.call("SET", key, VALUE, ...options);
      if (reply === "OK") return true;
      expect(reply).toEqual({
        error: "OOM command not allowed when used memory > 'maxmemory'.",
      });
      return false;
    },
    exists: (key) => session.call("EXISTS", key) === 1,
  };
}

const ROOM = 1_500_000;
/** More than fit into `ROOM`. */
const KEYS = 10_000;

for (const instance of await startEngines()) {
  const { engine, name } = instance;

  describe(`eviction (${name})`, () => {
    test("noeviction refuses writes and takes nothing away", () => {
      const { session, set } = limited(instance, MaxMemoryPolicy.NoEviction, ROOM);
      let stored = 0;
      while (stored < KEYS && set(`k${stored}`)) stored++;
      expect(stored).toBeGreaterThan(1000);
      expect(stored).toBeLessThan(KEYS);
      expect(session.call("DBSIZE")).toBe(stored);
      expect(session.call("GET", "k0")).toBe(VALUE);
      expect(session.call("DEL", "k0")).toBe(1);
    });

    test("allkeys-lru keeps what is used", () => {
      const { session, set, exists } = limited(instance, MaxMemoryPolicy.AllKeysLru, ROOM);
      const hot = Array.from({ length: 500 }, (_, index) => `hot${index}`);
      for (const key of hot) set(key);
      for (let index = 0; index < KEYS; index++) {
        // A second passes with every 20 keys, and each hot key is read once in 25 seconds.
        if (index % 20 === 0) session.nowMs += 1000;
        session.call("GET", hot[index % 500] as string);
        expect(set(`cold${index}`)).toBe(true);
      }
      expect(hot.filter(exists).length).toBeGreaterThan(490);
      expect(engine.counters.stat(Stat.EvictedKeys)).toBeGreaterThan(3000);
      expect(sound(instance)).toBe(true);
    });

    test("allkeys-lfu keeps what is used often", () => {
      const { session, set, exists } = limited(instance, MaxMemoryPolicy.AllKeysLfu, ROOM);
      const hot = Array.from({ length: 200 }, (_, index) => `hot${index}`);
      for (const key of hot) set(key);
      for (let round = 0; round < 60; round++) for (const key of hot) session.call("GET", key);
      for (let index = 0; index < KEYS; index++) expect(set(`cold${index}`)).toBe(true);
      expect(hot.filter(exists).length).toBeGreaterThan(190);
    });

    test("volatile-ttl takes what ends soonest, and never a key without an end", () => {
      const { set, exists } = limited(instance, MaxMemoryPolicy.VolatileTtl, ROOM);
      for (let index = 0; index < 1000; index++) set(`for ever${index}`);
      const random = seeded(7);
      const ends = new Map<string, number>();
      for (let index = 0; index < KEYS; index++) {
        const seconds = 1000 + (random() % 1_000_000);
        ends.set(`k${index}`, seconds);
        expect(set(`k${index}`, "EX", String(seconds))).toBe(true);
      }
      for (let index = 0; index < 1000; index++) expect(exists(`for ever${index}`)).toBe(true);
      const left = [...ends].filter(([key]) => exists(key)).map(([, seconds]) => seconds);
      const mean = left.reduce((sum, each) => sum + each, 0) / left.length;
      // Of uniformly spread ends the later ones are left.
      expect(mean).toBeGreaterThan(700_000);
    });

    test.each([
      ["volatile-lru", MaxMemoryPolicy.VolatileLru],
      ["volatile-lfu", MaxMemoryPolicy.VolatileLfu],
      ["volatile-random", MaxMemoryPolicy.VolatileRandom],
    ] as const)("%s takes keys with an expiry only, then refuses", (_, policy) => {
      const { session, set } = limited(instance, policy, ROOM);
      for (let index = 0; index < 500; index++) set(`volatile${index}`, "EX", "1000");
      let stored = 0;
      while (stored < KEYS && set(`k${stored}`)) stored++;
      expect(stored).toBeLessThan(KEYS);
      expect(session.call("DBSIZE")).toBe(stored);
    });

    test("allkeys-random makes room without end, in all databases", () => {
      const { session, set } = limited(instance, MaxMemoryPolicy.AllKeysRandom, ROOM);
      for (let index = 0; index < KEYS; index++) {
        if (index % 1000 === 0) session.call("SELECT", (index / 1000) % 3);
        expect(set(`k${index}`)).toBe(true);
      }
      session.call("SELECT", 0);
      expect(engine.counters.stat(Stat.UsedMemory)).toBeLessThan(ROOM * 4);
      expect(sound(instance)).toBe(true);
    });

    test("evicted keys go to the journal as DEL, with lazyfree-lazy-eviction as UNLINK", () => {
      engine.set(Setting.Journal, 1);
      for (const [lazy, word] of [
        [0, "DEL"],
        [1, "UNLINK"],
      ] as const) {
        engine.set(Setting.LazyEviction, lazy);
        const { session, set, exists } = limited(instance, MaxMemoryPolicy.AllKeysLru, 200_000);
        session.journal = [];
        for (let index = 0; index < 2000; index++) set(`k${index}`);
        const text = Buffer.concat(session.journal).toString("latin1");
        const gone = [
          ...text.matchAll(new RegExp(`\\r\\n${word}\\r\\n\\$\\d+\\r\\n(k\\d+)\\r\\n`, "g")),
        ];
        expect(gone.length).toBeGreaterThan(500);
        for (const [, key = ""] of gone) expect(exists(key)).toBe(false);
      }
      engine.set(Setting.Journal, 0);
    });

    test("a replica leaves it to its primary", () => {
      engine.set(Setting.ReplicaIgnoreMaxMemory, 1);
      engine.set(Setting.Replica, 1);
      const { session, set } = limited(instance, MaxMemoryPolicy.AllKeysLru, 100_000);
      for (let index = 0; index < 2000; index++) expect(set(`k${index}`)).toBe(true);
      expect(session.call("DBSIZE")).toBe(2000);
      engine.set(Setting.Replica, 0);
    });
  });
}
