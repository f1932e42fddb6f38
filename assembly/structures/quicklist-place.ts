/** Places in a quicklist: finding them, reading there, and changing a list between its ends (quicklist.c). */
import { replyBulk } from "../protocol/reply";
import { LP_EMPTY } from "./listpack";
import {
  entryBefore,
  entrySize,
  Lp,
  lpEntryBytes,
  lpEquals,
  lpGet,
  replyElement,
  writePlanned,
} from "./listpack-element";
import {
  addNode,
  insertAt,
  isLarge,
  link,
  mayMerge,
  Quicklist,
  removeNode,
  takes,
} from "./quicklist";
import { END, entryAt, newNode, newPlainNode, QuickNode, remake, shrink } from "./quicklist-node";

/** A place in a list: good until the list changes. */
export class At {
  /** 0: no place. */
  static node: usize = 0;
  static p: usize = 0;
  /** The element's number in its node. */
  static offset: u32 = 0;
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

/** Goes to the first or the last element of a node. */
function enter(ptr: usize, last: bool): bool {
  At.node = ptr;
  if (ptr == 0) return false;
  const node = QuickNode.at(ptr);
  At.offset = last ? node.count - 1 : 0;
  At.p = node.plain ? node.listpack : last ? entryBefore(node.end) : node.first;
  return true;
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

// Changing.

/** Bytes that a change at `At` may need while it runs, besides the element itself. */
export function changeBytes(): u64 {
  return ((<u64>QuickNode.at(At.node).bytes) << 1) + 65536;
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

/** Deletes the element that `At` names. */
export function deleteHere(ptr: usize): void {
  deleteAt(Quicklist.at(ptr), At.node, At.p);
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
