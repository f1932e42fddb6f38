import {
  Client,
  type ClientFlag,
  Frame,
  Stat,
  type ValueType,
  type Yield,
} from "../../assembly/abi.ts";
import { Setting } from "../../assembly/settings.ts";
import { latin1, utf8Text } from "../base/bytes.ts";
import { EngineCounters } from "./counters.ts";
import type { EngineExports } from "./exports.ts";
import { ImageReader } from "./image-reader.ts";
import { type InspectOptions, type KeyFacts, keyFactsIn } from "./key-facts.ts";
import { EngineMemory, InputRegion } from "./memory.ts";
import { type CallObserver, observedExports } from "./observed.ts";
import { OutputRegion } from "./output.ts";
import { Snapshot } from "./snapshot.ts";

/** A row of the command table as the engine wants it. */
export interface EngineCommandRow {
  readonly id: number;
  /** Lower case; rename-command gives another one. */
  readonly name: string;
  /** As in COMMAND INFO: negative means "at least". */
  readonly arity: number;
  /** Sum of `CommandFlag` bits. */
  readonly flags: number;
  readonly firstKey: number;
  readonly lastKey: number;
  readonly step: number;
  /** Where `commandStat` finds its counters: for a top-level command its id. */
  readonly stat: number;
  readonly subcommands: readonly Omit<EngineCommandRow, "id" | "subcommands">[];
}

/** Runs of free pages (4 KiB) that go back to the system: not small ones, and not so much at once that it takes long. */
const purgePagesMin = 256;
const purgePagesMax = 1024;

/** Address of an engine-side client. */
export type ClientHandle = number;

/**
 * The engine as the host sees it: one WASM instance that holds all data. `docs/engine.md` describes a call.
 * Nothing here waits, and nothing outside this folder touches the engine's memory.
 */
export class Engine {
  readonly memory: EngineMemory;
  private readonly exports: EngineExports;
  /** `exports`, or the same observed. */
  private wasm: EngineExports;
  private readonly frame: number;
  private readonly slotStates: number;
  private readonly scratch: number;
  private readonly inputRegion: InputRegion;
  private readonly output: OutputRegion;
  /** What its parts work with too. */
  private readonly shared: { wasm: EngineExports; memory: EngineMemory; output: OutputRegion };
  readonly counters: EngineCounters;
  readonly snapshot: Snapshot;
  readonly imageReader: ImageReader;
  /** Somebody follows the journal. */
  journals = false;

  /** `seed`: 64 random bits that key the hash function. Throws `RangeError` when memory is too small. */
  constructor(
    options: { readonly databases: number; readonly seed: readonly [number, number] },
    modules: { readonly wasm: EngineExports },
  ) {
    this.exports = modules.wasm;
    this.wasm = modules.wasm;
    if (this.wasm.init(options.seed[0], options.seed[1], options.databases) === 0) {
      throw new RangeError("not enough memory for the engine");
    }
    this.memory = new EngineMemory(this.wasm.memory);
    this.frame = (this.wasm.framePtr() >>> 0) / 4;
    this.slotStates = this.wasm.slotStatesPtr() >>> 0;
    this.scratch = this.wasm.scratchPtr() >>> 0;
    this.inputRegion = new InputRegion(this.memory, this.wasm.inputPtr() >>> 0);
    const { wasm, memory } = this;
    const output = new OutputRegion(memory, this.frame);
    this.output = output;
    this.shared = { wasm, memory, output };
    this.counters = new EngineCounters(this.shared);
    this.snapshot = new Snapshot(this.shared);
    this.imageReader = new ImageReader(this.shared);
  }

  /** Tells `observer` of every call into the engine, or nobody any more. Costs nothing while nobody is told. */
  observe(observer?: { readonly clockMs: () => number; readonly onCall: CallObserver }): void {
    this.wasm =
      observer === undefined
        ? this.exports
        : observedExports(this.exports, observer.clockMs, observer.onCall);
    this.shared.wasm = this.wasm;
  }

  // Commands and settings.

  /** Replaces the whole command table: at start and after rename-command. */
  setCommands(rows: readonly EngineCommandRow[]): void {
    this.wasm.clearCommands();
    for (const row of rows) {
      const top = this.wasm.addCommand(row.id, ...this.rowValues(row));
      for (const child of row.subcommands) {
        this.wasm.addSubcommand(top, child.stat, ...this.rowValues(child));
      }
    }
  }

