import { unreachable } from "../base/assert.ts";
import type { Prng } from "../base/prng.ts";
import { integerOf, ReplicationContext } from "./context.ts";
import type {
  ReplicationEffect,
  ReplicationEvent,
  ReplicationHistory,
  ReplicationOptions,
} from "./events.ts";
import { StreamHistory } from "./history.ts";
import { infoReplication, type RoleReply, roleReply } from "./info.ts";
import { CRON_PERIOD_MS } from "./limits.ts";
import { PrimarySide } from "./primary.ts";
import { ReplicaSide } from "./replica.ts";

export interface ReplicationStart {
  readonly options: ReplicationOptions;
  /** Source of replication IDs and EOF marks. */
  readonly random: Prng;
  /** Time of the first event, milliseconds. */
  readonly nowMs: number;
  /** `replicaof` of the configuration file; null: start as a primary. */
  readonly primary: { readonly host: string; readonly port: number } | null;
  /** From the RDB or AOF base that was loaded (`repl-id`, `repl-offset`); null: none. */
  readonly restored: ReplicationHistory | null;
}

type ReplicaofEvent = Extract<ReplicationEvent, { kind: "replicaof" }>;

/**
 * Redis replication (PSYNC2) as a state machine: both ends of it, since a node can be a replica and
 * have replicas at the same time.
 *
 * Everything that decides goes through `handle`. The stream itself does not: its bytes go in by
 * `feed` (a primary's journal) or `applied` (what a replica executed of its primary's stream), lie
 * once in the backlog, and are pulled for each replica with `pending` and `sent`. So a command
 * costs one copy into the backlog and no object, however many replicas there are. A replica that
 * reads slowly, or is still receiving its snapshot, keeps its part of the stream from being dropped;
 * `pendingBytes` is what it holds, and the shell closes it beyond client-output-buffer-limit.
 *
 * Once per loop turn, after feeding the journal and handling events, and whenever a replica's
 * socket drains, the shell does for each replica that is `streamReady` and has an empty queue:
 *
 *   for (view = pending(id); view !== null; view = pending(id)) {
 *     taken = socket.write(view); sent(id, taken); if (taken < view.length) break;
 *   }
 */
export class ReplicationCore {
  private readonly context: ReplicationContext;
  private readonly primarySide: PrimarySide;
  private readonly replicaSide: ReplicaSide;
  private lastCronMs: number;
  private cronLoops = 0;

  constructor(start: ReplicationStart) {
    const oldestReader = (): number => this.primarySide.oldestReader();
    const history = new StreamHistory(start.random, oldestReader);
    this.context = new ReplicationContext(start.options, history, start.random);
    this.context.nowMs = start.nowMs;
    this.lastCronMs = start.nowMs;
    const upstream = {
      isReplica: () => this.replicaSide.isReplica,
      linkUp: () => this.replicaSide.linkUp,
    };
    this.primarySide = new PrimarySide(this.context, upstream);
    this.primarySide.noReplicasSinceMs = start.nowMs;
    this.replicaSide = new ReplicaSide(this.context, this.primarySide);
    this.restore(start);
  }

  handle(event: ReplicationEvent, nowMs: number): ReplicationEffect[] {
    this.context.nowMs = nowMs;
    this.dispatch(event);
    return this.context.drain();
  }

  // --- the stream: direct calls, no effects ---

  /**
   * A primary's own journal, whole commands. Ignored on a replica, whose stream is its primary's,
   * and before the first replica came: the offset counts from the birth of the backlog, as in Redis.
   */
  feed(bytes: Uint8Array): void {
    if (!this.replicaSide.isReplica) this.context.history.backlog?.feed(bytes);
  }

  /**
   * A replica executed exactly these bytes of its primary's stream: whole commands, and a MULTI
   * only together with its EXEC. They go on to our own replicas and the backlog as they are.
   */
  applied(bytes: Uint8Array): void {
    if (this.replicaSide.linkUp) this.context.history.append(bytes);
  }

