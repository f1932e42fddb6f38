/**
 * Eviction (evict.c): when more than `maxmemory` is used, keys go, by the policy's idea of the best to lose. As Redis
 * does, a few keys are sampled at a time and the best candidates of all samples so far are kept in a pool.
 */
import { Notify, Stat } from "../abi";
import { copyBytes } from "../base/bytes";
import { gates, isReplica, now, Settings } from "../base/frame";
import { alloc, canAllocate, free, usedMemory } from "../base/memory";
import { randomBelow } from "../base/random";
import { Stats } from "../base/stats";
import { Journal } from "../journal";
import { Gate, MaxMemoryPolicy, Setting } from "../settings";
import { SnapshotOutput } from "../snapshot/snapshot-output";
import { countDatabases, Database, databaseAt, databaseExists, find } from "./database";
import { Entry } from "./entry";
import { freeGarbage, hasGarbage } from "./garbage";
import { deleteFound, lfuDecayed, lfuPolicy, slotOf } from "./keyspace";
import { notify } from "./notify";
import { SAMPLE_MAX, Sample, sampleKeys } from "./sample";
import { Saving } from "./saving";

/** What eviction has come to. */
export enum Evicted {
  /** Little enough is used, or it is not for this node to evict. */
  Enough = 0,
  /** Too much is used still; the rest follows. */
  Running = 1,
  /** Too much is used, and nothing can go. */
  Nothing = 2,
}

/*
 *  Candidate, 24 bytes: a key that was sampled
 */
@unmanaged
class Candidate {
  /** The higher, the better to lose. */
  score: f64;
  database: u32;
  slot: u32;
  key: usize;
  length: u32;
}

const POOL_SIZE: u32 = 16;
const CANDIDATE_BYTES: usize = 24;
/** In order of rising score. */
const pool: usize = memory.data(16 * 24, 16);
let poolCount: u32 = 0;
/** Database that a random policy takes its next key from. */
let nextDatabase: u32 = 0;
/** Elements of large values that are freed at a time. */
const GARBAGE_BUDGET: u32 = 1024;
/** Keys in 50 microseconds, roughly: what one step of `maxmemory-eviction-tenacity` stands for. */
const KEYS_PER_TENACITY: f64 = 50;

function candidate(index: u32): Candidate {
  return changetype<Candidate>(pool + <usize>index * CANDIDATE_BYTES);
}

function overLimit(): bool {
  const limit = Settings.value(Setting.MaxMemory);
  if (limit == 0) return false;
  const used = <f64>usedMemory() + Settings.value(Setting.HostMemory);
  if (used <= limit) return false;
  // What only a snapshot keeps is as good as gone, and what waits to be written goes by itself.
  return used - <f64>SnapshotOutput.bytes - Saving.keptBytes > limit;
}

/** How many keys may go in one call (evictionTimeLimitUs, in keys). */
function keysMax(): u32 {
  const tenacity = Settings.value(Setting.EvictionTenacity);
  if (tenacity >= 100) return u32.MAX_VALUE;
  if (tenacity <= 10) return <u32>(16 + tenacity * KEYS_PER_TENACITY);
  let keys: f64 = 10 * KEYS_PER_TENACITY;
  for (let step: f64 = 10; step < tenacity; step += 1) keys *= 1.15;
  return <u32>min<f64>(keys, 1e9);
}

/** Makes keys go until little enough is used, or for as long as one call may take. */
export function evict(): Evicted {
  if (!overLimit()) return Evicted.Enough;
  if (isReplica && Settings.on(Setting.ReplicaIgnoreMaxMemory)) return Evicted.Enough;
  if ((gates & (Gate.PauseAll | Gate.PauseWrites)) != 0) return Evicted.Enough;
  const policy = <u32>Settings.value(Setting.MaxMemoryPolicy);
  let left = keysMax();
  while (overLimit()) {
    if (hasGarbage()) {
      freeGarbage(GARBAGE_BUDGET);
      if (left-- == 0) return Evicted.Running;
      continue;
    }
    if (policy == <u32>MaxMemoryPolicy.NoEviction) return Evicted.Nothing;
    if (left-- == 0) return Evicted.Running;
    if (!evictOne(policy)) return Evicted.Nothing;
  }
  return Evicted.Enough;
}

function isRandom(policy: u32): bool {
  return (
    policy == <u32>MaxMemoryPolicy.AllKeysRandom || policy == <u32>MaxMemoryPolicy.VolatileRandom
  );
}

function isVolatile(policy: u32): bool {
  return policy >= <u32>MaxMemoryPolicy.VolatileLru;
}

