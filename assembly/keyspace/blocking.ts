/**
 * Keys that clients are blocked on (blocked.c). The engine knows which keys are waited for and tells the host when one
 * may serve somebody; the host keeps who waits, in which order and until when.
 *
 * A blocked command has changed nothing. It is put back into its client's input, and when one of its keys is ready it
 * simply runs again, looking at that key alone (`mayServe`), as Redis 7.0 serves a client from the key that became
 * ready. When it still finds nothing it calls `blockOn` again and keeps its place and its deadline.
 */
import { ClientFlag, Frame, KeyEvent, ValueType } from "../abi";
import { bytesEqual, copyBytes } from "../base/bytes";
import { ClientState } from "../base/client";
import {
  Arg,
  client,
  clientFlags,
  eventsGeneration,
  Streams,
  setFrame,
  setFrameNumber,
} from "../base/frame";
import { alloc, canAllocate, free } from "../base/memory";
import { keySlot } from "../protocol/crc16";
import { parseDouble, parsedDouble } from "../protocol/double";
import { isLongDouble } from "../protocol/long-double";
import { parsedInt64, parseInt64 } from "../protocol/number";
import { replyError, replyOutOfMemory } from "../protocol/reply";
import { databaseAt, databaseExists, find } from "./database";
import { Entry } from "./entry";
import { Hash } from "./slot-table";

/*
 *  WaitedKey, 24 bytes, followed by the key: in a chain of the table
 */
@unmanaged
class WaitedKey {
  next: usize;
  database: u32;
  hash: u32;
  /** Clients that wait for it. */
  count: u32;
  /** `eventsGeneration` in which it was last told to be ready: once is enough until the host has looked. */
  told: u32;
  keyLength: u32;

  @inline static at(ptr: usize): WaitedKey {
    return changetype<WaitedKey>(ptr);
  }
  @inline get key(): usize {
    return changetype<usize>(this) + 24;
  }
}
if (offsetof<WaitedKey>() != 24) ERROR("WaitedKey must be 24 bytes");

const BUCKETS: u32 = 16384;
/** The table's chains; there once somebody has blocked. */
let table: usize = 0;
let waitedKeys: u32 = 0;

/**
 * Clients that wait for values of one type. A key of a type that nobody at all waits for is not told, as in Redis: it
 * shows in the order in which keys become ready, and in what happens when a value is overwritten by another type.
 */
let waitingForLists: u32 = 0;
let waitingForSortedSets: u32 = 0;
let waitingForStreams: u32 = 0;

function waitingFor(type: u32): u32 {
  switch (type) {
    case ValueType.List:
      return waitingForLists;
    case ValueType.SortedSet:
      return waitingForSortedSets;
    case ValueType.Stream:
      return waitingForStreams;
    default:
      return 0;
  }
}

function countWaiting(type: u32, change: i32): void {
  switch (type) {
    case ValueType.List:
      waitingForLists += change;
      return;
    case ValueType.SortedSet:
      waitingForSortedSets += change;
      return;
    case ValueType.Stream:
      waitingForStreams += change;
      return;
    default:
      unreachable();
  }
}

/** A key that somebody waits for was told to be ready: the host is to look before the next command. */
export let readyTold: bool = false;
/** The command in hand blocks. */
export let blocked: bool = false;
/** The command in hand blocked before and runs again. */
export let again: bool = false;
/** Argument that is looked at then; 0: all. */
let onlyArgument: u32 = 0;

export function clearReadyTold(): void {
  readyTold = false;
}
export function clearBlocked(): void {
  blocked = false;
}
export function setAgain(on: bool, argument: u32): void {
  again = on;
  onlyArgument = argument;
}

function chainOf(hash: u32): usize {
  return table + ((<usize>(hash & (BUCKETS - 1))) << 2);
}

function findWaited(database: u32, hash: u32, key: usize, length: u32): usize {
  for (let ptr = load<usize>(chainOf(hash)); ptr != 0; ptr = WaitedKey.at(ptr).next) {
    const waited = WaitedKey.at(ptr);
    if (
      waited.hash == hash &&
      waited.database == database &&
      waited.keyLength == length &&
      bytesEqual(waited.key, key, length)
    ) {
      return ptr;
    }
  }
  return 0;
}

