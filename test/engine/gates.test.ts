import { beforeAll, expect, test } from "bun:test";
import { Client, ClientFlag, CommandStat, Stat, Yield } from "../../assembly/abi.ts";
import { Command, CommandFlag } from "../../assembly/command-ids.ts";
import { Gate, Setting } from "../../assembly/settings.ts";
import { CommandTable } from "../../src/commands/table.ts";
import { loadBuilds } from "../assembly/load.ts";
import { encode, type Host, type Reply, Session, sound, startEngines } from "./harness.ts";

/** What stands between a parsed command and its body; how the host interrupts and goes on. */

beforeAll(async () => {
  await loadBuilds();
}, 120_000);

const okReply = "OK";
const queued = "QUEUED";

function message(reply: Reply | undefined): string {
  return typeof reply === "object" && reply !== null && "error" in reply ? reply.error : "";
}

const misconf =
  "MISCONF Redis is configured to save RDB snapshots, but it's currently unable to persist to disk. " +
  "Commands that may modify the data set are disabled, because this instance is configured to " +
  "report errors during writes if RDB snapshotting fails (stop-writes-on-bgsave-error option). " +
  "Please check the Redis logs for details about the RDB error.";

interface GateCase {
  readonly gate: Gate;
  readonly error: string;
  /** Whether a command with these flags is refused. */
  readonly refuses: (flags: number, id: Command) => boolean;
}

const isWrite = (flags: number): boolean => (flags & CommandFlag.Write) !== 0;

const gateCases: readonly GateCase[] = [
  {
    gate: Gate.Loading,
    error: "LOADING Redis is loading the dataset in memory",
    refuses: (flags) => (flags & CommandFlag.Loading) === 0,
  },
  {
    gate: Gate.MasterDown,
    error: "MASTERDOWN Link with MASTER is down and replica-serve-stale-data is set to 'no'.",
    refuses: (flags) => (flags & CommandFlag.Stale) === 0,
  },
  {
    gate: Gate.NoReplicas,
    error: "NOREPLICAS Not enough good replicas to write.",
    refuses: isWrite,
  },
  {
    gate: Gate.ReadOnlyReplica,
    error: "READONLY You can't write against a read only replica.",
    refuses: isWrite,
  },
  {
    gate: Gate.DiskError,
    error: misconf,
    refuses: (flags, id) => isWrite(flags) || id === Command.Ping,
  },
  {
    gate: Gate.AofError,
    error: "MISCONF Errors writing to the AOF file: No space left on device",
    refuses: (flags, id) => isWrite(flags) || id === Command.Ping,
  },
];

/** A call of the row with as many arguments as it needs; none that starts a transaction or closes. */
function plainCalls(): { id: Command; flags: number; argv: string[] }[] {
  const skipped = new Set([Command.Multi, Command.Exec, Command.Discard, Command.Select]);
  return new CommandTable()
    .engineRows()
    .filter((row) => !skipped.has(row.id) && row.subcommands.length === 0)
    .map((row) => ({
      id: row.id,
      flags: row.flags,
      argv: [row.name, ...Array.from({ length: Math.abs(row.arity) - 1 }, () => "1")],
    }));
}

test("each gate refuses what Redis refuses and spares the rest", async () => {
  for (const instance of await startEngines()) {
    for (const { gate, error, refuses } of gateCases) {
      for (const { id, flags, argv } of plainCalls()) {
        instance.engine.set(Setting.Gates, gate);
        const session = new Session(instance);
        const got = message(session.call(...argv));
        expect({ gate, argv, refused: got === error }).toEqual({
          gate,
          argv,
          refused: refuses(flags, id),
        });
        const internal = new Session(instance, { flags: ClientFlag.Internal });
        expect(message(internal.call(...argv))).not.toBe(error);
        session.free();
        internal.free();
        instance.engine.set(Setting.Gates, 0);
      }
    }
  }
});

test("a gate that closes between MULTI and EXEC aborts EXEC with its own text", async () => {
  for (const instance of await startEngines()) {
    for (const { gate, error } of gateCases) {
      const session = new Session(instance);
      session.call("MULTI");
      expect(session.call("SET", "k", "v")).toBe(queued);
      instance.engine.set(Setting.Gates, gate);
      expect({ gate, text: message(session.call("EXEC")) }).toEqual({
        gate,
        text: `EXECABORT Transaction discarded because of: ${error}`,
      });
      instance.engine.set(Setting.Gates, 0);
      expect(session.call("GET", "k")).toBe(null);
      expect(message(session.call("EXEC"))).toBe("ERR EXEC without MULTI");
      // And while queueing: the command is refused and the transaction is doomed.
      session.call("MULTI");
      instance.engine.set(Setting.Gates, gate);
      expect(message(session.call("SET", "k", "v"))).toBe(error);
      instance.engine.set(Setting.Gates, 0);
      expect(message(session.call("EXEC"))).toBe(
        "EXECABORT Transaction discarded because of previous errors.",
      );
      session.free();
    }
  }
});

