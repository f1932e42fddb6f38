/** XREAD and XREADGROUP. Behaviour: Redis 7.0 t_stream.c, and blocked.c for a client that is served later. */
import { ValueType } from "../../abi";
import { equalsWord } from "../../base/bytes";
import {
  Arg,
  argc,
  closeReplyGap,
  commandId,
  needReplyGap,
  now,
  replyBase,
  replyLost,
  resp3,
} from "../../base/frame";
import { canAllocate } from "../../base/memory";
import { Command } from "../../command-ids";
import {
  again,
  blockedIds,
  blockOn,
  mayBlock,
  mayServe,
  parseMillisecondsTimeout,
} from "../../keyspace/blocking";
import { Database } from "../../keyspace/database";
import { Entry } from "../../keyspace/entry";
import { currentDatabase, lookupRead, peek, slotOf } from "../../keyspace/keyspace";
import { beforeQuietWrite, beforeQuietWriteTo } from "../../keyspace/watch";
import {
  replyArray,
  replyBulk,
  replyError,
  replyNullArray,
  replySyntaxError,
} from "../../protocol/reply";
import { At, treeFind, treeNext, treeSeek } from "../../structures/id-tree";
import { treeInsert } from "../../structures/id-tree-change";
import {
  addNack,
  Consumer,
  findGroup,
  Group,
  moveNack,
  Nack,
  Stream,
} from "../../structures/stream";
import { entriesUpTo, hasTombstones } from "../../structures/stream-history";
import { idBelow, replyId } from "../../structures/stream-id";
import { Entries, edgeEntry, findEntry } from "../../structures/stream-walk";
import { Writes } from "../writes";
import { journalClaim, journalConsumer, journalGroup, roomForEffect } from "./effects";
import { ID_MAX, Id, isMark, parseId } from "./ids";
import {
  checkStreamType,
  consumerCreated,
  consumerOf,
  parseCount,
  parsedCount,
  replyNoKeyOrGroup,
  streamOf,
} from "./lookup";

const DOLLAR: u32 = 36;
const GREATER: u32 = 62;
const MAP: u8 = 37;
/** XREAD_BLOCKED_DEFAULT_COUNT. */
const BLOCKED_COUNT: i64 = 1000;
/** Memory for a delivery: the record, and a node in each of two trees. */
const DELIVERY_BYTES: usize = 8192;

// Arguments, as the last parse has left them.

let ofGroup: bool = false;
let limit: i64 = 0;
let timeoutMs: f64 = -1;
let groupArgument: u32 = 0;
let noAck: bool = false;
let firstKey: u32 = 0;
let keyCount: u32 = 0;

/** Reads the options up to the keys; false: an error was replied. */
function parseOptions(): bool {
  ofGroup = commandId == <u32>Command.XReadGroup;
  limit = 0;
  timeoutMs = -1;
  groupArgument = 0;
  noAck = false;
  firstKey = 0;
  for (let i: u32 = 1; i < argc && firstKey == 0; i++) {
    const ptr = Arg.ptr(i);
    const length = Arg.length(i);
    const more = argc - i - 1;
    if (more >= 1 && equalsWord(ptr, length, "block")) {
      timeoutMs = parseMillisecondsTimeout(++i);
      if (timeoutMs < 0) return false;
    } else if (more >= 1 && equalsWord(ptr, length, "count")) {
      if (!parseCount(++i)) return false;
      limit = parsedCount();
    } else if (more >= 1 && equalsWord(ptr, length, "streams")) {
      firstKey = i + 1;
      if ((more & 1) != 0) return unbalanced();
      keyCount = more >> 1;
    } else if (more >= 2 && equalsWord(ptr, length, "group")) {
      if (!ofGroup) {
        return refuse(
          "ERR The GROUP option is only supported by XREADGROUP. You called XREAD instead.",
        );
      }
      groupArgument = i + 1;
      i += 2;
    } else if (equalsWord(ptr, length, "noack")) {
      if (!ofGroup) {
        return refuse(
          "ERR The NOACK option is only supported by XREADGROUP. You called XREAD instead.",
        );
      }
      noAck = true;
    } else {
      replySyntaxError();
      return false;
    }
  }
  if (firstKey == 0) {
    replySyntaxError();
    return false;
  }
  return !ofGroup || groupArgument != 0 || refuse("ERR Missing GROUP option for XREADGROUP");
}