  /** The row's name goes through the scratch region. */
  private rowValues(row: Omit<EngineCommandRow, "id" | "stat" | "subcommands">) {
    const name = latin1(row.name);
    this.memory.write(this.scratch, name);
    const { arity, flags, firstKey, lastKey, step } = row;
    return [this.scratch, name.length, arity, flags, firstKey, lastKey, step] as const;
  }

  set(setting: Setting, value: number): void {
    if (setting === Setting.Journal) this.journals = value !== 0;
    this.wasm.setSetting(setting, value);
  }

  // Clients and input.

  /** 0 when memory cannot grow. */
  newClient(id: number): ClientHandle {
    return this.wasm.clientNew(id) >>> 0;
  }

  freeClient(client: ClientHandle): void {
    this.wasm.clientFree(client);
  }

  resetClient(client: ClientHandle): void {
    this.wasm.clientReset(client);
  }

  setClientFlag(client: ClientHandle, flag: ClientFlag, on: boolean): void {
    this.wasm.clientSetFlag(client, flag, on ? 1 : 0);
  }

  clientWord(client: ClientHandle, field: Client): number {
    return this.memory.words[client / 4 + field] as number;
  }

  setClientWord(client: ClientHandle, field: Client, value: number): void {
    this.memory.words[client / 4 + field] = value;
  }

  clientFlags(client: ClientHandle): number {
    return this.clientWord(client, Client.Flags);
  }

  /**
   * Hands `chunk` (at most `Region.Input` bytes) to the client and runs what is whole.
   * Answers -1 when the query buffer limit or the memory is exceeded: close the connection.
   */
  execute(client: ClientHandle, chunk: Uint8Array, nowMs: number): Yield | -1 {
    const target = this.inputTarget(client, chunk.length);
    if (target === 0) return -1;
    this.memory.write(target, chunk);
    return this.wasm.execute(client, chunk.length, nowMs);
  }

  /** Nearly always the shared region, which needs no call to be found. */
  private inputTarget(client: ClientHandle, length: number): number {
    return this.holdsInput(client)
      ? this.wasm.inputReserve(client, length) >>> 0
      : this.inputRegion.offset;
  }

  private holdsInput(client: ClientHandle): boolean {
    const { words } = this.memory;
    const at = client / 4;
    return words[at + Client.QueryPtr] !== 0 || words[at + Client.PendingBulkLength] !== 0;
  }

  /** Where input may be written for `executeDirect`; undefined: the client has part of a command already. */
  directInput(client: ClientHandle): InputRegion | undefined {
    return this.holdsInput(client) ? undefined : this.inputRegion;
  }

  /** The first bytes of the input region. */
  inputView(length: number): Uint8Array {
    return this.inputRegion.view(length);
  }

  /** As `execute`, with `length` bytes that are in the input region. */
  executeDirect(client: ClientHandle, length: number, nowMs: number): Yield | -1 {
    return this.wasm.execute(client, length, nowMs);
  }

  resume(client: ClientHandle, nowMs: number): Yield {
    return this.wasm.resume(client, nowMs);
  }

  /** Runs the command of a blocked client again, as the key at argument `argument` is ready. */
  serveBlocked(client: ClientHandle, nowMs: number, argument: number): Yield {
    return this.wasm.serveBlocked(client, nowMs, argument);
  }

  /** A blocked client goes on behind its command, whose answer the host has written. */
  skipBlocked(client: ClientHandle, nowMs: number): Yield {
    return this.wasm.skipBlocked(client, nowMs);
  }

  /** After `Yield.Blocked`: milliseconds from now; 0: for ever. */
  get blockedTimeoutMs(): number {
    return this.memory.floats[(this.frame + Frame.BlockedTimeout) / 2] as number;
  }

  /** What a key that is ready holds now; undefined: nothing. */
  readyType(database: number, key: Uint8Array): ValueType | undefined {
    const target = this.wasm.replyReserve(key.length) >>> 0;
    if (target === 0) return undefined;
    this.memory.bytes.set(key, target);
    const type = this.wasm.readyType(database, target, key.length);
    this.wasm.replyTrim(key.length);
    return type < 0 ? undefined : type;
  }

