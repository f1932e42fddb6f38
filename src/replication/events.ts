/**
 * What goes into and comes out of the replication core.
 *
 * The shell performs effects strictly in order, before it executes another command: a snapshot
 * effect means "the data as it is now", and the offset told to the replica is the offset now.
 * Before any `handle()` call the shell has fed every journal byte that exists (whole commands,
 * never the middle of a MULTI/EXEC), so that offsets and data agree.
 *
 * Byte arrays in effects are valid until the effect is performed; who keeps them, copies them.
 * `clientId` is the shell's number of a client connection; a connection that became a replica keeps
 * it. `linkId` is the core's number of one attempt to reach the primary; events with an old linkId
 * are ignored, so late socket callbacks do no harm.
 */

/** Directives that the core follows; see redis.conf 7.0 for each. */
export interface ReplicationOptions {
  /** `cluster-enabled`: REPLICAOF is refused. */
  readonly clusterEnabled: boolean;
  /** `port`, told to the primary unless announcePort is set. */
  readonly port: number;
  /** `replica-announce-ip`; null: none. */
  readonly announceIp: string | null;
  /** `replica-announce-port`; 0: none. */
  readonly announcePort: number;
  /** `masteruser`. */
  readonly primaryUser: string | null;
  /** `masterauth`. */
  readonly primaryAuth: string | null;
  /** `repl-timeout`. */
  readonly timeoutMs: number;
  /** `repl-ping-replica-period`, whole seconds, at least 1. */
  readonly pingPeriodSeconds: number;
  /** `repl-backlog-size`. */
  readonly backlogBytes: number;
  /** `repl-backlog-ttl`; 0: never freed. */
  readonly backlogTtlMs: number;
  /** `repl-diskless-sync`: with `no`, a snapshot never waits for more replicas to come. */
  readonly disklessSync: boolean;
  /** `repl-diskless-sync-delay`. */
  readonly disklessSyncDelayMs: number;
  /** `repl-diskless-sync-max-replicas`; 0: no such limit. */
  readonly disklessSyncMaxReplicas: number;
  /** `min-replicas-to-write`; 0: off. */
  readonly minReplicasToWrite: number;
  /** `min-replicas-max-lag`; 0: off. */
  readonly minReplicasMaxLagMs: number;
  /** `replica-priority`, shown by INFO. */
  readonly replicaPriority: number;
  /** `replica-read-only`, shown by INFO. */
  readonly replicaReadOnly: boolean;
  /** `replica-announced`, shown by INFO. */
  readonly replicaAnnounced: boolean;
}

export const defaultReplicationOptions: ReplicationOptions = {
  clusterEnabled: false,
  port: 6379,
  announceIp: null,
  announcePort: 0,
  primaryUser: null,
  primaryAuth: null,
  timeoutMs: 60_000,
  pingPeriodSeconds: 10,
  backlogBytes: 1024 * 1024,
  backlogTtlMs: 3_600_000,
  disklessSync: true,
  disklessSyncDelayMs: 5_000,
  disklessSyncMaxReplicas: 0,
  minReplicasToWrite: 0,
  minReplicasMaxLagMs: 10_000,
  replicaPriority: 100,
  replicaReadOnly: true,
  replicaAnnounced: true,
};

/** A replication history: who made it and how many bytes of it the data contains. */
export interface ReplicationHistory {
  /** `repl-id` of an RDB, 40 hexadecimal digits. */
  readonly replid: string;
  /** `repl-offset` of an RDB, bytes. */
  readonly offset: number;
}

/** What a replica asked to find in its snapshot (`REPLCONF rdb-filter-only`). */
export interface SnapshotFilter {
  readonly withData: boolean;
  readonly withFunctions: boolean;
}

