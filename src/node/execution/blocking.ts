import { CommandStat, Client as Field, Yield } from "../../../assembly/abi.ts";
import { nullArray, type ReplyValue } from "../../base/reply.ts";
import type { BlockedClient } from "../blocked.ts";
import { type Client, ClientState } from "../client.ts";
import type { Hand } from "./hand.ts";
import type { Parking } from "./parking.ts";
import type { Replies } from "./replies.ts";
import type { Surroundings } from "./surroundings.ts";
import type { Timing } from "./timing.ts";
import type { TurnEnd } from "./turn-end.ts";

/** Clients that wait for keys: how they begin to, and the ways it ends. Who waits for what is in `blocked.ts`. */
export class Blocking {
  /** When the timer for the next deadline is due. */
  private deadlineTimerMs = Number.POSITIVE_INFINITY;

  constructor(
    private readonly node: Surroundings,
    private readonly parts: {
      readonly hand: Hand;
      readonly timing: Timing;
      readonly replies: Replies;
      readonly parking: Parking;
      readonly turnEnd: TurnEnd;
    },
  ) {}

  /** The command in hand found nothing, and its client waits. */
  block(client: Client): void {
    const { engine, blocked } = this.node;
    const { hand, timing, parking } = this.parts;
    const database = engine.clientWord(client.handle, Field.Database);
    timing.measureBlocking(client);
    blocked.add(client, database, hand.nowMs);
    parking.parkAs(client, ClientState.Blocked);
    if (client.closed) return;
    client.hostCommand = "";
    this.scheduleDeadline();
  }

  /** Runs the commands of clients whose keys are ready now. The replies of the client in hand are taken out before. */
  serveReady(): void {
    const { blocked } = this.node;
    const { hand } = this.parts;
    if (!blocked.hasReady || hand.outer !== undefined) return;
    const current = hand.client;
    hand.outer = current;
    blocked.serve((waiting, argument) => this.serveOne(waiting, argument));
    hand.outer = undefined;
    hand.client = current;
  }

  /** True when the client has its reply; what it has sent behind that command waits for the end of the turn. */
  private serveOne(blocked: BlockedClient, argument: number): boolean {
    const { engine, modules } = this.node;
    const { hand, timing, replies, parking } = this.parts;
    const { client } = blocked;
    hand.client = client;
    const startedMs = modules.clock.monotonicMs();
    const yielded = engine.serveBlocked(client.handle, hand.nowMs, argument);
    if (yielded === Yield.Blocked) {
      replies.takeOut(client);
      return false;
    }
    this.node.blocked.remove(client);
    const elapsed = (modules.clock.monotonicMs() - startedMs) * 1000;
    timing.measureUnblocked(blocked, elapsed, blocked.argv);
    replies.takeOut(client);
    if (yielded === Yield.Close) parking.finish(client);
    else if (client.closed) engine.freeClient(client.handle);
    else parking.unparkLater(client);
    return true;
  }

  /**
   * CLIENT UNBLOCK ends the waiting of a client. That counts as a failure of its command, whatever the reply, and the
   * slow log has it without arguments, as Redis has let go of them by then. False: it was not waiting.
   */
  unblockAsked(client: Client, reply: ReplyValue | undefined): boolean {
    const { node } = this;
    const { timing } = this.parts;
    const blocked = node.blocked.get(client);
    if (blocked !== undefined) {
      node.engine.counters.addCommandStat(blocked.command, CommandStat.Failed, 1);
      timing.measureUnblocked(blocked, 0, []);
      return this.unblock(client, reply ?? nullArray);
    }
    if (!node.waits.end(client, reply, node.replication)) return false;
    timing.measureHostUnblocked(client);
    return true;
  }

  /** Ends the waiting of a client with this reply. False: it was not waiting for a key. */
  unblock(client: Client, reply: ReplyValue): boolean {
    if (!this.node.blocked.remove(client)) return false;
    this.answerLater(client, reply);
    return true;
  }

  private answerLater(client: Client, reply: ReplyValue): void {
    const { turnEnd, parking } = this.parts;
    turnEnd.add(() => {
      if (client.closed || client.state !== ClientState.Blocked) return;
      parking.answerBlocked(client, reply);
    });
  }

  /** Answers clients whose time is over, and sees to it that the next ones are answered in time. */
  private scheduleDeadline(): void {
    const { node } = this;
    const { clock, system } = node.modules;
    const deadlineMs = node.blocked.nextDeadlineMs;
    if (deadlineMs >= this.deadlineTimerMs) return;
    this.deadlineTimerMs = deadlineMs;
    const delayMs = Math.max(0, deadlineMs - clock.nowMs());
    system.after(Math.min(delayMs, timerMsMax), () => {
      if (this.deadlineTimerMs === deadlineMs) this.deadlineTimerMs = Number.POSITIVE_INFINITY;
      for (const client of node.blocked.takeOverdue(clock.nowMs())) {
        this.answerLater(client, nullArray);
      }
      this.scheduleDeadline();
    });
  }
}

/** The longest time that a timer takes. */
const timerMsMax = 0x7fffffff;
