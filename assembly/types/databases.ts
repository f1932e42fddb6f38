/** Commands on whole databases, and RANDOMKEY. Behaviour: Redis 7.0 db.c. */

import { equalsWord } from "../base/bytes";
import { ClientState } from "../base/client";
import { Arg, argc, client, clusterEnabled, Settings } from "../base/frame";
import { canAllocate } from "../base/memory";
import { Journal } from "../journal";
import { signalDatabase } from "../keyspace/blocking";
import {
  countDatabases,
  databaseAt,
  databaseBytes,
  databaseExists,
  swapDatabases,
} from "../keyspace/database";
import { Entry } from "../keyspace/entry";
import { flush } from "../keyspace/flush";
import { currentDatabase, peek, slotOf } from "../keyspace/keyspace";
import { tellFlushed } from "../keyspace/notify";
import { randomEntry } from "../keyspace/walk";
import { exchangeWatchers, touchDatabase } from "../keyspace/watch";
import { parsedInt64, parseInt64 } from "../protocol/number";
import {
  replyBulk,
  replyError,
  replyInt,
  replyNotInteger,
  replyNull,
  replyOk,
  replyOutOfMemory,
  replySyntaxError,
} from "../protocol/reply";
import { Setting } from "../settings";
import { Writes } from "./writes";

/** Reads a database number from an argument; -1 after an error reply. */
export function parseDatabase(argument: u32): i32 {
  if (!parseInt64(Arg.ptr(argument), <i32>Arg.length(argument))) {
    replyNotInteger();
    return -1;
  }
  const index = parsedInt64();
  if (index < i32.MIN_VALUE || index > i32.MAX_VALUE) {
    replyError("ERR value is out of range, value must between -2147483648 and 2147483647");
    return -1;
  }
  if (index < 0 || index >= <i64>countDatabases()) {
    replyError("ERR DB index is out of range");
    return -1;
  }
  if (!databaseExists(<u32>index) && !canAllocate(databaseBytes())) {
    replyOutOfMemory();
    return -1;
  }
  return <i32>index;
}

export function select(): void {
  if (!parseInt64(Arg.ptr(1), <i32>Arg.length(1))) {
    replyNotInteger();
    return;
  }
  const wanted = parsedInt64();
  if (wanted < i32.MIN_VALUE || wanted > i32.MAX_VALUE) {
    replyError("ERR value is out of range, value must between -2147483648 and 2147483647");
    return;
  }
  if (clusterEnabled && wanted != 0) {
    replyError("ERR SELECT is not allowed in cluster mode");
    return;
  }
  const index = parseDatabase(1);
  if (index < 0) return;
  ClientState.at(client).database = index;
  replyOk();
}

export function dbSize(): void {
  replyInt(currentDatabase().keys);
}

/** SYNC or ASYNC; -1 after an error reply. */
function parseFlush(): i32 {
  if (argc == 1) return Settings.on(Setting.LazyUserFlush) ? 1 : 0;
  if (argc == 2 && equalsWord(Arg.ptr(1), Arg.length(1), "sync")) return 0;
  if (argc == 2 && equalsWord(Arg.ptr(1), Arg.length(1), "async")) return 1;
  replySyntaxError();
  return -1;
}

function allKeys(): u32 {
  let keys: u32 = 0;
  for (let index: u32 = 0; index < countDatabases(); index++) {
    if (databaseExists(index)) keys += databaseAt(index).keys;
  }
  return keys;
}

/** FLUSHDB, FLUSHALL: journalled even when nothing was there, as Redis does. */
export function flushCommand(all: bool): void {
  const lazily = parseFlush();
  if (lazily < 0) return;
  const database = currentDatabase();
  Writes.many(all ? allKeys() : database.keys);
  flush(all ? -1 : <i32>database.index, lazily);
  if (all) tellFlushed();
  Journal.verbatim(<i32>database.index);
  replyOk();
}

export function swapDb(): void {
  if (clusterEnabled) {
    replyError("ERR SWAPDB is not allowed in cluster mode");
    return;
  }
  if (!parseInt64(Arg.ptr(1), <i32>Arg.length(1)) || !fitsInt()) {
    replyError("ERR invalid first DB index");
    return;
  }
  const first = parsedInt64();
  if (!parseInt64(Arg.ptr(2), <i32>Arg.length(2)) || !fitsInt()) {
    replyError("ERR invalid second DB index");
    return;
  }
  const second = parsedInt64();
  const count = <i64>countDatabases();
  if (first < 0 || second < 0 || first >= count || second >= count) {
    replyError("ERR DB index is out of range");
    return;
  }
  if (!canAllocate(databaseBytes() * 2)) {
    replyOutOfMemory();
    return;
  }
  if (first != second) {
    touchDatabase(<u32>first, <i32>second);
    touchDatabase(<u32>second, <i32>first);
    signalDatabase(<u32>first, true, <i32>second);
    signalDatabase(<u32>second, true, <i32>first);
    swapDatabases(<u32>first, <u32>second);
    exchangeWatchers(databaseAt(<u32>first), databaseAt(<u32>second));
    signalDatabase(<u32>first, false, -1);
    signalDatabase(<u32>second, false, -1);
  }
  Writes.one();
  Journal.verbatim(<i32>currentDatabase().index);
  replyOk();
}

function fitsInt(): bool {
  const value = parsedInt64();
  return value >= i32.MIN_VALUE && value <= i32.MAX_VALUE;
}

export function randomKey(): void {
  const database = currentDatabase();
  // A replica cannot delete expired keys: after a hundred tries it answers one all the same, as Redis does.
  for (let tries = 0; database.keys > 0; tries++) {
    const e = randomEntry(database);
    const key = Entry.keyPtr(e);
    const length = Entry.keyLength(e);
    if (tries < 100 && peek(database, slotOf(key, length), key, length) == 0) continue;
    replyBulk(key, length);
    return;
  }
  replyNull();
}
