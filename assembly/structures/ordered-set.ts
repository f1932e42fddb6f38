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
import { compareBytes } from "../base/bytes";
import { alloc, free } from "../base/memory";

/*
 *  Node header, 16 bytes; then in a leaf      f64 scores[62], u32 records[62]
 *                       and in an inner node  f64 scores[50], u32 records[50], u32 children[50], u32 counts[50]
 */
@unmanaged
class Node {
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
const LEAF_MAX: u32 = 62;
const INNER_MAX: u32 = 50;
const LEAF_RECORDS: usize = SCORES + 62 * 8;
const LEAF_BYTES: usize = 768;
const INNER_RECORDS: usize = SCORES + 50 * 8;
const CHILDREN: usize = INNER_RECORDS + 50 * 4;
const COUNTS: usize = CHILDREN + 50 * 4;
const INNER_BYTES: usize = 1024;
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

class Slot {
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

/** The path of the last descent: nodes and the index taken in each, from the root on. */
const DEPTH_MAX: u32 = 16;
const pathNodes: usize = memory.data(16 * 4, 16);
const pathIndexes: usize = memory.data(16 * 4, 16);
let depth: u32 = 0;

class Path {
  @inline static node(at: u32): usize {
    return load<usize>(pathNodes + ((<usize>at) << 2));
  }
  @inline static index(at: u32): u32 {
    return load<u32>(pathIndexes + ((<usize>at) << 2));
  }
  static push(node: usize, index: u32): void {
    if (depth == DEPTH_MAX) unreachable();
    store<usize>(pathNodes + ((<usize>depth) << 2), node);
    store<u32>(pathIndexes + ((<usize>depth) << 2), index);
    depth++;
  }
}

// What is searched for: everything that lies before the bound is passed over.

enum Bound {
  /** Score, then bytes of the member. */
  Member = 0,
  Score = 1,
  /** Bytes of the member alone: of use where all scores are equal. */
  Lex = 2,
}

let boundKind: Bound = Bound.Member;
let boundScore: f64 = 0;
let boundPtr: usize = 0;
let boundLength: u32 = 0;
/** Whether what equals the bound lies before it. */
let boundPassesEqual: bool = false;

function liesBefore(score: f64, record: usize): bool {
  if (boundKind != Bound.Lex) {
    if (score < boundScore) return true;
    if (score > boundScore) return false;
    if (boundKind == Bound.Score) return boundPassesEqual;
  }
  const order = compareBytes(record + RECORD_MEMBER, load<u32>(record), boundPtr, boundLength);
  return order < 0 || (order == 0 && boundPassesEqual);
}

/** How many entries of the node lie before the bound. */
function passed(node: usize, records: usize): u32 {
  let low: u32 = 0;
  let high = Node.at(node).count;
  while (low < high) {
    const middle = (low + high) >> 1;
    const record = load<usize>(node + records + ((<usize>middle) << 2));
    if (liesBefore(Slot.score(node, middle), record)) low = middle + 1;
    else high = middle;
  }
  return low;
}

function boundAtRecord(score: f64, record: usize): void {
  boundKind = Bound.Member;
  boundScore = score;
  boundPtr = record + RECORD_MEMBER;
  boundLength = load<u32>(record);
  boundPassesEqual = false;
}

/** Goes down to the leaf where the bound lies, leaving the path. */
function descend(root: usize): usize {
  depth = 0;
  let node = root;
  while (Node.at(node).level != 0) {
    const count = passed(node, INNER_RECORDS);
    const index: u32 = count == 0 ? 0 : count - 1;
    Path.push(node, index);
    node = Slot.child(node, index);
  }
  return node;
}

/** The rank of the first entry that does not lie before the bound. */
function rankOfBound(root: usize): u32 {
  if (root == 0) return 0;
  let rank: u32 = 0;
  let node = root;
  while (Node.at(node).level != 0) {
    const count = passed(node, INNER_RECORDS);
    const index: u32 = count == 0 ? 0 : count - 1;
    for (let i: u32 = 0; i < index; i++) rank += Slot.below(node, i);
    node = Slot.child(node, index);
  }
  return rank + passed(node, LEAF_RECORDS);
}

/** How many members have a score below (`passEqual`: or equal to) `score`. */
export function rankOfScore(set: OrderedSet, score: f64, passEqual: bool): u32 {
  boundKind = Bound.Score;
  boundScore = score;
  boundPassesEqual = passEqual;
  return rankOfBound(set.root);
}

/** How many members come before (`passEqual`: or equal) the bytes, where all scores are equal. */
export function rankOfLex(set: OrderedSet, ptr: usize, length: u32, passEqual: bool): u32 {
  boundKind = Bound.Lex;
  boundPtr = ptr;
  boundLength = length;
  boundPassesEqual = passEqual;
  return rankOfBound(set.root);
}

/** The rank of a record that is in the set. */
export function rankOfRecord(set: OrderedSet, record: usize): u32 {
  boundAtRecord(Record.score(record), record);
  return rankOfBound(set.root);
}

/** A place in a set, left by `seekRank`; callers that go on from it keep copies. */
export class Place {
  static leaf: usize = 0;
  static index: u32 = 0;

