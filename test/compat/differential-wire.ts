/** One connection that answers replies as the bytes they were. Small and without values: it runs millions. */
import type { Socket } from "bun";

/** Where the reply at `at` ends, or -1 when more bytes are needed. Garbage ends with what is there. */
export function replyEnd(bytes: Buffer, at: number): number {
  const lineEnd = bytes.indexOf("\r\n", at);
  if (lineEnd < 0) return -1;
  const next = lineEnd + 2;
  switch (bytes[at]) {
    case 0x24: // $
    case 0x3d: // =
    case 0x21: {
      const length = Number(bytes.toString("latin1", at + 1, lineEnd));
      if (length < 0) return next;
      return next + length + 2 <= bytes.length ? next + length + 2 : -1;
    }
    case 0x2a: // *
    case 0x7e: // ~
    case 0x3e: // >
      return itemsEnd(bytes, next, Number(bytes.toString("latin1", at + 1, lineEnd)));
    case 0x25: // %
      return itemsEnd(bytes, next, 2 * Number(bytes.toString("latin1", at + 1, lineEnd)));
    case 0x7c: // |: attributes stand before the reply proper
      return itemsEnd(bytes, next, 2 * Number(bytes.toString("latin1", at + 1, lineEnd)) + 1);
    case 0x2b: // +
    case 0x2d: // -
    case 0x3a: // :
    case 0x5f: // _
    case 0x2c: // ,
    case 0x23: // #
    case 0x28: // (
      return next;
    default:
      return bytes.length;
  }
}

function itemsEnd(bytes: Buffer, at: number, count: number): number {
  let end = at;
  for (let left = count; left > 0; left--) {
    if (end >= bytes.length) return -1;
    end = replyEnd(bytes, end);
    if (end < 0) return -1;
  }
  return end;
}

/** The items of an array, set or map reply, each as its bytes; undefined for anything else. */
export function itemsOf(reply: Buffer): Buffer[] | undefined {
  if (reply[0] !== 0x2a && reply[0] !== 0x7e && reply[0] !== 0x25) return undefined;
  let at = reply.indexOf("\r\n") + 2;
  const items: Buffer[] = [];
  while (at < reply.length) {
    const end = replyEnd(reply, at);
    if (end < 0) return undefined;
    items.push(reply.subarray(at, end));
    at = end;
  }
  return items;
}

/** The bytes of a bulk string reply; undefined for anything else, a missing value too. */
export function bulkOf(reply: Buffer): Buffer | undefined {
  if (reply[0] !== 0x24 || reply[1] === 0x2d) return undefined;
  return reply.subarray(reply.indexOf("\r\n") + 2, reply.length - 2);
}

export class Wire {
  private socket!: Socket;
  private received: Buffer = Buffer.alloc(0);
  private chunks: Buffer[] = [];
  private unsent: Buffer = Buffer.alloc(0);
  private wake: (() => void) | undefined;
  closed = false;

  static async open(port: number): Promise<Wire> {
    const wire = new Wire();
    wire.socket = await Bun.connect({
      hostname: "127.0.0.1",
      port,
      socket: {
        data(_, chunk) {
          wire.chunks.push(Buffer.from(chunk));
          wire.wake?.();
        },
        drain: () => wire.flush(),
        close: () => wire.onClose(),
        error: () => wire.onClose(),
      },
    });
    return wire;
  }

  send(bytes: Buffer): void {
    this.unsent = this.unsent.length === 0 ? bytes : Buffer.concat([this.unsent, bytes]);
    this.flush();
  }

  /** The next `count` replies; fewer when the connection closes or nothing more comes for `timeoutMs`. */
  async replies(count: number, timeoutMs = 30_000): Promise<Buffer[]> {
    const replies: Buffer[] = [];
    for (;;) {
      this.gather();
      let at = 0;
      while (replies.length < count && at < this.received.length) {
        const end = replyEnd(this.received, at);
        if (end < 0) break;
        replies.push(this.received.subarray(at, end));
        at = end;
      }
      if (at > 0) this.received = this.received.subarray(at);
      if (replies.length === count || this.closed) return replies;
      if (!(await this.more(timeoutMs))) return replies;
    }
  }

  /** Everything that comes until the peer closes, or until nothing comes for `quietMs`. */
  async everything(quietMs: number): Promise<Buffer> {
    while (!this.closed && (await this.more(quietMs))) this.gather();
    this.gather();
    return this.received;
  }

  async untilClosed(timeoutMs = 5000): Promise<boolean> {
    const deadline = Date.now() + timeoutMs;
    while (!this.closed && Date.now() < deadline) await this.more(timeoutMs);
    return this.closed;
  }

  close(): void {
    this.socket.end();
  }

  private gather(): void {
    if (this.chunks.length === 0) return;
    this.received = Buffer.concat([this.received, ...this.chunks]);
    this.chunks = [];
  }

  /** Waits for bytes or the close; false after the time. */
  private async more(timeoutMs: number): Promise<boolean> {
    if (this.closed || this.chunks.length > 0) return true;
    const { promise, resolve } = Promise.withResolvers<boolean>();
    const timer = setTimeout(() => resolve(false), timeoutMs);
    this.wake = () => resolve(true);
    const woken = await promise;
    this.wake = undefined;
    clearTimeout(timer);
    return woken;
  }

  private flush(): void {
    if (this.closed || this.unsent.length === 0) return;
    const taken = this.socket.write(this.unsent);
    if (taken > 0) this.unsent = this.unsent.subarray(taken);
  }

  private onClose(): void {
    this.closed = true;
    this.wake?.();
  }
}
