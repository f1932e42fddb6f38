import { latin1 } from "../base/bytes.ts";
import { commandText, integerOf, type ReplicationContext, secondsSince } from "./context.ts";
import type { ReplicationEvent } from "./events.ts";
import { applyReplconf } from "./replconf.ts";
import {
  isFiltered,
  linkLagSeconds,
  linkName,
  newTraits,
  type ReplicaLink,
  type ReplicaTraits,
} from "./replica-link.ts";
import { type SnapshotReplicas, SnapshotSync } from "./snapshot-sync.ts";

/** What the primary side must know of our own place in a chain. */
export interface Upstream {
  isReplica(): boolean;
  linkUp(): boolean;
}

type SyncEvent = Extract<ReplicationEvent, { kind: "sync" }>;

const pingBytes = latin1(commandText(["PING"]));
const getAckBytes = latin1(commandText(["REPLCONF", "GETACK", "*"]));

/**
 * The replicas attached to us: replication.c of Redis 7.0 up to "REPLICA_SIDE".
 *
 * A replica asks with PSYNC. If the backlog holds what it misses, it is online at once and reads on
 * from there. Otherwise it waits for a snapshot (`SnapshotSync`), and the stream from the moment of
 * that snapshot is kept for it in the backlog, however long the transfer takes, until its output
 * buffer limit closes it.
 */
export class PrimarySide implements SnapshotReplicas {
  readonly links = new Map<number, ReplicaLink>();
  readonly snapshots: SnapshotSync;
  /** Since when there has been no replica, for `repl-backlog-ttl`. */
  noReplicasSinceMs = 0;
  pingsPaused = false;
  goodReplicaCount = 0;
  /** INFO stats: `sync_full`, `sync_partial_ok`, `sync_partial_err`. */
  readonly counters = { full: 0, partialOk: 0, partialError: 0 };
  /** REPLCONF of clients that are no replicas yet. */
  private readonly traits = new Map<number, ReplicaTraits>();

  constructor(
    private readonly context: ReplicationContext,
    private readonly upstream: Upstream,
  ) {
    this.snapshots = new SnapshotSync(context, this);
  }

  // --- commands ---

  /** True when the client asks for an ACK of ours (REPLCONF GETACK outside of the stream). */
  onReplconf(clientId: number, args: readonly string[]): boolean {
    const link = this.links.get(clientId);
    const traits = link?.traits ?? this.traits.get(clientId) ?? newTraits();
    if (link === undefined) this.traits.set(clientId, traits);
    const outcome = applyReplconf(traits, args);
    switch (outcome.kind) {
      case "ok":
        this.context.send(clientId, "+OK\r\n");
        break;
      case "error":
        this.context.send(clientId, `-${outcome.text}\r\n`);
        break;
      case "ack":
        if (link !== undefined && outcome.offset !== null) this.onAck(link, outcome.offset);
        break;
      case "getack":
        return true;
    }
    return false;
  }

  /** A ladder as in syncCommand: each refusal with its reply, then partial, then full. */
  onSync(event: SyncEvent): void {
    const { clientId, request } = event;
    const refuse = (text: string): void => this.context.send(clientId, `-${text}\r\n`);
    if (this.links.has(clientId)) return;
    if (this.upstream.isReplica() && !this.upstream.linkUp()) {
      refuse("NOMASTERLINK Can't SYNC while not connected with my master");
      return;
    }
    if (event.pendingOutput) {
      refuse("ERR SYNC and PSYNC are invalid with pending output");
      return;
    }
    const link = this.newLink(event);
    if (isFiltered(link.traits.filter) && !link.traits.capaEof) {
      refuse("ERR Filtered replica requires EOF capability");
      return;
    }
    this.context.log("notice", `Replica ${linkName(link)} asks for synchronization`);
    if (request !== null) {
      const offset = integerOf(request.offset);
      if (offset === null) {
        const wrong = "asks for synchronization but with a wrong offset";
        this.context.log("warning", `Replica ${linkName(link)} ${wrong}`);
        refuse("ERR value is not an integer or out of range");
        return;
      }
      if (this.tryPartial(link, request.replid, offset)) {
        this.counters.partialOk += 1;
        return;
      }
      if (!request.replid.startsWith("?")) this.counters.partialError += 1;
    }
    this.counters.full += 1;
    this.attach(link);
    this.ensureBacklog();
    this.snapshots.onArrival(link);
  }

  /** Asks every replica for its offset, through the stream; a chained replica can't add to it. */
  requestAcks(): void {
    if (!this.upstream.isReplica() && this.links.size > 0) this.context.history.append(getAckBytes);
  }

  // --- the stream, pulled by the shell ---

  /** Position that the stream must be kept from. */
  oldestReader(): number {
    let oldest = Number.POSITIVE_INFINITY;
    for (const link of this.links.values()) oldest = Math.min(oldest, link.position);
    return oldest;
  }

