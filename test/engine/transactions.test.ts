import { beforeAll, expect, test } from "bun:test";
import { Client, ClientFlag, Stat } from "../../assembly/abi.ts";
import { Setting } from "../../assembly/settings.ts";
import { loadBuilds, seeded } from "../assembly/load.ts";
import { encode, type Host, type Reply, Session, sound, startEngines } from "./harness.ts";

/** MULTI, EXEC, DISCARD, WATCH. Redis 7.0 multi.c. */

beforeAll(async () => {
  await loadBuilds();
}, 120_000);

function message(reply: Reply | undefined): string {
  return typeof reply === "object" && reply !== null && "error" in reply ? reply.error : "";
}

/** What another client does between WATCH and EXEC, and whether that must stop the transaction. */
interface WatchCase {
  readonly name: string;
  readonly before?: readonly string[][];
  readonly between: readonly string[][];
  readonly stops: boolean;
  /** Milliseconds that pass between WATCH and what happens next. */
  readonly wait?: number;
  readonly watched?: string[];
}

const watchCases: readonly WatchCase[] = [
  { name: "nothing", between: [], stops: false },
  { name: "SET", between: [["SET", "k", "2"]], stops: true },
  {
    name: "SET to the same value",
    before: [["SET", "k", "1"]],
    between: [["SET", "k", "1"]],
    stops: true,
  },
  { name: "DEL", before: [["SET", "k", "1"]], between: [["DEL", "k"]], stops: true },
  { name: "DEL of a missing key", between: [["DEL", "k"]], stops: false },
  { name: "GET", before: [["SET", "k", "1"]], between: [["GET", "k"]], stops: false },
  { name: "a key beside it", between: [["SET", "{k}2", "1"]], stops: false },
  { name: "EXPIRE", before: [["SET", "k", "1"]], between: [["EXPIRE", "k", "100"]], stops: true },
  {
    name: "PERSIST",
    before: [["SET", "k", "1", "EX", "100"]],
    between: [["PERSIST", "k"]],
    stops: true,
  },
  { name: "APPEND", before: [["SET", "k", "1"]], between: [["APPEND", "k", "1"]], stops: true },
  {
    name: "APPEND to a long string",
    before: [["SET", "k", "x".repeat(5000)]],
    between: [["APPEND", "k", "1"]],
    stops: true,
  },
  { name: "INCR", before: [["SET", "k", "1"]], between: [["INCR", "k"]], stops: true },
  {
    name: "INCRBYFLOAT",
    before: [["SET", "k", "1"]],
    between: [["INCRBYFLOAT", "k", "1"]],
    stops: true,
  },
  {
    name: "SETRANGE of nothing",
    before: [["SET", "k", "1"]],
    between: [["SETRANGE", "k", "0", ""]],
    stops: false,
  },
  {
    name: "SETRANGE",
    before: [["SET", "k", "1"]],
    between: [["SETRANGE", "k", "9", "x"]],
    stops: true,
  },
  { name: "GETEX", before: [["SET", "k", "1"]], between: [["GETEX", "k", "EX", "9"]], stops: true },
  { name: "GETDEL", before: [["SET", "k", "1"]], between: [["GETDEL", "k"]], stops: true },
  { name: "GETSET", between: [["GETSET", "k", "1"]], stops: true },
  {
    name: "SETNX refused",
    before: [["SET", "k", "1"]],
    between: [["SETNX", "k", "1"]],
    stops: false,
  },
  { name: "MSET", between: [["MSET", "a", "1", "k", "2"]], stops: true },
  {
    name: "MSETNX refused",
    before: [["SET", "a", "1"]],
    between: [["MSETNX", "k", "1", "a", "2"]],
    stops: false,
  },
  {
    name: "RENAME away",
    before: [["SET", "k", "1"]],
    between: [["RENAME", "k", "b"]],
    stops: true,
  },
  {
    name: "RENAME onto",
    before: [["SET", "b", "1"]],
    between: [["RENAME", "b", "k"]],
    stops: true,
  },
  { name: "COPY onto", before: [["SET", "b", "1"]], between: [["COPY", "b", "k"]], stops: true },
  { name: "COPY from", before: [["SET", "k", "1"]], between: [["COPY", "k", "b"]], stops: false },
  { name: "MOVE away", before: [["SET", "k", "1"]], between: [["MOVE", "k", "1"]], stops: true },
  {
    name: "the same key in another database",
    between: [
      ["SELECT", "1"],
      ["SET", "k", "1"],
    ],
    stops: false,
  },
  {
    name: "MOVE in",
    between: [
      ["SELECT", "1"],
      ["SET", "k", "1"],
      ["MOVE", "k", "0"],
    ],
    stops: true,
  },
  { name: "FLUSHALL", before: [["SET", "k", "1"]], between: [["FLUSHALL"]], stops: true },
  {
    name: "FLUSHDB ASYNC",
    before: [["SET", "k", "1"]],
    between: [["FLUSHDB", "ASYNC"]],
    stops: true,
  },
  {
    name: "FLUSHALL of others",
    before: [["SET", "b", "1"]],
    between: [["FLUSHALL"]],
    stops: false,
  },
  {
    name: "FLUSHDB elsewhere",
    before: [["SET", "k", "1"]],
    between: [["SELECT", "1"], ["SET", "x", "1"], ["FLUSHDB"]],
    stops: false,
  },
  {
    name: "a write after FLUSHALL",
    between: [["SET", "x", "1"], ["FLUSHALL"], ["SET", "k", "1"]],
    stops: true,
  },
  {
    name: "SWAPDB away",
    before: [["SET", "k", "1"]],
    between: [["SWAPDB", "0", "1"]],
    stops: true,
  },
  {
    name: "SWAPDB in",
    between: [
      ["SELECT", "1"],
      ["SET", "k", "1"],
      ["SWAPDB", "0", "1"],
    ],
    stops: true,
  },
  {
    name: "SWAPDB without the key",
    between: [
      ["SELECT", "1"],
      ["SET", "x", "1"],
      ["SWAPDB", "0", "1"],
    ],
    stops: false,
  },
  {
    name: "SWAPDB of others",
    before: [["SET", "k", "1"]],
    between: [["SWAPDB", "2", "1"]],
    stops: false,
  },
  {
    name: "SWAPDB, then a write here",
    between: [
      ["SWAPDB", "0", "1"],
      ["SET", "k", "1"],
    ],
    stops: true,
  },
  {
    name: "SWAPDB, then a write there",
    between: [
      ["SWAPDB", "0", "1"],
      ["SELECT", "1"],
      ["SET", "k", "1"],
    ],
    stops: false,
  },
  {
    name: "expired meanwhile, not looked at",
    before: [["SET", "k", "1", "PX", "50"]],
    between: [],
    wait: 100,
    stops: true,
  },
  {
    name: "expired meanwhile, looked at",
    before: [["SET", "k", "1", "PX", "50"]],
    between: [["GET", "k"]],
    wait: 100,
    stops: true,
  },
  {
    name: "one of several keys",
    before: [["SET", "c", "1"]],
    watched: ["a", "b", "c", "a"],
    between: [["DEL", "c"]],
    stops: true,
  },
];

