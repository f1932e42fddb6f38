import { Region, Yield } from "../../../assembly/abi.ts";
import type { ReplyValue } from "../../base/reply.ts";
import type { Engine } from "../../engine/engine.ts";
import type { InputRegion } from "../../engine/memory.ts";
import { type Client, ClientState } from "../client.ts";
import type { TurnShare } from "../turn-share.ts";
import { Blocking } from "./blocking.ts";
import { Hand } from "./hand.ts";
import { HostCommands } from "./host-commands.ts";
import { Parking } from "./parking.ts";
import { QuickCalls } from "./quick-calls.ts";
import { Replies } from "./replies.ts";
import type { Surroundings } from "./surroundings.ts";
import { Timing } from "./timing.ts";
import { TurnEnd } from "./turn-end.ts";

/**
 * The way of input through the engine and of replies out of it: docs/engine.md, "One socket read". One
 * client is in hand at a time; what must happen to another one waits for the end of the turn.
 *
 * Nothing is allocated per command that the engine runs by itself.
 */
export class Execution {
  private readonly engine: Engine;
  private readonly hand: Hand;
  private readonly timing: Timing;
  private readonly replies: Replies;
  private readonly turnEnd: TurnEnd;
  private readonly parking: Parking;
  private readonly turnShare: TurnShare<Client>;
  private readonly blocking: Blocking;
  private readonly hostCommands: HostCommands;
  private readonly quick: QuickCalls;

  constructor(private readonly node: Surroundings) {
    this.engine = node.engine;
    const hand = new Hand(node);
    const timing = new Timing(node, hand);
    const replies = new Replies(node, hand);
    const turnEnd = new TurnEnd(hand, () => this.endTurn());
    const parking = new Parking(node, { hand, replies, turnEnd, running: this });
    const parts = { hand, timing, replies, turnEnd, parking };
    this.hand = hand;
    this.timing = timing;
    this.replies = replies;
    this.turnEnd = turnEnd;
    this.parking = parking;
    this.turnShare = parking.turnShare;
    this.blocking = new Blocking(node, parts);
    this.hostCommands = new HostCommands(node, parts);
    this.quick = new QuickCalls(node, timing, replies);
  }

  get current(): Client | undefined {
    return this.hand.client;
  }

  get outer(): Client | undefined {
    return this.hand.outer;
  }

  /** The engine works for this client right now: its record must not be freed under it. */
  isCurrent(client: Client): boolean {
    return this.hand.holds(client);
  }

  // Input.

  /** Bytes from a client's connection. The view is not kept unless the client must wait. */
  receive(client: Client, chunk: Uint8Array): void {
    const { hand } = this;
    if (client.state !== ClientState.Ready || hand.client !== undefined) {
      this.parking.hold(client, chunk);
      return;
    }
    hand.chunk = chunk;
    this.beginRead(client, chunk.length);
    if (chunk.length <= Region.Input) {
      this.run(client, this.engine.execute(client.handle, chunk, hand.nowMs));
    } else {
      this.receivePieces(client, chunk);
    }
    this.endTurn();
  }

  /** Where the client's next bytes may be read to; undefined: hand them over by `receive`. */
  directInput(client: Client): InputRegion | undefined {
    if (client.state !== ClientState.Ready || this.hand.client !== undefined) return undefined;
    return this.engine.directInput(client.handle);
  }

  /** As `receive`, with `length` bytes that lie where `directInput` said. */
  receiveDirect(client: Client, length: number): void {
    this.beginRead(client, length);
    this.run(client, this.engine.executeDirect(client.handle, length, this.hand.nowMs));
    this.endTurn();
  }

  private beginRead(client: Client, length: number): void {
    const { node, hand } = this;
    const { clock } = node.modules;
    const started = clock.monotonicMs();
    if (started > node.stallDeadlineMs) node.cluster?.onStalled();
    hand.segmentStartMs = started;
    this.turnShare.begin(started);
    hand.nowMs = clock.wallMs(started);
    client.lastActiveMs = hand.nowMs;
    client.inputBytes += length;
    node.stats.reads++;
    node.stats.netInputBytes += length;
    hand.inputLength = length;
    hand.chunkCommands = 0;
    hand.client = client;
    if (client.kind === "replica" && hand.input()[0] === newline) {
      node.replication.onReplicaNewline(client);
    }
  }

