import {
  ClientFlag,
  CommandStat,
  Client as Field,
  Frame,
  Region,
  Yield,
} from "../../assembly/abi.ts";
import { Command } from "../../assembly/command-ids.ts";
import { assert } from "../base/assert.ts";
import { latin1, latin1Text } from "../base/bytes.ts";
import { heldInputBytesMax, readAheadBytesMax } from "../base/limits.ts";
import { encodeReply, nullArray, type Protocol, type ReplyValue } from "../base/reply.ts";
import type { CommandRow } from "../commands/row.ts";
import type { CommandTable } from "../commands/table.ts";
import type { Engine } from "../engine/engine.ts";
import type { InputRegion } from "../engine/memory.ts";
import type { BlockedClient } from "./blocked.ts";
import { HostCall, type Later } from "./call.ts";
import { type Client, ClientState } from "./client.ts";
import { takeKeyEvents } from "./key-events.ts";
import type { Node } from "./node.ts";
import { isBehindReply } from "./notification-order.ts";
import { QuickCalls, quickMicroseconds, sampleEvery, timedCallsMin } from "./quick-calls.ts";
import { redactedArguments } from "./redact.ts";
import { commandsIn } from "./slowlog.ts";
import { TurnShare } from "./turn-share.ts";

/** Commands that take well under a microsecond, whatever the data: see `sampleWeight`. */
const quickCommands: ReadonlySet<Command> = new Set([
  Command.Get,
  Command.Set,
  Command.Incr,
  Command.Decr,
  Command.IncrBy,
  Command.DecrBy,
  Command.Expire,
  Command.Ttl,
]);
const quickBytesMax = 16 * 1024;

/**
 * The way of input through the engine and of replies out of it: docs/engine.md, "One socket read". One
 * client is in hand at a time; what must happen to another one waits for the end of the turn.
 *
 * Nothing is allocated per command that the engine runs by itself.
 */
export class Execution {
  current: Client | undefined;
  /** The client in hand whose command made keys ready, while those that waited for them are served. */
  outer: Client | undefined;
  /** When the timer for the next deadline of a blocked client is due. */
  private deadlineTimerMs = Number.POSITIVE_INFINITY;
  /** What waits for the end of the turn, in order (processUnblockedClients). */
  private turnEnd: (() => void)[] = [];
  private turnEndAt = 0;
  /** They are being run: what they add has its turn behind those that are there. */
  private ending = false;
  /** Effects of a core are being performed: clients go on afterwards. */
  private performing = false;
  private segmentStartMs = 0;
  /** Quick commands since the last that was timed. */
  private untimed = 0;
  private nowMs: number;
  /** The chunk in hand; undefined: it lies in the engine's input region. */
  private chunk: Uint8Array | undefined;
  /** Commands of it that have run. */
  private chunkCommands = 0;
  private inputLength = 0;
  private readonly engine: Engine;
  private readonly quick: QuickCalls;
  private readonly turnShare: TurnShare<Client>;

  constructor(private readonly node: Node) {
    this.engine = node.engine;
    this.quick = new QuickCalls(node, this);
    this.nowMs = node.startedMs;
    const { clock, system } = node.modules;
    this.turnShare = new TurnShare({ clock, soon: system.soon }, (client) => {
      // Where replies are still pending, the client goes on when they are gone.
      if (client.state === ClientState.Congested && client.link.pendingBytes === 0) {
        this.unparkLater(client);
      }
    });
  }

  /** The engine works for this client right now: its record must not be freed under it. */
  isCurrent(client: Client): boolean {
    return client === this.current || client === this.outer;
  }

  /** Bytes from a client's connection. The view is not kept unless the client must wait. */
  receive(client: Client, chunk: Uint8Array): void {
    if (client.state !== ClientState.Ready || this.current !== undefined) {
      this.hold(client, chunk);
      return;
    }
    this.chunk = chunk;
    this.beginRead(client, chunk.length);
    if (chunk.length <= Region.Input) {
      this.run(client, this.engine.execute(client.handle, chunk, this.nowMs));
    } else {
      this.receivePieces(client, chunk);
    }
    this.endTurn();
  }

  /** Where the client's next bytes may be read to; undefined: hand them over by `receive`. */
  directInput(client: Client): InputRegion | undefined {
    if (client.state !== ClientState.Ready || this.current !== undefined) return undefined;
    return this.engine.directInput(client.handle);
  }