  /** `primaryData` for a link that is up, when the shell hands the bytes to the engine itself. */
  streamReceived(byteCount: number, nowMs: number): void {
    this.context.nowMs = nowMs;
    this.replicaSide.received(this.replicaSide.linkId);
    this.replicaSide.readOffset += byteCount;
  }

  /** The next stream bytes for a replica, in place; null: nothing to send, or not yet allowed. */
  pending(clientId: number): Uint8Array | null {
    return this.primarySide.pending(clientId);
  }

  /** So many bytes of what `pending` gave went into the replica's socket. */
  sent(clientId: number, byteCount: number): void {
    this.primarySide.sent(clientId, byteCount);
  }

  /** Stream bytes that are kept for this replica, for client-output-buffer-limit. */
  pendingBytes(clientId: number): number {
    return this.primarySide.pendingBytes(clientId);
  }

  // --- facts ---

  get isReplica(): boolean {
    return this.replicaSide.isReplica;
  }

  /** `master_link_status`; false on a primary. */
  get linkUp(): boolean {
    return this.replicaSide.linkUp;
  }

  /** A snapshot is being received from the primary. */
  get syncInProgress(): boolean {
    return this.replicaSide.state === "transfer";
  }

  get primaryAddress(): { readonly host: string; readonly port: number } | null {
    return this.replicaSide.primary;
  }

  get replid(): string {
    return this.context.history.replid;
  }

  /** `master_repl_offset`, on a replica also the offset it processed; never negative. */
  get offset(): number {
    return this.context.history.offset;
  }

  /** Attached replicas, in whatever state. */
  get replicaCount(): number {
    return this.primarySide.links.size;
  }

  get goodReplicaCount(): number {
    return this.primarySide.goodReplicaCount;
  }

  get counters(): {
    readonly full: number;
    readonly partialOk: number;
    readonly partialError: number;
  } {
    return this.primarySide.counters;
  }

  /** There is a backlog: a primary's journal must be fed. */
  get hasBacklog(): boolean {
    return this.context.history.backlog !== null;
  }

  /** Memory of the stream, in bytes: the backlog and what slow replicas hold of it. */
  get streamMemoryBytes(): number {
    return this.context.history.backlog?.allocatedBytes ?? 0;
  }

  /** Online replicas that acknowledged this offset, for WAIT. */
  acknowledgedReplicas(offset: number): number {
    return this.primarySide.acknowledgedReplicas(offset);
  }

  /** On a replica, how old its data is at most (cluster-replica-validity-factor); huge if never up. */
  dataAgeMs(nowMs: number): number {
    this.context.nowMs = nowMs;
    return this.replicaSide.dataAgeMs();
  }

  /**
   * What a file must say of the data set now (rdbPopulateSaveInfo); null when nobody could go on
   * from it: a primary without backlog, or a replica that has no history yet.
   */
  historyToSave(): ReplicationHistory | null {
    const { history } = this.context;
    const valid = this.isReplica ? this.replicaSide.resumable : history.backlog !== null;
    return valid ? { replid: history.replid, offset: history.offset } : null;
  }

  infoReplication(nowMs: number): string {
    this.context.nowMs = nowMs;
    return infoReplication(this.context, this.primarySide, this.replicaSide);
  }

  role(): RoleReply {
    return roleReply(this.context, this.primarySide, this.replicaSide);
  }

  // --- details ---

  /** A restarted primary goes on under a new ID; a restarted replica asks to go on. */
  private restore(start: ReplicationStart): void {
    const { history } = this.context;
    const { restored, primary } = start;
    if (primary !== null) {
      if (restored !== null) history.adopt(restored.replid, restored.offset);
      this.replicaSide.startAs(primary.host, primary.port, restored !== null);
    } else if (restored !== null) {
      history.continueFrom(restored.replid, restored.offset);
      history.createBacklog(start.options.backlogBytes);
    }
  }

