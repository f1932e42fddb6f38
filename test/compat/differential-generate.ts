/** From a seed to a list of steps. */
import { Prng } from "../../src/base/prng.ts";
import { withoutBlock } from "./differential-blocking.ts";
import {
  clusterQuestion,
  hasManyKeys,
  importing,
  scenes,
  slotChange,
  wholeAgain,
} from "./differential-cluster.ts";
import { genericCommands, stringCommands, withoutSoon } from "./differential-commands.ts";
import { distancesKey, onDistances, storesDistances } from "./differential-geo.ts";
import { helpCommands, hostCommands, inlineLines } from "./differential-host.ts";
import { withoutChance } from "./differential-set.ts";
import {
  memoryPolicies,
  packedThreshold,
  tinyEncodings,
  usualEncodings,
} from "./differential-settings.ts";
import { scoresLexKey } from "./differential-sorted-set.ts";
import type { Source, Weighted } from "./differential-source.ts";
import { command, observer, type Step } from "./differential-step.ts";
import { filledStream } from "./differential-streams.ts";
import { dumpedKeys, families, streamRows, typeCommands } from "./differential-types.ts";
import { Values } from "./differential-values.ts";

export interface GenerateOptions {
  readonly count: number;
  readonly protocol: 2 | 3;
  readonly cluster: boolean;
}

export function generateSteps(seed: number, options: GenerateOptions): Step[] {
  return new Generator(seed, options).run();
}

class Generator implements Source {
  readonly prng: Prng;
  readonly values: Values;
  private readonly steps: Step[] = [];
  /** As far as one can tell without the replies. */
  private readonly inMulti = [false, false];
  private client = 0;
  /** Most commands are of this type. */
  private readonly family: readonly Weighted[] | undefined;
  private database = 0;
  /** Slots that have been taken away, or are on their way. */
  private readonly moved = new Set<string>();

  constructor(
    seed: number,
    private readonly options: GenerateOptions,
  ) {
    this.prng = new Prng(seed);
    this.values = new Values(this.prng, options.cluster);
    this.family = this.prng.chance(0.6) ? this.prng.pick(families) : undefined;
  }

  run(): Step[] {
    this.encodings();
    while (this.steps.length < this.options.count) this.next();
    // SCAN with TYPE counts a hit for each key that it meets, and where a scan ends is chance.
    const hits = this.prng.chance(0.5);
    const steps = hits ? this.steps.filter((step) => !scansByType(step)) : this.steps;
    return [...steps, { kind: "digest" }, { kind: "counters", hits }];
  }

  private next(): void {
    const { prng } = this;
    if (this.options.cluster && prng.chance(0.12)) {
      this.clusterStep();
      return;
    }
    if (prng.chance(this.options.cluster ? 0.006 : 0.003)) {
      this.streamScene();
      return;
    }
    // Mostly in runs, so that pipelines form; changing hands often enough for WATCH.
    if (prng.chance(0.08)) this.client = prng.below(2);
    const kind = prng.below(1000);
    if (kind < 170) this.add(withoutSoon(this.mutated(choose(stringCommands, this))));
    else if (kind < 640) this.add(withoutSoon(this.mutated(choose(this.typed(), this))));
    else if (kind < 820) this.add(withoutSoon(this.mutated(choose(genericCommands, this))));
    else if (kind < 930) this.transaction();
    else if (kind < 960) this.add([...prng.pick(hostCommands)]);
    else if (kind < 965) this.add(this.keysOf());
    else if (kind < 975) this.inline();
    else this.special();
  }

  private typed(): readonly Weighted[] {
    return this.family !== undefined && this.prng.chance(0.8) ? this.family : typeCommands;
  }

  /** Half of the runs change encodings all the time. */
  private encodings(): void {
    const { prng } = this;
    const tiny = prng.chance(0.5);
    for (const [directive, value] of tiny ? tinyEncodings : usualEncodings) {
      this.steps.push(command(observer, "CONFIG", "SET", directive, value));
    }
    const packed = tiny && prng.chance(0.5) ? packedThreshold.tiny : packedThreshold.usual;
    this.steps.push(command(observer, "DEBUG", "QUICKLIST-PACKED-THRESHOLD", packed));
    this.steps.push(command(observer, "CONFIG", "SET", ...prng.pick(memoryPolicies)));
  }

