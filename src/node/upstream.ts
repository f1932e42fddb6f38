import type { ReplicationCore } from "../replication/core.ts";
import type { ReplicationEffect, ReplicationEvent } from "../replication/events.ts";
import type { Client } from "./client.ts";
import type { DatasetLoader } from "./dataset-loader.ts";
import type { Node } from "./node.ts";
import { type PrimarySocket, type PrimarySocketEvents, PrimaryStream } from "./primary-stream.ts";
import { ReplicaSync } from "./replica-sync.ts";
import type { SnapshotFiles } from "./snapshot-files.ts";

/** Begins to connect; the events come later, never before this returns. */
export type Connect = (host: string, port: number, events: PrimarySocketEvents) => PrimarySocket;

/** Effects that concern our primary. */
export type UpstreamEffect = Extract<
  ReplicationEffect,
  {
    kind:
      | "connectPrimary"
      | "sendPrimary"
      | "closePrimary"
      | "rdbBegin"
      | "rdbChunk"
      | "rdbEnd"
      | "rdbAbort"
      | "streamBegin"
      | "streamData"
      | "streamEnd";
  }
>;

interface Link {
  readonly linkId: number;
  readonly socket: PrimarySocket;
  /** Why the connection is over, once it is. */
  endedFor: string | undefined;
}

/**
 * Our primary: the connection to it, its snapshot, its stream. Once the stream runs, its bytes go from the socket
 * into the engine and on into the backlog, past the core's events.
 */
export class Upstream {
  /** Bytes received from primaries. */
  receivedBytes = 0;
  private readonly stream: PrimaryStream;
  private readonly sync: ReplicaSync;
  private link: Link | undefined;

  constructor(
    private readonly node: Node,
    private readonly modules: {
      readonly connect: Connect;
      readonly core: () => ReplicationCore;
      readonly tell: (event: ReplicationEvent) => void;
      /** Bytes of the stream were executed: our own replicas want them. */
      readonly onExecuted: () => void;
      readonly files: SnapshotFiles;
      readonly loader: DatasetLoader;
    },
  ) {
    const { tell, files, loader } = modules;
    this.stream = new PrimaryStream(node, {
      onApplied: (bytes) => {
        modules.core().applied(bytes);
        modules.onExecuted();
      },
      onKilled: () => this.lose("killed by a client"),
      onBroken: () => node.onTurnEnd(() => this.onBroken()),
      onIdle: () => this.loseIfEnded(),
    });
    this.sync = new ReplicaSync(node, {
      files,
      loader,
      events: {
        onLoaded: (linkId, database) => {
          this.stream.database = database;
          tell({ kind: "rdbLoaded", linkId });
        },
        onFailed: (linkId, reason) => tell({ kind: "rdbFailed", linkId, reason }),
        onDataLost: () => tell({ kind: "changeReplid" }),
      },
    });
  }

  /** The database that the stream has selected. */
  get database(): number {
    return this.stream.database;
  }

  set database(database: number) {
    this.stream.database = database;
  }

  isClient(client: Client): boolean {
    return this.stream.isClient(client);
  }

  /** REPLCONF GETACK in the stream: the answer tells the offset before this command, as Redis's does. */
  acknowledge(): void {
    this.stream.tell();
    if (this.link !== undefined) {
      this.modules.tell({ kind: "ackRequested", linkId: this.link.linkId });
    }
  }

  perform(effect: UpstreamEffect): void {
    const { stream, sync } = this;
    const isOurs = this.link?.linkId === effect.linkId;
    switch (effect.kind) {
      case "connectPrimary":
        this.connect(effect.linkId, effect.host, effect.port);
        return;
      case "sendPrimary":
        if (isOurs) this.link?.socket.write(effect.bytes);
        return;
      case "closePrimary":
        if (isOurs) this.dropLink();
        return;
      case "rdbBegin":
        sync.begin(effect.linkId, effect.length);
        return;
      case "rdbChunk":
        sync.chunk(effect.bytes);
        return;
      case "rdbEnd":
        sync.end();
        return;
      case "rdbAbort":
        sync.abort();
        return;
      case "streamBegin":
        // The link may have been lost while its image was loaded: the core says so next.
        if (isOurs && this.link !== undefined) stream.begin(this.link.socket);
        return;
      case "streamData":
        this.stream.execute(effect.bytes, true);
        return;
      case "streamEnd":
        stream.end();
        return;
    }
  }

  private connect(linkId: number, host: string, port: number): void {
    this.dropLink();
    const socket = this.modules.connect(host, port, {
      onOpen: () => this.modules.tell({ kind: "primaryConnected", linkId }),
      onData: (bytes) => this.onData(linkId, bytes),
      onClose: (reason) => this.onClose(linkId, reason),
    });
    this.link = { linkId, socket, endedFor: undefined };
  }

  private dropLink(): void {
    this.link?.socket.close();
    this.link = undefined;
  }

  /**
   * The primary's end of the connection stands behind all that it has sent: that is executed first, as Redis reads a
   * socket up to its end. A primary that dies leaves its replica as much as it can.
   */
  private onClose(linkId: number, reason: string): void {
    const { link } = this;
    if (link?.linkId !== linkId) return;
    link.endedFor = reason;
    if (!this.stream.isBehind) this.loseIfEnded();
  }

  private loseIfEnded(): void {
    const reason = this.link?.endedFor;
    if (reason !== undefined) this.lose(reason);
  }

  /** The link is over, whoever ended it. */
  private lose(reason: string): void {
    const { link } = this;
    if (link === undefined) return;
    this.stream.tell();
    this.dropLink();
    this.modules.tell({ kind: "primaryClosed", linkId: link.linkId, reason });
  }

  private onBroken(): void {
    if (this.link === undefined || !this.stream.active) return;
    const reason = "invalid request";
    this.modules.tell({ kind: "streamBroken", linkId: this.link.linkId, reason });
  }

  private onData(linkId: number, bytes: Uint8Array): void {
    this.receivedBytes += bytes.length;
    if (!this.stream.active) {
      this.modules.tell({ kind: "primaryData", linkId, bytes });
      return;
    }
    this.modules.core().streamReceived(bytes.length, this.node.modules.clock.nowMs());
    this.stream.execute(bytes);
  }
}
