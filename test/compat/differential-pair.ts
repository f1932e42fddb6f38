/** redis-server and Atoll side by side: sends both the same steps and finds the first reply that differs. */
import { type ServerOptions, startServer, type TestServer } from "../support/server.ts";
import { movingSlots } from "./differential-cluster.ts";
import { Comparer } from "./differential-compare.ts";
import { Coverage } from "./differential-coverage.ts";
import { samePayload } from "./differential-dump.ts";
import { Peers } from "./differential-peers.ts";
import { Replicas } from "./differential-replicas.ts";
import { changedDirectives, packedThreshold } from "./differential-settings.ts";
import {
  clientCount,
  command,
  encodeStep,
  nameOf,
  observer,
  type Step,
} from "./differential-step.ts";
import { bulkOf, itemsOf, Wire } from "./differential-wire.ts";

export interface Mismatch {
  /** Index of the step. */
  readonly at: number;
  readonly real: string;
  readonly atoll: string;
}

export interface PairOptions {
  readonly args?: readonly string[];
  readonly cluster?: boolean;
  /** A replica of the other kind behind each server, whose data is compared too. */
  readonly replicas?: boolean;
}

/** How many commands go out in one write at most. */
const PIPELINE_MAX = 64;

export class Pair {
  /** Commands of the steps, each counted once for both servers. */
  sent = 0;
  /** What redis-server answered without an error. */
  readonly coverage = new Coverage();
  private wires: [Wire, Wire][] = [];
  private comparers: Comparer[] = [];
  private observerDatabase = 0;
  private replicas: Replicas | undefined;
  /** What the servers began with of what steps change; both alike. */
  private settings: readonly string[] = [];
  /** In cluster mode, the other node of each server's cluster. */
  private peers: Peers | undefined;

  private constructor(
    private real: TestServer,
    private atoll: TestServer,
    private readonly starts: readonly [ServerOptions, ServerOptions],
    readonly options: PairOptions,
  ) {}

  static async start(options: PairOptions = {}): Promise<Pair> {
    const cluster = options.cluster === true;
    const args = ["--enable-debug-command", "yes", "--proto-max-bulk-len", "1mb", "--save", ""];
    args.push(...(options.args ?? []));
    const starts: [ServerOptions, ServerOptions] = [
      { real: true, args, cluster },
      { args, cluster },
    ];
    const real = await startServer(starts[0]);
    try {
      const pair = new Pair(real, await startServer(starts[1]), starts, options);
      pair.settings = await pair.currentSettings();
      if (options.replicas) pair.replicas = await Replicas.start([pair.real, pair.atoll]);
      if (cluster) pair.peers = await Peers.start([pair.real, pair.atoll]);
      return pair;
    } catch (reason) {
      await real.stop();
      throw reason;
    }
  }

  async stop(): Promise<void> {
    this.hangUp();
    await this.replicas?.stop();
    await Promise.all([this.real.stop(), this.atoll.stop(), this.peers?.stop()]);
  }

  /** A server that ended is a failure of its own; what it logged says why. */
  private async restartEnded(): Promise<void> {
    if (hasEnded(this.real)) {
      console.log(`redis-server ended:\n${this.real.log.slice(0, 3000)}`);
      this.real = await startServer(this.starts[0]);
    }
    if (hasEnded(this.atoll)) {
      console.log(
        `Atoll ended (exit ${this.atoll.process.exitCode}):\n${this.atoll.log.slice(-2000)}`,
      );
      this.atoll = await startServer(this.starts[1]);
    }
  }

