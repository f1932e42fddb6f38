/** The functions that `assembly/index.ts` exports. Addresses are u32 but arrive signed: `>>> 0` once, in this folder. */
export interface EngineExports {
  readonly memory: WebAssembly.Memory;
  /** Prepares the instance; once. The seed keys the hash function. Answers 0 when memory is too small. */
  init(seedLow: number, seedHigh: number, databaseCount: number): number;
  framePtr(): number;
  /** The input region: where bytes go for a client without query buffer or large argument of its own. */
  inputPtr(): number;
  statsPtr(): number;
  commandStatsPtr(): number;
  slotStatesPtr(): number;
  /** 64 records of 32 bytes: u32 length, 20 bytes of error code, f64 count; the first of length 0 ends them. */
  errorStatsPtr(): number;
  resetErrorStats(): void;
  /** A region of 64 KiB for texts that the host hands in. */
  scratchPtr(): number;
  setSetting(setting: number, value: number): void;

  clearCommands(): void;
  addCommand(
    id: number,
    namePtr: number,
    nameLength: number,
    arity: number,
    flags: number,
    firstKey: number,
    lastKey: number,
    step: number,
  ): number;
  addSubcommand(
    parent: number,
    stat: number,
    namePtr: number,
    nameLength: number,
    arity: number,
    flags: number,
    firstKey: number,
    lastKey: number,
    step: number,
  ): void;

  /** Frees memory down to maxmemory by the policy, for as long as a call may take; 1: more is to go. */
  evictMore(nowMs: number): number;

  clientNew(id: number): number;
  clientFree(client: number): void;
  /** RESET: leaves MULTI, WATCH, READONLY, ASKING; database 0, RESP2. */
  clientReset(client: number): void;
  clientSetFlag(client: number, flag: number, on: number): void;
  /** Where the next `length` bytes of input go; 0 when the query buffer may not grow that far. */
  inputReserve(client: number, length: number): number;
  /** How many of the next bytes belong to the large argument in hand (0: none). */
  execute(client: number, length: number, nowMs: number): number;
  resume(client: number, nowMs: number): number;
  /** Runs a blocked client's command again, as the key at argument `argument` is ready (0: any). */
  serveBlocked(client: number, nowMs: number, argument: number): number;
  /** Goes on behind a blocked client's command, which the host has answered. */
  skipBlocked(client: number, nowMs: number): number;
  /** The `ValueType` of what stands under a key; -1: nothing. */
  readyType(database: number, ptr: number, length: number): number;
  /** Keeps what is left of the input with the client, so that others may run. */
  park(client: number): void;
  /** Bytes of input that whole commands have used up, ever: the replication offset of a primary's link. */
  clientConsumed(client: number): number;

  replyReserve(length: number): number;
  /** Takes back the last `length` bytes of the replies: what `replyReserve` lent for another use. */
  replyTrim(length: number): void;
  replyTaken(): void;
  journalTaken(): void;
  eventsTaken(): void;
  /** The next write names its database again (new replica, new AOF file). */
  journalDatabase(): number;
  journalForgetDatabase(): void;
  /** Appends one command for the host: database or -1, then bytes already in RESP at `ptr`. */
  journalAppend(database: number, ptr: number, length: number): number;

  /** Bytes of the slot tables of a database, and of their directory. */
  tableBytes(index: number): number;
  keyCount(database: number): number;
  expiresCount(database: number): number;
  averageTtl(database: number): number;
  /** The hash slot of a key: CRC16 of the key or its hash tag. */
  keySlot(ptr: number, length: number): number;
  countKeysInSlot(slot: number): number;
  /** Up to `max` keys of the slot into the output region: u32 length, bytes, ... Answers how many. */
  listKeysInSlot(slot: number, max: number): number;
  deleteKeysInSlot(slot: number, nowMs: number): number;
  /** Empties one database, or all with -1. */
  flush(database: number, lazily: number): void;
  /** One slice of active expiry: looks at up to `budget` keys. Answers how many it deleted. */
  expireCycle(nowMs: number, budget: number): number;
  /** How many of the keys it looked at can expire at all. */
  expireCycleLooked(): number;
  /** One slice of lazy freeing: frees up to `budget` keys. Answers how many are left. */
  reclaim(budget: number): number;
  moveKeys(budget: number): number;
  /**
   * Facts about the key that is argument `index` of the host command in hand into the output region: the words of
   * `Inspect`, then the name of its encoding.
   * With `serialize` also the value's length in an RDB file. 0: no key.
   */
  inspect(index: number, serialize: number, samples: number, counts: number): number;
  /** DEBUG DIGEST of all databases: 20 bytes into the output region. */
  digest(): number;
  /** DEBUG DIGEST-VALUE of one key: 20 bytes into the output region, zeros (and 0) when there is no such key. */
  digestValue(database: number, keyPtr: number, keyLength: number): number;
  /** DEBUG POPULATE; the prefix stands in the scratch region. Answers 0 when memory is short. */
  populate(
    database: number,
    count: number,
    prefixLength: number,
    size: number,
    nowMs: number,
  ): number;

  snapshotBegin(headerLength: number, nowMs: number): number;
  /**
   * Encodes slots until about `budget` bytes wait, and shows them as the output region. Answers 1 while more is to
   * come, 0 when the file is complete, -1 when memory ran out: the snapshot is lost.
   */
  snapshotNext(budget: number): number;
  /** Shows what waits as the output region, also what writes have added since. Answers its length. */
  /** As `snapshotNext`, whatever waits. */
  snapshotHurry(budget: number): number;
  /** 1: a client waits for a value to be saved. */
  snapshotAwaited(): number;
  snapshotPeek(): number;
  snapshotTaken(): void;
  snapshotEnd(): void;
  loadBegin(nowMs: number, merging: number): void;
  loadReserve(length: number): number;
  loadChunk(length: number): number;
  /** Auxiliary fields met so far into the output region: u32 length, name, u32 length, value ... */
  loadAux(): number;
  loadEnd(): void;
  loadedKeys(): number;
  /** Keys left out because they had expired. */
  loadedExpiredKeys(): number;
  /** Bytes decoded so far; after `Done` the length of the file. */
  loadedBytes(): number;
  heapOk(): number;
  /** Address of a free run of at least so many 4 KiB pages that the system may take back, or 0. */
  takePurgeable(pages: number, most: number): number;
  /** Bytes of the run just named. */
  purgeLength(): number;
}
