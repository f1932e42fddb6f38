import { type Pointer, ptr } from "bun:ffi";
import type { SystemCalls } from "./system-calls.ts";

/** Longer writes are sent at once: copying them would cost more than it saves. */
const writeBytesMax = 4096;
const outboxBytes = 64 * 1024;
const writesMax = 32;

/** A socket whose writes are gathered. */
export interface OutboxSocket {
  /** Sends bytes that it has written before. */
  sendGathered(address: Pointer, bytes: Uint8Array, offset: number, length: number): void;
}

/**
 * Short replies to many clients, gathered while these are served and then sent in one go: the code of the
 * engine and that of the system's network stack, both larger than the innermost caches, take turns once per pass and not
 * once per client. Redis does the same when it writes replies before it sleeps.
 */
export class Outbox {
  private readonly bytes = new Uint8Array(outboxBytes);
  private readonly address: number = ptr(this.bytes);
  private readonly sockets: OutboxSocket[] = [];
  private readonly ends = new Uint32Array(writesMax);
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

  /** False: the socket is to send that itself, after a `flush` if something of it is here. */
  take(socket: OutboxSocket, memory: Uint8Array, offset: number, length: number): boolean {
    if (!this.isOpen || length > writeBytesMax) return false;
    if (this.count === writesMax || this.end + length > outboxBytes) this.flush();
    this.system.copy((this.address + this.end) as Pointer, memory, offset, length);
    this.end += length;
    const last = this.count - 1;
    if (last >= 0 && this.sockets[last] === socket) this.ends[last] = this.end;
    else {
      this.sockets[this.count] = socket;
      this.ends[this.count++] = this.end;
    }
    return true;
  }

  /** Sends all that is here, in the order in which it was written. */
  flush(): void {
    const { count, isOpen } = this;
    // Sockets may end and write while this goes on, but not into what is being sent.
    this.isOpen = false;
    this.count = 0;
    this.end = 0;
    let start = 0;
    for (let index = 0; index < count; index++) {
      const end = this.ends[index] as number;
      const socket = this.sockets[index] as OutboxSocket;
      socket.sendGathered((this.address + start) as Pointer, this.bytes, start, end - start);
      start = end;
    }
    this.isOpen = isOpen;
  }
}