  /** Fresh connections, empty databases, and the configuration of the start: nothing of another episode is left. */
  async reset(protocol: 2 | 3): Promise<void> {
    this.hangUp();
    this.observerDatabase = 0;
    // A server that is just dying may still have to be noticed.
    for (let attempt = 0; !(await this.connectAll()); attempt++) {
      if (attempt === 20) throw new Error("a server does not answer");
      await Bun.sleep(100);
      await this.restartEnded();
    }
    const first: string[][] = [
      ["FLUSHALL"],
      ["CONFIG", "SET", ...this.settings],
      ["DEBUG", "QUICKLIST-PACKED-THRESHOLD", packedThreshold.usual],
      ["DEBUG", "SET-ACTIVE-EXPIRE", "0"],
      ["CONFIG", "RESETSTAT"],
      ["CLIENT", "UNPAUSE"],
    ];
    for (const slot of this.peers === undefined ? [] : movingSlots) {
      first.push(["CLUSTER", "SETSLOT", String(slot), "STABLE"]);
      first.push(["CLUSTER", "SETSLOT", String(slot), "NODE", "<self>"]);
    }
    const replies = await this.both(observer, first);
    // After FLUSHALL, the settings: where they were refused, no run would mean what its steps say.
    for (const list of replies) {
      if (list[1] !== "+OK\r\n") throw new Error(`CONFIG SET ${this.settings}: ${list[1]}`);
    }
    if (protocol === 3) {
      for (let client = 0; client < observer; client++) await this.both(client, [["HELLO", "3"]]);
    }
  }

  /** Runs the steps; the first mismatch, or undefined when there is none. */
  async run(steps: readonly Step[]): Promise<Mismatch | undefined> {
    for (let at = 0; at < steps.length; ) {
      const step = steps[at] as Step;
      if (step.kind === "command" || step.kind === "inline") {
        const end = segmentEnd(steps, at);
        const mismatch = await this.segment(steps, at, end);
        if (mismatch !== undefined) return mismatch;
        at = end;
      } else {
        const texts = await this.special(step);
        this.coverage.note(step);
        if (texts !== undefined) return { at, real: texts[0], atoll: texts[1] };
        at++;
      }
    }
    return undefined;
  }

  /** Directives that steps change, with the values that both servers have for them now. */
  async currentSettings(): Promise<string[]> {
    const [real = [], atoll = []] = await Promise.all([this.real, this.atoll].map(settingsOf));
    if (real.join(" ") !== atoll.join(" ")) throw new Error(`${real} but ${atoll}`);
    return real;
  }

  private async segment(
    steps: readonly Step[],
    from: number,
    to: number,
  ): Promise<Mismatch | undefined> {
    const batch = steps.slice(from, to) as Extract<Step, { kind: "command" | "inline" }>[];
    const { client } = batch[0] as { client: number };
    this.sent += batch.length;
    const wires = this.wires[client] as [Wire, Wire];
    for (const [side, wire] of wires.entries()) wire.send(this.encode(batch, side));
    const [real, atoll] = await Promise.all(
      wires.map(async (wire, side) => this.masked(await wire.replies(batch.length), side)),
    );
    const comparer = this.comparers[client] as Comparer;
    for (const [index, step] of batch.entries()) {
      const [one, other] = [real?.[index] ?? silence, atoll?.[index] ?? silence];
      if (one === silence || comparer.differ(step.args, one, other)) {
        return { at: from + index, real: one.toString("latin1"), atoll: other.toString("latin1") };
      }
      if (one[0] !== MINUS && one.toString("latin1", 0, 7) !== "+QUEUED") this.coverage.note(step);
      if (client === observer && nameOf(step.args) === "select") {
        this.observerDatabase = Number(step.args[1]);
      }
    }
    const last = batch.at(-1);
    if (last !== undefined && nameOf(last.args) === "quit") {
      const closed = await Promise.all(wires.map((wire) => wire.untilClosed()));
      if (!closed[0] || !closed[1]) {
        return { at: to - 1, real: `closed: ${closed[0]}`, atoll: `closed: ${closed[1]}` };
      }
      await this.connect(client);
    }
    return undefined;
  }

  private encode(batch: readonly Step[], side: number): Buffer {
    return Buffer.concat(
      batch.map((step) => {
        if (step.kind === "inline") return Buffer.from(step.line, "latin1");
        if (step.kind !== "command") return Buffer.alloc(0);
        return encodeStep(
          this.peers === undefined
            ? step.args
            : step.args.map((arg) => this.peers?.fill(arg, side) ?? arg),
        );
      }),
    );
  }

