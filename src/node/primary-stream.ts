import { ClientFlag, Client as Field } from "../../assembly/abi.ts";
import { assert } from "../base/assert.ts";
import { inputSliceMs, streamAheadBytesMax, streamPieceBytes } from "../base/limits.ts";
import { type Client, type ClientLink, ClientState } from "./client.ts";
import type { Node } from "./node.ts";

/** A connection to our primary; `src/io/primary-link.ts` makes them. */
export interface PrimarySocket {
  readonly remoteAddress: string;
  readonly localAddress: string;
  /** -1: none. */
  readonly fileDescriptor: number;
  /** The bytes are kept until they are sent. */
  write(bytes: Uint8Array): void;
  /** What is on its way already may still arrive. */
  pauseReading(): void;
  resumeReading(): void;
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
  /** All that had to wait for a later turn has been executed, but for a part of a command. */
  onIdle(): void;
}

/**
 * The primary's stream as a client of the node: its commands run without gates and without replies. What was
 * executed is told byte for byte, so that offsets and our own replicas' stream are the primary's.
 *
 * However much arrives at once, a turn of the event loop executes a few milliseconds of it, in pieces: between pieces
 * the stream gives way by itself, within one the engine does, as for any client. What waits for a later turn is
 * bounded by not reading on. It is received but not applied: when the link or our role goes, it goes with it.
 *
 *   socket -> `waiting` -> the engine -> `handed` -> `onApplied`
 */
export class PrimaryStream {
  /** The database that the stream has selected; survives the link, as a resumed stream goes on there. */
  database = 0;
  private client: Client | undefined;
  private socket: PrimarySocket | undefined;
  /** Received, for a later turn. */
  private waiting: Uint8Array[] = [];
  private waitingBytes = 0;
  private readingPaused = false;
  /** The engine has them but has not executed them: parts of a command or transaction that is not all here yet. */
  private handed: Uint8Array[] = [];
  /** How many of them have been told. */
  private handedTold = 0;
  /** The piece being executed, and how much of it has been told. */
  private piece: Uint8Array | undefined;
  private pieceTold = 0;
  /** A later turn goes on with what waits. */
  private scheduled = false;
  /** Until when the turn in hand may work on the stream; monotonic clock. */
  private endMs = 0;
  /** Bytes of this client's input that have been told. */
  private told = 0;

  constructor(
    private readonly node: Node,
    private readonly events: PrimaryStreamEvents,
  ) {}

  get active(): boolean {
    return this.client !== undefined;
  }

  /** Some of what was received waits for a later turn. */
  get isBehind(): boolean {
    return this.waiting.length > 0 || this.client?.state === ClientState.Congested;
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
    client.onWentOn = () => this.onWentOn(client);
    node.engine.setClientFlag(client.handle, ClientFlag.NeedsAuth, false);
    node.engine.setClientFlag(client.handle, ClientFlag.Primary, true);
    node.engine.setClientWord(client.handle, Field.Database, this.database);
    this.client = client;
    this.socket = socket;
    this.told = node.engine.consumed(client.handle);
  }

  /** Forgets what was not executed: it will come again. */
  end(): void {
    const { client } = this;
    if (client === undefined) return;
    this.forget();
    this.node.release(client);
  }

  private forget(): void {
    this.client = undefined;
    this.socket = undefined;
    this.waiting = [];
    this.waitingBytes = 0;
    this.readingPaused = false;
    this.handed = [];
    this.handedTold = 0;
    this.piece = undefined;
  }

  /** More of the stream. `kept`: the bytes stay as they are; else they are valid during the call only. */
  execute(chunk: Uint8Array, kept = false): void {
    if (this.client === undefined) return;
    const at = this.mayGoOn() ? this.handSlice(chunk) : 0;
    if (at === chunk.length || this.client === undefined) return;
    this.waiting.push(kept ? chunk.subarray(at) : chunk.slice(at));
    this.waitingBytes += chunk.length - at;
    if (this.waitingBytes > streamAheadBytesMax && !this.readingPaused) {
      this.readingPaused = true;
      this.socket?.pauseReading();
    }
    this.goOnLater();
  }

  /**
   * Whether the turn has time left for what has just arrived. A busy socket is read many times in one turn: what follows
   * closely on a slice that used up its time belongs to the same turn.
   */
  private mayGoOn(): boolean {
    if (this.scheduled || this.isBehind) return false;
    const nowMs = this.node.modules.clock.monotonicMs();
    if (nowMs >= this.endMs + inputSliceMs) this.endMs = nowMs + inputSliceMs;
    return nowMs < this.endMs;
  }

  /** Hands pieces of `bytes` to the engine while there is time and answers how many bytes those were. */
  private handSlice(bytes: Uint8Array): number {
    const { client } = this;
    const { clock } = this.node.modules;
    let at = 0;
    while (at < bytes.length && this.client === client && client?.state === ClientState.Ready) {
      const piece = bytes.subarray(at, at + streamPieceBytes);
      this.hand(client, piece);
      at += piece.length;
      if (clock.monotonicMs() < this.endMs) continue;
      this.goOnLater();
      break;
    }
    return at;
  }

  private hand(client: Client, piece: Uint8Array): void {
    this.piece = piece;
    this.pieceTold = 0;
    this.node.receive(client, piece);
    if (this.client !== client) return;
    this.tell();
    if (this.pieceTold < piece.length) this.handed.push(piece.slice(this.pieceTold));
    this.piece = undefined;
  }

  /** The engine gave way in the middle of a piece, and has gone on since. */
  private onWentOn(client: Client): void {
    if (this.client !== client || this.piece !== undefined) return;
    this.tell();
    if (client.state !== ClientState.Ready) return;
    if (this.waiting.length > 0) this.goOnLater();
    else this.events.onIdle();
  }

  private goOnLater(): void {
    if (this.scheduled) return;
    this.scheduled = true;
    this.node.modules.system.soon(() => {
      this.scheduled = false;
      this.goOn();
    });
  }

  private goOn(): void {
    const { client } = this;
    const oldest = this.waiting[0];
    // Where the engine has given way, `onWentOn` comes first.
    this.endMs = this.node.modules.clock.monotonicMs() + inputSliceMs;
    if (oldest === undefined || client?.state !== ClientState.Ready) return;
    const taken = this.handSlice(oldest);
    if (this.client !== client) return;
    this.waitingBytes -= taken;
    if (taken === oldest.length) this.waiting.shift();
    else this.waiting[0] = oldest.subarray(taken);
    if (this.readingPaused && this.waitingBytes <= streamAheadBytesMax / 2) {
      this.readingPaused = false;
      this.socket?.resumeReading();
    }
    if (this.waiting.length > 0) this.goOnLater();
    else if (!this.isBehind) this.events.onIdle();
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
    const { handed, handedTold } = this;
    const oldest = handed[handedTold];
    if (oldest !== undefined) {
      if (oldest.length > max) {
        handed[handedTold] = oldest.subarray(max);
        return oldest.subarray(0, max);
      }
      if (++this.handedTold === handed.length) {
        this.handed = [];
        this.handedTold = 0;
      }
      return oldest;
    }
    const { piece, pieceTold } = this;
    assert(piece !== undefined && piece.length - pieceTold >= max, "more executed than received");
    this.pieceTold += max;
    return piece.subarray(pieceTold, pieceTold + max);
  }

  private onClosed(client: Client): void {
    if (this.client !== client) return;
    this.forget();
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
    // The stream itself bounds what waits.
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