  pending(clientId: number): Uint8Array | null {
    const link = this.links.get(clientId);
    const backlog = this.context.history.backlog;
    if (link === undefined || backlog === null) return null;
    if (link.state !== "online" || link.streamOnAck) return null;
    return backlog.view(link.position);
  }

  sent(clientId: number, count: number): void {
    const link = this.links.get(clientId);
    if (link !== undefined) link.position += count;
  }

  /** Stream bytes kept for the replica and not sent yet: its part of the output buffer limit. */
  pendingBytes(clientId: number): number {
    const position = this.links.get(clientId)?.position ?? Number.POSITIVE_INFINITY;
    return Math.max(0, this.context.history.offset - position);
  }

  acknowledgedReplicas(offset: number): number {
    let count = 0;
    for (const link of this.links.values()) {
      if (link.state === "online" && link.ackOffset >= offset) count += 1;
    }
    return count;
  }

  // --- coming online, going away ---

  /** The whole image is in the replica's output; it gets the stream now, or with its first ACK. */
  putOnline(link: ReplicaLink, streamOnAck: boolean): void {
    const name = linkName(link);
    link.snapshotId = 0;
    link.stalledSinceMs = null;
    if (link.traits.rdbOnly) {
      this.context.log(
        "notice",
        `RDB transfer completed, rdb only replica (${name}) should be disconnected asap`,
      );
      this.drop(link, true);
      return;
    }
    link.state = "online";
    link.ackTimeMs = this.context.nowMs;
    link.streamOnAck = streamOnAck;
    this.refreshGoodReplicas();
    this.context.log("notice", `Synchronization with replica ${name} succeeded`);
    if (!streamOnAck) this.context.emit({ kind: "streamReady", clientId: link.clientId });
  }

  /** Forgets the replica and closes its connection. */
  drop(link: ReplicaLink, afterOutput = false): void {
    this.context.emit({ kind: "close", clientId: link.clientId, afterOutput });
    this.forget(link);
  }

  /** Every replica must ask again: our history has another name or other bytes now. */
  dropAll(): void {
    for (const link of [...this.links.values()]) this.drop(link);
  }

  onClosed(clientId: number): void {
    this.traits.delete(clientId);
    const link = this.links.get(clientId);
    if (link !== undefined) this.forget(link);
  }

  onNewline(clientId: number): void {
    const link = this.links.get(clientId);
    if (link !== undefined) link.ackTimeMs = this.context.nowMs;
  }

  onStalled(clientId: number, stalled: boolean): void {
    const link = this.links.get(clientId);
    if (link === undefined) return;
    link.stalledSinceMs = stalled ? (link.stalledSinceMs ?? this.context.nowMs) : null;
  }

  // --- once a second ---

  cron(loop: number): void {
    const { options, nowMs } = this.context;
    const pingDue = loop % Math.max(1, options.pingPeriodSeconds) === 0;
    if (pingDue && this.links.size > 0 && !this.upstream.isReplica() && !this.pingsPaused) {
      this.context.history.append(pingBytes);
    }
    this.snapshots.keepAlive();
    for (const link of [...this.links.values()]) this.dropIfTimedOut(link);
    this.freeIdleBacklog(nowMs);
    this.snapshots.startIfDue();
    this.refreshGoodReplicas();
  }

  refreshGoodReplicas(): void {
    const { options, nowMs } = this.context;
    let count = 0;
    if (options.minReplicasToWrite > 0 && options.minReplicasMaxLagMs > 0) {
      for (const link of this.links.values()) {
        const lagMs = linkLagSeconds(link, nowMs) * 1000;
        if (link.state === "online" && lagMs <= options.minReplicasMaxLagMs) count += 1;
      }
    }
    if (count === this.goodReplicaCount) return;
    this.goodReplicaCount = count;
    this.context.emit({ kind: "goodReplicas", count });
  }

  // --- details ---

  private onAck(link: ReplicaLink, offset: number): void {
    link.ackOffset = Math.max(link.ackOffset, offset);
    link.ackTimeMs = this.context.nowMs;
    if (link.streamOnAck && link.state === "online") {
      link.streamOnAck = false;
      this.context.emit({ kind: "streamReady", clientId: link.clientId });
    }
    this.context.emit({ kind: "acknowledged", clientId: link.clientId, offset: link.ackOffset });
    this.refreshGoodReplicas();
  }

  private newLink(event: SyncEvent): ReplicaLink {
    return {
      clientId: event.clientId,
      peerIp: event.peerIp,
      traits: this.traits.get(event.clientId) ?? newTraits(),
      beforePsync: event.request === null,
      arrivedMs: this.context.nowMs,
      state: "waitSnapshotStart",
      snapshotId: 0,
      position: Number.POSITIVE_INFINITY,
      ackOffset: 0,
      ackTimeMs: this.context.nowMs,
      streamOnAck: false,
      stalledSinceMs: null,
    };
  }

