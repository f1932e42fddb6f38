/** How the map of id-tree.ts gets and loses identifiers: nodes are split on the way up, or joined. */
import { free } from "../base/memory";
import { At, depth, descend, isThere, pathIndexes, pathNodes, treeLast } from "./id-tree";
import {
  CAPACITY,
  CELL,
  Cell,
  HEADER,
  JOINED_MAX,
  LEAF_START,
  Node,
  newNode,
  SPARSE,
} from "./id-tree-node";

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
