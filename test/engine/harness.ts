/**
 * Engines for tests: both wasm builds behind the host's own `Engine`, and clients that speak to them as
 * `src/node/execution/` does, with host commands answered by a stand-in.
 */
import { Client, type ClientFlag, Frame, RedirectKind, Yield } from "../../assembly/abi.ts";
import { Setting } from "../../assembly/settings.ts";
import { CommandTable } from "../../src/commands/table.ts";
import { Engine } from "../../src/engine/engine.ts";
import type { EngineExports } from "../../src/engine/exports.ts";
import { takeKeyEvents } from "../../src/node/key-events.ts";
import { type Build, entry, loadBuilds } from "../assembly/load.ts";

export interface Instance {
  readonly name: string;
  readonly engine: Engine;
  readonly build: Build;
}

const table = new CommandTable();

/** A started engine in a fresh instance of each build, with Redis's default limits. */
export async function startEngines(databases = 16, seed = 1): Promise<Instance[]> {
  const builds = await loadBuilds();
  return builds.map((build) => startEngine(build, databases, seed));
}

export function startEngine(build: Build, databases = 16, seed = 1): Instance {
  const exports = { ...build.exports, memory: build.memory };
  const wasm = exports as unknown as EngineExports;
  const engine = new Engine({ databases, seed: [seed, seed * 7 + 1] }, { wasm });
  engine.setCommands(table.engineRows());
  engine.set(Setting.ProtoMaxBulkLength, 512 * 1024 * 1024);
  engine.set(Setting.QueryBufferLimit, 1024 * 1024 * 1024);
  engine.set(Setting.LfuLogFactor, 10);
  engine.set(Setting.LfuDecayTime, 1);
  return { name: build.name, engine, build };
}

/** Whether heap and all tables pass their invariant walks. */
export function sound(instance: Instance): boolean {
  return (
    entry(instance.build, "checkMemory")() === 1 && entry(instance.build, "checkDatabases")() === 1
  );
}

export type Reply = string | number | null | Reply[] | { error: string };

/** One request as RESP. Texts have one character per byte. */
export function encode(argv: readonly (string | Uint8Array)[]): Buffer {
  const parts: Buffer[] = [Buffer.from(`*${argv.length}\r\n`)];
  for (const argument of argv) {
    const bytes =
      typeof argument === "string" ? Buffer.from(argument, "latin1") : Buffer.from(argument);
    parts.push(Buffer.from(`$${bytes.length}\r\n`), bytes, Buffer.from("\r\n"));
  }
  return Buffer.concat(parts);
}

/** What the stand-in host answers: RESP text; "park" leaves the client parked. */
export type Host = (argv: string[], session: Session) => string | "park" | "close";

const standIn: Host = (argv) => `+HOST ${argv.join(" ").slice(0, 64)}\r\n`;

export interface SessionOptions {
  readonly flags?: ClientFlag;
  readonly host?: Host;
  readonly nowMs?: number;
}

let nextId = 1;

/** A client of an engine. `nowMs` is its clock. */
export class Session {
  readonly handle: number;
  nowMs: number;
  closed = false;
  /** How often a call has said that much was done. */
  slices = 0;
  /** Yield that the client was parked on, if it is. */
  parkedOn: Yield | undefined;
  /** All bytes of replies that were not taken yet. */
  output: Buffer[] = [];
  /** All journal bytes seen by this session's calls. */
  journal: Buffer[] = [];
  /** `database:key` of keys told to be ready by this session's calls. */
  readonly ready: string[] = [];
  /** `event database:key` of keyspace notifications (with `Setting.NotifyEvents`). */
  readonly events: string[] = [];
  private readonly host: Host;

  constructor(
    readonly instance: Instance,
    options: SessionOptions = {},
  ) {
    this.handle = instance.engine.newClient(nextId++);
    if (this.handle === 0) throw new Error("no memory for a client");
    if (options.flags !== undefined) this.setFlag(options.flags, true);
    this.host = options.host ?? standIn;
    this.nowMs = options.nowMs ?? 1_700_000_000_000;
  }

  get engine(): Engine {
    return this.instance.engine;
  }

  setFlag(flag: ClientFlag, on: boolean): void {
    this.engine.setClientFlag(this.handle, flag, on);
  }

  get flags(): number {
    return this.engine.clientFlags(this.handle);
  }

  get database(): number {
    return this.engine.clientWord(this.handle, Client.Database);
  }

  free(): void {
    this.engine.freeClient(this.handle);
  }

  /** Hands bytes over in chunks that end at `cuts` (ascending offsets). */
  feed(bytes: Uint8Array, cuts: readonly number[] = []): this {
    let at = 0;
    for (const cut of [...cuts, bytes.length]) {
      for (; at < cut && !this.closed; ) {
        const chunk = bytes.subarray(at, Math.min(cut, at + 524288));
        at += chunk.length;
        this.run(this.engine.execute(this.handle, chunk, this.nowMs));
      }
    }
    return this;
  }

