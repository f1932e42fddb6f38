/** List commands. Behaviour: Redis 7.0 t_list.c. */
import { Notify } from "../abi";
import { Arg, argc, slot } from "../base/frame";
import { Command } from "../command-ids";
import { Journal } from "../journal";
import { Entry } from "../keyspace/entry";
import { currentDatabase, lookupRead, lookupWrite, willChange } from "../keyspace/keyspace";
import { notify } from "../keyspace/notify";
import { parsedInt64, parseInt64 } from "../protocol/number";
import {
  replyArray,
  replyError,
  replyInt,
  replyNotInteger,
  replyNull,
  replyNullArray,
  replyOk,
  replyWrongType,
} from "../protocol/reply";
import { pushHead, pushTail, Quicklist } from "../structures/quicklist";
import {
  atEnd,
  deleteHere,
  deleteRange,
  replaceHere,
  replyHere,
  seek,
} from "../structures/quicklist-place";
import { blockingMove, blockingPop, blockingPopMany, move, popMany } from "./list-moves";
import {
  addList,
  deleteEmpty,
  isList,
  popSome,
  replyRange,
  roomToChange,
  tellPopped,
} from "./list-parts";
import { insert, position, remove } from "./list-search";
import { Writes } from "./writes";

export function runList(id: u32): void {
  switch (id) {
    case Command.LPush:
      return push(false, false);
    case Command.RPush:
      return push(true, false);
    case Command.LPushX:
      return push(false, true);
    case Command.RPushX:
      return push(true, true);
    case Command.LPop:
      return pop(false);
    case Command.RPop:
      return pop(true);
    case Command.LLen:
      return length();
    case Command.LIndex:
      return index();
    case Command.LRange:
      return range();
    case Command.LSet:
      return setAt();
    case Command.LTrim:
      return trim();
    case Command.LInsert:
      return insert();
    case Command.LPos:
      return position();
    case Command.LRem:
      return remove();
    case Command.LMove:
    case Command.RPopLPush:
      return move(id);
    case Command.LMPop:
      return popMany();
    case Command.BLPop:
      return blockingPop(false);
    case Command.BRPop:
      return blockingPop(true);
    case Command.BLMove:
    case Command.BRPopLPush:
      return blockingMove(id);
    case Command.BLMPop:
      return blockingPopMany();
    default:
      unreachable();
  }
}

function push(tail: bool, onlyExisting: bool): void {
  const database = currentDatabase();
  const key = Arg.ptr(1);
  const keyLength = Arg.length(1);
  const e = lookupWrite(database, slot, key, keyLength);
  let list: usize = 0;
  if (e != 0) {
    if (!isList(e)) {
      replyWrongType();
      return;
    }
    willChange(database, slot, e);
    list = Entry.pointer(e);
  } else {
    if (onlyExisting) {
      replyInt(0);
      return;
    }
    list = addList(database, slot, key, keyLength);
  }
  if (tail) for (let i: u32 = 2; i < argc; i++) pushTail(list, Arg.ptr(i), Arg.length(i));
  else for (let i: u32 = 2; i < argc; i++) pushHead(list, Arg.ptr(i), Arg.length(i));
  Writes.many(argc - 2);
  if (tail) notify(Notify.List, "rpush", database.index, key, keyLength);
  else notify(Notify.List, "lpush", database.index, key, keyLength);
  Journal.verbatim(database.index);
  replyInt(Quicklist.at(list).count);
}

function pop(tail: bool): void {
  if (argc > 3) {
    replyError(
      tail
        ? "ERR wrong number of arguments for 'rpop' command"
        : "ERR wrong number of arguments for 'lpop' command",
    );
    return;
  }
  const hasCount = argc == 3;
  let wanted: i64 = 1;
  if (hasCount) {
    if (!parseInt64(Arg.ptr(2), <i32>Arg.length(2)) || parsedInt64() < 0) {
      replyError("ERR value is out of range, must be positive");
      return;
    }
    wanted = parsedInt64();
  }
  const database = currentDatabase();
  const key = Arg.ptr(1);
  const keyLength = Arg.length(1);
  const e = lookupWrite(database, slot, key, keyLength);
  if (e == 0) {
    if (hasCount) replyNullArray();
    else replyNull();
    return;
  }
  if (!isList(e)) {
    replyWrongType();
    return;
  }
  if (wanted == 0) {
    replyArray(0);
    return;
  }
  if (hasCount) popSome(database, slot, key, keyLength, e, tail, wanted);
  else {
    willChange(database, slot, e);
    const list = Entry.pointer(e);
    atEnd(list, tail);
    replyHere();
    deleteHere(list);
    tellPopped(database, slot, key, keyLength, tail, Quicklist.at(list).count == 0);
    Writes.one();
  }
  Journal.verbatim(database.index);
}

