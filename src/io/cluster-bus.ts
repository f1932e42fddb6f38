import type { Socket, SocketHandler } from "bun";
import { decodeMessage } from "../cluster/bus-decode.ts";
import { encodeMessage } from "../cluster/bus-encode.ts";
import { BusFramer } from "../cluster/bus-framer.ts";
import type { BusMessage } from "../cluster/bus-message.ts";
import type { LinkId } from "../cluster/effects.ts";
import type { BusEvents, ClusterBus, LinkBuffers } from "../node/cluster-io.ts";
import { errorCodeText } from "./disk.ts";
import { type Listening, listenOnAll } from "./listen.ts";
import { isGone, throwLater } from "./socket.ts";

/** One TCP connection of the bus, in either direction. */
class BusLink {
  socket: Socket<BusLink> | undefined;
  readonly framer = new BusFramer();
  /** Bytes the socket has not taken yet, or all of them while it is connecting. */
  private waiting: Uint8Array[] = [];
  waitingBytes = 0;
  closed = false;

  constructor(readonly id: LinkId) {}

  send(bytes: Uint8Array): void {
    let rest = bytes;
    if (this.socket !== undefined && this.waitingBytes === 0) {
      const taken = Math.max(this.socket.write(bytes), 0);
      if (taken === bytes.length) return;
      rest = bytes.subarray(taken);
    }
    this.waiting.push(rest);
    this.waitingBytes += rest.length;
  }

  flush(): void {
    while (this.socket !== undefined && this.waiting.length > 0) {
      const first = this.waiting[0] as Uint8Array;
      const taken = Math.max(this.socket.write(first), 0);
      this.waitingBytes -= taken;
      if (taken < first.length) {
        this.waiting[0] = first.subarray(taken);
        return;
      }
      this.waiting.shift();
    }
  }

  drop(): void {
    this.closed = true;
    this.waiting = [];
    this.waitingBytes = 0;
    // Messages that the system has taken still go out; `terminate` would reset the connection.
    this.socket?.end();
  }
}

/**
 * The sockets of the cluster bus: listens, connects, cuts streams into messages, tells the node. It decides
 * nothing: which links there are is the core's affair.
 */
export class TcpClusterBus implements ClusterBus {
  /** Connections ever opened, in either direction. */
  openedCount = 0;
  private readonly links = new Map<LinkId, BusLink>();
  private listeners: Listening[] = [];
  private nextInbound = -1;
  private encoded: { readonly message: BusMessage; readonly bytes: Uint8Array } | undefined;
  private events: BusEvents | undefined;

  /** Opens the bus port on each address; a text is why it cannot be. */
  listen(addresses: readonly string[], port: number, events: BusEvents): string | undefined {
    this.events = events;
    let fault = "";
    const opened = listenOnAll(
      addresses,
      port,
      (options) => Bun.listen<BusLink>({ ...options, socket: this.inboundHandlers() }),
      (address, code) => {
        fault = `${address}:${port}: bind: ${errorCodeText(code)}`;
      },
    );
    if (opened === undefined || opened.length === 0) return fault;
    this.listeners = opened;
    return undefined;
  }

  get linkCount(): number {
    return this.links.size;
  }

  get heldBytes(): number {
    let total = 0;
    for (const link of this.links.values()) total += link.waitingBytes + link.framer.bufferBytes;
    return total;
  }

  buffersOf(linkId: LinkId): LinkBuffers {
    const used = this.links.get(linkId)?.waitingBytes ?? 0;
    return { allocatedBytes: used, usedBytes: used, connected: this.links.has(linkId) };
  }

  open(linkId: LinkId, ip: string, port: number): void {
    const link = new BusLink(linkId);
    this.openedCount++;
    this.links.set(linkId, link);
    this.connect(link, ip, port).catch((reason: unknown) => {
      this.ended(link, reason instanceof Error ? reason.message : String(reason));
    });
  }

