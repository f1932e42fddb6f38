import { beforeAll, expect, test } from "bun:test";
import { ClientFlag, Stat } from "../../assembly/abi.ts";
import { Setting } from "../../assembly/settings.ts";
import { loadBuilds, seeded } from "../assembly/load.ts";
import { decode, encode, type Instance, Session, sound, startEngines } from "./harness.ts";

/** Requests through `Engine.execute`: how the bytes are cut must not show. */

beforeAll(async () => {
  await loadBuilds();
}, 120_000);

const text = (content: string): Buffer => Buffer.from(content, "latin1");
const join = (...parts: Buffer[]): Buffer => Buffer.concat(parts);
const filled = (length: number, character = "v"): string => character.repeat(length);

/** Whole client lives: each ends where the connection may go on, or with its end. */
const corpus: Record<string, Buffer> = {
  "a pipeline": join(
    encode(["SET", "a", "1"]),
    encode(["GET", "a"]),
    encode(["MGET", "a", "b", "c"]),
    encode(["DEL", "a", "b"]),
    encode(["PING"]),
    encode(["EXISTS", "a"]),
  ),
  "a pipeline of one key and of keys as long": join(
    encode(["SET", "a", "1"]),
    encode(["INCR", "a"]),
    encode(["DEL", "a"]),
    encode(["GET", "a"]),
    encode(["RPUSH", "b", "1"]),
    encode(["RPUSH", "b", "2"]),
    encode(["PING"]),
    encode(["LRANGE", "b", "0", "-1"]),
    encode(["SET", "{b}key:1", "x"]),
    encode(["SET", "{b}key:2", "y"]),
    encode(["GET", "{b}key:2"]),
    encode(["GET", "{b}key:1"]),
  ),
  "empty keys and values": join(
    encode(["SET", "", ""]),
    encode(["GET", ""]),
    encode(["STRLEN", ""]),
  ),
  "binary arguments": join(
    encode(["SET", "k\0\r\n\xff", "\r\n*1\r\n$4\r\nPING\r\n"]),
    encode(["GET", "k\0\r\n\xff"]),
  ),
  "inline commands": text(
    'SET a 1\r\nGET a\nPING\r\n  \t ECHO   hi  \r\nset "a b" "x\\x41\\n\\"y"\r\nGET \'a b\'\n' +
      "set 'it\\'s' 'a\\nb'\r\nget \"it's\"\r\nset q \"\"\r\nget q\r\n",
  ),
  "empty lines and arrays": join(
    text("\r\n\n\r\n"),
    encode(["PING"]),
    text("*0\r\n*-1\r\n\n"),
    encode(["SET", "x", "1"]),
    text("\r\n"),
    encode(["GET", "x"]),
  ),
  "inline and arrays in turns": join(
    text("SET a 1\r\n"),
    encode(["APPEND", "a", "2"]),
    text("GET a\r\n"),
    encode(["GET", "a"]),
    text("GET a\n"),
  ),
  "long headers": text("*00000002\r\n$0000003\r\nGET\r\n$1\r\na\r\n"),
  "headers with zeros": text("*02\r\n$3\r\nGET\r\n$1\r\na\r\n"),
  "errors of commands": join(
    encode(["NOSUCH", "a", "b"]),
    encode(["GET"]),
    encode(["SET", "a"]),
    encode(["SET", "a", "b", "BAD"]),
    encode(["INCR", "a", "b"]),
    encode(["SORT\x7fRO", "a"]),
    encode(["SoRt_rO", "a"]),
    encode(["PING"]),
  ),
  "a transaction": join(
    encode(["MULTI"]),
    encode(["SET", "a", "1"]),
    encode(["INCR", "a"]),
    encode(["PING"]),
    encode(["ECHO", "x"]),
    encode(["EXEC"]),
    encode(["GET", "a"]),
  ),
  "bad count": text("*x\r\n$4\r\nPING\r\n"),
  "count too large": text("*2147483648\r\n"),
  "no dollar": text("*1\r\n4\r\nPING\r\n"),
  "bad length": text("*1\r\n$x\r\nPING\r\n"),
  "negative length": text("*1\r\n$-1\r\nPING\r\n"),
  "length over the limit": text("*1\r\n$536870913\r\nPING\r\n"),
  "plus in a length": text("*1\r\n$+4\r\nPING\r\n"),
  "blank in a length": text("*1\r\n$ 4\r\nPING\r\n"),
  "unbalanced quotes": text('PING\r\nSET a "b\r\nPING\r\n'),
  "no blank behind a quote": text('SET "a"b c\r\n'),
  "after an error nothing more runs": join(text("*1\r\n$x\r\n"), encode(["SET", "z", "1"])),
};

