/**
 * Who listens to what (pubsub.c): names, each with its listeners in the order in which they came. A core without
 * I/O: three of these make up pub/sub, for channels, patterns and shard channels. Names are Latin-1 text, one
 * character per byte, and so exact.
 */
import { latin1 } from "../base/bytes.ts";
import { globMatch } from "../base/glob.ts";

export interface Topic<Listener> {
  readonly name: string;
  readonly listeners: ReadonlySet<Listener>;
  /** What each message to these listeners begins with; see `messageHead`. */
  readonly head: Uint8Array;
}

interface OwnTopic<Listener> extends Topic<Listener> {
  readonly listeners: Set<Listener>;
}

export class Topics<Listener extends object> {
  private readonly byName = new Map<string, OwnTopic<Listener>>();
  private readonly namesOf = new Map<Listener, Set<string>>();
  /** Changes whenever a name comes into use or goes out of it. */
  version = 0;

  constructor(private readonly kind: TopicKind = "channel") {}

  /** Names that somebody listens to. */
  get size(): number {
    return this.byName.size;
  }

  /** In the order in which names came into use. */
  [Symbol.iterator](): IterableIterator<Topic<Listener>> {
    return this.byName.values();
  }

  get(name: string): Topic<Listener> | undefined {
    return this.byName.get(name);
  }

  /** Names that match a pattern, all without one. */
  names(pattern?: string): string[] {
    const names = [...this.byName.keys()];
    return pattern === undefined ? names : names.filter((name) => globMatch(pattern, name));
  }

  /** How many listen to this name. */
  listenerCount(name: string): number {
    return this.byName.get(name)?.listeners.size ?? 0;
  }

  /** How many names this one listens to. */
  countOf(listener: Listener): number {
    return this.namesOf.get(listener)?.size ?? 0;
  }

  /** What this one listens to, oldest first. */
  listOf(listener: Listener): string[] {
    return [...(this.namesOf.get(listener) ?? [])];
  }

  add(name: string, listener: Listener): void {
    let topic = this.byName.get(name);
    if (topic === undefined) {
      topic = { name, listeners: new Set(), head: messageHead(this.kind, name) };
      this.byName.set(name, topic);
      this.version++;
    }
    topic.listeners.add(listener);
    const names = this.namesOf.get(listener);
    if (names === undefined) this.namesOf.set(listener, new Set([name]));
    else names.add(name);
  }

  remove(name: string, listener: Listener): void {
    const topic = this.byName.get(name);
    if (topic?.listeners.delete(listener) !== true) return;
    if (topic.listeners.size === 0) {
      this.byName.delete(name);
      this.version++;
    }
    const names = this.namesOf.get(listener);
    names?.delete(name);
    if (names?.size === 0) this.namesOf.delete(listener);
  }

  removeAll(listener: Listener): void {
    for (const name of this.listOf(listener)) this.remove(name, listener);
  }
}

/** Channels follow SUBSCRIBE, patterns PSUBSCRIBE, shard channels SSUBSCRIBE. */
export type TopicKind = "channel" | "pattern" | "shardChannel";

/** The first word of what is sent: when a subscription begins, when it ends, and with each message. */
export const pushWords = {
  channel: { begin: "subscribe", end: "unsubscribe", message: "message" },
  pattern: { begin: "psubscribe", end: "punsubscribe", message: "pmessage" },
  shardChannel: { begin: "ssubscribe", end: "sunsubscribe", message: "smessage" },
} as const satisfies Record<TopicKind, { begin: string; end: string; message: string }>;

/** First byte of a push: RESP2 has an array in its place. Nothing else differs in what pub/sub sends, but null. */
export const pushMark = { 2: 0x2a, 3: 0x3e } as const;

/**
 * A message up to its payload, in RESP2, where the payload is one bulk: `message`, the channel. Of a pattern's message
 * the channel follows as a bulk too.
 */
function messageHead(kind: TopicKind, name: string): Uint8Array {
  const word = pushWords[kind].message;
  const count = kind === "pattern" ? 4 : 3;
  return latin1(`*${count}\r\n$${word.length}\r\n${word}\r\n$${name.length}\r\n${name}\r\n`);
}
