/** BITOP: AND, OR, XOR and NOT of whole strings, sixteen bytes at a time. */
import { Notify } from "../abi";
import { equalsWord } from "../base/bytes";
import { Arg, argc } from "../base/frame";
import { alloc, canAllocate } from "../base/memory";
import { Journal } from "../journal";
import { Database, find } from "../keyspace/database";
import { RAW_HEADER } from "../keyspace/entry";
import {
  currentDatabase,
  deleteFound,
  isString,
  lookupRead,
  lookupWrite,
  peek,
  slotOf,
} from "../keyspace/keyspace";
import { notify } from "../keyspace/notify";
import { setRaw, stringLength, View, view } from "../keyspace/string-value";
import {
  replyError,
  replyInt,
  replyOutOfMemory,
  replySyntaxError,
  replyWrongType,
} from "../protocol/reply";
import { Writes } from "./writes";

enum Operation {
  None = 0,
  And = 1,
  Or = 2,
  Xor = 3,
  Not = 4,
}

/** Where the source keys begin among the arguments. */
const FIRST_SOURCE: u32 = 3;

function parseOperation(): Operation {
  const ptr = Arg.ptr(1);
  const length = Arg.length(1);
  if (equalsWord(ptr, length, "and")) return Operation.And;
  if (equalsWord(ptr, length, "or")) return Operation.Or;
  if (equalsWord(ptr, length, "xor")) return Operation.Xor;
  if (equalsWord(ptr, length, "not")) return Operation.Not;
  return Operation.None;
}

export function bitOperation(): void {
  const operation = parseOperation();
  if (operation == Operation.None) {
    replySyntaxError();
    return;
  }
  if (operation == Operation.Not && argc != FIRST_SOURCE + 1) {
    replyError("ERR BITOP NOT must be called with a single source key.");
    return;
  }
  const database = currentDatabase();
  let longest: u32 = 0;
  for (let i = FIRST_SOURCE; i < argc; i++) {
    const key = Arg.ptr(i);
    const e = lookupRead(database, slotOf(key, Arg.length(i)), key, Arg.length(i));
    if (e == 0) continue;
    if (!isString(e)) {
      replyWrongType();
      return;
    }
    longest = max(longest, stringLength(e));
  }
  if (longest == 0) {
    dropTarget(database);
    replyInt(0);
    return;
  }
  if (!canAllocate(<usize>longest * 2)) {
    replyOutOfMemory();
    return;
  }
  const raw = alloc(<usize>longest + RAW_HEADER);
  store<u32>(raw, longest);
  for (let i = FIRST_SOURCE; i < argc; i++) {
    viewSource(database, i);
    if (i == FIRST_SOURCE) copyFirst(raw + RAW_HEADER, longest, operation == Operation.Not);
    else combine(raw + RAW_HEADER, longest, operation);
  }
  const key = Arg.ptr(2);
  const length = Arg.length(2);
  const slot = slotOf(key, length);
  setRaw(database, slot, key, length, lookupWrite(database, slot, key, length), raw);
  Journal.verbatim(database.index);
  notify(Notify.String, "set", database.index, key, length);
  Writes.one();
  replyInt(longest);
}

/** An empty result: the target goes, even where it has expired and was not seen yet. */
function dropTarget(database: Database): void {
  const key = Arg.ptr(2);
  const length = Arg.length(2);
  const slot = slotOf(key, length);
  const e = find(database, slot, key, length);
  if (e == 0) return;
  deleteFound(database, slot, e);
  Journal.verbatim(database.index);
  notify(Notify.Generic, "del", database.index, key, length);
  Writes.one();
}

function viewSource(database: Database, index: u32): void {
  const key = Arg.ptr(index);
  const length = Arg.length(index);
  const e = peek(database, slotOf(key, length), key, length);
  View.ptr = 0;
  View.length = 0;
  if (e != 0) view(e, 0);
}

/** The first source, with zeros behind it; with `inverted`, every bit turned. */
function copyFirst(target: usize, longest: u32, inverted: bool): void {
  memory.copy(target, View.ptr, View.length);
  memory.fill(target + View.length, 0, longest - View.length);
  if (!inverted) return;
  const end = target + longest;
  let at = target;
  for (; at + 16 <= end; at += 16) v128.store(at, v128.not(v128.load(at)));
  for (; at < end; at++) store<u8>(at, ~load<u8>(at));
}

/** Another source, taken as if it had zeros up to the length of the longest. */
function combine(target: usize, longest: u32, operation: Operation): void {
  const end = target + View.length;
  let from = View.ptr;
  let at = target;
  if (operation == Operation.And) {
    for (; at + 16 <= end; at += 16) {
      v128.store(at, v128.and(v128.load(at), v128.load(from)));
      from += 16;
    }
    for (; at < end; at++) {
      store<u8>(at, load<u8>(at) & load<u8>(from));
      from++;
    }
    memory.fill(end, 0, longest - View.length);
  } else if (operation == Operation.Or) {
    for (; at + 16 <= end; at += 16) {
      v128.store(at, v128.or(v128.load(at), v128.load(from)));
      from += 16;
    }
    for (; at < end; at++) {
      store<u8>(at, load<u8>(at) | load<u8>(from));
      from++;
    }
  } else {
    for (; at + 16 <= end; at += 16) {
      v128.store(at, v128.xor(v128.load(at), v128.load(from)));
      from += 16;
    }
    for (; at < end; at++) {
      store<u8>(at, load<u8>(at) ^ load<u8>(from));
      from++;
    }
  }
}
