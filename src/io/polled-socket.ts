import type { Pointer } from "bun:ffi";
import type { ClientSocket, ClientSocketEvents } from "./client-socket.ts";
import type { Listening } from "./listen.ts";
import type { OutboxSocket } from "./outbox.ts";
import type { Polled, PolledLoop } from "./polled-loop.ts";
import { EpollEvent, Errno, type SocketAddress } from "./system-calls.ts";

/** One read takes no more, so that every client has its turn. */
const readBytesMax = 64 * 1024;
/** Input that nobody reads any more is thrown away up to here before the socket closes. */
const drainReadsMax = 64;
/** A burst of connections is taken in pieces, so that clients have their turn in between. */
const acceptsPerTurn = 64;
/** How long to leave connections waiting when the process has no descriptor left for them. */
const acceptPauseMs = 100;

/** What arrives for clients that cannot take it where it belongs. One read is in hand at a time. */
const readBuffer = new Uint8Array(readBytesMax);
const wasteBuffer = new Uint8Array(readBytesMax);

const inputEnds = EpollEvent.PeerDone | EpollEvent.HangUp | EpollEvent.Error;
/** A read that brings less than there was room for is not all there was: an end follows, or it stops at an urgent byte. */
const moreThanInput = inputEnds | EpollEvent.Urgent;
const canWrite = EpollEvent.Out | EpollEvent.HangUp | EpollEvent.Error;

/**
 * A connected socket in our own loop. It is watched for everything from open to close, edge-triggered, which saves
 * the system from asking each socket twice; whether there is something to read is remembered here.
 */
export class PolledSocket implements ClientSocket, OutboxSocket, Polled {
  activeIn = 0;
  private events: ClientSocketEvents | undefined;
  private paused = false;
  /** There may be input that the system does not report again. */
  private readable = false;
  /** Only a read that brings nothing shows that there is no more. */
  private readUntilEmpty = false;
  /** The peer sends nothing behind that. */
  private ended = false;
  private writing = false;
  private closed = false;
  lastGathered = -1;

  constructor(
    private readonly loop: PolledLoop,
    readonly fd: number,
  ) {}

  /** Events come from now on. False: only that of its end, as the loop cannot watch it. */
  open(events: ClientSocketEvents): boolean {
    this.events = events;
    const { In, Out, Urgent, PeerDone, Edge } = EpollEvent;
    const all = In | Out | Urgent | PeerDone | Edge;
    const watched = this.loop.watch(this.fd, all, this);
    if (!watched) this.closeSoon();
    return watched;
  }

  onReady(events: number): number {
    if ((events & moreThanInput) !== 0) this.readUntilEmpty = true;
    if ((events & inputEnds) !== 0) this.ended = true;
    if ((events & ~EpollEvent.Out) !== 0) this.readable = true;
    if (this.writing && (events & canWrite) !== 0) {
      this.writing = false;
      this.events?.onDrain();
    }
    if (this.ended && this.paused) this.tellEnd();
    return this.readable ? this.read() : 0;
  }

  /** Answers how many bytes came. */
  private read(): number {
    const { events, fd } = this;
    if (events === undefined || this.paused || this.closed) return 0;
    const { system } = this.loop;
    const direct = events.directInput;
    const wanted = direct === undefined ? readBytesMax : Math.min(direct.lengthMax, readBytesMax);
    const length =
      direct === undefined
        ? system.receive(fd, readBuffer, 0, wanted)
        : system.receive(fd, direct.bytes, direct.offset, wanted);
    if (length > 0) {
      // Less than there was room for is all there was (epoll(7)).
      if (length < wanted && !this.readUntilEmpty) this.readable = false;
      else this.readAgain();
      if (direct === undefined) events.onData(readBuffer.subarray(0, length));
      else events.onDirectInput(length);
      return length;
    }
    this.readable = false;
    if (length === 0 || !isTemporary(system.errno)) this.close();
    else {
      this.readUntilEmpty = false;
      this.ended = false;
    }
    return 0;
  }

  private readAgain(): void {
    this.loop.soon(() => {
      if (this.readable) this.read();
    });
  }

  write(bytes: Uint8Array, offset: number, length: number): number {
    this.sendNow();
    // What was written before is offered first, after `onDrain`.
    if (this.closed || this.writing) return 0;
    return this.taken(this.loop.system.send(this.fd, bytes, offset, length), length);
  }

  /** How much of what was to be sent the system took; the rest may be offered again unless it failed. */
  private taken(taken: number, length: number): number {
    if (taken === length) return taken;
    if (taken < 0 && !isTemporary(this.loop.system.errno)) {
      this.closeSoon();
      return 0;
    }
    this.writing = true;
    return Math.max(0, taken);
  }

