import { CommandStat, Client as Field, Frame } from "../../../assembly/abi.ts";
import { Command } from "../../../assembly/command-ids.ts";
import { latin1 } from "../../base/bytes.ts";
import type { Engine } from "../../engine/engine.ts";
import type { BlockedClient } from "../blocked.ts";
import type { Client } from "../client.ts";
import { redactedArguments } from "../redact.ts";
import { commandsIn } from "../slowlog.ts";
import type { Hand } from "./hand.ts";
import type { HostCommand, Surroundings } from "./surroundings.ts";

/** Of quick commands that have run so often, one in so many is timed, which then counts for as many. */
export const timedCallsMin = 10_000;
export const sampleEvery = 8;
/** Below such a limit of SLOWLOG every command is timed. */
export const quickMicroseconds = 1000;

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

/** What commands take: for INFO's counters and latencies, and for the slow log. */
export class Timing {
  /** Quick commands since the last that was timed. */
  private untimed = 0;
  private readonly engine: Engine;

  constructor(
    private readonly node: Surroundings,
    private readonly hand: Hand,
  ) {
    this.engine = node.engine;
  }

  /** Time and counters of the engine's last stretch of work go to the command that it ended with. */
  measure(client: Client, answered: number): void {
    const { engine, hand } = this;
    const before = hand.chunkCommands;
    const counted = engine.frameWord(Frame.CommandCount);
    hand.chunkCommands += counted;
    const count = counted - answered;
    if (count <= 0) return;
    const id = engine.clientWord(client.handle, Field.LastCommandId);
    client.hostCommand = "";
    const weight = count === 1 ? this.sampleWeight(id) : 1;
    if (weight === 0) return;
    const elapsed = (this.node.modules.clock.monotonicMs() - hand.segmentStartMs) * 1000;
    engine.counters.addCommandStat(id, CommandStat.Microseconds, elapsed * weight);
    if (this.node.tuning.trackLatency) this.node.latencies.add(id, elapsed / count, count * weight);
    if (this.isSlow(elapsed)) {
      this.logSlowBatch(client, { elapsed, count, before: before + answered, id });
    }
  }

  /**
   * Reading the clock and noting the time costs more than a GET does. So the quickest commands, once they have
   * run often, are timed one in eight, which then counts for eight (0: not this one). Whatever could be slow,
   * for its size or because SLOWLOG asks for everything, is timed each time.
   */
  private sampleWeight(id: Command): number {
    if (!quickCommands.has(id)) return 1;
    const { engine } = this;
    if (engine.counters.commandStat(id, CommandStat.Calls) < timedCallsMin) return 1;
    const { slowlogMicroseconds } = this.node.tuning;
    if (slowlogMicroseconds >= 0 && slowlogMicroseconds < quickMicroseconds) return 1;
    if (engine.replyLength > quickBytesMax || this.hand.inputLength > quickBytesMax) return 1;
    this.untimed = (this.untimed + 1) % sampleEvery;
    return this.untimed === 0 ? sampleEvery : 0;
  }

  /** The command in hand has blocked: what it took so far counts now, and again when its waiting is over. */
  measureBlocking(client: Client): void {
    const { engine } = this;
    const elapsed = (this.node.modules.clock.monotonicMs() - this.hand.segmentStartMs) * 1000;
    // Commands before it in the same call have got their share.
    client.blockedMicroseconds = elapsed / (engine.frameWord(Frame.CommandCount) + 1);
    const id = engine.frameWord(Frame.CommandId);
    engine.counters.addCommandStat(id, CommandStat.Microseconds, client.blockedMicroseconds);
  }

  /** A blocked command is over: it counts with what it took before and now (updateStatsOnUnblock). */
  measureUnblocked(
    { client, command }: BlockedClient,
    elapsed: number,
    argv: readonly Uint8Array[],
  ): void {
    const total = client.blockedMicroseconds + elapsed;
    this.engine.counters.addCommandStat(command, CommandStat.Microseconds, total);
    if (this.node.tuning.trackLatency) this.node.latencies.add(command, total, 1);
    if (this.isSlow(total)) this.logSlow(client, total, argv);
  }

  /** What a command that blocks took is noted when it is over, and only by CLIENT UNBLOCK, as in Redis. */
  measureHost(command: HostCommand, startedMs: number, blocks: boolean): void {
    const { clock } = this.node.modules;
    const { client, row } = command;
    const endedMs = clock.monotonicMs();
    const elapsed = (endedMs - startedMs) * 1000;
    const stat = this.node.commandStats.of(row.fullName);
    stat.calls++;
    stat.microseconds += elapsed;
    if (blocks) client.blockedMicroseconds = elapsed;
    else if (this.node.tuning.trackLatency) stat.latency.add(elapsed, 1);
    if (!blocks && this.isSlow(elapsed)) {
      const shown = redactedArguments(row, command.argv);
      if (shown !== undefined) this.logSlow(client, elapsed, shown);
    }
    // DEBUG SLEEP and the like: what follows in the same chunk sees the time that has passed.
    if (elapsed > 1000) this.hand.nowMs = clock.wallMs(endedMs);
  }

  /** CLIENT UNBLOCK has ended the host command that the client waited in: a failure, as for the engine's. */
  measureHostUnblocked(client: Client): void {
    const total = client.blockedMicroseconds;
    const stat = this.node.commandStats.of(client.hostCommand);
    stat.failed++;
    stat.microseconds += total;
    if (this.node.tuning.trackLatency) stat.latency.add(total, 1);
    if (this.isSlow(total)) this.logSlow(client, total, []);
  }

  // The slow log.

  isSlow(microseconds: number): boolean {
    const { slowlogMicroseconds } = this.node.tuning;
    return slowlogMicroseconds >= 0 && microseconds >= slowlogMicroseconds;
  }

  /** Adds a command to the slow log, whatever it took; the caller has compared. */
  logSlow(client: Client, microseconds: number, argv: readonly Uint8Array[]): void {
    this.node.slowlog.add(
      {
        nowMs: this.hand.nowMs,
        microseconds,
        arguments: argv,
        address: client.link.remoteAddress,
        name: client.name,
      },
      this.node.tuning.slowlogLengthMax,
    );
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
    const { hand } = this;
    const parsed = hand.inputLength === 0 ? [] : commandsIn(hand.input(), count, before);
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
}
