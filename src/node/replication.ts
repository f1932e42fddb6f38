import { Setting } from "../../assembly/settings.ts";
import { unreachable } from "../base/assert.ts";
import { latin1Text } from "../base/bytes.ts";
import type { Prng } from "../base/prng.ts";
import type { ReplyValue } from "../base/reply.ts";
import { ReplicationCore } from "../replication/core.ts";
import type { ReplicationEffect, ReplicationEvent } from "../replication/events.ts";
import type { HostCall } from "./call.ts";
import type { Client } from "./client.ts";
import type { DatasetLoader } from "./dataset-loader.ts";
import type { ReplicationCounters, ReplicationHooks } from "./hooks.ts";
import { type HostReply, silent } from "./host-reply.ts";
import type { Node } from "./node.ts";
import { ReplicaOutputs } from "./replica-outputs.ts";
import {
  replicaGateDirectives,
  replicationDirectives,
  replicationOptions,
} from "./replication-options.ts";
import { applyGates, applyRole, roleReply } from "./replication-role.ts";
import type { SnapshotFiles } from "./snapshot-files.ts";
import { type SavedHistory, snapshotHeader } from "./snapshot-header.ts";
import type { Snapshots } from "./snapshots.ts";
import { InstantMetric } from "./stats.ts";
import { type Connect, Upstream } from "./upstream.ts";

/** Connections and turns of the event loop; `src/io` provides them. */
export interface ReplicationIo {
  readonly connect: Connect;
  /** Runs `action` when this turn's input has been handled. */
  soon(action: () => void): void;
}

export interface ReplicationModules {
  readonly io: ReplicationIo;
  readonly files: SnapshotFiles;
  readonly snapshots: Snapshots;
  readonly loader: DatasetLoader;
  readonly random: Prng;
}

type EffectOf<Kind extends ReplicationEffect["kind"]> = Extract<ReplicationEffect, { kind: Kind }>;

/**
 * Replication of this node: carries events to the core and performs its effects strictly in order. The stream
 * itself goes past the events: journal -> backlog -> sockets once per turn of the event loop, and the primary's
 * bytes -> engine -> backlog, without an object per command.
 */
export class NodeReplication implements ReplicationHooks {
  core: ReplicationCore;
  private readonly outputs: ReplicaOutputs;
  private readonly upstream: Upstream;
  /** The data set of the start is in place: links may be made. */
  private begun = false;
  /** Asked for before `begin`. */
  private wanted: { readonly host: string; readonly port: number } | null;
  /** Clients that the core has heard of. */
  private readonly known = new Set<number>();
  /** The client whose command is in hand: what it is sent goes behind its other replies. */
  private caller: Client | undefined;
  /** A snapshot for replicas is being taken: its id. */
  private snapshotId = 0;
  private flushPending = false;
  private acksWanted = false;
  private journalOn = false;
  private goodReplicas = 0;
  private readonly input = new InstantMetric();
  private readonly output = new InstantMetric();
  private readonly flushNow = (): void => this.flush();

  constructor(
    private readonly node: Node,
    private readonly modules: ReplicationModules,
  ) {
    this.wanted = node.configuration.get("replicaof") ?? null;
    this.core = this.newCore(null);
    const tell = (event: ReplicationEvent): void => this.handle(event);
    const core = (): ReplicationCore => this.core;
    const { files, loader, io } = modules;
    this.outputs = new ReplicaOutputs(node, {
      core,
      files,
      tell,
      onRoom: () => modules.snapshots.wake(),
    });
    this.upstream = new Upstream(node, {
      connect: io.connect,
      core,
      tell,
      onExecuted: () => this.flushSoon(),
      files,
      loader,
    });
    this.watchConfiguration();
    applyRole(this.node, this.core);
    this.refresh();
  }

  /** The data set of the start is in place; `restored` tells where it stood in a stream. */
  begin(restored: SavedHistory | null): void {
    this.begun = true;
    this.core = this.newCore(restored);
    this.upstream.database = restored?.database ?? 0;
    applyRole(this.node, this.core);
    this.refresh();
  }

  private newCore(restored: SavedHistory | null): ReplicationCore {
    const { node } = this;
    return new ReplicationCore({
      options: replicationOptions(node.configuration),
      random: this.modules.random,
      nowMs: node.modules.clock.nowMs(),
      primary: this.wanted,
      restored,
    });
  }

  // For the cluster and for persistence.

  /** Follows this primary from now on; nothing if it does already. */
  startReplicating(host: string, port: number): void {
    if (this.begun) this.handle({ kind: "setPrimary", host, port });
    else this.setWanted({ host, port });
  }

  becomePrimary(): void {
    if (this.begun) this.handle({ kind: "unsetPrimary" });
    else this.setWanted(null);
  }

