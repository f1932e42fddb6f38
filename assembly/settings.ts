/** What the host sets in the engine: `abi.ts` tells of the border between them. */

/** Settings the host may change at any time with `setSetting(setting, value)`. */
export enum Setting {
  /** Sum of `Gate` bits. */
  Gates = 0,
  ClusterEnabled = 1,
  /** 1: this node follows a primary; expired keys are hidden, not deleted. */
  Replica = 2,
  /** 1: effective writes are appended to the journal. */
  Journal = 3,
  /** Bytes; 0 is no limit. */
  MaxMemory = 4,
  /** `MaxMemoryPolicy`. */
  MaxMemoryPolicy = 5,
  ProtoMaxBulkLength = 6,
  QueryBufferLimit = 7,
  /** 1: expiry propagates as UNLINK and frees in slices (lazyfree-lazy-expire). */
  LazyExpire = 8,
  LazyUserFlush = 9,
  /** 1: RDB strings longer than 20 bytes are compressed (rdbcompression). */
  RdbCompression = 10,
  RdbChecksum = 11,
  LfuLogFactor = 12,
  LfuDecayTime = 13,
  ClusterAllowReadsWhenDown = 14,
  MaxMemorySamples = 15,
  HashMaxListpackEntries = 16,
  HashMaxListpackValue = 17,
  /** As in the directive: elements when above 0, -1 to -5 for 4 to 64 KiB. */
  ListMaxListpackSize = 18,
  SetMaxIntsetEntries = 19,
  ZsetMaxListpackEntries = 20,
  ZsetMaxListpackValue = 21,
  StreamNodeMaxBytes = 22,
  StreamNodeMaxEntries = 23,
  HllSparseMaxBytes = 24,
  /** Sum of `Notify` bits; 0: no notifications. */
  NotifyEvents = 25,
  /** DEBUG QUICKLIST-PACKED-THRESHOLD: list elements above this many bytes get a node of their own. */
  QuicklistPackedThreshold = 26,
  /** maxmemory-eviction-tenacity, 0 to 100. */
  EvictionTenacity = 27,
  /** lazyfree-lazy-eviction: evicted keys propagate as UNLINK. */
  LazyEviction = 28,
  ReplicaIgnoreMaxMemory = 29,
  /** cluster-allow-pubsubshard-when-down. */
  ClusterAllowPubSubWhenDown = 30,
  /** Bytes that the host holds for clients; they count for `MaxMemory`. */
  HostMemory = 31,
  Size = 64,
}

export enum MaxMemoryPolicy {
  NoEviction = 0,
  AllKeysLru = 1,
  AllKeysLfu = 2,
  AllKeysRandom = 3,
  VolatileLru = 4,
  VolatileLfu = 5,
  VolatileRandom = 6,
  VolatileTtl = 7,
}

/** Rare global conditions; any bit set sends every command through the slow checks. */
export enum Gate {
  /** LOADING: only commands flagged `loading` run. */
  Loading = 1,
  /** Replica whose link is down with replica-serve-stale-data no. */
  MasterDown = 2,
  /** Fewer good replicas than min-replicas-to-write. */
  NoReplicas = 4,
  /** Writes refused after a failed snapshot (stop-writes-on-bgsave-error). */
  DiskError = 8,
  /** CLIENT PAUSE WRITE or a manual failover. */
  PauseWrites = 16,
  PauseAll = 32,
  /** The cluster state is fail. */
  ClusterDown = 64,
  /** Read-only replica: writes are refused for all but the primary's link. */
  ReadOnlyReplica = 128,
  MaxMemory = 256,
  /** AOF write error: as DiskError with its own text. */
  AofError = 512,
  /** The engine's own: a snapshot runs, and writes may have to wait for a big value to be saved. */
  Saving = 1024,
}
