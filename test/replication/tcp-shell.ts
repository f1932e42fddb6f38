/**
 * The least I/O shell around a replication core, for tests against real servers: no keyspace, the
 * image it received (or an empty one) is what it sends, commands are recorded instead of executed.
 */
import type { Socket } from "bun";
import { concat, latin1, latin1Text } from "../../src/base/bytes.ts";
import { Prng } from "../../src/base/prng.ts";
import { ReplicationCore } from "../../src/replication/core.ts";
import {
  defaultReplicationOptions,
  type ReplicationEffect,
  type ReplicationEvent,
  type ReplicationOptions,
} from "../../src/replication/events.ts";
import { encodeCommand } from "../support/resp-client.ts";

/** `REDIS0010`, end of file, a checksum of 0: "not computed". */
const emptyImage = concat([latin1("REDIS0010"), new Uint8Array([0xff, 0, 0, 0, 0, 0, 0, 0, 0])]);

interface Connection {
  readonly id: number;
  readonly socket: Socket<Connection>;
  input: Uint8Array;
  ready: boolean;
}

export class TcpShell {
  readonly core: ReplicationCore;
  readonly port: number;
  /** Commands of the primary's stream, words joined by blanks, in order. */
  readonly executed: string[] = [];
  readonly logs: string[] = [];
  image = emptyImage;
  private readonly listener;
  private readonly timer;
  private readonly clients = new Map<number, Connection>();
  private lastClientId = 0;
  private upstream: { linkId: number; socket: Socket<undefined> } | null = null;
  private received: Uint8Array[] = [];
  private unparsed: Uint8Array = new Uint8Array(0);
  private readonly spools = new Map<number, Uint8Array>();

  constructor(options: Partial<ReplicationOptions> = {}) {
    this.listener = Bun.listen<Connection>({
      hostname: "127.0.0.1",
      port: 0,
      socket: {
        open: (socket) => this.onOpen(socket),
        data: (socket, bytes) => this.onClientData(socket.data, bytes),
        drain: () => this.pump(),
        close: (socket) => this.onClientClose(socket.data),
      },
    });
    this.port = this.listener.port;
    this.core = new ReplicationCore({
      options: {
        ...defaultReplicationOptions,
        disklessSyncDelayMs: 0,
        port: this.port,
        ...options,
      },
      random: new Prng(Date.now()),
      nowMs: Date.now(),
      primary: null,
      restored: null,
    });
    this.timer = setInterval(() => this.handle({ kind: "tick" }), 50);
  }

  stop(): void {
    clearInterval(this.timer);
    this.upstream?.socket.end();
    this.listener.stop(true);
  }

  handle(event: ReplicationEvent): void {
    for (const effect of this.core.handle(event, Date.now())) this.perform(effect);
    this.pump();
  }

  /** A write of our own: goes into the stream as it is. */
  write(...words: string[]): void {
    this.core.feed(encodeCommand(words));
    this.pump();
  }

  /** Breaks the link to the primary from our side. */
  breakUpstream(): void {
    this.upstream?.socket.end();
  }

  private pump(): void {
    for (const client of this.clients.values()) {
      while (client.ready) {
        const view = this.core.pending(client.id);
        if (view === null) break;
        const taken = client.socket.write(view);
        this.core.sent(client.id, taken);
        if (taken < view.length) break;
      }
    }
  }

  private perform(effect: ReplicationEffect): void {
    switch (effect.kind) {
      case "log":
        this.logs.push(effect.text);
        return;
      case "send":
        this.clients.get(effect.clientId)?.socket.write(effect.bytes);
        return;
      case "close":
        this.clients.get(effect.clientId)?.socket.end();
        return;
      case "streamReady": {
        const client = this.clients.get(effect.clientId);
        if (client !== undefined) client.ready = true;
        return;
      }
      case "startSnapshot":
        this.startSnapshot(effect);
        return;
      case "sendSpool": {
        const image = this.spools.get(effect.snapshotId) as Uint8Array;
        this.clients.get(effect.clientId)?.socket.write(image);
        const { clientId } = effect;
        queueMicrotask(() => this.handle({ kind: "spoolSent", clientId }));
        return;
      }
      case "releaseSpool":
        this.spools.delete(effect.snapshotId);
        return;
      case "connectPrimary":
        this.connectPrimary(effect.linkId, effect.host, effect.port);
        return;
      case "sendPrimary":
        if (this.upstream?.linkId === effect.linkId) this.upstream.socket.write(effect.bytes);
        return;
      case "closePrimary":
        if (this.upstream?.linkId === effect.linkId) this.upstream.socket.end();
        return;
      case "rdbBegin":
        this.received = [];
        return;
      case "rdbChunk":
        this.received.push(effect.bytes.slice());
        return;
      case "rdbEnd": {
        this.image = concat(this.received);
        const { linkId } = effect;
        queueMicrotask(() => this.handle({ kind: "rdbLoaded", linkId }));
        return;
      }
      case "streamBegin":
      case "streamEnd":
        this.unparsed = new Uint8Array(0);
        return;
      case "streamData":
        this.execute(effect.linkId, effect.bytes.slice());
        return;
      default:
        return;
    }
  }