  private attach(link: ReplicaLink): void {
    this.traits.delete(link.clientId);
    this.links.set(link.clientId, link);
    this.context.history.publish();
    this.context.emit({ kind: "replicaAttached", clientId: link.clientId });
  }

  /** PSYNC offsets number the wanted byte from 1; the position before it is one less. */
  private tryPartial(link: ReplicaLink, replid: string, offset: number): boolean {
    const { history } = this.context;
    const refusal = this.partialRefusal(link, replid, offset);
    if (refusal !== null) {
      this.context.log("notice", refusal);
      if (this.isKnown(replid, offset) && offset > history.offset) {
        this.context.log(
          "warning",
          `Warning: replica ${linkName(link)} tried to PSYNC with an offset that is greater than ` +
            "the master replication offset.",
        );
      }
      return false;
    }
    link.position = offset - 1;
    link.state = "online";
    this.attach(link);
    const name = link.traits.capaPsync2 ? ` ${history.replid}` : "";
    this.context.send(link.clientId, `+CONTINUE${name}\r\n`);
    this.context.emit({ kind: "streamReady", clientId: link.clientId });
    this.context.log(
      "notice",
      `Partial resynchronization request from ${linkName(link)} accepted. Sending ` +
        `${history.offset - link.position} bytes of backlog starting from offset ${offset}.`,
    );
    this.refreshGoodReplicas();
    return true;
  }

  private isKnown(replid: string, offset: number): boolean {
    const { history } = this.context;
    const asked = replid.toLowerCase();
    return (
      asked === history.replid || (asked === history.replid2 && offset <= history.secondOffset)
    );
  }

  private partialRefusal(link: ReplicaLink, replid: string, offset: number): string | null {
    const { history } = this.context;
    if (!this.isKnown(replid, offset)) {
      if (replid.startsWith("?")) return `Full resync requested by replica ${linkName(link)}`;
      if (replid.toLowerCase() === history.replid2) {
        return (
          "Partial resynchronization not accepted: Requested offset for second ID was " +
          `${offset}, but I can reply up to ${history.secondOffset}`
        );
      }
      return (
        "Partial resynchronization not accepted: Replication ID mismatch (Replica asked for " +
        `'${replid}', my replication IDs are '${history.replid}' and '${history.replid2}')`
      );
    }
    if (history.backlog === null || !history.backlog.canServe(offset - 1)) {
      return (
        `Unable to partial resync with replica ${linkName(link)} for lack of backlog ` +
        `(Replica request was: ${offset}).`
      );
    }
    return null;
  }

  /** A backlog made from scratch has no valid past, so its history gets a new name. */
  private ensureBacklog(): void {
    const { history, options } = this.context;
    if (history.backlog !== null) return;
    if (!this.upstream.isReplica()) history.renew();
    history.createBacklog(options.backlogBytes);
    this.context.log(
      "notice",
      `Replication backlog created, my new replication IDs are '${history.replid}' and ` +
        `'${history.replid2}'`,
    );
  }

  private forget(link: ReplicaLink): void {
    const { clientId } = link;
    this.links.delete(clientId);
    this.context.log("warning", `Connection with replica ${linkName(link)} lost.`);
    if (this.links.size === 0) this.noReplicasSinceMs = this.context.nowMs;
    this.snapshots.onGone(link);
    this.context.history.backlog?.trim();
    this.refreshGoodReplicas();
  }

  private dropIfTimedOut(link: ReplicaLink): void {
    const { options, nowMs } = this.context;
    const name = linkName(link);
    if (link.state === "online" && !link.beforePsync) {
      if (nowMs - link.ackTimeMs <= options.timeoutMs) return;
      this.context.log("warning", `Disconnecting timedout replica (streaming sync): ${name}`);
      this.drop(link);
    } else if (link.state === "waitSnapshotEnd" && link.stalledSinceMs !== null) {
      if (nowMs - link.stalledSinceMs <= options.timeoutMs) return;
      this.context.log("warning", `Disconnecting timedout replica (full sync): ${name}`);
      this.drop(link);
    }
  }

  /** A replica keeps its backlog for ever: it may be promoted. A renamed history can't lie. */
  private freeIdleBacklog(nowMs: number): void {
    const { history, options } = this.context;
    if (this.links.size > 0 || options.backlogTtlMs === 0) return;
    if (history.backlog === null || this.upstream.isReplica()) return;
    if (nowMs - this.noReplicasSinceMs <= options.backlogTtlMs) return;
    history.renew();
    history.freeBacklog();
    const seconds = secondsSince(0, options.backlogTtlMs);
    this.context.log(
      "notice",
      `Replication backlog freed after ${seconds} seconds without connected replicas.`,
    );
  }
}
