/** BITCOUNT and BITPOS: ranges of bytes or bits of a string. */
import { equalsWord } from "../base/bytes";
import { Arg, argc } from "../base/frame";
import { View } from "../keyspace/string-value";
import { parsedInt64, parseInt64 } from "../protocol/number";
import { replyError, replyInt, replyNotInteger, replySyntaxError } from "../protocol/reply";
import { Bits } from "./bitmap-room";

/** A range of bits, both ends included; empty where the first lies behind the last. */
class Range {
  static first: i64 = 0;
  static last: i64 = -1;

  /** From the two ends as they were given, in bits or bytes; below 0 they count from the end of the string. */
  static set(first: i64, last: i64, inBits: bool): void {
    const total = inBits ? (<i64>View.length) << 3 : <i64>View.length;
    if (first < 0) first = max<i64>(first + total, 0);
    if (last < 0) last = max<i64>(last + total, 0);
    if (last >= total) last = total - 1;
    // Scaled up, a first byte that lies far behind the end would not fit.
    if (first > last) {
      first = 0;
      last = -1;
    }
    Range.first = inBits ? first : first << 3;
    Range.last = inBits ? last : (last << 3) | 7;
    if (last < 0) Range.last = -1;
  }
}

/** Reads argument `index` as BIT (1) or BYTE (0); -1: neither, and that was replied. */
function parseUnit(index: u32): i32 {
  const ptr = Arg.ptr(index);
  const length = Arg.length(index);
  if (equalsWord(ptr, length, "bit")) return 1;
  if (equalsWord(ptr, length, "byte")) return 0;
  replySyntaxError();
  return -1;
}

/** Reads argument `index` as an integer into `parsedInt64`. */
function parseEnd(index: u32): bool {
  if (parseInt64(Arg.ptr(index), <i32>Arg.length(index))) return true;
  replyNotInteger();
  return false;
}

export function bitCount(): void {
  if (!Bits.read()) return;
  if (!Bits.found) {
    replyInt(0);
    return;
  }
  if (argc == 2) Range.set(0, -1, false);
  else if (argc == 4 || argc == 5) {
    if (!parseEnd(2)) return;
    const first = parsedInt64();
    if (!parseEnd(3)) return;
    const last = parsedInt64();
    if (first < 0 && last < 0 && first > last) {
      replyInt(0);
      return;
    }
    const unit = argc == 5 ? parseUnit(4) : 0;
    if (unit < 0) return;
    Range.set(first, last, unit == 1);
  } else {
    replySyntaxError();
    return;
  }
  replyInt(Range.first > Range.last ? 0 : onesIn(View.ptr, Range.first, Range.last));
}

/** Ones among the bits `first` to `last`. */
function onesIn(base: usize, first: i64, last: i64): i64 {
  const start = base + <usize>(first >> 3);
  const end = base + <usize>(last >> 3);
  const head: u32 = <u32>load<u8>(start) & (255 >> (<u32>first & 7));
  const tailMask: u32 = (0xff00 >> ((<u32>last & 7) + 1)) & 255;
  if (start == end) return popcnt<u32>(head & tailMask);
  let count = <i64>popcnt<u32>(head) + <i64>popcnt<u32>(<u32>load<u8>(end) & tailMask);
  let at = start + 1;
  for (; at + 32 <= end; at += 32) {
    count += <i64>(
      (popcnt<u64>(load<u64>(at)) +
        popcnt<u64>(load<u64>(at, 8)) +
        popcnt<u64>(load<u64>(at, 16)) +
        popcnt<u64>(load<u64>(at, 24)))
    );
  }
  for (; at < end; at++) count += <i64>popcnt<u32>(load<u8>(at));
  return count;
}

export function bitPosition(): void {
  if (!parseEnd(2)) return;
  const bit = parsedInt64();
  if (bit != 0 && bit != 1) {
    replyError("ERR The bit argument must be 1 or 0.");
    return;
  }
  if (!Bits.read()) return;
  if (!Bits.found) {
    replyInt(bit == 1 ? -1 : 0);
    return;
  }
  const endGiven = argc >= 5;
  if (argc == 3) Range.set(0, -1, false);
  else if (argc <= 6) {
    if (!parseEnd(3)) return;
    const first = parsedInt64();
    const unit = argc == 6 ? parseUnit(5) : 0;
    if (unit < 0) return;
    if (endGiven && !parseEnd(4)) return;
    Range.set(first, endGiven ? parsedInt64() : -1, unit == 1);
  } else {
    replySyntaxError();
    return;
  }
  if (Range.first > Range.last) {
    replyInt(-1);
    return;
  }
  const found = findBit(View.ptr, Range.first, Range.last, bit == 1);
  // Behind a string whose end was not named as such follow zeros without end.
  if (found < 0 && bit == 0 && !endGiven) replyInt(Range.last + 1);
  else replyInt(found);
}

/** The first such bit among the bits `first` to `last`, or -1. */
function findBit(base: usize, first: i64, last: i64, one: bool): i64 {
  // Looks for ones; where a zero is wanted, in the complement.
  const flip: u64 = one ? 0 : ~(<u64>0);
  const end = base + <usize>(last >> 3);
  let at = base + <usize>(first >> 3);
  let bits: u32 = (<u32>load<u8>(at) ^ (<u32>flip & 255)) & (255 >> (<u32>first & 7));
  while (bits == 0) {
    if (++at > end) return -1;
    for (; at + 8 <= end && load<u64>(at) == flip; at += 8) {}
    bits = <u32>load<u8>(at) ^ (<u32>flip & 255);
  }
  const found = ((<i64>(at - base)) << 3) + <i64>clz<u32>(bits) - 24;
  return found <= last ? found : -1;
}