  private startSnapshot(effect: Extract<ReplicationEffect, { kind: "startSnapshot" }>): void {
    const { snapshotId } = effect;
    if (effect.form === "streamed") {
      for (const id of effect.clientIds) this.clients.get(id)?.socket.write(this.image);
      queueMicrotask(() => this.handle({ kind: "snapshotStreamed", snapshotId }));
    } else {
      this.spools.set(snapshotId, this.image);
      const { length } = this.image;
      queueMicrotask(() => this.handle({ kind: "snapshotSpooled", snapshotId, length }));
    }
  }

  private connectPrimary(linkId: number, host: string, port: number): void {
    const closed = (reason: string): void => {
      if (this.upstream?.linkId === linkId) this.upstream = null;
      this.handle({ kind: "primaryClosed", linkId, reason });
    };
    Bun.connect({
      hostname: host,
      port,
      socket: {
        open: (socket) => {
          this.upstream = { linkId, socket };
          this.handle({ kind: "primaryConnected", linkId });
        },
        data: (_, bytes) => this.handle({ kind: "primaryData", linkId, bytes }),
        close: () => closed("connection lost"),
        connectError: () => closed("Connection refused"),
      },
    }).catch(() => undefined);
  }

  /** Whole commands only; GETACK is told before its own bytes count. */
  private execute(linkId: number, bytes: Uint8Array): void {
    this.unparsed = concat([this.unparsed, bytes]);
    for (;;) {
      const command = parseCommand(this.unparsed);
      if (command === null) return;
      const text = command.words.join(" ");
      if (text.toUpperCase() === "REPLCONF GETACK *") this.handle({ kind: "ackRequested", linkId });
      this.executed.push(text);
      this.core.applied(this.unparsed.subarray(0, command.length));
      this.unparsed = this.unparsed.slice(command.length);
    }
  }

  private onOpen(socket: Socket<Connection>): void {
    this.lastClientId += 1;
    socket.data = { id: this.lastClientId, socket, input: new Uint8Array(0), ready: false };
    this.clients.set(socket.data.id, socket.data);
  }

  private onClientClose(client: Connection): void {
    this.clients.delete(client.id);
    this.handle({ kind: "clientClosed", clientId: client.id });
  }

  private onClientData(client: Connection, bytes: Uint8Array): void {
    client.input = concat([client.input, bytes]);
    const clientId = client.id;
    for (;;) {
      if (client.input[0] === 10) {
        client.input = client.input.slice(1);
        this.handle({ kind: "replicaNewline", clientId });
        continue;
      }
      const command = parseCommand(client.input);
      if (command === null) return;
      client.input = client.input.slice(command.length);
      const [name = "", ...args] = command.words;
      if (name === "PING") client.socket.write("+PONG\r\n");
      else if (name === "REPLCONF") this.handle({ kind: "replconf", clientId, args });
      else if (name === "PSYNC" || name === "SYNC") {
        const request = name === "SYNC" ? null : { replid: args[0] ?? "", offset: args[1] ?? "" };
        const peerIp = "127.0.0.1";
        this.handle({ kind: "sync", clientId, peerIp, pendingOutput: false, request });
      }
    }
  }
}

/** The first whole command (an array of bulk strings) and its length; null: not all here yet. */
function parseCommand(bytes: Uint8Array): { words: string[]; length: number } | null {
  const text = latin1Text(bytes);
  const head = /^\*(\d+)\r\n/.exec(text);
  if (head === null) return null;
  let at = head[0].length;
  const words: string[] = [];
  for (let i = 0; i < Number(head[1]); i++) {
    const bulk = /^\$(\d+)\r\n/.exec(text.slice(at, at + 20));
    if (bulk === null) return null;
    const start = at + bulk[0].length;
    const end = start + Number(bulk[1]);
    if (end + 2 > text.length) return null;
    words.push(text.slice(start, end));
    at = end + 2;
  }
  return { words, length: at };
}
