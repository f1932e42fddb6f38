/**
 * A node of the map in id-tree.ts.
 *
 *   node     u16 count | u16 capacity | u32 level (0: leaf) | u32 previous | u32 next (leaves only) | cells
 *   cell     u64 high | u64 low | u32 value           20 bytes; of an inner node the value is a child
 */
import { alloc } from "../base/memory";

export const HEADER: usize = 16;
export const CELL: usize = 20;
/** 16 + 31 * 20 bytes fill the size class of 640. */
export const CAPACITY: u32 = 31;
export const LEAF_START: u32 = 2;
export const SPARSE: u32 = 8;
export const JOINED_MAX: u32 = 23;

@unmanaged
export class Node {
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

export class Cell {
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

export function newNode(capacity: u32, level: u32): usize {
  const node = alloc(HEADER + <usize>capacity * CELL);
  store<u64>(node, 0);
  store<u64>(node, 0, 8);
  Node.at(node).capacity = <u16>capacity;
  Node.at(node).level = level;
  return node;
}
