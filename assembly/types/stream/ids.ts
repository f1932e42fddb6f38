/** Identifiers of stream entries as arguments. Behaviour: streamGenericParseIDOrReply in Redis 7.0's t_stream.c. */
import { Arg } from "../../base/frame";
import { parsedInt64, parseInt64 } from "../../protocol/number";
import { cTextLength, replyError } from "../../protocol/reply";

/** Longer texts are no identifiers. */
const TEXT_MAX: u32 = 127;
const MINUS: u32 = 45;
const PLUS: u32 = 43;
const STAR: u32 = 42;
const OPEN: u32 = 40;

export const ID_MAX: u64 = u64.MAX_VALUE;

/** The identifier last read. */
export class Id {
  static ms: u64 = 0;
  static seq: u64 = 0;
  /** False: the sequence was `*`. */
  static seqGiven: bool = true;

  static set(ms: u64, seq: u64): void {
    Id.ms = ms;
    Id.seq = seq;
  }
  /** The next one. False: there is none. */
  static increment(): bool {
    if (Id.seq == ID_MAX && Id.ms == ID_MAX) return false;
    if (++Id.seq == 0) Id.ms++;
    return true;
  }
  static decrement(): bool {
    if (Id.seq == 0 && Id.ms == 0) return false;
    if (Id.seq-- == 0) Id.ms--;
    return true;
  }
}

let unsigned: u64 = 0;

/** Reads as string2ull does: a whole number, or else whatever strtoull takes. */
function parseUnsigned(ptr: usize, length: u32): bool {
  if (parseInt64(ptr, <i32>length)) {
    unsigned = <u64>parsedInt64();
    return parsedInt64() >= 0;
  }
  let at: u32 = 0;
  while (at < length && isSpace(load<u8>(ptr + at))) at++;
  const sign = at < length ? <u32>load<u8>(ptr + at) : 0;
  if (sign == MINUS || sign == PLUS) at++;
  if (at == length) return false;
  let value: u64 = 0;
  for (; at < length; at++) {
    const digit = <u64>load<u8>(ptr + at) - 48;
    if (digit > 9) return false;
    if (value > (ID_MAX - digit) / 10) return false;
    value = value * 10 + digit;
  }
  unsigned = sign == MINUS ? 0 - value : value;
  return true;
}

function isSpace(byte: u32): bool {
  return byte == 32 || (byte >= 9 && byte <= 13);
}

/**
 * Reads the bytes as an identifier into `Id`. Without a sequence it is `missingSeq`. `strict`: no `-` and `+` for the
 * least and the greatest. `auto`: the sequence may be `*`.
 */
export function readId(ptr: usize, length: u32, missingSeq: u64, strict: bool, auto: bool): bool {
  if (length > TEXT_MAX) return false;
  length = cTextLength(ptr, length);
  Id.seqGiven = true;
  if (length == 1) {
    const byte = <u32>load<u8>(ptr);
    if (byte == MINUS || byte == PLUS) {
      const bound: u64 = byte == MINUS ? 0 : ID_MAX;
      Id.set(bound, bound);
      return !strict;
    }
  }
  let dash: u32 = 0;
  while (dash < length && <u32>load<u8>(ptr + dash) != MINUS) dash++;
  if (!parseUnsigned(ptr, dash)) return false;
  const ms = unsigned;
  let seq = missingSeq;
  if (dash < length) {
    const rest = ptr + dash + 1;
    const restLength = length - dash - 1;
    if (auto && restLength == 1 && <u32>load<u8>(rest) == STAR) {
      seq = 0;
      Id.seqGiven = false;
    } else {
      if (!parseUnsigned(rest, restLength)) return false;
      seq = unsigned;
    }
  }
  Id.set(ms, seq);
  return true;
}

function refuse(): bool {
  replyError("ERR Invalid stream ID specified as stream command argument");
  return false;
}

/** The argument as an identifier; false: an error was replied. */
export function parseId(index: u32): bool {
  return readId(Arg.ptr(index), Arg.length(index), 0, true, false) || refuse();
}

/** As `parseId`, where `-` and `+` stand for the least and the greatest. */
export function parseAnyId(index: u32): bool {
  return readId(Arg.ptr(index), Arg.length(index), 0, false, false) || refuse();
}

/** As `parseId`, for XADD: the sequence may be `*`. */
export function parseNewId(index: u32): bool {
  return readId(Arg.ptr(index), Arg.length(index), 0, true, true) || refuse();
}

function parseBound(index: u32, missingSeq: u64): bool {
  const ptr = Arg.ptr(index);
  const length = Arg.length(index);
  exclusive = length > 1 && <u32>load<u8>(ptr) == OPEN;
  const read = exclusive
    ? readId(ptr + 1, length - 1, missingSeq, true, false)
    : readId(ptr, length, missingSeq, false, false);
  return read || refuse();
}

let exclusive: bool = false;

/** The argument as the lower end of an interval, which `(` leaves out. */
export function parseStart(index: u32): bool {
  if (!parseBound(index, 0)) return false;
  if (!exclusive || Id.increment()) return true;
  replyError("ERR invalid start ID for the interval");
  return false;
}

/** The argument as the upper end of an interval, which `(` leaves out. */
export function parseEnd(index: u32): bool {
  if (!parseBound(index, ID_MAX)) return false;
  if (!exclusive || Id.decrement()) return true;
  replyError("ERR invalid end ID for the interval");
  return false;
}

/** Whether the argument is this one character. */
export function isMark(index: u32, mark: u32): bool {
  return Arg.length(index) == 1 && Arg.byte(index, 0) == mark;
}
