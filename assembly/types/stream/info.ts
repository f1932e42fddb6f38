/** XINFO. Behaviour: Redis 7.0 t_stream.c. */
import { equalsWord } from "../../base/bytes";
import { Arg, argc, closeReplyGap, needReplyGap, now, replyLost, slot } from "../../base/frame";
import { currentDatabase, lookupRead } from "../../keyspace/keyspace";
import { parsedInt64 } from "../../protocol/number";
import {
  replyArray,
  replyBulk,
  replyBulkText,
  replyError,
  replyInt,
  replyMap,
  replyNull,
  replySimple,
} from "../../protocol/reply";
import { At, treeFirst, treeNext } from "../../structures/id-tree";
import { Consumer, findGroup, Group, Nack, Names, Stream } from "../../structures/stream";
import { entriesUpTo, hasTombstones } from "../../structures/stream-history";
import { replyId } from "../../structures/stream-id";
import { Entries, edgeEntry } from "../../structures/stream-walk";
import { replyWalk, walkAll } from "./entries";
import {
  checkStreamType,
  parseInteger,
  replyNoGroup,
  replyWrongSubcommand,
  streamOf,
} from "./lookup";

/** Entries and deliveries that XINFO STREAM FULL shows when nothing is said. */
const FULL_COUNT: i64 = 10;
const KEY_BYTES: u32 = 16;

export function xInfo(): void {
  const ptr = Arg.ptr(1);
  const length = Arg.length(1);
  if (equalsWord(ptr, length, "help")) {
    help();
    return;
  }
  const e = lookupRead(currentDatabase(), slot, Arg.ptr(2), Arg.length(2));
  if (e == 0) {
    replyError("ERR no such key");
    return;
  }
  if (!checkStreamType(e)) return;
  const stream = streamOf(e);
  if (equalsWord(ptr, length, "consumers")) consumers(stream);
  else if (equalsWord(ptr, length, "groups")) groups(stream);
  else streamInfo(stream);
}

function consumers(stream: Stream): void {
  const ptr = findGroup(stream, Arg.ptr(3), Arg.length(3));
  if (ptr == 0) {
    replyNoGroup(2, 3);
    return;
  }
  const names = Names.at(Group.at(ptr).names);
  replyArray(names.count);
  for (let i: u32 = 0; i < names.count && !replyLost; i++) {
    const consumer = Consumer.at(names.item(i));
    replyMap(3);
    replyBulkText("name");
    replyBulk(consumer.name, consumer.nameLength);
    replyBulkText("pending");
    replyInt(consumer.pendingCount);
    replyBulkText("idle");
    replyInt(max<i64>(now - consumer.seenTime, 0));
  }
}

function groups(stream: Stream): void {
  const names = Names.at(stream.names);
  replyArray(names.count);
  for (let i: u32 = 0; i < names.count && !replyLost; i++) {
    const group = Group.at(names.item(i));
    replyMap(6);
    replyBulkText("name");
    replyBulk(group.name, group.nameLength);
    replyBulkText("consumers");
    replyInt(group.consumersCount);
    replyBulkText("pending");
    replyInt(group.pendingCount);
    replyProgress(stream, group);
  }
}

/** Where the group is: three pairs of a map. */
function replyProgress(stream: Stream, group: Group): void {
  replyBulkText("last-delivered-id");
  replyId(group.lastMs, group.lastSeq);
  replyBulkText("entries-read");
  if (group.entriesRead == -1) replyNull();
  else replyInt(group.entriesRead);
  replyBulkText("lag");
  replyLag(stream, group);
}

/** How many entries the group has not read: null where that cannot be told (streamReplyWithCGLag). */
function replyLag(stream: Stream, group: Group): void {
  const added = <i64>stream.entriesAdded;
  if (added == 0) {
    replyInt(0);
    return;
  }
  let read = group.entriesRead;
  if (read == -1 || hasTombstones(stream, group.lastMs, group.lastSeq)) {
    read = entriesUpTo(stream, group.lastMs, group.lastSeq);
    if (read == -1) {
      replyNull();
      return;
    }
  }
  replyInt(added - read);
}

function streamInfo(stream: Stream): void {
  let count = FULL_COUNT;
  const full = argc > 3;
  if (full) {
    const shaped =
      (argc == 4 || argc == 6) &&
      equalsWord(Arg.ptr(3), Arg.length(3), "full") &&
      (argc == 4 || equalsWord(Arg.ptr(4), Arg.length(4), "count"));
    if (!shaped) {
      replyWrongSubcommand("XINFO");
      return;
    }
    if (argc == 6) {
      if (!parseInteger(5)) return;
      count = parsedInt64();
      if (count < 0) count = FULL_COUNT;
    }
  }
  replyMap(full ? 9 : 10);
  replyBulkText("length");
  replyInt(<i64>stream.length);
  replyBulkText("radix-tree-keys");
  replyInt(stream.nodesCount);
  replyBulkText("radix-tree-nodes");
  replyInt(radixNodes(stream));
  replyBulkText("last-generated-id");
  replyId(stream.lastMs, stream.lastSeq);
  replyBulkText("max-deleted-entry-id");
  replyId(stream.maxDeletedMs, stream.maxDeletedSeq);
  replyBulkText("entries-added");
  replyInt(<i64>stream.entriesAdded);
  replyBulkText("recorded-first-entry-id");
  replyId(stream.firstMs, stream.firstSeq);
  if (full) {
    replyBulkText("entries");
    walkAll(stream, false);
    replyWalk(count);
    replyBulkText("groups");
    fullGroups(stream, count);
    return;
  }
  replyBulkText("groups");
  replyInt(stream.groupsCount);
  replyBulkText("first-entry");
  replyEdge(stream, true);
  replyBulkText("last-entry");
  replyEdge(stream, false);
}

