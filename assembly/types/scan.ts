/** KEYS and SCAN: walking a database. */
import { Stat } from "../abi";
import { equalsWord } from "../base/bytes";
import { Arg, argc, closeReplyGap, needReplyGap, Streams } from "../base/frame";
import { Stats } from "../base/stats";
import { SLOT_COUNT } from "../keyspace/database";
import { Entry } from "../keyspace/entry";
import { currentDatabase, isExpired, peek, slotOf } from "../keyspace/keyspace";
import { nextOccupied, SCAN_MAX, SlotWalk, scanBucket, scanNext } from "../keyspace/walk";
import { globMatch } from "../protocol/glob";
import { parsedInt64, parseInt64, writeUint64 } from "../protocol/number";
import {
  cTextLength,
  replyArray,
  replyBulk,
  replyError,
  replyNotInteger,
  replySyntaxError,
} from "../protocol/reply";
import { typeName } from "./generic";

/** Whether a pattern is `*` alone: it takes every key, the empty one too. */
function takesAll(pattern: usize, length: u32): bool {
  return length == 1 && load<u8>(pattern) == 42;
}

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
const cursorText: usize = memory.data(32, 16);
/** Redis looks at up to ten times COUNT buckets in one call. */
const SCAN_EFFORT: u64 = 10;

let cursorSlot: u32 = 0;
let cursorHash: u32 = 0;
let matchArgument: u32 = 0;
let typeArgument: u32 = 0;
let scanCount: i64 = 10;

/** An unsigned 64-bit cursor as strtoul reads it: a sign is fine, and nothing at all is zero. False: "invalid cursor" was replied. */
function parseCursor(): bool {
  const ptr = Arg.ptr(1);
  const length = cTextLength(ptr, Arg.length(1));
  let value: u64 = 0;
  let at: u32 = 0;
  const negative = length > 0 && load<u8>(ptr) == 45;
  if (negative || (length > 0 && load<u8>(ptr) == 43)) at = 1;
  let valid = at == 0 || at < length;
  for (; valid && at < length; at++) {
    const digit = <u64>load<u8>(ptr + at) - 48;
    if (digit > 9 || value > (u64.MAX_VALUE - digit) / 10) valid = false;
    else value = value * 10 + digit;
  }
  if (!valid) {
    replyError("ERR invalid cursor");
    return false;
  }
  if (negative) value = -value;
  const high = value >> 32;
  cursorSlot = high < SLOT_COUNT ? <u32>high : SLOT_COUNT;
  cursorHash = <u32>value;
  return true;
}

function parseScanOptions(): bool {
  matchArgument = 0;
  typeArgument = 0;
  scanCount = 10;
  for (let i: u32 = 2; i < argc; i += 2) {
    const ptr = Arg.ptr(i);
    const length = Arg.length(i);
    if (i + 1 == argc) {
      replySyntaxError();
      return false;
    }
    if (equalsWord(ptr, length, "count")) {
      if (!parseInt64(Arg.ptr(i + 1), <i32>Arg.length(i + 1))) {
        replyNotInteger();
        return false;
      }
      scanCount = parsedInt64();
      if (scanCount < 1) {
        replySyntaxError();
        return false;
      }
    } else if (equalsWord(ptr, length, "match")) matchArgument = i + 1;
    else if (equalsWord(ptr, length, "type")) typeArgument = i + 1;
    else {
      replySyntaxError();
      return false;
    }
  }
  return true;
}

export function scan(): void {
  if (!parseCursor() || !parseScanOptions()) return;
  const database = currentDatabase();
  const found = Streams.output;
  found.length = 0;
  let seen: u64 = 0;
  let buckets: u64 = 0;
  const wanted = <u64>scanCount;
  let at = cursorSlot < SLOT_COUNT ? cursorSlot : SLOT_COUNT;
  let hash = cursorHash;
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
  replyArray(2);
  replyBulk(cursorText, <u32>writeUint64(cursorText, cursor));
  const gap = needReplyGap();
  let count: u32 = 0;
  for (let at: usize = 0; at < found.length; at += 4) {
    const e = load<usize>(found.base + at);
    const key = Entry.keyPtr(e);
    const length = Entry.keyLength(e);
    if (matchArgument != 0) {
      const pattern = Arg.ptr(matchArgument);
      const patternLength = Arg.length(matchArgument);
      const matches =
        takesAll(pattern, patternLength) || globMatch(pattern, patternLength, key, length, false);
      if (!matches) continue;
    }
    if (typeArgument != 0) {
      // Redis looks the key up for its type, and counts that.
      Stats.add(isExpired(e) ? Stat.KeyspaceMisses : Stat.KeyspaceHits, 1);
      const name = typeName(Entry.type(e));
      if (!equalsWord(Arg.ptr(typeArgument), Arg.length(typeArgument), name)) continue;
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
