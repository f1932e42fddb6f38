/**
 * Who listens to what (pubsub.c): names, each with its listeners in the order in which they came. A core without
 * I/O: three of these make up pub/sub, for channels, patterns and shard channels. Names are Latin-1 text, one
 * character per byte, and so exact.
 */
import { globMatch } from "../base/glob.ts";

export interface Topic<Listener> {
  readonly name: string;
  readonly listeners: ReadonlySet<Listener>;
}

export class Topics<Listener extends object> {
  private readonly byName = new Map<string, { name: string; listeners: Set<Listener> }>();
  private readonly namesOf = new Map<Listener, Set<string>>();

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
      topic = { name, listeners: new Set() };
      this.byName.set(name, topic);
    }
    topic.listeners.add(listener);
    const names = this.namesOf.get(listener);
    if (names === undefined) this.namesOf.set(listener, new Set([name]));
    else names.add(name);
  }

  remove(name: string, listener: Listener): void {
    const topic = this.byName.get(name);
    if (topic?.listeners.delete(listener) !== true) return;
    if (topic.listeners.size === 0) this.byName.delete(name);
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

/** One message as it is sent, in RESP3; for RESP2 its first byte becomes that of an array. */
export function encodePush(word: string, parts: readonly Uint8Array[]): Uint8Array {
  let head = `>${parts.length + 1}\r\n$${word.length}\r\n${word}\r\n`;
  let length = 0;
  for (const part of parts) length += part.length + 32;
  const bytes = Buffer.allocUnsafe(head.length + length);
  let at = 0;
  for (const part of parts) {
    at += bytes.write(`${head}$${part.length}\r\n`, at, "latin1");
    bytes.set(part, at);
    at += part.length;
    head = "\r\n";
  }
  at += bytes.write(head, at, "latin1");
  return bytes.subarray(0, at);
}
