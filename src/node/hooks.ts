/**
 * What the node asks of replication and of the cluster. `Node` starts with the standalone answers below;
 * `src/node/replication.ts` and `src/node/cluster.ts` put their own in place (`node.replication = ...`,
 * `node.cluster = ...`) before the listeners open.
 */
import type { RedirectKind } from "../../assembly/abi.ts";
import { array, bulk, emptyArray, integer, type ReplyValue } from "../base/reply.ts";
import type { Client } from "./client.ts";
import type { LoadProgress } from "./dataset-loader.ts";

export interface ReplicationHooks {
  readonly isReplica: boolean;
  /** True while this replica's link to its primary is up; meaningless on a primary. */
  readonly linkUp: boolean;
  /** The replication ID and offset, for INFO and for snapshots. */
  readonly id: string;
  readonly offset: number;
  /** Replicas attached and online. */
  readonly replicaCount: number;
  /** The engine holds journal bytes: have them taken at the end of this turn. */
  onJournalWaiting(): void;
  /** Journal bytes: a view, good until this returns. Whole commands and whole transactions. */
  onJournal(bytes: Uint8Array): void;
  /** The lines of INFO replication after the title. */
  infoLines(): readonly string[];
  /** Counters that INFO stats shows. */
  readonly counters: ReplicationCounters;
  role(): ReplyValue;
  /** How many replicas have acknowledged `offset`. */
  acknowledgedBy(offset: number): number;
  /** Asks the replicas for acknowledgements, as WAIT does. */
  requestAcknowledgements(): void;
  /** DEBUG CHANGE-REPL-ID. */
  changeId(): void;
  /** Once a second and once per cron call. */
  cron(nowMs: number): void;
  /** A client that is (or was) a replica or the primary's link has gone. */
  onClientGone(client: Client): void;
  /** The connection of a replica has taken all that it held. */
  onReplicaDrained(client: Client): void;
  /** An empty line from a replica: it lives, and loads. */
  onReplicaNewline(client: Client): void;
  /**
   * Replicas are given what their sockets take, now and not at the end of the turn: before the process ends
   * (flushSlavesOutputBuffers) or is about to stand still.
   */
  flushReplicas(): void;
  /** Number of replicas that have not yet received all of the journal: SHUTDOWN waits for them. */
  readonly laggingReplicas: number;
  /** Bytes held by the backlog and by replicas' output. */
  readonly bufferBytes: number;
}

export interface ReplicationCounters {
  readonly fullSyncs: number;
  readonly partialSyncs: number;
  readonly partialSyncErrors: number;
  readonly inputBytes: number;
  readonly outputBytes: number;
  readonly inputPerSecond: number;
  readonly outputPerSecond: number;
}

export interface ClusterHooks {
  /** The error of a redirect, without `-`: `MOVED 1 127.0.0.1:7001`. */
  redirect(slot: number, kind: RedirectKind, client: Client): string;
  /** Connections on the bus, and the bytes they hold. */
  readonly linkCount: number;
  readonly linkBytes: number;
  /** A client's PUBLISH or, `sharded`, SPUBLISH for the other nodes that may have subscribers. */
  publish(channel: Uint8Array, message: Uint8Array, sharded: boolean): void;
  cron(nowMs: number): void;
  /** Input comes in after `Node.stallDeadlineMs`: nothing was done for longer than the node timeout. */
  onStalled(): void;
  /** Lets the cluster save its file before the process ends. */
  onShutdown(): void;
}

/** A primary without replicas, journal off. */
export class StandaloneReplication implements ReplicationHooks {
  readonly isReplica = false;
  readonly linkUp = true;
  readonly offset = 0;
  readonly replicaCount = 0;
  readonly laggingReplicas = 0;
  readonly bufferBytes = 0;
  readonly counters: ReplicationCounters = {
    fullSyncs: 0,
    partialSyncs: 0,
    partialSyncErrors: 0,
    inputBytes: 0,
    outputBytes: 0,
    inputPerSecond: 0,
    outputPerSecond: 0,
  };

  constructor(
    public id: string,
    private readonly newId: () => string,
    private readonly backlogBytes: () => number,
  ) {}

  onJournalWaiting(): void {
    // Nobody follows.
  }

  onJournal(): void {
    // Nobody follows.
  }

  infoLines(): string[] {
    return [
      "role:master",
      "connected_slaves:0",
      "master_failover_state:no-failover",
      `master_replid:${this.id}`,
      `master_replid2:${"0".repeat(40)}`,
      "master_repl_offset:0",
      "second_repl_offset:-1",
      "repl_backlog_active:0",
      `repl_backlog_size:${this.backlogBytes()}`,
      "repl_backlog_first_byte_offset:0",
      "repl_backlog_histlen:0",
    ];
  }

  role(): ReplyValue {
    return array([bulk("master"), integer(0), emptyArray]);
  }

  acknowledgedBy(): number {
    return 0;
  }

  requestAcknowledgements(): void {
    // Nobody to ask.
  }

  changeId(): void {
    this.id = this.newId();
  }

  cron(): void {
    // Nothing is due.
  }

  onClientGone(): void {
    // No replicas.
  }

  onReplicaDrained(): void {
    // No replicas.
  }

  onReplicaNewline(): void {
    // No replicas.
  }

  flushReplicas(): void {
    // No replicas.
  }
}

/** What INFO persistence tells of snapshots. */
export interface PersistenceFacts {
  readonly loading: boolean;
  readonly saving: boolean;
  /** `Stat.Dirty` when the last snapshot was taken. */
  readonly dirtyAtSave: number;
  readonly lastSaveOk: boolean;
  /** -1: none yet. */
  readonly lastSaveSeconds: number;
  /** -1: none is being taken. */
  readonly currentSaveSeconds: number;
  readonly saves: number;
  readonly loadedKeys: number;
  readonly loadedExpired: number;
  /** How far the load in hand is. */
  readonly load?: LoadProgress | undefined;
}

export interface PersistenceHooks {
  readonly facts: PersistenceFacts;
  /** Ten times a second. */
  cron(nowMs: number): void;
  /** A client waits until the running snapshot has saved a value. */
  hurry(): void;
  /** FLUSHALL has removed everything. */
  onFlushed(): void;
  /** DEBUG RELOAD: writes the file and reads it back, all at once. */
  reload(request: ReloadRequest): ReloadRefusal | undefined;
}

/** What DEBUG RELOAD does. */
export interface ReloadRequest {
  /** The file is written first. */
  readonly save: boolean;
  /** All data goes before the file is read. */
  readonly flush: boolean;
  /** Keys in the file take the place of those that are there; else a key that is there is an error. */
  readonly merge: boolean;
}

export type ReloadRefusal = "save" | "load";

export const noPersistence: PersistenceFacts = {
  loading: false,
  saving: false,
  dirtyAtSave: 0,
  lastSaveOk: true,
  lastSaveSeconds: -1,
  currentSaveSeconds: -1,
  saves: 0,
  loadedKeys: 0,
  loadedExpired: 0,
};
