/**
 * The sort that Redis uses where only some places of the result are wanted: the quicksort of Bentley and McIlroy
 * ("Engineering a Sort Function", 1993), which leaves parts without a wanted place alone. It is not stable, and
 * clients see in which order equal items come: so the pivots and the exchanges have to be exactly these.
 */

/** Answers below 0, 0 or above 0, as `left` belongs before `right`, anywhere, or behind it. */
export type Compare = (left: u32, right: u32) => i32;

/** Parts shorter than this are sorted by insertion. */
const PARTITION_MIN: u32 = 7;
/** From this on the pivot is the median of three medians. */
const NINTHER_MIN: u32 = 41;

/** Parts put off: the larger ones, so that each is at most half of the one before. */
const pending: usize = memory.data(32 * 8, 16);

let base: usize = 0;
let compare: Compare = never;

function never(_left: u32, _right: u32): i32 {
  return unreachable();
}

/** One item of the array that is being sorted. */
class Item {
  @inline static at(index: u32): u32 {
    return load<u32>(base + ((<usize>index) << 2));
  }
  @inline static put(index: u32, value: u32): void {
    store<u32>(base + ((<usize>index) << 2), value);
  }
  @inline static compare(left: u32, right: u32): i32 {
    return compare(Item.at(left), Item.at(right));
  }
  @inline static swap(left: u32, right: u32): void {
    const value = Item.at(left);
    Item.put(left, Item.at(right));
    Item.put(right, value);
  }
}

/** Sorts the `count` items of 32 bits at `items` as far as the places `first` to `last` need it. */
export function partialSort(items: usize, count: u32, first: u32, last: u32, order: Compare): void {
  base = items;
  compare = order;
  let low: u32 = 0;
  let high = count;
  let waiting: usize = 0;
  for (;;) {
    let again = false;
    if (high - low < PARTITION_MIN) insertionSort(low, high);
    else {
      partition(low, high);
      // Below and above the items that equal the pivot.
      const below = low + lower;
      const above = high - upper;
      const wantsBelow = lower > 1 && below > first && low <= last;
      const wantsAbove = upper > 1 && high > first && above <= last;
      again = wantsBelow || wantsAbove;
      const takesBelow = wantsBelow && (!wantsAbove || lower <= upper);
      if (wantsBelow && wantsAbove) {
        store<u32>(pending + waiting, takesBelow ? above : low);
        store<u32>(pending + waiting, takesBelow ? high : below, 4);
        waiting += 8;
      }
      if (takesBelow) high = below;
      else low = above;
    }
    if (again) continue;
    if (waiting == 0) return;
    waiting -= 8;
    low = load<u32>(pending + waiting);
    high = load<u32>(pending + waiting, 4);
  }
}

function insertionSort(low: u32, high: u32): void {
  for (let next = low + 1; next < high; next++) {
    for (let at = next; at > low && Item.compare(at - 1, at) > 0; at--) Item.swap(at - 1, at);
  }
}

function median(a: u32, b: u32, c: u32): u32 {
  if (Item.compare(a, b) < 0) {
    if (Item.compare(b, c) < 0) return b;
    return Item.compare(a, c) < 0 ? c : a;
  }
  if (Item.compare(b, c) > 0) return b;
  return Item.compare(a, c) < 0 ? a : c;
}

function choosePivot(low: u32, high: u32): u32 {
  const count = high - low;
  const middle = low + (count >> 1);
  if (count == PARTITION_MIN) return middle;
  const end = high - 1;
  if (count < NINTHER_MIN) return median(low, middle, end);
  const step = count >> 3;
  return median(
    median(low, low + step, low + step * 2),
    median(middle - step, middle, middle + step),
    median(end - step * 2, end - step, end),
  );
}

/** How many items `partition` has found to belong before and behind the pivot. */
let lower: u32 = 0;
let upper: u32 = 0;

/** Parts the items by a pivot: equal ones gather at both ends and move to the middle at last. */
function partition(low: u32, high: u32): void {
  Item.swap(low, choosePivot(low, high));
  // [low, equalLow) and (equalHigh, high) equal the pivot; [equalLow, left) is lower, (right, equalHigh] higher.
  let equalLow = low + 1;
  let left = equalLow;
  let right = high - 1;
  let equalHigh = right;
  for (;;) {
    for (; left <= right; left++) {
      const order = Item.compare(left, low);
      if (order > 0) break;
      if (order == 0) Item.swap(equalLow++, left);
    }
    for (; left <= right; right--) {
      const order = Item.compare(right, low);
      if (order < 0) break;
      if (order == 0) Item.swap(right, equalHigh--);
    }
    if (left > right) break;
    Item.swap(left++, right--);
  }
  lower = left - equalLow;
  upper = equalHigh - right;
  swapRuns(low, left, min(equalLow - low, lower));
  swapRuns(left, high, min(upper, high - equalHigh - 1));
  return true;
}

/** Exchanges the `count` items from `start` on with the last ones before `end`. */
function swapRuns(start: u32, end: u32, count: u32): void {
  for (let i: u32 = 0; i < count; i++) Item.swap(start + i, end - count + i);
}