  private receivePieces(client: Client, chunk: Uint8Array): void {
    const { hand } = this;
    for (let at = 0; at < chunk.length; at += Region.Input) {
      const piece = chunk.subarray(at, at + Region.Input);
      if (client.state !== ClientState.Ready) {
        this.parking.hold(client, chunk.subarray(at));
        return;
      }
      hand.client = client;
      this.run(client, this.engine.execute(client.handle, piece, hand.nowMs));
    }
  }

  /** Follows the engine from yield to yield until the client's input is used up or the client must wait. */
  run(client: Client, first: Yield | -1, answeredBefore = 0): void {
    const { hand, parking } = this;
    let yielded = first;
    // The engine counts a command of the host's when it is resumed behind it.
    let answered = answeredBefore;
    for (;;) {
      this.timing.measure(client, answered);
      answered = 0;
      switch (yielded) {
        case Yield.Idle:
          this.replies.takeOut(client);
          parking.afterRun(client);
          return;
        case Yield.Flush:
          this.replies.takeOut(client);
          if (this.node.blocked.hasReady) {
            this.engine.park(client.handle);
            this.blocking.serveReady();
          }
          if (parking.mustStop(client)) return;
          break;
        case Yield.Host:
          if (this.quick.run(client)) {
            if (client.closed) {
              this.engine.freeClient(client.handle);
              return;
            }
          } else if (!this.hostCommands.run(client)) return;
          answered = 1;
          break;
        case Yield.Slice:
          break;
        case Yield.Redirect:
          this.hostCommands.redirect(client);
          answered = 1;
          break;
        case Yield.Close:
          this.replies.takeOut(client);
          parking.finish(client);
          return;
        case Yield.Paused:
          client.hostCommand = "";
          // Who waits for a snapshot is not read: what it has sent is done, though it may have gone.
          parking.parkAs(
            client,
            this.isPaused(client) ? ClientState.Paused : ClientState.Congested,
          );
          if (!client.closed) this.node.notePaused(client);
          return;
        case Yield.Blocked:
          this.blocking.block(client);
          return;
        default:
          parking.refuseInput(client);
          return;
      }
      hand.segmentStartMs = this.node.modules.clock.monotonicMs();
      if (this.turnShare.isOver(hand.segmentStartMs) && parking.giveWay(client, answered)) return;
      yielded = this.engine.resume(client.handle, hand.nowMs);
    }
  }

  /** Whether it is a pause that holds the client; it never holds our primary. */
  private isPaused(client: Client): boolean {
    return this.node.pausing && client.kind !== "master";
  }

  // Turns.

  /** No client is in hand any more: what waited for that has its turn. */
  endTurn(): void {
    const { turnEnd } = this;
    this.hand.clear();
    if (!turnEnd.performing) this.blocking.serveReady();
    this.node.cron.beginReclaim();
    if (turnEnd.isDue) turnEnd.run();
  }

  /** Runs `action` when no client is in hand: at once, or at the end of the call that is. */
  onTurnEnd(action: () => void): void {
    this.turnEnd.add(action);
  }

  /** Runs `action` as a turn of its own: clients that it lets go on do so when it is over. */
  asTurn(action: () => void): void {
    this.turnEnd.asTurn(action);
  }

  // For the node.

  /** Sends the replies to the client; the journal goes to the replicas at the end of the turn. */
  takeOut(client: Client): void {
    this.replies.takeOut(client);
  }

  /** What happened to keys since the last time. */
  takeEvents(): void {
    this.replies.takeEvents();
  }

  /** Lets a client go on that had to wait, when no other is in hand. */
  unparkLater(client: Client): void {
    this.parking.unparkLater(client);
  }

  /** The transport has sent all that was pending. */
  onDrained(client: Client): void {
    this.parking.onDrained(client);
  }

  /** Ends the waiting of a client with this reply. False: it was not waiting for a key. */
  unblock(client: Client, reply: ReplyValue): boolean {
    return this.blocking.unblock(client, reply);
  }

  /** CLIENT UNBLOCK. False: the client was not waiting. */
  unblockAsked(client: Client, reply: ReplyValue | undefined): boolean {
    return this.blocking.unblockAsked(client, reply);
  }
}

const newline = 0x0a;
