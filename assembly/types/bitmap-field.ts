/**
 * BITFIELD: integers of 1 to 64 bits anywhere in a string. The arguments are read twice, first to see whether all of
 * them are right and how far writes reach, then to carry them out one by one.
 */
import { Notify } from "../abi";
import { equalsWord } from "../base/bytes";
import { Arg, argc } from "../base/frame";
import { Journal } from "../journal";
import { notify } from "../keyspace/notify";
import { View } from "../keyspace/string-value";
import { parsedInt64, parseInt64 } from "../protocol/number";
import {
  cTextLength,
  replyArray,
  replyError,
  replyInt,
  replyNotInteger,
  replyNull,
  replySyntaxError,
} from "../protocol/reply";
import { Bits, bitOffset, parseBitOffset, Target } from "./bitmap-room";
import { Writes } from "./writes";

enum Action {
  Get = 0,
  Set = 1,
  IncrBy = 2,
  /** OVERFLOW, which is no operation of its own. */
  Overflow = 3,
}

enum Overflow {
  Wrap = 0,
  Saturate = 1,
  Fail = 2,
}

/** The operation read last. */
class Operation {
  static action: Action = Action.Get;
  static signed: bool = false;
  static width: u32 = 0;
  static offset: i64 = 0;
  /** Of SET and INCRBY. */
  static value: i64 = 0;
  /** Holds until the next OVERFLOW. */
  static overflow: Overflow = Overflow.Wrap;

  /** Reads the operation at argument `index`; answers where the next one begins, 0 where something is wrong. */
  static read(index: u32): u32 {
    const ptr = Arg.ptr(index);
    const length = Arg.length(index);
    const left = argc - index - 1;
    if (equalsWord(ptr, length, "overflow") && left >= 1) return Operation.readOverflow(index + 1);
    if (equalsWord(ptr, length, "get") && left >= 2) Operation.action = Action.Get;
    else if (equalsWord(ptr, length, "set") && left >= 3) Operation.action = Action.Set;
    else if (equalsWord(ptr, length, "incrby") && left >= 3) Operation.action = Action.IncrBy;
    else {
      replySyntaxError();
      return 0;
    }
    if (!Operation.readType(index + 1) || !parseBitOffset(index + 2, Operation.width)) return 0;
    Operation.offset = bitOffset;
    if (Operation.action == Action.Get) return index + 3;
    if (!parseInt64(Arg.ptr(index + 3), <i32>Arg.length(index + 3))) {
      replyNotInteger();
      return 0;
    }
    Operation.value = parsedInt64();
    return index + 4;
  }

  private static readOverflow(index: u32): u32 {
    const ptr = Arg.ptr(index);
    const length = Arg.length(index);
    Operation.action = Action.Overflow;
    if (equalsWord(ptr, length, "wrap")) Operation.overflow = Overflow.Wrap;
    else if (equalsWord(ptr, length, "sat")) Operation.overflow = Overflow.Saturate;
    else if (equalsWord(ptr, length, "fail")) Operation.overflow = Overflow.Fail;
    else {
      replyError("ERR Invalid OVERFLOW type specified");
      return 0;
    }
    return index + 1;
  }

  /** `i1` to `i64`, `u1` to `u63`. */
  private static readType(index: u32): bool {
    const ptr = Arg.ptr(index);
    const length = cTextLength(ptr, Arg.length(index));
    const sign = length == 0 ? 0 : <u32>load<u8>(ptr);
    if (sign == 0x69 || sign == 0x75) {
      Operation.signed = sign == 0x69;
      const most: i64 = Operation.signed ? 64 : 63;
      if (parseInt64(ptr + 1, <i32>length - 1) && parsedInt64() >= 1 && parsedInt64() <= most) {
        Operation.width = <u32>parsedInt64();
        return true;
      }
    }
    replyError(
      "ERR Invalid bitfield type. Use something like i16 u8. Note that u64 is not supported but i64 is.",
    );
    return false;
  }
}

export function bitField(onlyReads: bool): void {
  let count: i64 = 0;
  let writes = false;
  let last: i64 = 0;
  Operation.overflow = Overflow.Wrap;
  for (let i: u32 = 2; i < argc; ) {
    i = Operation.read(i);
    if (i == 0) return;
    if (Operation.action == Action.Overflow) continue;
    count++;
    if (Operation.action == Action.Get) continue;
    writes = true;
    last = max(last, Operation.offset + <i64>Operation.width - 1);
  }
  if (!writes) {
    if (!Bits.read()) return;
  } else if (onlyReads) {
    replyError("ERR BITFIELD_RO only supports the GET subcommand");
    return;
  } else {
    if (!Target.open(last >> 3)) return;
    View.ptr = Target.ptr;
    View.length = Target.length;
  }
  replyArray(count);
  const changes = carryOut();
  if (changes == 0) return;
  const index = Target.database.index;
  Journal.verbatim(index);
  notify(Notify.String, "setbit", index, Arg.ptr(1), Arg.length(1));
  Writes.many(changes);
}

