/** Keys picked at random, quickly rather than fairly: what eviction chooses from. */
import { nextRandom, randomBelow } from "../base/random";
import { Database, SLOT_COUNT } from "./database";
import { TAG_MASK } from "./slot-table";
import { nextOccupied, randomSlot } from "./walk";

/** Most keys that one call collects. */
export const SAMPLE_MAX: u32 = 64;
/** Buckets of a slot that are looked at for keys with an expiry before it is another slot's turn. */
const BUCKETS_MAX: u32 = 512;
const SLOTS_MAX: u32 = 64;

const cells: usize = memory.data(64 * 4, 16);
const slots: usize = memory.data(64 * 4, 16);

/** The keys of the last `sampleKeys`. */
export class Sample {
  @inline static entry(index: u32): usize {
    return load<usize>(cells + ((<usize>index) << 2));
  }
  @inline static slot(index: u32): u32 {
    return load<u32>(slots + ((<usize>index) << 2));
  }
}

/**
 * Collects up to `wanted` (at most `SAMPLE_MAX`) keys from a random place on, with `volatile` only keys that expire;
 * answers how many. No key twice.
 */
export function sampleKeys(database: Database, wanted: u32, volatile: bool): u32 {
  if ((volatile ? database.expires : database.keys) == 0) return 0;
  let found: u32 = 0;
  const start = randomSlot(database);
  let slot = start;
  let wrapped = false;
  // Slots hold few keys each: their neighbours are as good a choice as any.
  for (let tries: u32 = 0; found < wanted && (tries < SLOTS_MAX || found == 0); tries++) {
    slot = volatile ? nextExpiring(database, slot) : nextOccupied(database, slot);
    if (slot == SLOT_COUNT) {
      if (wrapped) break;
      wrapped = true;
      slot = 0;
      continue;
    }
    if (wrapped && slot >= start) break;
    found = collect(database, slot, wanted, found, volatile);
    slot++;
  }
  return found;
}

function nextExpiring(database: Database, from: u32): u32 {
  for (let slot = from; slot < SLOT_COUNT; slot++) {
    if (database.factsOf(slot).expires != 0) return slot;
  }
  return SLOT_COUNT;
}

/** Adds keys of the slot, from a random bucket and a random place in it on. */
function collect(database: Database, slot: u32, wanted: u32, known: u32, volatile: bool): u32 {
  const table = database.table(slot);
  const count = table.walkCount;
  let found = known;
  let index = randomBelow(count);
  const most = min<u32>(count, BUCKETS_MAX);
  for (let looked: u32 = 0; looked < most && found < wanted; looked++) {
    const bucket = table.bucketAt(index);
    let bits = <u32>(i8x16.bitmask(v128.load(bucket)) & TAG_MASK);
    if (volatile) bits &= <u32>load<u16>(bucket, 12);
    const turn = nextRandom() & 7;
    // The places before the turn come last, so that the first keys of a bucket are not always the ones.
    let late = bits & ((1 << turn) - 1);
    let early = bits ^ late;
    while (found < wanted && (early | late) != 0) {
      if (early == 0) {
        early = late;
        late = 0;
      }
      const at = <usize>ctz(early);
      early &= early - 1;
      store<usize>(cells + ((<usize>found) << 2), load<usize>(bucket + 16 + (at << 2)));
      store<u32>(slots + ((<usize>found) << 2), slot);
      found++;
    }
    if (++index == count) index = 0;
  }
  return found;
}
