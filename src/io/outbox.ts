import { type Pointer, ptr } from "bun:ffi";
import type { SystemCalls } from "./system-calls.ts";

/** Longer writes are sent at once: copying them would cost more than it saves. */
const writeBytesMax = 4096;
const outboxBytes = 64 * 1024;
const writesMax = 1024;

/** A socket whose writes are gathered. */
export interface OutboxSocket {
  /** Number of its last write in the outbox; -1: there is none. */
  lastGathered: number;
  /** Sends bytes that it has written before. */
  sendGathered(address: Pointer, bytes: Uint8Array, offset: number, length: number): void;
}

/**
 * Short writes to many sockets, gathered while clients are served and then sent in one go: the code of the
 * engine and that of the system's network stack, both larger than the innermost caches, take turns less often than once
 * per client. What goes to one socket goes out as one, as messages of several publishers to a subscriber do.
 * Redis does the same when it writes replies before it sleeps.
 */
export class Outbox {
  private readonly bytes = new Uint8Array(outboxBytes);
  private readonly address: number = ptr(this.bytes);
  /** Where several writes to one socket are put together. */
  private readonly joined = new Uint8Array(outboxBytes);
  private readonly joinedAddress: number = ptr(this.joined);
  private readonly sockets: (OutboxSocket | undefined)[] = [];
  /** Of each write: where it ends, and the next one to the same socket (0: none). */
  private readonly ends = new Uint32Array(writesMax);
  private readonly nexts = new Uint32Array(writesMax);
  private count = 0;
  private end = 0;
  private isOpen = false;

  constructor(private readonly system: SystemCalls) {}

  /** From now on writes are gathered, until `close`. */
  open(): void {
    this.isOpen = true;
  }

  close(): void {
    this.isOpen = false;
    if (this.count > 0) this.flush();
  }

  /** False: the socket is to send that itself, after a `flush` if something of it is still here. */
  take(socket: OutboxSocket, memory: Uint8Array, offset: number, length: number): boolean {
    if (!this.isOpen || length > writeBytesMax) return false;
    if (this.count === writesMax || this.end + length > outboxBytes) {
      this.flush();
      // It may be that the system has not taken all of what the socket wrote before.
      return false;
    }
    this.system.copy((this.address + this.end) as Pointer, memory, offset, length);
    this.end += length;
    const last = socket.lastGathered;
    if (last >= 0 && last === this.count - 1) {
      this.ends[last] = this.end;
      return true;
    }
    const index = this.count++;
    if (last >= 0) this.nexts[last] = index;
    // Only the first write to a socket leads to it.
    this.sockets[index] = last >= 0 ? undefined : socket;
    this.ends[index] = this.end;
    this.nexts[index] = 0;
    socket.lastGathered = index;
    return true;
  }

  /** Sends all that is here, to each socket in the order in which it was written. */
  flush(): void {
    const { count, isOpen } = this;
    // Sockets may end and write while this goes on, but not into what is being sent.
    this.isOpen = false;
    this.count = 0;
    this.end = 0;
    for (let index = 0; index < count; index++) {
      const socket = this.sockets[index];
      if (socket === undefined) continue;
      socket.lastGathered = -1;
      if (this.nexts[index] === 0) {
        const start = this.startOf(index);
        const length = (this.ends[index] as number) - start;
        socket.sendGathered((this.address + start) as Pointer, this.bytes, start, length);
      } else {
        const length = this.join(index);
        socket.sendGathered(this.joinedAddress as Pointer, this.joined, 0, length);
      }
    }
    this.isOpen = isOpen;
  }

  private startOf(index: number): number {
    return index === 0 ? 0 : (this.ends[index - 1] as number);
  }

  /** Puts a write and those that follow it to the same socket together; answers how many bytes they are. */
  private join(first: number): number {
    let length = 0;
    let index = first;
    do {
      const start = this.startOf(index);
      const bytes = (this.ends[index] as number) - start;
      this.system.copy((this.joinedAddress + length) as Pointer, this.bytes, start, bytes);
      length += bytes;
      index = this.nexts[index] as number;
    } while (index !== 0);
    return length;
  }
}