const large: Record<string, Buffer> = {
  "a value of 32 KiB": join(encode(["SET", "a", filled(32_768)]), encode(["STRLEN", "a"])),
  "just below in place": join(encode(["SET", "a", filled(32_767)]), encode(["STRLEN", "a"])),
  "several large arguments": join(
    encode([
      "MSET",
      "a",
      filled(40_000, "1"),
      "b",
      filled(70_000, "2"),
      "c",
      "3",
      filled(33_000, "k"),
      "d",
    ]),
    encode(["MGET", "a", "b", "c", filled(33_000, "k")]),
    encode(["APPEND", "a", filled(50_000, "4")]),
    encode(["GET", "a"]),
  ),
  "a large key, twice": join(
    encode(["MSET", filled(50_000, "k"), "1", filled(50_000, "k"), filled(50_000, "k")]),
    encode(["GET", filled(50_000, "k")]),
    encode(["DEL", filled(50_000, "k")]),
  ),
  "large and then a pipeline": join(
    encode(["SET", "a", filled(100_000)]),
    ...Array.from({ length: 50 }, (_, index) => encode(["SET", `k${index}`, `${index}`])),
    encode(["GETRANGE", "a", "99990", "-1"]),
    encode(["GET", "k49"]),
  ),
  "large in a transaction": join(
    encode(["MULTI"]),
    encode(["SET", "a", filled(64_000)]),
    encode(["APPEND", "a", filled(64_000)]),
    encode(["EXEC"]),
    encode(["STRLEN", "a"]),
  ),
  "large to a host command": join(encode(["ECHO", filled(90_000)]), encode(["PING"])),
  "large and refused": join(
    encode(["SETNX", "a", filled(40_000)]),
    encode(["SETNX", "a", filled(50_000)]),
    encode(["SET", "a", filled(40_000), "BAD"]),
    encode(["NOSUCH", filled(40_000)]),
    encode(["STRLEN", "a"]),
  ),
};

interface Outcome {
  readonly raw: string;
  readonly closed: boolean;
  readonly digest: string;
}

function outcome(instance: Instance, bytes: Buffer, cuts: readonly number[]): Outcome {
  const session = new Session(instance).feed(bytes, cuts);
  const raw = session.raw();
  const { closed } = session;
  session.free();
  const reader = new Session(instance);
  const keys = (reader.call("KEYS", "*") as string[]).sort();
  const values = keys.map((key) => reader.call("GET", key));
  reader.call("FLUSHALL");
  reader.free();
  return { raw, closed, digest: Bun.hash(JSON.stringify([keys, values])).toString(16) };
}

test("a request cut at any byte has the same outcome", async () => {
  for (const instance of await startEngines()) {
    for (const [name, bytes] of Object.entries(corpus)) {
      const whole = outcome(instance, bytes, []);
      decode(whole.raw);
      for (let cut = 1; cut < bytes.length; cut++) {
        const parts = outcome(instance, bytes, [cut]);
        expect({ name, cut, ...parts }).toEqual({ name, cut, ...whole });
      }
      const single = Array.from({ length: bytes.length }, (_, index) => index);
      expect({ name, ...outcome(instance, bytes, single) }).toEqual({ name, ...whole });
    }
    expect(instance.engine.counters.stat(Stat.ClientMemory)).toBe(0);
    expect(sound(instance)).toBe(true);
  }
});

