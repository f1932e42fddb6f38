/** One step of SSCAN, HSCAN or ZSCAN over a hash table of members. */
import { Streams } from "../base/frame";
import { Dict } from "../structures/dict-layout";
import { DICT_SCAN_MAX, dictScan } from "../structures/dict-walk";
import { ScanOptions } from "./scan-options";

const cells: usize = memory.data(4096 * 4, 16);
/** Redis looks at up to ten times COUNT buckets in one call. */
const SCAN_EFFORT: u64 = 10;
const COUNT_MAX: u64 = 1 << 32;

/** The cursor for the reply. */
export let nextCursor: u64 = 0;

/**
 * Collects records from the parsed cursor on, COUNT of them or somewhat more, in the output region; answers how many.
 * To be read with `collectedRecord` before anything changes, then given back with `releaseCollected`.
 */
export function collectRecords(d: usize): u32 {
  const found = Streams.output;
  found.length = 0;
  const wanted = min(ScanOptions.count, COUNT_MAX);
  let cursor = ScanOptions.cursor;
  let count: u64 = 0;
  let effort = wanted * SCAN_EFFORT;
  do {
    const some = dictScan(d, cursor, cells);
    const bytes = (<usize>some) << 2;
    // Out of memory: this much will do for one call.
    if (!found.canRoom(bytes)) break;
    memory.copy(found.room(bytes), cells, bytes);
    found.length += bytes;
    count += some;
    cursor = Dict.cursor;
  } while (cursor != 0 && effort-- > 0 && count < wanted);
  nextCursor = cursor;
  return <u32>count;
}

export function collectedRecord(index: u32): usize {
  return load<usize>(Streams.output.base + ((<usize>index) << 2));
}

export function releaseCollected(): void {
  Streams.output.clear();
}

if (DICT_SCAN_MAX != 4096) ERROR("cells must hold what dictScan reports");
