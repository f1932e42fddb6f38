import type { ReplicationContext } from "./context.ts";
import type { SnapshotFilter } from "./events.ts";
import { REPLID_LENGTH } from "./limits.ts";
import { linkName, type ReplicaLink, sameFilter } from "./replica-link.ts";

/** What snapshot sync needs of the replicas' keeper. */
export interface SnapshotReplicas {
  readonly links: ReadonlyMap<number, ReplicaLink>;
  putOnline(link: ReplicaLink, streamOnAck: boolean): void;
  drop(link: ReplicaLink, afterOutput?: boolean): void;
}

interface Snapshot {
  readonly id: number;
  readonly form: "streamed" | "spooled";
  readonly filter: SnapshotFilter;
  /** Stream position of the snapshot, told in +FULLRESYNC. */
  readonly offset: number;
  /** Ends a streamed image. */
  readonly eofMark: string;
  /** The spool lies ready. */
  done: boolean;
}

/**
 * Full synchronization: which replica gets which snapshot.
 *
 * One snapshot is made at a time. Replicas that wait when it starts share it, if they want the same
 * content. Its form follows the weakest of them: all understand `$EOF:` -> the image is streamed
 * while it is made; one does not -> it is spooled, its length told first, and replicas that come
 * while it is being spooled may still join, since the stream from its position on is kept.
 */
export class SnapshotSync {
  /** The engine is busy with a snapshot of its own. */
  blocked = false;
  /** The snapshot being made, then spooled ones being sent, by id. */
  private readonly snapshots = new Map<number, Snapshot>();
  private lastId = 0;

  constructor(
    private readonly context: ReplicationContext,
    private readonly replicas: SnapshotReplicas,
  ) {}

  /** A replica needs a full synchronization. */
  onArrival(link: ReplicaLink): void {
    const running = this.running();
    if (running !== null && !this.tryJoin(link, running)) return;
    if (running !== null) return;
    const { options } = this.context;
    if (options.disklessSync && link.traits.capaEof && options.disklessSyncDelayMs > 0) {
      this.context.log("notice", "Delay next BGSAVE for diskless SYNC");
      this.startIfDue();
    } else if (this.blocked) {
      this.context.log(
        "notice",
        "No BGSAVE in progress, but another BG operation is active. " +
          "BGSAVE for replication delayed",
      );
    } else {
      this.start();
    }
  }

  /** Starts the next snapshot if replicas wait and have waited long enough for others. */
  startIfDue(): void {
    if (this.blocked || this.running() !== null) return;
    const waiting = this.waiting();
    if (waiting.length === 0) return;
    const { options, nowMs } = this.context;
    const longestMs = Math.max(...waiting.map((link) => nowMs - link.arrivedMs));
    const enough =
      options.disklessSyncMaxReplicas > 0 && waiting.length >= options.disklessSyncMaxReplicas;
    if (!options.disklessSync || enough || longestMs >= options.disklessSyncDelayMs) this.start();
  }

  onStreamed(snapshotId: number): void {
    const snapshot = this.snapshots.get(snapshotId);
    if (snapshot === undefined || snapshot.form !== "streamed") return;
    this.snapshots.delete(snapshotId);
    this.context.log("notice", "Background RDB transfer terminated with success");
    for (const link of this.partakers(snapshotId)) {
      this.context.send(link.clientId, snapshot.eofMark);
      this.context.log(
        "notice",
        `Streamed RDB transfer with replica ${linkName(link)} succeeded (socket). ` +
          "Waiting for REPLCONF ACK from slave to enable streaming",
      );
      this.replicas.putOnline(link, true);
    }
    this.startIfDue();
  }

  onSpooled(snapshotId: number, length: number): void {
    const snapshot = this.snapshots.get(snapshotId);
    if (snapshot === undefined || snapshot.form !== "spooled" || snapshot.done) return;
    snapshot.done = true;
    this.context.log("notice", "Background saving terminated with success");
    for (const link of this.partakers(snapshotId)) {
      link.state = "sendBulk";
      this.context.send(link.clientId, `$${length}\r\n`);
      this.context.emit({ kind: "sendSpool", clientId: link.clientId, snapshotId });
    }
    this.releaseIfUnused(snapshot);
    this.startIfDue();
  }

  /** A replica has the whole spooled image. */
  onSpoolSent(clientId: number): void {
    const link = this.replicas.links.get(clientId);
    if (link === undefined || link.state !== "sendBulk") return;
    const snapshot = this.snapshots.get(link.snapshotId);
    this.replicas.putOnline(link, false);
    if (snapshot !== undefined) this.releaseIfUnused(snapshot);
  }