/**
 * To be called whenever a key may serve a client that is blocked on it: a value of `type` came to be under it (also by
 * RENAME, COPY, RESTORE, MOVE, SWAPDB, SORT STORE), or a stream has got an entry, or has gone.
 */
export function signalReady(database: u32, type: u32, key: usize, length: u32): void {
  if (waitedKeys == 0 || waitingFor(type) == 0) return;
  const ptr = findWaited(database, Hash.of(key, length), key, length);
  if (ptr != 0) tell(WaitedKey.at(ptr));
}

function tell(waited: WaitedKey): void {
  if (waited.told == eventsGeneration) return;
  const length = waited.keyLength;
  const events = Streams.events;
  if (!events.reserve(<usize>length + 12)) return;
  waited.told = eventsGeneration;
  const at = events.room(<usize>length + 12);
  store<u32>(at, KeyEvent.Ready);
  store<u32>(at, waited.database, 4);
  store<u32>(at, length, 8);
  copyBytes(at + 12, waited.key, length);
  events.length += length + 12;
  readyTold = true;
}

/**
 * The database has been swapped with another (`gone` false): tells the keys that are waited for and that are there. Or
 * it is about to be emptied or swapped: tells the streams that will have gone; `replacement`: what comes instead, or -1.
 */
export function signalDatabase(database: u32, gone: bool, replacement: i32): void {
  if (waitedKeys == 0 || (gone && waitingForStreams == 0)) return;
  for (let bucket: u32 = 0; bucket < BUCKETS; bucket++) {
    let ptr = load<usize>(chainOf(bucket));
    for (; ptr != 0; ptr = WaitedKey.at(ptr).next) {
      const waited = WaitedKey.at(ptr);
      if (waited.database != database) continue;
      const type = readyType(database, waited.key, waited.keyLength);
      if (type < 0 || waitingFor(type) == 0) continue;
      if (gone) {
        if (type != ValueType.Stream) continue;
        const next = replacement < 0 ? -1 : readyType(replacement, waited.key, waited.keyLength);
        if (next == ValueType.Stream) continue;
      }
      tell(waited);
    }
  }
}

/** Whether the client in hand can wait at all: not inside EXEC, and not the link to our primary. */
export function mayBlock(): bool {
  const never = ClientFlag.Executing | ClientFlag.Primary | ClientFlag.Internal;
  return (clientFlags & never) == 0;
}

/** Whether the command in hand may take from the key at argument `index`: only on a second run it may not. */
export function mayServe(index: u32): bool {
  return onlyArgument == 0 || index == onlyArgument;
}

/**
 * Lets the client in hand wait for values of `type` under the `count` keys from argument `first` on; the command has
 * replied nothing, and returns. `timeoutMs` is what a `parse...Timeout` said; 0: for ever.
 */
export function blockOn(type: ValueType, first: u32, count: u32, timeoutMs: f64): void {
  const state = ClientState.at(client);
  if (state.waits == 0 && !register(state, type, first, count)) {
    replyOutOfMemory();
    return;
  }
  blocked = true;
  setFrame(Frame.BlockedFirst, first);
  setFrame(Frame.BlockedCount, count);
  setFrame(Frame.BlockedType, type);
  setFrameNumber(Frame.BlockedTimeout, timeoutMs);
}

/** What the client waits for is kept as: type, count, then the addresses of the keys' records. */
function register(state: ClientState, type: u32, first: u32, count: u32): bool {
  let bytes: usize = ((<usize>BUCKETS) << 2) + 64 + ((<usize>count) << 7);
  for (let i: u32 = 0; i < count; i++) bytes += (<usize>Arg.length(first + i)) << 1;
  if (!canAllocate(bytes)) return false;
  if (table == 0) {
    table = alloc((<usize>BUCKETS) << 2);
    memory.fill(table, 0, (<usize>BUCKETS) << 2);
  }
  const list = alloc(((<usize>count) << 2) + 8);
  store<u32>(list, type);
  store<u32>(list, count, 4);
  for (let i: u32 = 0; i < count; i++) {
    store<usize>(list + ((<usize>i) << 2), waitFor(state.database, first + i), 8);
  }
  countWaiting(type, 1);
  state.waits = list;
  return true;
}

