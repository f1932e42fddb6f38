/**
 * Stream values in RDB files and in digests. Formats: Redis 7.0 rdb.c; digest: debug.c.
 *
 *   count { 16-byte key, listpack }  length  last id  [first id  largest deleted id  entries added]  groups
 *   group: name  last id  [entries read]  count { id, i64 time, deliveries }  count { consumer }
 *   consumer: name  i64 seen  [i64 active]  count { id }
 *
 * What stands in brackets came with the types StreamListpacks2 and (active) StreamListpacks3. Identifiers are pairs of
 * lengths, but 16 big-endian bytes as keys and in lists of deliveries.
 */
import { Encoding, LoadStatus } from "../abi";
import { canAllocate, free } from "../base/memory";
import { writeUint64 } from "../protocol/number";
import { At, treeCount, treeFind, treeFirst, treeNext } from "../structures/id-tree";
import { treeInsert } from "../structures/id-tree-change";
import { lpBytes, lpCopy } from "../structures/listpack";
import { Lp, lpRead } from "../structures/listpack-element";
import {
  addConsumer,
  addGroup,
  addNack,
  Consumer,
  findConsumer,
  findGroup,
  Group,
  Nack,
  Names,
  newStream,
  Stream,
} from "../structures/stream";
import { entriesUpTo } from "../structures/stream-history";
import { validNode } from "../structures/stream-valid";
import { Entries } from "../structures/stream-walk";
import { mix } from "./digest-sum";
import { Loading } from "./loading-state";
import { RdbType } from "./rdb-format";
import { RdbReader, Text } from "./rdb-read";
import { RdbWriter } from "./rdb-write";
import { Pace, SaveCursor } from "./save-cursor";

const ID_BYTES: u32 = 16;
/** Room for a record, its name's header and the nodes that two trees may need. */
const RECORD_BYTES: usize = 8192;

const idBytes: usize = memory.data(16, 16);
const scratch: usize = memory.data(48, 16);

/** The type byte that announces the value. */
export function streamRdbType(_encoding: u32, _ptr: usize): u32 {
  return RdbType.StreamListpacks2;
}

// Writing.

function packId(ms: u64, seq: u64): void {
  store<u64>(idBytes, bswap<u64>(ms));
  store<u64>(idBytes, bswap<u64>(seq), 8);
}

function saveId(ms: u64, seq: u64): void {
  RdbWriter.length64(ms);
  RdbWriter.length64(seq);
}

/** What is written next. */
enum Part {
  Begin = 0,
  Nodes = 1,
  Facts = 2,
  Group = 3,
  Pending = 4,
  Consumers = 5,
  Consumer = 6,
  Owned = 7,
}

/** Goes on writing the value with `RdbWriter`; see `SaveCursor`. */
export function saveStream(cursor: SaveCursor): bool {
  const stream = Stream.at(cursor.ptr);
  const groups = Names.at(stream.names);
  while (true) {
    switch (cursor.step) {
      case Part.Begin:
        RdbWriter.length(stream.nodesCount);
        enterTree(cursor, stream.nodes, Part.Nodes, Part.Facts);
        break;
      case Part.Nodes:
        At.leaf = cursor.node;
        At.index = cursor.index;
        packId(At.high, At.low);
        RdbWriter.string(idBytes, ID_BYTES);
        RdbWriter.string(At.value, <u32>lpBytes(At.value));
        stepInTree(cursor, Part.Facts);
        break;
      case Part.Facts:
        saveFacts(stream, groups.count);
        cursor.step = Part.Group;
        break;
      case Part.Group:
        if (cursor.group == groups.count) return true;
        saveGroup(cursor, Group.at(groups.item(cursor.group)));
        break;
      default:
        saveOfGroup(cursor, Group.at(groups.item(cursor.group)));
    }
    if (Pace.isOver()) return false;
  }
}

/** Goes to the first cell of a tree, which `step` writes; where there is none, to what comes behind. */
function enterTree(cursor: SaveCursor, tree: usize, step: Part, behind: Part): void {
  const any = treeFirst(tree);
  cursor.node = At.leaf;
  cursor.index = At.index;
  cursor.step = any ? step : behind;
}