  park(client: ClientHandle): void {
    this.wasm.park(client);
  }

  consumed(client: ClientHandle): number {
    return this.wasm.clientConsumed(client);
  }

  // The call in hand.

  frameWord(field: Frame): number {
    return this.memory.words[this.frame + field] as number;
  }

  get argumentCount(): number {
    return this.frameWord(Frame.ArgumentCount);
  }

  /** A copy of argument `index` of the host command in hand. */
  argument(index: number): Uint8Array {
    const words = this.memory.words;
    const pair = this.frameWord(Frame.ArgumentsPtr) / 4 + index * 2;
    return this.memory.copy(words[pair] as number, words[pair + 1] as number);
  }

  /** Where argument `index` lies in the engine's memory, good until the next call into the engine. */
  argumentAddress(index: number): number {
    return this.memory.words[this.frameWord(Frame.ArgumentsPtr) / 4 + index * 2] as number;
  }

  argumentLength(index: number): number {
    return this.memory.words[this.frameWord(Frame.ArgumentsPtr) / 4 + index * 2 + 1] as number;
  }

  /** Argument `index` read as UTF-8. */
  argumentText(index: number): string {
    return utf8Text(this.argument(index));
  }

  arguments(): Uint8Array[] {
    const list: Uint8Array[] = [];
    for (let index = 0; index < this.argumentCount; index++) list.push(this.argument(index));
    return list;
  }

  // Replies, journal, events: regions that are taken out after a call.

  get replyLength(): number {
    return this.frameWord(Frame.ReplyLength);
  }

  get replyAddress(): number {
    return this.frameWord(Frame.ReplyPtr);
  }

  /** The replies waiting to be sent; a view, good until the next call. */
  replyView(): Uint8Array {
    return this.memory.view(this.replyAddress, this.replyLength);
  }

  replyTaken(): void {
    this.wasm.replyTaken();
  }

  /** Appends bytes already in RESP to the replies of the client in hand. False when memory cannot grow. */
  reply(bytes: Uint8Array): boolean {
    const target = this.wasm.replyReserve(bytes.length) >>> 0;
    if (target === 0) return false;
    this.memory.write(target, bytes);
    return true;
  }

  get journalLength(): number {
    return this.frameWord(Frame.JournalLength);
  }

  journalView(): Uint8Array {
    return this.memory.view(this.frameWord(Frame.JournalPtr), this.journalLength);
  }

  journalTaken(): void {
    this.wasm.journalTaken();
  }

  /** The database that the stream has selected; -1: it will say so before the next write. */
  get journalDatabase(): number {
    return this.wasm.journalDatabase();
  }

  journalForgetDatabase(): void {
    this.wasm.journalForgetDatabase();
  }

  /** Appends a command in RESP to the journal, after a SELECT where the database differs (-1: none). */
  journalAppend(database: number, bytes: Uint8Array): boolean {
    const target = this.wasm.replyReserve(bytes.length) >>> 0;
    if (target === 0) return false;
    this.memory.bytes.set(bytes, target);
    const appended = this.wasm.journalAppend(database, target, bytes.length);
    this.wasm.replyTrim(bytes.length);
    return appended === 1;
  }

  get eventsLength(): number {
    return this.frameWord(Frame.EventsLength);
  }

  eventsView(): Uint8Array {
    return this.memory.view(this.frameWord(Frame.EventsPtr), this.eventsLength);
  }

  eventsTaken(): void {
    this.wasm.eventsTaken();
  }

  // Cluster.

  /** One `SlotState` sum per slot, 16 384 bytes; a live view, to be fetched for each use. */
  slotStatesView(): Uint8Array {
    return this.memory.view(this.slotStates, 16384);
  }

  slotOfKey(key: Uint8Array): number {
    const target = this.wasm.replyReserve(key.length) >>> 0;
    if (target === 0) return 0;
    this.memory.bytes.set(key, target);
    const slot = this.wasm.keySlot(target, key.length);
    this.wasm.replyTrim(key.length);
    return slot;
  }

  countKeysInSlot(slot: number): number {
    return this.wasm.countKeysInSlot(slot);
  }

