/** A small RESP2/RESP3 client for tests: pipelines, shows raw replies, and never hides an error reply. */
import type { Socket } from "bun";

/** An error reply, as a value: tests compare its text. */
export class ReplyError extends Error {
  override name = "ReplyError";
}

/** A push message that is not the answer to a call (RESP3 `>`). */
export interface PushMessage {
  readonly items: readonly Reply[];
}

export type Reply =
  | string
  | number
  | bigint
  | boolean
  | null
  | ReplyError
  | Uint8Array
  | Reply[]
  | Map<Reply, Reply>
  | Set<Reply>;

export type Argument = string | number | Uint8Array;

interface Waiting {
  readonly raw: boolean;
  readonly resolve: (reply: Reply) => void;
  readonly reject: (reason: Error) => void;
}

/** Where to connect: TCP, or a unix socket's path. */
export type Address = { readonly port: number; readonly host?: string } | { readonly unix: string };

/** Encodes one command as an array of bulk strings. */
export function encodeCommand(args: readonly Argument[]): Buffer {
  const parts: Buffer[] = [Buffer.from(`*${args.length}\r\n`)];
  for (const arg of args) {
    const body = typeof arg === "object" ? Buffer.from(arg) : Buffer.from(String(arg));
    parts.push(Buffer.from(`$${body.length}\r\n`), body, Buffer.from("\r\n"));
  }
  return Buffer.concat(parts);
}

export class RespClient {
  /** Push messages met so far, oldest first. */
  readonly pushes: PushMessage[] = [];
  /** Set when the connection has ended. */
  closed = false;
  private socket!: Socket;
  private received: Buffer = Buffer.alloc(0);
  private waiting: Waiting[] = [];
  private unsent: Buffer = Buffer.alloc(0);
  private closeListeners: (() => void)[] = [];
  private bytesText: (bytes: Buffer) => string | Uint8Array = (bytes) => bytes.toString("utf8");

  static async connect(
    address: Address,
    options: { readonly binary?: boolean } = {},
  ): Promise<RespClient> {
    const client = new RespClient();
    if (options.binary) client.bytesText = (bytes) => new Uint8Array(bytes);
    const socket = {
      data: (_: Socket, chunk: Buffer) => client.onData(chunk),
      close: () => client.onClose(),
      error: () => client.onClose(),
      drain: () => client.flush(),
    };
    client.socket =
      "unix" in address
        ? await Bun.connect({ unix: address.unix, socket })
        : await Bun.connect({
            hostname: address.host ?? "127.0.0.1",
            port: address.port,
            socket,
          });
    return client;
  }

  /** Sends a command and answers its reply; an error reply is a `ReplyError` value, not a rejection. */
  call(...args: Argument[]): Promise<Reply> {
    return this.expect(encodeCommand(args), false);
  }

  /** As `call`, but rejects on an error reply. */
  async must(...args: Argument[]): Promise<Reply> {
    const reply = await this.call(...args);
    if (reply instanceof ReplyError) throw reply;
    return reply;
  }

  /** The reply's own bytes, as Latin-1 text: `+OK\r\n`. */
  rawCall(...args: Argument[]): Promise<string> {
    return this.expect(encodeCommand(args), true) as Promise<string>;
  }

  /** Sends all commands in one write and answers all replies, in order. */
  pipeline(commands: readonly (readonly Argument[])[]): Promise<Reply[]> {
    const replies = commands.map(
      () => new Promise<Reply>((resolve, reject) => this.enqueue({ raw: false, resolve, reject })),
    );
    this.send(Buffer.concat(commands.map(encodeCommand)));
    return Promise.all(replies);
  }

  /** Sends bytes as they are; nothing is expected back. */
  send(bytes: Uint8Array | string): void {
    this.unsent = Buffer.concat([this.unsent, Buffer.from(bytes)]);
    this.flush();
  }

  /** Waits for one more reply that no call asked for: after `send`, or for RESP2 published messages. */
  next(): Promise<Reply> {
    return new Promise((resolve, reject) => {
      this.enqueue({ raw: false, resolve, reject });
      this.deliver();
    });
  }

  /** As `next`, but the reply's own bytes as Latin-1 text. */
  nextRaw(): Promise<string> {
    return new Promise((resolve, reject) => {
      this.enqueue({ raw: true, resolve: (reply) => resolve(reply as string), reject });
      this.deliver();
    });
  }

  /** Everything received that no call has taken yet. */
  get leftover(): string {
    return this.received.toString("latin1");
  }

