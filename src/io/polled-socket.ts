import type { ClientSocket, ClientSocketEvents } from "./client-socket.ts";
import type { Listening } from "./listen.ts";
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

/** A connected socket in our own loop. */
export class PolledSocket implements ClientSocket, Polled {
  private events: ClientSocketEvents | undefined;
  private reading = true;
  private writing = false;
  private watched = false;
  private closed = false;

  constructor(
    private readonly loop: PolledLoop,
    readonly fd: number,
  ) {}

  /** Events come from now on. */
  open(events: ClientSocketEvents): void {
    this.events = events;
    this.apply();
  }

  onReady(events: number): void {
    if ((events & ~EpollEvent.Out) !== 0 && this.reading) this.read();
    // Errors and hang-ups of a socket that is not read show when it is written to.
    if (this.writing && !this.closed && (events & ~EpollEvent.In) !== 0) {
      this.writing = false;
      this.events?.onDrain();
      if (!this.writing) this.apply();
    }
  }

  private read(): void {
    const { events, fd } = this;
    if (events === undefined) return;
    const { system } = this.loop;
    const direct = events.directInput;
    const length =
      direct === undefined
        ? system.receive(fd, readBuffer, 0, readBytesMax)
        : system.receive(fd, direct.bytes, direct.offset, direct.lengthMax);
    if (length > 0) {
      if (direct === undefined) events.onData(readBuffer.subarray(0, length));
      else events.onDirectInput(length);
    } else if (length === 0 || !isTemporary(system.errno)) this.close();
  }

  write(bytes: Uint8Array, offset: number, length: number): number {
    if (this.closed) return 0;
    const { system } = this.loop;
    const taken = system.send(this.fd, bytes, offset, length);
    if (taken === length) return taken;
    if (taken < 0 && !isTemporary(system.errno)) {
      // Not now: whoever writes does not expect its connection to end under it.
      this.loop.soon(() => this.close());
      return 0;
    }
    this.writing = true;
    this.apply();
    return Math.max(0, taken);
  }

  pause(): void {
    this.reading = false;
    this.apply();
  }

  resume(): void {
    this.reading = true;
    this.apply();
  }

  /** Everything that `write` took is the system's by now, and it delivers that. */
  end(): void {
    this.close();
  }

  /** Tells the system what to watch for. */
  private apply(): void {
    if (this.closed || this.events === undefined) return;
    const wanted = (this.reading ? EpollEvent.In : 0) | (this.writing ? EpollEvent.Out : 0);
    const { loop, fd } = this;
    // A hang-up would be reported, again and again, even to somebody who waits for nothing.
    if (wanted === 0) {
      if (this.watched) loop.unwatch(fd);
      this.watched = false;
    } else if (this.watched) loop.rewatch(fd, wanted);
    else this.watched = loop.watch(fd, wanted, this);
  }

  private close(): void {
    if (this.closed) return;
    this.closed = true;
    const { loop, fd } = this;
    if (this.watched) loop.unwatch(fd);
    // Closing with input unread resets the connection, and the peer may lose our last reply.
    for (let reads = 0; reads < drainReadsMax; reads++) {
      if (loop.system.receive(fd, wasteBuffer, 0, readBytesMax) <= 0) break;
    }
    loop.system.close(fd);
    this.events?.onClose();
  }
}

/**
 * Takes over a listening socket that the runtime has opened: it resolves names, binds, and tells what is wrong with
 * an address.
 */
export class PolledListener implements Listening, Polled {
  private stopped = false;

  constructor(
    private readonly loop: PolledLoop,
    private readonly listening: Listening & { readonly fd: number },
    private readonly modules: {
      accepted(socket: PolledSocket, remote: SocketAddress, local: SocketAddress): void;
      /** Accepting failed with this error number. */
      onFault(errno: number): void;
    },
  ) {
    loop.takeFromRuntime(listening.fd);
    loop.watch(listening.fd, EpollEvent.In, this);
  }

  onReady(): void {
    const { loop, listening, modules } = this;
    const { system } = loop;
    for (let count = 0; count < acceptsPerTurn; count++) {
      const fd = system.accept(listening.fd);
      if (fd < 0) {
        const { errno } = system;
        if (isTemporary(errno)) return;
        // Its peer gave up before we came.
        if (errno === Errno.ECONNABORTED) continue;
        this.pause(errno);
        return;
      }
      modules.accepted(new PolledSocket(loop, fd), system.peerName(), system.localName(fd));
    }
  }

  /** The connection stays in the queue, so the loop would report it without end. */
  private pause(errno: number): void {
    const { loop, listening } = this;
    this.modules.onFault(errno);
    loop.unwatch(listening.fd);
    loop.after(acceptPauseMs, () => {
      if (!this.stopped) loop.watch(listening.fd, EpollEvent.In, this);
    });
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
