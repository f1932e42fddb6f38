import { beforeAll, expect, test } from "bun:test";
import { ClientFlag } from "../../assembly/abi.ts";
import { MaxMemoryPolicy, Setting } from "../../assembly/settings.ts";
import { loadBuilds, seeded } from "../assembly/load.ts";
import { encode, type Instance, type Reply, Session, sound, startEngines } from "./harness.ts";

/** The journal says in canonical form what was done: whoever replays it has the same data. */

beforeAll(async () => {
  await loadBuilds();
}, 120_000);

const databases = 4;

/** Everything that clients can see of the data, hidden expired keys excepted. */
function contents(instance: Instance, nowMs: number, flags = ClientFlag.NoTouch): string {
  const session = new Session(instance, { nowMs, flags });
  const lines: string[] = [];
  for (let database = 0; database < databases; database++) {
    session.call("SELECT", database);
    for (const key of (session.call("KEYS", "*") as string[]).sort()) {
      const value = session.call("GET", key);
      const dump = session.call("DUMP", key);
      const until = session.call("PEXPIRETIME", key);
      lines.push(JSON.stringify([database, key, value, dump, until]));
    }
  }
  session.free();
  return lines.join("\n");
}

function randomCommand(random: () => number, nowMs: number): string[] {
  const tag = random() % 2 === 0 ? "{t}" : "";
  const key = (): string => `${tag}k${random() % 40}`;
  const value = (): string =>
    ["1", "-7", "3.25", "text", "x".repeat(random() % 2_000), `${random()}`][
      random() % 6
    ] as string;
  const soon = (): string => `${1 + (random() % 3_000)}`;
  const at = (): string => `${nowMs - 1_000 + (random() % 4_000)}`;
  const commands: (() => string[])[] = [
    () => ["SET", key(), value()],
    () => ["SET", key(), value(), "PX", soon()],
    () => ["SET", key(), value(), "PXAT", at()],
    () => ["SET", key(), value(), "KEEPTTL"],
    () => ["SET", key(), value(), ["NX", "XX", "GET"][random() % 3] as string],
    () => ["SETEX", key(), "2", value()],
    () => ["PSETEX", key(), soon(), value()],
    () => ["SETNX", key(), value()],
    () => ["GETSET", key(), value()],
    () => ["GETDEL", key()],
    () => ["GETEX", key(), "PX", soon()],
    () => ["GETEX", key(), "PXAT", at()],
    () => ["GETEX", key(), "PERSIST"],
    () => ["MSET", key(), value(), key(), value()],
    () => ["MSETNX", key(), value(), key(), value()],
    () => ["APPEND", key(), value()],
    () => ["SETRANGE", key(), `${random() % 3_000}`, value()],
    () => ["INCR", key()],
    () => ["DECRBY", key(), "5"],
    () => ["INCRBYFLOAT", key(), "1.5"],
    () => ["DEL", key(), key()],
    () => ["UNLINK", key()],
    () => ["EXPIRE", key(), "1", ["NX", "XX", "GT", "LT"][random() % 4] as string],
    () => ["PEXPIRE", key(), soon()],
    () => ["PEXPIREAT", key(), at()],
    () => ["PERSIST", key()],
    () => ["RENAME", key(), key()],
    () => ["RENAMENX", key(), key()],
    () => ["COPY", key(), key(), "REPLACE"],
    () => ["COPY", key(), key(), "DB", `${random() % databases}`],
    () => ["MOVE", key(), `${random() % databases}`],
    () => ["SELECT", `${random() % databases}`],
    () => ["GET", key()],
    () => ["MGET", key(), key(), key()],
    () => ["SCAN", "0"],
    () => ["NOSUCH", key()],
    () => (random() % 40 === 0 ? ["FLUSHDB"] : ["TTL", key()]),
    () => (random() % 60 === 0 ? ["FLUSHALL"] : ["TOUCH", key()]),
    () => (random() % 10 === 0 ? ["SWAPDB", `${random() % databases}`, "0"] : ["EXISTS", key()]),
  ];
  return (commands[random() % commands.length] as () => string[])();
}

interface Pair {
  readonly primary: Instance;
  readonly replica: Instance;
}

async function pairs(): Promise<Pair[]> {
  const [primaries, replicas] = [await startEngines(16, 1), await startEngines(16, 99)];
  return primaries.map((primary, index) => ({ primary, replica: replicas[index] as Instance }));
}