/** Goes to the next cell; at the end of the tree, to what comes behind. */
function stepInTree(cursor: SaveCursor, behind: Part): void {
  At.leaf = cursor.node;
  At.index = cursor.index;
  if (!treeNext()) cursor.step = behind;
  cursor.node = At.leaf;
  cursor.index = At.index;
}

function saveFacts(stream: Stream, groupCount: u32): void {
  RdbWriter.length64(stream.length);
  saveId(stream.lastMs, stream.lastSeq);
  saveId(stream.firstMs, stream.firstSeq);
  saveId(stream.maxDeletedMs, stream.maxDeletedSeq);
  RdbWriter.length64(stream.entriesAdded);
  RdbWriter.length(groupCount);
}

function saveGroup(cursor: SaveCursor, group: Group): void {
  RdbWriter.string(group.name, group.nameLength);
  saveId(group.lastMs, group.lastSeq);
  RdbWriter.length64(<u64>group.entriesRead);
  RdbWriter.length(group.pendingCount);
  enterTree(cursor, group.pending, Part.Pending, Part.Consumers);
}

/** One step in the group in hand. */
function saveOfGroup(cursor: SaveCursor, group: Group): void {
  const consumers = Names.at(group.names);
  At.leaf = cursor.node;
  At.index = cursor.index;
  switch (cursor.step) {
    case Part.Pending: {
      const nack = Nack.at(At.value);
      packId(At.high, At.low);
      RdbWriter.bytes(idBytes, ID_BYTES);
      RdbWriter.u64(<u64>nack.deliveredAt);
      RdbWriter.length64(nack.deliveries);
      stepInTree(cursor, Part.Consumers);
      return;
    }
    case Part.Consumers:
      RdbWriter.length(consumers.count);
      cursor.consumer = 0;
      cursor.step = Part.Consumer;
      return;
    case Part.Consumer:
      if (cursor.consumer == consumers.count) {
        cursor.group++;
        cursor.step = Part.Group;
      } else saveConsumer(cursor, Consumer.at(consumers.item(cursor.consumer++)));
      return;
    case Part.Owned:
      packId(At.high, At.low);
      RdbWriter.bytes(idBytes, ID_BYTES);
      stepInTree(cursor, Part.Consumer);
      return;
    default:
      unreachable();
  }
}

function saveConsumer(cursor: SaveCursor, consumer: Consumer): void {
  RdbWriter.string(consumer.name, consumer.nameLength);
  RdbWriter.u64(<u64>consumer.seenTime);
  RdbWriter.length(consumer.pendingCount);
  enterTree(cursor, consumer.pending, Part.Owned, Part.Consumer);
}

// Reading. One step reads a listpack, a delivery, or what stands in front of a list.

enum Step {
  Node = 0,
  Facts = 1,
  Group = 2,
  Pending = 3,
  Consumers = 4,
  Consumer = 5,
  Owned = 6,
}

/** How much is left of each list around the place of reading. */
let nodesLeft: u64 = 0;
let groupsLeft: u64 = 0;
let pendingLeft: u64 = 0;
let consumersLeft: u64 = 0;
let ownedLeft: u64 = 0;
let group: usize = 0;
let consumer: usize = 0;
/** Deliveries of the group that have a consumer. */
let ownedCount: u32 = 0;
/** Entries in the listpacks so far. */
let entryCount: u64 = 0;

/** Begins to read a value of the RDB type: see `Loading` in loading.ts. */
export function beginStream(_type: u32): bool {
  if (!RdbReader.length()) return false;
  if (!enough(RECORD_BYTES)) return false;
  nodesLeft = RdbReader.value;
  entryCount = 0;
  Loading.ptr = changetype<usize>(newStream());
  Loading.encoding = Encoding.Stream;
  Loading.left = 1;
  Loading.state = nodesLeft > 0 ? Step.Node : Step.Facts;
  return true;
}

function enough(bytes: usize): bool {
  if (canAllocate(bytes)) return true;
  RdbReader.status = LoadStatus.OutOfMemory;
  return false;
}