  /** Replies without what only this server's cluster has: node IDs and ports. */
  private masked(replies: Buffer[], side: number): Buffer[] {
    const { peers } = this;
    return peers === undefined ? replies : replies.map((reply) => peers.mask(reply, side));
  }

  private async special(step: Step): Promise<[string, string] | undefined> {
    switch (step.kind) {
      case "sleep":
        await Bun.sleep(step.ms);
        return undefined;
      case "digest":
        return this.digests();
      case "counters":
        return this.counters(step.hits);
      case "scan":
        return this.observe(step.db, async () => {
          const texts = await Promise.all([0, 1].map((side) => this.scanAll(side, step.options)));
          return texts as [string, string];
        });
      case "randomkey":
        return this.observe(step.db, () => this.randomKeys());
      case "dump":
        return this.observe(step.db, () => this.dumpAcross(step.key));
      default:
        return undefined;
    }
  }

  /** Does something with the observer in database `db`, and answers its two texts if they differ. */
  private async observe(
    db: number,
    look: () => Promise<[string, string]>,
  ): Promise<[string, string] | undefined> {
    const previous = this.observerDatabase;
    if (db !== previous) await this.both(observer, [["SELECT", String(db)]]);
    const texts = await look();
    if (db !== previous) await this.both(observer, [["SELECT", String(previous)]]);
    return texts[0] === texts[1] ? undefined : texts;
  }

  private async scanAll(side: number, options: readonly string[]): Promise<string> {
    const found = new Set<string>();
    let cursor = "0";
    for (let rounds = 0; rounds < 20_000; rounds++) {
      const reply = await this.one(side, ["SCAN", cursor, ...options]);
      const [next, items] = itemsOf(reply) ?? [];
      if (next === undefined || items === undefined) return reply.toString("latin1");
      for (const item of itemsOf(items) ?? []) found.add(item.toString("latin1"));
      cursor = bulkOf(next)?.toString("latin1") ?? "0";
      if (cursor === "0") return [...found].sort().join(" ");
    }
    return "an endless scan";
  }

  private async digests(): Promise<[string, string] | undefined> {
    const mains = await this.both(observer, [["DEBUG", "DIGEST"]]);
    const texts = mains.map(([digest]) => digest ?? "");
    for (const [side, digest] of (await this.replicas?.digests())?.entries() ?? []) {
      texts[side] += `of the replica: ${digest}`;
    }
    return texts[0] === texts[1] ? undefined : (texts as [string, string]);
  }

  private async counters(hits: boolean): Promise<[string, string] | undefined> {
    const ask = ["INFO", "keyspace", "stats", "errorstats", "commandstats"];
    const texts = await Promise.all(
      [0, 1].map(async (side) => counterLines(await this.one(side, ask), hits)),
    );
    const [real = [], atoll = []] = texts;
    const onlyIn = (lines: string[], others: string[]): string =>
      lines.filter((line) => !others.includes(line)).join("\n");
    const differing: [string, string] = [onlyIn(real, atoll), onlyIn(atoll, real)];
    return differing[0] === "" && differing[1] === "" ? undefined : differing;
  }

  private async randomKeys(): Promise<[string, string]> {
    // KEYS drops what has expired; which of that RANDOMKEY would meet and drop is chance.
    const known = await Promise.all([0, 1].map((side) => this.one(side, ["KEYS", "*"])));
    const answers = await Promise.all([0, 1].map((side) => this.one(side, ["RANDOMKEY"])));
    const texts = answers.map((answer, side) => {
      const items = itemsOf(known[side] ?? silence) ?? [];
      return items.some((item) => item.equals(answer)) ? "a key" : answer.toString("latin1");
    });
    return texts as [string, string];
  }

