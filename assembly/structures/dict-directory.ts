/** The directory of the hash table of dict.ts: its cells, and how it doubles and halves. */
import { alloc, free } from "../base/memory";
import { Cell, Dict } from "./dict-layout";

/** Points all cells of the segment that `position` is in at other buckets. */
export function setCells(d: usize, position: u32, depth: u32, buckets: usize, count: u32): void {
  const spare = Dict.depth(d) - depth;
  let cell = Cell.of(d, position);
  if (spare > 0) cell = Cell.first(d) + (((((cell - Cell.first(d)) >> 3) >> spare) << spare) << 3);
  for (let copies: u32 = 1 << spare; copies > 0; copies--) {
    Cell.set(cell, buckets, count, depth);
    cell += 8;
  }
}

/** Bytes that the directory takes when the segment is split. */
export function growthOf(d: usize, cell: usize): usize {
  const depth = Dict.depth(d);
  return Cell.depth(cell) < depth ? 0 : ((<usize>16) << depth) + 8;
}

export function addDeepest(d: usize, change: i32): void {
  const directory = load<usize>(d);
  store<u32>(directory, load<u32>(directory) + <u32>change);
}

function newDirectory(depth: u32): usize {
  return alloc(((<usize>8) << depth) + 8);
}

export function doubleDirectory(d: usize): void {
  const depth = Dict.depth(d);
  const from = Cell.first(d);
  const directory = newDirectory(depth + 1);
  store<u32>(directory, 0);
  for (let i: usize = 0; i < (<usize>1) << depth; i++) {
    const cell = load<u64>(from + (i << 3));
    store<u64>(directory + 8 + (i << 4), cell);
    store<u64>(directory + 16 + (i << 4), cell);
  }
  if (depth > 0) free(load<usize>(d));
  store<usize>(d, directory);
  store<u32>(d, 0, 4);
  store<u8>(d, <u8>(depth + 1), 13);
}

/** No segment is as deep as the directory: half of it will do. */
export function halveDirectory(d: usize): void {
  const old = load<usize>(d);
  const depth = Dict.depth(d) - 1;
  store<u8>(d, <u8>depth, 13);
  if (depth == 0) {
    store<u64>(d, load<u64>(old + 8));
    free(old);
    return;
  }
  const directory = newDirectory(depth);
  let deepest: u32 = 0;
  for (let i: usize = 0; i < (<usize>1) << depth; i++) {
    const cell = old + 8 + (i << 4);
    if (Cell.depth(cell) == depth) deepest++;
    store<u64>(directory + 8 + (i << 3), load<u64>(cell));
  }
  store<u32>(directory, deepest);
  store<usize>(d, directory);
  free(old);
}
