/** XPENDING, XCLAIM and XAUTOCLAIM. Behaviour: Redis 7.0 t_stream.c. */
import { equalsWord } from "../../base/bytes";
import {
  Arg,
  argc,
  ByteStream,
  closeReplyGap,
  needReplyGap,
  now,
  replyAt,
  replyBase,
  replyLost,
  roomReply,
  setReplyAt,
  slot,
} from "../../base/frame";
import { canAllocate } from "../../base/memory";
import { Database } from "../../keyspace/database";
import { currentDatabase, lookupRead } from "../../keyspace/keyspace";
import { beforeQuietWrite, beforeQuietWriteTo } from "../../keyspace/watch";
import { parsedInt64 } from "../../protocol/number";
import {
  beginError,
  endError,
  errorText,
  replyArray,
  replyBulk,
  replyBulkInt,
  replyError,
  replyInt,
  replyNull,
  replyNullArray,
  replySyntaxError,
} from "../../protocol/reply";
import { At, treeFind, treeFirst, treeLast, treeNext, treeSeek } from "../../structures/id-tree";
import { treeInsert } from "../../structures/id-tree-change";
import {
  addNack,
  Consumer,
  findConsumer,
  findGroup,
  Group,
  moveNack,
  Nack,
  Names,
  removeNack,
  Stream,
} from "../../structures/stream";
import { idBelow, replyId } from "../../structures/stream-id";
import { Entries, findEntry } from "../../structures/stream-walk";
import { Writes } from "../writes";
import { journalClaim, journalGroup, roomForEffect } from "./effects";
import { Id, parseEnd, parseId, parseStart, readId } from "./ids";
import {
  checkStreamType,
  consumerOf,
  errorArgument,
  parseCount,
  parsedCount,
  parseInteger,
  parseIntegerOr,
  replyNoKeyOrGroup,
  streamOf,
} from "./lookup";

// XPENDING.

let minIdle: i64 = 0;
let wanted: i64 = 0;
let fromMs: u64 = 0;
let fromSeq: u64 = 0;
let toMs: u64 = 0;
let toSeq: u64 = 0;
let consumerArgument: u32 = 0;

/** Reads the range behind the group; false: an error was replied. */
function parseRange(): bool {
  minIdle = 0;
  let at: u32 = 3;
  if (equalsWord(Arg.ptr(3), Arg.length(3), "idle")) {
    if (!parseInteger(4)) return false;
    minIdle = parsedInt64();
    if (argc < 8) {
      replySyntaxError();
      return false;
    }
    at = 5;
  }
  if (!parseCount(at + 2)) return false;
  wanted = parsedCount();
  if (!parseStart(at)) return false;
  fromMs = Id.ms;
  fromSeq = Id.seq;
  if (!parseEnd(at + 1)) return false;
  toMs = Id.ms;
  toSeq = Id.seq;
  consumerArgument = at + 3 < argc ? at + 3 : 0;
  return true;
}

export function xPending(): void {
  if (argc != 3 && (argc < 6 || argc > 9)) {
    replySyntaxError();
    return;
  }
  if (argc > 3 && !parseRange()) return;
  const group = findGroupOrReply();
  if (group == 0) return;
  if (argc == 3) replySummary(Group.at(group));
  else replyPending(Group.at(group));
}

/** The group at arguments 1 and 2, or 0: an error was replied. */
function findGroupOrReply(): usize {
  return groupOrReply(lookupRead(currentDatabase(), slot, Arg.ptr(1), Arg.length(1)));
}

/** The group at argument 2 of the stream that the entry is (0: none), or 0: an error was replied. */
function groupOrReply(e: usize): usize {
  if (e != 0 && !checkStreamType(e)) return 0;
  const group: usize = e == 0 ? 0 : findGroup(streamOf(e), Arg.ptr(2), Arg.length(2));
  if (group == 0) {
    replyNoKeyOrGroup(1, 2, "");
    return 0;
  }
  found = changetype<usize>(streamOf(e));
  return group;
}

/** The stream of the group that `groupOrReply` has found. */
let found: usize = 0;

