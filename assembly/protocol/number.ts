/**
 * Integers as text: the strict reading that every integer argument goes through, and the fast writing
 * that every integer reply goes through. Doubles are in `double.ts`, long doubles in `long-double.ts`.
 */

/** Bytes that `writeInt64` may write: a sign and 19 digits. */
export const INT64_TEXT_MAX: i32 = 20;

const MINUS: u32 = 0x2d;
const ZERO: u32 = 0x30;

/** "00" to "99". */
const PAIRS: usize = memory.data(200, 16);
/** 10^0 to 10^19. */
const POWERS: usize = memory.data(20 * 8, 16);

function initNumber(): void {
  for (let i: u32 = 0; i < 100; i++) {
    store<u8>(PAIRS + ((<usize>i) << 1), <u8>(ZERO + i / 10));
    store<u8>(PAIRS + ((<usize>i) << 1), <u8>(ZERO + (i % 10)), 1);
  }
  let power: u64 = 1;
  for (let i: usize = 0; i < 20; i++, power *= 10) store<u64>(POWERS + (i << 3), power);
}

initNumber();

let parsedValue: i64 = 0;

/** What the last successful `parseInt64` read. */
export function parsedInt64(): i64 {
  return parsedValue;
}

/**
 * Reads a signed 64-bit integer as Redis's `string2ll` does: digits with at most a leading `-`; no `+`, no
 * spaces, no leading zeros, no "-0". Returns false, leaving the last result alone, on anything else.
 */
export function parseInt64(ptr: usize, length: i32): bool {
  if (<u32>(length - 1) >= 20) return false;
  const end = ptr + <usize>length;
  let first = <u32>load<u8>(ptr);
  const negative = first == MINUS;
  if (negative) {
    if (length == 1) return false;
    first = <u32>load<u8>(++ptr);
  }
  let digitsLeft = <i32>(end - ptr);
  if (digitsLeft > 19) return false;

  // The first digit is 1 to 9, or the text is "0" alone.
  if (first - ZERO - 1 > 8) {
    if (first != ZERO || length != 1) return false;
    parsedValue = 0;
    return true;
  }
  let value: u64 = 0;
  while (digitsLeft >= 8) {
    const word = load<u64>(ptr);
    if (!isEightDigits(word)) return false;
    value = value * 100000000 + eightDigits(word);
    ptr += 8;
    digitsLeft -= 8;
  }
  while (ptr != end) {
    const digit = <u32>load<u8>(ptr) - ZERO;
    if (digit > 9) return false;
    value = value * 10 + <u64>digit;
    ptr++;
  }
  // Nineteen digits cannot overflow an unsigned 64-bit integer.
  if (value > <u64>i64.MAX_VALUE + <u64>negative) return false;
  parsedValue = negative ? -(<i64>value) : <i64>value;
  return true;
}

/** True if each of the eight bytes is a decimal digit. */
export function isEightDigits(word: u64): bool {
  const high = word & 0xf0f0f0f0f0f0f0f0;
  const carried = (word + 0x0606060606060606) & 0xf0f0f0f0f0f0f0f0;
  return (high | (carried >> 4)) == 0x3333333333333333;
}

/** The value of eight decimal digits, the first in the lowest byte. */
export function eightDigits(word: u64): u64 {
  word -= 0x3030303030303030;
  word = word * 10 + (word >> 8);
  const even = (word & 0x000000ff000000ff) * 0x000f424000000064;
  const odd = ((word >> 16) & 0x000000ff000000ff) * 0x0000271000000001;
  return (even + odd) >> 32;
}

/** Decimal digits of `value`: 1 to 20. */
export function digitCount(value: u64): i32 {
  const estimate = ((64 - <u32>clz<u64>(value | 1)) * 1233) >> 12;
  return <i32>estimate + <i32>(value >= load<u64>(POWERS + ((<usize>estimate) << 3))) + <i32>!value;
}

/** 10^exponent, for an exponent of 0 to 19. */
export function powerOfTen(exponent: i32): u64 {
  return load<u64>(POWERS + ((<usize>exponent) << 3));
}

function magnitude(value: i64): u64 {
  return value < 0 ? 0 - <u64>value : <u64>value;
}

/** The length of `value` as decimal text: 1 to 20. */
export function int64Length(value: i64): i32 {
  return digitCount(magnitude(value)) + <i32>(value < 0);
}

/** Writes `value` as decimal text and returns its length, at most `INT64_TEXT_MAX`. */
export function writeInt64(out: usize, value: i64): i32 {
  if (<u64>value < 10) {
    store<u8>(out, <u8>(ZERO + <u32>value));
    return 1;
  }
  const negative = value < 0;
  if (negative) store<u8>(out, <u8>MINUS);
  const length = writeUint64(out + <usize>negative, magnitude(value));
  return length + <i32>negative;
}

/** Writes `value` as decimal text and returns its length: 1 to 20. */
export function writeUint64(out: usize, value: u64): i32 {
  const length = digitCount(value);
  writeDigits(out, value, length);
  return length;
}

/** `value`, below 10^8, as eight digits of text, the first in the lowest byte: the inverse of `eightDigits`. */
export function textOfEight(value: u32): u64 {
  const four = value / 10000;
  const fours = <u64>four | ((<u64>(value - four * 10000)) << 32);
  // Both halves by 100, then all four pairs by 10: the factors are exact for numbers of that size.
  const hundreds = ((fours * 10486) >> 20) & 0x0000007f0000007f;
  const pairs = hundreds | ((fours - hundreds * 100) << 16);
  const tens = ((pairs * 103) >> 10) & 0x000f000f000f000f;
  return (tens | ((pairs - tens * 10) << 8)) + 0x3030303030303030;
}

/** Writes the last `length` (1 to 20) decimal digits of `value`, with zeros in front if it has fewer. */
export function writeDigits(out: usize, value: u64, length: i32): void {
  let at = out + <usize>length;
  while (value > 0xffffffff && at - out >= 8) {
    const rest = value / 100000000;
    let low = <u32>(value - rest * 100000000);
    value = rest;
    at -= 8;
    const highFour = low / 10000;
    low -= highFour * 10000;
    storePair(at, highFour / 100);
    storePair(at + 2, highFour % 100);
    storePair(at + 4, low / 100);
    storePair(at + 6, low % 100);
  }
  let small = <u32>value;
  while (at - out >= 2) {
    const rest = small / 100;
    at -= 2;
    storePair(at, small - rest * 100);
    small = rest;
  }
  if (at != out) store<u8>(out, <u8>(ZERO + (small % 10)));
}

function storePair(ptr: usize, pair: u32): void {
  store<u16>(ptr, load<u16>(PAIRS + ((<usize>pair) << 1)));
}