test("what stops a transaction, and what does not", async () => {
  for (const instance of await startEngines()) {
    for (const { name, before, between, wait, watched, stops } of watchCases) {
      const [first, second] = [new Session(instance), new Session(instance)];
      for (const argv of before ?? []) second.call(...argv);
      expect(first.call("WATCH", ...(watched ?? ["k"]))).toBe("OK");
      first.nowMs += wait ?? 0;
      second.nowMs = first.nowMs;
      for (const argv of between) {
        const reply = second.call(...argv);
        expect({ name, argv, error: message(reply) }).toEqual({ name, argv, error: "" });
      }
      first.call("MULTI");
      first.call("EXISTS", "k");
      const reply = first.call("EXEC");
      expect({ name, stopped: reply === null }).toEqual({ name, stopped: stops });
      expect(instance.engine.clientWord(first.handle, Client.WatchCount)).toBe(0);
      // Once EXEC is over nothing is watched any more.
      second.call("SELECT", "0");
      second.call("SET", "k", "later");
      first.call("MULTI");
      expect(first.call("EXEC")).toEqual([]);
      second.call("FLUSHALL");
      first.free();
      second.free();
    }
    expect(sound(instance)).toBe(true);
  }
});

test("a key that had expired when it was watched is no reason to stop", async () => {
  for (const instance of await startEngines()) {
    const session = new Session(instance);
    const other = new Session(instance);
    const expired = (between: string[][]): Reply | undefined => {
      other.call("FLUSHALL");
      other.call("SET", "k", "1", "PX", "10");
      session.nowMs += 50;
      other.nowMs = session.nowMs;
      session.call("WATCH", "k");
      for (const argv of between) other.call(...argv);
      session.call("MULTI");
      session.call("PING");
      return session.call("EXEC");
    };
    expect(expired([])).not.toBe(null);
    expect(expired([["GET", "k"]])).not.toBe(null);
    expect(expired([["DEL", "k"]])).not.toBe(null);
    expect(expired([["FLUSHALL"]])).not.toBe(null);
    expect(expired([["SWAPDB", "0", "1"]])).not.toBe(null);
    expect(expired([["SET", "k", "2"]])).toBe(null);
    expect(
      expired([
        ["GET", "k"],
        ["SET", "k", "2"],
      ]),
    ).toBe(null);
    expect(expired([["FLUSHALL"], ["SET", "k", "2"]])).toBe(null);
  }
});

