/** Finding the way through a B+ tree of members in order (ordered-set-node.ts): by score, by member, by rank. */
import { compareBytes } from "../base/bytes";
import {
  INNER_RECORDS,
  LEAF_RECORDS,
  Node,
  OrderedSet,
  RECORD_MEMBER,
  Record,
  Slot,
} from "./ordered-set-node";

/** The path of the last descent: nodes and the index taken in each, from the root on. */
const DEPTH_MAX: u32 = 16;
const pathNodes: usize = memory.data(16 * 4, 16);
const pathIndexes: usize = memory.data(16 * 4, 16);
export class Path {
  static depth: u32 = 0;

  @inline static node(at: u32): usize {
    return load<usize>(pathNodes + ((<usize>at) << 2));
  }
  @inline static index(at: u32): u32 {
    return load<u32>(pathIndexes + ((<usize>at) << 2));
  }
  static push(node: usize, index: u32): void {
    if (Path.depth == DEPTH_MAX) unreachable();
    store<usize>(pathNodes + ((<usize>Path.depth) << 2), node);
    store<u32>(pathIndexes + ((<usize>Path.depth) << 2), index);
    Path.depth++;
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

export function liesBefore(score: f64, record: usize): bool {
  if (boundKind != Bound.Lex) {
    if (score < boundScore) return true;
    if (score > boundScore) return false;
    if (boundKind == Bound.Score) return boundPassesEqual;
  }
  const order = compareBytes(record + RECORD_MEMBER, load<u32>(record), boundPtr, boundLength);
  return order < 0 || (order == 0 && boundPassesEqual);
}

/** How many entries of the node lie before the bound. */
export function passed(node: usize, records: usize): u32 {
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

export function boundAtRecord(score: f64, record: usize): void {
  boundKind = Bound.Member;
  boundScore = score;
  boundPtr = record + RECORD_MEMBER;
  boundLength = load<u32>(record);
  boundPassesEqual = false;
}

/** Goes down to the leaf where the bound lies, leaving the path. */
function descend(root: usize): usize {
  Path.depth = 0;
  let node = root;
  while (Node.at(node).level != 0) {
    const count = passed(node, INNER_RECORDS);
    const index: u32 = count == 0 ? 0 : count - 1;
    Path.push(node, index);
    node = Slot.child(node, index);
  }
  return node;
}

/**
 * Goes down to the leaf where the record stands or belongs, and leaves the bound at it. With `passEqual`, where it is the
 * smallest below a child, the way leads into that child and not into the one before.
 */
export function descendToRecord(root: usize, record: usize, passEqual: bool): usize {
  boundAtRecord(Record.score(record), record);
  boundPassesEqual = passEqual;
  const leaf = descend(root);
  boundPassesEqual = false;
  return leaf;
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

export function descendToRank(root: usize, rank: u32): u32 {
  Path.depth = 0;
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
