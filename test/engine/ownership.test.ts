import { beforeAll, expect, test } from "bun:test";
import { ClientFlag, SlotState } from "../../assembly/abi.ts";
import { Gate, Setting } from "../../assembly/settings.ts";
import { entry, loadBuilds, put } from "../assembly/load.ts";
import { encode, type Instance, type Reply, Session, sound, startEngines } from "./harness.ts";

/** Whether this node serves a key: Redis 7.0 getNodeByQuery, decided from one byte per slot. */

beforeAll(async () => {
  await loadBuilds();
}, 120_000);

function slotOf(instance: Instance, key: string): number {
  const scratch = entry(instance.build, "scratchPtr")() >>> 0;
  const length = put(instance.build, scratch, key);
  return entry(instance.build, "keySlot")(scratch, length);
}

/** The first word or two of an error, else the reply. */
function verdict(reply: Reply | undefined): string {
  if (typeof reply === "object" && reply !== null && "error" in reply) {
    return reply.error.startsWith("CLUSTERDOWN")
      ? reply.error
      : (reply.error.split(" ")[0] as string);
  }
  return "served";
}

const notServed = "CLUSTERDOWN Hash slot not served";
const down = "CLUSTERDOWN The cluster is down";
const downReads = "CLUSTERDOWN The cluster is down and only accepts read commands";

interface Case {
  readonly state: number;
  readonly argv: readonly string[];
  readonly expected: string;
  readonly flags?: ClientFlag;
  readonly gates?: number;
  readonly readsWhenDown?: boolean;
  readonly other?: number;
}

const { Owned, Migrating, Importing, OfPrimary, Unbound } = SlotState;
const { Asking, ReadOnly } = ClientFlag;

/** Keys `{s}here` exists and `{s}gone` does not; `{o}x` is in another slot. */
const cases: readonly Case[] = [
  { state: Owned, argv: ["GET", "{s}here"], expected: "served" },
  { state: Owned, argv: ["SET", "{s}gone", "1"], expected: "served" },
  { state: Owned, argv: ["MGET", "{s}here", "{s}gone"], expected: "served" },
  { state: Owned, argv: ["MGET", "{s}here", "{o}x"], expected: "CROSSSLOT" },
  { state: Owned, argv: ["MSET", "{s}here", "{o}x", "{s}gone", "{o}x"], expected: "served" },
  { state: Owned, argv: ["MSET", "{s}here", "1", "{o}x", "1"], expected: "CROSSSLOT" },
  { state: Owned, argv: ["RENAME", "{s}here", "{o}x"], expected: "CROSSSLOT" },
  { state: Owned, argv: ["DEL", "{s}gone", "{s}gone2", "{o}x"], expected: "CROSSSLOT" },
  { state: 0, argv: ["GET", "{s}here"], expected: "MOVED" },
  { state: 0, argv: ["GET", "{s}here"], flags: Asking, expected: "MOVED" },
  { state: 0, argv: ["GET", "{s}here"], flags: ReadOnly, expected: "MOVED" },
  { state: 0, argv: ["MGET", "{s}here", "{o}x"], expected: "CROSSSLOT" },
  { state: 0, argv: ["PING"], expected: "served" },
  { state: 0, argv: ["DBSIZE"], expected: "served" },
  { state: 0, argv: ["OBJECT", "ENCODING", "{s}here"], expected: "MOVED" },
  { state: 0, argv: ["WATCH", "{s}here"], expected: "MOVED" },
  { state: Unbound, argv: ["GET", "{s}here"], expected: notServed },
  { state: Unbound, argv: ["MGET", "{s}here", "{o}x"], expected: notServed },
  { state: Owned, other: Unbound, argv: ["MGET", "{s}here", "{o}x"], expected: "CROSSSLOT" },
  // Migrating: what is still here is served, the rest is asked for over there.
  { state: Owned | Migrating, argv: ["GET", "{s}here"], expected: "served" },
  { state: Owned | Migrating, argv: ["GET", "{s}gone"], expected: "ASK" },
  { state: Owned | Migrating, argv: ["SET", "{s}gone", "1"], expected: "ASK" },
  { state: Owned | Migrating, argv: ["MGET", "{s}here", "{s}here2"], expected: "served" },
  { state: Owned | Migrating, argv: ["MGET", "{s}here", "{s}gone"], expected: "TRYAGAIN" },
  { state: Owned | Migrating, argv: ["MGET", "{s}gone", "{s}gone2"], expected: "ASK" },
  {
    state: Owned | Migrating,
    argv: ["MSET", "{s}here", "1", "{s}gone", "1"],
    expected: "TRYAGAIN",
  },
  { state: Owned | Migrating, argv: ["GET", "{s}expired"], expected: "ASK" },
  // Importing: only for those who were sent here.
  { state: Importing, argv: ["GET", "{s}here"], expected: "MOVED" },
  { state: Importing, argv: ["GET", "{s}here"], flags: Asking, expected: "served" },
  { state: Importing, argv: ["GET", "{s}gone"], flags: Asking, expected: "served" },
  { state: Importing, argv: ["SET", "{s}gone", "1"], flags: Asking, expected: "served" },
  { state: Importing, argv: ["MGET", "{s}here", "{s}here2"], flags: Asking, expected: "served" },
  { state: Importing, argv: ["MGET", "{s}here", "{s}gone"], flags: Asking, expected: "TRYAGAIN" },
  { state: Importing, argv: ["MGET", "{s}gone", "{s}gone"], flags: Asking, expected: "served" },
  {
    state: Importing,
    argv: ["MSET", "{s}gone", "1", "{s}gone2", "1"],
    flags: Asking,
    expected: "TRYAGAIN",
  },
  { state: Importing, argv: ["RESTORE-ASKING", "{s}gone", "0", "x"], expected: "ERR" },
  // A replica's reads for READONLY clients.
  { state: OfPrimary, argv: ["GET", "{s}here"], expected: "MOVED" },
  { state: OfPrimary, argv: ["GET", "{s}here"], flags: ReadOnly, expected: "served" },
  { state: OfPrimary, argv: ["MGET", "{s}here", "{s}gone"], flags: ReadOnly, expected: "served" },
  { state: OfPrimary, argv: ["MGET", "{s}here", "{o}x"], flags: ReadOnly, expected: "CROSSSLOT" },
  { state: OfPrimary, argv: ["SET", "{s}here", "1"], flags: ReadOnly, expected: "MOVED" },
  // The cluster is down.
  { state: Owned, gates: Gate.ClusterDown, argv: ["GET", "{s}here"], expected: down },
  { state: Owned, gates: Gate.ClusterDown, argv: ["SET", "{s}here", "1"], expected: down },
  { state: Owned, gates: Gate.ClusterDown, argv: ["PING"], expected: "served" },
  { state: 0, gates: Gate.ClusterDown, argv: ["GET", "{s}here"], expected: down },
  { state: Unbound, gates: Gate.ClusterDown, argv: ["GET", "{s}here"], expected: notServed },
  {
    state: Owned,
    gates: Gate.ClusterDown,
    argv: ["MGET", "{s}here", "{o}x"],
    expected: "CROSSSLOT",
  },
  {
    state: Owned,
    gates: Gate.ClusterDown,
    readsWhenDown: true,
    argv: ["GET", "{s}here"],
    expected: "served",
  },
  {
    state: 0,
    gates: Gate.ClusterDown,
    readsWhenDown: true,
    argv: ["GET", "{s}here"],
    expected: "MOVED",
  },
  {
    state: Owned,
    gates: Gate.ClusterDown,
    readsWhenDown: true,
    argv: ["SET", "{s}here", "1"],
    expected: downReads,
  },
];