/** Reads one more element. */
export function continueStream(): bool {
  const stream = Stream.at(Loading.ptr);
  switch (<u32>Loading.state) {
    case Step.Node:
      return readNode(stream);
    case Step.Facts:
      return readFacts(stream);
    case Step.Group:
      return readGroup(stream);
    case Step.Pending:
      return readPending();
    case Step.Consumers:
      return readConsumers();
    case Step.Consumer:
      return readConsumer();
    default:
      return readOwned();
  }
}

/** Goes on with `step` after this one. */
function then(step: Step): bool {
  Loading.state = step;
  // The caller takes one off.
  Loading.left = 2;
  return true;
}

let ms: u64 = 0;
let seq: u64 = 0;

/** An identifier as two lengths. */
function readId(): bool {
  if (!RdbReader.length()) return false;
  const high = RdbReader.value;
  if (!RdbReader.length()) return false;
  ms = high;
  seq = RdbReader.value;
  return true;
}

/** An identifier as 16 bytes. */
function readPacked(): bool {
  const at = RdbReader.at;
  if (!RdbReader.skip(ID_BYTES)) return false;
  ms = bswap<u64>(load<u64>(at));
  seq = bswap<u64>(load<u64>(at, 8));
  return true;
}

function readNode(stream: Stream): bool {
  if (!RdbReader.string(0)) return false;
  const isKey = Text.length == ID_BYTES;
  if (isKey) {
    ms = bswap<u64>(load<u64>(Text.ptr));
    seq = bswap<u64>(load<u64>(Text.ptr, 8));
  }
  free(Text.owned);
  if (!isKey) return RdbReader.corrupt();
  if (!RdbReader.string(0)) return false;
  const kept = keepNode(stream);
  free(Text.owned);
  if (!kept) return false;
  nodesLeft--;
  return then(nodesLeft > 0 ? Step.Node : Step.Facts);
}

/** Takes the listpack in `Text` over as a copy. */
function keepNode(stream: Stream): bool {
  if (!enough(<usize>Text.length + RECORD_BYTES)) return false;
  const entries = validNode(Text.ptr, Text.length);
  if (entries < 0) return RdbReader.corrupt();
  entryCount += <u64>entries;
  const lp = lpCopy(Text.ptr, Text.length);
  if (treeInsert(stream.nodes, ms, seq, lp)) return true;
  free(lp);
  return RdbReader.corrupt();
}

function readFacts(stream: Stream): bool {
  if (!RdbReader.length()) return false;
  const length = RdbReader.value;
  if (!readId()) return false;
  const lastMs = ms;
  const lastSeq = seq;
  const old = Loading.rdbType == <u32>RdbType.StreamListpacks;
  if (!old) {
    if (!readId()) return false;
    stream.firstMs = ms;
    stream.firstSeq = seq;
    if (!readId()) return false;
    stream.maxDeletedMs = ms;
    stream.maxDeletedSeq = seq;
    if (!RdbReader.length()) return false;
    stream.entriesAdded = RdbReader.value;
  }
  if (!RdbReader.length()) return false;
  if (length != entryCount) return RdbReader.corrupt();
  groupsLeft = RdbReader.value;
  stream.length = length;
  stream.lastMs = lastMs;
  stream.lastSeq = lastSeq;
  if (old) countAnew(stream);
  return groupsLeft == 0 || then(Step.Group);
}

/** Counters that streams have had since Redis 7.0. */
function countAnew(stream: Stream): void {
  stream.entriesAdded = stream.length;
  Entries.begin(stream, 0, 0, u64.MAX_VALUE, u64.MAX_VALUE, false);
  const found = Entries.step();
  stream.firstMs = found ? Entries.ms : u64.MAX_VALUE;
  stream.firstSeq = found ? Entries.seq : u64.MAX_VALUE;
}

function readGroup(stream: Stream): bool {
  if (!RdbReader.string(0)) return false;
  const ptr = Text.ptr;
  const length = Text.length;
  const owned = Text.owned;
  const done = readGroupFacts(stream, ptr, length);
  free(owned);
  return done;
}

