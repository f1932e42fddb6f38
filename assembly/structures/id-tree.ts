/**
 * An ordered map from 128-bit identifiers (two u64, compared as one number) to addresses: a B+ tree.
 *
 *   node     u16 count | u16 capacity | u32 level (0: leaf) | u32 previous | u32 next (leaves only) | cells
 *   cell     u64 high | u64 low | u32 value           20 bytes; of an inner node the value is a child
 *   tree     u32 root (0: empty) | u32 count          inside its owner
 *
 * The first cell of an inner node stands for everything below the second, so its identifier is never compared. A full
 * node is split in halves, but at the end of the map, where streams grow, the old node stays full. A node that becomes
 * empty goes; one that becomes sparse is joined with its neighbour where the two fill no more than three quarters of
 * a node. A lone leaf begins with two cells and grows, as most lists of pending entries are short.
 *
 * Source: Comer, "The Ubiquitous B-Tree" (1979); free-at-empty after Johnson and Shasha (1993).
 */
import { alloc, free } from "../base/memory";

export const TREE_BYTES: u32 = 8;

const HEADER: usize = 16;
const CELL: usize = 20;
/** 16 + 31 * 20 bytes fill the size class of 640. */
const CAPACITY: u32 = 31;
const LEAF_START: u32 = 2;
const SPARSE: u32 = 8;
const JOINED_MAX: u32 = 23;
/** Splits leave 15 cells or more, but at the end of a level; 2^32 entries need far fewer levels. */
const LEVELS_MAX: u32 = 24;

/** Nodes and indexes from the root to the place of the last search. */
const pathNodes: usize = memory.data(24 * 4, 16);
const pathIndexes: usize = memory.data(24 * 4, 16);
let depth: u32 = 0;

@unmanaged
class Node {
  count: u16;
  capacity: u16;
  level: u32;
  previous: usize;
  next: usize;

  @inline static at(ptr: usize): Node {
    return changetype<Node>(ptr);
  }
}
if (offsetof<Node>() != 16) ERROR("cells follow the header at 16");

class Cell {
  @inline static of(node: usize, index: u32): usize {
    return node + HEADER + <usize>index * CELL;
  }
  @inline static high(node: usize, index: u32): u64 {
    return load<u64>(Cell.of(node, index));
  }
  @inline static low(node: usize, index: u32): u64 {
    return load<u64>(Cell.of(node, index), 8);
  }
  @inline static value(node: usize, index: u32): usize {
    return load<usize>(Cell.of(node, index), 16);
  }
  @inline static put(node: usize, index: u32, high: u64, low: u64, value: usize): void {
    const cell = Cell.of(node, index);
    store<u64>(cell, high);
    store<u64>(cell, low, 8);
    store<usize>(cell, value, 16);
  }
}

/** Where a search or a step has arrived: a cell of a leaf. Who walks while others search keeps `leaf` and `index`. */
export class At {
  static leaf: usize = 0;
  static index: u32 = 0;

  @inline static get high(): u64 {
    return Cell.high(At.leaf, At.index);
  }
  @inline static get low(): u64 {
    return Cell.low(At.leaf, At.index);
  }
  @inline static get value(): usize {
    return Cell.value(At.leaf, At.index);
  }
  @inline static setValue(value: usize): void {
    store<usize>(Cell.of(At.leaf, At.index), value, 16);
  }
}

export function treeInit(tree: usize): void {
  store<u64>(tree, 0);
}

export function treeCount(tree: usize): u32 {
  return load<u32>(tree, 4);
}

/** Bytes that all nodes take, estimated from the count where the tree is large. */
export function treeBytes(tree: usize): usize {
  const root = load<usize>(tree);
  if (root == 0) return 0;
  if (Node.at(root).level == 0) return HEADER + <usize>Node.at(root).capacity * CELL;
  return <usize>treeCount(tree) * 24;
}

/** The first cell of the node whose identifier is not below the given one: `count` where all are below. */
function lowerBound(node: usize, from: u32, high: u64, low: u64): u32 {
  let start = from;
  let end = <u32>Node.at(node).count;
  while (start < end) {
    const middle = (start + end) >> 1;
    const h = Cell.high(node, middle);
    if (h < high || (h == high && Cell.low(node, middle) < low)) start = middle + 1;
    else end = middle;
  }
  return start;
}