test("the client's own write, UNWATCH, DISCARD and leaving", async () => {
  for (const instance of await startEngines()) {
    const { engine } = instance;
    const session = new Session(instance);
    const exec = (): Reply | undefined => {
      session.call("MULTI");
      session.call("PING");
      return session.call("EXEC");
    };
    session.call("SET", "warm", "1");
    session.call("FLUSHALL");
    const before = engine.usedMemory;
    session.call("WATCH", "k");
    session.call("SET", "k", "1");
    expect(exec()).toBe(null);
    session.call("WATCH", "k");
    session.call("SET", "k", "2");
    session.call("UNWATCH");
    expect(exec()).not.toBe(null);
    session.call("WATCH", "k");
    session.call("MULTI");
    session.call("SET", "k", "x".repeat(10_000));
    expect(engine.counters.stat(Stat.ClientMemory)).toBeGreaterThan(10_000);
    expect(session.call("DISCARD")).toBe("OK");
    expect(engine.counters.stat(Stat.ClientMemory)).toBe(0);
    new Session(instance).call("SET", "k", "3");
    expect(exec()).not.toBe(null);
    // A client that leaves while it watches and queues.
    const gone = new Session(instance);
    gone.call("WATCH", "k", "l", "m");
    gone.call("MULTI");
    gone.call("SET", "k", "x".repeat(10_000));
    gone.free();
    expect(session.call("SET", "k", "4")).toBe("OK");
    session.call("FLUSHALL");
    // One client was opened and left open.
    expect(engine.usedMemory - before).toBeLessThanOrEqual(256);
    expect(engine.counters.stat(Stat.ClientMemory)).toBe(0);
    expect(sound(instance)).toBe(true);
  }
});

test("the client in hand may be gone while others are marked: flags stay their own", async () => {
  for (const instance of await startEngines()) {
    const { engine } = instance;
    const setter = new Session(instance);
    setter.call("SET", "k", "1", "PX", "10");
    const gone = new Session(instance);
    gone.call("MULTI");
    gone.call("PING");
    gone.free();
    // Takes the freed record's place.
    const next = new Session(instance);
    expect(next.handle).toBe(gone.handle);
    const watcher = next;
    watcher.setFlag(ClientFlag.NoEvict, true);
    engine.setClientFlag(watcher.handle, ClientFlag.ReadOnly, true);
    setter.call("WATCH", "k");
    engine.expireCycle(setter.nowMs + 1_000, 1_000);
    expect(setter.flags & ClientFlag.DirtyCas).not.toBe(0);
    expect(watcher.flags).toBe(ClientFlag.NoEvict | ClientFlag.ReadOnly);
  }
});

test("errors while queueing and while running", async () => {
  for (const instance of await startEngines()) {
    const session = new Session(instance);
    expect(message(session.call("EXEC"))).toBe("ERR EXEC without MULTI");
    expect(message(session.call("DISCARD"))).toBe("ERR DISCARD without MULTI");
    session.call("MULTI");
    expect(message(session.call("MULTI"))).toBe("ERR MULTI calls can not be nested");
    session.call("SET", "a", "x");
    expect(session.call("EXEC")).toEqual(["OK"]);
    for (const wrong of [["NOSUCH"], ["GET"], ["OBJECT", "NOSUCH", "k"]]) {
      session.call("MULTI");
      session.call("SET", "a", "y");
      expect(message(session.call(...wrong))).not.toBe("");
      expect(message(session.call("EXEC"))).toBe(
        "EXECABORT Transaction discarded because of previous errors.",
      );
      expect(session.call("GET", "a")).toBe("x");
    }
    session.call("MULTI");
    session.call("INCR", "a");
    session.call("SET", "a", "z", "WRONG");
    session.call("SET", "b", "1");
    const replies = session.call("EXEC") as Reply[];
    expect(replies.map(message)).toEqual([
      "ERR value is not an integer or out of range",
      "ERR syntax error",
      "",
    ]);
    expect(session.call("GET", "b")).toBe("1");
  }
});

