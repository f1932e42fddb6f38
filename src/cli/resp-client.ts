import { decodeReply, encodeCommand, type Reply, ReplyError } from "./resp-decode.ts";

export interface RespClientOptions {
  readonly host: string;
  readonly port: number;
  /** Bound on connecting and on each reply; whole milliseconds. */
  readonly timeoutMs?: number;
  /** For AUTH, where the server asks for one. */
  readonly password?: string | undefined;
}

interface Waiting {
  readonly resolve: (reply: Reply) => void;
  readonly reject: (error: Error) => void;
  readonly timer: ReturnType<typeof setTimeout>;
}

const DEFAULT_TIMEOUT_MS = 5_000;
/** More than any reply the tools ask for. */
const INPUT_BYTES_MAX = 64 * 1024 * 1024;

/**
 * A connection that sends commands and hands out replies in order. Requests are small: what the socket does
 * not take at once is kept and sent when it drains. After an error or a late reply the connection is closed,
 * and everything that waits is rejected.
 */
export class RespClient {
  readonly #address: string;
  readonly #timeoutMs: number;
  readonly #waiting: Waiting[] = [];
  #socket: Bun.Socket | undefined;
  #input: Buffer = Buffer.alloc(0);
  #output: Buffer = Buffer.alloc(0);
  #closed: Error | undefined;

  private constructor(options: RespClientOptions) {
    this.#address = `${options.host}:${options.port}`;
    this.#timeoutMs = options.timeoutMs ?? DEFAULT_TIMEOUT_MS;
  }

  /** Rejects when nobody listens, or nobody answers in time. */
  static async connect(options: RespClientOptions): Promise<RespClient> {
    const client = new RespClient(options);
    await client.#open(options);
    if (options.password !== undefined) await client.call("AUTH", options.password);
    return client;
  }

  get isOpen(): boolean {
    return this.#closed === undefined;
  }

  /** The reply, whatever it is; rejects only when the connection fails. */
  send(args: readonly string[], timeoutMs = this.#timeoutMs): Promise<Reply> {
    if (this.#closed !== undefined) return Promise.reject(this.#closed);
    return new Promise((resolve, reject) => {
      const timer = setTimeout(
        () =>
          this.#fail(new Error(`${this.#address} did not answer ${args[0]} in ${timeoutMs} ms`)),
        timeoutMs,
      );
      this.#waiting.push({ resolve, reject, timer });
      this.#output = Buffer.concat([this.#output, Buffer.from(encodeCommand(args))]);
      this.#flush();
    });
  }

  /** Like `send`, but an error reply rejects with the command's name and the server's text. */
  async call(...args: string[]): Promise<Exclude<Reply, ReplyError>> {
    return this.#answer(await this.send(args), args);
  }

  /** The text of a reply that is one. */
  async text(...args: string[]): Promise<string> {
    return this.textIn(await this.send(args), ...args);
  }

  /** The text that `reply` to a command is; throws like `call` when it is none. */
  textIn(reply: Reply, ...args: string[]): string {
    const answer = this.#answer(reply, args);
    if (typeof answer !== "string") throw new Error(`${this.#address}: ${args[0]} gave no text`);
    return answer;
  }

  #answer(reply: Reply, args: readonly string[]): Exclude<Reply, ReplyError> {
    if (!(reply instanceof ReplyError)) return reply;
    throw new Error(`${this.#address} answered ${args.slice(0, 2).join(" ")}: ${reply.message}`);
  }

  close(): void {
    this.#fail(new Error(`the connection to ${this.#address} is closed`));
  }

  async #open(options: RespClientOptions): Promise<void> {
    const late = Promise.withResolvers<never>();
    const timer = setTimeout(() => late.reject(new Error("no answer")), this.#timeoutMs);
    try {
      const connecting = Bun.connect({
        hostname: options.host,
        port: options.port,
        socket: {
          open: (socket) => {
            if (this.#closed === undefined) this.#socket = socket;
            else socket.end();
          },
          data: (_, chunk) => this.#onData(chunk),
          drain: () => this.#flush(),
          close: () => this.#fail(new Error(`${this.#address} closed the connection`)),
          error: (_, error) => this.#fail(error),
        },
      });
      await Promise.race([connecting, late.promise]);
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      this.#fail(new Error(`cannot connect to ${this.#address}: ${reason}`));
      throw this.#closed;
    } finally {
      clearTimeout(timer);
    }
  }

  #flush(): void {
    if (this.#socket === undefined || this.#output.length === 0) return;
    const taken = this.#socket.write(this.#output);
    if (taken > 0) this.#output = this.#output.subarray(taken);
  }

  #onData(chunk: Uint8Array): void {
    this.#input = Buffer.concat([this.#input, chunk]);
    if (this.#input.length > INPUT_BYTES_MAX) {
      this.#fail(new Error(`${this.#address} sent a reply that is too long`));
      return;
    }
    try {
      let offset = 0;
      for (;;) {
        const reply = decodeReply(this.#input, offset);
        if (reply === undefined) break;
        offset = reply.next;
        const waiting = this.#waiting.shift();
        if (waiting === undefined) throw new Error("a reply that nobody asked for");
        clearTimeout(waiting.timer);
        waiting.resolve(reply.value);
      }
      this.#input = this.#input.subarray(offset);
    } catch (error) {
      this.#fail(error instanceof Error ? error : new Error(String(error)));
    }
  }

  #fail(error: Error): void {
    if (this.#closed !== undefined) return;
    this.#closed = error;
    this.#socket?.end();
    for (const { reject, timer } of this.#waiting.splice(0)) {
      clearTimeout(timer);
      reject(error);
    }
  }
}
