/** SORT and SORT_RO. Behaviour: Redis 7.0 sort.c. */
import { Notify, ValueType } from "../abi";
import { equalsWord } from "../base/bytes";
import { Arg, argc, clusterEnabled, slot } from "../base/frame";
import { Command } from "../command-ids";
import { Journal } from "../journal";
import { Database, find } from "../keyspace/database";
import { Entry } from "../keyspace/entry";
import { currentDatabase, deleteFound, lookupRead, slotOf } from "../keyspace/keyspace";
import { notify } from "../keyspace/notify";
import { View } from "../keyspace/string-value";
import { valueCount } from "../keyspace/value";
import { parseDouble, parsedDouble } from "../protocol/double";
import { parsedInt64, parseInt64 } from "../protocol/number";
import {
  cTextLength,
  replyArray,
  replyBulk,
  replyError,
  replyInt,
  replyNotInteger,
  replyNull,
  replyOutOfMemory,
  replySyntaxError,
  replyWrongType,
} from "../protocol/reply";
import { collect, prepare, StoredList } from "./sort-elements";
import { beginLookups, hasStar, Lookup, lookupPattern } from "./sort-lookup";
import { Order, sortRows, sortSomeRows } from "./sort-order";
import { Arena, Row, Rows } from "./sort-rows";
import { Writes } from "./writes";

/** The options of the command in hand. */
class Options {
  /** Arguments of BY and STORE; 0: not given. */
  static by: u32 = 0;
  static store: u32 = 0;
  /** How many GET there are. */
  static gets: u32 = 0;
  static offset: i64 = 0;
  static count: i64 = -1;
  /** BY a constant: the elements stay in the order in which they are. */
  static unsorted: bool = false;
}

export function runSort(id: u32): void {
  if (!parseOptions(id == <u32>Command.Sort)) return;
  const e = lookupRead(currentDatabase(), slot, Arg.ptr(1), Arg.length(1));
  const type = e == 0 ? <u32>ValueType.List : Entry.type(e);
  if (
    type != <u32>ValueType.List &&
    type != <u32>ValueType.Set &&
    type != <u32>ValueType.SortedSet
  ) {
    replyWrongType();
    return;
  }
  beginLookups();
  sort(e, type);
  Arena.release();
}

function parseOptions(mayStore: bool): bool {
  Options.by = 0;
  Options.store = 0;
  Options.gets = 0;
  Options.offset = 0;
  Options.count = -1;
  Options.unsorted = false;
  Order.descending = false;
  Order.alpha = false;
  for (let i: u32 = 2; i < argc; i++) {
    const ptr = Arg.ptr(i);
    const length = Arg.length(i);
    const left = argc - i - 1;
    if (equalsWord(ptr, length, "asc")) Order.descending = false;
    else if (equalsWord(ptr, length, "desc")) Order.descending = true;
    else if (equalsWord(ptr, length, "alpha")) Order.alpha = true;
    else if (left >= 2 && equalsWord(ptr, length, "limit")) {
      if (!parseLimit(i)) return false;
      i += 2;
    } else if (mayStore && left >= 1 && equalsWord(ptr, length, "store")) Options.store = ++i;
    else if (left >= 1 && equalsWord(ptr, length, "by")) {
      Options.by = ++i;
      if (!hasStar(i)) Options.unsorted = true;
      else if (clusterEnabled) {
        replyError("ERR BY option of SORT denied in Cluster mode.");
        return false;
      }
    } else if (left >= 1 && equalsWord(ptr, length, "get")) {
      if (clusterEnabled) {
        replyError("ERR GET option of SORT denied in Cluster mode.");
        return false;
      }
      Options.gets++;
      i++;
    } else {
      replySyntaxError();
      return false;
    }
  }
  return true;
}

function parseLimit(index: u32): bool {
  for (let i = index + 1; i <= index + 2; i++) {
    if (!parseInt64(Arg.ptr(i), <i32>Arg.length(i))) {
      replyNotInteger();
      return false;
    }
    if (i == index + 1) Options.offset = parsedInt64();
    else Options.count = parsedInt64();
  }
  return true;
}

/** The next GET's pattern behind argument `after`, where there is one. */
function nextGet(after: u32): u32 {
  for (let i = after + 1; i < argc; i++) {
    const ptr = Arg.ptr(i);
    const length = Arg.length(i);
    if (equalsWord(ptr, length, "get")) return i + 1;
    if (equalsWord(ptr, length, "limit")) i += 2;
    else if (equalsWord(ptr, length, "store") || equalsWord(ptr, length, "by")) i++;
  }
  return unreachable();
}

