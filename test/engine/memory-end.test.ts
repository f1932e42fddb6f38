import { beforeAll, expect, test } from "bun:test";
import { Stat } from "../../assembly/abi.ts";
import { Setting } from "../../assembly/settings.ts";
import { entry, loadBuilds, seeded } from "../assembly/load.ts";
import { encode, type Instance, type Reply, Session, sound, startEngines } from "./harness.ts";

/** Where memory can grow no further: replies are normal or -OOM, nothing traps, removing helps. */

beforeAll(async () => {
  await loadBuilds();
}, 120_000);

const oom = "OOM command not allowed when used memory > 'maxmemory'.";

function isOom(reply: Reply | undefined): boolean {
  return typeof reply === "object" && reply !== null && "error" in reply && reply.error === oom;
}

/** Leaves the instance some ten megabytes and so many more. */
function limit(instance: Instance, megabytes: number): void {
  entry(instance.build, "alloc")(20 << 20);
  const pages = instance.build.memory.buffer.byteLength / 65_536;
  entry(instance.build, "limitMemory")(pages + megabytes * 16);
}

/** Sets keys of `size` bytes until that is refused; answers how many there are. */
function fill(session: Session, size: number, tag: string): number {
  const value = "v".repeat(size);
  for (let count = 0; ; count++) {
    const reply = session.call("SET", `${tag}${count}`, value);
    if (isOom(reply)) return count;
    if (reply !== "OK") throw new Error(`SET answered ${JSON.stringify(reply)}`);
    if (count > 3_000_000) throw new Error("memory does not end");
  }
}

test("filled to the end, then emptied: reads and removals work, and room comes back", async () => {
  for (const instance of await startEngines()) {
    limit(instance, 8);
    for (const [size, tag] of [
      [100_000, "big"],
      [900, "mid"],
      [3_000, "{t}"],
    ] as const) {
      const session = new Session(instance);
      const count = fill(session, size, tag);
      expect(count).toBeGreaterThan(10);
      expect((session.call("GET", `${tag}1`) as string).length).toBe(size);
      expect(session.call("DBSIZE")).toBe(count);
      expect(isOom(session.call("SETRANGE", `${tag}1`, 20_000_000, "x"))).toBe(true);
      for (let index = 0; index < count; index += 2) {
        expect(session.call("DEL", `${tag}${index}`)).toBe(1);
      }
      expect(sound(instance)).toBe(true);
      expect(session.call("FLUSHALL")).toBe("OK");
      expect(session.call("SET", "a", "v".repeat(1_000_000))).toBe("OK");
      session.call("FLUSHALL");
      expect(fill(session, size, tag)).toBeGreaterThan(count * 0.8);
      session.call("FLUSHALL");
      session.free();
      expect(sound(instance)).toBe(true);
    }
  }
});

test("one slot's table that cannot grow refuses more keys", async () => {
  for (const instance of await startEngines()) {
    limit(instance, 8);
    const session = new Session(instance);
    const batch = (from: number): Reply[] => {
      const commands = Array.from({ length: 5_000 }, (_, index) =>
        encode(["SET", `{t}${from + index}`, "v".repeat(150)]),
      );
      session.feed(Buffer.concat(commands));
      return session.replies();
    };
    let refused = false;
    let stored = 0;
    for (let from = 0; !refused && from < 5_000_000; from += 5_000) {
      const replies = batch(from);
      refused = replies.some(isOom);
      stored += replies.filter((reply) => reply === "OK").length;
    }
    expect(refused).toBe(true);
    expect(session.call("DBSIZE")).toBe(stored);
    for (let index = 0; index < 2_000; index++) expect(session.call("DEL", `{t}${index}`)).toBe(1);
    expect(session.call("DBSIZE")).toBe(stored - 2_000);
    expect(entry(instance.build, "checkMemory")()).toBe(1);
    session.call("FLUSHALL");
    expect(session.call("SET", "a", "1")).toBe("OK");
    expect(sound(instance)).toBe(true);
  }
});

test("replies that memory cannot hold become one error each, also in EXEC", async () => {
  for (const instance of await startEngines()) {
    const session = new Session(instance);
    session.call("SET", "big", "v".repeat(1_000_000));
    session.call("SET", "small", "v");
    limit(instance, 4);
    fill(session, 100_000, "x");
    const many = (count: number): string[] => Array.from({ length: count }, () => "big");
    expect(isOom(session.call("MGET", ...many(60)))).toBe(true);
    expect(isOom(session.call("MGET", ...many(60), "small", "none"))).toBe(true);
    expect(session.call("GET", "small")).toBe("v");
    session.call("MULTI");
    for (let index = 0; index < 300; index++)
      session.call("GET", index % 3 === 0 ? "small" : "big");
    session.feed(encode(["EXEC"]));
    // Whole or cut off with the connection, never garbage.
    if (session.closed) session.raw();
    else {
      const [replies] = session.replies() as [Reply[]];
      expect(replies.length).toBe(300);
      expect(replies.filter(isOom).length).toBeGreaterThan(100);
      for (const reply of replies) expect(isOom(reply) || typeof reply === "string").toBe(true);
    }
    session.free();
    const next = new Session(instance);
    expect(next.call("GET", "small")).toBe("v");
    expect(sound(instance)).toBe(true);
  }
});

