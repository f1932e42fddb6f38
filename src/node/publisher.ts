import { ClientFlag, Client as Field, Notify } from "../../assembly/abi.ts";
import { latin1, latin1Text } from "../base/bytes.ts";
import { globMatch } from "../base/glob.ts";
import { outboxBytesMax, outboxMessagesMax } from "../base/limits.ts";
import { bulk, encodeReply, integer, nullValue, type Protocol, push } from "../base/reply.ts";
import type { Engine } from "../engine/engine.ts";
import type { Client } from "./client.ts";
import { encodePush, pushMark, pushWords, type TopicKind, Topics } from "./pubsub.ts";
import type { ServerStats } from "./stats.ts";

/** What of the node pub/sub needs. */
export interface PublishingNode {
  readonly engine: Engine;
  readonly modules: { readonly system: { soon(action: () => void): void } };
  readonly tuning: { readonly notifyEvents: number };
  readonly stats: ServerStats;
  isCurrent(client: Client): boolean;
  sendReplies(client: Client): void;
  checkOutput(client: Client): void;
  drop(client: Client): void;
}

/**
 * Pub/sub of this node. A message is encoded once, whoever gets it. What others than the client in hand get is sent
 * when the sockets that can be read now have been, or before their next reply: all that has gathered, in one write.
 */
export class Publisher {
  readonly channels = new Topics<Client>();
  readonly patterns = new Topics<Client>();
  readonly shardChannels = new Topics<Client>();
  private outbox = new Map<Client, Uint8Array[]>();
  /** Counted once per listener. */
  private waitingMessages = 0;
  /** Counted once per message. */
  private waitingBytes = 0;
  private flushDue = false;
  private batch = new Uint8Array(batchBytes);
  private readonly flushNow = (): void => {
    this.flushDue = false;
    this.flush();
  };

  constructor(private readonly node: PublishingNode) {}

  topics(kind: TopicKind): Topics<Client> {
    if (kind === "channel") return this.channels;
    return kind === "pattern" ? this.patterns : this.shardChannels;
  }

  // Messages.

  /** Delivers to everybody here who listens to the channel; answers how often. */
  publish(channel: Uint8Array, message: Uint8Array): number {
    if (this.channels.size + this.patterns.size === 0) return 0;
    return this.deliver(latin1Text(channel), channel, message, true);
  }

  publishToShard(channel: Uint8Array, message: Uint8Array): number {
    const topic = this.shardChannels.get(latin1Text(channel));
    if (topic === undefined) return 0;
    const receivers = topic.listeners.size;
    this.send(
      topic.listeners,
      encodePush(pushWords.shardChannel.message, [channel, message]),
      true,
    );
    return receivers;
  }

  private deliver(
    name: string,
    channel: Uint8Array,
    message: Uint8Array,
    behindReplies: boolean,
  ): number {
    let receivers = 0;
    const topic = this.channels.get(name);
    if (topic !== undefined) {
      receivers += topic.listeners.size;
      const bytes = encodePush(pushWords.channel.message, [channel, message]);
      this.send(topic.listeners, bytes, behindReplies);
    }
    for (const pattern of this.patterns) {
      if (!globMatch(pattern.name, name)) continue;
      receivers += pattern.listeners.size;
      const parts = [latin1(pattern.name), channel, message];
      this.send(pattern.listeners, encodePush(pushWords.pattern.message, parts), behindReplies);
    }
    return receivers;
  }

  /** Something happened to a key (notify.c). Told before the reply to the command that did it. */
  notify(database: number, key: Uint8Array, event: string): void {
    if (this.channels.size + this.patterns.size === 0) return;
    const { notifyEvents } = this.node.tuning;
    if ((notifyEvents & Notify.Keyspace) !== 0) {
      const name = `__keyspace@${database}__:${latin1Text(key)}`;
      this.deliver(name, latin1(name), latin1(event), false);
    }
    if ((notifyEvents & Notify.Keyevent) !== 0) {
      const name = `__keyevent@${database}__:${event}`;
      this.deliver(name, latin1(name), key, false);
    }
  }

  private send(listeners: ReadonlySet<Client>, bytes: Uint8Array, behindReplies: boolean): void {
    for (const client of listeners) {
      if (this.node.isCurrent(client)) {
        if (behindReplies) this.node.sendReplies(client);
        this.flushTo(client);
        this.sendNow(client, bytes);
        continue;
      }
      const waiting = this.outbox.get(client);
      if (waiting === undefined) this.outbox.set(client, [bytes]);
      else waiting.push(bytes);
      this.waitingMessages++;
    }
    this.waitingBytes += bytes.length;
    const full = this.waitingMessages >= outboxMessagesMax || this.waitingBytes >= outboxBytesMax;
    if (full) this.flush();
    else if (this.waitingMessages > 0 && !this.flushDue) {
      this.flushDue = true;
      this.node.modules.system.soon(this.flushNow);
    }
  }

  /** Messages wait to be sent. */
  get hasWaiting(): boolean {
    return this.outbox.size > 0;
  }

  /** The client is about to be sent something else. */
  flushTo(client: Client): void {
    const messages = this.outbox.get(client);
    if (messages === undefined) return;
    this.outbox.delete(client);
    this.waitingMessages -= messages.length;
    this.sendAll(client, messages);
  }