function sort(e: usize, type: u32): void {
  Order.byPattern = Options.by != 0;
  Order.stores = Options.store != 0;
  let unsorted = Options.unsorted;
  // What is stored may not depend on how a set happens to lie in memory.
  if (unsorted && type == <u32>ValueType.Set && Order.stores) {
    unsorted = false;
    Order.alpha = true;
    Order.byPattern = false;
  }
  if (e != 0 && !prepare(e)) {
    replyOutOfMemory();
    return;
  }
  const total = e == 0 ? <i64>0 : <i64>elementsOf(e);
  let first = min(max<i64>(Options.offset, 0), total);
  const count = min(max<i64>(Options.count, -1), total);
  let end = count < 0 ? total : min(first + count, total);
  if (first >= end) {
    first = 0;
    end = 0;
  }
  // Where the order is the value's own, only what is wanted is taken out.
  const ranged = unsorted && type != <u32>ValueType.Set;
  const taken = ranged ? end - first : total;
  if (!Rows.begin(<u32>taken)) {
    replyOutOfMemory();
    return;
  }
  if (taken > 0) collect(e, ranged ? <u32>first : 0, <u32>taken, ranged && Order.descending);
  if (Rows.failed) {
    replyOutOfMemory();
    return;
  }
  if (ranged) {
    end -= first;
    first = 0;
  }
  if (!unsorted) {
    const weighed = weigh();
    // As in Redis: which rows of equal weight come first, and which LIMIT then cuts off, depends on it.
    const some = Order.byPattern && end - first < total;
    if (some) sortSomeRows(<u32>first, <u32>end);
    if (weighed == Weighed.NoMemory || (!some && !sortRows())) {
      replyOutOfMemory();
      return;
    }
    if (weighed == Weighed.NotNumbers) {
      replyError("ERR One or more scores can't be converted into double");
      return;
    }
  }
  if (Order.stores) storeResult(<u32>first, <u32>end);
  else replyResult(<u32>first, <u32>end);
}

function elementsOf(e: usize): u32 {
  return valueCount(Entry.type(e), Entry.encoding(e), Entry.pointer(e));
}

enum Weighed {
  Done = 0,
  NotNumbers = 1,
  NoMemory = 2,
}

/** Gives each row its weight. */
function weigh(): Weighed {
  let outcome = Weighed.Done;
  for (let i: u32 = 0; i < Rows.count; i++) {
    const row = Rows.at(i);
    let ptr = row.ptr;
    let length = row.length;
    if (Order.byPattern) {
      const found = lookupPattern(Options.by, row);
      if (found == Lookup.NoMemory) return Weighed.NoMemory;
      if (found == Lookup.Missing) continue;
      ptr = View.ptr;
      length = View.length;
    }
    if (!Order.alpha) {
      if (readWeight(ptr, length)) row.score = weight;
      else outcome = Weighed.NotNumbers;
    } else if (Order.byPattern) {
      row.weightPtr = Arena.copy(ptr, length);
      row.weightLength = length;
      if (row.weightPtr == 0) return Weighed.NoMemory;
    }
  }
  return outcome;
}

let weight: f64 = 0;
/** Below this doubles lose bits, and C's strtod reports them as out of range. */
const NORMAL_MIN: f64 = 2.2250738585072014e-308;

/** As C's strtod reads a whole text: with blanks in front; nothing at all is 0. */
function readWeight(ptr: usize, textLength: u32): bool {
  let length = cTextLength(ptr, textLength);
  weight = 0;
  if (length == 0) return true;
  while (length > 0 && isBlank(load<u8>(ptr))) {
    ptr++;
    length--;
  }
  if (!parseDouble(ptr, <i32>length)) return false;
  weight = parsedDouble();
  return weight == 0 || abs(weight) >= NORMAL_MIN;
}

function isBlank(byte: u32): bool {
  return byte == 32 || (byte >= 9 && byte <= 13);
}

function replyResult(first: u32, end: u32): void {
  const each: i64 = Options.gets == 0 ? 1 : Options.gets;
  replyArray(<i64>(end - first) * each);
  for (let i = first; i < end; i++) {
    const row = Rows.at(i);
    if (Options.gets == 0) replyBulk(row.ptr, row.length);
    let at: u32 = 1;
    for (let left = Options.gets; left > 0; left--) {
      at = nextGet(at);
      if (lookupPattern(at, row) == Lookup.Found) replyBulk(View.ptr, View.length);
      else replyNull();
    }
  }
}

/** STORE: a list of the result takes the place of whatever the key held; an empty one deletes it. */
function storeResult(first: u32, end: u32): void {
  const database = currentDatabase();
  const key = Arg.ptr(Options.store);
  const length = Arg.length(Options.store);
  const keySlot = slotOf(key, length);
  if (first == end) {
    dropTarget(database, keySlot, key, length);
    replyInt(0);
    return;
  }
  StoredList.begin();
  for (let i = first; i < end && !StoredList.failed; i++) {
    const row = Rows.at(i);
    if (Options.gets == 0) StoredList.add(row.ptr, row.length);
    else addValues(row);
  }
  if (StoredList.failed) {
    StoredList.discard();
    replyOutOfMemory();
    return;
  }
  const count = StoredList.count;
  StoredList.put(database, keySlot, key, length);
  Journal.verbatim(database.index);
  notify(Notify.List, "sortstore", database.index, key, length);
  Writes.many(count);
  replyInt(count);
}

/** What the GET patterns name for the element; empty texts where it is missing. */
function addValues(row: Row): void {
  let at: u32 = 1;
  for (let left = Options.gets; left > 0; left--) {
    at = nextGet(at);
    if (lookupPattern(at, row) == Lookup.Found) StoredList.add(View.ptr, View.length);
    else StoredList.add(0, 0);
  }
}

function dropTarget(database: Database, keySlot: u32, key: usize, length: u32): void {
  const e = find(database, keySlot, key, length);
  if (e == 0) return;
  deleteFound(database, keySlot, e);
  Journal.verbatim(database.index);
  notify(Notify.Generic, "del", database.index, key, length);
  Writes.one();
}