/** Goes down to the leaf cell where the identifier is or would be; keeps the path. False: the tree is empty. */
function descend(tree: usize, high: u64, low: u64): bool {
  let node = load<usize>(tree);
  if (node == 0) return false;
  depth = 0;
  while (Node.at(node).level != 0) {
    let index = lowerBound(node, 1, high, low);
    const exact =
      index < <u32>Node.at(node).count &&
      Cell.high(node, index) == high &&
      Cell.low(node, index) == low;
    if (!exact) index--;
    remember(depth++, node, index);
    node = Cell.value(node, index);
  }
  At.leaf = node;
  At.index = lowerBound(node, 0, high, low);
  remember(depth, node, At.index);
  return true;
}

function remember(level: u32, node: usize, index: u32): void {
  const at = (<usize>level) << 2;
  store<usize>(pathNodes + at, node);
  store<u32>(pathIndexes + at, index);
}

function isThere(high: u64, low: u64): bool {
  return At.index < <u32>Node.at(At.leaf).count && At.high == high && At.low == low;
}

/** The value of an identifier, or 0; `At` is its cell. */
export function treeFind(tree: usize, high: u64, low: u64): usize {
  if (!descend(tree, high, low) || !isThere(high, low)) return 0;
  return At.value;
}

/** Goes to the first identifier that is not below the given one. False: there is none. */
export function treeSeek(tree: usize, high: u64, low: u64): bool {
  if (!descend(tree, high, low)) return false;
  if (At.index < <u32>Node.at(At.leaf).count) return true;
  At.leaf = Node.at(At.leaf).next;
  At.index = 0;
  return At.leaf != 0;
}

/** Goes to the last identifier that is not above the given one. False: there is none. */
export function treeSeekBack(tree: usize, high: u64, low: u64): bool {
  if (!descend(tree, high, low)) return false;
  if (isThere(high, low)) return true;
  return treePrevious();
}

export function treeFirst(tree: usize): bool {
  return treeSeek(tree, 0, 0);
}

export function treeLast(tree: usize): bool {
  return treeSeekBack(tree, u64.MAX_VALUE, u64.MAX_VALUE);
}

/** One cell on. False: that was the last. */
export function treeNext(): bool {
  if (++At.index < <u32>Node.at(At.leaf).count) return true;
  At.leaf = Node.at(At.leaf).next;
  At.index = 0;
  return At.leaf != 0;
}

/** One cell back. False: that was the first. */
export function treePrevious(): bool {
  if (At.index > 0) {
    At.index--;
    return true;
  }
  At.leaf = Node.at(At.leaf).previous;
  if (At.leaf == 0) return false;
  At.index = <u32>Node.at(At.leaf).count - 1;
  return true;
}

function newNode(capacity: u32, level: u32): usize {
  const node = alloc(HEADER + <usize>capacity * CELL);
  store<u64>(node, 0);
  store<u64>(node, 0, 8);
  Node.at(node).capacity = <u16>capacity;
  Node.at(node).level = level;
  return node;
}

/** Adds the identifier, `At` is its cell. False: it is there already, and `At` is where. */
export function treeInsert(tree: usize, high: u64, low: u64, value: usize): bool {
  if (!descend(tree, high, low)) {
    const leaf = newNode(LEAF_START, 0);
    store<usize>(tree, leaf);
    At.leaf = leaf;
    At.index = 0;
  } else if (isThere(high, low)) return false;
  else if (Node.at(At.leaf).count == Node.at(At.leaf).capacity) makeRoom(tree, high, low);
  openCell(At.leaf, At.index);
  Cell.put(At.leaf, At.index, high, low, value);
  store<u32>(tree, load<u32>(tree, 4) + 1, 4);
  return true;
}

function openCell(node: usize, index: u32): void {
  const count = <u32>Node.at(node).count;
  const cell = Cell.of(node, index);
  if (index < count) memory.copy(cell + CELL, cell, <usize>(count - index) * CELL);
  Node.at(node).count = <u16>(count + 1);
}