test("a key counts the same uses whether there is a journal or not", async () => {
  const seed = 0x1f0;
  const counts: string[] = [];
  for (const journal of [0, 1]) {
    for (const instance of await startEngines(16, 1)) {
      const { engine } = instance;
      engine.set(Setting.Journal, journal);
      engine.set(Setting.MaxMemoryPolicy, MaxMemoryPolicy.AllKeysLfu);
      engine.set(Setting.LfuLogFactor, 0);
      engine.set(Setting.LfuDecayTime, 0);
      const random = seeded(seed);
      const client = new Session(instance);
      const uses: string[] = [];
      for (let step = 0; step < 3_000; step++) {
        client.nowMs += random() % 12;
        client.call(...randomCommand(random, client.nowMs));
        client.call("SELECT", "0");
        if (random() % 20 !== 0) continue;
        for (const key of (client.call("KEYS", "*") as string[]).sort()) {
          uses.push(`${step} ${key} ${client.call("OBJECT", "FREQ", key)}`);
        }
      }
      expect(uses.length).toBeGreaterThan(1000);
      counts.push(uses.join("\n"));
    }
  }
  for (const count of counts) expect(count).toBe(counts[0] as string);
});

test("replaying the journal gives the same data", async () => {
  const seed = 0x10a7;
  for (const { primary, replica } of await pairs()) {
    primary.engine.set(Setting.Journal, 1);
    replica.engine.set(Setting.Replica, 1);
    const random = seeded(seed);
    const client = new Session(primary);
    const link = new Session(replica, { flags: ClientFlag.Primary });
    for (let round = 0; round < 60; round++) {
      const where = `${primary.name}, seed ${seed}, round ${round}`;
      for (let step = 0; step < 120; step++) {
        client.nowMs += random() % 12;
        if (random() % 12 === 0) {
          client.call("MULTI");
          for (let count = random() % 5; count >= 0; count--) {
            client.call(...randomCommand(random, client.nowMs));
          }
          client.call("EXEC");
        } else client.call(...randomCommand(random, client.nowMs));
        if (random() % 50 === 0) primary.engine.expireCycle(client.nowMs, 1_000);
      }
      client.take();
      const stream = Buffer.from(client.journalText(), "latin1");
      // The replica's clock may lag or run ahead: it must not matter.
      link.nowMs = client.nowMs + (random() % 20_000) - 10_000;
      const cuts = Array.from({ length: random() % 6 }, () => random() % (stream.length + 1));
      link.feed(
        stream,
        cuts.sort((left, right) => left - right),
      );
      if (link.closed || link.raw() !== "") throw new Error(`${where}: the link broke or spoke`);
      primary.engine.expireCycle(client.nowMs, 100_000);
      client.take();
      link.feed(Buffer.from(client.journalText(), "latin1"));
      const [ours, theirs] = [contents(primary, client.nowMs), contents(replica, client.nowMs)];
      if (ours !== theirs) {
        const [left, right] = [ours.split("\n"), theirs.split("\n")];
        const at = left.findIndex((line, index) => line !== right[index]);
        throw new Error(`${where}: ${left[at]?.slice(0, 200)} became ${right[at]?.slice(0, 200)}`);
      }
    }
    expect(link.engine.consumed(link.handle)).toBeGreaterThan(100_000);
    expect([sound(primary), sound(replica)]).toEqual([true, true]);
  }
});

function journalOf(instance: Instance, commands: readonly string[][], waitMs = 0): string[][] {
  const session = new Session(instance);
  for (const [index, argv] of commands.entries()) {
    if (index === commands.length - 1) session.nowMs += waitMs;
    session.call(...argv);
  }
  session.take();
  const lines = parse(Buffer.from(session.journalText(), "latin1"));
  session.free();
  return lines;
}

/** The commands in a journal, as texts. */
function parse(bytes: Buffer): string[][] {
  const text = bytes.toString("latin1");
  const commands: string[][] = [];
  for (let at = 0; at < text.length; ) {
    const line = (): string => {
      const end = text.indexOf("\r\n", at);
      const found = text.slice(at + 1, end);
      at = end + 2;
      return found;
    };
    const count = Number(line());
    const argv: string[] = [];
    for (let index = 0; index < count; index++) {
      const length = Number(line());
      argv.push(text.slice(at, at + length));
      at += length + 2;
    }
    commands.push(argv);
  }
  return commands;
}