  private add(given: string[]): void {
    // Who waits while the cluster is down is told so or nothing, as chance has it: docs/differences.md.
    const args = this.moved.size > 0 ? withoutBlock(given) : given;
    if (args.length === 0 || isLater(args)) return;
    // In Redis SORT fails where the last number that was too large for a double is still in errno: this clears it.
    if (/^sort(_ro)?$/i.test(args[0] ?? "")) {
      this.steps.push(command(this.client, "INCRBYFLOAT", "{t}errno", "x"));
    }
    const stored = storesDistances(args);
    this.steps.push(command(this.client, ...withoutChance(stored ?? args)));
    if (stored === undefined) return;
    for (const [name, ...rest] of onDistances) {
      this.steps.push(command(this.client, name, distancesKey, ...rest));
    }
  }

  /** Now and then an argument more, less, wrong or elsewhere. */
  private mutated(args: string[]): string[] {
    const { prng, values } = this;
    // Where members had different scores, ranges of them would mean nothing (docs/differences.md).
    if (!prng.chance(0.05) || scoresLexKey(args)) return args;
    switch (prng.below(5)) {
      case 0:
        return args.slice(0, -1);
      case 1:
        return [...args, prng.pick(["x", "", "nx", "ex", "get", "10", args[1] ?? ""])];
      case 2:
        return args.map((arg, at) => (at > 0 && prng.chance(0.4) ? values.value() : arg));
      case 3:
        return [args[0] ?? "", ...args.slice(1).sort(() => prng.below(3) - 1)];
      default:
        return args.slice(0, 1 + prng.below(args.length));
    }
  }

  /** What COMMAND says of the keys in a random command. */
  private keysOf(): string[] {
    const { prng } = this;
    const rows = prng.pick([stringCommands, genericCommands, this.typed(), this.typed()]);
    const asked = this.mutated(choose(rows, this));
    return isLater(asked) ? [] : ["COMMAND", prng.pick(["GETKEYS", "GETKEYSANDFLAGS"]), ...asked];
  }

  private transaction(): void {
    const { prng, values, client } = this;
    if (this.inMulti[client]) {
      if (prng.chance(0.75)) {
        this.inMulti[client] = false;
        this.add(prng.chance(0.95) ? [values.word("exec")] : ["EXEC", "x"]);
      } else if (prng.chance(0.5)) {
        this.inMulti[client] = false;
        this.add([values.word("discard")]);
      } else this.add(prng.pick([["multi"], ["WATCH", values.key()], ["unwatch"], ["MULTI", "x"]]));
      return;
    }
    const kind = prng.below(10);
    if (kind < 4) {
      this.inMulti[client] = true;
      this.add([values.word("multi")]);
    } else if (kind < 8) this.add([values.word("watch"), ...values.keyList(3)]);
    else if (kind < 9) this.add([values.word("unwatch")]);
    else this.add(prng.pick([["exec"], ["discard"], ["WATCH"], ["MULTI", "x"]]));
  }

  private clusterStep(): void {
    const { prng } = this;
    if (prng.chance(0.6)) {
      this.add(clusterQuestion(prng));
      return;
    }
    if (prng.chance(0.6)) this.slotScene();
    else this.slots([slotChange(prng)]);
  }

  private slots(changes: readonly (readonly string[])[]): void {
    // Redis takes note of what changed once the pipeline is through: so it stands alone.
    this.steps.push({ kind: "sleep", ms: 0 });
    for (const change of changes) {
      this.steps.push(command(observer, ...change));
      for (const word of change) if (/^\d+$/.test(word)) this.moved.add(word);
    }
    this.steps.push({ kind: "sleep", ms: 0 });
  }

  private backAgain(): void {
    this.slots(wholeAgain(this.moved));
    this.moved.clear();
  }

