/**
 * The border between the engine and the host: integers only, valid as TypeScript and as AssemblyScript.
 * Both sides import this file, `command-ids.ts` and `settings.ts`; nothing else is shared. `docs/engine.md` tells how a
 * call goes.
 */

/** What `execute` and `resume` answer: what the host must do before it calls `resume`. */
export enum Yield {
  /** All input is consumed. Nothing to resume; replies and journal may be waiting. */
  Idle = 0,
  /** Run the host command `Frame.CommandId` with the arguments at `Frame.ArgumentsPtr`, then resume. */
  Host = 1,
  /** Write the redirect error for `Frame.RedirectSlot` / `Frame.RedirectKind`, then resume. */
  Redirect = 2,
  /** Take replies and journal out, then resume. */
  Flush = 3,
  /** Take the replies out, then close the connection. The rest of the input is dropped. */
  Close = 4,
  /** The command must wait until the pause ends (CLIENT PAUSE, failover): park, resume later. */
  Paused = 5,
  /** The command blocks until a key, a time or a peer lets it go on: park. */
  Blocked = 6,
  /** Much has been done since the call began: look at the clock, then resume; or park, and resume later. */
  Slice = 7,
}

/** Words of the frame, one per u32, that describe the call in hand. */
export enum Frame {
  CommandId = 0,
  ArgumentCount = 1,
  /** Pairs of u32: address, length in bytes. Valid until `resume`. */
  ArgumentsPtr = 2,
  ReplyPtr = 3,
  ReplyLength = 4,
  JournalPtr = 5,
  JournalLength = 6,
  /** Key events: see `KeyEvent`. */
  EventsPtr = 7,
  EventsLength = 8,
  RedirectSlot = 9,
  RedirectKind = 10,
  /** Commands that finished in the last `execute` or `resume`. */
  CommandCount = 11,
  /** Output region of snapshot calls and other queries that answer bytes. */
  OutputPtr = 12,
  OutputLength = 13,
  /** 1 while the host command runs inside EXEC. */
  InsideExec = 14,
  /** After `Yield.Blocked`: the arguments that are the keys it waits for, first and how many, and their `ValueType`. */
  BlockedFirst = 15,
  BlockedCount = 16,
  BlockedType = 17,
  /** f64, milliseconds from now; 0: for ever. */
  BlockedTimeout = 18,
  Size = 20,
}

export enum RedirectKind {
  Moved = 1,
  Ask = 2,
}

/** Words of the output region after `inspect`; behind them, up to its end, OBJECT ENCODING's word for the value. */
export enum Inspect {
  /** `ValueType`. */
  Type = 0,
  /** Of the key, its value and its place in the table. */
  Bytes = 1,
  IdleSeconds = 2,
  References = 3,
  /** 1: the key has an expiry. */
  Expires = 4,
  Address = 5,
  /** Bytes of the value in an RDB file. */
  SerializedLength = 6,
  /** Of a list: elements, nodes, the limit of a node (i32), bytes of all nodes. */
  ListElements = 7,
  ListNodes = 8,
  ListFill = 9,
  ListBytes = 10,
  Size = 11,
}

/** Counters, one f64 each, at `statsPtr()`. */
export enum Stat {
  Commands = 0,
  KeyspaceHits = 1,
  KeyspaceMisses = 2,
  ExpiredKeys = 3,
  EvictedKeys = 4,
  /** Writes since start: what Redis calls `dirty`. */
  Dirty = 5,
  UsedMemory = 6,
  PeakMemory = 7,
  /** Pages of 64 KiB that the instance has. */
  MemoryPages = 8,
  ErrorReplies = 9,
  /** Bytes waiting to be freed in slices, in keys. */
  LazyfreePending = 10,
  LazyfreedKeys = 11,
  /** Bytes held for clients: query buffers, queued transactions. */
  ClientMemory = 12,
  ExpiredStalePercent = 13,
  /** Bytes of keyspace structures that are not entries: directories and slot tables. */
  TableMemory = 14,
  StartupMemory = 15,
  ExpireCycles = 16,
  Size = 32,
}

/** Per command id, four f64 at `commandStatsPtr() + id * 32`. */
export enum CommandStat {
  Calls = 0,
  Microseconds = 1,
  Rejected = 2,
  Failed = 3,
  Size = 4,
}

/** Bits of `Client.Flags`; those from `NeedsAuth` up to `Observed` take the slow checks. */
export enum ClientFlag {
  NeedsAuth = 1,
  Multi = 2,
  /** A queued command failed: EXEC aborts. */
  DirtyExec = 4,
  /** A watched key changed: EXEC answers nil. */
  DirtyCas = 8,
  /** READONLY was said: reads of slots of our primary are served. */
  ReadOnly = 16,
  /** ASKING was said: holds for the next command. */
  Asking = 32,
  /** The link to our primary: no replies, no gates, applied as is. */
  Primary = 64,
  /** A replica of ours. */
  Replica = 128,
  ReplyOff = 256,
  ReplySkip = 512,
  ReplySkipNext = 1024,
  /** RESP2 client in subscribed mode: few commands are allowed. */
  Subscribed = 2048,
  /** The user of this client is restricted: the host decides before each command. */
  Restricted = 4096,
  NoTouch = 8192,
  NoEvict = 16384,
  Watching = 32768,
  /** Internal client of the host (loading, restoring): no gates, no journal offsets. */
  Internal = 65536,
  /** EXEC is running the queue. */
  Executing = 131072,
  Closing = 262144,
}

