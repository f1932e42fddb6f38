import { Frame, ValueType } from "../../assembly/abi.ts";
import { Command } from "../../assembly/command-ids.ts";
import { latin1Text } from "../base/bytes.ts";
import type { Engine } from "../engine/engine.ts";
import type { Client } from "./client.ts";

/** A client that waits for keys (BLPOP, XREAD BLOCK ...). */
export interface BlockedClient {
  readonly client: Client;
  readonly command: Command;
  /** Of the values that it waits for. */
  readonly type: ValueType;
  readonly database: number;
  /** With the command's own name at 0. */
  readonly argv: readonly Uint8Array[];
  readonly firstKey: number;
  /** By key: the argument it first stands at. */
  readonly keys: ReadonlyMap<string, number>;
  /** Wall clock, milliseconds; Infinity: for ever. */
  readonly deadlineMs: number;
  done: boolean;
}

interface ReadyKey {
  readonly database: number;
  readonly key: Uint8Array;
}

/**
 * Who waits for which key, in which order, and until when (blocked.c, timeout.c). The engine runs a blocked
 * command again when a key is ready; here stands only whose turn it is.
 */
export class BlockedClients {
  private readonly byClient = new Map<Client, BlockedClient>();
  /** By database and key; a set keeps the order in which clients blocked. */
  private readonly byKey = new Map<string, Set<BlockedClient>>();
  private ready: ReadyKey[] = [];
  private readonly deadlines = new DeadlineHeap();

  constructor(private readonly engine: Engine) {}

  get size(): number {
    return this.byClient.size;
  }

  /** Clients that wait with a timeout. */
  get timedCount(): number {
    let count = 0;
    for (const { deadlineMs } of this.byClient.values()) if (deadlineMs !== Infinity) count++;
    return count;
  }

  get(client: Client): BlockedClient | undefined {
    return this.byClient.get(client);
  }

  [Symbol.iterator](): MapIterator<BlockedClient> {
    return this.byClient.values();
  }

  /** The command in hand has blocked: notes what the engine tells of it. To be called before it is parked. */
  add(client: Client, database: number, nowMs: number): void {
    if (this.byClient.has(client)) return;
    const { engine } = this;
    const argv = engine.arguments();
    const first = engine.frameWord(Frame.BlockedFirst);
    const keys = new Map<string, number>();
    for (let index = 0; index < engine.frameWord(Frame.BlockedCount); index++) {
      const at = first + index;
      const name = nameOf(database, argv[at] as Uint8Array);
      if (!keys.has(name)) keys.set(name, at);
    }
    const timeoutMs = engine.blockedTimeoutMs;
    const blocked: BlockedClient = {
      client,
      command: engine.frameWord(Frame.CommandId),
      type: engine.frameWord(Frame.BlockedType),
      database,
      argv,
      firstKey: first,
      keys,
      deadlineMs: timeoutMs === 0 ? Number.POSITIVE_INFINITY : nowMs + timeoutMs,
      done: false,
    };
    this.byClient.set(client, blocked);
    for (const name of keys.keys()) {
      const waiting = this.byKey.get(name);
      if (waiting === undefined) this.byKey.set(name, new Set([blocked]));
      else waiting.add(blocked);
    }
    if (blocked.deadlineMs !== Number.POSITIVE_INFINITY) this.deadlines.add(blocked);
  }

  /** The client waits no longer, whatever the reason. False: it did not. */
  remove(client: Client): boolean {
    const blocked = this.byClient.get(client);
    if (blocked === undefined) return false;
    blocked.done = true;
    this.byClient.delete(client);
    for (const name of blocked.keys.keys()) {
      const waiting = this.byKey.get(name);
      waiting?.delete(blocked);
      if (waiting?.size === 0) this.byKey.delete(name);
    }
    return true;
  }

  // Keys that are ready.

  get hasReady(): boolean {
    return this.ready.length > 0;
  }

  noteReady(database: number, key: Uint8Array): void {
    this.ready.push({ database, key: key.slice() });
  }

