import { ClientFlag, Region, Stat } from "../../assembly/abi.ts";
import { Command } from "../../assembly/command-ids.ts";
import { Gate, Setting } from "../../assembly/settings.ts";
import { assert } from "../base/assert.ts";
import type { Logger } from "../base/log.ts";
import type { ReplyValue } from "../base/reply.ts";
import type { CommandRow } from "../commands/row.ts";
import { type CommandTable, commandId } from "../commands/table.ts";
import type { Configuration } from "../config/configuration.ts";
import type { Engine } from "../engine/engine.ts";
import type { InputRegion } from "../engine/memory.ts";
import { BlockedClients } from "./blocked.ts";
import { Client, type ClientLink, ClientState } from "./client.ts";
import { ClientMemory } from "./client-memory.ts";
import { ClientRegistry } from "./clients.ts";
import type { Clock } from "./clock.ts";
import { HostCommandStats } from "./command-stats.ts";
import { Cron } from "./cron.ts";
import { Execution } from "./execution/execution.ts";
import type { HostCommand, Performer, Surroundings } from "./execution/surroundings.ts";
import {
  type ClusterHooks,
  noPersistence,
  type PersistenceHooks,
  type ReplicationHooks,
  StandaloneReplication,
} from "./hooks.ts";
import type { HostReply } from "./host-reply.ts";
import { Latencies } from "./latencies.ts";
import { PauseControl } from "./pause.ts";
import { Publisher } from "./publisher.ts";
import type { Shutdown } from "./shutdown.ts";
import { Slowlog } from "./slowlog.ts";
import { ServerStats } from "./stats.ts";
import type { TurnMeter } from "./turns.ts";
import { Waits } from "./waits.ts";

/** What the node needs of the machine around it; `src/io` and `main.ts` provide it. */
export interface NodeSystem {
  readonly pid: number;
  readonly executable: string;
  /** The configuration file's absolute path; empty: none. */
  readonly configFile: string;
  /** `Linux 6.1.0 x86_64`. */
  readonly operatingSystem: string;
  /** `length` random lower-case hex digits. */
  randomHex(length: number): string;
  /** Blocks the whole process: DEBUG SLEEP. */
  sleepSync(milliseconds: number): void;
  /** Sends a signal to this process. */
  signalSelf(signal: "SIGSEGV" | "SIGABRT" | "SIGKILL"): void;
  usage(): ProcessUsage;
  /** Replaces a file atomically (temporary file, fsync, rename, fsync of the directory); a text is why not. */
  replaceFile(path: string, text: string): string | undefined;
  after(milliseconds: number, action: () => void): void;
  /** When the sockets that can be read now have been. */
  soon(action: () => void): void;
  /** Gives pages of the engine's memory back to the system; undefined where that is impossible. */
  readonly turnMeter?: TurnMeter;
  readonly releaseMemory?:
    | ((memory: Uint8Array, address: number, length: number) => boolean)
    | undefined;
}

export interface ProcessUsage {
  readonly residentBytes: number;
  readonly totalMemoryBytes: number;
  readonly userSeconds: number;
  readonly systemSeconds: number;
  readonly mainUserSeconds: number;
  readonly mainSystemSeconds: number;
}

export interface NodeModules {
  readonly engine: Engine;
  readonly configuration: Configuration;
  readonly commands: CommandTable;
  readonly log: Logger;
  readonly clock: Clock;
  readonly system: NodeSystem;
}

/**
 * The server around the engine: carries input to it, runs what it cannot, hands replies and journal on.
 *
 * Hook points for replication and the cluster (all called from here, in this order within a call):
 *   - `replication.onJournal(bytes)`: once per turn of the event loop in which something was written
 *   - `cluster.redirect(slot, kind, client)`: the address behind MOVED and ASK
 *   - `setPerformer(id, performer)`: who answers a host command; `addHandlers` in `call.ts` sets several
 *   - `setGate(gate, on)`: ClusterDown, ReadOnlyReplica, NoReplicas, MasterDown, Loading ...
 *   - `pauses` with purpose "failover", then `applyPauses()`
 *   - `onTurnEnd(action)`: runs after the call in hand, when the engine is free for another client
 *   - `openClient(link)`, `receive(client, bytes)`, `release(client)`: also for the link to a primary
 *   - `cron.ts` calls `replication.cron` and `cluster.cron` ten times a second
 */
