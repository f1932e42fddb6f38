/** Cursor, options and reply head that SCAN, SSCAN, HSCAN and ZSCAN share (scanGenericCommand in Redis 7.0's db.c). */
import { equalsWord } from "../base/bytes";
import { Arg, argc } from "../base/frame";
import { globMatch } from "../protocol/glob";
import { parsedInt64, parseInt64, writeUint64 } from "../protocol/number";
import {
  cTextLength,
  replyArray,
  replyBulk,
  replyError,
  replyNotInteger,
  replySyntaxError,
} from "../protocol/reply";

const cursorText: usize = memory.data(32, 16);

/** What the arguments of the command in hand say. */
export class ScanOptions {
  static cursor: u64 = 0;
  static count: u64 = 10;
  /** The argument with the pattern; 0: everything matches. */
  static pattern: u32 = 0;
  /** The argument with the name of a type; 0: any. */
  static type: u32 = 0;

  /** Whether the pattern, where there is one, takes the text. */
  static matches(ptr: usize, length: u32): bool {
    if (ScanOptions.pattern == 0) return true;
    const pattern = Arg.ptr(ScanOptions.pattern);
    return globMatch(pattern, Arg.length(ScanOptions.pattern), ptr, length, false);
  }
}

/** Whether a pattern is `*` alone: it takes everything, the empty text too. */
export function takesAll(pattern: usize, length: u32): bool {
  return length == 1 && load<u8>(pattern) == 42;
}

/** An unsigned 64-bit cursor as strtoul reads it: a sign is fine, and nothing at all is zero. False: "invalid cursor" was replied. */
export function parseScanCursor(argument: u32): bool {
  const ptr = Arg.ptr(argument);
  const length = cTextLength(ptr, Arg.length(argument));
  let value: u64 = 0;
  let at: u32 = 0;
  const negative = length > 0 && load<u8>(ptr) == 45;
  if (negative || (length > 0 && load<u8>(ptr) == 43)) at = 1;
  let valid = at == 0 || at < length;
  for (; valid && at < length; at++) {
    const digit = <u64>load<u8>(ptr + at) - 48;
    if (digit > 9 || value > (u64.MAX_VALUE - digit) / 10) valid = false;
    else value = value * 10 + digit;
  }
  if (!valid) {
    replyError("ERR invalid cursor");
    return false;
  }
  ScanOptions.cursor = negative ? -value : value;
  return true;
}

/** MATCH, COUNT and, for SCAN alone, TYPE, from argument `first` on. False: an error was replied. */
export function parseScanOptions(first: u32, allowType: bool): bool {
  ScanOptions.pattern = 0;
  ScanOptions.type = 0;
  ScanOptions.count = 10;
  for (let i = first; i < argc; i += 2) {
    const ptr = Arg.ptr(i);
    const length = Arg.length(i);
    if (i + 1 == argc) {
      replySyntaxError();
      return false;
    }
    if (equalsWord(ptr, length, "count")) {
      if (!parseInt64(Arg.ptr(i + 1), <i32>Arg.length(i + 1))) {
        replyNotInteger();
        return false;
      }
      if (parsedInt64() < 1) {
        replySyntaxError();
        return false;
      }
      ScanOptions.count = <u64>parsedInt64();
    } else if (equalsWord(ptr, length, "match")) {
      ScanOptions.pattern = takesAll(Arg.ptr(i + 1), Arg.length(i + 1)) ? 0 : i + 1;
    } else if (allowType && equalsWord(ptr, length, "type")) ScanOptions.type = i + 1;
    else {
      replySyntaxError();
      return false;
    }
  }
  return true;
}

/** The two parts of the answer: the next cursor, then an array, which the caller writes. */
export function replyScanCursor(cursor: u64): void {
  replyArray(2);
  replyBulk(cursorText, <u32>writeUint64(cursorText, cursor));
}
