/**
 * Redis's quicklist (quicklist.c): a doubly linked list of nodes, each a listpack of some elements, or one large element
 * by itself. Which elements share a node is decided as Redis 7.0 does, so that the nodes that RDB files and DUMP
 * payloads show are the same. Its ends and the whole are here, what lies between in quicklist-place.ts.
 *
 *   16 bytes       head | tail | count of elements | i32 fill (list-max-listpack-size when it was made)
 */

import { Settings } from "../base/frame";
import { alloc, canAllocate, free, usableSize } from "../base/memory";
import { Setting } from "../settings";
import { LP_EMPTY } from "./listpack";
import { lpEntryBytes, writePlanned } from "./listpack-element";
import {
  checkNode,
  END,
  newNode,
  newPlainNode,
  PLAIN,
  packed,
  QuickNode,
  remake,
} from "./quicklist-node";

/** A node limited by count is limited to so many bytes too (SIZE_SAFETY_LIMIT). */
const SAFE_NODE_BYTES: u64 = 8192;
/** What Redis adds to a new element's length for its header when it looks whether a node is full. */
const ENTRY_OVERHEAD: u64 = 8;
/** What Redis takes off when it adds up the bytes of two nodes. */
const MERGE_OVERHEAD: u32 = 11;
const PACKED_THRESHOLD: f64 = 1073741824;
const FILL_MAX: f64 = 32767;
const FILL_MIN: f64 = -5;
/** A new node gets at once what its neighbour has, but no more than this. */
const NEW_NODE_MAX: u32 = 8192;

@unmanaged
export class Quicklist {
  head: usize;
  tail: usize;
  count: u32;
  fill: i32;

  @inline static at(ptr: usize): Quicklist {
    return changetype<Quicklist>(ptr);
  }
}

if (offsetof<Quicklist>() != 16) ERROR("Quicklist has 16 bytes");

/** An empty list, with the node size that is configured now. */
export function newQuicklist(): usize {
  return quicklistWithFill(
    <i32>max(min(Settings.value(Setting.ListMaxListpackSize), FILL_MAX), FILL_MIN),
  );
}

/** An empty list of nodes of this size, as in `list-max-listpack-size`. */
export function quicklistWithFill(fill: i32): usize {
  const list = Quicklist.at(alloc(offsetof<Quicklist>()));
  list.head = 0;
  list.tail = 0;
  list.count = 0;
  list.fill = fill;
  return changetype<usize>(list);
}

/** Whether an element of this length gets a plain node. */
export function isLarge(length: u32): bool {
  const threshold = Settings.value(Setting.QuicklistPackedThreshold);
  return <f64>length >= (threshold != 0 ? threshold : PACKED_THRESHOLD);
}

/** Whether a node of so many bytes and (then) elements is within the list's limits. */
function withinLimit(fill: i32, bytes: u64, count: u32): bool {
  if (fill < 0) return bytes <= (<u64>2048) << (<u64>-fill);
  return bytes <= SAFE_NODE_BYTES && <i32>count <= fill;
}

/** Whether Redis would add an element of this length to the node. */
export function takes(list: Quicklist, ptr: usize, length: u32): bool {
  if (ptr == 0) return false;
  const node = QuickNode.at(ptr);
  if (node.plain || isLarge(length)) return false;
  const bytes = <u64>node.bytes + <u64>length + ENTRY_OVERHEAD;
  return withinLimit(list.fill, bytes, node.count + 1);
}

export function mayMerge(list: Quicklist, left: usize, right: usize): bool {
  if (left == 0 || right == 0) return false;
  const a = QuickNode.at(left);
  const b = QuickNode.at(right);
  if (a.plain || b.plain) return false;
  return withinLimit(list.fill, a.bytes + b.bytes - MERGE_OVERHEAD, a.count + b.count);
}

/** Links a node after or before another (0: the list is empty), and counts its elements. */
export function link(list: Quicklist, beside: usize, ptr: usize, after: bool): void {
  const node = QuickNode.at(ptr);
  list.count += node.count;
  if (beside == 0) {
    list.head = ptr;
    list.tail = ptr;
    return;
  }
  const other = QuickNode.at(beside);
  node.previous = after ? beside : other.previous;
  node.next = after ? other.next : beside;
  if (node.previous == 0) list.head = ptr;
  else QuickNode.at(node.previous).next = ptr;
  if (node.next == 0) list.tail = ptr;
  else QuickNode.at(node.next).previous = ptr;
}

/** Unlinks a node with all its elements and frees it. */
export function removeNode(list: Quicklist, ptr: usize): void {
  const node = QuickNode.at(ptr);
  if (node.previous == 0) list.head = node.next;
  else QuickNode.at(node.previous).next = node.next;
  if (node.next == 0) list.tail = node.previous;
  else QuickNode.at(node.next).previous = node.previous;
  list.count -= node.count;
  free(node.data);
  free(ptr);
}

/** Puts an element at `p` of a node. */
export function insertAt(
  list: Quicklist,
  node: QuickNode,
  p: usize,
  ptr: usize,
  length: u32,
): void {
  writePlanned(remake(node, p, 0, lpEntryBytes(ptr, length)), ptr, length);
  node.kindCount++;
  list.count++;
}