test("maxmemory refuses what may grow, and queueing", async () => {
  for (const instance of await startEngines()) {
    const { engine } = instance;
    const session = new Session(instance);
    session.call("SET", "k", "v");
    session.call("MULTI");
    session.call("GET", "k");
    engine.set(Setting.MaxMemory, 1000);
    engine.set(Setting.Gates, Gate.MaxMemory);
    const oom = "OOM command not allowed when used memory > 'maxmemory'.";
    expect(message(session.call("GET", "k"))).toBe(oom);
    expect(session.call("DISCARD")).toBe(okReply);
    expect(message(session.call("SET", "k", "w"))).toBe(oom);
    expect(session.call("GET", "k")).toBe("v");
    expect(session.call("EXPIRE", "k", "100")).toBe(1);
    expect(session.call("DEL", "k")).toBe(1);
    engine.set(Setting.MaxMemory, 1e9);
    expect(session.call("SET", "k", "w")).toBe(okReply);
    session.free();
  }
});

test("clients: NOAUTH, subscribed mode, replicas", async () => {
  for (const instance of await startEngines()) {
    for (const { id, flags, argv } of plainCalls()) {
      const needsAuth = new Session(instance, { flags: ClientFlag.NeedsAuth });
      const refused = message(needsAuth.call(...argv)) === "NOAUTH Authentication required.";
      expect({ argv, refused }).toEqual({ argv, refused: (flags & CommandFlag.NoAuth) === 0 });
      needsAuth.free();

      const subscribed = new Session(instance, { flags: ClientFlag.Subscribed });
      const name = (argv[0] as string).toLowerCase();
      const text = `ERR Can't execute '${name}': only (P|S)SUBSCRIBE / (P|S)UNSUBSCRIBE / PING / QUIT / RESET are allowed in this context`;
      expect({ argv, text: message(subscribed.call(...argv)) === text }).toEqual({
        argv,
        text: (flags & CommandFlag.Subscriber) === 0,
      });
      if (id === Command.Get) {
        instance.engine.setClientWord(subscribed.handle, Client.Protocol, 3);
        expect(subscribed.call(...argv)).toBe(null);
      }
      subscribed.free();

      const replica = new Session(instance, { flags: ClientFlag.Replica });
      const touches = CommandFlag.Write | CommandFlag.ReadOnly | CommandFlag.MayReplicate;
      const barred =
        message(replica.call(...argv)) === "ERR Replica can't interact with the keyspace";
      expect({ argv, barred }).toEqual({ argv, barred: (flags & touches) !== 0 });
      replica.free();
    }
  }
});

test("no replies for a primary, REPLY OFF and REPLY SKIP; transactions included", async () => {
  const run = encode(["SET", "a", "1"]);
  const transaction = Buffer.concat([
    encode(["MULTI"]),
    encode(["INCR", "a"]),
    encode(["PING"]),
    encode(["GET", "a"]),
    encode(["EXEC"]),
  ]);
  for (const instance of await startEngines()) {
    for (const flags of [ClientFlag.Primary, ClientFlag.ReplyOff]) {
      const session = new Session(instance, { flags });
      const all = Buffer.concat([
        run,
        transaction,
        encode(["NOSUCH"]),
        encode(["GET"]),
        encode(["EXEC"]),
      ]);
      expect(session.feed(all).raw()).toBe("");
      expect(session.feed(encode(["PING"])).raw()).toBe("");
      session.free();
    }
    expect(new Session(instance).call("GET", "a")).toBe("2");
    // CLIENT REPLY SKIP: its own reply is left out by the host, then one command's.
    const host: Host = (argv, session) => {
      if (argv[0] !== "CLIENT") return "+PONG\r\n";
      session.setFlag(ClientFlag.ReplySkipNext, true);
      return "";
    };
    const skip = encode(["CLIENT", "REPLY", "SKIP"]);
    const session = new Session(instance, { host });
    expect(session.feed(Buffer.concat([skip, run, encode(["PING"])])).raw()).toBe("+PONG\r\n");
    expect(session.feed(Buffer.concat([skip, encode(["PING"]), run])).raw()).toBe("+OK\r\n");
    expect(session.feed(encode(["MULTI"])).raw()).toBe("+OK\r\n");
    expect(session.feed(encode(["INCR", "a"])).raw()).toBe("+QUEUED\r\n");
    expect(session.feed(encode(["INCR", "a"])).raw()).toBe("+QUEUED\r\n");
    session.setFlag(ClientFlag.ReplySkip, true);
    expect(session.feed(Buffer.concat([encode(["EXEC"]), encode(["GET", "a"])])).raw()).toBe(
      "$1\r\n3\r\n",
    );
  }
});