function readGroupFacts(stream: Stream, ptr: usize, length: u32): bool {
  if (!readId()) return false;
  let entriesRead: i64 = 0;
  if (Loading.rdbType == <u32>RdbType.StreamListpacks) entriesRead = entriesUpTo(stream, ms, seq);
  else {
    if (!RdbReader.length()) return false;
    entriesRead = <i64>RdbReader.value;
  }
  if (!RdbReader.length() || !enough(<usize>length + RECORD_BYTES)) return false;
  if (findGroup(stream, ptr, length) != 0) return RdbReader.corrupt();
  pendingLeft = RdbReader.value;
  ownedCount = 0;
  group = changetype<usize>(addGroup(stream, ptr, length, ms, seq, entriesRead));
  return then(pendingLeft > 0 ? Step.Pending : Step.Consumers);
}

function readPending(): bool {
  if (!readPacked()) return false;
  const at = RdbReader.at;
  if (!RdbReader.skip(8)) return false;
  const time = load<i64>(at);
  if (!RdbReader.length() || !enough(RECORD_BYTES)) return false;
  if (treeFind(Group.at(group).pending, ms, seq) != 0) return RdbReader.corrupt();
  addNack(Group.at(group), 0, ms, seq, time, RdbReader.value);
  pendingLeft--;
  return then(pendingLeft > 0 ? Step.Pending : Step.Consumers);
}

function readConsumers(): bool {
  if (!RdbReader.length()) return false;
  consumersLeft = RdbReader.value;
  return consumersLeft > 0 ? then(Step.Consumer) : endGroup();
}

/** The group is whole: every delivery must have a consumer. */
function endGroup(): bool {
  if (ownedCount != treeCount(Group.at(group).pending)) return RdbReader.corrupt();
  groupsLeft--;
  return groupsLeft == 0 || then(Step.Group);
}

function readConsumer(): bool {
  if (!RdbReader.string(0)) return false;
  const ptr = Text.ptr;
  const length = Text.length;
  const owned = Text.owned;
  const done = readConsumerFacts(ptr, length);
  free(owned);
  return done;
}

function readConsumerFacts(ptr: usize, length: u32): bool {
  const at = RdbReader.at;
  const bytes: usize = Loading.rdbType == <u32>RdbType.StreamListpacks3 ? 16 : 8;
  if (!RdbReader.skip(bytes) || !RdbReader.length()) return false;
  if (!enough(<usize>length + RECORD_BYTES)) return false;
  if (findConsumer(Group.at(group), ptr, length) != 0) return RdbReader.corrupt();
  ownedLeft = RdbReader.value;
  consumer = changetype<usize>(addConsumer(Group.at(group), ptr, length, load<i64>(at)));
  return ownedLeft > 0 ? then(Step.Owned) : endConsumer();
}

function endConsumer(): bool {
  consumersLeft--;
  return consumersLeft > 0 ? then(Step.Consumer) : endGroup();
}

function readOwned(): bool {
  if (!readPacked() || !enough(RECORD_BYTES)) return false;
  const nack = treeFind(Group.at(group).pending, ms, seq);
  if (nack == 0 || Nack.at(nack).consumer != 0) return RdbReader.corrupt();
  Nack.at(nack).consumer = consumer;
  treeInsert(Consumer.at(consumer).pending, ms, seq, nack);
  ownedCount++;
  ownedLeft--;
  return ownedLeft > 0 ? then(Step.Owned) : endConsumer();
}

// Digest.

/** Mixes the elements into the digest at `sum`. */
export function digestStream(sum: usize, _encoding: u32, ptr: usize): void {
  Entries.begin(Stream.at(ptr), 0, 0, u64.MAX_VALUE, u64.MAX_VALUE, false);
  while (Entries.step()) {
    let length = <u32>writeUint64(scratch, Entries.ms);
    store<u8>(scratch + length, 46);
    length += 1 + <u32>writeUint64(scratch + length + 1, Entries.seq);
    mix(sum, scratch, length);
    Entries.fieldsBegin();
    for (let i: u32 = 0; i < Entries.fields; i++) {
      mixElement(sum, Entries.field);
      mixElement(sum, Entries.value);
      Entries.fieldsNext();
    }
  }
}

function mixElement(sum: usize, p: usize): void {
  lpRead(p);
  mix(sum, Lp.ptr, Lp.length);
}