export class Node implements Surroundings {
  readonly clients: ClientRegistry;
  readonly stats = new ServerStats();
  readonly clientMemory: ClientMemory;
  readonly slowlog = new Slowlog();
  readonly latencies = new Latencies();
  readonly commandStats = new HostCommandStats();
  readonly pauses = new PauseControl();
  readonly waits = new Waits();
  /** Clients that a pause holds, in the order in which they came up against it. */
  private paused = new Set<Client>();
  readonly blocked: BlockedClients;
  readonly publisher: Publisher;
  readonly cron: Cron;
  private readonly execution: Execution;
  /** What INFO persistence tells; replaced when there is persistence. */
  persistence: PersistenceHooks = {
    facts: noPersistence,
    cron: () => undefined,
    hurry: () => undefined,
    onFlushed: () => undefined,
    reload: () => "load",
  };
  /** Wall clock of the last successful snapshot (or of the start), milliseconds. */
  lastSaveMs: number;
  readonly runId: string;
  readonly startedMs: number;
  /** Slot tables that the engine began with: they count as memory of the start. */
  readonly startupTableBytes: number;
  /** Set before the first client is accepted; see `hooks.ts`. */
  replication: ReplicationHooks;
  cluster: ClusterHooks | undefined;
  /** On the monotonic clock: input that comes later finds a cluster that may have replaced this node. */
  stallDeadlineMs = Number.POSITIVE_INFINITY;
  /** Orderly end of the process; set by the composition root. */
  shutdown: Shutdown | undefined;
  /** Read on every call, so kept out of the configuration's map; see `settings.ts`. */
  readonly tuning = {
    slowlogMicroseconds: 10_000,
    slowlogLengthMax: 128,
    trackLatency: true,
    notifyEvents: 0,
    replyBytesMax: Number.POSITIVE_INFINITY,
    queryBytesMax: Number.POSITIVE_INFINITY,
  };

  private readonly rows: (CommandRow | undefined)[] = [];
  private readonly performers: (Performer | undefined)[] = [];
  private gates = 0;

  constructor(readonly modules: NodeModules) {
    this.clientMemory = new ClientMemory((bytes) => modules.engine.set(Setting.HostMemory, bytes));
    const { clock, system, engine, configuration, commands } = modules;
    this.startedMs = clock.nowMs();
    this.startupTableBytes = engine.counters.stat(Stat.TableMemory);
    this.lastSaveMs = this.startedMs;
    this.blocked = new BlockedClients(engine);
    this.cron = new Cron(this);
    this.execution = new Execution(this);
    this.publisher = new Publisher(this);
    this.runId = system.randomHex(40);
    this.replication = new StandaloneReplication(
      system.randomHex(40),
      () => system.randomHex(40),
      () => configuration.get("repl-backlog-size"),
    );
    this.clients = new ClientRegistry({
      engine,
      configuration,
      rowOf: (id) => this.rows[id],
      subscriptionsOf: (client) => this.publisher.countsOf(client),
    });
    for (const row of commands.rows) this.rows[commandId(row.name)] = row;
    engine.setCommands(commands.engineRows());
  }

  get engine(): Engine {
    return this.modules.engine;
  }

  get configuration(): Configuration {
    return this.modules.configuration;
  }

  get log(): Logger {
    return this.modules.log;
  }

  /** The row of a top-level command; undefined for ids that the table does not offer. */
  rowOf(id: Command): CommandRow | undefined {
    return this.rows[id];
  }

  setPerformer(id: Command, performer: Performer): void {
    this.performers[id] = performer;
  }

  perform(command: HostCommand): HostReply {
    const performer = this.performers[command.id];
    assert(performer !== undefined, `nobody answers "${command.row.fullName}"`);
    return performer(command);
  }

  // Gates and pauses.

  setGate(gate: Gate, on: boolean): void {
    const gates = on ? this.gates | gate : this.gates & ~gate;
    if (gates === this.gates) return;
    this.gates = gates;
    this.engine.set(Setting.Gates, gates);
  }

  hasGate(gate: Gate): boolean {
    return (this.gates & gate) !== 0;
  }

  /** Brings the engine in line with `pauses` and lets go of clients that need wait no longer. */
  applyPauses(nowMs: number): void {
    const mode = this.pauses.current(nowMs);
    this.setGate(Gate.PauseAll, mode === "all");
    this.setGate(Gate.PauseWrites, mode === "write");
    if (mode !== "all") this.retryPaused();
  }

  /** Lets go of clients that the engine holds; those that still have to wait it holds anew. */
  retryPaused(): void {
    const { paused } = this;
    this.paused = new Set();
    for (const client of paused) this.execution.unparkLater(client);
  }

  /** A pause holds commands; where none does, it is a snapshot that the engine lets a client wait for. */
  get pausing(): boolean {
    return this.hasGate(Gate.PauseAll) || this.hasGate(Gate.PauseWrites);
  }

  /** The client's next command is held by a pause, or until a snapshot has saved what it is to change. */
  notePaused(client: Client): void {
    this.paused.add(client);
    if (this.engine.snapshot.awaited) this.persistence.hurry();
  }

  // Clients.

  /** A client over `link`; undefined when the engine has no memory for it. */
  openClient(link: ClientLink): Client | undefined {
    const id = this.clients.nextId();
    const handle = this.engine.newClient(id);
    if (handle === 0) return undefined;
    const client = new Client(id, handle, link, this.modules.clock.nowMs());
    const open = this.configuration.get("requirepass") === "";
    client.authenticated = open;
    if (!open) this.engine.setClientFlag(handle, ClientFlag.NeedsAuth, true);
    this.clients.add(client);
    return client;
  }

