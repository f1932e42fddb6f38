import {
  ClientFlag,
  Command,
  CommandStat,
  Client as Field,
  Frame,
  Gate,
  Region,
  Setting,
  Stat,
  Yield,
} from "../../assembly/abi.ts";
import { assert } from "../base/assert.ts";
import { latin1, latin1Text } from "../base/bytes.ts";
import { heldInputBytesMax } from "../base/limits.ts";
import type { Logger } from "../base/log.ts";
import { encodeReply, type Protocol, type ReplyValue } from "../base/reply.ts";
import type { CommandRow } from "../commands/row.ts";
import { type CommandTable, commandId } from "../commands/table.ts";
import type { Configuration } from "../config/configuration.ts";
import type { Engine } from "../engine/engine.ts";
import { type Handler, HostCall, type Later } from "./call.ts";
import { Client, type ClientLink, ClientState } from "./client.ts";
import { ClientRegistry } from "./clients.ts";
import type { Clock } from "./clock.ts";
import { HostCommandStats } from "./command-stats.ts";
import { debugCommands } from "./commands/debug.ts";
import { Cron } from "./cron.ts";
import {
  type ClusterHooks,
  noPersistence,
  type PersistenceHooks,
  type ReplicationHooks,
  StandaloneReplication,
} from "./hooks.ts";
import { Latencies } from "./latencies.ts";
import { PauseControl } from "./pause.ts";
import { redactedArguments } from "./redact.ts";
import type { Shutdown } from "./shutdown.ts";
import { commandsIn, Slowlog } from "./slowlog.ts";
import { ServerStats } from "./stats.ts";
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

/** How SHUTDOWN or a signal wants the process to end. */
export interface ShutdownRequest {
  readonly save: "default" | "save" | "nosave";
  /** Do not wait for replicas that lag. */
  readonly now: boolean;
  /** End even where saving fails. */
  readonly force: boolean;
}

/**
 * The server around the engine: carries input to it, runs what it cannot, hands replies and journal on.
 *
 * Hook points for replication and the cluster (all called from here, in this order within a call):
 *   - `replication.onJournal(bytes)`: after each execute or resume that wrote, before its replies are sent
 *   - `cluster.redirect(slot, kind, client)`: the address behind MOVED and ASK
 *   - `handlers`: command id -> handler; `addHandlers` adds CLUSTER, PSYNC, REPLICAOF ...
 *   - `setGate(gate, on)`: ClusterDown, ReadOnlyReplica, NoReplicas, MasterDown, Loading ...
 *   - `pauses` with purpose "failover", then `applyPauses()`
 *   - `onTurnEnd(action)`: runs after the call in hand, when the engine is free for another client
 *   - `openClient(link)`, `receive(client, bytes)`, `release(client)`: also for the link to a primary
 *   - `cron.ts` calls `replication.cron` and `cluster.cron` ten times a second
 */
export class Node {
  readonly clients: ClientRegistry;
  readonly stats = new ServerStats();
  readonly slowlog = new Slowlog();
  readonly latencies = new Latencies();
  readonly commandStats = new HostCommandStats();
  readonly pauses = new PauseControl();
  readonly waits = new Waits();
  readonly cron: Cron;
  /** Subcommands of DEBUG by name. */
  readonly debugCommands = debugCommands();
  /** What INFO persistence tells; replaced when there is persistence. */
  persistence: PersistenceHooks = { facts: noPersistence };
  /** Wall clock of the last successful snapshot (or of the start), milliseconds. */
  lastSaveMs: number;
  readonly runId: string;
  readonly startedMs: number;
  /** Set before the first client is accepted; see `hooks.ts`. */
  replication: ReplicationHooks;
  cluster: ClusterHooks | undefined;
  /** Orderly end of the process; set by the composition root. */
  shutdown: Shutdown | undefined;
  /** Read on every call, so kept out of the configuration's map; see `settings.ts`. */
  readonly tuning = { slowlogMicroseconds: 10_000, slowlogLengthMax: 128, trackLatency: true };

  private readonly rows: (CommandRow | undefined)[] = [];
  private readonly handlers: (Handler | undefined)[] = [];
  private gates = 0;
  private current: Client | undefined;
  private turnEnd: (() => void)[] = [];
  private segmentStartMs = 0;
  private nowMs = 0;
  /** The chunk in hand, for the slow log. */
  private chunk: Uint8Array | undefined;

