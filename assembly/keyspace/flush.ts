/**
 * Emptying databases. A flushed database is replaced by an empty one at once; the old one is freed right away or,
 * lazily, in slices between event-loop turns. While a snapshot runs it is kept: the snapshot still reads it.
 */
import { Stat } from "../abi";
import { canAllocate } from "../base/memory";
import { Stats } from "../base/stats";
import { signalDatabase } from "./blocking";
import {
  countDatabases,
  Database,
  databaseAt,
  databaseBytes,
  databaseExists,
  freeDatabase,
  replaceDatabase,
} from "./database";
import { freeGarbage } from "./garbage";
import { freeSome } from "./walk";
import { exchangeWatchers, touchDatabase } from "./watch";

/** Flushed databases still to be freed; more than these and flushing frees at once. */
const GARBAGE_MAX: u32 = 64;
const garbage: usize = memory.data(64 * 4, 16);
let garbageCount: u32 = 0;
let held: bool = false;

/** Told of a database whose keys are freed although garbage is held. */
let goneHook: (database: Database) => void = ignoreGone;

function ignoreGone(_database: Database): void {}

export function onDatabaseGone(hook: (database: Database) => void): void {
  goneHook = hook;
}

/** While on, flushed databases are kept for the snapshot that reads them. */
export function holdGarbage(on: bool): void {
  held = on;
}

/** Empties one database, or all with -1. */
export function flush(index: i32, lazily: i32): void {
  if (index >= 0) {
    flushOne(<u32>index, lazily != 0);
    return;
  }
  for (let each: u32 = 0; each < countDatabases(); each++) flushOne(each, lazily != 0);
}

function flushOne(index: u32, lazily: bool): void {
  if (!databaseExists(index)) return;
  const database = databaseAt(index);
  if (database.keys == 0) return;
  touchDatabase(index, -1);
  signalDatabase(index, true, -1);
  if (!canAllocate(databaseBytes())) {
    // No room for a second directory: empty this one where it stands.
    if (held) goneHook(database);
    freeSome(database, u32.MAX_VALUE);
    return;
  }
  const fresh = replaceDatabase(database);
  exchangeWatchers(database, fresh);
  if ((!lazily && !held) || garbageCount == GARBAGE_MAX) {
    discard(database);
    return;
  }
  Stats.add(Stat.LazyfreePending, database.keys);
  store<usize>(garbage + ((<usize>garbageCount) << 2), changetype<usize>(database));
  garbageCount++;
}

function discard(database: Database): void {
  if (held) goneHook(database);
  freeSome(database, u32.MAX_VALUE);
  freeDatabase(database);
}

/** One slice of lazy freeing: about `budget` keys. Answers how many keys are left. */
export function reclaim(budget: u32): u32 {
  const elements = freeGarbage(budget);
  if (elements > 0) return <u32>Stats.get(Stat.LazyfreePending);
  if (held || garbageCount == 0) return 0;
  const last = garbage + ((<usize>(garbageCount - 1)) << 2);
  const database = changetype<Database>(load<usize>(last));
  const freed = freeSome(database, budget);
  Stats.add(Stat.LazyfreePending, -(<f64>freed));
  Stats.add(Stat.LazyfreedKeys, freed);
  if (database.keys == 0) {
    freeDatabase(database);
    garbageCount--;
  }
  return <u32>Stats.get(Stat.LazyfreePending);
}

/** For a shortage of memory; false: nothing waits to be freed any more. */
export function reclaimSome(): bool {
  return reclaim(4096) != 0;
}
