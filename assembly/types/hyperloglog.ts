/** HyperLogLog commands. Behaviour: Redis 7.0 hyperloglog.c. */
import { Notify } from "../abi";
import { Arg, argc, slot } from "../base/frame";
import { Command } from "../command-ids";
import { Journal } from "../journal";
import { currentDatabase, lookupRead, lookupWrite, slotOf, willChange } from "../keyspace/keyspace";
import { notify } from "../keyspace/notify";
import { makeRaw, View, view } from "../keyspace/string-value";
import { replyInt, replyOk, replyOutOfMemory } from "../protocol/reply";
import { countOf, countOfBytes } from "./hyperloglog-count";
import { pfDebug, pfSelfTest } from "./hyperloglog-debug";
import {
  CARDINALITY_AT,
  denseGet,
  HEADER_BYTES,
  LAYOUT_AT,
  Layout,
  Pattern,
  REGISTER_COUNT,
  registerBytes,
  STALE,
  STALE_AT,
} from "./hyperloglog-format";
import { replyCorrupt, Sketch, viewSketch } from "./hyperloglog-sketch";
import { Change, mergeSparse } from "./hyperloglog-sparse";
import { Writes } from "./writes";

export function runHyperLogLog(id: u32): void {
  switch (id) {
    case Command.PfAdd:
      return pfAdd();
    case Command.PfCount:
      return argc == 2 ? countOne() : countUnion();
    case Command.PfMerge:
      return pfMerge();
    case Command.PfDebug:
      return pfDebug();
    case Command.PfSelfTest:
      return pfSelfTest();
    default:
      unreachable();
  }
}

function pfAdd(): void {
  const database = currentDatabase();
  const key = Arg.ptr(1);
  const keyLength = Arg.length(1);
  const e = lookupWrite(database, slot, key, keyLength);
  let changes: u32 = 0;
  if (e == 0) {
    Sketch.create(database, slot, key, keyLength);
    changes++;
  } else {
    if (!viewSketch(e)) return;
    if (!Sketch.open(database, slot, key, keyLength, e)) {
      replyOutOfMemory();
      return;
    }
  }
  for (let i: u32 = 2; i < argc; i++) {
    Pattern.of(Arg.ptr(i), Arg.length(i));
    const change = Sketch.raise(Pattern.index, Pattern.count);
    if (change == Change.Done) changes++;
    else if (change != Change.None) {
      if (change == Change.Corrupt) replyCorrupt();
      else replyOutOfMemory();
      return;
    }
  }
  if (changes == 0) {
    replyInt(0);
    return;
  }
  Sketch.invalidate();
  Journal.verbatim(database.index);
  notify(Notify.String, "pfadd", database.index, key, keyLength);
  Writes.many(changes);
  replyInt(1);
}

/** PFCOUNT of one key: the cardinality in its header, which is renewed where registers have changed since. */
function countOne(): void {
  const database = currentDatabase();
  let e = lookupRead(database, slot, Arg.ptr(1), Arg.length(1));
  if (e == 0) {
    replyInt(0);
    return;
  }
  if (!viewSketch(e)) return;
  e = makeRaw(database, slot, e);
  view(e, 0);
  const ptr = View.ptr;
  if ((<u32>load<u8>(ptr, STALE_AT) & STALE) == 0) {
    replyInt(load<i64>(ptr, CARDINALITY_AT));
    return;
  }
  const count = countOf(ptr, View.length);
  if (count == -1) {
    replyCorrupt();
    return;
  }
  // A read has not made sure that the journal has room; without it the count is just not kept.
  if (Journal.reserve(Arg.length(1))) {
    willChange(database, slot, e);
    store<i64>(ptr, count, CARDINALITY_AT);
    Journal.verbatim(database.index);
    Writes.one();
  }
  replyInt(count);
}

/** Raises `registerBytes` to the registers of argument `index`'s value. */
function mergeArgument(index: u32): Merged {
  const key = Arg.ptr(index);
  const length = Arg.length(index);
  const keySlot = index == 1 ? slot : slotOf(key, length);
  const e = lookupRead(currentDatabase(), keySlot, key, length);
  if (e == 0) return Merged.Sparse;
  if (!viewSketch(e)) return Merged.Refused;
  if (<u32>load<u8>(View.ptr, LAYOUT_AT) == Layout.Sparse) {
    if (mergeSparse(registerBytes, View.ptr, View.length)) return Merged.Sparse;
    replyCorrupt();
    return Merged.Refused;
  }
  const registers = View.ptr + HEADER_BYTES;
  for (let i: i32 = 0; i < REGISTER_COUNT; i++) {
    const value = denseGet(registers, i);
    const at = registerBytes + <usize>i;
    if (value > <u32>load<u8>(at)) store<u8>(at, <u8>value);
  }
  return Merged.Dense;
}

enum Merged {
  /** Also a key that is missing. */
  Sparse = 0,
  Dense = 1,
  /** Not a HyperLogLog, or a corrupt one: that was replied. */
  Refused = 2,
}

function countUnion(): void {
  memory.fill(registerBytes, 0, REGISTER_COUNT);
  for (let i: u32 = 1; i < argc; i++) {
    if (mergeArgument(i) == Merged.Refused) return;
  }
  replyInt(countOfBytes(registerBytes));
}

function pfMerge(): void {
  let dense = false;
  memory.fill(registerBytes, 0, REGISTER_COUNT);
  for (let i: u32 = 1; i < argc; i++) {
    const merged = mergeArgument(i);
    if (merged == Merged.Refused) return;
    if (merged == Merged.Dense) dense = true;
  }
  const database = currentDatabase();
  const key = Arg.ptr(1);
  const keyLength = Arg.length(1);
  const e = lookupWrite(database, slot, key, keyLength);
  if (e == 0) Sketch.create(database, slot, key, keyLength);
  else if (!Sketch.open(database, slot, key, keyLength, e)) {
    replyOutOfMemory();
    return;
  }
  Sketch.willWrite();
  if (dense && !Sketch.makeDense()) {
    replyCorrupt();
    return;
  }
  for (let i: i32 = 0; i < REGISTER_COUNT; i++) {
    const value = <u32>load<u8>(registerBytes + <usize>i);
    if (value != 0) Sketch.raise(i, value);
  }
  Sketch.invalidate();
  Journal.verbatim(database.index);
  notify(Notify.String, "pfadd", database.index, key, keyLength);
  Writes.one();
  replyOk();
}