  constructor(readonly modules: NodeModules) {
    const { clock, system, engine, configuration, commands } = modules;
    this.startedMs = clock.nowMs();
    this.nowMs = this.startedMs;
    this.lastSaveMs = this.startedMs;
    this.cron = new Cron(this);
    this.runId = system.randomHex(40);
    this.replication = new StandaloneReplication(
      system.randomHex(40),
      () => system.randomHex(40),
      () => configuration.get("repl-backlog-size"),
    );
    this.clients = new ClientRegistry({ engine, configuration, rowOf: (id) => this.rows[id] });
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

  addHandlers(handlers: ReadonlyMap<Command, Handler>): void {
    for (const [id, handler] of handlers) this.handlers[id] = handler;
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
    if (mode === "all") return;
    // Those that still have to wait are paused anew by the engine.
    for (const client of this.clients) {
      if (client.state === ClientState.Paused) this.onTurnEnd(() => this.unpark(client));
    }
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
    client.held = [];
    this.clients.remove(client);
    // The engine still works on the client in hand; `run` frees it.
    if (client !== this.current) this.engine.freeClient(client.handle);
    client.onClosed?.();
    this.replication.onClientGone(client);
  }

  /** Ends a connection without sending what is left. */
  drop(client: Client): void {
    client.link.destroy();
    this.release(client);
  }

  // The call.

  /** Bytes from a client's connection. The view is not kept unless the client must wait. */
  receive(client: Client, chunk: Uint8Array): void {
    if (client.state !== ClientState.Ready || this.current !== undefined) {
      this.hold(client, chunk);
      return;
    }
    const { clock } = this.modules;
    const started = clock.monotonicMs();
    this.segmentStartMs = started;
    this.nowMs = clock.wallMs(started);
    client.lastActiveMs = this.nowMs;
    client.inputBytes += chunk.length;
    this.stats.reads++;
    this.stats.netInputBytes += chunk.length;
    this.chunk = chunk;
    this.current = client;
    if (chunk.length <= Region.Input) {
      this.run(client, this.engine.execute(client.handle, chunk, this.nowMs));
    } else {
      this.receivePieces(client, chunk);
    }
    this.endTurn();
  }

  private receivePieces(client: Client, chunk: Uint8Array): void {
    for (let at = 0; at < chunk.length; at += Region.Input) {
      const piece = chunk.subarray(at, at + Region.Input);
      if (client.state !== ClientState.Ready) {
        this.hold(client, chunk.subarray(at));
        return;
      }
      this.current = client;
      this.run(client, this.engine.execute(client.handle, piece, this.nowMs));
    }
  }

  /** Runs `action` when no client is in hand: at once, or at the end of the call that is. */
  onTurnEnd(action: () => void): void {
    this.turnEnd.push(action);
    if (this.current === undefined) this.endTurn();
  }

  /**
   * Journal bytes that came about outside a client's call (expiry by the cron, slots emptied by the
   * cluster) go to the replicas.
   */
  takeJournal(): void {
    const { engine } = this;
    if (engine.journalLength === 0) return;
    this.replication.onJournal(engine.journalView());
    engine.journalTaken();
  }

  private endTurn(): void {
    this.current = undefined;
    this.chunk = undefined;
    while (this.turnEnd.length > 0) {
      const actions = this.turnEnd;
      this.turnEnd = [];
      for (const action of actions) action();
    }
  }

  /** Follows the engine from yield to yield until the client's input is used up or the client must wait. */
  private run(client: Client, first: Yield | -1): void {
    let yielded = first;
    for (;;) {
      this.measure(client);
      switch (yielded) {
        case Yield.Idle:
          this.takeOut(client);
          this.afterRun(client);
          return;
        case Yield.Flush:
          this.takeOut(client);
          if (this.mustStop(client)) return;
          break;
        case Yield.Host:
          if (!this.runHost(client)) return;
          break;
        case Yield.Redirect:
          this.redirect(client);
          break;
        case Yield.Close:
          this.takeOut(client);
          this.finish(client);
          return;
        case Yield.Paused:
          this.parkAs(client, ClientState.Paused);
          return;
        case Yield.Blocked:
          this.parkAs(client, ClientState.Blocked);
          return;
        default:
          this.refuseInput(client);
          return;
      }
      this.segmentStartMs = this.modules.clock.monotonicMs();
      yielded = this.engine.resume(client.handle, this.nowMs);
    }
  }

  /** Time and counters of the engine's last stretch of work go to the command that it ended with. */
  private measure(client: Client): void {
    const { engine } = this;
    const count = engine.frameWord(Frame.CommandCount);
    if (count === 0) return;
    const elapsed = (this.modules.clock.monotonicMs() - this.segmentStartMs) * 1000;
    const id = engine.clientWord(client.handle, Field.LastCommandId);
    client.hostCommand = "";
    engine.addCommandStat(id, CommandStat.Microseconds, elapsed);
    if (this.tuning.trackLatency) this.latencies.add(id, elapsed / count, count);
    const { slowlogMicroseconds } = this.tuning;
    if (elapsed >= slowlogMicroseconds && slowlogMicroseconds >= 0) {
      this.logSlowBatch(client, elapsed, count, id);
    }
  }

  private logSlowBatch(client: Client, elapsed: number, count: number, id: Command): void {
    const row = this.rows[id];
    if (row === undefined || this.chunk === undefined) return;
    const parsed = commandsIn(this.chunk, count);
    const each = elapsed / count;
    const chosen = each >= this.tuning.slowlogMicroseconds ? parsed : parsed.slice(-1);
    for (const argv of chosen.length > 0 ? chosen : [[latin1(row.name)]]) {
      this.logSlow(client, chosen === parsed ? each : elapsed, argv);
    }
  }

  /** Adds a command to the slow log, whatever it took; the caller has compared. */
  private logSlow(client: Client, microseconds: number, argv: readonly Uint8Array[]): void {
    this.slowlog.add(
      {
        nowMs: this.nowMs,
        microseconds,
        arguments: argv,
        address: client.link.remoteAddress,
        name: client.name,
      },
      this.tuning.slowlogLengthMax,
    );
  }

  /** Hands the journal to the replicas, then the replies to the client. */
  private takeOut(client: Client): void {
    const { engine } = this;
    if (engine.journalLength > 0) this.takeJournal();
    if (engine.eventsLength > 0) engine.eventsTaken();
    const length = engine.replyLength;
    if (length === 0) return;
    if (!client.closed) {
      client.link.send(engine.memory.bytes, engine.replyAddress, length);
      this.stats.netOutputBytes += length;
      this.stats.writes++;
      if (client.link.pendingBytes > 0) this.checkOutput(client);
    }
    engine.replyTaken();
  }

  /** Between two commands: true when the client may not go on now. */
  private mustStop(client: Client): boolean {
    if (client.closed) {
      this.engine.freeClient(client.handle);
      return true;
    }
    if (client.kind !== "normal" || client.link.pendingBytes === 0) return false;
    this.parkAs(client, ClientState.Congested);
    return true;
  }

  private afterRun(client: Client): void {
    if (client.closed) this.engine.freeClient(client.handle);
    else if (client.link.pendingBytes > 0 && client.kind === "normal") {
      client.state = ClientState.Congested;
      client.parked = false;
      client.link.pauseReading();
    }
  }

  /** The rest of the client's input waits in its own query buffer. */
  private parkAs(client: Client, state: ClientState): void {
    this.engine.park(client.handle);
    this.takeOut(client);
    if (client.closed) {
      this.engine.freeClient(client.handle);
      return;
    }
    client.state = state;
    client.parked = true;
    client.link.pauseReading();
  }

  /** Lets a parked client go on, at the end of the turn if one is in hand. */
  private unpark(client: Client): void {
    if (client.closed || client.state === ClientState.Closing) return;
    client.state = ClientState.Ready;
    if (client.parked) {
      client.parked = false;
      const { clock } = this.modules;
      this.segmentStartMs = clock.monotonicMs();
      this.nowMs = clock.wallMs(this.segmentStartMs);
      this.current = client;
      this.run(client, this.engine.resume(client.handle, this.nowMs));
      this.endTurn();
    }
    while (client.state === ClientState.Ready && client.held.length > 0) {
      const chunk = client.held.shift() as Uint8Array;
      client.heldBytes -= chunk.length;
      this.receive(client, chunk);
    }
    if (client.state === ClientState.Ready) client.link.resumeReading();
  }

  /** The transport has sent all that was pending. */
  onDrained(client: Client): void {
    client.overSoftLimitSinceMs = 0;
    if (client.state === ClientState.Congested) this.onTurnEnd(() => this.unpark(client));
  }

  private hold(client: Client, chunk: Uint8Array): void {
    if (client.state >= ClientState.Closing) return;
    client.held.push(chunk.slice());
    client.heldBytes += chunk.length;
    if (client.heldBytes > heldInputBytesMax) this.drop(client);
    // Ready but not executed: another client is in hand.
    else if (client.state === ClientState.Ready) this.onTurnEnd(() => this.unpark(client));
  }

  /** Closes a client whose unsent replies are over its limit, as Redis logs and does it. */
  checkOutput(client: Client): void {
    if (client.closed || !this.clients.overOutputLimit(client, this.nowMs)) return;
    const description = this.clients.describe(client, this.nowMs);
    this.log.warning(
      `Client ${description} scheduled to be closed ASAP for overcoming of output buffer limits.`,
    );
    this.stats.clientsClosedForOutput++;
    this.drop(client);
  }

  /** The last reply is on its way; nothing more is read. */
  private finish(client: Client): void {
    if (client.closed) {
      this.engine.freeClient(client.handle);
      return;
    }
    client.state = ClientState.Closing;
    client.link.closeAfterSending();
  }

  private refuseInput(client: Client): void {
    this.takeOut(client);
    const description = this.clients.describe(client, this.nowMs);
    this.log.warning(`Closing client that reached max query buffer length: ${description}`);
    this.drop(client);
    this.engine.freeClient(client.handle);
  }

  // Host commands.

  private redirect(client: Client): void {
    const { engine, cluster } = this;
    assert(cluster !== undefined, "a redirect without a cluster");
    const slot = engine.frameWord(Frame.RedirectSlot);
    const text = cluster.redirect(slot, engine.frameWord(Frame.RedirectKind), client);
    this.stats.countError(text.slice(0, text.indexOf(" ")));
    engine.reply(latin1(`-${text}\r\n`));
  }

  /** False when the client is not to be resumed now. */
  private runHost(client: Client): boolean {
    const { engine } = this;
    const id = engine.frameWord(Frame.CommandId) as Command;
    const insideExec = engine.frameWord(Frame.InsideExec) === 1;
    const argv = engine.arguments();
    const started = this.modules.clock.monotonicMs();
    const resolved = this.resolve(id, argv);
    if ("error" in resolved) {
      this.commandStats.of(this.rows[id]?.fullName ?? "").rejected++;
      this.answer(client, { kind: "error", text: resolved.error });
      return true;
    }
    const { row } = resolved;
    const handler = this.handlers[id];
    assert(handler !== undefined, `no handler for "${row.fullName}"`);
    const call = new HostCall(this, client, id, row, argv, insideExec, this.nowMs);
    client.hostCommand = row.fullName;
    const reply = handler(call);
    this.measureHost(call, started);
    if (reply.kind === "later") {
      this.parkAs(client, ClientState.Blocked);
      if (!client.closed) this.beginLater(client, row, reply);
      return false;
    }
    if (reply.kind !== "silent") this.answer(client, reply, row);
    if (client.closed) {
      this.takeOut(client);
      engine.freeClient(client.handle);
      return false;
    }
    if (client.closeAfterReply) {
      this.takeOut(client);
      this.finish(client);
      return false;
    }
    return true;
  }

  private resolve(id: Command, argv: readonly Uint8Array[]): ReturnType<CommandTable["resolve"]> {
    const row = this.rows[id];
    if (row !== undefined && row.subcommands.length === 0) return { row };
    return this.modules.commands.resolve(argv);
  }

  private beginLater(client: Client, row: CommandRow, later: Later): void {
    let answered = false;
    later.begin((reply) => {
      if (answered) return;
      answered = true;
      this.onTurnEnd(() => {
        if (client.closed) return;
        this.answer(client, reply, row);
        this.unpark(client);
      });
    });
  }

  /** Writes a host reply, unless the client wants none. */
  private answer(client: Client, reply: ReplyValue, row?: CommandRow): void {
    const { engine } = this;
    const flags = engine.clientFlags(client.handle);
    if (reply.kind === "error") {
      const text = typeof reply.text === "string" ? reply.text : latin1Text(reply.text);
      const end = text.indexOf(" ");
      this.stats.countError(end < 0 ? text : text.slice(0, end));
      if (row !== undefined) this.commandStats.of(row.fullName).failed++;
    }
    if ((flags & (ClientFlag.ReplyOff | ClientFlag.ReplySkip)) !== 0) return;
    const protocol: Protocol = engine.clientWord(client.handle, Field.Protocol) === 3 ? 3 : 2;
    if (!engine.reply(encodeReply(reply, protocol))) this.drop(client);
  }

  private measureHost(call: HostCall, startedMs: number): void {
    const { clock } = this.modules;
    const endedMs = clock.monotonicMs();
    const elapsed = (endedMs - startedMs) * 1000;
    const stat = this.commandStats.of(call.row.fullName);
    stat.calls++;
    stat.microseconds += elapsed;
    if (this.tuning.trackLatency) stat.latency.add(elapsed, 1);
    const { slowlogMicroseconds } = this.tuning;
    if (slowlogMicroseconds >= 0 && elapsed >= slowlogMicroseconds) {
      const shown = redactedArguments(call.row, call.argv);
      if (shown !== undefined) this.logSlow(call.client, elapsed, shown);
    }
    // DEBUG SLEEP and the like: what follows in the same chunk sees the time that has passed.
    if (elapsed > 1000) this.nowMs = clock.wallMs(endedMs);
  }

  // Facts for INFO.

  /** Error replies of engine and host. */
  get errorReplies(): number {
    return this.engine.stat(Stat.ErrorReplies) + this.stats.hostErrors;
  }

  /** Error replies by code. */
  errorCounts(): [string, number][] {
    return this.stats.errorCounts();
  }

  /** The id behind a top-level command's own name; `Command.None` when there is none. */
  idOf(name: string): Command {
    const id = this.rows.findIndex((row) => row?.name === name);
    return id < 0 ? Command.None : id;
  }
}
