/** PFDEBUG and PFSELFTEST. */
import { equalsWord } from "../base/bytes";
import { Arg, replyAt, roomReply, setReplyAt, slot } from "../base/frame";
import { Journal } from "../journal";
import { Database, find } from "../keyspace/database";
import { currentDatabase, lookupWrite } from "../keyspace/keyspace";
import { makeRaw, View, view } from "../keyspace/string-value";
import { int64Length, writeInt64 } from "../protocol/number";
import {
  beginError,
  cTextLength,
  endError,
  errorBytes,
  errorText,
  replyArray,
  replyBulk,
  replyError,
  replyInt,
  replyOk,
  replyOutOfMemory,
  replySimple,
} from "../protocol/reply";
import { countOfBytes } from "./hyperloglog-count";
import {
  denseGet,
  densePut,
  HEADER_BYTES,
  LAYOUT_AT,
  Layout,
  Pattern,
  REGISTER_COUNT,
  REGISTER_MAX,
  Run,
  registerBytes,
} from "./hyperloglog-format";
import { replyCorrupt, Sketch, viewSketch } from "./hyperloglog-sketch";
import { Writes } from "./writes";

export function pfDebug(): void {
  const database = currentDatabase();
  let e = lookupWrite(database, slot, Arg.ptr(2), Arg.length(2));
  if (e == 0) {
    replyError("ERR The specified key does not exist");
    return;
  }
  if (!viewSketch(e)) return;
  e = makeRaw(database, slot, e);
  view(e, 0);
  const word = Arg.ptr(1);
  const length = Arg.length(1);
  const isSparse = <u32>load<u8>(View.ptr, LAYOUT_AT) == Layout.Sparse;
  if (equalsWord(word, length, "encoding")) replySimple(isSparse ? "sparse" : "dense");
  else if (equalsWord(word, length, "decode")) {
    if (isSparse) decode();
    else replyError("ERR HLL encoding is not sparse");
  } else if (equalsWord(word, length, "getreg")) {
    if (!isSparse || densify(database, e)) replyRegisters();
  } else if (equalsWord(word, length, "todense")) {
    if (!isSparse) replyInt(0);
    else if (densify(database, e)) replyInt(1);
  } else {
    beginError();
    errorText("ERR Unknown PFDEBUG subcommand '");
    errorBytes(word, cTextLength(word, length));
    errorText("'");
    endError();
  }
}

function densify(database: Database, e: usize): bool {
  const key = Arg.ptr(2);
  const length = Arg.length(2);
  if (!Sketch.open(database, slot, key, length, e)) {
    replyOutOfMemory();
    return false;
  }
  if (!Sketch.makeDense()) {
    replyCorrupt();
    return false;
  }
  view(find(database, slot, key, length), 0);
  Journal.verbatim(database.index);
  Writes.one();
  return true;
}

function replyRegisters(): void {
  replyArray(REGISTER_COUNT);
  const registers = View.ptr + HEADER_BYTES;
  for (let i: i32 = 0; i < REGISTER_COUNT; i++) replyInt(denseGet(registers, i));
}

/** The runs of the value in `View` as text: `z:` and `Z:` for short and long runs of zeros, `v:value,length`. */
function decode(): void {
  const end = View.ptr + View.length;
  let bytes: u64 = 0;
  for (let at = View.ptr + HEADER_BYTES; at < end; at += Run.bytes) {
    Run.read(at, end);
    bytes += 3 + <u64>int64Length(Run.registers);
    if (Run.value != 0) bytes += 1 + <u64>int64Length(Run.value);
  }
  if (bytes == 0) {
    replyBulk(0, 0);
    return;
  }
  if (bytes > 0x7fffffff) {
    replyOutOfMemory();
    return;
  }
  // A blank stands behind each run but the last.
  if (!roomReply(<usize>bytes + 32)) return;
  let out = replyAt;
  store<u8>(out++, 0x24);
  out += writeInt64(out, <i64>bytes - 1);
  store<u16>(out, 0x0a0d);
  out += 2;
  for (let at = View.ptr + HEADER_BYTES; at < end; at += Run.bytes) {
    Run.read(at, end);
    store<u8>(out, Run.value != 0 ? 0x76 : Run.bytes == 2 ? 0x5a : 0x7a);
    store<u8>(out, 0x3a, 1);
    out += 2;
    if (Run.value != 0) {
      out += writeInt64(out, Run.value);
      store<u8>(out++, 0x2c);
    }
    out += writeInt64(out, Run.registers);
    store<u8>(out++, 0x20);
  }
  store<u16>(out - 1, 0x0a0d);
  setReplyAt(out + 1);
}

const testRegisters: usize = memory.data((16384 * 6) / 8 + 8, 16);
const testElement: usize = memory.data(8, 8);
const TEST_ELEMENTS: i64 = 100000;

/** Dense registers keep what is put into them and nothing else changes; the estimate is about right. */
export function pfSelfTest(): void {
  memory.fill(registerBytes, 0, REGISTER_COUNT);
  for (let i: i64 = 0; i < TEST_ELEMENTS; i++) {
    store<i64>(testElement, i);
    Pattern.of(testElement, 8);
    const at = registerBytes + <usize>Pattern.index;
    if (Pattern.count > <u32>load<u8>(at)) store<u8>(at, <u8>Pattern.count);
  }
  for (let round: u32 = 0; round <= REGISTER_MAX; round++) {
    for (let i: i32 = 0; i < REGISTER_COUNT; i++) {
      densePut(testRegisters, i, (<u32>load<u8>(registerBytes + <usize>i) + round) & REGISTER_MAX);
    }
    for (let i: i32 = 0; i < REGISTER_COUNT; i++) {
      const wanted = (<u32>load<u8>(registerBytes + <usize>i) + round) & REGISTER_MAX;
      if (denseGet(testRegisters, i) != wanted) {
        replyError("TESTFAILED A dense register does not hold its value");
        return;
      }
    }
  }
  const error = countOfBytes(registerBytes) - TEST_ELEMENTS;
  // Five times the standard error of 0.81 %.
  if (error * error * 625 > TEST_ELEMENTS * TEST_ELEMENTS) {
    replyError("TESTFAILED The estimate is too far off");
    return;
  }
  replyOk();
}