test("Closing ends the connection after the command in hand, and after EXEC as a whole", async () => {
  for (const instance of await startEngines()) {
    instance.engine.set(Setting.Journal, 1);
    const host: Host = (argv, session) => {
      if (argv[0] === "PING") session.setFlag(ClientFlag.Closing, true);
      return "+PONG\r\n";
    };
    const session = new Session(instance, { host });
    session.feed(Buffer.concat([encode(["PING"]), encode(["SET", "never", "1"])]));
    expect(session.closed).toBe(true);
    expect(session.raw()).toBe("+PONG\r\n");
    session.free();

    const exec = new Session(instance, { host });
    exec.feed(
      Buffer.concat([
        encode(["MULTI"]),
        encode(["SET", "a", "1"]),
        encode(["PING"]),
        encode(["SET", "b", "1"]),
        encode(["EXEC"]),
        encode(["SET", "never", "1"]),
      ]),
    );
    expect(exec.closed).toBe(true);
    expect(exec.raw()).toEndWith("*3\r\n+OK\r\n+PONG\r\n+OK\r\n");
    expect(exec.journalText()).toEndWith("*1\r\n$4\r\nEXEC\r\n");
    exec.free();
    const other = new Session(instance);
    // The rest of the closed client's input is nobody's.
    expect(other.feed(encode(["EXISTS", "never"])).raw()).toBe(":0\r\n");
    other.free();
    expect(sound(instance)).toBe(true);
  }
});

test("a client that goes away inside EXEC leaves no open transaction in the journal", async () => {
  for (const instance of await startEngines()) {
    instance.engine.set(Setting.Journal, 1);
    const session = new Session(instance, { host: () => "close" });
    session.feed(
      Buffer.concat([
        ...[["MULTI"], ["SET", "a", "1"], ["SET", "b", "1"], ["PING"], ["EXEC"]].map(encode),
        encode(["SET", "never", "1"]),
      ]),
    );
    session.free();
    const other = new Session(instance);
    expect(other.call("SET", "c", "1")).toBe(okReply);
    const text = other.journalText();
    expect(text.split("MULTI").length).toBe(2);
    expect(text.indexOf("EXEC")).toBeGreaterThan(text.indexOf("MULTI"));
    expect(text.indexOf("EXEC")).toBeLessThan(text.lastIndexOf("SET"));
    expect(other.call("GET", "never")).toBe(null);
  }
});

function parkingHost(): Host {
  return (argv) => (argv[0] === "WAIT" ? "park" : "+PONG\r\n");
}