function replyEdge(stream: Stream, first: bool): void {
  if (edgeEntry(stream, first, false)) Entries.reply();
  else replyNull();
}

function fullGroups(stream: Stream, count: i64): void {
  const names = Names.at(stream.names);
  replyArray(names.count);
  for (let i: u32 = 0; i < names.count && !replyLost; i++) {
    const group = Group.at(names.item(i));
    replyMap(7);
    replyBulkText("name");
    replyBulk(group.name, group.nameLength);
    replyProgress(stream, group);
    replyBulkText("pel-count");
    replyInt(group.pendingCount);
    replyBulkText("pending");
    replyDeliveries(group.pending, count, true);
    replyBulkText("consumers");
    fullConsumers(group, count);
  }
}

function fullConsumers(group: Group, count: i64): void {
  const names = Names.at(group.names);
  replyArray(names.count);
  for (let i: u32 = 0; i < names.count && !replyLost; i++) {
    const consumer = Consumer.at(names.item(i));
    replyMap(4);
    replyBulkText("name");
    replyBulk(consumer.name, consumer.nameLength);
    replyBulkText("seen-time");
    replyInt(consumer.seenTime);
    replyBulkText("pel-count");
    replyInt(consumer.pendingCount);
    replyBulkText("pending");
    replyDeliveries(consumer.pending, count, false);
  }
}

/** Up to `count` (0: all) deliveries, of a group with their consumers. */
function replyDeliveries(tree: usize, count: i64, ofGroup: bool): void {
  const gap = needReplyGap();
  let done: u32 = 0;
  for (let more = treeFirst(tree); more && !replyLost; more = treeNext()) {
    if (count != 0 && <i64>done >= count) break;
    const nack = Nack.at(At.value);
    replyArray(ofGroup ? 4 : 3);
    replyId(At.high, At.low);
    if (ofGroup) {
      const owner = Consumer.at(nack.consumer);
      replyBulk(owner.name, owner.nameLength);
    }
    replyInt(nack.deliveredAt);
    replyInt(<i64>nack.deliveries);
    done++;
  }
  closeReplyGap(gap, done);
}

// Redis keeps listpacks in a radix tree and tells how many nodes that has.

/** Depths of the branchings on the path to the key in hand. */
const branchings: usize = memory.data(32 * 4, 16);

/**
 * Nodes of a radix tree (rax.c) over the keys of the listpacks, 16 bytes each: one per leaf and per branching, and one
 * for each run of bytes between two of these, or between the root and the first, that has no branching.
 */
function radixNodes(stream: Stream): i64 {
  if (!treeFirst(stream.nodes)) return 1;
  let nodes: i64 = 0;
  let open: u32 = 0;
  let ms = At.high;
  let seq = At.low;
  let before: i32 = -1;
  let more = true;
  while (more) {
    more = treeNext();
    let shared: i32 = -1;
    if (more) {
      shared = <i32>sharedBytes(ms, seq, At.high, At.low);
      ms = At.high;
      seq = At.low;
    }
    // The leaf hangs under the deeper one of the branchings on its two sides.
    const parent = max(before, shared);
    nodes += 1 + run(parent, KEY_BYTES);
    before = shared;
    // Branchings below what the next key shares are complete.
    let deepest: i32 = open > 0 ? load<i32>(branchings + ((open - 1) << 2)) : -1;
    while (open > 0 && deepest > shared) {
      open--;
      const above = open > 0 ? load<i32>(branchings + ((open - 1) << 2)) : -1;
      nodes += 1 + run(max(above, shared), deepest);
      deepest = above;
    }
    if (more && deepest != shared) {
      store<i32>(branchings + (open << 2), shared);
      open++;
    }
  }
  return nodes;
}

/** 1 where bytes lie between a branching at depth `parent` (-1: the root has none) and what is at depth `depth`. */
function run(parent: i32, depth: i32): i64 {
  // A branching spends one byte on telling its children apart.
  return depth - (parent + 1) > 0 ? 1 : 0;
}

/** How many bytes two keys have in common at their beginning. */
function sharedBytes(ms: u64, seq: u64, otherMs: u64, otherSeq: u64): u32 {
  if (ms != otherMs) return <u32>(clz<u64>(ms ^ otherMs) >> 3);
  return 8 + <u32>(clz<u64>(seq ^ otherSeq) >> 3);
}

function help(): void {
  replyArray(9);
  replySimple("XINFO <subcommand> [<arg> [value] [opt] ...]. Subcommands are:");
  replySimple("CONSUMERS <key> <groupname>");
  replySimple("    Show consumers of <groupname>.");
  replySimple("GROUPS <key>");
  replySimple("    Show the stream consumer groups.");
  replySimple("STREAM <key> [FULL [COUNT <count>]");
  replySimple("    Show information about the stream.");
  replySimple("HELP");
  replySimple("    Prints this help.");
}
