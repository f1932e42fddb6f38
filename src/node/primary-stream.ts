import { ClientFlag, Client as Field } from "../../assembly/abi.ts";
import { assert } from "../base/assert.ts";
import type { Client, ClientLink } from "./client.ts";
import type { Node } from "./node.ts";

/** A connection to our primary; `src/io/primary-link.ts` makes them. */
export interface PrimarySocket {
  readonly remoteAddress: string;
  readonly localAddress: string;
  /** -1: none. */
  readonly fileDescriptor: number;
  /** The bytes are kept until they are sent. */
  write(bytes: Uint8Array): void;
  /** Closes at once; no event follows. */
  close(): void;
}

export interface PrimarySocketEvents {
  onOpen(): void;
  /** The bytes are valid during the call only. */
  onData(bytes: Uint8Array): void;
  /** Once; `reason` as strerror has it. */
  onClose(reason: string): void;
}

/** What the stream tells of itself. */
export interface PrimaryStreamEvents {
  /** These bytes have been executed: whole commands, whole transactions. Valid during the call. */
  onApplied(bytes: Uint8Array): void;
  /** The stream's client was dropped: CLIENT KILL, or input beyond every limit. */
  onKilled(): void;
  /** What came is not the Redis protocol. */
  onBroken(): void;
}

/**
 * The primary's stream as a client of the node: its commands run without gates and without replies. What was
 * executed is told byte for byte, so that offsets and our own replicas' stream are the primary's.
 */
export class PrimaryStream {
  /** The database that the stream has selected; survives the link, as a resumed stream goes on there. */
  database = 0;
  private client: Client | undefined;
  /** Received but not executed: the parts of a command or transaction that is not all here yet. */
  private waiting: Uint8Array[] = [];
  /** The chunk being executed, and how much of it has been told. */
  private chunk: Uint8Array | undefined;
  private chunkTold = 0;
  /** Bytes of this client's input that have been told. */
  private told = 0;

  constructor(
    private readonly node: Node,
    private readonly events: PrimaryStreamEvents,
  ) {}

  get active(): boolean {
    return this.client !== undefined;
  }

  isClient(client: Client): boolean {
    return client === this.client;
  }

  /** Commands follow, in `database`. */
  begin(socket: PrimarySocket): void {
    const { node } = this;
    this.end();
    const client = node.openClient(new StreamLink(socket, () => this.events.onBroken()));
    assert(client !== undefined, "no memory for the link to the primary");
    client.kind = "master";
    client.authenticated = true;
    client.onClosed = () => this.onClosed(client);
    node.engine.setClientFlag(client.handle, ClientFlag.NeedsAuth, false);
    node.engine.setClientFlag(client.handle, ClientFlag.Primary, true);
    node.engine.setClientWord(client.handle, Field.Database, this.database);
    this.client = client;
    this.told = node.engine.consumed(client.handle);
    this.waiting = [];
  }

  /** Forgets what was not executed: it will come again. */
  end(): void {
    const { client } = this;
    if (client === undefined) return;
    this.client = undefined;
    this.waiting = [];
    this.chunk = undefined;
    this.node.release(client);
  }

  execute(chunk: Uint8Array): void {
    const { client } = this;
    if (client === undefined) return;
    this.chunk = chunk;
    this.chunkTold = 0;
    this.node.receive(client, chunk);
    if (this.client !== client) return;
    this.tell();
    if (this.chunkTold < chunk.length) this.waiting.push(chunk.slice(this.chunkTold));
    this.chunk = undefined;
  }

  /** Tells what has been executed so far, also in the middle of a chunk. */
  tell(): void {
    const { client, node } = this;
    if (client === undefined) return;
    const consumed = node.engine.consumed(client.handle);
    let left = consumed - this.told;
    if (left === 0) return;
    this.told = consumed;
    this.database = node.engine.clientWord(client.handle, Field.Database);
    while (left > 0) {
      const part = this.take(left);
      this.events.onApplied(part);
      left -= part.length;
    }
  }

  /** The oldest bytes that were not told, at most `max`. */
  private take(max: number): Uint8Array {
    const oldest = this.waiting[0];
    if (oldest !== undefined) {
      if (oldest.length <= max) {
        this.waiting.shift();
        return oldest;
      }
      this.waiting[0] = oldest.subarray(max);
      return oldest.subarray(0, max);
    }
    const { chunk, chunkTold } = this;
    assert(chunk !== undefined && chunk.length - chunkTold >= max, "more executed than received");
    this.chunkTold += max;
    return chunkTold === 0 && max === chunk.length
      ? chunk
      : chunk.subarray(chunkTold, chunkTold + max);
  }

  private onClosed(client: Client): void {
    if (this.client !== client) return;
    this.client = undefined;
    this.waiting = [];
    this.chunk = undefined;
    this.events.onKilled();
  }
}

/** Under the stream's client: nothing is replied to a primary. */
class StreamLink implements ClientLink {
  readonly unixSocket = false;
  readonly pendingBytes = 0;
  readonly pendingCount = 0;

  constructor(
    private readonly socket: PrimarySocket,
    private readonly onBroken: () => void,
  ) {}

  get remoteAddress(): string {
    return this.socket.remoteAddress;
  }

  get localAddress(): string {
    return this.socket.localAddress;
  }

  get fileDescriptor(): number {
    return this.socket.fileDescriptor;
  }

  send(): void {
    // The engine drops the replies; what little slips through is not for the primary.
  }

  offer(): number {
    return 0;
  }

  pauseReading(): void {
    // Its commands are never held back.
  }

  resumeReading(): void {
    // See above.
  }

  /** The parser gave up, or the stream said QUIT: it cannot go on either way. */
  closeAfterSending(): void {
    this.onBroken();
  }

  destroy(): void {
    // The core closes the socket when it hears that the client is gone.
  }
}
