/** List commands that take from one of several keys, or put what they take under another; and those that wait for it. */
import { Notify, ValueType } from "../abi";
import { equalsWord } from "../base/bytes";
import { Arg, argc, slot } from "../base/frame";
import { alloc, canAllocate, free } from "../base/memory";
import { Command } from "../command-ids";
import { Journal } from "../journal";
import { again, blockOn, mayBlock, mayServe, parseSecondsTimeout } from "../keyspace/blocking";
import { Database } from "../keyspace/database";
import { Entry } from "../keyspace/entry";
import { currentDatabase, lookupWrite, slotOf, willChange } from "../keyspace/keyspace";
import { notify } from "../keyspace/notify";
import { INT64_TEXT_MAX, parsedInt64, parseInt64, writeInt64 } from "../protocol/number";
import {
  replyArray,
  replyBulk,
  replyError,
  replyNull,
  replyNullArray,
  replyOutOfMemory,
  replySyntaxError,
  replyWrongType,
} from "../protocol/reply";
import { Lp } from "../structures/listpack-element";
import { pushHead, pushTail, Quicklist } from "../structures/quicklist";
import { atEnd, deleteHere, readHere, replyHere } from "../structures/quicklist-place";
import { addList, isList, popSome, tellPopped } from "./list-parts";
import { Writes } from "./writes";

const integerText: usize = memory.data(32, 16);
if (INT64_TEXT_MAX > 32) ERROR("no room for an integer");

/** The end that an argument names. */
let namedTail: bool = false;

/** Reads LEFT or RIGHT into `namedTail`; false: an error was replied. */
function parseEnd(argument: u32): bool {
  namedTail = equalsWord(Arg.ptr(argument), Arg.length(argument), "right");
  if (namedTail || equalsWord(Arg.ptr(argument), Arg.length(argument), "left")) return true;
  replySyntaxError();
  return false;
}

// Moving an element: LMOVE, RPOPLPUSH.

/** LMOVE source destination LEFT|RIGHT LEFT|RIGHT, or RPOPLPUSH source destination */
export function move(id: u32): void {
  let fromTail = true;
  let toTail = false;
  if (id == <u32>Command.LMove) {
    if (!parseEnd(3)) return;
    fromTail = namedTail;
    if (!parseEnd(4)) return;
    toTail = namedTail;
  }
  const database = currentDatabase();
  const e = lookupWrite(database, slot, Arg.ptr(1), Arg.length(1));
  if (e == 0) replyNull();
  else if (!isList(e)) replyWrongType();
  else if (moveElement(database, e, fromTail, toTail)) Journal.verbatim(database.index);
}

/** Moves an element from the list of `e`, the first argument's, to the second's. False: an error was replied. */
function moveElement(database: Database, e: usize, fromTail: bool, toTail: bool): bool {
  const key = Arg.ptr(2);
  const length = Arg.length(2);
  const targetSlot = slotOf(key, length);
  const target = lookupWrite(database, targetSlot, key, length);
  if (target != 0 && !isList(target)) {
    replyWrongType();
    return false;
  }
  const list = Entry.pointer(e);
  atEnd(list, fromTail);
  readHere();
  if (Lp.isInteger) {
    Lp.ptr = integerText;
    Lp.length = <u32>writeInt64(integerText, Lp.value);
  }
  const size = Lp.length;
  if (size > 1024 && (size > 0x60000000 || !canAllocate(((<usize>size) << 1) + 65536))) {
    replyOutOfMemory();
    return false;
  }
  let element = Lp.ptr;
  let copy: usize = 0;
  if (target == e) {
    // The element stands in the list that it goes to.
    copy = alloc(size);
    memory.copy(copy, element, size);
    element = copy;
  }
  replyBulk(element, size);
  let targetList: usize = 0;
  if (target != 0) {
    willChange(database, targetSlot, target);
    targetList = Entry.pointer(target);
  } else targetList = addList(database, targetSlot, key, length);
  if (target != e) willChange(database, slot, e);
  if (copy != 0) deleteHere(list);
  if (toTail) pushTail(targetList, element, size);
  else pushHead(targetList, element, size);
  if (copy != 0) free(copy);
  else deleteHere(list);
  if (toTail) notify(Notify.List, "rpush", database.index, key, length);
  else notify(Notify.List, "lpush", database.index, key, length);
  const empty = Quicklist.at(list).count == 0;
  tellPopped(database, slot, Arg.ptr(1), Arg.length(1), fromTail, empty);
  Writes.one();
  return true;
}