/** Words of an engine-side client, one per u32, at the address `clientNew` answers. */
export enum Client {
  Flags = 0,
  Database = 1,
  /** 2 or 3. */
  Protocol = 2,
  Id = 3,
  QueryPtr = 4,
  /** Bytes in the client's own query buffer (0 when it has none). */
  QueryLength = 5,
  QueryCapacity = 6,
  /** How many commands MULTI has queued. */
  QueuedCount = 7,
  LastCommandId = 8,
  WatchCount = 9,
  QueuedBytes = 10,
  /** Bytes of the argument that is being received in place. */
  PendingBulkLength = 11,
}

/** Per-slot state, one byte each at `slotStatesPtr()`; 0 is: not served here, answer MOVED. */
export enum SlotState {
  Owned = 1,
  Migrating = 2,
  Importing = 4,
  /** Owned by our primary: served to READONLY clients when we are a replica. */
  OfPrimary = 8,
  /** Nobody owns it: CLUSTERDOWN Hash slot not served. */
  Unbound = 16,
}

/** Bits of `Slot.interest`: who wants to know before a key of the slot changes. */
export enum Interest {
  Watch = 1,
  Snapshot = 2,
}

/** Value types: numbers as in Redis's `robj.type`. */
export enum ValueType {
  String = 0,
  List = 1,
  Set = 2,
  SortedSet = 3,
  Hash = 4,
  Stream = 6,
}

/** How a value is laid out. */
export enum Encoding {
  /** 64-bit integer in the entry. */
  Int = 0,
  /** Bytes in the entry; OBJECT ENCODING says embstr up to 44 bytes, else raw. */
  Inline = 1,
  /** As Inline, but once changed in place: OBJECT ENCODING says raw. */
  InlineRaw = 2,
  /** Pointer to a raw string allocation. */
  Raw = 3,
  Listpack = 4,
  Quicklist = 5,
  IntSet = 6,
  HashTable = 7,
  SkipList = 8,
  Stream = 9,
  /** A hash as a listpack of field, value and expiry, once a field has had one (Redis 7.4's listpackex). */
  ListpackEx = 10,
  /** A large hash of which fields have had an expiry; OBJECT ENCODING says hashtable. */
  HashTableEx = 11,
}

/**
 * Kinds of record in the key-event region: u32 kind, u32 database, u32 key length, key bytes. `Notify` goes on with
 * u32 class (`Notify` bit), u32 length and the bytes of the event's name.
 */
export enum KeyEvent {
  /** Something for subscribers of keyspace notifications. */
  Notify = 1,
  /** A key that clients are blocked on may serve one of them now. */
  Ready = 2,
  /** FLUSHALL has removed everything. Database and key say nothing. */
  Flushed = 3,
}

/** Classes of keyspace notifications, bits as in Redis's `notify-keyspace-events`. */
export enum Notify {
  /** K: to `__keyspace@db__:key`. */
  Keyspace = 1,
  /** E: to `__keyevent@db__:event`. */
  Keyevent = 2,
  /** g */
  Generic = 4,
  /** $ */
  String = 8,
  /** l */
  List = 16,
  /** s */
  Set = 32,
  /** h */
  Hash = 64,
  /** z */
  SortedSet = 128,
  /** x */
  Expired = 256,
  /** e */
  Evicted = 512,
  /** t */
  Stream = 1024,
  /** m */
  KeyMiss = 2048,
  /** d */
  Module = 8192,
  /** n */
  New = 16384,
}

/** What `restore`-like imports answer. */
export enum LoadStatus {
  /** The chunk is used up; more is wanted. */
  More = 0,
  /** The end mark and the checksum were read. */
  Done = 1,
  BadSignature = 2,
  BadVersion = 3,
  Corrupt = 4,
  UnknownType = 5,
  OutOfMemory = 6,
  BadChecksum = 7,
  DuplicateKey = 8,
}

/** Sizes of fixed regions, in bytes. */
export enum Region {
  /** One socket read is at most this long (Bun's receive buffer is 512 KiB). */
  Input = 524288,
  /** A reply or journal longer than this yields `Flush` between commands. */
  FlushAt = 262144,
  /** Bulk arguments from this length on are received straight into their own allocation. */
  BigArgument = 32768,
  /** Arguments after which a call yields `Slice`: hundreds of small commands, or few with many members. */
  SliceArguments = 1024,
}
