/**
 * A stream: entries in listpacks (stream-node.ts) under the identifier of their first entry, and consumer groups. An
 * identifier is (milliseconds, sequence), 128 bits. Fields and their meaning: Redis 7.0 stream.h.
 */
import { compareBytes, copyBytes } from "../base/bytes";
import { alloc, free, resize, usableSize } from "../base/memory";
import { At, TREE_BYTES, treeInit, treeLast } from "./id-tree";
import { treeInsert, treePop, treeRemove } from "./id-tree-change";

/** `entriesRead` of a group whose counter is not known (SCG_INVALID_ENTRIES_READ). */
export const ENTRIES_READ_UNKNOWN: i64 = -1;

/*
 *  Names, 8 bytes: pointers to records that begin with their name, in order of names
 *
 *  Consumer and group both begin with {u32 nameLength, usize namePtr}.
 */
@unmanaged
export class Names {
  ptr: usize;
  count: u32;

  @inline static at(ptr: usize): Names {
    return changetype<Names>(ptr);
  }
  @inline item(index: u32): usize {
    return load<usize>(this.ptr + ((<usize>index) << 2));
  }
}

@unmanaged
export class Stream {
  length: u64;
  lastMs: u64;
  lastSeq: u64;
  firstMs: u64;
  firstSeq: u64;
  maxDeletedMs: u64;
  maxDeletedSeq: u64;
  entriesAdded: u64;
  nodesRoot: usize;
  nodesCount: u32;
  groups: usize;
  groupsCount: u32;
  /** The last listpack and its key, so that appending needs no search; 0: search. */
  tail: usize;
  padding: u32;
  tailMs: u64;
  tailSeq: u64;

  @inline static at(ptr: usize): Stream {
    return changetype<Stream>(ptr);
  }
  @inline get nodes(): usize {
    return changetype<usize>(this) + offsetof<Stream>("nodesRoot");
  }
  @inline get names(): usize {
    return changetype<usize>(this) + offsetof<Stream>("groups");
  }
}

@unmanaged
export class Group {
  nameLength: u32;
  name: usize;
  lastMs: u64;
  lastSeq: u64;
  entriesRead: i64;
  pendingRoot: usize;
  pendingCount: u32;
  consumers: usize;
  consumersCount: u32;

  @inline static at(ptr: usize): Group {
    return changetype<Group>(ptr);
  }
  /** What was delivered and is not confirmed: identifier to `Nack`. */
  @inline get pending(): usize {
    return changetype<usize>(this) + offsetof<Group>("pendingRoot");
  }
  @inline get names(): usize {
    return changetype<usize>(this) + offsetof<Group>("consumers");
  }
}

@unmanaged
export class Consumer {
  nameLength: u32;
  name: usize;
  seenTime: i64;
  pendingRoot: usize;
  pendingCount: u32;

  @inline static at(ptr: usize): Consumer {
    return changetype<Consumer>(ptr);
  }
  /** Its part of the group's `pending`: the same records. */
  @inline get pending(): usize {
    return changetype<usize>(this) + offsetof<Consumer>("pendingRoot");
  }
}

/** An entry that was delivered and is not confirmed. */
@unmanaged
export class Nack {
  deliveredAt: i64;
  deliveries: u64;
  consumer: usize;

  @inline static at(ptr: usize): Nack {
    return changetype<Nack>(ptr);
  }
}
if (offsetof<Stream>("nodesCount") != offsetof<Stream>("nodesRoot") + 4)
  ERROR("a tree is two words");
if (offsetof<Group>("pendingCount") != offsetof<Group>("pendingRoot") + 4)
  ERROR("tree of two words");
if (TREE_BYTES != 8) ERROR("a tree is two words");

export function newStream(): Stream {
  const ptr = alloc(offsetof<Stream>());
  memory.fill(ptr, 0, offsetof<Stream>());
  return Stream.at(ptr);
}

// Records in order of their names.

/** Where the last search has ended: the index of the name, or where it belongs. */
let nameIndex: u32 = 0;

function findName(names: usize, ptr: usize, length: u32): usize {
  const list = Names.at(names);
  let start: u32 = 0;
  let end = list.count;
  while (start < end) {
    const middle = (start + end) >> 1;
    const item = list.item(middle);
    const order = compareBytes(load<usize>(item, 4), load<u32>(item), ptr, length);
    if (order == 0) {
      nameIndex = middle;
      return item;
    }
    if (order < 0) start = middle + 1;
    else end = middle;
  }
  nameIndex = start;
  return 0;
}

/** Adds a record where the last search has missed its name. */
function insertName(names: usize, record: usize): void {
  const list = Names.at(names);
  const bytes = (<usize>list.count) << 2;
  if (list.ptr == 0) list.ptr = alloc(16);
  else if (bytes + 4 > usableSize(list.ptr)) list.ptr = resize(list.ptr, bytes, bytes << 1);
  const at = list.ptr + ((<usize>nameIndex) << 2);
  memory.copy(at + 4, at, bytes - ((<usize>nameIndex) << 2));
  store<usize>(at, record);
  list.count++;
}