  @inline static record(): usize {
    return Slot.leafRecord(Place.leaf, Place.index);
  }
}

function descendToRank(root: usize, rank: u32): u32 {
  depth = 0;
  let node = root;
  let rest = rank;
  while (Node.at(node).level != 0) {
    let index: u32 = 0;
    while (rest >= Slot.below(node, index)) {
      rest -= Slot.below(node, index);
      index++;
    }
    Path.push(node, index);
    node = Slot.child(node, index);
  }
  Place.leaf = node;
  return rest;
}

/** Sets `Place` to the member of the rank, which must be below the count. */
export function seekRank(set: OrderedSet, rank: u32): void {
  Place.index = descendToRank(set.root, rank);
}

/** The record at a place. */
export function recordAt(leaf: usize, index: u32): usize {
  return Slot.leafRecord(leaf, index);
}

/** Moves on; false at the end. */
export function placeAfter(leaf: usize, index: u32): bool {
  if (index + 1 < Node.at(leaf).count) {
    Place.leaf = leaf;
    Place.index = index + 1;
    return true;
  }
  Place.leaf = Node.at(leaf).next;
  Place.index = 0;
  return Place.leaf != 0;
}

export function placeBefore(leaf: usize, index: u32): bool {
  if (index > 0) {
    Place.leaf = leaf;
    Place.index = index - 1;
    return true;
  }
  const previous = Node.at(leaf).previous;
  Place.leaf = previous;
  if (previous == 0) return false;
  Place.index = Node.at(previous).count - 1;
  return true;
}

// A walk from the end without any state: for what may run while a command is half done.

/** The leaf with the last records; 0: the set is empty. */
export function lastLeaf(set: OrderedSet): usize {
  let node = set.root;
  if (node == 0) return 0;
  while (Node.at(node).level != 0) node = Slot.child(node, Node.at(node).count - 1);
  return node;
}

export function leafCount(leaf: usize): u32 {
  return Node.at(leaf).count;
}

export function leafBefore(leaf: usize): usize {
  return Node.at(leaf).previous;
}

// Inserting.

function newNode(level: u32): usize {
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
function moveEntries(target: usize, to: u32, source: usize, from: u32, count: u32): void {
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
function split(node: usize, keep: u32): usize {
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

function putLeaf(leaf: usize, at: u32, score: f64, record: usize): void {
  openGap(leaf, at);
  store<f64>(leaf + ((<usize>at) << 3), score, SCORES);
  store<usize>(leaf + ((<usize>at) << 2), record, LEAF_RECORDS);
}

function total(node: usize): u32 {
  const count = Node.at(node).count;
  if (Node.at(node).level == 0) return count;
  let sum: u32 = 0;
  for (let i: u32 = 0; i < count; i++) sum += Slot.below(node, i);
  return sum;
}

function firstRecord(node: usize): usize {
  return Node.at(node).level == 0 ? Slot.leafRecord(node, 0) : Slot.innerRecord(node, 0);
}

/** Notes the smallest entry below a child. */
function noteFirst(node: usize, at: u32, child: usize): void {
  store<f64>(node + ((<usize>at) << 3), Slot.score(child, 0), SCORES);
  store<usize>(node + ((<usize>at) << 2), firstRecord(child), INNER_RECORDS);
}

function putChild(node: usize, at: u32, child: usize): void {
  openGap(node, at);
  noteFirst(node, at, child);
  store<usize>(node + ((<usize>at) << 2), child, CHILDREN);
  Slot.setBelow(node, at, total(child));
}

/** Adds a record that is not in the set; its score stands in it. */
export function insertRecord(set: OrderedSet, record: usize): void {
  const score = Record.score(record);
  set.count++;
  if (set.root == 0) {
    set.root = newNode(0);
    putLeaf(set.root, 0, score, record);
    return;
  }
  boundAtRecord(score, record);
  const leaf = descend(set.root);
  const at = passed(leaf, LEAF_RECORDS);
  let right: usize = 0;
  if (Node.at(leaf).count < LEAF_MAX) putLeaf(leaf, at, score, record);
  else {
    let keep = LEAF_MAX >> 1;
    if (at == LEAF_MAX && Node.at(leaf).next == 0) keep = LEAF_MAX;
    else if (at == 0 && Node.at(leaf).previous == 0) keep = 0;
    right = split(leaf, keep);
    if (at > keep || keep == LEAF_MAX) putLeaf(right, at - keep, score, record);
    else putLeaf(leaf, at, score, record);
  }
  grow(set, leaf, right);
}

/** Goes up the path after an insertion below `child`, which may have got a new neighbour on its right. */
function grow(set: OrderedSet, child: usize, right: usize): void {
  while (depth > 0) {
    depth--;
    const node = Path.node(depth);
    const index = Path.index(depth);
    noteFirst(node, index, child);
    if (right == 0) Slot.setBelow(node, index, Slot.below(node, index) + 1);
    else {
      Slot.setBelow(node, index, total(child));
      let target = node;
      let at = index + 1;
      let added: usize = 0;
      if (Node.at(node).count == INNER_MAX) {
        const keep = at == INNER_MAX ? INNER_MAX : INNER_MAX >> 1;
        added = split(node, keep);
        if (at > keep || keep == INNER_MAX) {
          target = added;
          at -= keep;
        }
      }
      putChild(target, at, right);
      right = added;
    }
    child = node;
  }
  if (right == 0) return;
  const root = newNode(Node.at(child).level + 1);
  putChild(root, 0, child);
  putChild(root, 1, right);
  set.root = root;
}

// Removing.

/** Takes a record out of the set; the record itself stays. */
export function removeRecord(set: OrderedSet, record: usize): void {
  boundAtRecord(Record.score(record), record);
  // Where it is the smallest below a child, the way leads into that child and not into the one before.
  boundPassesEqual = true;
  const leaf = descend(set.root);
  boundPassesEqual = false;
  removeAt(set, leaf, passed(leaf, LEAF_RECORDS));
}

/** Takes the record of the rank out of the set and answers it. */
export function removeRank(set: OrderedSet, rank: u32): usize {
  const at = descendToRank(set.root, rank);
  const leaf = Place.leaf;
  const record = Slot.leafRecord(leaf, at);
  removeAt(set, leaf, at);
  return record;
}

function closeGap(node: usize, at: u32): void {
  const header = Node.at(node);
  header.count--;
  moveEntries(node, at, node, at + 1, header.count - at);
}

function unlinkLeaf(leaf: usize): void {
  const header = Node.at(leaf);
  if (header.previous != 0) Node.at(header.previous).next = header.next;
  if (header.next != 0) Node.at(header.next).previous = header.previous;
}

/** Removes the entry of the leaf at the end of the path, then sees to the nodes above. */
function removeAt(set: OrderedSet, leaf: usize, at: u32): void {
  set.count--;
  closeGap(leaf, at);
  let child = leaf;
  while (depth > 0) {
    depth--;
    const node = Path.node(depth);
    const index = Path.index(depth);
    if (Node.at(child).count == 0) {
      if (Node.at(child).level == 0) unlinkLeaf(child);
      free(child);
      closeGap(node, index);
    } else {
      Slot.setBelow(node, index, Slot.below(node, index) - 1);
      noteFirst(node, index, child);
      mergeLow(node, index, child);
    }
    child = node;
  }
  shrinkRoot(set);
}

/** Merges the child with a neighbour, where one of them runs low and both fit well into one. */
function mergeLow(node: usize, index: u32, child: usize): void {
  const most: u32 = Node.at(child).level == 0 ? LEAF_MAX : INNER_MAX;
  const count = Node.at(child).count;
  if (count > most >> 2) return;
  const room = most - (most >> 2);
  if (index + 1 < Node.at(node).count) {
    if (count + Node.at(Slot.child(node, index + 1)).count <= room) {
      mergeRight(node, index);
      return;
    }
  }
  if (index > 0 && count + Node.at(Slot.child(node, index - 1)).count <= room) {
    mergeRight(node, index - 1);
  }
}

/** Moves all of the child behind `index` into the one at `index`. */
function mergeRight(node: usize, index: u32): void {
  const left = Slot.child(node, index);
  const right = Slot.child(node, index + 1);
  moveEntries(left, Node.at(left).count, right, 0, Node.at(right).count);
  Node.at(left).count += Node.at(right).count;
  Slot.setBelow(node, index, Slot.below(node, index) + Slot.below(node, index + 1));
  if (Node.at(right).level == 0) unlinkLeaf(right);
  free(right);
  closeGap(node, index + 1);
}

function shrinkRoot(set: OrderedSet): void {
  let root = set.root;
  while (Node.at(root).level != 0 && Node.at(root).count == 1) {
    const child = Slot.child(root, 0);
    free(root);
    root = child;
  }
  if (Node.at(root).count == 0) {
    free(root);
    root = 0;
  }
  set.root = root;
}

// The whole set.

/** Takes a last record off, for freeing: nothing else may be asked of the set from then on. 0: none is left. */
export function takeLast(set: OrderedSet): usize {
  if (set.root == 0) return 0;
  depth = 0;
  let node = set.root;
  while (Node.at(node).level != 0) {
    Path.push(node, 0);
    node = Slot.child(node, Node.at(node).count - 1);
  }
  const leaf = Node.at(node);
  leaf.count--;
  set.count--;
  const record = Slot.leafRecord(node, leaf.count);
  while (Node.at(node).count == 0) {
    free(node);
    if (depth == 0) {
      set.root = 0;
      break;
    }
    depth--;
    node = Path.node(depth);
    Node.at(node).count--;
  }
  return record;
}

function nodeBytes(node: usize): usize {
  const header = Node.at(node);
  if (header.level == 0) return LEAF_BYTES;
  if (header.level == 1) return INNER_BYTES + <usize>header.count * LEAF_BYTES;
  let bytes = INNER_BYTES;
  for (let i: u32 = 0; i < header.count; i++) bytes += nodeBytes(Slot.child(node, i));
  return bytes;
}

/** Bytes of the nodes. */
export function orderedBytes(set: OrderedSet): usize {
  return set.root == 0 ? 0 : nodeBytes(set.root);
}

let lastSeen: usize = 0;

/** Records below the node when all is in order, else -1. */
function checkNode(node: usize, level: u32): i64 {
  const header = Node.at(node);
  const most: u32 = level == 0 ? LEAF_MAX : INNER_MAX;
  if (header.level != level || header.count == 0 || header.count > most) return -1;
  if (level == 0) {
    for (let i: u32 = 0; i < header.count; i++) {
      const record = Slot.leafRecord(node, i);
      if (Record.score(record) != Slot.score(node, i)) return -1;
      if (lastSeen != 0) {
        boundAtRecord(Record.score(record), record);
        if (!liesBefore(Record.score(lastSeen), lastSeen)) return -1;
      }
      lastSeen = record;
    }
    return header.count;
  }
  let sum: i64 = 0;
  for (let i: u32 = 0; i < header.count; i++) {
    const child = Slot.child(node, i);
    if (Node.at(child).level != level - 1 || Node.at(child).count == 0) return -1;
    if (firstRecord(child) != Slot.innerRecord(node, i)) return -1;
    if (Slot.score(child, 0) != Slot.score(node, i)) return -1;
    const below = checkNode(child, level - 1);
    if (below != <i64>Slot.below(node, i)) return -1;
    sum += below;
  }
  return sum;
}

/** Walks the whole tree: order, counts, smallest entries, links between leaves. */
export function checkOrdered(set: OrderedSet): bool {
  if (set.root == 0) return set.count == 0;
  lastSeen = 0;
  if (checkNode(set.root, Node.at(set.root).level) != <i64>set.count) return false;
  let node = set.root;
  while (Node.at(node).level != 0) node = Slot.child(node, 0);
  let linked: u32 = 0;
  let previous: usize = 0;
  for (; node != 0; node = Node.at(node).next) {
    if (Node.at(node).previous != previous) return false;
    linked += Node.at(node).count;
    previous = node;
  }
  return linked == set.count;
}