function refuse(text: string): bool {
  replyError(text);
  return false;
}

function unbalanced(): bool {
  return refuse(
    "ERR Unbalanced XREAD list of streams: for each stream key an ID or '$' must be specified.",
  );
}

function slotOfKey(index: u32): u32 {
  return slotOf(Arg.ptr(index), Arg.length(index));
}

function keyAt(database: Database, index: u32): usize {
  return lookupRead(database, slotOfKey(index), Arg.ptr(index), Arg.length(index));
}

export function xRead(): void {
  if (!parseOptions()) return;
  const database = currentDatabase();
  if (again) {
    serveAgain(database);
    return;
  }
  for (let i: u32 = 0; i < keyCount; i++) {
    if (!checkPair(database, firstKey + i)) return;
  }
  if (serveAll(database)) return;
  if (timeoutMs < 0 || !mayBlock()) {
    replyNullArray();
    return;
  }
  if (!ofGroup && !keepIds(database)) {
    replyNullArray();
    return;
  }
  blockOn(ValueType.Stream, firstKey, keyCount, timeoutMs);
}

/** Checks a key and its identifier; false: an error was replied. */
function checkPair(database: Database, index: u32): bool {
  const e = keyAt(database, index);
  if (e != 0 && !checkStreamType(e)) return false;
  if (ofGroup && (e == 0 || groupIn(e) == 0)) {
    replyNoKeyOrGroup(index, groupArgument, " in XREADGROUP with GROUP option");
    return false;
  }
  const id = index + keyCount;
  if (isMark(id, DOLLAR)) {
    if (!ofGroup) return true;
    return refuse(
      "ERR The $ ID is meaningless in the context of XREADGROUP: you want to read the history of this consumer by specifying a proper ID, or use the > ID to get new messages. The $ ID would just return an empty result set.",
    );
  }
  if (isMark(id, GREATER)) {
    if (ofGroup) return true;
    return refuse(
      "ERR The > ID can be specified only when calling XREADGROUP using the GROUP <group> <consumer> option.",
    );
  }
  return parseId(id);
}

function groupIn(e: usize): usize {
  return findGroup(streamOf(e), Arg.ptr(groupArgument), Arg.length(groupArgument));
}

/** Replies what there is for each key; false: nothing for any, and nothing was replied. */
function serveAll(database: Database): bool {
  let gap: usize = 0;
  let served: u32 = 0;
  for (let i: u32 = 0; i < keyCount && !replyLost; i++) {
    const index = firstKey + i;
    const e = keyAt(database, index);
    if (e == 0) continue;
    const stream = streamOf(e);
    const found = ofGroup
      ? chooseInGroup(stream, Group.at(groupIn(e)), index)
      : choose(stream, index);
    if (!found) continue;
    let consumer: usize = 0;
    if (ofGroup) {
      beforeQuietWrite(database, slotOfKey(index), e);
      consumer = seeConsumer(database, Group.at(groupIn(e)), index);
    }
    if (served == 0) gap = needReplyGap();
    served++;
    serve(database, stream, ofGroup ? groupIn(e) : 0, consumer, index, limit);
  }
  if (served == 0) return false;
  closeStreams(gap, served);
  return true;
}

/** RESP3 has a map of streams, RESP2 an array of pairs. */
function closeStreams(gap: usize, count: u32): void {
  closeReplyGap(gap, count);
  if (resp3 && !replyLost) store<u8>(replyBase + gap, MAP);
}

/** Whether entries will be served from a group's history. */
let history: bool = false;

/** XREAD: leaves in `Id` what the entries must be above. False: there are none. */
function choose(stream: Stream, index: u32): bool {
  history = false;
  if (isMark(index + keyCount, DOLLAR) || stream.length == 0) return false;
  parseId(index + keyCount);
  return edgeEntry(stream, false, false) && idBelow(Id.ms, Id.seq, Entries.ms, Entries.seq);
}