  /**
   * Serves the clients of all keys that are ready, in order; `run` runs a client's command again for the key at an
   * argument, and answers whether the client was served. What that makes ready has its turn afterwards.
   */
  serve(run: (blocked: BlockedClient, argument: number) => boolean): void {
    while (this.ready.length > 0) {
      const batch = this.ready;
      this.ready = [];
      for (const key of batch) this.serveKey(key, run);
    }
  }

  private serveKey(
    { database, key }: ReadyKey,
    run: (blocked: BlockedClient, at: number) => boolean,
  ) {
    const name = nameOf(database, key);
    const waiting = this.byKey.get(name);
    if (waiting === undefined) return;
    const type = this.engine.readyType(database, key);
    // Those that block while this goes on stand behind and wait for the next time.
    for (const blocked of [...waiting]) {
      if (blocked.done || !serves(type, blocked)) continue;
      if (run(blocked, blocked.keys.get(name) as number)) this.remove(blocked.client);
      // A list or sorted set that has nothing for one has nothing for those behind.
      else if (type !== ValueType.Stream && type !== undefined) return;
    }
  }

  // Deadlines.

  /** The nearest deadline; Infinity: none. */
  get nextDeadlineMs(): number {
    return this.deadlines.next(this.byClient.size);
  }

  /** Clients whose time is over. */
  takeOverdue(nowMs: number): Client[] {
    const overdue: Client[] = [];
    while (this.deadlines.next(this.byClient.size) <= nowMs) {
      const { client } = this.deadlines.take();
      this.remove(client);
      overdue.push(client);
    }
    return overdue;
  }
}

function nameOf(database: number, key: Uint8Array): string {
  return `${database}:${latin1Text(key)}`;
}

/** Whether the client takes from values of that type; members of a stream's group are to know that it has gone. */
function serves(type: ValueType | undefined, waiting: BlockedClient): boolean {
  return type === waiting.type || waiting.command === Command.XReadGroup;
}

/** A binary heap by deadline. Clients that were served stay in it until they come up or are the majority. */
class DeadlineHeap {
  private entries: BlockedClient[] = [];

  add(entry: BlockedClient): void {
    this.entries.push(entry);
    this.rise(this.entries.length - 1);
  }

  /** The nearest deadline of one that still waits; `live`: how many wait at most. */
  next(live: number): number {
    if (this.entries.length > 2 * live + spareEntries) this.compact();
    while (this.entries[0]?.done === true) this.take();
    return this.entries[0]?.deadlineMs ?? Number.POSITIVE_INFINITY;
  }

  take(): BlockedClient {
    const top = this.entries[0] as BlockedClient;
    const last = this.entries.pop() as BlockedClient;
    if (this.entries.length > 0) {
      this.entries[0] = last;
      this.sink(0);
    }
    return top;
  }

  private compact(): void {
    this.entries = this.entries.filter((entry) => !entry.done);
    // In ascending order an array is a heap.
    this.entries.sort((left, right) => left.deadlineMs - right.deadlineMs);
  }

  private rise(from: number): void {
    const { entries } = this;
    const entry = entries[from] as BlockedClient;
    let at = from;
    while (at > 0) {
      const above = (at - 1) >> 1;
      const parent = entries[above] as BlockedClient;
      if (parent.deadlineMs <= entry.deadlineMs) break;
      entries[at] = parent;
      at = above;
    }
    entries[at] = entry;
  }

  private sink(from: number): void {
    const { entries } = this;
    const entry = entries[from] as BlockedClient;
    let at = from;
    for (;;) {
      let below = 2 * at + 1;
      if (below >= entries.length) break;
      const right = entries[below + 1];
      if (right !== undefined && right.deadlineMs < (entries[below] as BlockedClient).deadlineMs) {
        below++;
      }
      const child = entries[below] as BlockedClient;
      if (child.deadlineMs >= entry.deadlineMs) break;
      entries[at] = child;
      at = below;
    }
    entries[at] = entry;
  }
}

const spareEntries = 64;