  resume(): this {
    this.parkedOn = undefined;
    this.run(this.engine.resume(this.handle, this.nowMs));
    return this;
  }

  /** Runs the command again that the session is blocked in, for the key at an argument (0: any). */
  serve(argument = 0): this {
    this.parkedOn = undefined;
    this.run(this.engine.serveBlocked(this.handle, this.nowMs, argument));
    return this;
  }

  /** Answers the command that the session is blocked in, and goes on behind it. */
  skip(reply: string): this {
    this.parkedOn = undefined;
    this.engine.reply(Buffer.from(reply, "latin1"));
    this.run(this.engine.skipBlocked(this.handle, this.nowMs));
    return this;
  }

  private run(first: Yield | -1): void {
    let yielded = first;
    for (;;) {
      switch (yielded) {
        case Yield.Idle:
          this.take();
          return;
        case Yield.Slice:
          this.slices++;
          break;
        case Yield.Flush:
          this.take();
          break;
        case Yield.Host: {
          const argv = this.engine.arguments().map((part) => Buffer.from(part).toString("latin1"));
          const answer = this.host(argv, this);
          if (answer === "park") {
            this.park(Yield.Host);
            return;
          }
          if (answer === "close") {
            this.take();
            this.closed = true;
            return;
          }
          this.engine.reply(Buffer.from(answer, "latin1"));
          break;
        }
        case Yield.Redirect: {
          const slot = this.engine.frameWord(Frame.RedirectSlot);
          const moved = this.engine.frameWord(Frame.RedirectKind) === RedirectKind.Moved;
          this.engine.reply(Buffer.from(`-${moved ? "MOVED" : "ASK"} ${slot} host:1\r\n`));
          break;
        }
        case Yield.Paused:
        case Yield.Blocked:
          this.park(yielded);
          return;
        default:
          this.take();
          this.closed = true;
          return;
      }
      yielded = this.engine.resume(this.handle, this.nowMs);
    }
  }

  private park(on: Yield): void {
    this.engine.park(this.handle);
    this.take();
    this.parkedOn = on;
  }

  /** Takes replies and journal out of the engine. */
  take(): void {
    if (this.engine.journalLength > 0) {
      this.journal.push(Buffer.from(this.engine.journalView()));
      this.engine.journalTaken();
    }
    takeKeyEvents(this.engine, {
      onFlushed: () => undefined,
      onReady: (database, key) => {
        this.ready.push(`${database}:${Buffer.from(key).toString("latin1")}`);
      },
      onNotify: (database, key, _kind, event) => {
        this.events.push(`${event} ${database}:${Buffer.from(key).toString("latin1")}`);
      },
    });
    if (this.engine.replyLength > 0) {
      this.output.push(Buffer.from(this.engine.replyView()));
      this.engine.replyTaken();
    }
  }

  /** The raw replies so far, one character per byte. */
  raw(): string {
    const text = Buffer.concat(this.output).toString("latin1");
    this.output = [];
    return text;
  }

  replies(): Reply[] {
    return decode(this.raw());
  }

  journalText(): string {
    const text = Buffer.concat(this.journal).toString("latin1");
    this.journal = [];
    return text;
  }

  /** Runs one command and answers its reply; undefined when there was none. */
  call(...argv: (string | number | Uint8Array)[]): Reply | undefined {
    const parts = argv.map((part) => (typeof part === "number" ? String(part) : part));
    this.feed(encode(parts));
    const replies = this.replies();
    if (replies.length > 1) throw new Error(`several replies: ${JSON.stringify(replies)}`);
    return replies[0];
  }
}

/** Decodes RESP2 (and RESP3's null); throws on anything that is not whole replies. */
export function decode(text: string): Reply[] {
  const replies: Reply[] = [];
  let at = 0;
  const line = (): string => {
    const end = text.indexOf("\r\n", at);
    if (end < 0) throw new Error(`broken reply: ${JSON.stringify(text.slice(at, at + 80))}`);
    const found = text.slice(at, end);
    at = end + 2;
    return found;
  };
  const next = (): Reply => {
    const head = line();
    const rest = head.slice(1);
    switch (head[0]) {
      case "+":
        return rest;
      case "-":
        return { error: rest };
      case ":":
        return Number(rest);
      case "_":
        return null;
      case "$": {
        const length = Number(rest);
        if (length < 0) return null;
        if (text.length < at + length + 2) throw new Error("bulk reply cut short");
        const bulk = text.slice(at, at + length);
        at += length + 2;
        return bulk;
      }
      case "*": {
        const count = Number(rest);
        return count < 0 ? null : Array.from({ length: count }, next);
      }
      default:
        throw new Error(`broken reply: ${JSON.stringify(head.slice(0, 80))}`);
    }
  };
  while (at < text.length) replies.push(next());
  return replies;
}