  /** While a manual failover pauses the writes, no PING may move the offset. */
  pausePings(paused: boolean): void {
    this.handle({ kind: "pingsPaused", paused });
  }

  /** When the primary was last heard, or when its link went down, milliseconds; 0: never, or a primary. */
  get lastContactMs(): number {
    if (!this.core.isReplica) return 0;
    const nowMs = this.node.modules.clock.nowMs();
    return Math.max(0, nowMs - this.core.dataAgeMs(nowMs));
  }

  get loading(): boolean {
    return this.modules.loader.loading;
  }

  /** The engine takes a snapshot for somebody else. */
  blockSnapshots(blocked: boolean): void {
    this.handle({ kind: "snapshotsBlocked", blocked });
  }

  /** What a file must say of the data as it is now; null: nobody could go on from it. */
  historyToSave(): SavedHistory | null {
    this.node.takeJournal();
    const history = this.core.historyToSave();
    return history === null ? null : { ...history, database: this.streamDatabase };
  }

  /** The database that the stream to our replicas has selected. */
  private get streamDatabase(): number {
    return this.core.isReplica
      ? this.upstream.database
      : Math.max(0, this.node.engine.journalDatabase);
  }

  private setWanted(primary: { readonly host: string; readonly port: number } | null): void {
    this.wanted = primary;
    this.core = this.newCore(null);
    applyRole(this.node, this.core);
    this.refresh();
  }

  // Hooks.

  get isReplica(): boolean {
    return this.core.isReplica;
  }

  get linkUp(): boolean {
    return this.core.linkUp;
  }

  get id(): string {
    return this.core.replid;
  }

  get offset(): number {
    this.node.takeJournal();
    return this.core.offset;
  }

  get replicaCount(): number {
    return this.core.replicaCount;
  }

  get laggingReplicas(): number {
    return this.core.replicaCount - this.core.acknowledgedReplicas(this.offset);
  }

  get bufferBytes(): number {
    return this.core.streamMemoryBytes + this.outputs.heldBytes;
  }

  get counters(): ReplicationCounters {
    const { full, partialOk, partialError } = this.core.counters;
    return {
      fullSyncs: full,
      partialSyncs: partialOk,
      partialSyncErrors: partialError,
      inputBytes: this.upstream.receivedBytes,
      outputBytes: this.outputs.sentBytes,
      inputPerSecond: this.input.perSecond,
      outputPerSecond: this.output.perSecond,
    };
  }

  onJournalWaiting(): void {
    if (this.flushPending) return;
    this.flushPending = true;
    this.modules.io.soon(this.flushNow);
  }

  onJournal(bytes: Uint8Array): void {
    this.core.feed(bytes);
    this.flushSoon();
  }

  infoLines(): readonly string[] {
    this.node.takeJournal();
    const nowMs = this.node.modules.clock.nowMs();
    return this.core.infoReplication(nowMs).trimEnd().split("\r\n").slice(1);
  }

  role(): ReplyValue {
    this.node.takeJournal();
    return roleReply(this.core.role());
  }

  acknowledgedBy(offset: number): number {
    return this.core.acknowledgedReplicas(offset);
  }

  requestAcknowledgements(): void {
    this.acksWanted = true;
    this.flushSoon();
  }

  changeId(): void {
    this.handle({ kind: "changeReplid" });
  }

  cron(nowMs: number): void {
    if (!this.begun) return;
    this.input.sample(this.upstream.receivedBytes, nowMs);
    this.output.sample(this.outputs.sentBytes, nowMs);
    if (this.outputs.count > 0) this.outputs.check();
    this.handle({ kind: "tick" });
  }

  onClientGone(client: Client): void {
    if (!this.known.delete(client.id)) return;
    this.outputs.forget(client);
    this.handle({ kind: "clientClosed", clientId: client.id });
    this.modules.snapshots.wake();
  }

  onReplicaDrained(client: Client): void {
    this.outputs.onDrained(client);
    this.flushSoon();
  }

  onReplicaNewline(client: Client): void {
    this.handle({ kind: "replicaNewline", clientId: client.id });
  }

  flushReplicas(): void {
    this.flush();
  }

  // Commands.

  /** The command comes from our primary, in its stream. */
  isFromPrimary(client: Client): boolean {
    return this.upstream.isClient(client);
  }

  /** REPLCONF GETACK in the primary's stream. */
  acknowledge(): void {
    this.upstream.acknowledge();
  }

  /** Hands a command of a client to the core, which answers it. */
  onCall(call: HostCall, event: ReplicationEvent): HostReply {
    this.known.add(call.client.id);
    this.caller = call.client;
    this.handle(event);
    this.caller = undefined;
    return silent;
  }

  // The core.

  private handle(event: ReplicationEvent): void {
    this.node.takeJournal();
    const effects = this.core.handle(event, this.node.modules.clock.nowMs());
    this.node.asTurn(() => {
      for (const effect of effects) this.perform(effect);
      this.refresh();
    });
    if (this.outputs.hasStreaming) this.flushSoon();
  }

