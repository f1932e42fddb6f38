/**
 * Looking ahead in a pipeline. A lookup is three cache misses in a row (slot table, bucket, entry), and the next
 * command's misses do not depend on this one's. So up to sixteen commands that lie whole in the input are
 * parsed at once, and their tables, then their buckets, then their entries are touched, each time for all of
 * them: the processor overlaps the misses. The commands then run one by one on warm lines, and reuse slot
 * and hash. After Valkey 8's key prefetching and "Interleaving with coroutines" (VLDB 2017), group prefetching.
 */
import { bytesEqual } from "../base/bytes";
import { setArguments } from "../base/frame";
import { keySlot } from "../protocol/crc16";
import { parsedCount, parseInto } from "../protocol/resp";
import { Database, Known, touchBucket, touchEntry } from "./database";
import { Hash } from "./slot-table";

const COMMANDS_MAX: u32 = 16;
/** Pairs of address and length of all commands in the queue. */
const PAIRS_BYTES: usize = 8192;
const pairsPointer: usize = memory.data(8192, 16);
/** Longer keys are not worth hashing ahead. */
const KEY_MAX: u32 = 256;

/*
 *  Ahead, 32 bytes: one parsed command
 */
@unmanaged
class Ahead {
  start: usize;
  behind: usize;
  pairs: usize;
  count: u32;
  /** Address of the first argument behind the name, when slot and hash are known; else 0. */
  key: usize;
  slot: u32;
  hash: u32;
  /** What is to be touched next: the slot's table, then the bucket; 0: nothing. */
  line: usize;

  @inline static at(index: u32): Ahead {
    return changetype<Ahead>(queuePointer + ((<usize>index) << 5));
  }
}
if (offsetof<Ahead>() != 32) ERROR("Ahead must be 32 bytes");

const queuePointer: usize = memory.data(512, 16);
let queued: u32 = 0;
let next: u32 = 0;

export class Lookahead {
  /** Forgets everything: the input region has new content. */
  @inline static reset(): void {
    queued = 0;
    next = 0;
    Known.key = 0;
  }

  /** If the command at `start` was parsed ahead: puts it in hand and answers the address behind it, else 0. */
  @inline static take(start: usize): usize {
    if (next >= queued) return 0;
    const ahead = Ahead.at(next);
    if (ahead.start != start) return 0;
    next++;
    setArguments(ahead.count, ahead.pairs);
    Known.key = ahead.key;
    Known.slot = ahead.slot;
    Known.hash = ahead.hash;
    return ahead.behind;
  }

  /** Parses what lies whole between `from` and `end`, and warms what its keys will need. */
  static fill(from: usize, end: usize, database: Database): void {
    let at = from;
    let pairs = pairsPointer;
    const pairsEnd = pairsPointer + PAIRS_BYTES;
    queued = 0;
    next = 0;
    while (queued < COMMANDS_MAX && at < end) {
      const behind = parseInto(at, end, pairs, pairsEnd);
      if (behind == 0) break;
      const ahead = Ahead.at(queued);
      ahead.start = at;
      ahead.behind = behind;
      ahead.pairs = pairs;
      ahead.count = parsedCount;
      if (!repeatsKey(ahead)) noteKey(ahead, database);
      queued++;
      pairs += (<usize>parsedCount) << 3;
      at = behind;
    }
    for (let i: u32 = 0; i < queued; i++) {
      const ahead = Ahead.at(i);
      if (ahead.line != 0) ahead.line = touchBucket(ahead.line, ahead.hash);
    }
    let sum: u32 = 0;
    for (let i: u32 = 0; i < queued; i++) {
      const ahead = Ahead.at(i);
      if (ahead.line != 0) sum += touchEntry(ahead.line, ahead.hash);
    }
    // Stored, so that the loads are not taken for useless.
    touched = sum;
  }
}

let touched: u32 = 0;

/** A command on the key of the one before it takes over what is known; its lines are touched once. */
function repeatsKey(ahead: Ahead): bool {
  if (queued == 0 || ahead.count < 2) return false;
  const before = Ahead.at(queued - 1);
  if (before.key == 0) return false;
  const key = load<usize>(ahead.pairs, 8);
  const length = load<u32>(ahead.pairs, 12);
  if (load<u32>(before.pairs, 12) != length || !bytesEqual(before.key, key, length)) return false;
  ahead.key = key;
  ahead.slot = before.slot;
  ahead.hash = before.hash;
  ahead.line = 0;
  return true;
}

function noteKey(ahead: Ahead, database: Database): void {
  ahead.key = 0;
  ahead.line = 0;
  if (ahead.count < 2) return;
  const key = load<usize>(ahead.pairs, 8);
  const length = load<u32>(ahead.pairs, 12);
  if (length > KEY_MAX) return;
  ahead.key = key;
  ahead.slot = keySlot(key, <i32>length);
  ahead.hash = Hash.of(key, length);
  // The slot's table entry: the first of the three lines.
  const table = database.table(ahead.slot);
  touched += table.bucketCount;
  ahead.line = changetype<usize>(table);
}
