/**
 * Interest in keys: what must happen before a key changes. A slot with no interest costs one load and one
 * branch. WATCH is served here, as a client's own pipelined write must already count; snapshots hang in through
 * `onSnapshotWrite`, for entries that they have not saved; everything else reads the key-event region after the call.
 */
import { ClientFlag, Interest } from "../abi";
import { bytesEqual, copyBytes } from "../base/bytes";
import { ClientState } from "../base/client";
import { client, now, setClient } from "../base/frame";
import { alloc, free } from "../base/memory";
import { Database, databaseAt, databaseExists, find, SLOT_COUNT } from "./database";
import { Entry } from "./entry";
import { isSaved } from "./saved";

/*
 *  WatchedKey, 32 bytes, followed by the key: in the slot's list and in the client's
 */
@unmanaged
class WatchedKey {
  slotNext: usize;
  slotPrevious: usize;
  clientNext: usize;
  client: usize;
  database: u32;
  slot: u32;
  /** The key had expired already when WATCH was called: its removal is no change. */
  expired: u32;
  keyLength: u32;

  @inline static at(ptr: usize): WatchedKey {
    return changetype<WatchedKey>(ptr);
  }
  @inline get key(): usize {
    return changetype<usize>(this) + 32;
  }
}
if (offsetof<WatchedKey>() != 32) ERROR("WatchedKey must be 32 bytes");

/** Saves an entry that the running snapshot has not saved yet. Set by the snapshot. */
let saveHook: (database: Database, e: usize) => void = ignoreChange;
/** As `saveHook` for an entry that is to go; true: it is the snapshot's from now on. */
let keepHook: (database: Database, e: usize) => bool = ignoreRemoval;

function ignoreChange(_database: Database, _e: usize): void {}

function ignoreRemoval(_database: Database, _e: usize): bool {
  return false;
}

export function onSnapshotWrite(
  save: (database: Database, e: usize) => void,
  keep: (database: Database, e: usize) => bool,
): void {
  saveHook = save;
  keepHook = keep;
}

/** To be called before an entry changes in place. */
export function beforeChange(database: Database, slot: u32, e: usize): void {
  const interest = database.table(slot).interest;
  if (interest == 0) return;
  if ((interest & Interest.Snapshot) != 0 && !isSaved(database, slot, e)) saveHook(database, e);
  if ((interest & Interest.Watch) != 0) {
    touchWatched(database.factsOf(slot).watchers, Entry.keyPtr(e), Entry.keyLength(e), false);
  }
}

/** To be called before a key that is not there is added. */
export function beforeAddition(database: Database, slot: u32, key: usize, length: u32): void {
  if ((database.table(slot).interest & Interest.Watch) == 0) return;
  touchWatched(database.factsOf(slot).watchers, key, length, false);
}

/**
 * To be called before an entry is taken out and freed; `expired`: because its time was over. True: a running snapshot
 * keeps it, and frees it when it is saved.
 */
export function beforeRemoval(database: Database, slot: u32, e: usize, expired: bool): bool {
  const interest = database.table(slot).interest;
  if (interest == 0) return false;
  if ((interest & Interest.Watch) != 0) {
    touchWatched(database.factsOf(slot).watchers, Entry.keyPtr(e), Entry.keyLength(e), expired);
  }
  if ((interest & Interest.Snapshot) == 0 || isSaved(database, slot, e)) return false;
  return keepHook(database, e);
}

/** To be called before a change that WATCH does not count: a running snapshot still wants the value as it was. */
export function beforeQuietWrite(database: Database, slot: u32, e: usize): void {
  if ((database.table(slot).interest & Interest.Snapshot) == 0) return;
  if (!isSaved(database, slot, e)) saveHook(database, e);
}

/** As `beforeQuietWrite` for a key that is there. */
export function beforeQuietWriteTo(database: Database, slot: u32, key: usize, length: u32): void {
  if ((database.table(slot).interest & Interest.Snapshot) == 0) return;
  beforeQuietWrite(database, slot, find(database, slot, key, length));
}

function touchWatched(first: usize, key: usize, length: u32, removal: bool): void {
  for (let ptr = first; ptr != 0; ptr = WatchedKey.at(ptr).slotNext) {
    const watched = WatchedKey.at(ptr);
    if (watched.keyLength != length || !bytesEqual(watched.key, key, length)) continue;
    if (removal && watched.expired != 0) {
      watched.expired = 0;
      continue;
    }
    markDirty(watched.client);
  }
}

/** The client in hand may be long gone, and another one at its address: its flags are read again. */
function markDirty(ptr: usize): void {
  ClientState.at(ptr).flags |= ClientFlag.DirtyCas;
  if (ptr == client) setClient(ptr);
}

