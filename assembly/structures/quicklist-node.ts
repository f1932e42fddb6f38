/**
 * A node of a quicklist: a listpack of some elements, or one large element by itself ("plain").
 *
 *   24 bytes       previous | next | data | listpack | bytes | count, and PLAIN
 *
 * A node's listpack may begin anywhere in its allocation `data`: the free room stands before it where elements are
 * pushed to the head and behind it where they are pushed to the tail, so that neither end moves what is there.
 * The header of the listpack is written only when its bytes are wanted (`packed`).
 */
import { alloc, free, roundedSize, usableSize } from "../base/memory";
import { LP_EMPTY, LP_HEADER } from "./listpack";
import { entryBefore, entrySize } from "./listpack-element";

export const END: u8 = 0xff;
export const PLAIN: u32 = 0x80000000;
const COUNT_UNKNOWN: u32 = 0xffff;
/** Allocations of nodes below this are not shrunk. */
const SHRINK_ABOVE: usize = 64;

@unmanaged
export class QuickNode {
  previous: usize;
  next: usize;
  data: usize;
  listpack: usize;
  bytes: u32;
  kindCount: u32;

  @inline static at(ptr: usize): QuickNode {
    return changetype<QuickNode>(ptr);
  }
  @inline get count(): u32 {
    return this.kindCount & ~PLAIN;
  }
  @inline get plain(): bool {
    return (this.kindCount & PLAIN) != 0;
  }
  @inline get first(): usize {
    return this.listpack + LP_HEADER;
  }
  /** The mark behind the last entry. */
  @inline get end(): usize {
    return this.listpack + this.bytes - 1;
  }
}

if (offsetof<QuickNode>() != 24) ERROR("QuickNode has 24 bytes");

/** A node of no elements, linked nowhere, with room for a listpack of `capacity` bytes at the end of its allocation. */
export function newNode(capacity: usize): usize {
  const node = QuickNode.at(alloc(offsetof<QuickNode>()));
  const data = alloc(capacity);
  node.previous = 0;
  node.next = 0;
  node.data = data;
  node.listpack = data;
  node.bytes = LP_EMPTY;
  node.kindCount = 0;
  store<u8>(data, END, LP_HEADER);
  return changetype<usize>(node);
}

export function newPlainNode(ptr: usize, length: u32): usize {
  const node = QuickNode.at(alloc(offsetof<QuickNode>()));
  const data = alloc(length);
  memory.copy(data, ptr, length);
  node.previous = 0;
  node.next = 0;
  node.data = data;
  node.listpack = data;
  node.bytes = length;
  node.kindCount = PLAIN | 1;
  return changetype<usize>(node);
}

/** The listpack of a node, its header written. */
export function packed(node: QuickNode): usize {
  const lp = node.listpack;
  store<u32>(lp, node.bytes);
  store<u16>(lp, <u16>min(node.count, COUNT_UNKNOWN), 4);
  return lp;
}

/**
 * Makes the `removed` bytes at `p` of a node's listpack to be `added`, moving the shorter side where there is room
 * for it. Answers where the added bytes are to be written.
 */
export function remake(node: QuickNode, p: usize, removed: u32, added: u32): usize {
  const before = <u32>(p - node.first);
  const behind = <u32>(node.end + 1 - p) - removed;
  if (added <= removed) {
    const less = removed - added;
    node.bytes -= less;
    if (before < behind) {
      if (less != 0 && before != 0) memory.copy(node.first + less, node.first, before);
      node.listpack += less;
      return p + less;
    }
    if (less != 0) memory.copy(p + added, p + removed, behind);
    return p;
  }
  const more = added - removed;
  const frontRoom = <u32>(node.listpack - node.data);
  const backRoom = <u32>(node.data + usableSize(node.data) - node.end - 1);
  const useFront = frontRoom >= more && (before <= behind || backRoom < more);
  if (useFront) {
    if (before != 0) memory.copy(node.first - more, node.first, before);
    node.listpack -= more;
    node.bytes += more;
    return p - more;
  }
  if (backRoom >= more) {
    memory.copy(p + added, p + removed, behind);
    node.bytes += more;
    return p;
  }
  const offset = p - node.listpack;
  if (frontRoom + backRoom >= more) spread(node, frontRoom + backRoom - more, before < behind);
  else enlarge(node, before, behind, more);
  p = node.listpack + offset;
  node.bytes += more;
  memory.copy(p + added, p + removed, behind);
  return p;
}

/** Moves the listpack so that behind it there is room for all but `left` bytes of what is free. */
function spread(node: QuickNode, left: u32, atHead: bool): void {
  // Most of what is left goes to the side that grows; a little to the other, as it may grow in turn.
  const target = node.data + (atHead ? left - (left >> 2) : left >> 2);
  memory.copy(target + LP_HEADER, node.first, node.bytes - LP_HEADER);
  node.listpack = target;
}

/** Moves the listpack into a larger allocation where `more` bytes fit behind it. */
function enlarge(node: QuickNode, before: u32, behind: u32, more: u32): void {
  const wanted = <usize>node.bytes + more;
  const data = alloc(wanted);
  const target = before < behind ? data + usableSize(data) - wanted : data;
  memory.copy(target + LP_HEADER, node.first, node.bytes - LP_HEADER);
  free(node.data);
  node.data = data;
  node.listpack = target;
}

/** Gives back room when three quarters of it have become unused. */
export function shrink(node: QuickNode): void {
  const usable = usableSize(node.data);
  if (usable <= SHRINK_ABOVE || roundedSize(node.bytes) > usable >> 2) return;
  const data = alloc(node.bytes);
  memory.copy(data + LP_HEADER, node.first, node.bytes - LP_HEADER);
  free(node.data);
  node.data = data;
  node.listpack = data;
}

/** The entry number `offset` of a node. */
export function entryAt(node: QuickNode, offset: u32): usize {
  const count = node.count;
  if (offset <= count >> 1) {
    let p = node.first;
    for (; offset > 0; offset--) p += entrySize(p);
    return p;
  }
  let p = node.end;
  for (let left = count - offset; left > 0; left--) p = entryBefore(p);
  return p;
}

export function checkNode(node: QuickNode): bool {
  let p = node.first;
  for (let i: u32 = 0; i < node.count; i++) {
    if (p >= node.end) return false;
    const next = p + entrySize(p);
    if (entryBefore(next) != p) return false;
    p = next;
  }
  return p == node.end && load<u8>(p) == END;
}