/** As `insertAt` its first entry: mostly there is room in front. */
export function insertFirst(list: Quicklist, node: QuickNode, ptr: usize, length: u32): void {
  const size = lpEntryBytes(ptr, length);
  if (<u32>(node.listpack - node.data) >= size) {
    node.listpack -= size;
    node.bytes += size;
    writePlanned(node.first, ptr, length);
  } else writePlanned(remake(node, node.first, 0, size), ptr, length);
  node.kindCount++;
  list.count++;
}

/** As `insertAt` its end: mostly there is room behind. */
export function insertLast(list: Quicklist, node: QuickNode, ptr: usize, length: u32): void {
  const size = lpEntryBytes(ptr, length);
  const end = node.end;
  if (end + size < node.data + usableSize(node.data)) {
    node.bytes += size;
    store<u8>(end + size, END);
    writePlanned(end, ptr, length);
  } else writePlanned(remake(node, end, 0, size), ptr, length);
  node.kindCount++;
  list.count++;
}

// Pushing at the ends.

/** A node of one element beside another, with room for as much as that one holds. */
export function addNode(
  list: Quicklist,
  beside: usize,
  ptr: usize,
  length: u32,
  after: bool,
): void {
  const size = lpEntryBytes(ptr, length) + LP_EMPTY;
  let room: u32 = size;
  if (beside != 0 && !QuickNode.at(beside).plain) {
    room = max(size, min(QuickNode.at(beside).bytes, NEW_NODE_MAX));
  }
  const added = newNode(room);
  const node = QuickNode.at(added);
  if (!after) {
    node.listpack = node.data + usableSize(node.data) - size;
  }
  writePlanned(node.first, ptr, length);
  node.bytes = size;
  node.kindCount = 1;
  store<u8>(node.end, END);
  link(list, beside, added, after);
}

export function pushHead(ptr: usize, element: usize, length: u32): void {
  const list = Quicklist.at(ptr);
  if (takes(list, list.head, length)) {
    insertFirst(list, QuickNode.at(list.head), element, length);
  } else if (isLarge(length)) link(list, list.head, newPlainNode(element, length), false);
  else addNode(list, list.head, element, length, false);
}

export function pushTail(ptr: usize, element: usize, length: u32): void {
  const list = Quicklist.at(ptr);
  if (takes(list, list.tail, length)) {
    insertLast(list, QuickNode.at(list.tail), element, length);
  } else if (isLarge(length)) link(list, list.tail, newPlainNode(element, length), true);
  else addNode(list, list.tail, element, length, true);
}

// The whole.

/** Adds a node that holds `length` bytes of a listpack (not an empty one), or of one plain element. */
export function appendWhole(ptr: usize, source: usize, length: u32, count: u32, plain: bool): void {
  const list = Quicklist.at(ptr);
  const added = newPlainNode(source, length);
  QuickNode.at(added).kindCount = plain ? PLAIN | 1 : count;
  link(list, list.tail, added, true);
}

/** Frees up to `budget` nodes; fewer: nothing is left. */
export function freeNodes(ptr: usize, budget: u32): u32 {
  const list = Quicklist.at(ptr);
  let freed: u32 = 0;
  for (let at = list.head; at != 0; ) {
    if (freed == budget) return freed;
    const next = QuickNode.at(at).next;
    removeNode(list, at);
    at = next;
    freed++;
  }
  if (freed == budget) return freed;
  free(ptr);
  return freed;
}

/** Bytes of the list; beyond the first `samples` nodes (0: all) an estimate. */
export function quicklistBytes(ptr: usize, samples: u32): usize {
  const list = Quicklist.at(ptr);
  let bytes: u64 = 0;
  let elements: u64 = 0;
  let looked: u32 = 0;
  for (let at = list.head; at != 0; at = QuickNode.at(at).next) {
    if (samples != 0 && looked++ == samples) break;
    bytes += usableSize(at) + usableSize(QuickNode.at(at).data);
    elements += QuickNode.at(at).count;
  }
  if (elements != 0) bytes = (bytes * <u64>list.count) / elements;
  return <usize>bytes + usableSize(ptr);
}

/** A copy, node by node, or 0 where memory does not suffice. */
export function copyQuicklist(ptr: usize): usize {
  const source = Quicklist.at(ptr);
  const copy = quicklistWithFill(source.fill);
  for (let at = source.head; at != 0; at = QuickNode.at(at).next) {
    const node = QuickNode.at(at);
    if (!canAllocate(<usize>node.bytes + 64)) {
      freeNodes(copy, u32.MAX_VALUE);
      return 0;
    }
    const lp = node.plain ? node.listpack : packed(node);
    appendWhole(copy, lp, node.bytes, node.count, node.plain);
  }
  return copy;
}

/** Invariants, for tests. */
export function checkQuicklist(ptr: usize): bool {
  const list = Quicklist.at(ptr);
  let count: u32 = 0;
  let previous: usize = 0;
  for (let at = list.head; at != 0; at = QuickNode.at(at).next) {
    const node = QuickNode.at(at);
    if (node.previous != previous || node.count == 0) return false;
    if (node.listpack < node.data) return false;
    if (node.listpack + node.bytes > node.data + usableSize(node.data)) return false;
    if (!node.plain && !checkNode(node)) return false;
    count += node.count;
    previous = at;
  }
  return list.tail == previous && list.count == count;
}