  /** Resolves when the peer (or we) closed the connection; rejects after `timeoutMs`. */
  untilClosed(timeoutMs = 5000): Promise<void> {
    if (this.closed) return Promise.resolve();
    return new Promise((resolve, reject) => {
      const timer = setTimeout(
        () => reject(new Error(`still connected after ${timeoutMs} ms`)),
        timeoutMs,
      );
      this.closeListeners.push(() => {
        clearTimeout(timer);
        resolve();
      });
    });
  }

  /** Stops reading from the socket, so that the server's output piles up. */
  pause(): void {
    this.socket.pause();
  }

  resume(): void {
    this.socket.resume();
  }

  close(): void {
    this.socket.end();
  }

  private expect(bytes: Buffer, raw: boolean): Promise<Reply> {
    return new Promise((resolve, reject) => {
      this.enqueue({ raw, resolve, reject });
      this.send(bytes);
    });
  }

  private enqueue(waiting: Waiting): void {
    if (this.closed && this.received.length === 0) {
      waiting.reject(new Error("connection closed"));
    } else {
      this.waiting.push(waiting);
    }
  }

  private flush(): void {
    if (this.unsent.length === 0 || this.closed) return;
    const taken = this.socket.write(this.unsent);
    if (taken > 0) this.unsent = this.unsent.subarray(taken);
  }

  private onData(chunk: Buffer): void {
    this.received =
      this.received.length === 0 ? Buffer.from(chunk) : Buffer.concat([this.received, chunk]);
    this.deliver();
  }

  private deliver(): void {
    let at = 0;
    while (at < this.received.length) {
      const parsed = parseReply(this.received, at, this.bytesText);
      if (parsed === null) break;
      if (this.received[at] === 0x3e) {
        this.pushes.push({ items: parsed.value as Reply[] });
      } else {
        const waiting = this.waiting.shift();
        if (waiting === undefined) break;
        const bytes = this.received.subarray(at, parsed.end);
        waiting.resolve(waiting.raw ? bytes.toString("latin1") : parsed.value);
      }
      at = parsed.end;
    }
    if (at > 0) this.received = this.received.subarray(at);
  }

  private onClose(): void {
    if (this.closed) return;
    this.closed = true;
    for (const waiting of this.waiting.splice(0)) waiting.reject(new Error("connection closed"));
    for (const listener of this.closeListeners.splice(0)) listener();
  }
}

/** One whole reply from `at` on, or null when more bytes are needed. Throws on bytes that are not RESP. */
export function parseReply(
  bytes: Buffer,
  at: number,
  bytesText: (bytes: Buffer) => string | Uint8Array = (body) => body.toString("utf8"),
): { value: Reply; end: number } | null {
  const lineEnd = bytes.indexOf("\r\n", at);
  if (lineEnd < 0) return null;
  const line = bytes.toString("utf8", at + 1, lineEnd);
  const next = lineEnd + 2;
  const mark = String.fromCharCode(bytes[at] as number);
  switch (mark) {
    case "+":
      return { value: line, end: next };
    case "-":
      return { value: new ReplyError(line), end: next };
    case ":": {
      const value = Number(line);
      return { value: Number.isSafeInteger(value) ? value : BigInt(line), end: next };
    }
    case "(":
      return { value: BigInt(line), end: next };
    case ",":
      return {
        value: line === "inf" ? Infinity : line === "-inf" ? -Infinity : Number(line),
        end: next,
      };
    case "#":
      return { value: line === "t", end: next };
    case "_":
      return { value: null, end: next };
    case "$":
    case "=":
    case "!": {
      const length = Number(line);
      if (length < 0) return { value: null, end: next };
      if (bytes.length < next + length + 2) return null;
      const skip = mark === "=" ? 4 : 0;
      const body = bytes.subarray(next + skip, next + length);
      const value = mark === "!" ? new ReplyError(body.toString()) : bytesText(Buffer.from(body));
      return { value, end: next + length + 2 };
    }
    case "*":
    case "~":
    case ">":
    case "%": {
      const count = Number(line);
      if (count < 0) return { value: null, end: next };
      const items: Reply[] = [];
      let end = next;
      for (let i = 0; i < (mark === "%" ? 2 * count : count); i++) {
        const item = parseReply(bytes, end, bytesText);
        if (item === null) return null;
        items.push(item.value);
        end = item.end;
      }
      if (mark === "~") return { value: new Set(items), end };
      if (mark !== "%") return { value: items, end };
      const pairs = new Map<Reply, Reply>();
      for (let i = 0; i < items.length; i += 2) pairs.set(items[i] as Reply, items[i + 1] as Reply);
      return { value: pairs, end };
    }
    default:
      throw new Error(
        `not RESP at offset ${at}: ${JSON.stringify(bytes.toString("latin1", at, at + 80))}`,
      );
  }
}