async function clusterNodes(): Promise<Instance[]> {
  const instances = await startEngines();
  for (const { engine } of instances) engine.set(Setting.ClusterEnabled, 1);
  return instances;
}

/** Puts the keys in place through a client that asks nobody. */
function prepare(instance: Instance, state: number, other: number = Owned): void {
  const { engine } = instance;
  const internal = new Session(instance, { flags: ClientFlag.Internal });
  internal.call("FLUSHALL");
  internal.call("MSET", "{s}here", "1", "{s}here2", "2", "{o}x", "3");
  internal.call("SET", "{s}expired", "1", "PXAT", "1000");
  internal.free();
  engine.slotStatesView()[slotOf(instance, "{s}")] = state;
  engine.slotStatesView()[slotOf(instance, "{o}")] = other;
}

test("a command is served, redirected or refused", async () => {
  for (const instance of await clusterNodes()) {
    const { engine } = instance;
    for (const each of cases) {
      prepare(instance, each.state, each.other);
      engine.set(Setting.Gates, each.gates ?? 0);
      engine.set(Setting.ClusterAllowReadsWhenDown, each.readsWhenDown === true ? 1 : 0);
      const session = new Session(instance, { flags: (each.flags ?? 0) as ClientFlag });
      expect({ ...each, got: verdict(session.call(...each.argv)) }).toEqual({
        ...each,
        got: each.expected,
      });
      // The primary's stream and the host's own clients ask nobody.
      for (const flags of [ClientFlag.Primary, ClientFlag.Internal]) {
        const obeyed = new Session(instance, { flags });
        obeyed.feed(encode(["SET", "{s}here", "obeyed"]));
        obeyed.free();
        const reader = new Session(instance, { flags: ClientFlag.Internal });
        expect(reader.call("GET", "{s}here")).toBe("obeyed");
        reader.call("SET", "{s}here", "1");
        reader.free();
      }
      session.free();
      engine.set(Setting.Gates, 0);
    }
    expect(sound(instance)).toBe(true);
  }
});

