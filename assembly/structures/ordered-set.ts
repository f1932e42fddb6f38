/** Changing members in order: what is put into the tree of ordered-set-node.ts, and what leaves it. */
import { free } from "../base/memory";
import {
  closeGap,
  firstRecord,
  INNER_BYTES,
  INNER_MAX,
  LEAF_BYTES,
  LEAF_MAX,
  LEAF_RECORDS,
  moveEntries,
  Node,
  newNode,
  noteFirst,
  OrderedSet,
  putChild,
  putLeaf,
  Record,
  Slot,
  split,
  total,
  unlinkLeaf,
} from "./ordered-set-node";
import {
  boundAtRecord,
  descendToRank,
  descendToRecord,
  liesBefore,
  Path,
  Place,
  passed,
} from "./ordered-set-search";

/** Adds a record that is not in the set; its score stands in it. */
export function insertRecord(set: OrderedSet, record: usize): void {
  const score = Record.score(record);
  set.count++;
  if (set.root == 0) {
    set.root = newNode(0);
    putLeaf(set.root, 0, score, record);
    return;
  }
  const leaf = descendToRecord(set.root, record, false);
  const at = passed(leaf, LEAF_RECORDS);
  let right: usize = 0;
  if (Node.at(leaf).count < LEAF_MAX) putLeaf(leaf, at, score, record);
  else {
    let keep = LEAF_MAX >> 1;
    if (at == LEAF_MAX && Node.at(leaf).next == 0) keep = LEAF_MAX;
    else if (at == 0 && Node.at(leaf).previous == 0) keep = 0;
    right = split(leaf, keep);
    if (at > keep || keep == LEAF_MAX) putLeaf(right, at - keep, score, record);
    else putLeaf(leaf, at, score, record);
  }
  grow(set, leaf, right);
}

/** Goes up the path after an insertion below `child`, which may have got a new neighbour on its right. */
function grow(set: OrderedSet, child: usize, right: usize): void {
  while (Path.depth > 0) {
    Path.depth--;
    const node = Path.node(Path.depth);
    const index = Path.index(Path.depth);
    noteFirst(node, index, child);
    if (right == 0) Slot.setBelow(node, index, Slot.below(node, index) + 1);
    else {
      Slot.setBelow(node, index, total(child));
      let target = node;
      let at = index + 1;
      let added: usize = 0;
      if (Node.at(node).count == INNER_MAX) {
        const keep = at == INNER_MAX ? INNER_MAX : INNER_MAX >> 1;
        added = split(node, keep);
        if (at > keep || keep == INNER_MAX) {
          target = added;
          at -= keep;
        }
      }
      putChild(target, at, right);
      right = added;
    }
    child = node;
  }
  if (right == 0) return;
  const root = newNode(Node.at(child).level + 1);
  putChild(root, 0, child);
  putChild(root, 1, right);
  set.root = root;
}

// Removing.

/** Takes a record out of the set; the record itself stays. */
export function removeRecord(set: OrderedSet, record: usize): void {
  const leaf = descendToRecord(set.root, record, true);
  removeAt(set, leaf, passed(leaf, LEAF_RECORDS));
}

/** Takes the record of the rank out of the set and answers it. */
export function removeRank(set: OrderedSet, rank: u32): usize {
  const at = descendToRank(set.root, rank);
  const leaf = Place.leaf;
  const record = Slot.leafRecord(leaf, at);
  removeAt(set, leaf, at);
  return record;
}

/** Removes the entry of the leaf at the end of the path, then sees to the nodes above. */
function removeAt(set: OrderedSet, leaf: usize, at: u32): void {
  set.count--;
  closeGap(leaf, at);
  let child = leaf;
  while (Path.depth > 0) {
    Path.depth--;
    const node = Path.node(Path.depth);
    const index = Path.index(Path.depth);
    if (Node.at(child).count == 0) {
      if (Node.at(child).level == 0) unlinkLeaf(child);
      free(child);
      closeGap(node, index);
    } else {
      Slot.setBelow(node, index, Slot.below(node, index) - 1);
      noteFirst(node, index, child);
      mergeLow(node, index, child);
    }
    child = node;
  }
  shrinkRoot(set);
}