test("a client parked in the middle of its input goes on where it stood, whatever others did", async () => {
  for (const instance of await startEngines()) {
    const { engine } = instance;
    const big = "v".repeat(100_000);
    const tails: Buffer[] = [
      Buffer.concat([encode(["SET", "b", "2"]), encode(["GET", "b"])]),
      Buffer.from("SET b 2\r\nGET b\r\n"),
      encode(["SET", "b", "2"]).subarray(0, 12),
      Buffer.alloc(0),
    ];
    for (const [index, tail] of tails.entries()) {
      for (const before of [0, 1, 9]) {
        const first = new Session(instance, { host: parkingHost() });
        const bytes = Buffer.concat([encode(["SET", "a", "1"]), encode(["WAIT", "0", "0"]), tail]);
        first.feed(bytes, before === 0 ? [] : [before]);
        expect(first.parkedOn).toBe(Yield.Host);
        expect(first.raw()).toBe("+OK\r\n");
        const calls = engine.counters.commandStat(Command.Wait, CommandStat.Calls);
        const commands = engine.counters.stat(Stat.Commands);
        // Others: whole, incomplete, closing with input left, large, in a transaction, parked as well.
        const others = [
          encode(["SET", "x", "1"]),
          encode(["SET", "x", "1"]).subarray(0, 15),
          Buffer.concat([Buffer.from("*1\r\n$x\r\n"), encode(["SET", "never", "1"])]),
          encode(["SET", "x", big]).subarray(0, 60_000),
          Buffer.concat([encode(["MULTI"]), encode(["SET", "y", "1"])]),
          Buffer.concat([encode(["WAIT", "0", "0"]), encode(["SET", "z", "1"])]),
        ].map((input) => new Session(instance, { host: parkingHost() }).feed(input));
        engine.reply(Buffer.from(":0\r\n"));
        first.resume();
        expect(engine.counters.commandStat(Command.Wait, CommandStat.Calls)).toBe(calls + 1);
        expect(engine.counters.stat(Stat.Commands)).toBeGreaterThan(commands);
        if (index === 2)
          first.feed(encode(["SET", "b", "2"]).subarray(12)).feed(encode(["GET", "b"]));
        if (index === 3) first.feed(encode(["SET", "b", "2"])).feed(encode(["GET", "b"]));
        expect(first.raw()).toBe(":0\r\n+OK\r\n$1\r\n2\r\n");
        first.free();
        for (const other of others) other.free();
        const check = new Session(instance);
        expect(check.call("EXISTS", "never")).toBe(0);
        expect(check.call("FLUSHALL")).toBe(okReply);
        check.free();
      }
    }
    expect(engine.counters.stat(Stat.ClientMemory)).toBe(0);
    expect(sound(instance)).toBe(true);
  }
});

test("a silent client's late answer is dropped", async () => {
  for (const instance of await startEngines()) {
    const session = new Session(instance, { host: parkingHost(), flags: ClientFlag.ReplyOff });
    session.feed(Buffer.concat([encode(["WAIT", "0", "0"]), encode(["SET", "a", "1"])]));
    new Session(instance).call("SET", "b", "1");
    instance.engine.reply(Buffer.from(":0\r\n"));
    expect(session.resume().raw()).toBe("");
    expect(new Session(instance).call("GET", "a")).toBe("1");
  }
});

test("a paused command runs exactly once when the pause ends", async () => {
  const big = "v".repeat(90_000);
  const requests: { name: string; bytes: Buffer; cuts?: number[]; end: [string, Reply] }[] = [
    { name: "in the region", bytes: encode(["APPEND", "k", "x"]), end: ["k", "x"] },
    { name: "cut", bytes: encode(["APPEND", "k", "x"]), cuts: [10, 17], end: ["k", "x"] },
    { name: "inline", bytes: Buffer.from('APPEND "k" "\\x41"\r\n'), end: ["k", "A"] },
    {
      name: "inline cut",
      bytes: Buffer.from('APPEND k "\\x41\\\\x41"\r\n'),
      cuts: [5],
      end: ["k", "A\\x41"],
    },
    {
      name: "large",
      bytes: encode(["MSET", "a", "1", "k", big]),
      cuts: [50, 40_000, 80_000],
      end: ["k", big],
    },
  ];
  for (const instance of await startEngines()) {
    const { engine } = instance;
    for (const gate of [Gate.PauseWrites, Gate.PauseAll]) {
      for (const { name, bytes, cuts, end } of requests) {
        for (const tail of [
          Buffer.alloc(0),
          encode(["APPEND", "tail", "t"]),
          Buffer.from("*1\r\n$4"),
        ]) {
          const session = new Session(instance);
          engine.set(Setting.Gates, gate);
          session.feed(Buffer.concat([bytes, tail]), cuts ?? []);
          expect({ name, parked: session.parkedOn }).toEqual({ name, parked: Yield.Paused });
          // Still paused: resuming pauses again.
          session.resume();
          expect(session.parkedOn).toBe(Yield.Paused);
          engine.set(Setting.Gates, 0);
          const other = new Session(instance);
          other.feed(encode(["SET", "other", "1"]));
          other.feed(encode(["SET", "other", big]).subarray(0, 50_000));
          expect(session.raw()).toBe("");
          const calls = engine.counters.stat(Stat.Commands);
          session.resume();
          expect(session.parkedOn).toBe(undefined);
          expect(engine.counters.stat(Stat.Commands) - calls).toBe(tail.length > 10 ? 2 : 1);
          other.free();
          const check = new Session(instance);
          expect(check.call("GET", end[0]) === end[1]).toBe(true);
          expect(check.call("GET", "tail")).toBe(tail.length > 10 ? "t" : null);
          check.call("FLUSHALL");
          check.free();
          session.free();
        }
      }
    }
    expect(engine.counters.stat(Stat.ClientMemory)).toBe(0);
    expect(sound(instance)).toBe(true);
  }
});