test("input that memory cannot hold ends the connection and leaves nothing", async () => {
  for (const instance of await startEngines()) {
    const filler = new Session(instance);
    limit(instance, 4);
    fill(filler, 100_000, "x");
    const held = instance.engine.counters.stat(Stat.ClientMemory);
    for (const bytes of [
      encode(["SET", "k", "v".repeat(20_000_000)]),
      encode(["MSET", ...Array.from({ length: 600 }, () => "v".repeat(32_768))]),
      Buffer.from(`*3000001\r\n$3\r\nDEL\r\n${"$1\r\nk\r\n".repeat(3_000_000)}`),
    ]) {
      const session = new Session(instance);
      const cuts: number[] = [];
      for (let at = 50_000; at < bytes.length; at += 50_000) cuts.push(at);
      session.feed(bytes, cuts);
      const raw = session.raw();
      expect(session.closed || raw.startsWith("-OOM") || raw.startsWith(":")).toBe(true);
      session.free();
      expect(instance.engine.counters.stat(Stat.ClientMemory)).toBe(held);
    }
    expect(sound(instance)).toBe(true);
  }
});

test("random commands at the end of memory", async () => {
  const seed = 0x00f;
  for (const instance of await startEngines()) {
    const { engine } = instance;
    const random = seeded(seed);
    engine.set(Setting.Journal, 1);
    limit(instance, 8);
    const setup = new Session(instance);
    const filler = new Session(instance);
    fill(setup, 10_000, "x");
    const sizes = [1, 40, 900, 2_000, 30_000, 200_000, 2_000_000];
    const value = (): string => "v".repeat(1 + (random() % (sizes[random() % 7] as number)));
    const key = (): string =>
      random() % 3 === 0 ? `x${random() % 4_000}` : `{t}${random() % 500}`;
    const many = (make: () => string[]): string[] =>
      Array.from({ length: 1 + (random() % 50) }, make).flat();
    const commands: (() => string[])[] = [
      () => ["SET", key(), value()],
      () => ["SET", key(), value(), "PX", `${1 + (random() % 5_000)}`],
      () => ["SET", key(), value(), "GET"],
      () => ["APPEND", key(), value()],
      () => ["SETRANGE", key(), `${random() % 5_000_000}`, value()],
      () => ["GET", key()],
      () => ["MGET", ...many(() => [key()])],
      () => ["MSET", ...many(() => [key(), "v".repeat(random() % 20_000)])],
      () => ["DEL", ...many(() => [key()]).slice(0, 3)],
      () => ["INCR", `n${random() % 100_000}`],
      () => ["EXPIRE", key(), `${random() % 100}`],
      () => ["PERSIST", key()],
      () => ["RENAME", key(), key()],
      () => ["COPY", key(), key(), "REPLACE"],
      () => ["COPY", key(), key(), "DB", "1"],
      () => ["MOVE", key(), "2"],
      () => ["GETEX", key(), "PX", "100"],
      () => ["SCAN", "0", "COUNT", "100000"],
      () => ["KEYS", "*"],
      () => ["WATCH", ...many(() => [key()])],
      () => ["MULTI"],
      () => ["EXEC"],
      () => ["EXEC"],
      () => ["DISCARD"],
      () => ["SELECT", `${random() % 3}`],
      () => ["DUMP", key()],
      () => ["NOSUCH", value()],
      () => ["INCRBYFLOAT", key(), "1.5"],
      () => ["LCS", key(), key()],
      () => ["OBJECT", "ENCODING", key()],
      () => (random() % 100 === 0 ? ["FLUSHDB", "ASYNC"] : ["PING"]),
    ];
    // Not even a client may fit: something is deleted for it.
    const open = (nowMs: number): Session => {
      for (let index = 0; ; index++) {
        const handle = engine.newClient(1);
        if (handle !== 0) {
          engine.freeClient(handle);
          return new Session(instance, { nowMs });
        }
        if (index > 2_000) throw new Error("deleting does not help");
        setup.call("DEL", `x${index}`, `x${index + 2_000}`, `{t}${index % 500}`);
      }
    };
    let session = open(setup.nowMs);
    let refused = 0;
    let step = 0;
    let last: string[] = [];
    try {
      for (; step < 6_000; step++) {
        last = (commands[random() % commands.length] as () => string[])();
        session.nowMs += 10;
        session.feed(encode(last), random() % 3 === 0 ? [1 + (random() % 10)] : []);
        const raw = session.raw();
        if (raw.startsWith("-OOM")) refused++;
        session.journal = [];
        if (random() % 20 === 0) engine.expireCycle(session.nowMs, 1_000);
        if (random() % 50 === 0) engine.reclaim(1_000);
        if (session.closed || random() % 200 === 0) {
          const { nowMs } = session;
          session.free();
          session = open(nowMs);
        }
        // Fill up again what deletions have freed.
        if (random() % 30 === 0 && !filler.closed)
          filler.feed(encode(["APPEND", key(), "v".repeat(random() % 1_000_000)])).raw();
        setup.journal = [];
        filler.journal = [];
        if (step % 1_500 === 0) expect(sound(instance)).toBe(true);
      }
    } catch (error) {
      throw new Error(
        `${instance.name}, seed ${seed}, step ${step}, ${last.slice(0, 4).join(" ").slice(0, 80)}: ${error}`,
      );
    }
    expect(refused).toBeGreaterThan(200);
    expect(sound(instance)).toBe(true);
  }
});