  private perform(effect: ReplicationEffect): void {
    const { node, outputs } = this;
    switch (effect.kind) {
      case "log":
        node.log[effect.level](effect.text);
        return;
      case "send":
        this.send(effect.clientId, effect.bytes);
        return;
      case "close":
        this.close(effect.clientId, effect.afterOutput);
        return;
      case "replicaAttached":
        this.attach(effect.clientId);
        return;
      case "streamReady":
        outputs.beginStream(effect.clientId);
        return;
      case "acknowledged":
        node.waits.check(this, node.modules.clock.nowMs());
        return;
      case "goodReplicas":
        this.goodReplicas = effect.count;
        return;
      case "startSnapshot":
        this.startSnapshot(effect);
        return;
      case "abortSnapshot":
        if (this.snapshotId === effect.snapshotId) this.modules.snapshots.abort();
        outputs.releaseSpool(effect.snapshotId);
        return;
      case "sendSpool":
        outputs.sendSpool(effect.clientId, effect.snapshotId);
        return;
      case "releaseSpool":
        outputs.releaseSpool(effect.snapshotId);
        return;
      case "resetJournalDb":
        node.engine.journalForgetDatabase();
        return;
      case "roleChanged":
        applyRole(this.node, this.core);
        return;
      case "connectPrimary":
      case "sendPrimary":
      case "closePrimary":
      case "rdbBegin":
      case "rdbChunk":
      case "rdbEnd":
      case "rdbAbort":
      case "streamBegin":
      case "streamData":
      case "streamEnd":
        this.upstream.perform(effect);
        return;
      default:
        unreachable(effect);
    }
  }

  /** What follows from the core's state: the journal and the gates. */
  private refresh(): void {
    const journal = !this.core.isReplica && this.core.hasBacklog;
    if (journal !== this.journalOn) {
      this.journalOn = journal;
      this.node.engine.set(Setting.Journal, journal ? 1 : 0);
    }
    applyGates(this.node, this.core, this.goodReplicas);
  }

  private watchConfiguration(): void {
    const { configuration } = this.node;
    configuration.onChange(replicationDirectives, () => {
      this.handle({ kind: "configure", changes: replicationOptions(configuration) });
      return undefined;
    });
    configuration.onChange(replicaGateDirectives, () => {
      this.refresh();
      return undefined;
    });
  }

  // Clients and replicas.

  private send(clientId: number, bytes: Uint8Array): void {
    const client = this.node.clients.get(clientId);
    if (client === undefined) return;
    if (client.kind === "replica") {
      this.outputs.send(client, bytes);
    } else if (client === this.caller) {
      if (bytes[0] === 0x2d) this.node.stats.countError(errorCode(bytes));
      this.node.engine.reply(bytes);
    } else {
      client.link.send(bytes, 0, bytes.length);
    }
  }

  private attach(clientId: number): void {
    const client = this.node.clients.get(clientId);
    if (client !== undefined) this.outputs.attach(client);
  }

  private close(clientId: number, afterOutput: boolean): void {
    const client = this.node.clients.get(clientId);
    if (client === undefined) return;
    this.outputs.forget(client);
    if (afterOutput) client.link.closeAfterSending();
    else this.node.drop(client);
  }

  private startSnapshot(effect: EffectOf<"startSnapshot">): void {
    const { node, outputs } = this;
    const { snapshotId, history } = effect;
    const sink =
      effect.form === "streamed"
        ? outputs.streamSink(snapshotId, effect.clientIds)
        : outputs.spoolSink(snapshotId);
    const header = snapshotHeader({
      nowMs: node.modules.clock.nowMs(),
      usedMemory: node.engine.usedMemory,
      history: { ...history, database: this.streamDatabase },
    });
    let reason = "a snapshot is being taken already";
    if (typeof sink === "string") reason = sink;
    else if (this.modules.snapshots.start(header, sink)) {
      this.snapshotId = snapshotId;
      return;
    }
    this.handle({ kind: "snapshotFailed", snapshotId, reason });
  }

  private flushSoon(): void {
    if (this.outputs.hasStreaming || this.acksWanted) this.onJournalWaiting();
  }

  /** At the end of a turn: the journal goes into the backlog, and from there to the replicas. */
  private flush(): void {
    this.node.takeJournal();
    this.flushPending = false;
    if (this.acksWanted) {
      this.acksWanted = false;
      this.core.handle({ kind: "requestAcks" }, this.node.modules.clock.nowMs());
    }
    this.outputs.flush();
  }
}

function errorCode(bytes: Uint8Array): string {
  return latin1Text(bytes.subarray(1)).split(" ", 1)[0] ?? "ERR";
}
