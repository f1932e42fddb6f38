/**
 * Snapshots of random data of all types while random writes go on: whatever is loaded from the image has the digest of
 * the moment at which it was begun. Slices of a few elements cut everywhere.
 */
import { describe, expect, test } from "bun:test";
import { ClientFlag, LoadStatus, Yield } from "../../assembly/abi.ts";
import { Setting } from "../../assembly/settings.ts";
import { seeded } from "../assembly/load.ts";
import { Session, sound, startEngines } from "./harness.ts";
import { header, loadAll, NOW, snapshotOf, takeSnapshotBytes } from "./rdb-support.ts";

type Random = () => number;
type Command = (string | number)[];

/** More than a value may have that is saved in one go. */
const bigCount = 4300;
const keyCount = 160;

function word(random: Random, length = 12): string {
  return (random() * 7919).toString(36).padEnd(length, "x").slice(0, length);
}

/** Keys of a kind; the first few of each are big. There are many strings in one slot. */
function keyOf(kind: string, random: Random): string {
  if (kind === "string" && random() % 2 === 0) return `{one slot}${random() % 4000}`;
  return `${kind}:${random() % 3 === 0 ? random() % 2 : random() % keyCount}`;
}

/** Adds elements to a key of the kind. */
const additions: Readonly<Record<string, (key: string, random: Random) => Command>> = {
  set: (key, random) => ["SADD", key, word(random), word(random)],
  hash: (key, random) => ["HSET", key, word(random), word(random), word(random), word(random)],
  zset: (key, random) => ["ZADD", key, random() % 1000, word(random), random() % 9, word(random)],
  list: (key, random) => ["RPUSH", key, word(random, 70), word(random, 70)],
  stream: (key, random) => ["XADD", key, "*", word(random), word(random, 70)],
  string: (key, random) => ["APPEND", key, word(random)],
};
const kinds = Object.keys(additions);

const changes: Readonly<Record<string, readonly ((key: string, random: Random) => Command)[]>> = {
  set: [(key) => ["SPOP", key], (key, random) => ["SMOVE", key, keyOf("set", random), "none"]],
  hash: [
    (key, random) => ["HPEXPIRE", key, 1 + (random() % 5000), "FIELDS", 1, "shared"],
    (key, random) => ["HSET", key, "shared", word(random)],
    (key) => ["HDEL", key, "shared"],
    (key) => ["HINCRBY", key, "number", 1],
  ],
  zset: [(key) => ["ZPOPMIN", key], (key) => ["ZREMRANGEBYRANK", key, 3, 5]],
  list: [
    (key) => ["LPOP", key],
    (key, random) => ["LSET", key, -1, word(random)],
    (key, random) => ["LMOVE", key, keyOf("list", random), "LEFT", "RIGHT"],
    (key) => ["LTRIM", key, 1, -2],
  ],
  stream: [
    (key, random) => ["XGROUP", "CREATE", key, `g${random() % 3}`, 0],
    (key, random) => [
      "XREADGROUP",
      "GROUP",
      `g${random() % 3}`,
      `c${random() % 4}`,
      "COUNT",
      5,
      "STREAMS",
      key,
      ">",
    ],
    (key, random) => ["XAUTOCLAIM", key, `g${random() % 3}`, "c9", 0, 0, "COUNT", 3],
    (key) => ["XTRIM", key, "MAXLEN", "~", 4000],
    (key, random) => ["XGROUP", "SETID", key, `g${random() % 3}`, 0],
    (key, random) => ["XGROUP", "DESTROY", key, `g${random() % 3}`],
  ],
  string: [
    (key, random) => ["SETRANGE", key, random() % 300, "zz"],
    (key, random) => ["SETBIT", key, random() % 300, 1],
    (key, random) => ["SET", key, word(random)],
    (key, random) => ["SET", key, random() % 1000],
    (key) => ["INCR", key],
    (key) => ["GETDEL", key],
  ],
};

function write(random: Random): Command {
  const kind = kinds[random() % kinds.length]!;
  const key = keyOf(kind, random);
  const what = random() % 20;
  if (what < 6) return additions[kind]!(key, random);
  if (what < 12) return changes[kind]![random() % changes[kind]!.length]!(key, random);
  const other = keyOf(kind, random);
  const rare: Command[] = [
    ["DEL", key],
    ["UNLINK", key, other],
    ["RENAME", key, other],
    ["COPY", key, other, "REPLACE"],
    ["PEXPIRE", key, 1 + (random() % 3000)],
    ["PERSIST", key],
    ["SET", key, "now a string"],
    ["MOVE", key, random() % 2],
  ];
  return rare[what - 12]!;
}