test("in a transaction each command is checked when it is queued, and EXEC for all of them", async () => {
  for (const instance of await clusterNodes()) {
    const { engine } = instance;
    const states = (state: number): void => {
      engine.slotStatesView()[slotOf(instance, "{s}")] = state;
    };
    prepare(instance, Owned);
    const session = new Session(instance);
    const begin = (...commands: string[][]): void => {
      expect(session.call("MULTI")).toBe("OK");
      for (const argv of commands) expect(session.call(...argv)).toBe("QUEUED");
    };
    begin(["GET", "{s}here"], ["SET", "{s}gone", "1"]);
    expect(session.call("EXEC")).toEqual(["1", "OK"]);
    // Refused while queueing: the transaction is doomed.
    begin(["GET", "{s}here"]);
    states(0);
    expect(verdict(session.call("GET", "{s}here"))).toBe("MOVED");
    states(Owned);
    expect(verdict(session.call("EXEC"))).toBe("EXECABORT");
    // The slot goes away between queueing and EXEC: EXEC is redirected and the transaction is over.
    for (const [state, expected] of [
      [0, "MOVED"],
      [Unbound, notServed],
      [OfPrimary, "MOVED"],
    ] as const) {
      begin(["GET", "{s}here"]);
      states(state);
      expect(verdict(session.call("EXEC"))).toBe(expected);
      states(Owned);
      expect(session.call("EXEC")).toEqual({ error: "ERR EXEC without MULTI" });
    }
    begin(["GET", "{s}here"], ["GET", "{s}missing"]);
    states(Owned | Migrating);
    expect(verdict(session.call("EXEC"))).toBe("TRYAGAIN");
    states(Owned);
    begin(["GET", "{s}missing"]);
    states(Owned | Migrating);
    expect(verdict(session.call("EXEC"))).toBe("ASK");
    states(Owned);
    // Two slots, each of them ours: Redis refuses that only at EXEC.
    begin(["GET", "{s}here"], ["GET", "{o}x"]);
    expect(verdict(session.call("EXEC"))).toBe("CROSSSLOT");
    // A replica: reads for READONLY, but not with a write among them.
    states(OfPrimary);
    session.call("READONLY");
    begin(["GET", "{s}here"]);
    expect(session.call("EXEC")).toEqual(["1"]);
    session.call("READWRITE");
    expect(verdict(session.call("GET", "{s}here"))).toBe("MOVED");
    session.free();
    expect(sound(instance)).toBe(true);
  }
});

test("ASKING holds for one command, or for one transaction", async () => {
  for (const instance of await clusterNodes()) {
    prepare(instance, Importing);
    const session = new Session(instance);
    expect(verdict(session.call("GET", "{s}here"))).toBe("MOVED");
    expect(session.call("ASKING")).toBe("OK");
    expect(session.call("GET", "{s}here")).toBe("1");
    expect(verdict(session.call("GET", "{s}here"))).toBe("MOVED");
    session.call("ASKING");
    session.call("PING");
    expect(verdict(session.call("GET", "{s}here"))).toBe("MOVED");
    session.call("ASKING");
    expect(session.call("MULTI")).toBe("OK");
    session.call("ASKING");
    // MULTI used the first ASKING up; the second one lasts until EXEC is over.
    expect(session.call("DISCARD")).toBe("OK");
    expect(session.call("MULTI")).toBe("OK");
    session.setFlag(Asking, true);
    expect(session.call("SET", "{s}gone", "1")).toBe("QUEUED");
    expect(session.call("GET", "{s}gone")).toBe("QUEUED");
    expect(session.call("EXEC")).toEqual(["OK", "1"]);
    expect(verdict(session.call("GET", "{s}gone"))).toBe("MOVED");
  }
});

test("keys of a slot are counted, listed and deleted", async () => {
  for (const instance of await clusterNodes()) {
    const { engine } = instance;
    engine.set(Setting.Journal, 1);
    prepare(instance, Owned);
    const slot = slotOf(instance, "{s}");
    const session = new Session(instance);
    for (let index = 0; index < 500; index++) session.call("SET", `{s}${index}`, "v");
    expect(engine.countKeysInSlot(slot)).toBe(503);
    expect(engine.keysInSlot(slot, 10).length).toBe(10);
    const keys = engine.keysInSlot(slot, 10_000).map((key) => Buffer.from(key).toString());
    expect(new Set(keys).size).toBe(503);
    expect(keys.includes("{s}499")).toBe(true);
    session.take();
    session.journalText();
    expect(engine.deleteKeysInSlot(slot, session.nowMs)).toBe(503);
    expect(engine.countKeysInSlot(slot)).toBe(0);
    expect(engine.keyCount(0)).toBe(1);
    session.take();
    expect(session.journalText().split("$3\r\nDEL\r\n").length).toBe(504);
    expect(sound(instance)).toBe(true);
  }
});