/** XREADGROUP: the same; with an identifier the consumer's history is served, whatever there is of it. */
function chooseInGroup(stream: Stream, group: Group, index: u32): bool {
  history = !isMark(index + keyCount, GREATER);
  if (history) {
    parseId(index + keyCount);
    // The largest identifier cannot be told from `>` (streamReplyWithRange).
    if (Id.ms != ID_MAX || Id.seq != ID_MAX) return true;
    history = false;
  }
  if (stream.length == 0 || !edgeEntry(stream, false, false)) return false;
  Id.set(group.lastMs, group.lastSeq);
  return idBelow(group.lastMs, group.lastSeq, Entries.ms, Entries.seq);
}

/** The consumer of argument `groupArgument + 1`, seen now or created. */
function seeConsumer(database: Database, group: Group, index: u32): usize {
  const length = Arg.length(index);
  const consumer = consumerOf(database, group, groupArgument + 1, Arg.ptr(index), length);
  if (consumerCreated && noAck && roomForEffect(length, group, consumer.nameLength)) {
    journalConsumer(database, Arg.ptr(index), length, group, consumer);
  }
  return changetype<usize>(consumer);
}

/** Replies a key and its entries above `Id`. */
function serve(
  database: Database,
  stream: Stream,
  group: usize,
  consumer: usize,
  index: u32,
  count: i64,
): void {
  const ms = Id.ms;
  const seq = Id.seq;
  if (!resp3) replyArray(2);
  replyBulk(Arg.ptr(index), Arg.length(index));
  Id.set(ms, seq);
  // Above the largest identifier there is nothing, but Redis's sum wraps to the smallest.
  if (!Id.increment()) Id.set(0, 0);
  if (group == 0) replyEntries(stream, count);
  else {
    if (history) replyHistory(stream, Consumer.at(consumer), count);
    else deliver(database, stream, Group.at(group), Consumer.at(consumer), index, count);
    Writes.one();
  }
}

/** Entries from `Id` on. */
function replyEntries(stream: Stream, count: i64): void {
  Entries.begin(stream, Id.ms, Id.seq, ID_MAX, ID_MAX, false);
  const gap = needReplyGap();
  let done: u32 = 0;
  while ((count == 0 || <i64>done < count) && !replyLost && Entries.step()) {
    Entries.reply();
    done++;
  }
  closeReplyGap(gap, done);
}

/** What the consumer was given and has not confirmed, from `Id` on; entries that are gone have no fields. */
function replyHistory(stream: Stream, consumer: Consumer, count: i64): void {
  const gap = needReplyGap();
  let done: u32 = 0;
  let more = treeSeek(consumer.pending, Id.ms, Id.seq);
  while (more && (count == 0 || <i64>done < count) && !replyLost) {
    const leaf = At.leaf;
    const index = At.index;
    const nack = Nack.at(At.value);
    const ms = At.high;
    const seq = At.low;
    if (findEntry(stream, ms, seq)) {
      Entries.reply();
      nack.deliveredAt = now;
      nack.deliveries++;
    } else {
      replyArray(2);
      replyId(ms, seq);
      replyNullArray();
    }
    done++;
    At.leaf = leaf;
    At.index = index;
    more = treeNext();
  }
  closeReplyGap(gap, done);
}

/** Delivers entries from `Id` on to the consumer. */
function deliver(
  database: Database,
  stream: Stream,
  group: Group,
  consumer: Consumer,
  index: u32,
  count: i64,
): void {
  const key = Arg.ptr(index);
  const length = Arg.length(index);
  const gap = needReplyGap();
  let done: u32 = 0;
  let moved = false;
  Entries.begin(stream, Id.ms, Id.seq, ID_MAX, ID_MAX, false);
  while ((count == 0 || <i64>done < count) && !replyLost && Entries.step()) {
    // What there is no memory for is delivered another time.
    if (!roomForEffect(length, group, consumer.nameLength) || !canAllocate(DELIVERY_BYTES)) break;
    const ms = Entries.ms;
    const seq = Entries.seq;
    if (idBelow(group.lastMs, group.lastSeq, ms, seq)) {
      advance(stream, group, ms, seq);
      moved = true;
    }
    Entries.reply();
    done++;
    if (noAck) continue;
    const nack = take(group, consumer, ms, seq);
    journalClaim(database, key, length, group, nack, ms, seq, 0, 0);
  }
  if (moved && propagatesGroup()) journalGroup(database, key, length, group);
  closeReplyGap(gap, done);
}

