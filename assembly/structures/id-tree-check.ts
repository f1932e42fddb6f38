/** The invariant walk of the map in id-tree.ts, for tests. */
import { treeCount } from "./id-tree";
import { Cell, Node } from "./id-tree-node";

/** Counts, order, levels, chains. */
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
