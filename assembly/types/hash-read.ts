/** Hash commands that read. Behaviour: Redis 7.0 t_hash.c. */
import { ValueType } from "../abi";
import { Arg, argc, Streams, slot } from "../base/frame";
import { Entry } from "../keyspace/entry";
import { allVisible, findField, isVisible } from "../keyspace/field-expiry";
import { currentDatabase, lookupRead } from "../keyspace/keyspace";
import { replyArray, replyInt, replyMap, replyNull, replyWrongType } from "../protocol/reply";
import { Dict } from "../structures/dict-layout";
import { DICT_SCAN_MAX, dictScan } from "../structures/dict-walk";
import { Hash, HashText } from "../structures/hash-fields";
import { parseScanCursor, parseScanOptions, replyScanCursor, ScanOptions } from "./scan-options";

/** What HGETALL, HKEYS and HVALS answer. */
export enum Part {
  Fields = 1,
  Values = 2,
  Both = 3,
}

/** The entry of the hash at the first argument, which is open then; 0: there is none, or `refused`. */
export function openHash(): usize {
  refused = false;
  const e = lookupRead(currentDatabase(), slot, Arg.ptr(1), Arg.length(1));
  if (e == 0) return 0;
  if (Entry.type(e) != <u32>ValueType.Hash) {
    replyWrongType();
    refused = true;
    return 0;
  }
  Hash.open(Entry.encoding(e), Entry.pointer(e));
  return e;
}

/** The last `openHash` has met a key of another type, and said so. */
export let refused: bool = false;

/** Finds the field at an argument of the open hash. */
function findArgument(e: usize, argument: u32): bool {
  const field = Arg.ptr(argument);
  return findField(currentDatabase(), slot, e, field, Arg.length(argument), false);
}

export function hGet(): void {
  const e = openHash();
  if (refused) return;
  if (e != 0 && findArgument(e, 2)) Hash.replyValue(Hash.found);
  else replyNull();
}

export function hMGet(): void {
  const e = openHash();
  if (refused) return;
  replyArray(argc - 2);
  for (let i: u32 = 2; i < argc; i++) {
    if (e != 0 && findArgument(e, i)) Hash.replyValue(Hash.found);
    else replyNull();
  }
}

export function hExists(): void {
  const e = openHash();
  if (refused) return;
  replyInt(e != 0 && findArgument(e, 2) ? 1 : 0);
}

export function hStrLen(): void {
  const e = openHash();
  if (refused) return;
  if (e == 0 || !findArgument(e, 2)) {
    replyInt(0);
    return;
  }
  Hash.readValue(Hash.found);
  replyInt(HashText.length);
}

/** Counts fields that have expired and are not removed yet, as Redis does. */
export function hLen(): void {
  const e = openHash();
  if (refused) return;
  replyInt(e == 0 ? 0 : Hash.count());
}

/** Fields of the open hash that the client in hand sees. */
export function visibleCount(): u32 {
  if (allVisible()) return Hash.count();
  let count: u32 = 0;
  for (let place = Hash.first(); place != 0; place = Hash.next(place)) {
    if (isVisible(place)) count++;
  }
  return count;
}

/** HGETALL, HKEYS, HVALS. */
export function hGetAll(part: Part): void {
  const e = openHash();
  if (refused) return;
  const count = e == 0 ? 0 : visibleCount();
  if (part == Part.Both) replyMap(count);
  else replyArray(count);
  if (count == 0) return;
  const all = count == Hash.count();
  for (let place = Hash.first(); place != 0; place = Hash.next(place)) {
    if (!all && !isVisible(place)) continue;
    if ((part & Part.Fields) != 0) Hash.replyField(place);
    if ((part & Part.Values) != 0) Hash.replyValue(place);
  }
}

// HSCAN.

const scanCells: usize = memory.data(4096 * 4, 16);
if (DICT_SCAN_MAX != 4096) ERROR("scanCells must hold what dictScan reports");
/** Redis looks at up to ten times COUNT buckets in one call. */
const SCAN_EFFORT: u64 = 10;

export function hScan(): void {
  if (!parseScanCursor(2)) return;
  const e = openHash();
  if (refused) return;
  if (e == 0) {
    replyScanCursor(0);
    replyArray(0);
    return;
  }
  if (!parseScanOptions(3, false)) return;
  if (Hash.isPacked()) scanPacked();
  else scanTable();
}

/** Whether a field is visible and matches; it stands in `HashText` then. */
function takes(place: usize): bool {
  if (!isVisible(place)) return false;
  Hash.readField(place);
  return ScanOptions.matches(HashText.ptr, HashText.length);
}

/** A small hash is answered at once. */
function scanPacked(): void {
  let count: u32 = 0;
  for (let place = Hash.first(); place != 0; place = Hash.next(place)) {
    if (takes(place)) count++;
  }
  replyScanCursor(0);
  replyArray(count << 1);
  for (let place = Hash.first(); place != 0; place = Hash.next(place)) {
    if (!takes(place)) continue;
    Hash.replyField(place);
    Hash.replyValue(place);
  }
}

function scanTable(): void {
  const found = Streams.output;
  found.length = 0;
  let cursor = ScanOptions.cursor;
  let seen: u64 = 0;
  let buckets: u64 = 0;
  const wanted = ScanOptions.count;
  do {
    const count = dictScan(Hash.dict(), cursor, scanCells);
    const bytes = (<usize>count) << 2;
    // Out of memory: this much will do for one call.
    if (!found.canRoom(bytes)) break;
    cursor = Dict.cursor;
    let at = found.room(bytes);
    for (let i: u32 = 0; i < count; i++) {
      const record = load<usize>(scanCells + ((<usize>i) << 2));
      if (!takes(record)) continue;
      store<usize>(at, record);
      at += 4;
    }
    found.length = at - found.base;
    seen += count;
    buckets++;
  } while (cursor != 0 && seen < wanted && buckets < wanted * SCAN_EFFORT);
  replyScanCursor(cursor);
  replyArray(<i64>(found.length >> 1));
  for (let at: usize = 0; at < found.length; at += 4) {
    const record = load<usize>(found.base + at);
    Hash.replyField(record);
    Hash.replyValue(record);
  }
  found.clear();
}