/** Merges the child with a neighbour, where one of them runs low and both fit well into one. */
function mergeLow(node: usize, index: u32, child: usize): void {
  const most: u32 = Node.at(child).level == 0 ? LEAF_MAX : INNER_MAX;
  const count = Node.at(child).count;
  if (count > most >> 2) return;
  const room = most - (most >> 2);
  if (index + 1 < Node.at(node).count) {
    if (count + Node.at(Slot.child(node, index + 1)).count <= room) {
      mergeRight(node, index);
      return;
    }
  }
  if (index > 0 && count + Node.at(Slot.child(node, index - 1)).count <= room) {
    mergeRight(node, index - 1);
  }
}

/** Moves all of the child behind `index` into the one at `index`. */
function mergeRight(node: usize, index: u32): void {
  const left = Slot.child(node, index);
  const right = Slot.child(node, index + 1);
  moveEntries(left, Node.at(left).count, right, 0, Node.at(right).count);
  Node.at(left).count += Node.at(right).count;
  Slot.setBelow(node, index, Slot.below(node, index) + Slot.below(node, index + 1));
  if (Node.at(right).level == 0) unlinkLeaf(right);
  free(right);
  closeGap(node, index + 1);
}

function shrinkRoot(set: OrderedSet): void {
  let root = set.root;
  while (Node.at(root).level != 0 && Node.at(root).count == 1) {
    const child = Slot.child(root, 0);
    free(root);
    root = child;
  }
  if (Node.at(root).count == 0) {
    free(root);
    root = 0;
  }
  set.root = root;
}

// The whole set.

/** Takes a last record off, for freeing: nothing else may be asked of the set from then on. 0: none is left. */
export function takeLast(set: OrderedSet): usize {
  if (set.root == 0) return 0;
  Path.depth = 0;
  let node = set.root;
  while (Node.at(node).level != 0) {
    Path.push(node, 0);
    node = Slot.child(node, Node.at(node).count - 1);
  }
  const leaf = Node.at(node);
  leaf.count--;
  set.count--;
  const record = Slot.leafRecord(node, leaf.count);
  while (Node.at(node).count == 0) {
    free(node);
    if (Path.depth == 0) {
      set.root = 0;
      break;
    }
    Path.depth--;
    node = Path.node(Path.depth);
    Node.at(node).count--;
  }
  return record;
}

function nodeBytes(node: usize): usize {
  const header = Node.at(node);
  if (header.level == 0) return LEAF_BYTES;
  if (header.level == 1) return INNER_BYTES + <usize>header.count * LEAF_BYTES;
  let bytes = INNER_BYTES;
  for (let i: u32 = 0; i < header.count; i++) bytes += nodeBytes(Slot.child(node, i));
  return bytes;
}

/** Bytes of the nodes. */
export function orderedBytes(set: OrderedSet): usize {
  return set.root == 0 ? 0 : nodeBytes(set.root);
}

let lastSeen: usize = 0;

/** Records below the node when all is in order, else -1. */
function checkNode(node: usize, level: u32): i64 {
  const header = Node.at(node);
  const most: u32 = level == 0 ? LEAF_MAX : INNER_MAX;
  if (header.level != level || header.count == 0 || header.count > most) return -1;
  if (level == 0) {
    for (let i: u32 = 0; i < header.count; i++) {
      const record = Slot.leafRecord(node, i);
      if (Record.score(record) != Slot.score(node, i)) return -1;
      if (lastSeen != 0) {
        boundAtRecord(Record.score(record), record);
        if (!liesBefore(Record.score(lastSeen), lastSeen)) return -1;
      }
      lastSeen = record;
    }
    return header.count;
  }
  let sum: i64 = 0;
  for (let i: u32 = 0; i < header.count; i++) {
    const child = Slot.child(node, i);
    if (Node.at(child).level != level - 1 || Node.at(child).count == 0) return -1;
    if (firstRecord(child) != Slot.innerRecord(node, i)) return -1;
    if (Slot.score(child, 0) != Slot.score(node, i)) return -1;
    const below = checkNode(child, level - 1);
    if (below != <i64>Slot.below(node, i)) return -1;
    sum += below;
  }
  return sum;
}

/** Walks the whole tree: order, counts, smallest entries, links between leaves. */
export function checkOrdered(set: OrderedSet): bool {
  if (set.root == 0) return set.count == 0;
  lastSeen = 0;
  if (checkNode(set.root, Node.at(set.root).level) != <i64>set.count) return false;
  let node = set.root;
  while (Node.at(node).level != 0) node = Slot.child(node, 0);
  let linked: u32 = 0;
  let previous: usize = 0;
  for (; node != 0; node = Node.at(node).next) {
    if (Node.at(node).previous != previous) return false;
    linked += Node.at(node).count;
    previous = node;
  }
  return linked == set.count;
}