test("canonical forms, SELECT only where needed, MULTI around more than one write", async () => {
  const now = 1_700_000_000_000;
  const cases: [string[][], string[][], number?][] = [
    [
      [
        ["SET", "a", "1"],
        ["SET", "b", "2"],
      ],
      [
        ["SELECT", "0"],
        ["SET", "a", "1"],
        ["SET", "b", "2"],
      ],
    ],
    [
      [
        ["SELECT", "1"],
        ["SET", "a", "1"],
        ["SELECT", "1"],
        ["DEL", "a"],
        ["SELECT", "0"],
        ["GET", "a"],
      ],
      [
        ["SELECT", "1"],
        ["SET", "a", "1"],
        ["DEL", "a"],
      ],
    ],
    [
      [["SET", "a", "1", "EX", "10"]],
      [
        ["SELECT", "0"],
        ["SET", "a", "1", "PXAT", `${now + 10_000}`],
      ],
    ],
    [
      [["SETEX", "a", "10", "v"]],
      [
        ["SELECT", "0"],
        ["SET", "a", "v", "PXAT", `${now + 10_000}`],
      ],
    ],
    [
      [
        ["SET", "a", "1"],
        ["EXPIRE", "a", "10"],
        ["PERSIST", "a"],
        ["PERSIST", "a"],
      ],
      [
        ["SELECT", "0"],
        ["SET", "a", "1"],
        ["PEXPIREAT", "a", `${now + 10_000}`],
        ["PERSIST", "a"],
      ],
    ],
    [
      [
        ["SET", "a", "1"],
        ["EXPIREAT", "a", "1"],
      ],
      [
        ["SELECT", "0"],
        ["SET", "a", "1"],
        ["DEL", "a"],
      ],
    ],
    [
      [["INCRBYFLOAT", "a", "1.5"]],
      [
        ["SELECT", "0"],
        ["SET", "a", "1.5", "KEEPTTL"],
      ],
    ],
    [
      [
        ["SET", "a", "1"],
        ["GETDEL", "a"],
        ["GETDEL", "a"],
      ],
      [
        ["SELECT", "0"],
        ["SET", "a", "1"],
        ["DEL", "a"],
      ],
    ],
    [
      [
        ["DEL", "none"],
        ["GET", "none"],
        ["SET", "a", "1", "XX"],
        ["APPEND", "a"],
      ],
      [],
    ],
    [
      [["MULTI"], ["SET", "a", "1"], ["GET", "a"], ["EXEC"]],
      [
        ["SELECT", "0"],
        ["SET", "a", "1"],
      ],
    ],
    [
      [["MULTI"], ["SET", "a", "1"], ["SELECT", "2"], ["SET", "a", "2"], ["EXEC"]],
      [["SELECT", "0"], ["MULTI"], ["SET", "a", "1"], ["SELECT", "2"], ["SET", "a", "2"], ["EXEC"]],
    ],
    [[["MULTI"], ["GET", "a"], ["EXEC"]], []],
    [[["MULTI"], ["SET", "a", "1"], ["DISCARD"]], []],
    [
      [
        ["PSETEX", "a", "10", "v"],
        ["GET", "a"],
      ],
      [
        ["SELECT", "0"],
        ["SET", "a", "v", "PXAT", `${now + 10}`],
        ["DEL", "a"],
      ],
      50,
    ],
    [
      [
        ["PSETEX", "a", "10", "v"],
        ["SET", "a", "w"],
      ],
      [
        ["SELECT", "0"],
        ["SET", "a", "v", "PXAT", `${now + 10}`],
        ["MULTI"],
        ["DEL", "a"],
        ["SET", "a", "w"],
        ["EXEC"],
      ],
      50,
    ],
    [
      [
        ["PSETEX", "a", "10", "v"],
        ["MSET", "a", "w", "b", "x"],
      ],
      [
        ["SELECT", "0"],
        ["SET", "a", "v", "PXAT", `${now + 10}`],
        ["MULTI"],
        ["DEL", "a"],
        ["MSET", "a", "w", "b", "x"],
        ["EXEC"],
      ],
      50,
    ],
  ];
  for (const [commands, expected, wait] of cases) {
    for (const instance of await startEngines()) {
      instance.engine.set(Setting.Journal, 1);
      expect(journalOf(instance, commands, wait)).toEqual(expected);
    }
  }
});

test("nothing is journalled while the journal is off, and a new listener hears the database again", async () => {
  for (const instance of await startEngines()) {
    expect(journalOf(instance, [["SET", "a", "1"]])).toEqual([]);
    instance.engine.set(Setting.Journal, 1);
    expect(journalOf(instance, [["SET", "a", "1"]])).toEqual([
      ["SELECT", "0"],
      ["SET", "a", "1"],
    ]);
    expect(journalOf(instance, [["SET", "a", "1"]])).toEqual([["SET", "a", "1"]]);
    instance.engine.journalForgetDatabase();
    expect(journalOf(instance, [["SET", "a", "1"]])).toEqual([
      ["SELECT", "0"],
      ["SET", "a", "1"],
    ]);
  }
});

