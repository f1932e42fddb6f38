import { ClientFlag, Client as Field, Frame } from "../../../assembly/abi.ts";
import { Command } from "../../../assembly/command-ids.ts";
import { latin1Text } from "../../base/bytes.ts";
import { encodeReply, type Protocol, type ReplyValue } from "../../base/reply.ts";
import type { CommandRow } from "../../commands/row.ts";
import type { Engine } from "../../engine/engine.ts";
import type { Client } from "../client.ts";
import { takeKeyEvents } from "../key-events.ts";
import { isBehindReply } from "../notification-order.ts";
import type { Hand } from "./hand.ts";
import type { Surroundings } from "./surroundings.ts";

/**
 * The way out of the engine: replies to the client in hand, journal to the replicas, key events to those who
 * listen or wait. All clients share one region of each, so they are taken out before another client runs.
 */
export class Replies {
  private readonly engine: Engine;

  constructor(
    private readonly node: Surroundings,
    private readonly hand: Hand,
  ) {
    this.engine = node.engine;
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
    else if (length >= this.node.tuning.replyBytesMax && client.kind === "normal") {
      // Redis gathers a reply before it sends the first byte: one that is too long closes the client at once.
      this.node.closeForOutput(client);
    } else if (!client.closed) {
      client.link.send(engine.memory.bytes, engine.replyAddress, length);
      this.node.stats.netOutputBytes += length;
      this.node.stats.writes++;
      if (client.link.pendingBytes > 0) this.node.checkOutput(client);
    }
    engine.replyTaken();
  }

  /** A replica gets the stream and nothing else (networking.c). */
  private refuseReplica(client: Client): void {
    const { clients, log } = this.node;
    log.warning(
      `Replica generated a reply to command '${clients.lastCommand(client)}', disconnecting it: ` +
        clients.describe(client, this.hand.nowMs),
    );
    this.node.drop(client);
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
      onFlushed: () => node.noteFlushed(),
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

  /** Writes a host reply behind those of the engine, unless the client wants none. */
  answer(client: Client, reply: ReplyValue, row?: CommandRow): void {
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
}