function hasExpired(e: usize): bool {
  return Entry.expires(e) && Entry.expireAt(e) < now;
}

/** WATCH of one key of the client in hand. */
export function watchKey(slot: u32, key: usize, length: u32): void {
  const state = ClientState.at(client);
  for (let ptr = state.watched; ptr != 0; ptr = WatchedKey.at(ptr).clientNext) {
    const known = WatchedKey.at(ptr);
    if (
      known.database == state.database &&
      known.keyLength == length &&
      bytesEqual(known.key, key, length)
    ) {
      return;
    }
  }
  const database = databaseAt(state.database);
  const facts = database.factsOf(slot);
  const e = find(database, slot, key, length);
  const ptr = alloc(32 + <usize>length);
  const watched = WatchedKey.at(ptr);
  watched.client = client;
  watched.database = state.database;
  watched.slot = slot;
  watched.expired = e != 0 && hasExpired(e) ? 1 : 0;
  watched.keyLength = length;
  copyBytes(watched.key, key, length);
  watched.slotPrevious = 0;
  watched.slotNext = facts.watchers;
  if (facts.watchers != 0) WatchedKey.at(facts.watchers).slotPrevious = ptr;
  facts.watchers = ptr;
  database.table(slot).interest |= Interest.Watch;
  watched.clientNext = state.watched;
  state.watched = ptr;
  state.watchCount++;
}

export function unwatchAll(ptr: usize): void {
  const state = ClientState.at(ptr);
  let node = state.watched;
  while (node != 0) {
    const watched = WatchedKey.at(node);
    const next = watched.clientNext;
    const database = databaseAt(watched.database);
    const facts = database.factsOf(watched.slot);
    if (watched.slotNext != 0) WatchedKey.at(watched.slotNext).slotPrevious = watched.slotPrevious;
    if (watched.slotPrevious != 0) {
      WatchedKey.at(watched.slotPrevious).slotNext = watched.slotNext;
    } else {
      facts.watchers = watched.slotNext;
      if (facts.watchers == 0) database.table(watched.slot).interest &= ~(<u32>Interest.Watch);
    }
    free(node);
    node = next;
  }
  state.watched = 0;
  state.watchCount = 0;
}

/** EXEC must answer nil as well when a watched key has expired since, deleted or not. */
export function watchedExpired(ptr: usize): bool {
  let node = ClientState.at(ptr).watched;
  while (node != 0) {
    const watched = WatchedKey.at(node);
    if (watched.expired == 0) {
      const database = databaseAt(watched.database);
      const e = find(database, watched.slot, watched.key, watched.keyLength);
      if (e != 0 && hasExpired(e)) return true;
    }
    node = watched.clientNext;
  }
  return false;
}

/**
 * FLUSHDB and SWAPDB: every watched key of the database that exists counts as changed; with `other`, also
 * those that exist there. A key that has expired counts as missing, before and after.
 */
export function touchDatabase(index: u32, other: i32): void {
  if (!databaseExists(index)) return;
  const database = databaseAt(index);
  for (let slot: u32 = 0; slot < SLOT_COUNT; slot++) {
    for (let ptr = database.factsOf(slot).watchers; ptr != 0; ptr = WatchedKey.at(ptr).slotNext) {
      const watched = WatchedKey.at(ptr);
      const here = find(database, slot, watched.key, watched.keyLength);
      const there = other >= 0 ? find(databaseAt(other), slot, watched.key, watched.keyLength) : 0;
      if (here == 0 && there == 0) continue;
      if (watched.expired != 0) {
        if (there == 0) watched.expired = 0;
        if (there == 0 || hasExpired(there)) continue;
      } else if (here == 0 && hasExpired(there)) {
        watched.expired = 1;
        continue;
      }
      markDirty(watched.client);
    }
  }
}

/** Watched keys belong to a database's number, not to its content: moves the lists after a swap or a flush. */
export function exchangeWatchers(a: Database, b: Database): void {
  const bits = <u32>Interest.Watch;
  for (let slot: u32 = 0; slot < SLOT_COUNT; slot++) {
    const left = a.factsOf(slot);
    const right = b.factsOf(slot);
    const watchers = left.watchers;
    left.watchers = right.watchers;
    right.watchers = watchers;
    const first = a.table(slot);
    const second = b.table(slot);
    first.interest = (first.interest & ~bits) | (left.watchers != 0 ? bits : 0);
    second.interest = (second.interest & ~bits) | (right.watchers != 0 ? bits : 0);
  }
}
