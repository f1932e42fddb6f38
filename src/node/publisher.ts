import { ClientFlag, Client as Field, Notify } from "../../assembly/abi.ts";
import { latin1, latin1Text } from "../base/bytes.ts";
import { globMatch } from "../base/glob.ts";
import { outboxBytesMax, outboxCopiedBytesMax, routesMax } from "../base/limits.ts";
import { bulk, encodeReply, integer, nullValue, type Protocol, push } from "../base/reply.ts";
import type { Engine } from "../engine/engine.ts";
import type { Client } from "./client.ts";
import { MessageLog } from "./message-log.ts";
import { pushWords, type Topic, type TopicKind, Topics } from "./pubsub.ts";
import type { ServerStats } from "./stats.ts";

/** What of the node pub/sub needs. */
export interface PublishingNode {
  readonly engine: Engine;
  readonly modules: { readonly system: { soon(action: () => void): void } };
  readonly tuning: { readonly notifyEvents: number };
  readonly stats: ServerStats;
  /** The client in hand, and the one whose command it is that lets it be served. */
  readonly current: Client | undefined;
  readonly outer: Client | undefined;
  isCurrent(client: Client): boolean;
  sendReplies(client: Client): void;
  checkOutput(client: Client): void;
  drop(client: Client): void;
}

/** Who gets what is said in a channel: its own listeners, then those of patterns, in the order of the patterns. */
interface Route {
  readonly name: Uint8Array;
  readonly channel: Topic<Client> | undefined;
  readonly patterns: readonly Topic<Client>[];
}

/**
 * Pub/sub of this node. A message is encoded once, whoever gets it. What others than the client in hand get is sent
 * when the sockets that can be read now have been, or before their next reply: all that has gathered, in one write.
 */