function replySummary(group: Group): void {
  replyArray(4);
  replyInt(group.pendingCount);
  if (!treeFirst(group.pending)) {
    replyNull();
    replyNull();
    replyNullArray();
    return;
  }
  replyId(At.high, At.low);
  treeLast(group.pending);
  replyId(At.high, At.low);
  const gap = needReplyGap();
  let count: u32 = 0;
  const consumers = Names.at(group.names);
  for (let i: u32 = 0; i < consumers.count && !replyLost; i++) {
    const consumer = Consumer.at(consumers.item(i));
    if (consumer.pendingCount == 0) continue;
    replyArray(2);
    replyBulk(consumer.name, consumer.nameLength);
    replyBulkInt(consumer.pendingCount);
    count++;
  }
  closeReplyGap(gap, count);
}

function replyPending(group: Group): void {
  let tree = group.pending;
  if (consumerArgument != 0) {
    const owner = findConsumer(group, Arg.ptr(consumerArgument), Arg.length(consumerArgument));
    if (owner == 0) {
      replyArray(0);
      return;
    }
    tree = Consumer.at(owner).pending;
  }
  const gap = needReplyGap();
  let count: u32 = 0;
  let more = treeSeek(tree, fromMs, fromSeq);
  while (more && <i64>count < wanted && !replyLost && !idBelow(toMs, toSeq, At.high, At.low)) {
    const nack = Nack.at(At.value);
    const idle = now - nack.deliveredAt;
    if (minIdle == 0 || idle >= minIdle) {
      const owner = Consumer.at(nack.consumer);
      replyArray(4);
      replyId(At.high, At.low);
      replyBulk(owner.name, owner.nameLength);
      replyInt(max<i64>(idle, 0));
      replyInt(<i64>nack.deliveries);
      count++;
    }
    more = treeNext();
  }
  closeReplyGap(gap, count);
}

// XCLAIM.

let force: bool = false;
let justId: bool = false;
let retryCount: i64 = -1;
let deliveredAt: i64 = -1;
let lastMs: u64 = 0;
let lastSeq: u64 = 0;

function isId(index: u32): bool {
  return readId(Arg.ptr(index), Arg.length(index), 0, true, false);
}

/** Reads the options from argument `i` on; false: an error was replied. */
function parseClaim(i: u32): bool {
  force = false;
  justId = false;
  retryCount = -1;
  deliveredAt = -1;
  lastMs = 0;
  lastSeq = 0;
  for (; i < argc; i++) {
    const ptr = Arg.ptr(i);
    const length = Arg.length(i);
    const more = i + 1 < argc;
    if (equalsWord(ptr, length, "force")) force = true;
    else if (equalsWord(ptr, length, "justid")) justId = true;
    else if (more && equalsWord(ptr, length, "idle")) {
      if (!parseIntegerOr(++i, "ERR Invalid IDLE option argument for XCLAIM")) return false;
      deliveredAt = now - parsedInt64();
    } else if (more && equalsWord(ptr, length, "time")) {
      if (!parseIntegerOr(++i, "ERR Invalid TIME option argument for XCLAIM")) return false;
      deliveredAt = parsedInt64();
    } else if (more && equalsWord(ptr, length, "retrycount")) {
      if (!parseIntegerOr(++i, "ERR Invalid RETRYCOUNT option argument for XCLAIM")) return false;
      retryCount = parsedInt64();
    } else if (more && equalsWord(ptr, length, "lastid")) {
      if (!parseId(++i)) return false;
      lastMs = Id.ms;
      lastSeq = Id.seq;
    } else {
      beginError();
      errorText("ERR Unrecognized XCLAIM option '");
      errorArgument(i);
      errorText("'");
      endError();
      return false;
    }
  }
  return true;
}