  private flush(): void {
    const { outbox } = this;
    this.outbox = new Map();
    this.waitingMessages = 0;
    this.waitingBytes = 0;
    for (const [client, messages] of outbox) this.sendAll(client, messages);
  }

  private sendAll(client: Client, messages: readonly Uint8Array[]): void {
    if (client.closed) return;
    if (messages.length === 1) this.sendNow(client, messages[0] as Uint8Array);
    else this.sendBatches(client, messages);
  }

  /** Small messages share a write. */
  private sendBatches(client: Client, messages: readonly Uint8Array[]): void {
    const mark = pushMark[this.protocolOf(client)];
    const { batch } = this;
    let length = 0;
    for (const bytes of messages) {
      if (length + bytes.length > batch.length) {
        this.write(client, batch, length);
        length = 0;
      }
      bytes[0] = mark;
      if (bytes.length > batch.length) {
        this.write(client, bytes, bytes.length);
        continue;
      }
      batch.set(bytes, length);
      length += bytes.length;
    }
    this.write(client, batch, length);
  }

  private sendNow(client: Client, bytes: Uint8Array): void {
    bytes[0] = pushMark[this.protocolOf(client)];
    this.write(client, bytes, bytes.length);
  }

  private write(client: Client, bytes: Uint8Array, length: number): void {
    if (length === 0 || client.closed) return;
    const { stats } = this.node;
    client.link.send(bytes, 0, length);
    stats.netOutputBytes += length;
    stats.writes++;
    // A subscriber that does not read is let go when it holds too much: client-output-buffer-limit pubsub.
    if (client.link.pendingBytes > 0) this.node.checkOutput(client);
  }

  private protocolOf(client: Client): Protocol {
    return this.node.engine.clientWord(client.handle, Field.Protocol) === 3 ? 3 : 2;
  }

  // Subscriptions.

  subscribe(client: Client, kind: TopicKind, name: Uint8Array): void {
    this.topics(kind).add(latin1Text(name), client);
    this.noteSubscribed(client);
    this.confirm(client, pushWords[kind].begin, name, this.countFor(client, kind));
  }

  unsubscribe(client: Client, kind: TopicKind, name: Uint8Array): void {
    this.topics(kind).remove(latin1Text(name), client);
    this.confirm(client, pushWords[kind].end, name, this.countFor(client, kind));
    this.noteSubscribed(client);
  }

  unsubscribeAll(client: Client, kind: TopicKind): void {
    const names = this.topics(kind).listOf(client);
    for (const name of names) this.unsubscribe(client, kind, latin1(name));
    if (names.length > 0) return;
    this.confirm(client, pushWords[kind].end, null, this.countFor(client, kind));
    this.noteSubscribed(client);
  }

  /** RESET, or the connection has ended: nobody is told. */
  forget(client: Client): void {
    this.channels.removeAll(client);
    this.patterns.removeAll(client);
    this.shardChannels.removeAll(client);
    this.waitingMessages -= this.outbox.get(client)?.length ?? 0;
    this.outbox.delete(client);
  }

  /** The slots have gone to others: whoever listens to a channel of theirs is told that it no longer does. */
  leaveSlots(slots: ReadonlySet<number>): void {
    if (this.shardChannels.size === 0) return;
    for (const { name, listeners } of [...this.shardChannels]) {
      const bytes = latin1(name);
      if (!slots.has(this.node.engine.slotOfKey(bytes))) continue;
      for (const client of [...listeners]) this.unsubscribe(client, "shardChannel", bytes);
    }
  }

  /** What this client listens to: channels, patterns, shard channels. */
  countsOf(client: Client): readonly [number, number, number] {
    const { channels, patterns, shardChannels } = this;
    return [channels.countOf(client), patterns.countOf(client), shardChannels.countOf(client)];
  }

  /** Shard channels are counted on their own. */
  private countFor(client: Client, kind: TopicKind): number {
    const [channels, patterns, shardChannels] = this.countsOf(client);
    return kind === "shardChannel" ? shardChannels : channels + patterns;
  }

  private noteSubscribed(client: Client): void {
    const [channels, patterns, shardChannels] = this.countsOf(client);
    const subscribed = channels + patterns + shardChannels > 0;
    if (subscribed && client.kind === "normal") client.kind = "pubsub";
    else if (!subscribed && client.kind === "pubsub") client.kind = "normal";
    this.node.engine.setClientFlag(client.handle, ClientFlag.Subscribed, subscribed);
  }

  /** Pushes go out whatever CLIENT REPLY has been set to. */
  private confirm(client: Client, word: string, name: Uint8Array | null, count: number): void {
    const { node } = this;
    const items = [bulk(word), name === null ? nullValue : bulk(name), integer(count)];
    const bytes = encodeReply(push(items), this.protocolOf(client));
    const silent = ClientFlag.ReplyOff | ClientFlag.ReplySkip;
    const muted = (node.engine.clientFlags(client.handle) & silent) !== 0;
    if (node.isCurrent(client) && !muted) {
      if (!node.engine.reply(bytes)) node.drop(client);
      return;
    }
    if (node.isCurrent(client)) node.sendReplies(client);
    // Messages that came before the end of a subscription go before it.
    this.flushTo(client);
    this.write(client, bytes, bytes.length);
  }
}

/** Small enough to be copied quickly, large enough that its system call does not count. */
const batchBytes = 64 * 1024;