  keysInSlot(slot: number, max: number): Uint8Array[] {
    this.wasm.listKeysInSlot(slot, max);
    return this.output.strings();
  }

  /** Deletes every key of the slot; the journal gets a DEL for each. Answers how many. */
  deleteKeysInSlot(slot: number, nowMs: number): number {
    return this.wasm.deleteKeysInSlot(slot, nowMs);
  }

  // Keyspace.

  keyCount(database: number): number {
    return this.wasm.keyCount(database);
  }

  /** Bytes that a database takes beside its keys and values. */
  tableBytes(database: number): number {
    return this.wasm.tableBytes(database) >>> 0;
  }

  expiresCount(database: number): number {
    return this.wasm.expiresCount(database);
  }

  /** Estimated mean of the remaining time to live, milliseconds. */
  averageTtl(database: number): number {
    return this.wasm.averageTtl(database);
  }

  flush(database: number, lazily: boolean): void {
    this.wasm.flush(database, lazily ? 1 : 0);
  }

  expireCycle(nowMs: number, budget: number): number {
    return this.wasm.expireCycle(nowMs, budget);
  }

  /** What the last `expireCycle` has looked at of what can expire. */
  get expireCycleLooked(): number {
    return this.wasm.expireCycleLooked();
  }

  /** True while more keys have to go than one call may take. */
  evictMore(nowMs: number): boolean {
    return this.wasm.evictMore(nowMs) === 1;
  }

  reclaim(budget: number): number {
    return this.wasm.reclaim(budget);
  }

  /** Goes on with tables that are on their way to another size. True while more is to go. */
  moveKeys(budget: number): boolean {
    return this.wasm.moveKeys(budget) === 1;
  }

  /** DEBUG DIGEST: 40 hex digits. */
  digest(): string {
    this.wasm.digest();
    return Buffer.from(this.output.view()).toString("hex");
  }

  /**
   * What MEMORY USAGE and DEBUG OBJECT ask of the key that is argument `index` of the host command in hand; with
   * `serialize` also its length in an RDB file, with `counts` as a hit or a miss. Undefined when there is no such key.
   */
  inspect(index: number, options: InspectOptions = {}): KeyFacts | undefined {
    const { serialize = false, samples = 5, counts = false } = options;
    const found = this.wasm.inspect(index, Number(serialize), samples, Number(counts));
    return found === 0 ? undefined : keyFactsIn(this.output.view());
  }

  /** DEBUG DIGEST-VALUE of argument `index` of the host command in hand: 40 hex digits, zeros when there is no such key. */
  digestValue(database: number, index: number): string {
    const words = this.memory.words;
    const pair = this.frameWord(Frame.ArgumentsPtr) / 4 + index * 2;
    this.wasm.digestValue(database, words[pair] as number, words[pair + 1] as number);
    return Buffer.from(this.output.view()).toString("hex");
  }

  /**
   * DEBUG POPULATE: `count` keys `prefix:N`, with values `value:N` padded with zero bytes or cut to `size` (0: as is).
   * Keys that exist stay. False when memory ran out on the way.
   */
  populate(database: number, count: number, prefix: string, size: number, nowMs: number): boolean {
    // Redis cuts keys to 127 bytes.
    const bytes = latin1(prefix).subarray(0, 127);
    this.memory.write(this.scratch, bytes);
    return this.wasm.populate(database, count, bytes.length, size, nowMs) === 1;
  }

  /**
   * Lets `release` give back the pages of up to `runsMax` free runs of 1 MiB or more. Answers the bytes.
   * Nothing may be allocated while it runs.
   */
  purge(
    runsMax: number,
    release: (memory: Uint8Array, address: number, length: number) => boolean,
  ): number {
    let total = 0;
    for (let run = 0; run < runsMax; run++) {
      const address = this.wasm.takePurgeable(purgePagesMin, purgePagesMax) >>> 0;
      if (address === 0) break;
      const length = this.wasm.purgeLength() >>> 0;
      if (!release(this.memory.bytes, address, length)) break;
      total += length;
    }
    return total;
  }

  /** Usage total in bytes of live allocations. */
  get usedMemory(): number {
    return this.counters.stat(Stat.UsedMemory);
  }
}