export function xClaim(): void {
  const ptr = findGroupOrReply();
  if (ptr == 0) return;
  const group = Group.at(ptr);
  const stream = Stream.at(found);
  if (!parseIntegerOr(4, "ERR Invalid min-idle-time argument for XCLAIM")) return;
  minIdle = max<i64>(parsedInt64(), 0);
  let end: u32 = 5;
  while (end < argc && isId(end)) end++;
  if (!parseClaim(end)) return;
  const database = currentDatabase();
  beforeQuietWriteTo(database, slot, Arg.ptr(1), Arg.length(1));
  let moved = idBelow(group.lastMs, group.lastSeq, lastMs, lastSeq);
  if (moved) {
    group.lastMs = lastMs;
    group.lastSeq = lastSeq;
  }
  // Times that make no sense count as now: the client's clock may be off.
  const sound = deliveredAt != -1 && deliveredAt >= 0 && deliveredAt <= now;
  if (!sound) deliveredAt = now;
  const gap = needReplyGap();
  let count: u32 = 0;
  consumerNow = 0;
  for (let i: u32 = 5; i < end && !replyLost; i++) {
    isId(i);
    const outcome = claim(database, stream, group, Id.ms, Id.seq, i);
    if (outcome == Claim.Skipped) continue;
    moved = false;
    if (outcome == Claim.Moved) count++;
  }
  if (moved) {
    journalGroup(database, Arg.ptr(1), Arg.length(1), group);
    Writes.one();
  }
  closeReplyGap(gap, count);
}

enum Claim {
  Skipped = 0,
  /** The entry is gone, and its delivery now as well. */
  Dropped = 1,
  /** The delivery belongs to the consumer, and was replied. */
  Moved = 2,
}

/** The consumer of argument 3, once it was needed. */
let consumerNow: usize = 0;

/**
 * Gives one delivery to the consumer of argument 3, by the options. The identifier is argument `index`, or (0) only
 * the numbers.
 */
function claim(
  database: Database,
  stream: Stream,
  group: Group,
  ms: u64,
  seq: u64,
  index: u32,
): Claim {
  const key = Arg.ptr(1);
  const length = Arg.length(1);
  const idPtr: usize = index != 0 ? Arg.ptr(index) : 0;
  const idLength: u32 = index != 0 ? Arg.length(index) : 0;
  let known = treeFind(group.pending, ms, seq);
  const owner: u32 = known != 0 ? Consumer.at(Nack.at(known).consumer).nameLength : 0;
  const names = max(owner, Arg.length(3)) + idLength;
  if (!roomForEffect(length, group, names) || !canAllocate(DELIVERY_BYTES)) return Claim.Skipped;
  if (!findEntry(stream, ms, seq)) {
    if (known == 0) return Claim.Skipped;
    journalClaim(database, key, length, group, Nack.at(known), ms, seq, idPtr, idLength);
    Writes.one();
    removeNack(group, ms, seq);
    return Claim.Dropped;
  }
  if (known == 0 && !force) return Claim.Skipped;
  if (known != 0 && minIdle != 0 && now - Nack.at(known).deliveredAt < minIdle) {
    return Claim.Skipped;
  }
  if (consumerNow == 0)
    consumerNow = changetype<usize>(consumerOf(database, group, 3, key, length));
  const consumer = Consumer.at(consumerNow);
  if (known == 0) {
    known = changetype<usize>(addNack(group, consumerNow, ms, seq, now, 1));
    treeInsert(consumer.pending, ms, seq, known);
  }
  const nack = Nack.at(known);
  moveNack(nack, consumer, ms, seq);
  nack.deliveredAt = deliveredAt;
  if (retryCount >= 0) nack.deliveries = <u64>retryCount;
  else if (!justId) nack.deliveries++;
  if (justId) replyId(ms, seq);
  else Entries.reply();
  journalClaim(database, key, length, group, nack, ms, seq, idPtr, idLength);
  Writes.one();
  return Claim.Moved;
}

/** Memory for a delivery: the record, and a node in each of two trees. */
const DELIVERY_BYTES: usize = 8192;

// XAUTOCLAIM.

/** LONG_MAX / 16. */
const COUNT_MAX: i64 = 576460752303423487;
/** Redis asks for room for all identifiers first: 16 bytes for each, in an address space of 128 TiB. */
const COUNT_WITH_ROOM: i64 = 8796093022208;
const ATTEMPTS_FACTOR: i64 = 10;

/** Identifiers of deliveries whose entries are gone, 16 bytes each. */
const droppedPointer: usize = memory.data(16, 16);

