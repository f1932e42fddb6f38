import { ClientFlag } from "../../assembly/abi.ts";
import { loadChunkBytes, snapshotAheadBytesMax } from "../base/limits.ts";
import type { ReplicationCore } from "../replication/core.ts";
import type { ReplicationEvent } from "../replication/events.ts";
import { type Client, ClientState } from "./client.ts";
import type { Node } from "./node.ts";
import type { SnapshotFile, SnapshotFiles, SnapshotSource } from "./snapshot-files.ts";
import type { SnapshotSink } from "./snapshots.ts";

interface Spool {
  readonly id: number;
  readonly file: SnapshotFile;
  source: SnapshotSource | undefined;
}

interface SpoolReader {
  readonly spool: Spool;
  position: number;
}

/**
 * The connections of our replicas: the stream is pulled from the core into their sockets, and snapshots are
 * sent behind what is queued there. A slow replica holds only what its own socket did not take.
 */
export class ReplicaOutputs {
  /** Bytes sent to replicas since start or CONFIG RESETSTAT. */
  sentBytes = 0;
  private readonly attached = new Map<number, Client>();
  /** Replicas that read the stream. */
  private readonly streaming = new Set<Client>();
  private readonly readers = new Map<number, SpoolReader>();
  private readonly spools = new Map<number, Spool>();
  /** Unsent bytes of replicas in a snapshot transfer when last looked at. */
  private readonly unsent = new Map<number, number>();

  constructor(
    private readonly node: Node,
    private readonly modules: {
      readonly core: () => ReplicationCore;
      readonly files: SnapshotFiles;
      readonly tell: (event: ReplicationEvent) => void;
      /** A connection takes more of the snapshot in hand. */
      readonly onRoom: () => void;
    },
  ) {}

  get count(): number {
    return this.attached.size;
  }

  get hasStreaming(): boolean {
    return this.streaming.size > 0;
  }

  /** Unsent output of all replicas, bytes. */
  get heldBytes(): number {
    let sum = 0;
    for (const client of this.attached.values()) sum += client.link.pendingBytes;
    return sum;
  }

  /** From now on a replica: replies of the engine go to it no more. */
  attach(client: Client): void {
    this.node.sendReplies(client);
    client.kind = "replica";
    this.node.engine.setClientFlag(client.handle, ClientFlag.Replica, true);
    this.attached.set(client.id, client);
  }

  forget(client: Client): void {
    this.attached.delete(client.id);
    this.streaming.delete(client);
    this.readers.delete(client.id);
    this.unsent.delete(client.id);
  }

  send(client: Client, bytes: Uint8Array): void {
    client.link.send(bytes, 0, bytes.length);
    this.sentBytes += bytes.length;
  }

  beginStream(clientId: number): void {
    const client = this.attached.get(clientId);
    if (client !== undefined) this.streaming.add(client);
  }

  /** Gives each replica of the stream what its socket takes. */
  flush(): void {
    const core = this.modules.core();
    for (const client of this.streaming) {
      const { link, id } = client;
      if (link.pendingBytes > 0) continue;
      for (let view = core.pending(id); view !== null; view = core.pending(id)) {
        const taken = link.offer(view, 0, view.length);
        core.sent(id, taken);
        this.sentBytes += taken;
        if (taken < view.length) break;
      }
    }
  }

  /** The connection has taken all that it held. */
  onDrained(client: Client): void {
    if (this.readers.has(client.id)) this.readSpool(client.id);
    if (this.unsent.delete(client.id)) this.tellStalled(client.id, false);
    this.modules.onRoom();
  }