  /** Forgets a client whose connection is gone. Harmless when called again. */
  release(client: Client): void {
    if (client.closed) return;
    client.state = ClientState.Closed;
    this.clientMemory.add(-client.held.bytes);
    client.held.clear();
    this.clients.remove(client);
    this.blocked.remove(client);
    this.paused.delete(client);
    this.publisher.forget(client);
    // The engine still works on the client in hand; `Execution` frees it.
    if (!this.execution.isCurrent(client)) this.engine.freeClient(client.handle);
    client.onClosed?.();
    this.replication.onClientGone(client);
  }

  /**
   * The peer has stopped sending, and some of what it sent is not read yet. Whoever waits for a key or for a pause to
   * end is let go as if all were read; replies that are on their way still arrive.
   */
  peerDone(client: Client): void {
    if (client.state === ClientState.Blocked || client.state === ClientState.Paused) {
      this.drop(client);
    }
  }

  /** Ends a connection without sending what is left. */
  drop(client: Client): void {
    client.link.destroy();
    this.release(client);
  }

  // The call: see `execution/`.

  /** This client's input is in hand. */
  isCurrent(client: Client): boolean {
    return this.execution.isCurrent(client);
  }

  get current(): Client | undefined {
    return this.execution.current;
  }

  get outer(): Client | undefined {
    return this.execution.outer;
  }

  /** Bytes from a client's connection. The view is not kept unless the client must wait. */
  receive(client: Client, chunk: Uint8Array): void {
    this.execution.receive(client, chunk);
  }

  /** Where the client's next bytes may be read to; undefined: hand them over by `receive`. */
  directInput(client: Client): InputRegion | undefined {
    return this.execution.directInput(client);
  }

  /** So many bytes lie where `directInput` said. */
  receiveDirect(client: Client, length: number): void {
    this.execution.receiveDirect(client, length);
  }

  /** Runs `action` when no client is in hand: at once, or at the end of the call that is. */
  onTurnEnd(action: () => void): void {
    this.execution.onTurnEnd(action);
  }

  /** Runs `action` as one turn: clients that it lets go on wait until it is over. */
  asTurn(action: () => void): void {
    this.execution.asTurn(action);
  }

  /** Ends the waiting of a client for keys with `reply`. False: it was not waiting. */
  unblock(client: Client, reply: ReplyValue): boolean {
    return this.execution.unblock(client, reply);
  }

  /** CLIENT UNBLOCK: with `reply`, or as if the client's time were over. False: it was not waiting. */
  unblockAsked(client: Client, reply: ReplyValue | undefined): boolean {
    return this.execution.unblockAsked(client, reply);
  }

  /** Key events of work that no client asked for: what became ready is served. */
  takeEvents(): void {
    if (this.engine.eventsLength > 0) this.execution.takeEvents();
    if (this.blocked.hasReady) this.execution.onTurnEnd(() => undefined);
  }

  /** The transport has sent all that was pending. */
  onDrained(client: Client): void {
    this.execution.onDrained(client);
    if (client.kind === "replica") this.replication.onReplicaDrained(client);
  }

  /** Sends what the engine has for the client in hand, in the middle of its call. */
  sendReplies(client: Client): void {
    this.execution.takeOut(client);
  }

  /** Closes a client whose unsent replies are over its limit, as Redis logs and does it. */
  checkOutput(client: Client): void {
    const nowMs = this.modules.clock.nowMs();
    if (!client.closed && this.clients.overOutputLimit(client, nowMs)) this.closeForOutput(client);
  }

  /** What it has been answered is more than it may hold. */
  closeForOutput(client: Client): void {
    const nowMs = this.modules.clock.nowMs();
    const description = this.clients.describe(client, nowMs);
    this.log.warning(
      `Client ${description} scheduled to be closed ASAP for overcoming of output buffer limits.`,
    );
    this.stats.clientsClosedForOutput++;
    this.drop(client);
  }

  /** There is journal to take: at the end of the turn, or now when it has grown long. */
  noteJournal(): void {
    if (this.engine.journalLength >= Region.FlushAt) this.takeJournal();
    else this.replication.onJournalWaiting();
  }

  /** In a turn of its own: inside EXEC more is to come. */
  noteFlushed(): void {
    this.modules.system.soon(() => this.persistence.onFlushed());
  }

  /** Hands the journal on. Whoever looks at the replication offset has it taken before. */
  takeJournal(): void {
    const { engine } = this;
    if (engine.journalLength === 0) return;
    this.replication.onJournal(engine.journalView());
    engine.journalTaken();
  }

  // Facts for INFO.

  /** Error replies of engine and host. */
  get errorReplies(): number {
    return this.engine.counters.stat(Stat.ErrorReplies) + this.stats.hostErrors;
  }

  /** Error replies by code. */
  errorCounts(): [string, number][] {
    const counts = new Map(this.engine.counters.errorCounts());
    for (const [code, count] of this.stats.errorCounts()) {
      counts.set(code, (counts.get(code) ?? 0) + count);
    }
    // In alphabetical order, as Redis's radix tree lists them.
    return [...counts].sort(([left], [right]) => (left < right ? -1 : 1));
  }

  /** The id behind a top-level command's own name; `Command.None` when there is none. */
  idOf(name: string): Command {
    const id = this.rows.findIndex((row) => row?.name === name);
    return id < 0 ? Command.None : id;
  }
}