for (const [build, instance] of (await startEngines()).entries()) {
  const { engine, name } = instance;
  const target = (await startEngines())[build]!;
  for (const settings of [instance, target]) {
    settings.engine.set(Setting.RdbChecksum, 1);
    settings.engine.set(Setting.Journal, 0);
    // Digests count what has expired; loading must not drop it.
    settings.engine.set(Setting.HashMaxListpackEntries, 32);
    settings.engine.set(Setting.HashMaxListpackValue, 64);
    settings.engine.set(Setting.ListMaxListpackSize, -2);
    settings.engine.set(Setting.StreamNodeMaxEntries, 100);
    settings.engine.set(Setting.StreamNodeMaxBytes, 4096);
  }
  target.engine.set(Setting.Replica, 1);

  describe(`snapshots under writes (${name})`, () => {
    for (let seed = 1; seed <= 8; seed++) {
      test(`seed ${seed}`, () => {
        const random = seeded(seed * 31);
        let nowMs = NOW;
        const loader = new Session(instance, { nowMs });
        loader.call("FLUSHALL");
        for (const kind of kinds) {
          for (let big = 0; big < 2; big++) {
            for (let i = 0; i < bigCount; i++)
              loader.call(...additions[kind]!(`${kind}:${big}`, random));
          }
          for (let i = 0; i < 600; i++)
            loader.call(...additions[kind]!(keyOf(kind, random), random));
        }
        for (let i = 0; i < 2000; i++) loader.call("SET", `{one slot}${i * 2}`, word(random));
        loader.call("SELECT", 1);
        for (let i = 0; i < 100; i++) loader.call(...additions.set!(keyOf("set", random), random));
        loader.call("SET", "string:0", "y".repeat(2_000_000));
        for (let i = 0; i < 100; i++) loader.call(...write(random));
        // The odd seeds' clients are the host's own, which are not held.
        const unheld = seed % 2 === 1;
        const clients = Array.from({ length: 6 }, (_, at) => {
          const session = new Session(instance, { nowMs });
          if (unheld) session.setFlag(ClientFlag.Internal, true);
          else session.setFlag(ClientFlag.Primary, at % 2 === 0);
          return session;
        });
        const before = engine.digest();
        const parts: Buffer[] = [];
        let held = 0;
        let transactions = 0;
        expect(engine.snapshot.begin(header, nowMs)).toBe(true);
        for (let turn = 0; ; turn++) {
          nowMs += random() % 3;
          const budget = 1 + (random() % (turn % 50 === 0 ? 20_000 : 900));
          // A sink that takes nothing for a while.
          const stuck = turn % 97 < 40 && engine.snapshot.awaited;
          const more = stuck ? engine.snapshot.hurry(budget) : engine.snapshot.next(budget);
          expect(engine.snapshot.failed).toBe(false);
          if (!stuck) parts.push(takeSnapshotBytes(engine));
          if (!more) break;
          for (const client of clients) {
            client.nowMs = nowMs;
            if (client.parkedOn === Yield.Paused) {
              if (engine.snapshot.awaited) continue;
              client.resume();
              if (client.parkedOn === undefined) client.replies();
              continue;
            }
            if (random() % 4 !== 0) continue;
            const many = random() % 8 === 0;
            if (many) client.call("MULTI");
            for (let i = 0; i < (many ? 4 : 1); i++) client.call(...write(random));
            if (many && client.parkedOn === undefined) client.call("EXEC");
            if (many) transactions++;
            if (client.parkedOn !== undefined) held++;
          }
          if (turn % 40 === 0) engine.expireCycle(nowMs, 1000);
          engine.reclaim(500);
          if (seed === 3 && turn % 300 === 77) loader.call("SWAPDB", 0, 1);
          if (seed === 5 && turn === 200) loader.call("FLUSHALL");
          if (seed === 6 && turn === 150) loader.call("FLUSHDB");
        }
        engine.snapshot.end();
        for (const client of clients) {
          if (client.parkedOn !== undefined) client.resume();
          expect(client.parkedOn).toBeUndefined();
          client.free();
        }
        if (!unheld) expect(held).toBeGreaterThan(0);
        expect(transactions).toBeGreaterThan(0);
        while (engine.reclaim(100_000) > 0);
        expect(sound(instance)).toBe(true);
        const file = Buffer.concat(parts);
        expect(loadAll(target.engine, file, 1 + (random() % 100_000))).toBe(LoadStatus.Done);
        expect(target.engine.digest()).toBe(before);
        // Neither it nor one that is given up has left anything behind that another one would stumble over.
        const last = engine.digest();
        for (let i = 0; i < 17; i++) {
          engine.snapshot.begin(header, nowMs);
          engine.snapshot.next(3000);
          loader.call("SET", `{one slot}${random() % 4000}`, i);
          engine.snapshot.end();
        }
        const settled = engine.digest();
        expect(settled).not.toBe(last);
        expect(loadAll(target.engine, snapshotOf(engine, 100_000))).toBe(LoadStatus.Done);
        expect(target.engine.digest()).toBe(settled);
        loader.free();
      }, 60_000);
    }
  });
}