export type ReplicationEvent =
  /** Time passes: at least every 100 ms. Everything periodic happens here, once a second. */
  | { readonly kind: "tick" }
  /** CONFIG SET changed some options. */
  | { readonly kind: "configure"; readonly changes: Partial<ReplicationOptions> }

  // --- commands of clients (argument texts as received, Latin-1) ---
  /** REPLCONF from any client that is not our primary; `args` without the command's name. */
  | { readonly kind: "replconf"; readonly clientId: number; readonly args: readonly string[] }
  /**
   * PSYNC (arity checked by the command path) or SYNC (`request` null). `peerIp` is the socket's
   * remote address; `pendingOutput` whether replies to earlier commands still wait to be sent.
   */
  | {
      readonly kind: "sync";
      readonly clientId: number;
      readonly peerIp: string;
      readonly pendingOutput: boolean;
      readonly request: { readonly replid: string; readonly offset: string } | null;
    }
  /** REPLICAOF or SLAVEOF; `clientInfo` is the client's line of CLIENT LIST, for the log. */
  | {
      readonly kind: "replicaof";
      readonly clientId: number;
      readonly host: string;
      readonly port: string;
      readonly clientInfo: string;
    }
  /** A client waits in WAIT: ask every replica for its offset. Once per loop turn is enough. */
  | { readonly kind: "requestAcks" }
  /** Any client connection is gone; harmless for one the core has never heard of. */
  | { readonly kind: "clientClosed"; readonly clientId: number }

  // --- replica links, once a client has become a replica ---
  /** An empty line from a replica: alive while it loads. */
  | { readonly kind: "replicaNewline"; readonly clientId: number }
  /** The socket of a replica in snapshot transfer takes no bytes, or takes them again. */
  | { readonly kind: "replicaStalled"; readonly clientId: number; readonly stalled: boolean }
  /** Every byte of the spooled image has gone into the replica's socket. */
  | { readonly kind: "spoolSent"; readonly clientId: number }
  /** Streamed snapshot: the image is complete in the output of every replica that takes part. */
  | { readonly kind: "snapshotStreamed"; readonly snapshotId: number }
  /** Spooled snapshot: the image lies ready, `length` bytes long. */
  | { readonly kind: "snapshotSpooled"; readonly snapshotId: number; readonly length: number }
  | { readonly kind: "snapshotFailed"; readonly snapshotId: number; readonly reason: string }
  /** The engine cannot start a snapshot now (a BGSAVE runs), or can again. */
  | { readonly kind: "snapshotsBlocked"; readonly blocked: boolean }
  /** Cluster manual failover: no PING may move the offset while clients are paused. */
  | { readonly kind: "pingsPaused"; readonly paused: boolean }

  // --- decisions of the node (cluster core, configuration) ---
  /** Become a replica of this address; nothing if it is already so. */
  | { readonly kind: "setPrimary"; readonly host: string; readonly port: number }
  /** Become a primary; nothing if it is one. */
  | { readonly kind: "unsetPrimary" }
  /** DEBUG CHANGE-REPL-ID: a new replication ID, the second one cleared. */
  | { readonly kind: "changeReplid" }

  // --- the link to our primary ---
  | { readonly kind: "primaryConnected"; readonly linkId: number }
  /** The connection could not be made, or broke; `reason` as strerror says it. */
  | { readonly kind: "primaryClosed"; readonly linkId: number; readonly reason: string }
  /** Bytes from the primary. Once `linkUp` is true, `streamReceived` may be used instead. */
  | { readonly kind: "primaryData"; readonly linkId: number; readonly bytes: Uint8Array }
  /** After `rdbEnd`: the new data set is in place and serves. */
  | { readonly kind: "rdbLoaded"; readonly linkId: number }
  /** At any time since `rdbBegin`: the image is unusable; the old data set stays. */
  | { readonly kind: "rdbFailed"; readonly linkId: number; readonly reason: string }
  /**
   * The stream holds `REPLCONF GETACK *`. Told after the bytes before it were `applied` and before
   * its own are, as Redis answers with the offset before the command.
   */
  | { readonly kind: "ackRequested"; readonly linkId: number }
  /** The primary's stream is not the Redis protocol: the history can't be continued. */
  | { readonly kind: "streamBroken"; readonly linkId: number; readonly reason: string };

export type LogLevel = "debug" | "verbose" | "notice" | "warning";