/** BLMOVE source destination LEFT|RIGHT LEFT|RIGHT timeout, or BRPOPLPUSH source destination timeout */
export function blockingMove(id: u32): void {
  const old = id == <u32>Command.BRPopLPush;
  let fromTail = true;
  let toTail = false;
  if (!old) {
    if (!parseEnd(3)) return;
    fromTail = namedTail;
    if (!parseEnd(4)) return;
    toTail = namedTail;
  }
  const timeout = parseSecondsTimeout(old ? 3 : 5);
  if (timeout < 0) return;
  const database = currentDatabase();
  const e = lookupWrite(database, slot, Arg.ptr(1), Arg.length(1));
  if (e == 0) {
    if (mayBlock()) blockOn(ValueType.List, 1, 1, timeout);
    else replyNull();
    return;
  }
  if (!isList(e)) {
    replyWrongType();
    return;
  }
  // Where it need not wait Redis goes on as LMOVE, which looks the key up anew: it counts as used twice.
  if (!again) lookupWrite(database, slot, Arg.ptr(1), Arg.length(1));
  if (!moveElement(database, e, fromTail, toTail)) return;
  if (!Journal.begin(database.index, old ? 3 : 5)) return;
  Journal.word(old ? "RPOPLPUSH" : "LMOVE");
  Journal.bytes(Arg.ptr(1), Arg.length(1));
  Journal.bytes(Arg.ptr(2), Arg.length(2));
  if (old) return;
  // One that has waited shows the ends in Redis's own spelling, as Redis has not kept the client's.
  if (again) {
    Journal.word(fromTail ? "right" : "left");
    Journal.word(toTail ? "right" : "left");
    return;
  }
  Journal.bytes(Arg.ptr(3), Arg.length(3));
  Journal.bytes(Arg.ptr(4), Arg.length(4));
}

// Taking from the first of several lists.

/** BLPOP key [key ...] timeout */
export function blockingPop(tail: bool): void {
  const timeout = parseSecondsTimeout(argc - 1);
  if (timeout < 0) return;
  const database = currentDatabase();
  for (let i: u32 = 1; i < argc - 1; i++) {
    if (!mayServe(i)) continue;
    const key = Arg.ptr(i);
    const length = Arg.length(i);
    const keySlot = slotOf(key, length);
    const e = lookupWrite(database, keySlot, key, length);
    if (e == 0) continue;
    if (!isList(e)) {
      replyWrongType();
      return;
    }
    willChange(database, keySlot, e);
    const list = Entry.pointer(e);
    replyArray(2);
    replyBulk(key, length);
    atEnd(list, tail);
    replyHere();
    deleteHere(list);
    tellPopped(database, keySlot, key, length, tail, Quicklist.at(list).count == 0);
    Writes.one();
    if (!Journal.begin(database.index, 2)) return;
    Journal.word(tail ? "RPOP" : "LPOP");
    Journal.bytes(key, length);
    return;
  }
  if (mayBlock()) blockOn(ValueType.List, 1, argc - 2, timeout);
  else replyNullArray();
}

let keyCount: u32 = 0;
let wanted: i64 = 1;

/** Reads `numkeys key [key ...] LEFT|RIGHT [COUNT count]` from an argument on; false: an error was replied. */
function parseMany(first: u32): bool {
  if (!parsePositive(first, "ERR numkeys should be greater than 0")) return false;
  if (parsedInt64() >= <i64>argc - <i64>first - 1) {
    replySyntaxError();
    return false;
  }
  keyCount = <u32>parsedInt64();
  const end = first + 1 + keyCount;
  if (!parseEnd(end)) return false;
  wanted = 1;
  if (end + 1 == argc) return true;
  if (end + 2 == argc || !equalsWord(Arg.ptr(end + 1), Arg.length(end + 1), "count")) {
    replySyntaxError();
    return false;
  }
  if (!parsePositive(end + 2, "ERR count should be greater than 0")) return false;
  wanted = parsedInt64();
  if (end + 3 == argc) return true;
  replySyntaxError();
  return false;
}

function parsePositive(argument: u32, refusal: string): bool {
  if (parseInt64(Arg.ptr(argument), <i32>Arg.length(argument)) && parsedInt64() > 0) return true;
  replyError(refusal);
  return false;
}

/** Takes from the first list of the keys after argument `first`. False: there is none. */
function takeMany(first: u32): bool {
  const database = currentDatabase();
  for (let i = first + 1; i <= first + keyCount; i++) {
    if (!mayServe(i)) continue;
    const key = Arg.ptr(i);
    const length = Arg.length(i);
    const keySlot = slotOf(key, length);
    const e = lookupWrite(database, keySlot, key, length);
    if (e == 0) continue;
    if (!isList(e)) {
      replyWrongType();
      return true;
    }
    replyArray(2);
    replyBulk(key, length);
    const taken = popSome(database, keySlot, key, length, e, namedTail, wanted);
    if (!Journal.begin(database.index, 3)) return true;
    Journal.word(namedTail ? "RPOP" : "LPOP");
    Journal.bytes(key, length);
    Journal.int(taken);
    return true;
  }
  return false;
}

/** LMPOP numkeys key [key ...] LEFT|RIGHT [COUNT count] */
export function popMany(): void {
  if (parseMany(1) && !takeMany(1)) replyNullArray();
}

/** BLMPOP timeout numkeys key [key ...] LEFT|RIGHT [COUNT count] */
export function blockingPopMany(): void {
  if (!parseMany(2)) return;
  const timeout = parseSecondsTimeout(1);
  if (timeout < 0 || takeMany(2)) return;
  if (mayBlock()) blockOn(ValueType.List, 3, keyCount, timeout);
  else replyNullArray();
}