function waitFor(database: u32, index: u32): usize {
  const key = Arg.ptr(index);
  const length = Arg.length(index);
  const hash = Hash.of(key, length);
  let ptr = findWaited(database, hash, key, length);
  if (ptr == 0) {
    ptr = alloc(24 + <usize>length);
    const waited = WaitedKey.at(ptr);
    waited.next = load<usize>(chainOf(hash));
    waited.database = database;
    waited.hash = hash;
    waited.count = 0;
    waited.told = eventsGeneration - 1;
    waited.keyLength = length;
    copyBytes(waited.key, key, length);
    store<usize>(chainOf(hash), ptr);
    waitedKeys++;
  }
  WaitedKey.at(ptr).count++;
  return ptr;
}

/** The client waits no longer, whatever the reason. */
export function releaseWaits(state: ClientState): void {
  const list = state.waits;
  if (list != 0) {
    countWaiting(load<u32>(list), -1);
    const count = load<u32>(list, 4);
    for (let i: u32 = 0; i < count; i++) forget(load<usize>(list + ((<usize>i) << 2), 8));
    free(list);
    state.waits = 0;
  }
  free(state.blockedIds);
  state.blockedIds = 0;
}

function forget(ptr: usize): void {
  const waited = WaitedKey.at(ptr);
  if (--waited.count > 0) return;
  let link = chainOf(waited.hash);
  while (load<usize>(link) != ptr) link = load<usize>(link);
  store<usize>(link, waited.next);
  free(ptr);
  waitedKeys--;
}

/** What stands under a key that is told to be ready: its `ValueType`, or -1. */
export function readyType(database: u32, key: usize, length: u32): i32 {
  if (!databaseExists(database)) return -1;
  const e = find(databaseAt(database), keySlot(key, <i32>length), key, length);
  return e == 0 ? -1 : <i32>Entry.type(e);
}

// IDs that XREAD has resolved once.

/**
 * Room for `count` stream IDs of 16 bytes that the client in hand keeps while it is blocked: those that `$` stood for
 * when the command came. Empty on the first run, on which the caller fills it; 0: memory does not suffice.
 */
export function blockedIds(count: u32): usize {
  const state = ClientState.at(client);
  if (state.blockedIds == 0 && canAllocate((<usize>count) << 4)) {
    state.blockedIds = alloc((<usize>count) << 4);
  }
  return state.blockedIds;
}

// Timeouts.

/** Waiting that long is waiting for ever: 2^63 ms. */
const TIMEOUT_MAX: f64 = 9223372036854775808.0;

/** The argument as seconds with a fraction; milliseconds (0: for ever), or -1 after an error reply. */
export function parseSecondsTimeout(index: u32): f64 {
  const ptr = Arg.ptr(index);
  const length = <i32>Arg.length(index);
  if (!isLongDouble(ptr, length)) {
    replyError("ERR timeout is not a float or out of range");
    return -1;
  }
  // A number that is beyond a double's range, but not beyond a long double's, is too large.
  const ms = parseDouble(ptr, length) ? ceil(parsedDouble() * 1000) : TIMEOUT_MAX;
  // Redis converts to a 64-bit integer before it looks at the sign: what is too large becomes negative.
  if (ms < 0 || ms >= TIMEOUT_MAX) {
    replyError("ERR timeout is negative");
    return -1;
  }
  return ms;
}

/** The argument as whole milliseconds; 0: for ever; -1 after an error reply. */
export function parseMillisecondsTimeout(index: u32): f64 {
  if (!parseInt64(Arg.ptr(index), <i32>Arg.length(index))) {
    replyError("ERR timeout is not an integer or out of range");
    return -1;
  }
  const ms = parsedInt64();
  if (ms < 0) {
    replyError("ERR timeout is negative");
    return -1;
  }
  return <f64>ms;
}
