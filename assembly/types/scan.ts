/** KEYS and SCAN: walking a database. */
import { Stat } from "../abi";
import { equalsWord } from "../base/bytes";
import { Arg, closeReplyGap, needReplyGap, Streams } from "../base/frame";
import { Stats } from "../base/stats";
import { SLOT_COUNT } from "../keyspace/database";
import { Entry } from "../keyspace/entry";
import { currentDatabase, isExpired, peek, slotOf } from "../keyspace/keyspace";
import { nextOccupied, SCAN_MAX, SlotWalk, scanBucket, scanNext } from "../keyspace/walk";
import { globMatch } from "../protocol/glob";
import { replyBulk } from "../protocol/reply";
import { typeName } from "./generic";
import {
  parseScanCursor,
  parseScanOptions,
  replyScanCursor,
  ScanOptions,
  takesAll,
} from "./scan-options";

export function keys(): void {
  const database = currentDatabase();
  const pattern = Arg.ptr(1);
  const length = Arg.length(1);
  const all = takesAll(pattern, length);
  const gap = needReplyGap();
  let count: u32 = 0;
  for (let at = nextOccupied(database, 0); at < SLOT_COUNT; at = nextOccupied(database, at + 1)) {
    SlotWalk.start(database.table(at));
    for (let e = SlotWalk.next(); e != 0; e = SlotWalk.next()) {
      const key = Entry.keyPtr(e);
      const keyLength = Entry.keyLength(e);
      if (!all && !globMatch(pattern, length, key, keyLength, false)) continue;
      if (isExpired(e)) continue;
      replyBulk(key, keyLength);
      count++;
    }
  }
  closeReplyGap(gap, count);
}

// SCAN: the cursor is slot << 32 | hash, where the walk in hash order goes on.

const cellsPointer: usize = memory.data(4096 * 4, 16);
/** Redis looks at up to ten times COUNT buckets in one call. */
const SCAN_EFFORT: u64 = 10;

export function scan(): void {
  if (!parseScanCursor(1) || !parseScanOptions(2, true)) return;
  const database = currentDatabase();
  const found = Streams.output;
  found.length = 0;
  let seen: u64 = 0;
  let buckets: u64 = 0;
  const wanted = ScanOptions.count;
  const cursorSlot = ScanOptions.cursor >> 32;
  let at = cursorSlot < SLOT_COUNT ? <u32>cursorSlot : SLOT_COUNT;
  let hash = <u32>ScanOptions.cursor;
  while (at < SLOT_COUNT && seen < wanted && buckets < wanted * SCAN_EFFORT) {
    const occupied = nextOccupied(database, at);
    if (occupied != at) {
      at = occupied;
      hash = 0;
      continue;
    }
    const count = scanBucket(database.table(at), hash, cellsPointer);
    const bytes = (<usize>count) << 2;
    // Out of memory: this much will do for one call.
    if (!found.canRoom(bytes)) break;
    memory.copy(found.room(bytes), cellsPointer, bytes);
    found.length += bytes;
    seen += count;
    buckets++;
    hash = scanNext;
    if (hash == 0) at++;
  }
  replyScan(at < SLOT_COUNT ? ((<u64>at) << 32) | hash : 0);
  found.clear();
}

/** Cursor and the keys among the found entries that pass the filters. */
function replyScan(cursor: u64): void {
  const database = currentDatabase();
  const found = Streams.output;
  replyScanCursor(cursor);
  const gap = needReplyGap();
  let count: u32 = 0;
  for (let at: usize = 0; at < found.length; at += 4) {
    const e = load<usize>(found.base + at);
    const key = Entry.keyPtr(e);
    const length = Entry.keyLength(e);
    if (!ScanOptions.matches(key, length)) continue;
    const wanted = ScanOptions.type;
    if (wanted != 0) {
      // Redis looks the key up for its type, and counts that.
      Stats.add(isExpired(e) ? Stat.KeyspaceMisses : Stat.KeyspaceHits, 1);
      const name = typeName(Entry.type(e));
      if (!equalsWord(Arg.ptr(wanted), Arg.length(wanted), name)) continue;
    }
    if (isExpired(e)) {
      // Looking deletes it where this node may.
      peek(database, slotOf(key, length), key, length);
      continue;
    }
    replyBulk(key, length);
    count++;
  }
  closeReplyGap(gap, count);
}

if (SCAN_MAX != 4096) ERROR("cellsPointer must hold SCAN_MAX entries");
