/**
 * An ordered map from 128-bit identifiers (two u64, compared as one number) to addresses: a B+ tree.
 *
 *   tree     u32 root (0: empty) | u32 count          inside its owner; nodes: id-tree-node.ts
 *
 * The first cell of an inner node stands for everything below the second, so its identifier is never compared. A full
 * node is split in halves, but at the end of the map, where streams grow, the old node stays full. A node that becomes
 * empty goes; one that becomes sparse is joined with its neighbour where the two fill no more than three quarters of
 * a node. A lone leaf begins with two cells and grows, as most lists of pending entries are short.
 *
 * Source: Comer, "The Ubiquitous B-Tree" (1979); free-at-empty after Johnson and Shasha (1993).
 */
import { CELL, Cell, HEADER, Node } from "./id-tree-node";

export const TREE_BYTES: u32 = 8;

/** Splits leave 15 cells or more, but at the end of a level; 2^32 entries need far fewer levels. */
const LEVELS_MAX: u32 = 24;

/** Nodes and indexes from the root to the place of the last search. */
export const pathNodes: usize = memory.data(24 * 4, 16);
export const pathIndexes: usize = memory.data(24 * 4, 16);
if (LEVELS_MAX != 24) ERROR("the path must hold all levels");
export let depth: u32 = 0;

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
export function descend(tree: usize, high: u64, low: u64): bool {
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

export function isThere(high: u64, low: u64): bool {
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