/** False: there is nothing to evict. */
function evictOne(policy: u32): bool {
  if (isRandom(policy)) return evictAny(isVolatile(policy));
  while (true) {
    let keys: u32 = 0;
    for (let index: u32 = 0; index < countDatabases(); index++) {
      if (!databaseExists(index)) continue;
      const database = databaseAt(index);
      const count = isVolatile(policy) ? database.expires : database.keys;
      if (count == 0) continue;
      keys += count;
      fillPool(database, policy);
    }
    if (keys == 0) return false;
    while (poolCount > 0) {
      poolCount--;
      const best = candidate(poolCount);
      const gone = drop(best, isVolatile(policy));
      free(best.key);
      if (gone) return true;
    }
  }
}

/** The candidate may have gone, or lost its expiry, since it was sampled. False: it was not evicted. */
function drop(chosen: Candidate, volatile: bool): bool {
  if (!databaseExists(chosen.database)) return false;
  const database = databaseAt(chosen.database);
  const e = find(database, chosen.slot, chosen.key, chosen.length);
  if (e == 0 || (volatile && !Entry.expires(e))) return false;
  return evictFound(database, chosen.slot, e);
}

function evictAny(volatile: bool): bool {
  for (let tries: u32 = 0; tries < countDatabases(); tries++) {
    const index = nextDatabase % countDatabases();
    nextDatabase = index + 1;
    if (!databaseExists(index)) continue;
    const database = databaseAt(index);
    const found = sampleKeys(database, 8, volatile);
    if (found == 0) continue;
    const e = Sample.entry(randomBelow(found));
    const slot = slotOf(Entry.keyPtr(e), Entry.keyLength(e));
    find(database, slot, Entry.keyPtr(e), Entry.keyLength(e));
    return evictFound(database, slot, e);
  }
  return false;
}

/** Deletes the entry just found and tells replicas and subscribers. False: no memory even for that. */
function evictFound(database: Database, slot: u32, e: usize): bool {
  const key = Entry.keyPtr(e);
  const length = Entry.keyLength(e);
  if (!Journal.reserve(length)) return false;
  if (Journal.begin(database.index, 2)) {
    Journal.word(Settings.on(Setting.LazyEviction) ? "UNLINK" : "DEL");
    Journal.bytes(key, length);
  }
  notify(Notify.Evicted, "evicted", database.index, key, length);
  Stats.add(Stat.EvictedKeys, 1);
  deleteFound(database, slot, e);
  return true;
}

/** How good it is to lose the key: its idle time, the rarity of its use, or the nearness of its end. */
function scoreOf(e: usize, policy: u32): f64 {
  if (policy == <u32>MaxMemoryPolicy.VolatileTtl) return -(<f64>Entry.expireAt(e));
  if (lfuPolicy()) return <f64>(255 - <i32>lfuDecayed(Entry.clock(e)));
  return <f64>(((<u32>(now / 1000) & 0xffffff) - Entry.clock(e)) & 0xffffff);
}

function fillPool(database: Database, policy: u32): void {
  const wanted = min<u32>(<u32>Settings.value(Setting.MaxMemorySamples), SAMPLE_MAX);
  const found = sampleKeys(database, max<u32>(wanted, 1), isVolatile(policy));
  for (let index: u32 = 0; index < found; index++) {
    const e = Sample.entry(index);
    offer(database, Sample.slot(index), e, scoreOf(e, policy));
  }
}

/** Puts the key in the pool, where it is better than what is there or there is room. */
function offer(database: Database, slot: u32, e: usize, score: f64): void {
  const length = Entry.keyLength(e);
  const full = poolCount == POOL_SIZE;
  if (full && score <= candidate(0).score) return;
  let at: u32 = poolCount;
  for (let index: u32 = 0; index < poolCount; index++) {
    const known = candidate(index);
    if (
      known.database == database.index &&
      known.length == length &&
      memory.compare(known.key, Entry.keyPtr(e), length) == 0
    ) {
      return;
    }
    if (at == poolCount && known.score >= score) at = index;
  }
  if (!canAllocate(length)) return;
  const key = alloc(length);
  copyBytes(key, Entry.keyPtr(e), length);
  if (full) {
    free(candidate(0).key);
    at--;
    memory.copy(pool, pool + CANDIDATE_BYTES, <usize>at * CANDIDATE_BYTES);
  } else {
    const place = pool + <usize>at * CANDIDATE_BYTES;
    memory.copy(place + CANDIDATE_BYTES, place, <usize>(poolCount - at) * CANDIDATE_BYTES);
    poolCount++;
  }
  const chosen = candidate(at);
  chosen.score = score;
  chosen.database = database.index;
  chosen.slot = slot;
  chosen.key = key;
  chosen.length = length;
}