  /** The slot of most keys comes or goes while commands with several keys run. */
  private slotScene(): void {
    const { prng, values } = this;
    const scene = prng.pick(scenes);
    this.backAgain();
    // A slot with keys is not given away.
    if (scene === importing) this.slots([["FLUSHALL"]]);
    for (let count = prng.below(15); count > 0; count--) this.add(this.dataCommand());
    // Keys that are there are served on.
    const groups = scene !== importing && prng.chance(0.4);
    if (groups) this.fillStream();
    this.slots(scene);
    for (let count = 10 + prng.below(30); count > 0; count--) {
      if (prng.chance(0.05)) this.client = prng.below(2);
      if (prng.chance(0.05)) this.transaction();
      if (prng.chance(scene === importing ? 0.7 : 0.1)) this.add([values.word("asking")]);
      let args = this.dataCommand();
      if (groups && prng.chance(0.5)) args = this.streamCommand();
      else for (let tries = 3; tries > 0 && !hasManyKeys(args); tries--) args = this.dataCommand();
      this.add(args);
    }
    this.backAgain();
  }

  /** Groups of consumers at work: among commands of all types they would hardly ever meet entries of theirs. */
  private streamScene(): void {
    const { prng } = this;
    this.fillStream();
    for (let count = 20 + prng.below(40); count > 0; count--) {
      if (prng.chance(0.05)) this.client = prng.below(2);
      if (prng.chance(0.05)) this.transaction();
      this.add(this.mutated(this.streamCommand()));
    }
  }

  private fillStream(): void {
    for (const args of filledStream(this)) this.add(args);
  }

  private streamCommand(): string[] {
    return withoutSoon(choose(streamRows, this));
  }

  private dataCommand(): string[] {
    const typed = [this.typed(), this.typed(), this.typed()];
    const rows = this.prng.pick([stringCommands, genericCommands, ...typed]);
    return withoutSoon(choose(rows, this));
  }

  private inline(): void {
    const [line, ...args] = this.prng.pick(inlineLines);
    this.steps.push({ kind: "inline", client: this.client, line, args });
  }

  private special(): void {
    const { prng, values } = this;
    const db = this.options.cluster ? 0 : prng.below(4);
    switch (prng.below(8)) {
      case 0:
        this.steps.push({ kind: "scan", db, options: this.scanOptions() });
        break;
      case 1:
        this.steps.push({ kind: "randomkey", db });
        break;
      case 2:
      case 3: {
        const key = prng.chance(0.6) ? values.key() : prng.pick(dumpedKeys);
        this.steps.push({ kind: "dump", db, key });
        break;
      }
      case 4:
        this.steps.push({ kind: "digest" });
        break;
      case 5:
        if (prng.chance(0.5)) this.expireNow();
        break;
      case 6:
        this.reset();
        break;
      default:
        this.add([prng.pick(helpCommands), "HELP"]);
    }
  }

  private scanOptions(): string[] {
    const { prng, values } = this;
    const options: string[] = [];
    if (prng.chance(0.5)) options.push("MATCH", values.pattern());
    if (prng.chance(0.5)) options.push("COUNT", String(1 + prng.below(100)));
    if (prng.chance(0.3)) options.push("TYPE", prng.pick(["string", "list"]));
    return options;
  }

  /** A key runs out while others may be watching it. */
  private expireNow(): void {
    const { prng, values } = this;
    const wanted = this.options.cluster ? 0 : prng.below(2);
    if (wanted !== this.database) this.steps.push(command(observer, "SELECT", String(wanted)));
    this.database = wanted;
    const key = values.key();
    const set = (...expiry: string[]): Step =>
      command(observer, "SET", key, values.value(), ...expiry);
    const kind = prng.below(4);
    if (kind === 0) this.steps.push(set("PX", "1"));
    else if (kind === 1) this.steps.push(set("PXAT", "1000"));
    else if (kind === 2) this.steps.push(set("EXAT", "1700000000"));
    else this.steps.push(command(observer, "PEXPIRE", key, "1"));
    this.steps.push({ kind: "sleep", ms: 4 });
    // Where it is left to chance what meets the expired key first, SCAN or RANDOMKEY may drop it in one server only.
    const first = prng.pick(onExpired).map((word) => (word === "KEY" ? key : word));
    this.steps.push(command(observer, ...first));
    this.steps.push(command(observer, "GET", key), command(observer, "DBSIZE"));
  }