test("large arguments in random chunks have the same outcome", async () => {
  const seed = 0xb19;
  for (const instance of await startEngines()) {
    const random = seeded(seed);
    for (const [name, bytes] of Object.entries(large)) {
      const whole = outcome(instance, bytes, []);
      for (let round = 0; round < 25; round++) {
        const scale = [50, 1_000, 20_000, 65_536, 200_000][round % 5] as number;
        const cuts: number[] = [];
        for (let at = 1 + (random() % scale); at < bytes.length; at += 1 + (random() % scale)) {
          cuts.push(at);
        }
        const parts = outcome(instance, bytes, cuts);
        if (parts.raw !== whole.raw) {
          throw new Error(`${instance.name}, ${name}, seed ${seed}, round ${round}: other replies`);
        }
        expect({ name, seed, round, closed: parts.closed, digest: parts.digest }).toEqual({
          name,
          seed,
          round,
          closed: whole.closed,
          digest: whole.digest,
        });
      }
    }
    expect(instance.engine.counters.stat(Stat.ClientMemory)).toBe(0);
    expect(sound(instance)).toBe(true);
  }
});

test("values of megabytes come and go, and memory returns", async () => {
  for (const instance of await startEngines()) {
    const session = new Session(instance);
    session.call("SET", "k", "v");
    session.call("FLUSHALL");
    const before = instance.engine.usedMemory;
    for (const length of [32_768, 1_000_000, 5_000_000]) {
      const bytes = encode(["SET", "k", filled(length)]);
      for (const step of [16_384, 65_536, 524_288]) {
        const cuts: number[] = [];
        for (let at = step; at < bytes.length; at += step) cuts.push(at);
        expect(session.feed(bytes, cuts).raw()).toBe("+OK\r\n");
        expect(session.call("STRLEN", "k")).toBe(length);
      }
    }
    session.call("FLUSHALL");
    expect(instance.engine.usedMemory).toBe(before);
    expect(instance.engine.counters.stat(Stat.ClientMemory)).toBe(0);
    expect(sound(instance)).toBe(true);
  }
});

test("a client that leaves in the middle of anything leaves nothing behind", async () => {
  const seed = 0x1eaf;
  for (const instance of await startEngines()) {
    const random = seeded(seed);
    const all = [...Object.values(corpus), ...Object.values(large)];
    for (const bytes of all) outcome(instance, bytes, []);
    const before = instance.engine.usedMemory;
    for (let round = 0; round < 300; round++) {
      const bytes = all[random() % all.length] as Buffer;
      const session = new Session(instance);
      const end = 1 + (random() % bytes.length);
      session.feed(bytes.subarray(0, end), [random() % end]);
      session.free();
    }
    new Session(instance).call("FLUSHALL");
    const after = new Session(instance);
    after.free();
    // One client was left open on purpose: its record is all that is more.
    expect(instance.engine.usedMemory - before).toBeLessThanOrEqual(256);
    expect(instance.engine.counters.stat(Stat.ClientMemory)).toBe(0);
    expect(sound(instance)).toBe(true);
  }
});

test("limits: bulk length, query buffer, what comes before AUTH, long lines", async () => {
  for (const instance of await startEngines()) {
    const { engine } = instance;
    const fails = (bytes: Buffer, options: { flags?: ClientFlag } = {}): string => {
      const session = new Session(instance, options).feed(bytes);
      expect(session.closed).toBe(true);
      const raw = session.raw();
      session.free();
      return raw;
    };
    const flags = ClientFlag.NeedsAuth;
    expect(fails(text("*11\r\n"), { flags })).toBe(
      "-ERR Protocol error: unauthenticated multibulk length\r\n",
    );
    expect(fails(text("*2\r\n$16385\r\n"), { flags })).toBe(
      "-ERR Protocol error: unauthenticated bulk length\r\n",
    );
    const allowed = new Session(instance, { flags }).feed(
      encode(["AUTH", filled(16_384)]).subarray(0, 9_000),
    );
    expect(allowed.closed).toBe(false);
    allowed.free();

    engine.set(Setting.ProtoMaxBulkLength, 1 << 20);
    expect(fails(text("*1\r\n$1048577\r\n"))).toBe("-ERR Protocol error: invalid bulk length\r\n");
    const primary = new Session(instance, { flags: ClientFlag.Primary });
    expect(primary.feed(text("*1\r\n$1048577\r\n")).closed).toBe(false);
    primary.free();
    engine.set(Setting.ProtoMaxBulkLength, 512 << 20);

    for (const chunk of [524_288, 16_384, 1_000]) {
      const cut = (bytes: Buffer): number[] =>
        Array.from({ length: Math.ceil(bytes.length / chunk) - 1 }, (_, at) => (at + 1) * chunk);
      const tooLong = text(`ECHO ${filled(70_000)}\r\nPING\r\n`);
      const session = new Session(instance).feed(tooLong, cut(tooLong));
      expect(session.closed).toBe(true);
      expect(session.raw()).toBe("-ERR Protocol error: too big inline request\r\n");
      session.free();
      const fits = text(`ECHO ${filled(65_000)}\r\n`);
      expect(new Session(instance).feed(fits, cut(fits)).closed).toBe(false);
      const count = text(`*${filled(70_000, "1")}`);
      expect(new Session(instance).feed(count, cut(count)).raw()).toBe(
        "-ERR Protocol error: too big mbulk count string\r\n",
      );
      const length = text(`*1\r\n$${filled(70_000, "1")}`);
      expect(new Session(instance).feed(length, cut(length)).raw()).toBe(
        "-ERR Protocol error: too big bulk count string\r\n",
      );
    }

    engine.set(Setting.QueryBufferLimit, 1 << 20);
    const many = encode(["DEL", ...Array.from({ length: 60 }, () => filled(20_000))]);
    const session = new Session(instance);
    session.feed(
      many,
      Array.from({ length: 60 }, (_, index) => index * 20_000),
    );
    expect(session.closed).toBe(true);
    session.free();
    const queued = new Session(instance);
    queued.call("MULTI");
    for (let index = 0; index < 60 && !queued.closed; index++) {
      const bytes = encode(["SET", "k", filled(20_000)]);
      queued.feed(bytes, [10_000]);
    }
    expect(queued.closed).toBe(true);
    queued.free();
    expect(engine.counters.stat(Stat.ClientMemory)).toBeLessThan(100_000 * 8);
  }
});

