/**
 * Redis's quicklist (quicklist.c): a doubly linked list of nodes, each a listpack of some elements, or one large element
 * by itself ("plain"). Which elements share a node is decided as Redis 7.0 does, so that the nodes that RDB files and
 * DUMP payloads show are the same.
 *
 *   quicklist 16   head | tail | count of elements | i32 fill (list-max-listpack-size when it was made)
 *   node 24        previous | next | data | listpack | bytes | count, and PLAIN
 *
 * A node's listpack may begin anywhere in its allocation `data`: the free room stands before it where elements are
 * pushed to the head and behind it where they are pushed to the tail, so that neither end moves what is there.
 * The header of the listpack is written only when its bytes are wanted (`packed`).
 */
import { Setting } from "../abi";
import { Settings } from "../base/frame";
import { alloc, canAllocate, free, roundedSize, usableSize } from "../base/memory";
import { replyBulk } from "../protocol/reply";
import {
  entryBefore,
  entrySize,
  LP_EMPTY,
  LP_HEADER,
  Lp,
  lpEntryBytes,
  lpEquals,
  lpGet,
  replyElement,
  writePlanned,
} from "./listpack";

const END: u8 = 0xff;
const PLAIN: u32 = 0x80000000;
const COUNT_UNKNOWN: u32 = 0xffff;
/** A node limited by count is limited to so many bytes too (SIZE_SAFETY_LIMIT). */
const SAFE_NODE_BYTES: u64 = 8192;
/** What Redis adds to a new element's length for its header when it looks whether a node is full. */
const ENTRY_OVERHEAD: u64 = 8;
/** What Redis takes off when it adds up the bytes of two nodes. */
const MERGE_OVERHEAD: u32 = 11;
const PACKED_THRESHOLD: f64 = 1073741824;
const FILL_MAX: f64 = 32767;
const FILL_MIN: f64 = -5;
/** Allocations of nodes below this are not shrunk. */
const SHRINK_ABOVE: usize = 64;
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

if (offsetof<Quicklist>() != 16) ERROR("Quicklist has 16 bytes");
if (offsetof<QuickNode>() != 24) ERROR("QuickNode has 24 bytes");

/** An empty list, with the node size that is configured now. */
export function newQuicklist(): usize {
  return quicklistWithFill(
    <i32>max(min(Settings.value(Setting.ListMaxListpackSize), FILL_MAX), FILL_MIN),
  );
}

function quicklistWithFill(fill: i32): usize {
  const list = Quicklist.at(alloc(offsetof<Quicklist>()));
  list.head = 0;
  list.tail = 0;
  list.count = 0;
  list.fill = fill;
  return changetype<usize>(list);
}

/** Whether an element of this length gets a plain node. */
function isLarge(length: u32): bool {
  const threshold = Settings.value(Setting.QuicklistPackedThreshold);
  return <f64>length >= (threshold != 0 ? threshold : PACKED_THRESHOLD);
}

/** Whether a node of so many bytes and (then) elements is within the list's limits. */
function withinLimit(fill: i32, bytes: u64, count: u32): bool {
  if (fill < 0) return bytes <= (<u64>2048) << (<u64>-fill);
  return bytes <= SAFE_NODE_BYTES && <i32>count <= fill;
}

/** Whether Redis would add an element of this length to the node. */
function takes(list: Quicklist, ptr: usize, length: u32): bool {
  if (ptr == 0) return false;
  const node = QuickNode.at(ptr);
  if (node.plain || isLarge(length)) return false;
  const bytes = <u64>node.bytes + <u64>length + ENTRY_OVERHEAD;
  return withinLimit(list.fill, bytes, node.count + 1);
}

function mayMerge(list: Quicklist, left: usize, right: usize): bool {
  if (left == 0 || right == 0) return false;
  const a = QuickNode.at(left);
  const b = QuickNode.at(right);
  if (a.plain || b.plain) return false;
  return withinLimit(list.fill, a.bytes + b.bytes - MERGE_OVERHEAD, a.count + b.count);
}

// Nodes.