  private reset(): void {
    const { prng } = this;
    const protocol = prng.chance(0.8) ? this.options.protocol : 5 - this.options.protocol;
    this.inMulti[this.client] = false;
    if (prng.chance(0.3)) this.add(["QUIT"]);
    else this.add(["RESET"]);
    this.add(["HELLO", String(protocol), ...(prng.chance(0.3) ? ["SETNAME", "two"] : [])]);
    if (protocol !== this.options.protocol && prng.chance(0.7)) {
      this.add(["CLIENT", "GETNAME"]);
      this.add(["HELLO", String(this.options.protocol)]);
    }
  }
}

/** Commands on a key that has expired and is still there. */
const onExpired: readonly (readonly string[])[] = [
  ["GET", "KEY"],
  ["DEL", "KEY"],
  ["UNLINK", "KEY", "KEY"],
  ["EXISTS", "KEY"],
  ["TOUCH", "KEY"],
  ["TYPE", "KEY"],
  ["RENAME", "KEY", "a"],
  ["RENAME", "a", "KEY"],
  ["RENAMENX", "a", "KEY"],
  ["COPY", "KEY", "a"],
  ["COPY", "a", "KEY"],
  ["MOVE", "KEY", "2"],
  ["PERSIST", "KEY"],
  ["EXPIRE", "KEY", "100000", "XX"],
  ["TTL", "KEY"],
  ["PEXPIRETIME", "KEY"],
  ["OBJECT", "ENCODING", "KEY"],
  ["OBJECT", "IDLETIME", "KEY"],
  ["DUMP", "KEY"],
  ["SET", "KEY", "v", "NX"],
  ["SET", "KEY", "v", "XX", "GET"],
  ["SET", "KEY", "v", "KEEPTTL"],
  ["SETNX", "KEY", "v"],
  ["MSETNX", "KEY", "v", "a", "w"],
  ["MSET", "KEY", "v"],
  ["MGET", "KEY", "a"],
  ["INCR", "KEY"],
  ["INCRBYFLOAT", "KEY", "1.5"],
  ["APPEND", "KEY", "v"],
  ["SETRANGE", "KEY", "2", "v"],
  ["SETRANGE", "KEY", "2", ""],
  ["GETRANGE", "KEY", "0", "-1"],
  ["STRLEN", "KEY"],
  ["GETEX", "KEY", "PERSIST"],
  ["GETDEL", "KEY"],
  ["GETSET", "KEY", "v"],
  ["KEYS", "*"],
  ["DBSIZE"],
  ["DEBUG", "DIGEST-VALUE", "KEY"],
  ["DEBUG", "OBJECT", "KEY"],
  ["RESTORE", "KEY", "0", "\x00\xc0\n\n\x00n\x9fWE\x0e\xaec\xbb"],
];

/** ZRANK and ZREVRANK take a word more since Redis 7.2. */
function isLater(args: readonly string[]): boolean {
  return args.length > 3 && /^z(rev)?rank$/i.test(args[0] ?? "");
}

function scansByType(step: Step): boolean {
  if (step.kind === "scan") return step.options.includes("TYPE");
  if (step.kind !== "command" || step.args[0]?.toLowerCase() !== "scan") return false;
  return step.args.some((arg) => arg.toLowerCase() === "type");
}

export function choose(rows: readonly Weighted[], source: Source): string[] {
  let total = 0;
  for (const [weight] of rows) total += weight;
  let at = (source.prng.uint32() / 0x1_0000_0000) * total;
  for (const [weight, make] of rows) {
    at -= weight;
    if (at < 0) return make(source);
  }
  return [];
}