test("a command of a million arguments works, in time that grows with their number", async () => {
  for (const instance of await startEngines()) {
    const request = (count: number): Buffer =>
      text(`*${count + 1}\r\n$3\r\nDEL\r\n${"$1\r\nk\r\n".repeat(count)}`);
    const session = new Session(instance);
    session.call("SET", "x", "y");
    const before = instance.engine.usedMemory;
    const elapsed = (count: number): number => {
      const bytes = request(count);
      const started = performance.now();
      expect(session.feed(bytes).raw()).toBe(":0\r\n");
      return performance.now() - started;
    };
    elapsed(10_000);
    const small = elapsed(100_000);
    expect(elapsed(1_000_000)).toBeLessThan(Math.max(small, 5) * 60);
    expect(instance.engine.usedMemory).toBe(before);
  }
});

test("a primary's input that is no command closes the link without a reply", async () => {
  for (const instance of await startEngines()) {
    const session = new Session(instance, { flags: ClientFlag.Primary });
    session.feed(text("\n\r\n"));
    expect(session.closed).toBe(false);
    session.feed(text("SET a 1\r\n"));
    expect(session.closed).toBe(true);
    expect(session.raw()).toBe("");
    session.free();
  }
});

test("200 000 mutated requests never trap and leave the heap whole", async () => {
  const seed = 0xf022;
  const sources = Object.values(corpus);
  for (const instance of await startEngines()) {
    const random = seeded(seed);
    let session = new Session(instance);
    let step = 0;
    try {
      for (; step < 100_000; step++) {
        const bytes = Buffer.from(sources[random() % sources.length] as Buffer);
        for (let times = random() % 4; times >= 0; times--) {
          const at = random() % bytes.length;
          switch (random() % 4) {
            case 0:
              bytes[at] = random();
              break;
            case 1:
              bytes[at] = 48 + (random() % 10);
              break;
            case 2:
              bytes.copyWithin(at, random() % bytes.length);
              break;
            default:
              bytes[at] = "\r\n*$\"'\\ \0"[random() % 9]?.charCodeAt(0) as number;
          }
        }
        const end = 1 + (random() % bytes.length);
        session.feed(bytes.subarray(0, end), [random() % end]);
        session.output = [];
        session.journal = [];
        if (session.closed || random() % 16 === 0) {
          session.free();
          session = new Session(instance);
        }
      }
    } catch (error) {
      throw new Error(`${instance.name}, seed ${seed}, step ${step}: ${error}`);
    }
    session.free();
    expect(sound(instance)).toBe(true);
    expect(instance.engine.counters.stat(Stat.ClientMemory)).toBe(0);
  }
});