export type ReplicationEffect =
  | { readonly kind: "log"; readonly level: LogLevel; readonly text: string }

  // --- to clients and replicas ---
  /** Bytes for a client's or replica's own output, behind everything queued there. */
  | { readonly kind: "send"; readonly clientId: number; readonly bytes: Uint8Array }
  /** Close at once, or `afterOutput` when all queued bytes have gone. The core forgot it already. */
  | { readonly kind: "close"; readonly clientId: number; readonly afterOutput: boolean }
  /** The connection is a replica link from now on (buffer limits, CLIENT LIST flag, no replies). */
  | { readonly kind: "replicaAttached"; readonly clientId: number }
  /** From now on pull the stream for this replica with `pending()` and `sent()`, after its queue. */
  | { readonly kind: "streamReady"; readonly clientId: number }
  /** A replica acknowledged: WAIT may end (`acknowledgedReplicas`). */
  | { readonly kind: "acknowledged"; readonly clientId: number; readonly offset: number }
  /** `min-replicas-to-write`: as many online replicas lag less than the limit. On change only. */
  | { readonly kind: "goodReplicas"; readonly count: number }

  // --- snapshots for replicas ---
  /**
   * Take the data set as it is now, with the aux fields `repl-id`, `repl-offset` and
   * `repl-stream-db`. `streamed`: send the image to each of `clientIds` as it is made, behind what
   * is queued there (the core has queued `$EOF:<mark>` and adds the mark at the end); a replica
   * that leaves meanwhile is simply skipped. `spooled`: keep it aside until `releaseSpool`.
   */
  | {
      readonly kind: "startSnapshot";
      readonly snapshotId: number;
      readonly form: "streamed" | "spooled";
      readonly clientIds: readonly number[];
      readonly filter: SnapshotFilter;
      readonly history: ReplicationHistory;
    }
  /** Nobody wants this snapshot any more; it reports nothing further. */
  | { readonly kind: "abortSnapshot"; readonly snapshotId: number }
  /** Send the spooled image behind what is queued (the core has queued `$<length>`). */
  | { readonly kind: "sendSpool"; readonly clientId: number; readonly snapshotId: number }
  | { readonly kind: "releaseSpool"; readonly snapshotId: number }

  // --- the journal and the role ---
  /** The next journalled command must be preceded by SELECT. */
  | { readonly kind: "resetJournalDb" }
  /**
   * To replica: end blocked clients with -UNBLOCKED, execute the primary's stream only. To primary:
   * journal own writes, expire keys oneself.
   */
  | { readonly kind: "roleChanged"; readonly role: "primary" | "replica" }

  // --- to our primary ---
  | {
      readonly kind: "connectPrimary";
      readonly linkId: number;
      readonly host: string;
      readonly port: number;
    }
  | { readonly kind: "sendPrimary"; readonly linkId: number; readonly bytes: Uint8Array }
  | { readonly kind: "closePrimary"; readonly linkId: number }

  // --- a snapshot from our primary ---
  /** Prepare for an image; the old data go on serving. `length` null: unknown until the end. */
  | { readonly kind: "rdbBegin"; readonly linkId: number; readonly length: number | null }
  | { readonly kind: "rdbChunk"; readonly linkId: number; readonly bytes: Uint8Array }
  /** The image is whole: put the new data set in place of the old, then tell `rdbLoaded`. */
  | { readonly kind: "rdbEnd"; readonly linkId: number }
  /** Drop the half-loaded data set. */
  | { readonly kind: "rdbAbort"; readonly linkId: number }

  // --- the stream from our primary ---
  /**
   * Commands follow. Start with an empty parser outside of MULTI. `resumed`: go on in the database
   * that was selected; otherwise in the image's `repl-stream-db`.
   */
  | { readonly kind: "streamBegin"; readonly linkId: number; readonly resumed: boolean }
  /** Execute these bytes, which may be kept, as the primary; tell what was executed with `applied()`. */
  | { readonly kind: "streamData"; readonly linkId: number; readonly bytes: Uint8Array }
  /** The link is down: forget unparsed bytes and an open MULTI; they will come again. */
  | { readonly kind: "streamEnd"; readonly linkId: number };