/** Takes out the record that the last search has found. */
function removeName(names: usize): void {
  const list = Names.at(names);
  list.count--;
  const at = list.ptr + ((<usize>nameIndex) << 2);
  memory.copy(at, at + 4, (<usize>(list.count - nameIndex)) << 2);
  if (list.count != 0) return;
  free(list.ptr);
  list.ptr = 0;
}

function nameCopy(ptr: usize, length: u32): usize {
  const copy = alloc(length);
  copyBytes(copy, ptr, length);
  return copy;
}

// Groups.

export function findGroup(stream: Stream, ptr: usize, length: u32): usize {
  return findName(stream.names, ptr, length);
}

/** A new group; `findGroup` has just missed its name. */
export function addGroup(
  stream: Stream,
  ptr: usize,
  length: u32,
  ms: u64,
  seq: u64,
  entriesRead: i64,
): Group {
  const group = Group.at(alloc(offsetof<Group>()));
  memory.fill(changetype<usize>(group), 0, offsetof<Group>());
  group.nameLength = length;
  group.name = nameCopy(ptr, length);
  group.lastMs = ms;
  group.lastSeq = seq;
  group.entriesRead = entriesRead;
  insertName(stream.names, changetype<usize>(group));
  return group;
}

/** Removes the group that `findGroup` has just found, with all it has. */
export function removeGroup(stream: Stream, group: Group): void {
  removeName(stream.names);
  freeGroupSome(group, u32.MAX_VALUE);
}

/** Frees parts of a group; answers how many. Fewer than `budget`: all, and the group itself. */
export function freeGroupSome(group: Group, budget: u32): u32 {
  let freed: u32 = 0;
  while (freed < budget) {
    const nack = treePop(group.pending);
    if (nack == 0) break;
    free(nack);
    freed++;
  }
  const names = Names.at(group.names);
  while (freed < budget && names.count > 0) {
    const consumer = Consumer.at(names.item(names.count - 1));
    // The records are gone with the group's list: only the nodes of the tree are left.
    if (treePop(consumer.pending) == 0) {
      names.count--;
      free(consumer.name);
      free(changetype<usize>(consumer));
    }
    freed++;
  }
  if (freed == budget) return freed;
  free(names.ptr);
  free(group.name);
  free(changetype<usize>(group));
  return freed;
}

// Consumers and what they have not confirmed.

export function findConsumer(group: Group, ptr: usize, length: u32): usize {
  return findName(group.names, ptr, length);
}

/** A new consumer; `findConsumer` has just missed its name. */
export function addConsumer(group: Group, ptr: usize, length: u32, seenTime: i64): Consumer {
  const consumer = Consumer.at(alloc(offsetof<Consumer>()));
  consumer.nameLength = length;
  consumer.name = nameCopy(ptr, length);
  consumer.seenTime = seenTime;
  treeInit(consumer.pending);
  insertName(group.names, changetype<usize>(consumer));
  return consumer;
}

/** Removes the consumer that `findConsumer` has just found; what it has not confirmed is forgotten. */
export function removeConsumer(group: Group, consumer: Consumer): void {
  removeName(group.names);
  while (treeLast(consumer.pending)) {
    const ms = At.high;
    const seq = At.low;
    treeRemove(consumer.pending, ms, seq);
    free(treeRemove(group.pending, ms, seq));
  }
  free(consumer.name);
  free(changetype<usize>(consumer));
}

/** A new record of a delivery, in the group's list; the identifier is not there yet. */
export function addNack(
  group: Group,
  consumer: usize,
  ms: u64,
  seq: u64,
  deliveredAt: i64,
  deliveries: u64,
): Nack {
  const nack = Nack.at(alloc(offsetof<Nack>()));
  nack.deliveredAt = deliveredAt;
  nack.deliveries = deliveries;
  nack.consumer = consumer;
  treeInsert(group.pending, ms, seq, changetype<usize>(nack));
  return nack;
}

/** Removes a delivery from the group's and its consumer's list. False: there is none. */
export function removeNack(group: Group, ms: u64, seq: u64): bool {
  const ptr = treeRemove(group.pending, ms, seq);
  if (ptr == 0) return false;
  treeRemove(Consumer.at(Nack.at(ptr).consumer).pending, ms, seq);
  free(ptr);
  return true;
}

/** Gives a delivery to a consumer, which may have it already. */
export function moveNack(nack: Nack, consumer: Consumer, ms: u64, seq: u64): void {
  const owner = changetype<usize>(consumer);
  if (nack.consumer == owner) return;
  treeRemove(Consumer.at(nack.consumer).pending, ms, seq);
  treeInsert(consumer.pending, ms, seq, changetype<usize>(nack));
  nack.consumer = owner;
}