  private async dumpAcross(key: string): Promise<[string, string]> {
    const copy = "{t}restored";
    const [real, atoll] = await Promise.all([0, 1].map((side) => this.one(side, ["DUMP", key])));
    if (real === undefined || atoll === undefined) return ["", "no reply"];
    const [ofReal, ofAtoll] = [bulkOf(real), bulkOf(atoll)];
    if (ofReal === undefined || ofAtoll === undefined) {
      return [real.toString("latin1"), atoll.toString("latin1")];
    }
    const restore = (payload: Buffer): string[] => [
      "RESTORE",
      copy,
      "0",
      payload.toString("latin1"),
      "REPLACE",
    ];
    const restored = await Promise.all([
      this.one(0, restore(ofAtoll)),
      this.one(1, restore(ofReal)),
    ]);
    const look = ["DEBUG", "DIGEST-VALUE", copy];
    const values = await Promise.all([0, 1].map((side) => this.one(side, look)));
    await this.both(observer, [["DEL", copy]]);
    const texts = [0, 1].map((side) => `${restored[side]}${values[side]?.toString("latin1")}`);
    if (texts[0] === texts[1] && !samePayload(ofReal, ofAtoll)) {
      return [ofReal.toString("latin1"), ofAtoll.toString("latin1")];
    }
    return texts as [string, string];
  }

  private async one(side: number, args: readonly string[]): Promise<Buffer> {
    const wire = this.wires[observer]?.[side] as Wire;
    wire.send(encodeStep(args));
    return this.masked(await wire.replies(1), side)[0] ?? silence;
  }

  /** The same commands to both servers; both lists of replies. */
  private async both(client: number, commands: readonly string[][]): Promise<string[][]> {
    const wires = this.wires[client] as [Wire, Wire];
    const steps = commands.map((args) => command(client, ...args));
    for (const [side, wire] of wires.entries()) wire.send(this.encode(steps, side));
    const replies = await Promise.all(wires.map((wire) => wire.replies(commands.length)));
    return replies.map((list) => list.map((reply) => reply.toString("latin1")));
  }

  /** Connects every client; false when a server is not there. */
  private async connectAll(): Promise<boolean> {
    try {
      for (let client = 0; client < clientCount; client++) await this.connect(client);
      const [real, atoll] = await this.both(observer, [["PING"]]);
      return real?.[0] === atoll?.[0];
    } catch {
      return false;
    }
  }

  private async connect(client: number): Promise<void> {
    this.wires[client] = [await Wire.open(this.real.port), await Wire.open(this.atoll.port)];
    this.comparers[client] = new Comparer();
  }

  private hangUp(): void {
    for (const wires of this.wires) for (const wire of wires) wire.close();
    this.wires = [];
  }
}

async function settingsOf(server: TestServer): Promise<string[]> {
  const client = await server.connect();
  try {
    const list = (await client.must("CONFIG", "GET", ...changedDirectives)) as string[];
    return changedDirectives.flatMap((name) => [name, list[list.indexOf(name) + 1] ?? ""]);
  } finally {
    client.close();
  }
}

/** Lines of INFO that both servers must count the same; times and the number of SCAN calls are chance. */
function counterLines(info: Buffer, hits: boolean): string[] {
  const wanted =
    /^(?:db\d+|keyspace_(?:hits|misses)|expired_keys|total_error_replies|errorstat_|cmdstat_)/;
  return info
    .toString("latin1")
    .split("\r\n")
    .filter((line) => wanted.test(line) && !/^cmdstat_(?:scan|info|psync|replconf|ping)/.test(line))
    .filter((line) => hits || !/^keyspace_(?:hits|misses)/.test(line))
    .map((line) => line.replace(/,avg_ttl=\d+|usec=\d+,|usec_per_call=[\d.]+,/g, ""));
}

function hasEnded(server: TestServer): boolean {
  return server.process.exitCode !== null || server.process.signalCode !== null;
}

const MINUS = 0x2d;
const silence = Buffer.from("(no reply)");

/** Commands of one client in a row, up to a QUIT. */
function segmentEnd(steps: readonly Step[], from: number): number {
  const first = steps[from];
  if (first?.kind !== "command" && first?.kind !== "inline") return from + 1;
  let end = from;
  while (end < steps.length && end - from < PIPELINE_MAX) {
    const step = steps[end] as Step;
    if (step.kind !== "command" && step.kind !== "inline") break;
    if (step.client !== first.client) break;
    end++;
    if (nameOf(step.args) === "quit") break;
  }
  return end;
}