  writeSoon(bytes: Uint8Array, offset: number, length: number): boolean {
    if (this.closed || this.writing) return false;
    return this.loop.outbox.take(this, bytes, offset, length);
  }

  sendNow(): void {
    if (this.lastGathered >= 0) this.loop.outbox.flush();
  }

  sendGathered(address: Pointer, bytes: Uint8Array, offset: number, length: number): void {
    if (this.closed) return;
    const { system } = this.loop;
    const taken = this.taken(system.sendFrom(this.fd, address, length), length);
    if (taken < length) this.events?.onReturned(bytes, offset + taken, length - taken);
  }

  pause(): void {
    this.paused = true;
    if (this.ended) this.loop.soon(() => this.tellEnd());
  }

  private tellEnd(): void {
    if (this.ended && this.paused && !this.closed) this.events?.onPeerDone();
  }

  resume(): void {
    if (!this.paused) return;
    this.paused = false;
    if (this.readable) this.readAgain();
  }

  setNoDelay(on: boolean): void {
    this.loop.system.setNoDelay(this.fd, on);
  }

  setKeepAlive(on: boolean, milliseconds: number): void {
    if (on) this.loop.system.setKeepAlive(this.fd, Math.floor(milliseconds / 1000));
  }

  /** Everything that `write` took is the system's by now, and it delivers that. */
  end(): void {
    this.sendNow();
    this.close();
  }

  /** Whoever writes does not expect its connection to end under it. */
  private closeSoon(): void {
    this.loop.soon(() => this.close());
  }

  private close(): void {
    if (this.closed) return;
    this.closed = true;
    const { loop, fd } = this;
    loop.unwatch(fd);
    // Closing with input unread resets the connection, and the peer may lose our last reply.
    for (let reads = 0; reads < drainReadsMax; reads++) {
      if (loop.system.receive(fd, wasteBuffer, 0, readBytesMax) <= 0) break;
    }
    loop.system.close(fd);
    this.events?.onClose();
  }
}

type DescribedListening = Listening & { readonly fd: number };

interface ListenerModules {
  accepted(socket: PolledSocket, remote: SocketAddress, local: SocketAddress): void;
  /** No connection comes for a while, as a system call failed with this error number. */
  onFault(call: "accept" | "epoll_ctl", errno: number): void;
}

/**
 * Takes over a listening socket that the runtime has opened: it resolves names, binds, and tells what is wrong with
 * an address.
 */
export class PolledListener implements Listening, Polled {
  activeIn = 0;
  private stopped = false;

  private constructor(
    private readonly loop: PolledLoop,
    private readonly listening: DescribedListening,
    private readonly modules: ListenerModules,
  ) {}

  /** Undefined when the loop cannot watch the socket (`errno` tells why): then it stays the runtime's. */
  static open(
    loop: PolledLoop,
    listening: DescribedListening,
    modules: ListenerModules,
  ): PolledListener | undefined {
    const listener = new PolledListener(loop, listening, modules);
    if (!loop.watch(listening.fd, EpollEvent.In, listener)) return undefined;
    loop.takeFromRuntime(listening.fd);
    return listener;
  }

  onReady(): number {
    const { loop, listening, modules } = this;
    const { system } = loop;
    for (let count = 0; count < acceptsPerTurn; count++) {
      const fd = system.accept(listening.fd);
      if (fd < 0) {
        const { errno } = system;
        if (isTemporary(errno)) break;
        // Its peer gave up before we came.
        if (errno === Errno.ECONNABORTED) continue;
        modules.onFault("accept", errno);
        this.pause();
        break;
      }
      modules.accepted(new PolledSocket(loop, fd), system.peerName(), system.localName(fd));
    }
    return 0;
  }

  /** The connection stays in the queue, so the loop would report it without end. */
  private pause(): void {
    const { loop, listening } = this;
    loop.unwatch(listening.fd);
    loop.after(acceptPauseMs, () => this.goOn());
  }

  private goOn(): void {
    const { loop, listening } = this;
    if (this.stopped || loop.watch(listening.fd, EpollEvent.In, this)) return;
    this.modules.onFault("epoll_ctl", loop.system.errno);
    loop.after(acceptPauseMs, () => this.goOn());
  }

  stop(): void {
    if (this.stopped) return;
    this.stopped = true;
    this.loop.unwatch(this.listening.fd);
    this.listening.stop();
  }
}

function isTemporary(errno: number): boolean {
  return errno === Errno.EAGAIN || errno === Errno.EINTR;
}
