import type { InputRegion } from "../engine/memory.ts";
import type { Client, ClientLink } from "../node/client.ts";
import type { Node } from "../node/node.ts";
import type { ClientSocket, ClientSocketEvents } from "./client-socket.ts";

/** Unsent bytes lie in blocks of at least this size, so that small replies to a slow peer share one. */
const blockBytesMin = 16 * 1024;

interface Block {
  readonly bytes: Uint8Array;
  start: number;
  end: number;
}

/**
 * One socket with a client behind it. What the socket does not take at once is copied and sent when it drains; when that
 * grows too much, the node lets the client's commands wait.
 */
export class Connection implements ClientLink, ClientSocketEvents {
  client: Client | undefined;
  pendingBytes = 0;
  readonly fileDescriptor: number;
  private readonly blocks: Block[] = [];
  /** Of what is pending, what counts as memory of clients: replicas' output does not. */
  private countedBytes = 0;
  private ending = false;
  private gone = false;

  constructor(
    private readonly socket: ClientSocket,
    private readonly node: Node,
    readonly remoteAddress: string,
    readonly localAddress: string,
    readonly unixSocket: boolean,
  ) {
    this.fileDescriptor = socket.fd;
  }

  get pendingCount(): number {
    return this.blocks.length;
  }

  send(memory: Uint8Array, offset: number, length: number): void {
    if (this.gone || this.ending) return;
    let taken = 0;
    if (this.pendingBytes === 0) {
      if (this.socket.writeSoon?.(memory, offset, length) === true) return;
      taken = this.socket.write(memory, offset, length);
      if (taken === length) return;
      if (taken < 0) taken = 0;
    }
    this.keep(memory, offset + taken, length - taken);
  }

  offer(memory: Uint8Array, offset: number, length: number): number {
    if (this.gone || this.ending || this.pendingBytes > 0) return 0;
    return Math.max(0, this.socket.write(memory, offset, length));
  }

  private keep(memory: Uint8Array, offset: number, length: number): void {
    const last = this.blocks[this.blocks.length - 1];
    let block = last;
    if (block === undefined || block.bytes.length - block.end < length) {
      block = { bytes: new Uint8Array(Math.max(length, blockBytesMin)), start: 0, end: 0 };
      this.blocks.push(block);
    }
    block.bytes.set(memory.subarray(offset, offset + length), block.end);
    block.end += length;
    this.pendingBytes += length;
    if (this.client?.kind === "replica") return;
    this.countedBytes += length;
    this.node.clientMemory.add(length);
  }

  /** So many of the bytes that were kept are gone. */
  private uncount(length: number): void {
    const counted = Math.min(length, this.countedBytes);
    this.countedBytes -= counted;
    if (counted > 0) this.node.clientMemory.add(-counted);
  }

  pauseReading(): void {
    if (!this.gone) this.socket.pause();
  }

  resumeReading(): void {
    if (!this.gone) this.socket.resume();
  }

  closeAfterSending(): void {
    this.socket.sendNow?.();
    this.ending = true;
    if (this.pendingBytes === 0 && !this.gone) this.socket.end();
  }

  destroy(): void {
    if (this.gone) return;
    this.gone = true;
    this.dropPending();
    // What the system has taken still goes out; `terminate` would reset the connection and lose it.
    this.socket.end();
  }

  private dropPending(): void {
    this.uncount(this.pendingBytes);
    this.blocks.length = 0;
    this.pendingBytes = 0;
  }

  // Events of the socket.

  get directInput(): InputRegion | undefined {
    return this.client === undefined || this.ending
      ? undefined
      : this.node.directInput(this.client);
  }

  onDirectInput(length: number): void {
    if (this.client !== undefined) this.node.receiveDirect(this.client, length);
  }

  onData(chunk: Uint8Array): void {
    if (this.client !== undefined && !this.ending) this.node.receive(this.client, chunk);
  }

  onDrain(): void {
    while (this.blocks.length > 0 && !this.gone) {
      const block = this.blocks[0] as Block;
      const wanted = block.end - block.start;
      const taken = this.socket.write(block.bytes, block.start, wanted);
      if (taken <= 0) return;
      block.start += taken;
      this.pendingBytes -= taken;
      this.uncount(taken);
      if (taken < wanted) return;
      this.blocks.shift();
    }
    if (this.gone) return;
    if (this.ending) this.socket.end();
    else if (this.client !== undefined) this.node.onDrained(this.client);
  }

  /** Its client, busy meanwhile, is stopped when it has run its next commands. */
  onReturned(bytes: Uint8Array, offset: number, length: number): void {
    if (!this.gone) this.keep(bytes, offset, length);
  }

  onPeerDone(): void {
    if (this.client !== undefined) this.node.peerDone(this.client);
  }

  onClose(): void {
    const { client, node } = this;
    if (client !== undefined && !client.closed && !this.ending && node.log.shows("verbose")) {
      const description = node.clients.describe(client, node.modules.clock.nowMs());
      node.log.verbose(`Client closed connection ${description}`);
    }
    this.gone = true;
    this.dropPending();
    if (client !== undefined) node.release(client);
  }
}