  onFailed(snapshotId: number, reason: string): void {
    const snapshot = this.snapshots.get(snapshotId);
    if (snapshot === undefined || snapshot.done) return;
    this.snapshots.delete(snapshotId);
    this.context.log("warning", `BGSAVE for replication failed: ${reason}`);
    for (const link of this.partakers(snapshotId)) {
      this.context.log("warning", "SYNC failed. BGSAVE child returned an error");
      this.replicas.drop(link);
    }
    this.startIfDue();
  }

  /** A replica left: an unwanted snapshot stops, a spool nobody reads is released. */
  onGone(link: ReplicaLink): void {
    const snapshot = this.snapshots.get(link.snapshotId);
    if (snapshot === undefined) return;
    if (snapshot.done) {
      this.releaseIfUnused(snapshot);
    } else if (this.partakers(snapshot.id).length === 0) {
      this.snapshots.delete(snapshot.id);
      if (snapshot.form === "streamed") {
        this.context.log("warning", "Diskless rdb transfer, last replica dropped, stopping it.");
      }
      this.context.emit({ kind: "abortSnapshot", snapshotId: snapshot.id });
    }
  }

  setBlocked(blocked: boolean): void {
    this.blocked = blocked;
    if (!blocked) this.startIfDue();
  }

  /** Newlines for those that wait and get no bytes meanwhile: it keeps them from timing out. */
  keepAlive(): void {
    for (const link of this.replicas.links.values()) {
      const spooling =
        link.state === "waitSnapshotEnd" && this.snapshots.get(link.snapshotId)?.form === "spooled";
      if (link.state === "waitSnapshotStart" || spooling) this.context.send(link.clientId, "\n");
    }
  }

  /** The snapshot being made; null when only spools are being sent. */
  private running(): Snapshot | null {
    for (const snapshot of this.snapshots.values()) if (!snapshot.done) return snapshot;
    return null;
  }

  private waiting(): ReplicaLink[] {
    return [...this.replicas.links.values()].filter((link) => link.state === "waitSnapshotStart");
  }

  private partakers(snapshotId: number): ReplicaLink[] {
    return [...this.replicas.links.values()].filter((link) => link.snapshotId === snapshotId);
  }

  private tryJoin(link: ReplicaLink, running: Snapshot): boolean {
    if (running.form === "streamed") {
      this.context.log(
        "notice",
        "Current BGSAVE has socket target. Waiting for next BGSAVE for SYNC",
      );
      return false;
    }
    if (!sameFilter(link.traits.filter, running.filter)) {
      this.context.log(
        "notice",
        "Can't attach the replica to the current BGSAVE. Waiting for next BGSAVE for SYNC",
      );
      return false;
    }
    this.partake(link, running);
    this.context.log("notice", "Waiting for end of BGSAVE for SYNC");
    return true;
  }

  private start(): void {
    const waiting = this.waiting();
    const first = waiting[0];
    if (first === undefined) return;
    const { filter } = first.traits;
    const partakers = waiting.filter((link) => sameFilter(link.traits.filter, filter));
    const form = partakers.every((link) => link.traits.capaEof) ? "streamed" : "spooled";
    const { history, random } = this.context;
    this.lastId += 1;
    const snapshot: Snapshot = {
      id: this.lastId,
      form,
      filter,
      offset: history.offset,
      eofMark: random.hex(REPLID_LENGTH),
      done: false,
    };
    this.snapshots.set(snapshot.id, snapshot);
    const target = form === "streamed" ? "replicas sockets" : "disk";
    this.context.log("notice", `Starting BGSAVE for SYNC with target: ${target}`);
    for (const link of partakers) this.partake(link, snapshot);
    if (form === "streamed") {
      for (const link of partakers) {
        this.context.send(link.clientId, `$EOF:${snapshot.eofMark}\r\n`);
      }
    }
    this.context.emit({
      kind: "startSnapshot",
      snapshotId: snapshot.id,
      form,
      clientIds: partakers.map((link) => link.clientId),
      filter,
      history: { replid: history.replid, offset: snapshot.offset },
    });
  }

  /** From the snapshot's position on, the stream is kept for the replica. */
  private partake(link: ReplicaLink, snapshot: Snapshot): void {
    link.state = "waitSnapshotEnd";
    link.snapshotId = snapshot.id;
    link.position = snapshot.offset;
    this.context.emit({ kind: "resetJournalDb" });
    if (link.beforePsync) return;
    const { replid } = this.context.history;
    this.context.send(link.clientId, `+FULLRESYNC ${replid} ${snapshot.offset}\r\n`);
  }

  private releaseIfUnused(snapshot: Snapshot): void {
    if (this.partakers(snapshot.id).length > 0) return;
    this.snapshots.delete(snapshot.id);
    this.context.emit({ kind: "releaseSpool", snapshotId: snapshot.id });
  }
}