/** Runs all operations on the string in `View`; answers how many have changed it. */
function carryOut(): u32 {
  let changes: u32 = 0;
  Operation.overflow = Overflow.Wrap;
  for (let i: u32 = 2; i < argc; ) {
    i = Operation.read(i);
    if (Operation.action == Action.Overflow) continue;
    const before = readInteger();
    if (Operation.action == Action.Get) {
      replyInt(before);
      continue;
    }
    const adds = Operation.action == Action.IncrBy;
    const base = adds ? before : Operation.value;
    const fits = Operation.signed
      ? addSigned(base, adds ? Operation.value : 0)
      : addUnsigned(base, adds ? Operation.value : 0);
    if (!fits && Operation.overflow == Overflow.Fail) {
      replyNull();
      continue;
    }
    replyInt(adds ? sum : before);
    if (Target.grown || before != sum) {
      Target.willWrite();
      changes++;
    }
    writeBits(View.ptr, Operation.offset, Operation.width, sum);
  }
  return changes;
}

/** The integer of the operation in hand; behind the end of the string are zeros. */
function readInteger(): i64 {
  const width = Operation.width;
  const bits = readBits(View.ptr, View.length, Operation.offset, width);
  if (!Operation.signed || width == 64) return <i64>bits;
  const unused = <i64>(64 - width);
  return ((<i64>bits) << unused) >> unused;
}

function readBits(base: usize, length: u32, offset: i64, width: u32): u64 {
  let value: u64 = 0;
  for (let at = offset, left = width; left > 0; ) {
    const room = 8 - (<u32>at & 7);
    const taken = min(left, room);
    const inside = at >> 3 < <i64>length;
    const byte: u32 = inside ? <u32>load<u8>(base + <usize>(at >> 3)) : 0;
    value = (value << (<u64>taken)) | <u64>((byte >> (room - taken)) & ((1 << taken) - 1));
    at += <i64>taken;
    left -= taken;
  }
  return value;
}

function writeBits(base: usize, offset: i64, width: u32, value: u64): void {
  // From the last byte to the first, as the lowest bits stand last.
  for (let end = offset + <i64>width, left = width; left > 0; ) {
    const filled = (<u32>(end - 1) & 7) + 1;
    const taken = min(left, filled);
    const shift = 8 - filled;
    const mask = ((1 << taken) - 1) << shift;
    const at = base + <usize>((end - 1) >> 3);
    store<u8>(at, <u8>((<u32>load<u8>(at) & ~mask) | (((<u32>value) << shift) & mask)));
    value >>= <u64>taken;
    end -= <i64>taken;
    left -= taken;
  }
}

/** What `addSigned` and `addUnsigned` found, after wrapping or saturating. */
let sum: i64 = 0;

/** `value + added` in the width of the operation. False: it did not fit. */
function addSigned(value: i64, added: i64): bool {
  const width = Operation.width;
  const most: i64 = width == 64 ? i64.MAX_VALUE : ((<i64>1) << (<i64>width - 1)) - 1;
  const least = -most - 1;
  sum = value + added;
  // For values in range neither difference overflows where it is looked at.
  const above =
    value > most ||
    (width != 64 && added > most - value) ||
    (value >= 0 && added > 0 && added > most - value);
  const below =
    !above &&
    (value < least ||
      (width != 64 && added < least - value) ||
      (value < 0 && added < 0 && added < least - value));
  if (!above && !below) return true;
  if (Operation.overflow == Overflow.Saturate) sum = above ? most : least;
  else if (width < 64) {
    const unused = <i64>(64 - width);
    sum = (sum << unused) >> unused;
  }
  return false;
}

function addUnsigned(value: u64, added: i64): bool {
  const most: u64 = ((<u64>1) << (<u64>Operation.width)) - 1;
  sum = <i64>(value + <u64>added);
  const above = value > most || (added > 0 && added > <i64>(most - value));
  const below = !above && added < 0 && added < -(<i64>value);
  if (!above && !below) return true;
  if (Operation.overflow == Overflow.Saturate) sum = above ? <i64>most : 0;
  else sum = <i64>(<u64>sum & most);
  return false;
}
