/**
 * Members in order of (score, bytes), with ranks: a B+ tree. Leaves hold {score, record}; an inner node holds for each
 * child its smallest {score, record}, its address and how many records are below it. Records are allocations of the
 * caller's, which the tree only points to:
 *
 *   record   u32 member length | f64 score | member bytes
 *
 * Nodes have one size per kind, so no operation moves more than a kilobyte per level. Nodes that run low are merged
 * with a neighbour; those that are split at their end stay full, so that members which come in order fill them.
 */
import { alloc } from "../base/memory";

/*
 *  Node header, 16 bytes; then in a leaf      f64 scores[62], u32 records[62]
 *                       and in an inner node  f64 scores[50], u32 records[50], u32 children[50], u32 counts[50]
 */
@unmanaged
export class Node {
  count: u32;
  /** 0: a leaf. */
  level: u32;
  /** Neighbours of a leaf. */
  previous: usize;
  next: usize;

  @inline static at(ptr: usize): Node {
    return changetype<Node>(ptr);
  }
}

const SCORES: usize = 16;
export const LEAF_MAX: u32 = 62;
export const INNER_MAX: u32 = 50;
export const LEAF_RECORDS: usize = SCORES + 62 * 8;
export const LEAF_BYTES: usize = 768;
export const INNER_RECORDS: usize = SCORES + 50 * 8;
const CHILDREN: usize = INNER_RECORDS + 50 * 4;
const COUNTS: usize = CHILDREN + 50 * 4;
export const INNER_BYTES: usize = 1024;
if (offsetof<Node>() != 16) ERROR("the arrays of a node begin behind its header");

export const RECORD_SCORE: usize = 4;
export const RECORD_MEMBER: usize = 12;

/*
 *  OrderedSet, 8 bytes
 */
@unmanaged
export class OrderedSet {
  root: usize;
  count: u32;

  @inline static at(ptr: usize): OrderedSet {
    return changetype<OrderedSet>(ptr);
  }
}

export class Record {
  @inline static length(record: usize): u32 {
    return load<u32>(record);
  }
  @inline static score(record: usize): f64 {
    return load<f64>(record, RECORD_SCORE);
  }
  @inline static member(record: usize): usize {
    return record + RECORD_MEMBER;
  }
}

export class Slot {
  @inline static score(node: usize, at: u32): f64 {
    return load<f64>(node + ((<usize>at) << 3), SCORES);
  }
  @inline static leafRecord(leaf: usize, at: u32): usize {
    return load<usize>(leaf + ((<usize>at) << 2), LEAF_RECORDS);
  }
  @inline static innerRecord(node: usize, at: u32): usize {
    return load<usize>(node + ((<usize>at) << 2), INNER_RECORDS);
  }
  @inline static child(node: usize, at: u32): usize {
    return load<usize>(node + ((<usize>at) << 2), CHILDREN);
  }
  @inline static below(node: usize, at: u32): u32 {
    return load<u32>(node + ((<usize>at) << 2), COUNTS);
  }
  @inline static setBelow(node: usize, at: u32, count: u32): void {
    store<u32>(node + ((<usize>at) << 2), count, COUNTS);
  }
}

export function newNode(level: u32): usize {
  const ptr = alloc(level == 0 ? LEAF_BYTES : INNER_BYTES);
  const node = Node.at(ptr);
  node.count = 0;
  node.level = level;
  node.previous = 0;
  node.next = 0;
  return ptr;
}

/** Moves `count` entries of one array. */
function moveArray(
  target: usize,
  to: u32,
  source: usize,
  from: u32,
  count: u32,
  array: usize,
  shift: usize,
): void {
  memory.copy(
    target + array + ((<usize>to) << shift),
    source + array + ((<usize>from) << shift),
    (<usize>count) << shift,
  );
}

/** Moves entries within a node or between nodes of one level; counts are the caller's. */
export function moveEntries(target: usize, to: u32, source: usize, from: u32, count: u32): void {
  if (count == 0) return;
  moveArray(target, to, source, from, count, SCORES, 3);
  if (Node.at(source).level == 0) {
    moveArray(target, to, source, from, count, LEAF_RECORDS, 2);
    return;
  }
  moveArray(target, to, source, from, count, INNER_RECORDS, 2);
  moveArray(target, to, source, from, count, CHILDREN, 2);
  moveArray(target, to, source, from, count, COUNTS, 2);
}

/** Opens a gap of one entry. */
function openGap(node: usize, at: u32): void {
  const header = Node.at(node);
  moveEntries(node, at + 1, node, at, header.count - at);
  header.count++;
}

/** Splits a full node: all behind the first `keep` entries goes to a new one on its right. */
export function split(node: usize, keep: u32): usize {
  const header = Node.at(node);
  const right = newNode(header.level);
  const moved = header.count - keep;
  moveEntries(right, 0, node, keep, moved);
  Node.at(right).count = moved;
  header.count = keep;
  if (header.level == 0) {
    const next = header.next;
    Node.at(right).previous = node;
    Node.at(right).next = next;
    if (next != 0) Node.at(next).previous = right;
    header.next = right;
  }
  return right;
}

export function putLeaf(leaf: usize, at: u32, score: f64, record: usize): void {
  openGap(leaf, at);
  store<f64>(leaf + ((<usize>at) << 3), score, SCORES);
  store<usize>(leaf + ((<usize>at) << 2), record, LEAF_RECORDS);
}

export function total(node: usize): u32 {
  const count = Node.at(node).count;
  if (Node.at(node).level == 0) return count;
  let sum: u32 = 0;
  for (let i: u32 = 0; i < count; i++) sum += Slot.below(node, i);
  return sum;
}

export function firstRecord(node: usize): usize {
  return Node.at(node).level == 0 ? Slot.leafRecord(node, 0) : Slot.innerRecord(node, 0);
}

/** Notes the smallest entry below a child. */
export function noteFirst(node: usize, at: u32, child: usize): void {
  store<f64>(node + ((<usize>at) << 3), Slot.score(child, 0), SCORES);
  store<usize>(node + ((<usize>at) << 2), firstRecord(child), INNER_RECORDS);
}

export function putChild(node: usize, at: u32, child: usize): void {
  openGap(node, at);
  noteFirst(node, at, child);
  store<usize>(node + ((<usize>at) << 2), child, CHILDREN);
  Slot.setBelow(node, at, total(child));
}

export function closeGap(node: usize, at: u32): void {
  const header = Node.at(node);
  header.count--;
  moveEntries(node, at, node, at + 1, header.count - at);
}

export function unlinkLeaf(leaf: usize): void {
  const header = Node.at(leaf);
  if (header.previous != 0) Node.at(header.previous).next = header.next;
  if (header.next != 0) Node.at(header.next).previous = header.previous;
}
