/** ZPOPMIN, ZPOPMAX, ZMPOP and their blocking forms. Behaviour: Redis 7.0 t_zset.c, genericZpopCommand. */
import { Notify, ValueType } from "../abi";
import { equalsWord } from "../base/bytes";
import { Arg, argc, resp3 } from "../base/frame";
import { Journal } from "../journal";
import { again, blockOn, mayBlock, mayServe, parseSecondsTimeout } from "../keyspace/blocking";
import { currentDatabase, lookupWrite, slotOf, willChange } from "../keyspace/keyspace";
import { notify } from "../keyspace/notify";
import { parsedInt64, parseInt64 } from "../protocol/number";
import {
  replyArray,
  replyBulk,
  replyDouble,
  replyError,
  replyNullArray,
  replySyntaxError,
} from "../protocol/reply";
import { Walk, Z } from "../structures/sorted-set";
import { closeEntry, openEntry } from "./sorted-set-key";
import { Writes } from "./writes";

/** How the members that were taken are told. */
enum Shape {
  /** Member and score, one after the other. */
  Flat = 0,
  /** Pairs. */
  Pairs = 1,
  /** The key, member, score. */
  KeyFlat = 2,
  /** The key, then an array of pairs. */
  KeyPairs = 3,
}

/** Which form of the command replicas get. */
enum Told {
  Verbatim = 0,
  /** ZPOPMIN key */
  Single = 1,
  /** ZPOPMIN key count */
  Counted = 2,
}

/** The first of the keys that exists, at its argument; 0: none does; -1: the error was replied. */
let served: usize = 0;
function firstKey(first: u32, count: u32): i32 {
  const database = currentDatabase();
  for (let i = first; i < first + count; i++) {
    if (!mayServe(i)) continue;
    const key = Arg.ptr(i);
    const length = Arg.length(i);
    const e = lookupWrite(database, slotOf(key, length), key, length);
    if (e == 0) continue;
    if (!openEntry(e)) return -1;
    served = e;
    return <i32>i;
  }
  return 0;
}

/** A blocking form that need not wait goes on as the other in Redis, which looks the key up anew: used twice. */
function useAgain(argument: u32): void {
  if (again) return;
  const key = Arg.ptr(argument);
  const length = Arg.length(argument);
  lookupWrite(currentDatabase(), slotOf(key, length), key, length);
}

/** Takes up to `count` members off the end of the set in hand, at the key of the argument. */
function pop(argument: u32, highest: bool, count: i64, shape: Shape, told: Told): void {
  const database = currentDatabase();
  const key = Arg.ptr(argument);
  const length = Arg.length(argument);
  const keySlot = slotOf(key, length);
  const e = served;
  const size = Z.count();
  const taken = <u32>min<i64>(count, size);
  if (shape == Shape.Flat) replyArray(taken << 1);
  else if (shape == Shape.Pairs) replyArray(taken);
  else {
    replyArray(shape == Shape.KeyFlat ? 3 : 2);
    replyBulk(key, length);
    if (shape == Shape.KeyPairs) replyArray(taken);
  }
  Walk.start(highest ? size - 1 : 0, highest);
  for (let left = taken; left > 0; left--) {
    Walk.step();
    if (shape == Shape.Pairs || shape == Shape.KeyPairs) replyArray(2);
    replyBulk(Walk.member, Walk.length);
    replyDouble(Walk.score);
  }
  willChange(database, keySlot, e);
  Z.removeRange(highest ? size - taken : 0, taken);
  const gone = closeEntry(database, keySlot, e);
  Writes.many(taken);
  const event = highest ? "zpopmax" : "zpopmin";
  notify(Notify.SortedSet, event, database.index, key, length);
  if (gone) notify(Notify.Generic, "del", database.index, key, length);
  if (told == Told.Verbatim) {
    Journal.verbatim(database.index);
    return;
  }
  if (!Journal.begin(database.index, told == Told.Counted ? 3 : 2)) return;
  Journal.word(highest ? "ZPOPMAX" : "ZPOPMIN");
  Journal.bytes(key, length);
  if (told == Told.Counted) Journal.int(taken);
}

export function zPop(highest: bool): void {
  if (argc > 3) {
    replySyntaxError();
    return;
  }
  let count: i64 = -1;
  if (argc == 3) {
    if (!parseInt64(Arg.ptr(2), <i32>Arg.length(2)) || parsedInt64() < 0) {
      replyError("ERR value is out of range, must be positive");
      return;
    }
    count = parsedInt64();
  }
  const found = firstKey(1, 1);
  if (found < 0) return;
  if (found == 0 || count == 0) {
    replyArray(0);
    return;
  }
  const shape = resp3 && count != -1 ? Shape.Pairs : Shape.Flat;
  pop(1, highest, count == -1 ? 1 : count, shape, Told.Verbatim);
}

/** ZMPOP and BZMPOP: the number of keys stands at argument `countAt`. */
export function zMPop(countAt: u32, blocks: bool): void {
  const valid = parseInt64(Arg.ptr(countAt), <i32>Arg.length(countAt));
  if (!valid || parsedInt64() < 1) {
    replyError("ERR numkeys should be greater than 0");
    return;
  }
  if (parsedInt64() >= <i64>(argc - countAt - 1)) {
    replySyntaxError();
    return;
  }
  const keys = <u32>parsedInt64();
  const where = countAt + keys + 1;
  const highest = equalsWord(Arg.ptr(where), Arg.length(where), "max");
  if (!highest && !equalsWord(Arg.ptr(where), Arg.length(where), "min")) {
    replySyntaxError();
    return;
  }
  const count = parseCount(where + 1);
  if (count < 0) return;
  let timeout: f64 = 0;
  if (blocks) {
    timeout = parseSecondsTimeout(1);
    if (timeout < 0) return;
  }
  const found = firstKey(countAt + 1, keys);
  if (found > 0) {
    if (blocks) useAgain(found);
    pop(found, highest, count, Shape.KeyPairs, Told.Counted);
  } else if (found == 0) {
    if (blocks && mayBlock()) blockOn(ValueType.SortedSet, countAt + 1, keys, timeout);
    else replyNullArray();
  }
}

/** COUNT n from argument `first` on; -1: the error was replied. */
function parseCount(first: u32): i64 {
  let count: i64 = -1;
  for (let i = first; i < argc; i++) {
    if (count != -1 || i + 1 >= argc || !equalsWord(Arg.ptr(i), Arg.length(i), "count")) {
      replySyntaxError();
      return -1;
    }
    i++;
    if (!parseInt64(Arg.ptr(i), <i32>Arg.length(i)) || parsedInt64() < 1) {
      replyError("ERR count should be greater than 0");
      return -1;
    }
    count = parsedInt64();
  }
  return count == -1 ? 1 : count;
}

/** BZPOPMIN and BZPOPMAX. */
export function blockingPop(highest: bool): void {
  const timeout = parseSecondsTimeout(argc - 1);
  if (timeout < 0) return;
  const found = firstKey(1, argc - 2);
  if (found > 0) {
    useAgain(found);
    pop(found, highest, 1, Shape.KeyFlat, Told.Single);
  } else if (found == 0) {
    if (mayBlock()) blockOn(ValueType.SortedSet, 1, argc - 2, timeout);
    else replyNullArray();
  }
}