  /** Ten times a second: output limits, and replicas whose sockets take nothing of a snapshot. */
  check(): void {
    const { clients } = this.node;
    const core = this.modules.core();
    const { hardBytes } = clients.outputLimit("replica");
    const backlogBytes = this.node.configuration.get("repl-backlog-size");
    for (const client of [...this.attached.values()]) {
      const streamBytes = core.pendingBytes(client.id);
      // A limit below the backlog's size would close replicas that only just begin (networking.c).
      const used = streamBytes + client.link.pendingBytes;
      const small = hardBytes > 0 && hardBytes < backlogBytes && used < backlogBytes;
      client.streamBytes = small ? 0 : streamBytes;
      if (!small) this.node.checkOutput(client);
    }
    for (const [id, before] of this.unsent) {
      const now = this.attached.get(id)?.link.pendingBytes ?? 0;
      if (now === before) continue;
      this.unsent.set(id, now);
      this.tellStalled(id, false);
      this.tellStalled(id, true);
    }
  }

  // Snapshots.

  /** Sends the image to these replicas as it is made; those that leave meanwhile are skipped. */
  streamSink(snapshotId: number, clientIds: readonly number[]): SnapshotSink {
    const { tell } = this.modules;
    const room = (): boolean => this.haveRoom(clientIds);
    return {
      get ready() {
        return room();
      },
      write: (bytes) => {
        for (const id of clientIds) this.sendImage(id, bytes);
        return undefined;
      },
      end: () => tell({ kind: "snapshotStreamed", snapshotId }),
      failed: (reason) => tell({ kind: "snapshotFailed", snapshotId, reason }),
    };
  }

  /** Keeps the image in a temporary file; a text is why there is none. */
  spoolSink(snapshotId: number): SnapshotSink | string {
    const file = this.modules.files.createUnnamed("spool");
    if (typeof file === "string") return file;
    const { tell } = this.modules;
    this.spools.set(snapshotId, { id: snapshotId, file, source: undefined });
    return {
      ready: true,
      write: (bytes) => file.write(bytes),
      end: () => tell({ kind: "snapshotSpooled", snapshotId, length: file.length }),
      failed: (reason) => {
        this.spools.delete(snapshotId);
        file.discard();
        tell({ kind: "snapshotFailed", snapshotId, reason });
      },
    };
  }

  sendSpool(clientId: number, snapshotId: number): void {
    const spool = this.spools.get(snapshotId);
    if (spool === undefined) return;
    spool.source ??= spool.file.reread();
    this.readers.set(clientId, { spool, position: 0 });
    this.node.onTurnEnd(() => this.readSpool(clientId));
  }

  releaseSpool(snapshotId: number): void {
    const spool = this.spools.get(snapshotId);
    this.spools.delete(snapshotId);
    if (spool?.source === undefined) spool?.file.discard();
    else spool.source.close();
  }

  private haveRoom(clientIds: readonly number[]): boolean {
    for (const id of clientIds) {
      const held = this.attached.get(id)?.link.pendingBytes ?? 0;
      if (held >= snapshotAheadBytesMax) return false;
    }
    return true;
  }

  private sendImage(clientId: number, bytes: Uint8Array): void {
    const client = this.attached.get(clientId);
    if (client === undefined) return;
    this.send(client, bytes);
    const { pendingBytes } = client.link;
    if (pendingBytes === 0 || this.unsent.has(clientId)) return;
    this.unsent.set(clientId, pendingBytes);
    this.tellStalled(clientId, true);
  }

  private tellStalled(clientId: number, stalled: boolean): void {
    this.modules.tell({ kind: "replicaStalled", clientId, stalled });
  }

  private readSpool(clientId: number): void {
    const client = this.attached.get(clientId);
    const reader = this.readers.get(clientId);
    const source = reader?.spool.source;
    if (client === undefined || reader === undefined || source === undefined) return;
    while (client.link.pendingBytes === 0 && client.state !== ClientState.Closed) {
      const bytes = source.read(reader.position, loadChunkBytes);
      if (bytes.length === 0) {
        this.readers.delete(clientId);
        this.modules.tell({ kind: "spoolSent", clientId });
        return;
      }
      reader.position += bytes.length;
      this.send(client, bytes);
    }
  }
}