/** Reads the options from argument 6 on; false: an error was replied. */
function parseAuto(): bool {
  wanted = 100;
  justId = false;
  for (let i: u32 = 6; i < argc; i++) {
    if (i + 1 < argc && equalsWord(Arg.ptr(i), Arg.length(i), "count")) {
      if (!parseIntegerOr(++i, "ERR COUNT must be > 0")) return false;
      wanted = parsedInt64();
      if (wanted < 1 || wanted > COUNT_MAX) {
        replyError("ERR COUNT must be > 0");
        return false;
      }
    } else if (equalsWord(Arg.ptr(i), Arg.length(i), "justid")) justId = true;
    else {
      replySyntaxError();
      return false;
    }
  }
  return true;
}

export function xAutoClaim(): void {
  // Redis looks the key up first, which its counters show.
  const e = lookupRead(currentDatabase(), slot, Arg.ptr(1), Arg.length(1));
  if (!parseIntegerOr(4, "ERR Invalid min-idle-time argument for XAUTOCLAIM")) return;
  minIdle = max<i64>(parsedInt64(), 0);
  if (!parseStart(5)) return;
  fromMs = Id.ms;
  fromSeq = Id.seq;
  if (!parseAuto()) return;
  const ptr = groupOrReply(e);
  if (ptr == 0) return;
  if (wanted >= COUNT_WITH_ROOM) {
    replyError("ERR Insufficient memory, failed allocating transient memory, COUNT too high.");
    return;
  }
  force = false;
  retryCount = -1;
  deliveredAt = now;
  const database = currentDatabase();
  beforeQuietWrite(database, slot, e);
  replyArray(3);
  const start = replyAt - replyBase;
  const dropped = changetype<ByteStream>(droppedPointer);
  dropped.length = 0;
  const count = claimFrom(database, Stream.at(found), Group.at(ptr), dropped);
  prependCursor(start, count);
  replyArray(<i64>(dropped.length >> 4));
  for (let at: usize = 0; at < dropped.length && !replyLost; at += 16) {
    replyId(load<u64>(dropped.base + at), load<u64>(dropped.base + at, 8));
  }
  dropped.clear();
}

/**
 * Claims deliveries from (fromMs, fromSeq) on until there are enough, and leaves there where to go on. Those whose
 * entries are gone are dropped and count as well. Answers how many were claimed.
 */
function claimFrom(database: Database, stream: Stream, group: Group, dropped: ByteStream): u32 {
  let attempts = wanted * ATTEMPTS_FACTOR;
  let left = wanted;
  let count: u32 = 0;
  consumerNow = 0;
  let more = treeSeek(group.pending, fromMs, fromSeq);
  while (more && attempts > 0 && left > 0 && !replyLost) {
    attempts--;
    const ms = At.high;
    const seq = At.low;
    if (!dropped.reserve(16)) break;
    const outcome = claim(database, stream, group, ms, seq, 0);
    if (outcome == Claim.Moved) {
      count++;
      left--;
    } else if (outcome == Claim.Dropped) {
      const at = dropped.room(16);
      store<u64>(at, ms);
      store<u64>(at, seq, 8);
      dropped.length += 16;
      left--;
    }
    // What was claimed keeps its place: on from the identifier behind it.
    Id.set(ms, seq);
    more = Id.increment() && treeSeek(group.pending, Id.ms, Id.seq);
  }
  fromMs = more ? At.high : 0;
  fromSeq = more ? At.low : 0;
  return count;
}

/** Puts the cursor (fromMs, fromSeq) and the header of an array in front of what was replied since `start`. */
function prependCursor(start: usize, count: u32): void {
  if (!roomReply(128)) return;
  const body = replyAt - replyBase - start;
  replyId(fromMs, fromSeq);
  replyArray(count);
  if (replyLost) return;
  const header = replyAt - replyBase - start - body;
  const base = replyBase + start;
  memory.copy(headerBytes, base + body, header);
  memory.copy(base + header, base, body);
  memory.copy(base, headerBytes, header);
  setReplyAt(base + header + body);
}

const headerBytes: usize = memory.data(128, 16);