test("pauses spare reads (writes only), replicas and the primary; EXEC waits as a whole", async () => {
  for (const instance of await startEngines()) {
    const { engine } = instance;
    const session = new Session(instance);
    session.call("MULTI");
    session.call("SET", "a", "1");
    engine.set(Setting.Gates, Gate.PauseWrites);
    expect(new Session(instance).call("GET", "a")).toBe(null);
    const primary = new Session(instance, { flags: ClientFlag.Primary });
    primary.feed(encode(["SET", "p", "1"]));
    expect(primary.parkedOn).toBe(undefined);
    expect(session.feed(encode(["EXEC"])).parkedOn).toBe(Yield.Paused);
    engine.set(Setting.Gates, 0);
    expect(session.resume().raw()).toBe("*1\r\n+OK\r\n");
    engine.set(Setting.Gates, Gate.PauseAll);
    expect(new Session(instance).feed(encode(["GET", "a"])).parkedOn).toBe(Yield.Paused);
    const replica = new Session(instance, { flags: ClientFlag.Replica });
    expect(replica.feed(encode(["PING"])).parkedOn).toBe(undefined);
    engine.set(Setting.Gates, 0);
  }
});

test("a huge pipeline comes out in order, a bounded piece at a time", async () => {
  for (const instance of await startEngines()) {
    const session = new Session(instance);
    session.call("SET", "k", "v".repeat(2_000));
    const many = Buffer.concat(
      Array.from({ length: 4_000 }, (_, index) =>
        Buffer.concat([
          encode(["GET", "k"]),
          encode(["INCR", "n"]),
          ...(index % 100 === 0 ? [encode(["PING"])] : []),
        ]),
      ),
    );
    session.feed(many);
    const pieces = session.output.map((piece) => piece.length);
    expect(Math.max(...pieces)).toBeLessThan(600_000);
    expect(pieces.length).toBeGreaterThan(10);
    const replies = session.replies().filter((reply) => typeof reply === "number");
    expect(replies).toEqual(Array.from({ length: 4_000 }, (_, index) => index + 1));
  }
});

test("refused and queued commands count as rejected or not at all, never as calls", async () => {
  for (const instance of await startEngines()) {
    const { engine } = instance;
    const stat = (id: Command, what: CommandStat): number => engine.counters.commandStat(id, what);
    const session = new Session(instance);
    for (const argv of [["GET"], ["MULTI"], ["SET", "a", "1"], ["GET"], ["DISCARD"]])
      session.call(...argv);
    expect(stat(Command.Get, CommandStat.Calls)).toBe(0);
    expect(stat(Command.Get, CommandStat.Rejected)).toBe(2);
    expect(stat(Command.Set, CommandStat.Calls)).toBe(0);
    for (const argv of [["MULTI"], ["SET", "a", "x"], ["INCR", "a"], ["EXEC"]])
      session.call(...argv);
    expect(stat(Command.Set, CommandStat.Calls)).toBe(1);
    expect(stat(Command.Incr, CommandStat.Calls)).toBe(1);
    expect(stat(Command.Incr, CommandStat.Failed)).toBe(1);
    expect(stat(Command.Exec, CommandStat.Calls)).toBe(1);
    expect(engine.counters.stat(Stat.Commands)).toBe(6);
  }
});

test("the journal takes a host's command without sending it to the client", async () => {
  for (const instance of await startEngines()) {
    const { engine } = instance;
    engine.set(Setting.Journal, 1);
    const host: Host = (_, session) => {
      session.engine.journalAppend(0, encode(["PUBLISH", "c", "m"]));
      return "+PONG\r\n";
    };
    const session = new Session(instance, { host });
    session.feed(Buffer.concat([encode(["SET", "a", "1"]), encode(["PING"])]));
    expect(session.raw()).toBe("+OK\r\n+PONG\r\n");
    expect(session.journalText()).toEndWith(encode(["PUBLISH", "c", "m"]).toString());
    const commands = [["MULTI"], ["PING"], ["SET", "a", "1"], ["EXEC"]].map(encode);
    session.feed(Buffer.concat(commands)).raw();
    const text = session.journalText();
    expect(text).toStartWith("*1\r\n$5\r\nMULTI\r\n");
    expect(text).toEndWith("*1\r\n$4\r\nEXEC\r\n");
  }
});