  /** As `receive`, with `length` bytes that lie where `directInput` said. */
  receiveDirect(client: Client, length: number): void {
    this.beginRead(client, length);
    this.run(client, this.engine.executeDirect(client.handle, length, this.nowMs));
    this.endTurn();
  }

  private beginRead(client: Client, length: number): void {
    const { node } = this;
    const { clock } = node.modules;
    const started = clock.monotonicMs();
    if (started > node.stallDeadlineMs) node.cluster?.onStalled();
    this.segmentStartMs = started;
    this.turnShare.begin(started);
    this.nowMs = clock.wallMs(started);
    client.lastActiveMs = this.nowMs;
    client.inputBytes += length;
    node.stats.reads++;
    node.stats.netInputBytes += length;
    this.inputLength = length;
    this.chunkCommands = 0;
    this.current = client;
    if (client.kind === "replica" && this.input()[0] === newline) {
      node.replication.onReplicaNewline(client);
    }
  }

  /** What was read, as long as the client is in hand. */
  private input(): Uint8Array {
    return this.chunk ?? this.engine.inputView(this.inputLength);
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
   * Runs `action` as a turn of its own: clients that it lets go on do so when it is over, so that none of
   * their commands comes back into the core whose effects `action` performs.
   */
  asTurn(action: () => void): void {
    if (this.current !== undefined || this.performing) {
      action();
      return;
    }
    this.performing = true;
    try {
      action();
    } finally {
      this.performing = false;
    }
    this.endTurn();
  }

  private endTurn(): void {
    this.current = undefined;
    this.chunk = undefined;
    this.inputLength = 0;
    if (!this.performing) this.serveReady();
    this.node.cron.beginReclaim();
    if (this.turnEnd.length > 0 && !this.ending) this.runTurnEnd();
  }

  private runTurnEnd(): void {
    this.ending = true;
    try {
      while (this.turnEndAt < this.turnEnd.length && !this.performing) {
        const action = this.turnEnd[this.turnEndAt++] as () => void;
        action();
      }
    } finally {
      this.ending = false;
    }
    if (this.turnEndAt < this.turnEnd.length) return;
    this.turnEnd = [];
    this.turnEndAt = 0;
  }

  /** Follows the engine from yield to yield until the client's input is used up or the client must wait. */
  private run(client: Client, first: Yield | -1, answeredBefore = 0): void {
    let yielded = first;
    // The engine counts a command of the host's when it is resumed behind it.
    let answered = answeredBefore;
    for (;;) {
      this.measure(client, answered);
      answered = 0;
      switch (yielded) {
        case Yield.Idle:
          this.takeOut(client);
          this.afterRun(client);
          return;
        case Yield.Flush:
          this.takeOut(client);
          if (this.node.blocked.hasReady) {
            this.engine.park(client.handle);
            this.serveReady();
          }
          if (this.mustStop(client)) return;
          break;
        case Yield.Host:
          if (this.quick.run(client)) {
            if (client.closed) {
              this.engine.freeClient(client.handle);
              return;
            }
          } else if (!this.runHost(client)) return;
          answered = 1;
          break;
        case Yield.Slice:
          break;
        case Yield.Redirect:
          this.redirect(client);
          answered = 1;
          break;
        case Yield.Close:
          this.takeOut(client);
          this.finish(client);
          return;
        case Yield.Paused:
          client.hostCommand = "";
          this.parkAs(client, ClientState.Paused);
          if (!client.closed) this.node.notePaused(client);
          return;
        case Yield.Blocked:
          this.block(client);
          return;
        default:
          this.refuseInput(client);
          return;
      }
      this.segmentStartMs = this.node.modules.clock.monotonicMs();
      if (this.turnShare.isOver(this.segmentStartMs) && this.giveWay(client, answered)) return;
      yielded = this.engine.resume(client.handle, this.nowMs);
    }
  }

  /** Time and counters of the engine's last stretch of work go to the command that it ended with. */
  private measure(client: Client, answered: number): void {
    const { engine } = this;
    const before = this.chunkCommands;
    const counted = engine.frameWord(Frame.CommandCount);
    this.chunkCommands += counted;
    const count = counted - answered;
    if (count <= 0) return;
    const id = engine.clientWord(client.handle, Field.LastCommandId);
    client.hostCommand = "";
    const weight = count === 1 ? this.sampleWeight(id) : 1;
    if (weight === 0) return;
    const elapsed = (this.node.modules.clock.monotonicMs() - this.segmentStartMs) * 1000;
    engine.addCommandStat(id, CommandStat.Microseconds, elapsed * weight);
    if (this.node.tuning.trackLatency) this.node.latencies.add(id, elapsed / count, count * weight);
    if (this.isSlow(elapsed)) {
      this.logSlowBatch(client, { elapsed, count, before: before + answered, id });
    }
  }

  isSlow(microseconds: number): boolean {
    const { slowlogMicroseconds } = this.node.tuning;
    return slowlogMicroseconds >= 0 && microseconds >= slowlogMicroseconds;
  }

  /**
   * Reading the clock and noting the time costs more than a GET does. So the quickest commands, once they have
   * run often, are timed one in eight, which then counts for eight (0: not this one). Whatever could be slow,
   * for its size or because SLOWLOG asks for everything, is timed each time.
   */
  private sampleWeight(id: Command): number {
    if (!quickCommands.has(id)) return 1;
    const { engine } = this;
    if (engine.commandStat(id, CommandStat.Calls) < timedCallsMin) return 1;
    const { slowlogMicroseconds } = this.node.tuning;
    if (slowlogMicroseconds >= 0 && slowlogMicroseconds < quickMicroseconds) return 1;
    if (engine.replyLength > quickBytesMax || this.inputLength > quickBytesMax) return 1;
    this.untimed = (this.untimed + 1) % sampleEvery;
    return this.untimed === 0 ? sampleEvery : 0;
  }

  /** `before`: commands of the chunk in hand that came before the batch. */
  private logSlowBatch(
    client: Client,
    batch: {
      readonly elapsed: number;
      readonly count: number;
      readonly before: number;
      readonly id: Command;
    },
  ): void {
    const { elapsed, count, before, id } = batch;
    const row = this.node.rowOf(id);
    if (row === undefined) return;
    const parsed = this.inputLength === 0 ? [] : commandsIn(this.input(), count, before);
    const shown = parsed.flatMap((argv) => {
      const resolved = this.node.modules.commands.resolve(argv);
      const safe = "row" in resolved ? redactedArguments(resolved.row, argv) : undefined;
      return safe === undefined ? [] : [safe];
    });
    const each = elapsed / count;
    const chosen = this.isSlow(each) ? shown : shown.slice(-1);
    for (const argv of chosen.length > 0 ? chosen : [[latin1(row.name)]]) {
      this.logSlow(client, chosen === shown ? each : elapsed, argv);
    }
  }

  /** Adds a command to the slow log, whatever it took; the caller has compared. */
  logSlow(client: Client, microseconds: number, argv: readonly Uint8Array[]): void {
    this.node.slowlog.add(
      {
        nowMs: this.nowMs,
        microseconds,
        arguments: argv,
        address: client.link.remoteAddress,
        name: client.name,
      },
      this.node.tuning.slowlogLengthMax,
    );
  }

  /** Sends the replies to the client; the journal goes to the replicas at the end of the turn. */
  takeOut(client: Client): void {
    const { engine } = this;
    if (engine.journalLength > 0) this.node.noteJournal();
    if (engine.eventsLength > 0) this.takeEvents(client);
    if (engine.replyLength > 0) this.sendOut(client);
  }

  private sendOut(client: Client): void {
    const { engine } = this;
    const length = engine.replyLength;
    if (this.node.publisher.hasWaiting) this.node.publisher.flushTo(client);
    if (client.kind === "replica") this.refuseReplica(client);
    else if (!client.closed) {
      client.link.send(engine.memory.bytes, engine.replyAddress, length);
      this.node.stats.netOutputBytes += length;
      this.node.stats.writes++;
      if (client.link.pendingBytes > 0) this.node.checkOutput(client);
    }
    engine.replyTaken();
  }

  /**
   * What happened to keys since the last time: for clients that wait for them, and for subscribers. `client`: its replies
   * are about to be sent, and some of what it hears of its own command stands behind the reply.
   */
  takeEvents(client?: Client): void {
    const { engine, node } = this;
    const { blocked, publisher } = node;
    const hears = client?.kind === "pubsub" && engine.frameWord(Frame.InsideExec) === 0;
    const id = hears ? engine.clientWord(client.handle, Field.LastCommandId) : Command.None;
    takeKeyEvents(engine, {
      onReady: (database, key) => blocked.noteReady(database, key),
      onNotify: (database, key, _kind, event) => {
        if (hears && engine.replyLength > 0) {
          const firstByte = engine.memory.bytes[engine.replyAddress] as number;
          if (isBehindReply(id, event, firstByte)) this.sendOut(client);
        }
        publisher.notify(database, key, event);
      },
    });
  }

  // Clients that wait for keys: see `blocked.ts`.

  /** The command in hand found nothing, and its client waits. */
  private block(client: Client): void {
    const { engine, node } = this;
    const database = engine.clientWord(client.handle, Field.Database);
    const elapsed = (node.modules.clock.monotonicMs() - this.segmentStartMs) * 1000;
    // Commands before it in the same call have got their share.
    client.blockedMicroseconds = elapsed / (engine.frameWord(Frame.CommandCount) + 1);
    const id = engine.frameWord(Frame.CommandId);
    engine.addCommandStat(id, CommandStat.Microseconds, client.blockedMicroseconds);
    node.blocked.add(client, database, this.nowMs);
    engine.park(client.handle);
    this.takeOut(client);
    if (client.closed) {
      engine.freeClient(client.handle);
      return;
    }
    // Its connection is still read, as only so do we hear that it has gone.
    client.state = ClientState.Blocked;
    client.parked = true;
    client.hostCommand = "";
    this.scheduleDeadline();
  }

  /** Runs the commands of clients whose keys are ready now. The replies of the client in hand are taken out before. */
  private serveReady(): void {
    const { blocked } = this.node;
    if (!blocked.hasReady || this.outer !== undefined) return;
    const { current } = this;
    this.outer = current;
    blocked.serve((waiting, argument) => this.serveOne(waiting, argument));
    this.outer = undefined;
    this.current = current;
  }

  /** True when the client has its reply; what it has sent behind that command waits for the end of the turn. */
  private serveOne(blocked: BlockedClient, argument: number): boolean {
    const { engine } = this;
    const { client } = blocked;
    this.current = client;
    const startedMs = this.node.modules.clock.monotonicMs();
    const yielded = engine.serveBlocked(client.handle, this.nowMs, argument);
    if (yielded === Yield.Blocked) {
      this.takeOut(client);
      return false;
    }
    this.node.blocked.remove(client);
    const elapsed = (this.node.modules.clock.monotonicMs() - startedMs) * 1000;
    this.measureUnblocked(client, blocked.command, elapsed, blocked.argv);
    this.takeOut(client);
    if (yielded === Yield.Close) this.finish(client);
    else if (client.closed) engine.freeClient(client.handle);
    else this.unparkLater(client);
    return true;
  }

  /** A blocked command is over: it counts with what it took before and now (updateStatsOnUnblock). */
  private measureUnblocked(
    client: Client,
    id: Command,
    elapsed: number,
    argv: readonly Uint8Array[],
  ): void {
    const total = client.blockedMicroseconds + elapsed;
    this.engine.addCommandStat(id, CommandStat.Microseconds, total);
    if (this.node.tuning.trackLatency) this.node.latencies.add(id, total, 1);
    if (this.isSlow(total)) this.logSlow(client, total, argv);
  }

  /**
   * CLIENT UNBLOCK ends the waiting of a client. That counts as a failure of its command, whatever the reply, and the
   * slow log has it without arguments, as Redis has let go of them by then. False: it was not waiting.
   */
  unblockAsked(client: Client, reply: ReplyValue | undefined): boolean {
    const { node } = this;
    const blocked = node.blocked.get(client);
    if (blocked !== undefined) {
      this.engine.addCommandStat(blocked.command, CommandStat.Failed, 1);
      this.measureUnblocked(client, blocked.command, 0, []);
      return this.unblock(client, reply ?? nullArray);
    }
    if (!node.waits.end(client, reply, node.replication)) return false;
    const total = client.blockedMicroseconds;
    const stat = node.commandStats.of(client.hostCommand);
    stat.failed++;
    stat.microseconds += total;
    if (node.tuning.trackLatency) stat.latency.add(total, 1);
    if (this.isSlow(total)) this.logSlow(client, total, []);
    return true;
  }

  /** Answers clients whose time is over, and sees to it that the next ones are answered in time. */
  private scheduleDeadline(): void {
    const { node } = this;
    const deadlineMs = node.blocked.nextDeadlineMs;
    if (deadlineMs >= this.deadlineTimerMs) return;
    this.deadlineTimerMs = deadlineMs;
    const delayMs = Math.max(0, deadlineMs - node.modules.clock.nowMs());
    node.modules.system.after(Math.min(delayMs, timerMsMax), () => {
      if (this.deadlineTimerMs === deadlineMs) this.deadlineTimerMs = Number.POSITIVE_INFINITY;
      for (const client of node.blocked.takeOverdue(node.modules.clock.nowMs())) {
        this.skipLater(client, nullArray);
      }
      this.scheduleDeadline();
    });
  }

  /** Ends the waiting of a client with this reply. False: it was not waiting for a key. */
  unblock(client: Client, reply: ReplyValue): boolean {
    if (!this.node.blocked.remove(client)) return false;
    this.skipLater(client, reply);
    return true;
  }

  private skipLater(client: Client, reply: ReplyValue): void {
    this.onTurnEnd(() => {
      if (client.closed || client.state !== ClientState.Blocked) return;
      this.answer(client, reply);
      if (client.closeAfterReply) this.endWaiting(client);
      else this.unpark(client, 0, true);
    });
  }

  /** The reply that ends the client's waiting was its last. */
  private endWaiting(client: Client): void {
    this.current = client;
    this.takeOut(client);
    this.finish(client);
    this.current = undefined;
  }

  /** A replica gets the stream and nothing else (networking.c). */
  private refuseReplica(client: Client): void {
    const { clients, log } = this.node;
    log.warning(
      `Replica generated a reply to command '${clients.lastCommand(client)}', disconnecting it: ` +
        clients.describe(client, this.nowMs),
    );
    this.node.drop(client);
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

  /** The client goes on in the next turn; false: not now, as nobody may come between its commands. */
  private giveWay(client: Client, answered: number): boolean {
    if (client.kind !== "normal" || this.engine.frameWord(Frame.InsideExec) === 1) return false;
    client.answered = answered;
    this.parkAs(client, ClientState.Congested);
    if (!client.closed) this.turnShare.wait(client);
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
    // Any other connection is still read, as only so do we hear that it has gone.
    if (state === ClientState.Congested) client.link.pauseReading();
  }

  /** Lets a client go on that had to wait, when no other is in hand. */
  unparkLater(client: Client): void {
    const { state } = client;
    this.onTurnEnd(() => {
      // It may have gone on already and wait for something else by now.
      if (client.state === state) this.unpark(client);
    });
  }

  private unpark(client: Client, answered = 0, skips = false): void {
    if (client.closed || client.state === ClientState.Closing) return;
    client.state = ClientState.Ready;
    if (client.parked) {
      client.parked = false;
      const { clock } = this.node.modules;
      this.segmentStartMs = clock.monotonicMs();
      this.nowMs = clock.wallMs(this.segmentStartMs);
      this.current = client;
      const { handle } = client;
      const first = skips
        ? this.engine.skipBlocked(handle, this.nowMs)
        : this.engine.resume(handle, this.nowMs);
      const before = answered + client.answered;
      client.answered = 0;
      this.run(client, first, before);
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
    if (client.state === ClientState.Congested) this.unparkLater(client);
  }

  private hold(client: Client, chunk: Uint8Array): void {
    if (client.state >= ClientState.Closing) return;
    client.held.push(chunk.slice());
    client.heldBytes += chunk.length;
    if (client.heldBytes > heldInputBytesMax) this.node.drop(client);
    // Ready but not executed: another client is in hand.
    else if (client.state === ClientState.Ready) this.unparkLater(client);
    else if (client.heldBytes > readAheadBytesMax) client.link.pauseReading();
  }

  /** The last reply is on its way; nothing more is read. */
  private finish(client: Client): void {
    if (client.closed) {
      this.engine.freeClient(client.handle);
      return;
    }
    client.state = ClientState.Closing;
    client.link.closeAfterSending();
    this.freeIfReleased(client);
  }

  /** A socket that has nothing left to send closes at once, and `release` leaves the client in hand to us. */
  private freeIfReleased(client: Client): void {
    if (client.closed) this.engine.freeClient(client.handle);
  }

  private refuseInput(client: Client): void {
    this.takeOut(client);
    const description = this.node.clients.describe(client, this.nowMs);
    this.node.log.warning(`Closing client that reached max query buffer length: ${description}`);
    this.node.drop(client);
    this.engine.freeClient(client.handle);
  }

  // Host commands.

  private redirect(client: Client): void {
    const { engine } = this;
    const { cluster } = this.node;
    assert(cluster !== undefined, "a redirect without a cluster");
    const slot = engine.frameWord(Frame.RedirectSlot);
    const text = cluster.redirect(slot, engine.frameWord(Frame.RedirectKind), client);
    this.node.stats.countError(text.slice(0, text.indexOf(" ")));
    engine.reply(latin1(`-${text}\r\n`));
  }

  /** False when the client is not to be resumed now. */
  private runHost(client: Client): boolean {
    const { engine } = this;
    const id = engine.frameWord(Frame.CommandId) as Command;
    const insideExec = engine.frameWord(Frame.InsideExec) === 1;
    const argv = engine.arguments();
    const started = this.node.modules.clock.monotonicMs();
    const resolved = this.resolve(id, argv);
    if ("error" in resolved) {
      this.node.commandStats.of(this.node.rowOf(id)?.fullName ?? "").rejected++;
      this.answer(client, { kind: "error", text: resolved.error });
      return true;
    }
    const { row } = resolved;
    const handler = this.node.handlerOf(id);
    assert(handler !== undefined, `no handler for "${row.fullName}"`);
    // What happened before comes before what this command does.
    if (engine.eventsLength > 0) this.takeEvents();
    const call = new HostCall(this.node, client, id, row, argv, insideExec, this.nowMs);
    client.hostCommand = row.fullName;
    const reply = handler(call);
    this.measureHost(call, started, reply.kind === "later");
    if (reply.kind === "later") {
      this.parkAs(client, ClientState.Blocked);
      if (!client.closed) this.beginLater(client, reply);
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
    const row = this.node.rowOf(id);
    if (row !== undefined && row.subcommands.length === 0) return { row };
    return this.node.modules.commands.resolve(argv);
  }

  private beginLater(client: Client, later: Later): void {
    let answered = false;
    later.begin((reply) => {
      if (answered) return;
      answered = true;
      this.onTurnEnd(() => {
        if (client.closed) return;
        this.answer(client, reply);
        if (client.closeAfterReply) this.endWaiting(client);
        else this.unpark(client, 1);
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
      this.node.stats.countError(end < 0 ? text : text.slice(0, end));
      if (row !== undefined) this.node.commandStats.of(row.fullName).failed++;
    }
    if ((flags & (ClientFlag.ReplyOff | ClientFlag.ReplySkip)) !== 0) return;
    const protocol: Protocol = engine.clientWord(client.handle, Field.Protocol) === 3 ? 3 : 2;
    if (!engine.reply(encodeReply(reply, protocol))) this.node.drop(client);
  }

  /** What a command that blocks took is noted when it is over, and only by CLIENT UNBLOCK, as in Redis. */
  private measureHost(call: HostCall, startedMs: number, blocks: boolean): void {
    const { clock } = this.node.modules;
    const endedMs = clock.monotonicMs();
    const elapsed = (endedMs - startedMs) * 1000;
    const stat = this.node.commandStats.of(call.row.fullName);
    stat.calls++;
    stat.microseconds += elapsed;
    if (blocks) call.client.blockedMicroseconds = elapsed;
    else if (this.node.tuning.trackLatency) stat.latency.add(elapsed, 1);
    if (!blocks && this.isSlow(elapsed)) {
      const shown = redactedArguments(call.row, call.argv);
      if (shown !== undefined) this.logSlow(call.client, elapsed, shown);
    }
    // DEBUG SLEEP and the like: what follows in the same chunk sees the time that has passed.
    if (elapsed > 1000) this.nowMs = clock.wallMs(endedMs);
  }
}

const newline = 0x0a;
/** The longest time that a timer takes. */
const timerMsMax = 0x7fffffff;