test("host commands inside EXEC are answered in their place, also in one pipeline", async () => {
  let inside = 0;
  const host: Host = (argv, session) => {
    const flags = session.flags;
    if ((flags & ClientFlag.Executing) !== 0) inside++;
    // A host command may change the client, here its protocol.
    if (argv[0] === "HELLO") session.engine.setClientWord(session.handle, Client.Protocol, 3);
    return `+${argv.join(" ")}\r\n`;
  };
  for (const instance of await startEngines()) {
    inside = 0;
    const session = new Session(instance, { host });
    const commands = [
      ["PING", "0"],
      ["MULTI"],
      ["SET", "a", "1"],
      ["PING", "1"],
      ["GET", "none"],
      ["HELLO"],
    ];
    commands.push(["GET", "none"], ["PING", "2"], ["EXEC"], ["PING", "3"], ["GET", "a"]);
    session.feed(Buffer.concat(commands.map(encode)));
    expect(session.replies()).toEqual([
      "PING 0",
      "OK",
      ...Array.from({ length: 6 }, () => "QUEUED"),
      ["OK", "PING 1", null, "HELLO", null, "PING 2"],
      "PING 3",
      "1",
    ]);
    expect(inside).toBe(3);
    expect(session.flags & (ClientFlag.Multi | ClientFlag.Executing)).toBe(0);
  }
});

test("random transactions of five clients against a model", async () => {
  const seed = 0x7a5;
  for (const instance of await startEngines()) {
    instance.engine.set(Setting.Journal, 1);
    const random = seeded(seed);
    const model = new Map<string, string>();
    const clients = Array.from({ length: 5 }, () => ({
      session: new Session(instance),
      queue: undefined as [string, string][] | undefined,
      watched: new Set<string>(),
      dirty: false,
    }));
    const write = (key: string, value: string): void => {
      model.set(key, value);
      for (const each of clients) if (each.watched.has(key)) each.dirty = true;
    };
    for (let step = 0; step < 8_000; step++) {
      const client = clients[random() % 5] as (typeof clients)[number];
      const { session } = client;
      const key = `k${random() % 8}`;
      const where = `${instance.name}, seed ${seed}, step ${step}`;
      switch (random() % 6) {
        case 0:
          if (client.queue !== undefined) break;
          session.call("WATCH", key);
          client.watched.add(key);
          break;
        case 1:
          if (client.queue === undefined) {
            session.call("MULTI");
            client.queue = [];
          }
          break;
        case 2:
        case 3: {
          const value = `${step}`;
          const reply = session.call("SET", key, value);
          if (client.queue === undefined) write(key, value);
          else client.queue.push([key, value]);
          expect(`${where}: ${reply}`).toBe(
            `${where}: ${client.queue === undefined ? "OK" : "QUEUED"}`,
          );
          break;
        }
        case 4:
          if (client.queue === undefined) {
            expect(session.call("GET", key)).toBe(model.get(key) ?? null);
            break;
          }
          if (random() % 4 === 0) session.call("DISCARD");
          else {
            const reply = session.call("EXEC");
            expect(`${where}: ${reply === null}`).toBe(`${where}: ${client.dirty}`);
            client.watched.clear();
            if (!client.dirty) for (const [name, value] of client.queue) write(name, value);
          }
          client.queue = undefined;
          client.watched.clear();
          client.dirty = false;
          break;
        default:
          if (client.queue === undefined && random() % 10 === 0) {
            session.call("UNWATCH");
            client.watched.clear();
            client.dirty = false;
          }
      }
    }
    for (const { session } of clients) session.free();
    const reader = new Session(instance);
    for (const [key, value] of model) expect(reader.call("GET", key)).toBe(value);
    expect(instance.engine.counters.stat(Stat.ClientMemory)).toBe(0);
    expect(sound(instance)).toBe(true);
  }
});
