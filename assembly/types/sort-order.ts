/** In which order SORT puts rows, and the sorting: a stable merge sort, as the C library's is, or a partial one. */
import { compareBytes } from "../base/bytes";
import { cTextLength } from "../protocol/reply";
import { partialSort } from "../structures/partial-sort";
import { Arena, Row, Rows } from "./sort-rows";

/** How rows are compared. */
export class Order {
  static descending: bool = false;
  static alpha: bool = false;
  /** Weights come from other keys. */
  static byPattern: bool = false;
  /** For what is stored bytes decide; for replies texts end where C strings do. */
  static stores: bool = false;
}

/** Runs up to this are sorted by insertion. */
const RUN: u32 = 8;

function compareTexts(left: usize, leftLength: u32, right: usize, rightLength: u32): i32 {
  if (Order.stores) return compareBytes(left, leftLength, right, rightLength);
  return compareBytes(left, cTextLength(left, leftLength), right, cTextLength(right, rightLength));
}

function compareRows(a: Row, b: Row): i32 {
  let order: i32;
  if (!Order.alpha) {
    if (a.score > b.score) order = 1;
    else if (a.score < b.score) order = -1;
    else order = compareBytes(a.ptr, a.length, b.ptr, b.length);
  } else if (!Order.byPattern) order = compareTexts(a.ptr, a.length, b.ptr, b.length);
  else if (a.weightPtr == 0 || b.weightPtr == 0) {
    order = a.weightPtr == b.weightPtr ? 0 : a.weightPtr == 0 ? -1 : 1;
  } else order = compareTexts(a.weightPtr, a.weightLength, b.weightPtr, b.weightLength);
  return Order.descending ? -order : order;
}

function inOrder(left: usize, right: usize): bool {
  return compareRows(Row.at(load<usize>(left)), Row.at(load<usize>(right))) <= 0;
}

function compareItems(left: u32, right: u32): i32 {
  return compareRows(Row.at(left), Row.at(right));
}

/** Sorts `Rows` as far as those from `first` up to `end`, which is behind, need it. */
export function sortSomeRows(first: u32, end: u32): void {
  if (first < end) partialSort(Rows.order, Rows.count, first, end - 1, compareItems);
}

/** Sorts `Rows`. False: memory is short. */
export function sortRows(): bool {
  const count = Rows.count;
  const bytes = (<usize>count) << 2;
  for (let first: u32 = 0; first < count; first += RUN)
    insertionSort(first, min(first + RUN, count));
  if (count <= RUN) return true;
  let from = Rows.order;
  let to = Arena.take(bytes);
  if (to == 0) return false;
  for (let width = RUN; width < count; width <<= 1) {
    for (let first: u32 = 0; first < count; ) {
      const middle = width < count - first ? first + width : count;
      const end = width < count - middle ? middle + width : count;
      merge(from, to, (<usize>first) << 2, (<usize>middle) << 2, (<usize>end) << 2);
      first = end;
    }
    const swapped = from;
    from = to;
    to = swapped;
  }
  Rows.order = from;
  return true;
}

function insertionSort(first: u32, end: u32): void {
  const start = Rows.order + ((<usize>first) << 2);
  const stop = Rows.order + ((<usize>end) << 2);
  for (let at = start + 4; at < stop; at += 4) {
    const moved = load<usize>(at);
    let place = at;
    for (; place > start; place -= 4) {
      const before = load<usize>(place - 4);
      if (compareRows(Row.at(before), Row.at(moved)) <= 0) break;
      store<usize>(place, before);
    }
    store<usize>(place, moved);
  }
}

/** Merges [first, middle) and [middle, end), byte offsets, from one array into the other. */
function merge(from: usize, to: usize, first: usize, middle: usize, end: usize): void {
  let left = from + first;
  let right = from + middle;
  const leftEnd = from + middle;
  const rightEnd = from + end;
  let out = to + first;
  while (left < leftEnd && right < rightEnd) {
    if (inOrder(left, right)) {
      store<usize>(out, load<usize>(left));
      left += 4;
    } else {
      store<usize>(out, load<usize>(right));
      right += 4;
    }
    out += 4;
  }
  memory.copy(out, left, leftEnd - left);
  memory.copy(out + (leftEnd - left), right, rightEnd - right);
}