export class Publisher {
  readonly channels = new Topics<Client>("channel");
  readonly patterns = new Topics<Client>("pattern");
  readonly shardChannels = new Topics<Client>("shardChannel");
  private readonly log = new MessageLog<Topic<Client>>();
  /** Up to where in the log a client is done: it was told, or was no listener yet. */
  private readonly early = new Map<Client, number>();
  /** Bytes of the log, counted once per listener. */
  private copiedBytes = 0;
  private flushDue = false;
  private readonly batch = new Uint8Array(batchBytes);
  private readonly routes = new Map<string, Route>();
  private routesVersion = 0;
  private lastRoute: Route = { name: new Uint8Array(0), channel: undefined, patterns: [] };
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
    return this.publishBytes(channel, 0, channel.length, message, 0, message.length);
  }

  /** The same, of bytes at these places. */
  publishBytes(
    source: Uint8Array,
    channelAt: number,
    channelLength: number,
    body: Uint8Array,
    bodyAt: number,
    bodyLength: number,
  ): number {
    if (this.channels.size + this.patterns.size === 0) return 0;
    const route = this.routeOf(source, channelAt, channelLength);
    return this.deliver(route, body, bodyAt, bodyLength, true);
  }

  publishToShard(channel: Uint8Array, message: Uint8Array): number {
    const topic = this.shardChannels.get(latin1Text(channel));
    if (topic === undefined) return 0;
    this.add(topic, undefined, message, 0, message.length, true);
    this.schedule();
    return topic.listeners.size;
  }

  private routeOf(source: Uint8Array, at: number, length: number): Route {
    const version = this.channels.version + this.patterns.version;
    if (version !== this.routesVersion) {
      this.routes.clear();
      this.routesVersion = version;
    } else if (isAt(this.lastRoute.name, source, at, length)) return this.lastRoute;
    const name = source.slice(at, at + length);
    const text = latin1Text(name);
    let route = this.routes.get(text);
    if (route === undefined) {
      const patterns = [...this.patterns].filter((pattern) => globMatch(pattern.name, text));
      route = { name, channel: this.channels.get(text), patterns };
      if (this.routes.size >= routesMax) this.routes.clear();
      this.routes.set(text, route);
    }
    this.lastRoute = route;
    return route;
  }

  private deliver(
    route: Route,
    body: Uint8Array,
    at: number,
    length: number,
    behindReplies: boolean,
  ): number {
    const { channel, patterns } = route;
    let receivers = 0;
    if (channel !== undefined) {
      receivers = channel.listeners.size;
      this.add(channel, undefined, body, at, length, behindReplies);
    }
    for (const pattern of patterns) {
      receivers += pattern.listeners.size;
      this.add(pattern, route.name, body, at, length, behindReplies);
    }
    if (receivers > 0) this.schedule();
    return receivers;
  }

  /** Something happened to a key (notify.c). Told before the reply to the command that did it. */
  notify(database: number, key: Uint8Array, event: string): void {
    if (this.channels.size + this.patterns.size === 0) return;
    const { notifyEvents } = this.node.tuning;
    if ((notifyEvents & Notify.Keyspace) !== 0) {
      const name = latin1(`__keyspace@${database}__:${latin1Text(key)}`);
      const route = this.routeOf(name, 0, name.length);
      this.deliver(route, latin1(event), 0, event.length, false);
    }
    if ((notifyEvents & Notify.Keyevent) !== 0) {
      const name = latin1(`__keyevent@${database}__:${event}`);
      this.deliver(this.routeOf(name, 0, name.length), key, 0, key.length, false);
    }
  }

  /** Adds a message to the log; a client in hand that listens gets it now. */
  private add(
    topic: Topic<Client>,
    channel: Uint8Array | undefined,
    body: Uint8Array,
    at: number,
    length: number,
    behindReplies: boolean,
  ): void {
    const { log, node } = this;
    const { head, listeners } = topic;
    const own = hearing(node.current, listeners);
    const outer = hearing(node.outer, listeners);
    if (own !== undefined && behindReplies) node.sendReplies(own);
    const size = head.length + (channel === undefined ? 0 : channel.length + 32) + length + 32;
    const copied = listeners.size * size;
    if (this.copiedBytes + copied > outboxCopiedBytesMax || log.length + size > outboxBytesMax) {
      this.flush();
    }
    this.copiedBytes += copied;
    log.begin(topic, size);
    log.put(head, 0, head.length);
    if (channel !== undefined) log.putBulk(channel, 0, channel.length);
    log.putBulk(body, at, length);
    log.end();
    if (own !== undefined) this.flushTo(own);
    if (outer !== undefined) this.flushTo(outer);
  }

  private schedule(): void {
    if (this.flushDue) return;
    this.flushDue = true;
    this.node.modules.system.soon(this.flushNow);
  }

  /** Messages wait to be sent. */
  get hasWaiting(): boolean {
    return this.log.length > 0;
  }

  /** The client is about to be sent something else. */
  flushTo(client: Client): void {
    if (client.kind !== "normal") this.settle(client);
  }

  /** The client has what was said up to now, and what it listens to may change. */
  private settle(client: Client): void {
    const { log } = this;
    if (log.length === 0) return;
    const from = this.early.get(client) ?? 0;
    let first = log.segmentCount;
    while (first > 0 && log.endOf(first - 1) > from) first--;
    const ranges: number[] = [];
    for (let segment = first; segment < log.segmentCount; segment++) {
      if (log.topicAt(segment).listeners.has(client)) this.addRange(ranges, client, segment);
    }
    this.early.set(client, log.length);
    if (ranges.length === 0) return;
    const protocol = this.protocolOf(client);
    if (protocol === 3) log.mark(3, ranges[0] as number);
    this.sendRanges(client, ranges);
    if (protocol === 3) log.mark(2, ranges[0] as number);
  }

  private flush(): void {
    const { log } = this;
    if (log.segmentCount === 1) this.flushSegment();
    else if (log.segmentCount > 1) this.flushSegments();
    log.clear();
    this.early.clear();
    this.copiedBytes = 0;
  }

  /** All messages go to the same listeners. */
  private flushSegment(): void {
    const { log } = this;
    const { listeners } = log.topicAt(0);
    let modern = 0;
    for (const client of listeners) {
      if (this.protocolOf(client) === 3) modern++;
      else this.sendRest(client);
    }
    if (modern === 0) return;
    log.mark(3, 0);
    for (const client of listeners) if (this.protocolOf(client) === 3) this.sendRest(client);
  }

  private sendRest(client: Client): void {
    const start = this.early.size === 0 ? 0 : (this.early.get(client) ?? 0);
    this.write(client, this.log.bytes, start, this.log.length - start);
  }

  private flushSegments(): void {
    const { log } = this;
    const all = new Map<Client, number[]>();
    for (let segment = 0; segment < log.segmentCount; segment++) {
      for (const client of log.topicAt(segment).listeners) {
        const ranges = all.get(client) ?? [];
        if (ranges.length === 0) all.set(client, ranges);
        this.addRange(ranges, client, segment);
      }
    }
    let modern = 0;
    for (const [client, ranges] of all) {
      if (this.protocolOf(client) === 3) modern++;
      else this.sendRanges(client, ranges);
    }
    if (modern === 0) return;
    log.mark(3, 0);
    for (const [client, ranges] of all) {
      if (this.protocolOf(client) === 3) this.sendRanges(client, ranges);
    }
  }

  /** Adds what the client has not got of a segment: pairs of start and end, neighbours joined. */
  private addRange(ranges: number[], client: Client, segment: number): void {
    const start = Math.max(this.log.startOf(segment), this.early.get(client) ?? 0);
    const end = this.log.endOf(segment);
    if (start >= end) return;
    if (ranges.length > 0 && ranges[ranges.length - 1] === start) ranges[ranges.length - 1] = end;
    else ranges.push(start, end);
  }

  /** Small stretches share a write. */
  private sendRanges(client: Client, ranges: readonly number[]): void {
    const { batch, log } = this;
    let length = 0;
    for (let index = 0; index < ranges.length; index += 2) {
      const start = ranges[index] as number;
      const size = (ranges[index + 1] as number) - start;
      if (length + size > batch.length || ranges.length === 2) {
        this.write(client, batch, 0, length);
        length = 0;
      }
      if (size > batch.length || ranges.length === 2) {
        this.write(client, log.bytes, start, size);
        continue;
      }
      batch.set(log.bytes.subarray(start, start + size), length);
      length += size;
    }
    this.write(client, batch, 0, length);
  }

  private write(client: Client, bytes: Uint8Array, offset: number, length: number): void {
    if (length === 0 || client.closed) return;
    const { stats } = this.node;
    client.link.send(bytes, offset, length);
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
    this.settle(client);
    this.topics(kind).add(latin1Text(name), client);
    this.noteSubscribed(client);
    this.confirm(client, pushWords[kind].begin, name, this.countFor(client, kind));
  }

  unsubscribe(client: Client, kind: TopicKind, name: Uint8Array): void {
    // Messages that came before the end of a subscription go before it.
    this.settle(client);
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
    if (!client.closed) this.settle(client);
    this.early.delete(client);
    this.channels.removeAll(client);
    this.patterns.removeAll(client);
    this.shardChannels.removeAll(client);
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
    this.flushTo(client);
    this.write(client, bytes, 0, bytes.length);
  }
}

/** Small enough to be copied quickly, large enough that its system call does not count. */
const batchBytes = 64 * 1024;

/** The client, if it is one in hand that listens. */
function hearing(client: Client | undefined, listeners: ReadonlySet<Client>): Client | undefined {
  if (client === undefined || client.kind === "normal") return undefined;
  return listeners.has(client) ? client : undefined;
}

function isAt(name: Uint8Array, source: Uint8Array, at: number, length: number): boolean {
  if (name.length !== length) return false;
  for (let index = 0; index < length; index++) {
    if (name[index] !== source[at + index]) return false;
  }
  return true;
}