/** Grows a lone leaf or splits a full one; `At` moves to where its cell is now. */
function makeRoom(tree: usize, high: u64, low: u64): void {
  const old = At.leaf;
  const capacity = <u32>Node.at(old).capacity;
  if (capacity < CAPACITY) {
    const target = newNode(min(capacity << 1, CAPACITY), 0);
    memory.copy(target + HEADER, old + HEADER, <usize>capacity * CELL);
    Node.at(target).count = <u16>capacity;
    free(old);
    // Only a leaf that is alone can be small.
    store<usize>(tree, target);
    At.leaf = target;
    return;
  }
  const right = split(tree, old, At.index, depth, high, low);
  const kept = <u32>Node.at(old).count;
  if (At.index > kept || (At.index == kept && kept == CAPACITY)) {
    At.leaf = right;
    At.index -= kept;
  }
}

/**
 * Splits the full node at `level` of the path, into which a cell with the identifier is about to be put at `index`.
 * Answers the new right neighbour, which may be empty: then the cell will be its first one, and the parent knows the
 * node by that.
 */
function split(tree: usize, node: usize, index: u32, level: u32, high: u64, low: u64): usize {
  const atEnd = index == CAPACITY && Node.at(node).next == 0;
  const kept: u32 = atEnd ? CAPACITY : CAPACITY >> 1;
  const right = newNode(CAPACITY, Node.at(node).level);
  const moved = CAPACITY - kept;
  memory.copy(right + HEADER, Cell.of(node, kept), <usize>moved * CELL);
  Node.at(node).count = <u16>kept;
  Node.at(right).count = <u16>moved;
  const next = Node.at(node).next;
  Node.at(right).previous = node;
  Node.at(right).next = next;
  Node.at(node).next = right;
  if (next != 0) Node.at(next).previous = right;
  if (moved != 0) addToParent(tree, node, right, level, Cell.high(right, 0), Cell.low(right, 0));
  else addToParent(tree, node, right, level, high, low);
  return right;
}

/** Hangs `right` behind `node` in the parent, splitting that as well where it is full. */
function addToParent(
  tree: usize,
  node: usize,
  right: usize,
  level: u32,
  high: u64,
  low: u64,
): void {
  if (level == 0) {
    const root = newNode(CAPACITY, Node.at(node).level + 1);
    Cell.put(root, 0, 0, 0, node);
    Cell.put(root, 1, high, low, right);
    Node.at(root).count = 2;
    store<usize>(tree, root);
    return;
  }
  const at = (<usize>(level - 1)) << 2;
  let parent = load<usize>(pathNodes + at);
  let index = load<u32>(pathIndexes + at) + 1;
  if (<u32>Node.at(parent).count == CAPACITY) {
    const other = split(tree, parent, index, level - 1, high, low);
    const kept = <u32>Node.at(parent).count;
    if (index > kept || (index == kept && kept == CAPACITY)) {
      parent = other;
      index -= kept;
    }
  }
  openCell(parent, index);
  Cell.put(parent, index, high, low, right);
}

/** Removes an identifier and answers its value, or 0 where it is not there. */
export function treeRemove(tree: usize, high: u64, low: u64): usize {
  if (!descend(tree, high, low) || !isThere(high, low)) return 0;
  const value = At.value;
  removeAt(tree);
  return value;
}

/** Removes the largest identifier and answers its value; 0: the tree is empty. */
export function treePop(tree: usize): usize {
  if (!treeLast(tree)) return 0;
  return treeRemove(tree, At.high, At.low);
}

/** Removes the cell that the path leads to. */
function removeAt(tree: usize): void {
  store<u32>(tree, load<u32>(tree, 4) - 1, 4);
  let level = depth;
  while (true) {
    const at = (<usize>level) << 2;
    const node = load<usize>(pathNodes + at);
    closeCell(node, load<u32>(pathIndexes + at));
    const count = <u32>Node.at(node).count;
    if (level == 0) {
      shortenRoot(tree, node);
      return;
    }
    if (count >= SPARSE) return;
    const parent = load<usize>(pathNodes + at - 4);
    const index = load<u32>(pathIndexes + at - 4);
    if (count == 0) unlink(node);
    else if (!joinNeighbour(parent, index, at - 4)) return;
    level--;
  }
}

function closeCell(node: usize, index: u32): void {
  const count = <u32>Node.at(node).count - 1;
  const cell = Cell.of(node, index);
  if (index < count) memory.copy(cell, cell + CELL, <usize>(count - index) * CELL);
  Node.at(node).count = <u16>count;
}