  /** Rejects, and never throws: some addresses the runtime refuses at once. */
  private async connect(link: BusLink, hostname: string, port: number): Promise<void> {
    await Bun.connect<BusLink>({ hostname, port, data: link, socket: this.outboundHandlers() });
  }

  send(linkId: LinkId, message: BusMessage): void {
    const link = this.links.get(linkId);
    if (link === undefined) return;
    link.send(this.encode(message));
    const { events } = this;
    const limit = events?.sendBufferLimit() ?? 0;
    if (limit > 0 && link.waitingBytes > limit) {
      const bytes = link.waitingBytes;
      // Not from inside the effects of another event.
      queueMicrotask(() => events?.onSendBufferExceeded(linkId, bytes));
    }
  }

  /** A broadcast comes once per link, and is encoded once. */
  private encode(message: BusMessage): Uint8Array {
    const { encoded } = this;
    if (encoded?.message === message) return encoded.bytes;
    const bytes = encodeMessage(message);
    this.encoded = { message, bytes };
    return bytes;
  }

  closeLink(linkId: LinkId): void {
    const link = this.links.get(linkId);
    this.links.delete(linkId);
    link?.drop();
  }

  close(): void {
    // Links that are dropped first tell nobody that they end.
    for (const link of this.links.values()) link.drop();
    this.links.clear();
    for (const listening of this.listeners.splice(0)) listening.stop(true);
  }

  private inboundHandlers(): SocketHandler<BusLink> {
    return {
      ...this.commonHandlers(),
      open: (socket) => {
        const { localAddress, remoteAddress } = socket;
        if (isGone(socket)) {
          socket.terminate();
          return;
        }
        const link = new BusLink(this.nextInbound--);
        this.openedCount++;
        link.socket = socket;
        socket.data = link;
        socket.setNoDelay(true);
        socket.setKeepAlive(true, keepAliveMs);
        this.links.set(link.id, link);
        this.events?.onInboundOpened(link.id, localAddress, remoteAddress);
      },
    };
  }

  private outboundHandlers(): SocketHandler<BusLink> {
    return {
      ...this.commonHandlers(),
      open: (socket) => {
        const link = socket.data;
        if (link.closed) {
          socket.terminate();
          return;
        }
        link.socket = socket;
        socket.setNoDelay(true);
        if (isGone(socket)) {
          this.ended(link, "connection closed");
          return;
        }
        this.events?.onLinkOpened(link.id, socket.localAddress, socket.remoteAddress);
        link.flush();
      },
      connectError: (socket, reason) => this.ended(socket.data, reason.message),
    };
  }

  private commonHandlers(): SocketHandler<BusLink> {
    return {
      data: (socket, chunk) => this.onData(socket.data, chunk),
      drain: (socket) => socket.data?.flush(),
      close: (socket) => this.ended(socket.data, "connection closed"),
      error: (socket, reason) => {
        // The runtime brings exceptions of the handlers above here too: those are bugs and fatal.
        if (!("syscall" in reason)) throwLater(reason);
        this.ended(socket.data, reason.message);
      },
    };
  }

  private onData(link: BusLink | undefined, chunk: Uint8Array): void {
    if (link === undefined || link.closed) return;
    const { frames, reason } = link.framer.push(chunk);
    for (const frame of frames) {
      const decoded = decodeMessage(frame);
      // As Redis: a message of another version or with impossible lengths is passed over, the link stays.
      if ("message" in decoded) this.events?.onMessage(link.id, decoded.message);
      else this.events?.onBadMessage(link.id, decoded.reason);
      if (link.closed) return;
    }
    if (reason !== undefined)
      this.ended(link, `Bad message length or signature received: ${reason}`);
  }

  private ended(link: BusLink | undefined, reason: string): void {
    if (link === undefined || link.closed) return;
    link.drop();
    if (this.links.delete(link.id)) this.events?.onLinkClosed(link.id, reason);
  }
}

/** Inbound links are watched by TCP itself; twice the usual node timeout. */
const keepAliveMs = 30_000;