function length(): void {
  const e = lookupRead(currentDatabase(), slot, Arg.ptr(1), Arg.length(1));
  if (e == 0) replyInt(0);
  else if (!isList(e)) replyWrongType();
  else replyInt(Quicklist.at(Entry.pointer(e)).count);
}

/** Finds the element at an index that may count from the end; false: there is none. */
function seekSigned(list: usize, index: i64): bool {
  const count = <i64>Quicklist.at(list).count;
  if (index < 0) index += count;
  if (index < 0 || index >= count) return false;
  seek(list, <u32>index);
  return true;
}

function index(): void {
  const e = lookupRead(currentDatabase(), slot, Arg.ptr(1), Arg.length(1));
  if (e == 0) {
    replyNull();
    return;
  }
  if (!isList(e)) {
    replyWrongType();
    return;
  }
  if (!parseInt64(Arg.ptr(2), <i32>Arg.length(2))) {
    replyNotInteger();
    return;
  }
  if (seekSigned(Entry.pointer(e), parsedInt64())) replyHere();
  else replyNull();
}

let firstIndex: i64 = 0;
let lastIndex: i64 = 0;

/** Reads the second and third argument; false: an error was replied. */
function parseRange(): bool {
  if (parseInt64(Arg.ptr(2), <i32>Arg.length(2))) {
    firstIndex = parsedInt64();
    if (parseInt64(Arg.ptr(3), <i32>Arg.length(3))) {
      lastIndex = parsedInt64();
      return true;
    }
  }
  replyNotInteger();
  return false;
}

/** Brings the range into a list of `count` elements; false: nothing is in it. */
function clampRange(count: i64): bool {
  if (firstIndex < 0) firstIndex = max<i64>(firstIndex + count, 0);
  if (lastIndex < 0) lastIndex += count;
  if (lastIndex >= count) lastIndex = count - 1;
  return firstIndex <= lastIndex && firstIndex < count;
}

function range(): void {
  if (!parseRange()) return;
  const e = lookupRead(currentDatabase(), slot, Arg.ptr(1), Arg.length(1));
  if (e == 0) {
    replyArray(0);
    return;
  }
  if (!isList(e)) {
    replyWrongType();
    return;
  }
  const list = Entry.pointer(e);
  if (!clampRange(Quicklist.at(list).count)) replyArray(0);
  else replyRange(list, <u32>firstIndex, <u32>(lastIndex - firstIndex + 1), false);
}

function setAt(): void {
  const database = currentDatabase();
  const e = lookupWrite(database, slot, Arg.ptr(1), Arg.length(1));
  if (e == 0) {
    replyError("ERR no such key");
    return;
  }
  if (!isList(e)) {
    replyWrongType();
    return;
  }
  if (!parseInt64(Arg.ptr(2), <i32>Arg.length(2))) {
    replyNotInteger();
    return;
  }
  const list = Entry.pointer(e);
  if (!seekSigned(list, parsedInt64())) {
    replyError("ERR index out of range");
    return;
  }
  if (!roomToChange(Arg.length(3))) return;
  willChange(database, slot, e);
  replaceHere(list, Arg.ptr(3), Arg.length(3));
  replyOk();
  notify(Notify.List, "lset", database.index, Arg.ptr(1), Arg.length(1));
  Writes.one();
  Journal.verbatim(database.index);
}

function trim(): void {
  if (!parseRange()) return;
  const database = currentDatabase();
  const key = Arg.ptr(1);
  const keyLength = Arg.length(1);
  const e = lookupWrite(database, slot, key, keyLength);
  if (e == 0) {
    replyOk();
    return;
  }
  if (!isList(e)) {
    replyWrongType();
    return;
  }
  const list = Entry.pointer(e);
  const count = Quicklist.at(list).count;
  willChange(database, slot, e);
  const some = clampRange(count);
  const kept: u32 = some ? <u32>(lastIndex - firstIndex + 1) : 0;
  if (some) {
    deleteRange(list, 0, <u32>firstIndex);
    deleteRange(list, kept, count - kept - <u32>firstIndex);
  }
  notify(Notify.List, "ltrim", database.index, key, keyLength);
  if (!some) deleteEmpty(database, slot, key, keyLength);
  if (kept < count) {
    Writes.many(count - kept);
    Journal.verbatim(database.index);
  }
  replyOk();
}
