/**
 * The least that a core needs to take part in a real cluster: TCP links, a ticker, replies. No
 * data.
 */
import type { Socket, TCPSocketListener } from "bun";
import { Prng } from "../../src/base/prng.ts";
import { decodeMessage } from "../../src/cluster/bus-decode.ts";
import { encodeMessage } from "../../src/cluster/bus-encode.ts";
import { BusFramer } from "../../src/cluster/bus-framer.ts";
import { ClusterCore } from "../../src/cluster/core.ts";
import type { AdminReply, ClusterEffect, LinkId } from "../../src/cluster/effects.ts";
import type { AdminCommand, ClusterEvent } from "../../src/cluster/events.ts";
import { type ClusterOptions, defaultClusterOptions } from "../../src/cluster/options.ts";

interface LinkData {
  linkId: LinkId;
  readonly framer: BusFramer;
  readonly tail: Uint8Array[];
}

type LinkSocket = Socket<LinkData>;

export class BusShell {
  readonly core: ClusterCore;
  readonly log: string[] = [];
  readonly published: string[] = [];
  saves = 0;
  offset = 1000;
  private readonly sockets = new Map<LinkId, LinkSocket>();
  private readonly waiting = new Map<LinkId, Uint8Array[]>();
  private readonly listener: TCPSocketListener<LinkData>;
  private readonly ticker: Timer;
  private readonly replies = new Map<number, AdminReply>();
  private nextInbound = -1;
  private nextRequest = 1;
  private stopped = false;

  constructor(port: number, options: Partial<ClusterOptions>) {
    const directives = { ...defaultClusterOptions, ...options, port, busPort: port + 10_000 };
    const prng = new Prng(port);
    this.core = new ClusterCore(
      { directives, config: null, nowMs: Date.now() },
      { prng, makeNodeId: () => prng.hex(40) },
    );
    this.listener = Bun.listen<LinkData>({
      hostname: "127.0.0.1",
      port: port + 10_000,
      socket: {
        open: (socket) => this.onInbound(socket),
        data: (socket, bytes) => this.onBytes(socket, bytes),
        close: (socket) => this.onClosed(socket),
        drain: (socket) => flush(socket),
      },
    });
    this.handle({ kind: "start" });
    this.ticker = setInterval(() => this.handle({ kind: "tick" }), 100);
  }

  get id(): string {
    return this.core.queries.myId;
  }

  admin(command: AdminCommand): string {
    const requestId = this.nextRequest++;
    this.handle({ kind: "admin", requestId, command });
    const reply = this.replies.get(requestId);
    return reply === undefined ? "no reply" : reply.text;
  }

  handle(event: ClusterEvent): void {
    if (this.stopped) return;
    const nowMs = Date.now();
    const facts = { offset: this.offset, lastContactMs: nowMs, loading: false };
    this.perform(this.core.handle({ kind: "replication", facts }, nowMs));
    this.perform(this.core.handle(event, nowMs));
  }

  stop(): void {
    this.stopped = true;
    clearInterval(this.ticker);
    this.listener.stop(true);
    for (const socket of this.sockets.values()) socket.end();
  }

  private perform(effects: readonly ClusterEffect[]): void {
    for (const effect of effects) {
      switch (effect.kind) {
        case "saveConfig":
          this.saves++;
          break;
        case "openLink":
          this.connect(effect.linkId, effect.ip, effect.busPort);
          break;
        case "closeLink":
          this.waiting.delete(effect.linkId);
          this.sockets.get(effect.linkId)?.end();
          this.sockets.delete(effect.linkId);
          break;
        case "send": {
          const bytes = encodeMessage(effect.message);
          const socket = this.sockets.get(effect.linkId);
          if (socket === undefined) this.waiting.get(effect.linkId)?.push(bytes);
          else {
            socket.data.tail.push(bytes);
            flush(socket);
          }
          break;
        }
        case "reply":
          this.replies.set(effect.requestId, effect.reply);
          break;
        case "log":
          this.log.push(effect.text);
          break;
        case "deliverPublish":
          this.published.push(new TextDecoder().decode(effect.message));
          break;
      }
    }
  }

  private connect(linkId: LinkId, hostname: string, port: number): void {
    this.waiting.set(linkId, []);
    const data: LinkData = { linkId, framer: new BusFramer(), tail: [] };
    Bun.connect<LinkData>({
      hostname,
      port,
      data,
      socket: {
        open: (socket) => this.onOpened(socket),
        data: (socket, bytes) => this.onBytes(socket, bytes),
        close: (socket) => this.onClosed(socket),
        drain: (socket) => flush(socket),
      },
    }).catch((error: Error) => {
      this.waiting.delete(linkId);
      this.handle({ kind: "linkClosed", linkId, reason: error.message });
    });
  }

  private onOpened(socket: LinkSocket): void {
    const { linkId } = socket.data;
    const waiting = this.waiting.get(linkId);
    this.waiting.delete(linkId);
    if (waiting === undefined) {
      socket.end();
      return;
    }
    this.sockets.set(linkId, socket);
    socket.data.tail.push(...waiting);
    flush(socket);
    const { localAddress: localIp, remoteAddress: remoteIp } = socket;
    this.handle({ kind: "linkOpened", linkId, localIp, remoteIp });
  }

  private onInbound(socket: LinkSocket): void {
    const linkId = this.nextInbound--;
    socket.data = { linkId, framer: new BusFramer(), tail: [] };
    this.sockets.set(linkId, socket);
    const { localAddress: localIp, remoteAddress: remoteIp } = socket;
    this.handle({ kind: "inboundOpened", linkId, localIp, remoteIp });
  }

  private onBytes(socket: LinkSocket, bytes: Uint8Array): void {
    const { linkId, framer } = socket.data;
    const { frames, reason } = framer.push(bytes);
    for (const frame of frames) {
      const decoded = decodeMessage(frame);
      if ("reason" in decoded) this.log.push(`undecodable: ${decoded.reason}`);
      else this.handle({ kind: "message", linkId, message: decoded.message });
    }
    if (reason !== undefined) socket.end();
  }

  private onClosed(socket: LinkSocket): void {
    const { linkId } = socket.data;
    this.sockets.delete(linkId);
    this.handle({ kind: "linkClosed", linkId, reason: "connection closed" });
  }
}

function flush(socket: LinkSocket): void {
  const { tail } = socket.data;
  for (let head = tail[0]; head !== undefined; head = tail[0]) {
    const taken = socket.write(head);
    if (taken < head.length) {
      tail[0] = head.subarray(Math.max(taken, 0));
      return;
    }
    tail.shift();
  }
}