/** With a claim the group's identifier has travelled already. */
function propagatesGroup(): bool {
  return noAck;
}

/** The group has come to the entry: its identifier and its counter of entries read. */
function advance(stream: Stream, group: Group, ms: u64, seq: u64): void {
  if (group.entriesRead != -1 && !hasTombstones(stream, ms, seq)) group.entriesRead++;
  else if (stream.entriesAdded != 0) group.entriesRead = entriesUpTo(stream, ms, seq);
  group.lastMs = ms;
  group.lastSeq = seq;
}

/** Notes the delivery; an entry that was delivered before changes hands. */
function take(group: Group, consumer: Consumer, ms: u64, seq: u64): Nack {
  const known = treeFind(group.pending, ms, seq);
  if (known != 0) {
    const nack = Nack.at(known);
    moveNack(nack, consumer, ms, seq);
    nack.deliveredAt = now;
    nack.deliveries = 1;
    return nack;
  }
  const nack = addNack(group, changetype<usize>(consumer), ms, seq, now, 1);
  treeInsert(consumer.pending, ms, seq, changetype<usize>(nack));
  return nack;
}

// Blocking.

/** Keeps what the identifiers stood for when the command came; false: memory does not suffice. */
function keepIds(database: Database): bool {
  const ids = blockedIds(keyCount);
  if (ids == 0) return false;
  for (let i: u32 = 0; i < keyCount; i++) {
    const index = firstKey + i;
    if (isMark(index + keyCount, DOLLAR)) {
      // Looked up twice before, which is what Redis counts.
      const e = peek(database, slotOfKey(index), Arg.ptr(index), Arg.length(index));
      Id.set(e == 0 ? 0 : streamOf(e).lastMs, e == 0 ? 0 : streamOf(e).lastSeq);
    } else parseId(index + keyCount);
    const at = ids + ((<usize>i) << 4);
    store<u64>(at, Id.ms);
    store<u64>(at, Id.seq, 8);
  }
  return true;
}

/** A key has become ready: serves from that one, or goes on waiting. */
function serveAgain(database: Database): void {
  for (let i: u32 = 0; i < keyCount; i++) {
    const index = firstKey + i;
    if (!mayServe(index)) continue;
    const e = keyAt(database, index);
    if (e == 0 || Entry.type(e) != <u32>ValueType.Stream) {
      if (!ofGroup) continue;
      replyError("UNBLOCKED the stream key no longer exists");
      return;
    }
    if (serveOne(database, streamOf(e), i)) return;
  }
  blockOn(ValueType.Stream, firstKey, keyCount, timeoutMs);
}

/** Replies the entries of the one key; false: there are none. */
function serveOne(database: Database, stream: Stream, i: u32): bool {
  const index = firstKey + i;
  let group: usize = 0;
  history = false;
  if (ofGroup) {
    group = findGroup(stream, Arg.ptr(groupArgument), Arg.length(groupArgument));
    if (group == 0) {
      replyError("NOGROUP the consumer group this client was blocked on no longer exists");
      return true;
    }
    Id.set(Group.at(group).lastMs, Group.at(group).lastSeq);
  } else {
    const at = blockedIds(keyCount) + ((<usize>i) << 4);
    Id.set(load<u64>(at), load<u64>(at, 8));
  }
  if (!idBelow(Id.ms, Id.seq, stream.lastMs, stream.lastSeq)) return false;
  let consumer: usize = 0;
  if (group != 0) {
    beforeQuietWriteTo(database, slotOfKey(index), Arg.ptr(index), Arg.length(index));
    const ms = Id.ms;
    const seq = Id.seq;
    consumer = seeConsumer(database, Group.at(group), index);
    Id.set(ms, seq);
  }
  const gap = needReplyGap();
  serve(database, stream, group, consumer, index, limit == 0 ? BLOCKED_COUNT : limit);
  closeStreams(gap, 1);
  return true;
}