/** A node of no elements, linked nowhere, with room for a listpack of `capacity` bytes at the end of its allocation. */
function newNode(capacity: usize): usize {
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

function newPlainNode(ptr: usize, length: u32): usize {
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

/** Links a node after or before another (0: the list is empty), and counts its elements. */
function link(list: Quicklist, beside: usize, ptr: usize, after: bool): void {
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
function removeNode(list: Quicklist, ptr: usize): void {
  const node = QuickNode.at(ptr);
  if (node.previous == 0) list.head = node.next;
  else QuickNode.at(node.previous).next = node.next;
  if (node.next == 0) list.tail = node.previous;
  else QuickNode.at(node.next).previous = node.previous;
  list.count -= node.count;
  free(node.data);
  free(ptr);
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
function remake(node: QuickNode, p: usize, removed: u32, added: u32): usize {
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
function shrink(node: QuickNode): void {
  const usable = usableSize(node.data);
  if (usable <= SHRINK_ABOVE || roundedSize(node.bytes) > usable >> 2) return;
  const data = alloc(node.bytes);
  memory.copy(data + LP_HEADER, node.first, node.bytes - LP_HEADER);
  free(node.data);
  node.data = data;
  node.listpack = data;
}

/** Puts an element at `p` of a node. */
function insertAt(list: Quicklist, node: QuickNode, p: usize, ptr: usize, length: u32): void {
  writePlanned(remake(node, p, 0, lpEntryBytes(ptr, length)), ptr, length);
  node.kindCount++;
  list.count++;
}

/** As `insertAt` its first entry: mostly there is room in front. */
function insertFirst(list: Quicklist, node: QuickNode, ptr: usize, length: u32): void {
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
function insertLast(list: Quicklist, node: QuickNode, ptr: usize, length: u32): void {
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

/** Deletes an entry; the node goes with its last one (true). Else `At.p` is where the next entry stands now. */
function deleteAt(list: Quicklist, ptr: usize, p: usize): bool {
  const node = QuickNode.at(ptr);
  if (node.count == 1) {
    removeNode(list, ptr);
    return true;
  }
  list.count--;
  node.kindCount--;
  const size = entrySize(p);
  if (p == node.first) {
    node.listpack += size;
    node.bytes -= size;
    p += size;
  } else if (p + size == node.end) {
    node.bytes -= size;
    store<u8>(p, END);
  } else p = remake(node, p, size, 0);
  const offset = p - node.listpack;
  shrink(node);
  At.p = node.listpack + offset;
  return false;
}

// Pushing and popping at the ends.

/** A node of one element beside another, with room for as much as that one holds. */
function addNode(list: Quicklist, beside: usize, ptr: usize, length: u32, after: bool): void {
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

/** The entry of the first or last element, as `At`. The list has elements. */
export function atEnd(ptr: usize, tail: bool): void {
  const list = Quicklist.at(ptr);
  At.node = tail ? list.tail : list.head;
  const node = QuickNode.at(At.node);
  if (node.plain) {
    At.offset = 0;
    At.p = node.listpack;
    return;
  }
  At.offset = tail ? node.count - 1 : 0;
  At.p = tail ? entryBefore(node.end) : node.first;
}

/** Deletes the element that `At` names. */
export function deleteHere(ptr: usize): void {
  deleteAt(Quicklist.at(ptr), At.node, At.p);
}

// Places.

/** A place in a list: good until the list changes. */
export class At {
  /** 0: no place. */
  static node: usize = 0;
  static p: usize = 0;
  /** The element's number in its node. */
  static offset: u32 = 0;
}

/** Finds the element at `index` (0 to count - 1). */
export function seek(ptr: usize, index: u32): void {
  const list = Quicklist.at(ptr);
  const fromTail = index > list.count >> 1;
  let left = fromTail ? list.count - 1 - index : index;
  let at = fromTail ? list.tail : list.head;
  let node = QuickNode.at(at);
  while (left >= node.count) {
    left -= node.count;
    at = fromTail ? node.previous : node.next;
    node = QuickNode.at(at);
  }
  At.node = at;
  At.offset = fromTail ? node.count - 1 - left : left;
  At.p = node.plain ? node.listpack : entryAt(node, At.offset);
}

/** The entry number `offset` of a node. */
function entryAt(node: QuickNode, offset: u32): usize {
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

/** Moves to the next element towards the tail, or the head. False: there is none. */
export function step(backwards: bool): bool {
  const node = QuickNode.at(At.node);
  if (!backwards) {
    if (++At.offset < node.count) {
      At.p += entrySize(At.p);
      return true;
    }
    return enter(node.next, false);
  }
  if (At.offset != 0) {
    At.offset--;
    At.p = entryBefore(At.p);
    return true;
  }
  return enter(node.previous, true);
}

/** Goes to the first or the last element of a node. */
function enter(ptr: usize, last: bool): bool {
  At.node = ptr;
  if (ptr == 0) return false;
  const node = QuickNode.at(ptr);
  At.offset = last ? node.count - 1 : 0;
  At.p = node.plain ? node.listpack : last ? entryBefore(node.end) : node.first;
  return true;
}

/** The element that `At` names into `Lp`; the text of an integer is not written. */
export function readHere(): void {
  const node = QuickNode.at(At.node);
  if (!node.plain) {
    lpGet(At.p);
    return;
  }
  Lp.isInteger = false;
  Lp.ptr = node.listpack;
  Lp.length = node.bytes;
}

/** The element that `At` names as a bulk string. */
export function replyHere(): void {
  const node = QuickNode.at(At.node);
  if (node.plain) replyBulk(node.listpack, node.bytes);
  else replyElement(At.p);
}

/** Whether the element that `At` names is this text. */
export function equalsHere(element: usize, length: u32): bool {
  const node = QuickNode.at(At.node);
  if (!node.plain) return lpEquals(At.p, element, length);
  return node.bytes == length && memory.compare(node.listpack, element, length) == 0;
}

// Changing in the middle.

/** Bytes that a change at `At` may need while it runs, besides the element itself. */
export function changeBytes(): u64 {
  return ((<u64>QuickNode.at(At.node).bytes) << 1) + 65536;
}

/** Cuts the node into two: after the entry that `At` names, or before it. Answers the new node, not yet linked. */
function splitHere(list: Quicklist, after: bool): usize {
  const node = QuickNode.at(At.node);
  const cut = after ? At.p + entrySize(At.p) : At.p;
  const from = after ? cut : node.first;
  const length = <u32>((after ? node.end : cut) - from);
  const moved = after ? node.count - At.offset - 1 : At.offset;
  const ptr = newNode(<usize>length + LP_EMPTY);
  const part = QuickNode.at(ptr);
  memory.copy(part.first, from, length);
  part.bytes = length + LP_EMPTY;
  part.kindCount = moved;
  store<u8>(part.end, END);
  if (after) {
    node.bytes -= length;
    store<u8>(node.end, END);
  } else {
    node.listpack += length;
    node.bytes -= length;
  }
  node.kindCount -= moved;
  list.count -= moved;
  return ptr;
}

/** Adds the entries of `right` to those of `left`, its neighbour, and frees it. Answers `left`. */
function merge(list: Quicklist, left: usize, right: usize): usize {
  const a = QuickNode.at(left);
  const b = QuickNode.at(right);
  const length = b.bytes - LP_EMPTY;
  const target = remake(a, a.end, 0, length);
  memory.copy(target, b.first, length);
  a.kindCount += b.count;
  list.count += b.count;
  removeNode(list, right);
  return left;
}

/** Merges what is small enough around a node that has been split (_quicklistMergeNodes). */
function mergeAround(list: Quicklist, center: usize): void {
  const previous = QuickNode.at(center).previous;
  const next = QuickNode.at(center).next;
  const beforePrevious: usize = previous == 0 ? 0 : QuickNode.at(previous).previous;
  const afterNext: usize = next == 0 ? 0 : QuickNode.at(next).next;
  if (mayMerge(list, beforePrevious, previous)) merge(list, beforePrevious, previous);
  if (mayMerge(list, next, afterNext)) merge(list, next, afterNext);
  const left = QuickNode.at(center).previous;
  let target = center;
  if (mayMerge(list, left, center)) target = merge(list, left, center);
  const right = QuickNode.at(target).next;
  if (mayMerge(list, target, right)) merge(list, target, right);
}

/** Inserts an element before or after the one that `At` names (_quicklistInsert). */
export function insertHere(ptr: usize, element: usize, length: u32, after: bool): void {
  const list = Quicklist.at(ptr);
  const at = At.node;
  const node = QuickNode.at(at);
  const atBorder = after ? At.offset == node.count - 1 : At.offset == 0;
  if (isLarge(length)) {
    const plain = newPlainNode(element, length);
    if (node.plain || atBorder) {
      link(list, at, plain, after);
      return;
    }
    const part = splitHere(list, after);
    link(list, at, plain, after);
    link(list, plain, part, after);
    return;
  }
  if (takes(list, at, length)) {
    insertAt(list, node, after ? At.p + entrySize(At.p) : At.p, element, length);
    return;
  }
  if (atBorder) {
    const beside = after ? node.next : node.previous;
    if (takes(list, beside, length)) {
      const other = QuickNode.at(beside);
      insertAt(list, other, after ? other.first : other.end, element, length);
      return;
    }
    addNode(list, at, element, length, after);
    return;
  }
  const part = splitHere(list, after);
  link(list, at, part, after);
  const other = QuickNode.at(part);
  insertAt(list, other, after ? other.first : other.end, element, length);
  mergeAround(list, at);
}

/** Puts an element in the place of the one that `At` names (quicklistReplaceEntry). */
export function replaceHere(ptr: usize, element: usize, length: u32): void {
  const list = Quicklist.at(ptr);
  const at = At.node;
  const node = QuickNode.at(at);
  const large = isLarge(length);
  if (!node.plain && !large) {
    const p = At.p;
    const size = lpEntryBytes(element, length);
    writePlanned(remake(node, p, entrySize(p), size), element, length);
    shrink(node);
    return;
  }
  // Even in its own place a plain element is a new node.
  insertHere(ptr, element, length, true);
  if (node.count == 1) removeNode(list, at);
  else deleteAt(list, at, entryBefore(node.end));
}

/** Deletes `count` elements from `index` on; all of them are there. */
export function deleteRange(ptr: usize, index: u32, count: u32): void {
  if (count == 0) return;
  const list = Quicklist.at(ptr);
  seek(ptr, index);
  let at = At.node;
  let offset = At.offset;
  let p = At.p;
  while (count > 0) {
    const node = QuickNode.at(at);
    const next = node.next;
    const some = min(node.count - offset, count);
    if (some == node.count) removeNode(list, at);
    else deleteSome(list, node, p, offset, some);
    count -= some;
    at = next;
    offset = 0;
    if (at != 0) p = QuickNode.at(at).first;
  }
}

/** Deletes `count` entries of a node, but not all, from `p` on, which is number `offset`. */
function deleteSome(list: Quicklist, node: QuickNode, p: usize, offset: u32, count: u32): void {
  let end = p;
  if (offset + count == node.count) end = node.end;
  else for (let i: u32 = 0; i < count; i++) end += entrySize(end);
  remake(node, p, <u32>(end - p), 0);
  node.kindCount -= count;
  list.count -= count;
  shrink(node);
}

/** Deletes elements that are this text, up to `most` (0: all), from the place that `At` names on. */
export function deleteEqualFromHere(
  ptr: usize,
  element: usize,
  length: u32,
  most: u32,
  backwards: bool,
): u32 {
  const list = Quicklist.at(ptr);
  let deleted: u32 = 0;
  let more = true;
  while (more) {
    if (!equalsHere(element, length)) {
      more = step(backwards);
      continue;
    }
    const node = QuickNode.at(At.node);
    const beside = backwards ? node.previous : node.next;
    const gone = deleteAt(list, At.node, At.p);
    if (++deleted == most) break;
    if (gone || (backwards ? At.offset == 0 : At.offset == node.count)) {
      more = enter(beside, backwards);
    } else if (backwards) {
      At.offset--;
      At.p = entryBefore(At.p);
    }
  }
  return deleted;
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

function checkNode(node: QuickNode): bool {
  let p = node.first;
  for (let i: u32 = 0; i < node.count; i++) {
    if (p >= node.end) return false;
    const next = p + entrySize(p);
    if (entryBefore(next) != p) return false;
    p = next;
  }
  return p == node.end && load<u8>(p) == END;
}