  private dispatch(event: ReplicationEvent): void {
    const primary = this.primarySide;
    const replica = this.replicaSide;
    switch (event.kind) {
      case "tick":
        this.onTick();
        return;
      case "configure":
        this.onConfigure(event.changes);
        return;
      case "replconf":
        if (primary.onReplconf(event.clientId, event.args)) replica.sendAck();
        return;
      case "sync":
        primary.onSync(event);
        return;
      case "replicaof":
        this.onReplicaof(event);
        return;
      case "requestAcks":
        primary.requestAcks();
        return;
      case "clientClosed":
        primary.onClosed(event.clientId);
        return;
      case "replicaNewline":
        primary.onNewline(event.clientId);
        return;
      case "replicaStalled":
        primary.onStalled(event.clientId, event.stalled);
        return;
      case "spoolSent":
        primary.snapshots.onSpoolSent(event.clientId);
        return;
      case "snapshotStreamed":
        primary.snapshots.onStreamed(event.snapshotId);
        return;
      case "snapshotSpooled":
        primary.snapshots.onSpooled(event.snapshotId, event.length);
        return;
      case "snapshotFailed":
        primary.snapshots.onFailed(event.snapshotId, event.reason);
        return;
      case "snapshotsBlocked":
        primary.snapshots.setBlocked(event.blocked);
        return;
      case "pingsPaused":
        primary.pingsPaused = event.paused;
        return;
      case "setPrimary":
        replica.setPrimary(event.host, event.port);
        return;
      case "unsetPrimary":
        replica.unsetPrimary();
        return;
      case "changeReplid":
        this.context.history.renew();
        return;
      case "primaryConnected":
        replica.onConnected(event.linkId);
        return;
      case "primaryClosed":
        replica.onClosed(event.linkId, event.reason);
        return;
      case "primaryData":
        replica.onData(event.linkId, event.bytes);
        return;
      case "rdbLoaded":
        replica.onRdbLoaded(event.linkId);
        return;
      case "rdbFailed":
        replica.onRdbFailed(event.linkId, event.reason);
        return;
      case "ackRequested":
        replica.onAckRequested(event.linkId);
        return;
      case "streamBroken":
        replica.onStreamBroken(event.linkId, event.reason);
        return;
      default:
        unreachable(event);
    }
  }

  /** replicationCron's order: first our own link, then our replicas. */
  private onTick(): void {
    if (this.context.nowMs - this.lastCronMs < CRON_PERIOD_MS) return;
    this.lastCronMs = this.context.nowMs;
    this.replicaSide.cron();
    this.primarySide.cron(this.cronLoops);
    this.cronLoops += 1;
  }

  private onConfigure(changes: Partial<ReplicationOptions>): void {
    const { context } = this;
    context.options = { ...context.options, ...changes };
    if (changes.backlogBytes !== undefined) context.history.backlog?.resize(changes.backlogBytes);
    this.primarySide.refreshGoodReplicas();
  }

  /** replicaofCommand: the checks in its order, the reply last. */
  private onReplicaof(event: ReplicaofEvent): void {
    const { clientId, host } = event;
    const user = `'${event.clientInfo}'`;
    const { context, replicaSide } = this;
    if (context.options.clusterEnabled) {
      context.send(clientId, "-ERR REPLICAOF not allowed in cluster mode.\r\n");
      return;
    }
    if (host.toLowerCase() === "no" && event.port.toLowerCase() === "one") {
      if (replicaSide.isReplica) {
        replicaSide.unsetPrimary();
        context.log("notice", `MASTER MODE enabled (user request from ${user})`);
      }
      context.send(clientId, "+OK\r\n");
      return;
    }
    if (this.primarySide.links.has(clientId)) {
      context.send(clientId, "-ERR Command is not valid when client is a replica.\r\n");
      return;
    }
    const port = integerOf(event.port);
    if (port === null || port < 0 || port > 65535) {
      context.send(clientId, "-ERR Invalid master port\r\n");
      return;
    }
    if (replicaSide.isReplica && replicaSide.isCurrent(host, port)) {
      context.log(
        "notice",
        "REPLICAOF would result into synchronization with the master we are already connected " +
          "with. No operation performed.",
      );
      context.send(clientId, "+OK Already connected to specified master\r\n");
      return;
    }
    replicaSide.setPrimary(host, port);
    context.log("notice", `REPLICAOF ${host}:${port} enabled (user request from ${user})`);
    context.send(clientId, "+OK\r\n");
  }
}