/** Takes an empty node out of its level's chain and frees it; its cell in the parent goes next. */
function unlink(node: usize): void {
  const previous = Node.at(node).previous;
  const next = Node.at(node).next;
  if (previous != 0) Node.at(previous).next = next;
  if (next != 0) Node.at(next).previous = previous;
  free(node);
}

/**
 * Moves the cells of two neighbours under one parent into the left of them, where both are few. The path's index at
 * `pathAt` is then that of the right one, whose cell in the parent is to be removed next.
 */
function joinNeighbour(parent: usize, index: u32, pathAt: usize): bool {
  const count = <u32>Node.at(parent).count;
  const leftIndex = index + 1 < count ? index : index - 1;
  if (count < 2) return false;
  const left = Cell.value(parent, leftIndex);
  const right = Cell.value(parent, leftIndex + 1);
  const leftCount = <u32>Node.at(left).count;
  const rightCount = <u32>Node.at(right).count;
  if (leftCount + rightCount > JOINED_MAX) return false;
  memory.copy(Cell.of(left, leftCount), right + HEADER, <usize>rightCount * CELL);
  // The first cell of an inner node was not to be compared: now it is, and its bound stands in the parent.
  if (Node.at(right).level != 0) {
    const bound = Cell.of(parent, leftIndex + 1);
    memory.copy(Cell.of(left, leftCount), bound, 16);
  }
  Node.at(left).count = <u16>(leftCount + rightCount);
  unlink(right);
  store<u32>(pathIndexes + pathAt, leftIndex + 1);
  return true;
}

/** A root without cells goes; an inner one with a single child gives way to it. */
function shortenRoot(tree: usize, root: usize): void {
  while (Node.at(root).level != 0 && Node.at(root).count == 1) {
    const child = Cell.value(root, 0);
    free(root);
    root = child;
    store<usize>(tree, root);
  }
  if (Node.at(root).count != 0) return;
  free(root);
  store<usize>(tree, 0);
}

/** Invariants, for tests: counts, order, levels, chains. */
export function checkTree(tree: usize): bool {
  const root = load<usize>(tree);
  if (root == 0) return treeCount(tree) == 0;
  checkedCells = 0;
  checkedLeaf = 0;
  if (!checkNode(root, Node.at(root).level, 0, 0, u64.MAX_VALUE, u64.MAX_VALUE, true)) return false;
  return Node.at(checkedLeaf).next == 0 && checkedCells == treeCount(tree);
}

let checkedCells: u32 = 0;
let checkedLeaf: usize = 0;

/** All identifiers of a subtree lie from (fromHigh, fromLow) on and, unless it is the last, below (toHigh, toLow). */
function checkNode(
  node: usize,
  level: u32,
  fromHigh: u64,
  fromLow: u64,
  toHigh: u64,
  toLow: u64,
  last: bool,
): bool {
  const count = <u32>Node.at(node).count;
  if (count == 0 || count > <u32>Node.at(node).capacity || Node.at(node).level != level)
    return false;
  if (level == 0) {
    if (Node.at(node).previous != checkedLeaf) return false;
    if (checkedLeaf != 0 && Node.at(checkedLeaf).next != node) return false;
    checkedLeaf = node;
    checkedCells += count;
  }
  for (let i: u32 = level == 0 ? 0 : 1; i < count; i++) {
    const high = Cell.high(node, i);
    const low = Cell.low(node, i);
    if (high < fromHigh || (high == fromHigh && low < fromLow)) return false;
    if (!last && (high > toHigh || (high == toHigh && low >= toLow))) return false;
    if (i > 0 && (level == 0 || i > 1)) {
      const h = Cell.high(node, i - 1);
      if (h > high || (h == high && Cell.low(node, i - 1) >= low)) return false;
    }
  }
  if (level == 0) return true;
  for (let i: u32 = 0; i < count; i++) {
    const lowHigh = i == 0 ? fromHigh : Cell.high(node, i);
    const lowLow = i == 0 ? fromLow : Cell.low(node, i);
    const end = i + 1 == count;
    const upHigh = end ? toHigh : Cell.high(node, i + 1);
    const upLow = end ? toLow : Cell.low(node, i + 1);
    const child = Cell.value(node, i);
    if (!checkNode(child, level - 1, lowHigh, lowLow, upHigh, upLow, end && last)) return false;
  }
  return true;
}
