import { Frame, type Yield } from "../../../assembly/abi.ts";
import { heldInputBytesMax, readAheadBytesMax, repliesAheadBytesMax } from "../../base/limits.ts";
import type { ReplyValue } from "../../base/reply.ts";
import type { Engine } from "../../engine/engine.ts";
import { type Client, ClientState } from "../client.ts";
import { TurnShare } from "../turn-share.ts";
import type { Hand } from "./hand.ts";
import type { Replies } from "./replies.ts";
import type { Surroundings } from "./surroundings.ts";
import type { TurnEnd } from "./turn-end.ts";

/** The way of input through the engine, for clients that go on. */
interface Running {
  receive(client: Client, chunk: Uint8Array): void;
  run(client: Client, first: Yield | -1, answeredBefore: number): void;
  endTurn(): void;
}

/**
 * Clients that must wait, for whatever reason, and how they go on or end. What a client has sent behind the command
 * that it waits in is parked in the engine, in its query buffer; what arrives later is held here.
 */
export class Parking {
  private readonly engine: Engine;
  readonly turnShare: TurnShare<Client>;

  constructor(
    private readonly node: Surroundings,
    private readonly parts: {
      readonly hand: Hand;
      readonly replies: Replies;
      readonly turnEnd: TurnEnd;
      readonly running: Running;
    },
  ) {
    this.engine = node.engine;
    const { clock, system } = node.modules;
    this.turnShare = new TurnShare({ clock, soon: system.soon }, (client) => {
      // Where replies are still pending, the client goes on when they are gone.
      if (client.state === ClientState.Congested && !isCongested(client)) this.unparkLater(client);
    });
  }

  // Stopping.

  /** Between two commands: true when the client may not go on now. */
  mustStop(client: Client): boolean {
    if (client.closed) {
      this.engine.freeClient(client.handle);
      return true;
    }
    if (!isCongested(client)) return false;
    this.parkAs(client, ClientState.Congested);
    return true;
  }

  /** The client goes on in the next turn; false: not now, as nobody may come between its commands. */
  giveWay(client: Client, answered: number): boolean {
    const divides = client.kind === "normal" || client.kind === "master";
    if (!divides || this.engine.frameWord(Frame.InsideExec) === 1) return false;
    client.answered = answered;
    this.parkAs(client, ClientState.Congested);
    if (!client.closed) this.turnShare.wait(client);
    return true;
  }

  /** All that the client has sent is done. */
  afterRun(client: Client): void {
    if (client.closed) this.engine.freeClient(client.handle);
    else if (isCongested(client)) {
      client.state = ClientState.Congested;
      client.parked = false;
      client.link.resumeReading();
    }
  }

  /** The rest of the client's input waits in its own query buffer. */
  parkAs(client: Client, state: ClientState): void {
    this.engine.park(client.handle);
    this.parts.replies.takeOut(client);
    if (client.closed) {
      this.engine.freeClient(client.handle);
      return;
    }
    client.state = state;
    client.parked = true;
    // Who only waits for the next turn is not read meanwhile. All others are: only so do we hear that one has gone, and
    // the peer of one whose replies wait may first want to send all.
    if (state === ClientState.Congested && !isCongested(client)) client.link.pauseReading();
    else client.link.resumeReading();
  }

  /** Keeps bytes of a client that cannot be worked on now. */
  hold(client: Client, chunk: Uint8Array): void {
    if (client.state >= ClientState.Closing) return;
    const { held } = client;
    held.push(chunk);
    this.node.clientMemory.add(chunk.length);
    if (client.state === ClientState.Congested) {
      if (held.bytes > this.node.tuning.queryBytesMax) this.dropForInput(client);
    } else if (held.bytes > heldInputBytesMax) this.node.drop(client);
    // Ready but not executed: another client is in hand.
    else if (client.state === ClientState.Ready) this.unparkLater(client);
    else if (held.bytes > readAheadBytesMax) client.link.pauseReading();
  }

  // Going on.

  /** Lets a client go on that had to wait, when no other is in hand. */
  unparkLater(client: Client): void {
    const { state } = client;
    this.parts.turnEnd.add(() => {
      // It may have gone on already and wait for something else by now.
      if (client.state === state) this.unpark(client);
    });
  }

  /** `answered`: 1 behind a command that the host has answered; `skips`: behind one of the engine's that blocked. */
  private unpark(client: Client, answered = 0, skips = false): void {
    if (client.closed || client.state === ClientState.Closing) return;
    const { hand, running } = this.parts;
    client.state = ClientState.Ready;
    if (client.parked) {
      client.parked = false;
      const { clock } = this.node.modules;
      hand.segmentStartMs = clock.monotonicMs();
      hand.nowMs = clock.wallMs(hand.segmentStartMs);
      hand.client = client;
      const { handle } = client;
      const first = skips
        ? this.engine.skipBlocked(handle, hand.nowMs)
        : this.engine.resume(handle, hand.nowMs);
      const before = answered + client.answered;
      client.answered = 0;
      running.run(client, first, before);
      running.endTurn();
    }
    while (client.state === ClientState.Ready) {
      const chunk = client.held.shift();
      if (chunk === undefined) break;
      this.node.clientMemory.add(-chunk.length);
      running.receive(client, chunk);
    }
    if (client.state === ClientState.Ready) client.link.resumeReading();
    client.onWentOn?.();
  }

  /** The client's host command, in which it waited, has this reply. */
  answerHost(client: Client, reply: ReplyValue): void {
    this.parts.replies.answer(client, reply);
    if (client.closeAfterReply) this.endWaiting(client);
    else this.unpark(client, 1);
  }

  /** The client's blocked command is not run again and has this reply. */
  answerBlocked(client: Client, reply: ReplyValue): void {
    this.parts.replies.answer(client, reply);
    if (client.closeAfterReply) this.endWaiting(client);
    else this.unpark(client, 0, true);
  }

  /** The transport has sent all that was pending. */
  onDrained(client: Client): void {
    client.overSoftLimitSinceMs = 0;
    if (client.state === ClientState.Congested) this.unparkLater(client);
  }

  // Ending.

  /** The reply that ends the client's waiting was its last. */
  private endWaiting(client: Client): void {
    const { hand, replies } = this.parts;
    hand.client = client;
    replies.takeOut(client);
    this.finish(client);
    hand.client = undefined;
  }

  /** The last reply is on its way; nothing more is read. */
  finish(client: Client): void {
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

  refuseInput(client: Client): void {
    this.parts.replies.takeOut(client);
    this.dropForInput(client);
    this.engine.freeClient(client.handle);
  }

  private dropForInput(client: Client): void {
    const description = this.node.clients.describe(client, this.node.modules.clock.nowMs());
    this.node.log.warning(`Closing client that reached max query buffer length: ${description}`);
    this.node.drop(client);
  }
}

/** Its peer leaves too many replies unread. */
function isCongested(client: Client): boolean {
  return client.link.pendingBytes > repliesAheadBytesMax && client.kind === "normal";
}