interface Mark {
  readonly bytes: Buffer;
  /** The stream may be taken up again behind this command: it ends outside a transaction. */
  readonly boundary: boolean;
}

test("the offset counts whole commands to the byte, however the stream is cut", async () => {
  const seed = 0x0ff5e7;
  const big = "v".repeat(70_000);
  const one = (...argv: string[]): Mark => ({ bytes: encode(argv), boundary: true });
  const within = (...argv: string[]): Mark => ({ bytes: encode(argv), boundary: false });
  const marks: Mark[] = [
    one("SELECT", "0"),
    one("SET", "a", "1"),
    one("PING"),
    one("SET", "a", big),
    one("MSET", "a", big, "b", "2", "c", big),
    one("NOSUCH", big),
    one("REPLCONF", "GETACK", "*"),
    within("MULTI"),
    within("SET", "a", big),
    within("PING"),
    within("INCR", "n"),
    one("EXEC"),
    within("MULTI"),
    one("EXEC"),
    within("MULTI"),
    within("NOSUCH"),
    one("EXEC"),
    within("MULTI"),
    within("SET", "a", "1"),
    one("DISCARD"),
    one("GET", big),
    one("APPEND", "a", big),
    one("DEL", "a", "b"),
  ];
  const stream = Buffer.concat(marks.map((mark) => mark.bytes));
  const ends: number[] = [0];
  let at = 0;
  for (const { bytes, boundary } of marks) {
    at += bytes.length;
    if (boundary) ends.push(at);
  }
  const expected = (fed: number): number => ends.findLast((end) => end <= fed) as number;
  for (const instance of await startEngines()) {
    instance.engine.set(Setting.Replica, 1);
    const random = seeded(seed);
    // At each end exactly, one byte before it and one behind it; then at random.
    const plans: number[][] = [
      ends.slice(1),
      ends.slice(1).map((end) => end - 1),
      ends.slice(1, -1).map((end) => end + 1),
    ];
    for (let round = 0; round < 40; round++) {
      const scale = [7, 500, 5_000, 60_000, 300_000][round % 5] as number;
      const cuts: number[] = [];
      for (let cut = random() % scale; cut < stream.length; cut += 1 + (random() % scale))
        cuts.push(cut);
      plans.push(cuts);
    }
    for (const [plan, cuts] of plans.entries()) {
      const acks: number[] = [];
      const session = new Session(instance, {
        flags: ClientFlag.Primary,
        host: (argv, self) => {
          // GETACK is answered with what stands before it.
          if (argv[0] === "REPLCONF") acks.push(self.engine.consumed(self.handle));
          return "+OK\r\n";
        },
      });
      let before = 0;
      for (const cut of [...cuts, stream.length]) {
        session.feed(stream.subarray(before, cut));
        before = cut;
        const consumed = instance.engine.consumed(session.handle);
        if (consumed !== expected(cut)) {
          throw new Error(
            `${instance.name}, seed ${seed}, plan ${plan}: ${consumed} after ${cut} bytes, not ${expected(cut)}`,
          );
        }
      }
      expect(acks).toEqual([ends[6] as number]);
      expect(session.raw()).toBe("");
      session.free();
    }
    // Line ends between commands count with the command behind them.
    const session = new Session(instance, { flags: ClientFlag.Primary });
    session.feed(Buffer.concat([Buffer.from("\n\r\n"), encode(["PING"])]));
    expect(instance.engine.consumed(session.handle)).toBe(3 + encode(["PING"]).length);
    expect(sound(instance)).toBe(true);
  }
});

test("a unit that does not fit one region, and one command of megabytes", async () => {
  for (const { primary, replica } of await pairs()) {
    primary.engine.set(Setting.Journal, 1);
    replica.engine.set(Setting.Replica, 1);
    const session = new Session(primary);
    session.call("MULTI");
    for (let index = 0; index < 16; index++)
      session.call("SET", `k${index}`, `${index}`.repeat(30_000));
    const replies = session.call("EXEC") as Reply[];
    expect(replies.length).toBe(16);
    session.feed(encode(["SET", "big", "v".repeat(3_000_000)]));
    const stream = Buffer.concat(session.journal);
    const commands = parse(stream);
    expect(commands.map((argv) => argv[0]).slice(0, 3)).toEqual(["SELECT", "MULTI", "SET"]);
    expect(commands.map((argv) => argv[0]).slice(-3)).toEqual(["SET", "EXEC", "SET"]);
    const link = new Session(replica, { flags: ClientFlag.Primary });
    link.feed(stream);
    expect(contents(replica, 0) === contents(primary, 0)).toBe(true);
    expect(replica.engine.consumed(link.handle)).toBe(stream.length);
  }
});
