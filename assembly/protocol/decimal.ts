/**
 * Reads the text of a floating-point number as C's `strtod` and `strtold` do in the "C" locale: decimal with
 * an exponent, hexadecimal (`0x1.8p3`), `inf`, `infinity` and `nan` in any case, each with a sign. Unlike
 * them it takes no leading space, and the whole text must be used.
 *
 * The result is exact: 64 leading bits, an exponent, and how what lies below those bits compares with half
 * of the last one. Both `double.ts` (53 bits) and `long-double.ts` (64 bits) round from there, once.
 *
 *   value = (leadingBits + tail) * 2^leadingExponent,   2^63 <= leadingBits < 2^64,   0 <= tail < 1
 */
import {
  anyBitBelow,
  BIGNUM_BYTES,
  bignumIsZero,
  bitLength,
  bitsFrom,
  divide,
  multiplyAdd,
  multiplyPowerOfFive,
  quotientHigh,
  quotientLow,
  setBignum,
  shiftLeft,
} from "./bignum";

export const NUMBER_INVALID: i32 = 0;
/** A number other than zero: the leading bits, exponent and tail hold it. */
export const NUMBER_FINITE: i32 = 1;
export const NUMBER_ZERO: i32 = 2;
export const NUMBER_INFINITE: i32 = 3;
export const NUMBER_NAN: i32 = 4;
/** A number whose magnitude is beyond any double or long double. */
export const NUMBER_HUGE: i32 = 5;
/** A number other than zero whose magnitude is below half of the smallest double or long double. */
export const NUMBER_TINY: i32 = 6;
/** A decimal of up to 19 digits, not converted yet: `digits` * 10^`exponent`. See `convertDecimal`. */
export const NUMBER_DECIMAL: i32 = 7;

export const TAIL_NONE: u32 = 0;
export const TAIL_BELOW_HALF: u32 = 1;
export const TAIL_HALF: u32 = 2;
export const TAIL_ABOVE_HALF: u32 = 3;

/**
 * Significant digits that are looked at one by one; of the others only whether one is not zero matters. A
 * number halfway between two doubles has at most 768 digits; texts for long doubles are shorter than this.
 */
const DIGITS_MAX: i32 = 5200;
const DOUBLE_DIGITS_MAX: i32 = 800;

/** Bounds on (digits + exponent) outside of which no rounding brings a number back into range. */
const LONG_DOUBLE_EXPONENT_MAX: i64 = 4940;
const LONG_DOUBLE_EXPONENT_MIN: i64 = -4970;
const DOUBLE_EXPONENT_MAX: i64 = 311;
const DOUBLE_EXPONENT_MIN: i64 = -350;
/** Exponents in the text stop growing here; no text has so many digits that it could matter. */
const EXPONENT_CAP: i64 = 1 << 50;

const NUMERATOR: usize = memory.data(BIGNUM_BYTES, 16);
const DENOMINATOR: usize = memory.data(BIGNUM_BYTES, 16);

let negative: bool = false;
let leading: u64 = 0;
let binaryExponent: i32 = 0;
let tailCode: u32 = 0;
let decimalDigits: u64 = 0;
let decimalExponent: i64 = 0;

export function numberIsNegative(): bool {
  return negative;
}
export function leadingBits(): u64 {
  return leading;
}
export function leadingExponent(): i32 {
  return binaryExponent;
}
export function tail(): u32 {
  return tailCode;
}
export function digits(): u64 {
  return decimalDigits;
}
export function exponent(): i32 {
  return <i32>decimalExponent;
}

class Char {
  @inline
  static digit(ptr: usize): u32 {
    return <u32>load<u8>(ptr) - 0x30;
  }

  @inline
  static lower(ptr: usize): u32 {
    return <u32>load<u8>(ptr) | 0x20;
  }

  /** 0 to 15, or more for a byte that is no hexadecimal digit. */
  static hex(ptr: usize): u32 {
    const digit = Char.digit(ptr);
    if (digit <= 9) return digit;
    const letter = Char.lower(ptr) - 0x61;
    return letter <= 5 ? letter + 10 : 255;
  }
}

/** Reads `length` bytes as a number; `wide` for the range of a long double. Returns one of `NUMBER_`. */
export function scanNumber(ptr: usize, length: i32, wide: bool): i32 {
  const end = ptr + <usize>length;
  negative = false;
  if (length > 0 && (load<u8>(ptr) == 0x2d || load<u8>(ptr) == 0x2b)) {
    negative = load<u8>(ptr) == 0x2d;
    ptr++;
  }
  if (ptr == end) return NUMBER_INVALID;
  if (Char.digit(ptr) > 9 && load<u8>(ptr) != 0x2e) return scanWord(ptr, end);
  if (end - ptr > 2 && load<u8>(ptr) == 0x30 && Char.lower(ptr + 1) == 0x78) {
    return scanHexadecimal(ptr + 2, end);
  }
  return scanDecimal(ptr, end, wide);
}

/** `inf`, `infinity`, `nan`, `nan(...)`. */
function scanWord(ptr: usize, end: usize): i32 {
  const length = end - ptr;
  if (length < 3) return NUMBER_INVALID;
  const three = (Char.lower(ptr) << 16) | (Char.lower(ptr + 1) << 8) | Char.lower(ptr + 2);
  if (three == 0x696e66) {
    if (length == 3) return NUMBER_INFINITE;
    // "inity"
    const rest = length == 8 && (load<u32>(ptr + 3) | 0x20202020) == 0x74696e69;
    return rest && Char.lower(ptr + 7) == 0x79 ? NUMBER_INFINITE : NUMBER_INVALID;
  }
  if (three != 0x6e616e) return NUMBER_INVALID;
  if (length == 3) return NUMBER_NAN;
  if (length < 5 || load<u8>(ptr + 3) != 0x28 || load<u8>(end - 1) != 0x29) return NUMBER_INVALID;
  for (let at = ptr + 4; at < end - 1; at++) {
    const letter = Char.lower(at) - 0x61;
    if (Char.digit(at) > 9 && letter > 25 && load<u8>(at) != 0x5f) return NUMBER_INVALID;
  }
  return NUMBER_NAN;
}

let exponentValue: i64 = 0;

/** Reads `[+-]digits` up to `end` into `exponentValue`. */
function scanExponent(ptr: usize, end: usize): bool {
  let minus = false;
  if (ptr != end && (load<u8>(ptr) == 0x2d || load<u8>(ptr) == 0x2b)) {
    minus = load<u8>(ptr) == 0x2d;
    ptr++;
  }
  if (ptr == end) return false;
  let value: i64 = 0;
  for (; ptr != end; ptr++) {
    const digit = Char.digit(ptr);
    if (digit > 9) return false;
    if (value < EXPONENT_CAP) value = value * 10 + <i64>digit;
  }
  exponentValue = minus ? -value : value;
  return true;
}

/**
 * Hexadecimal digits after `0x`. Sixteen digits from the first that is not zero make the leading bits, the
 * seventeenth fills them up and begins the tail.
 */
function scanHexadecimal(ptr: usize, end: usize): i32 {
  let bits: u64 = 0;
  let next: u64 = 0;
  let kept: i32 = 0;
  let sticky = false;
  let shift: i64 = 0;
  let any = false;
  let fraction = false;
  exponentValue = 0;
  for (; ptr != end; ptr++) {
    if (load<u8>(ptr) == 0x2e) {
      if (fraction) return NUMBER_INVALID;
      fraction = true;
      continue;
    }
    const digit = <u64>Char.hex(ptr);
    if (digit > 15) {
      if (!any || Char.lower(ptr) != 0x70) return NUMBER_INVALID;
      if (!scanExponent(ptr + 1, end)) return NUMBER_INVALID;
      break;
    }
    any = true;
    if (kept < 16) {
      bits = (bits << 4) | digit;
      if (bits) kept++;
      if (fraction) shift -= 4;
    } else {
      if (kept++ == 16) next = digit;
      else if (digit) sticky = true;
      if (!fraction) shift += 4;
    }
  }
  if (!any) return NUMBER_INVALID;
  if (!bits) return NUMBER_ZERO;

  shift += exponentValue;
  const zeros = clz<u64>(bits);
  if (zeros >= 4) {
    // Fewer than sixteen digits: nothing lies below.
    leading = bits << zeros;
    tailCode = TAIL_NONE;
  } else {
    leading = (bits << zeros) | (next >> (4 - zeros));
    setTail((next << zeros) & 15, 8, sticky);
  }
  shift -= <i64>zeros;
  if (shift > 20000) return NUMBER_HUGE;
  if (shift < -20000) return NUMBER_TINY;
  binaryExponent = <i32>shift;
  return NUMBER_FINITE;
}

function setTail(rest: u64, half: u64, sticky: bool): void {
  if (rest == half) tailCode = sticky ? TAIL_ABOVE_HALF : TAIL_HALF;
  else if (rest > half) tailCode = TAIL_ABOVE_HALF;
  else tailCode = rest || sticky ? TAIL_BELOW_HALF : TAIL_NONE;
}

function scanDecimal(ptr: usize, end: usize, wide: bool): i32 {
  let value: u64 = 0;
  let kept: i32 = 0;
  let power: i64 = 0;
  let any = false;
  let fraction = false;
  let dropped = false;
  // Where the digits after the first nineteen begin.
  let more: usize = 0;
  exponentValue = 0;
  for (; ptr != end; ptr++) {
    const digit = Char.digit(ptr);
    if (digit > 9) {
      if (load<u8>(ptr) == 0x2e && !fraction) {
        fraction = true;
        continue;
      }
      if (!any || Char.lower(ptr) != 0x65) return NUMBER_INVALID;
      if (!scanExponent(ptr + 1, end)) return NUMBER_INVALID;
      break;
    }
    any = true;
    if (kept < 19) {
      value = value * 10 + <u64>digit;
      if (value) kept++;
      if (fraction) power--;
    } else {
      if (!more) more = ptr;
      if (digit) dropped = true;
      if (!fraction) power++;
    }
  }
  if (!any) return NUMBER_INVALID;
  if (!value) return NUMBER_ZERO;

  power += exponentValue;
  const magnitude = power + <i64>kept;
  const largest = wide ? LONG_DOUBLE_EXPONENT_MAX : DOUBLE_EXPONENT_MAX;
  const smallest = wide ? LONG_DOUBLE_EXPONENT_MIN : DOUBLE_EXPONENT_MIN;
  if (magnitude > largest) return NUMBER_HUGE;
  if (magnitude < smallest) return NUMBER_TINY;
  decimalDigits = value;
  decimalExponent = power;
  if (!dropped) return NUMBER_DECIMAL;

  setBignum(NUMERATOR, value);
  const sticky = addDigits(more, end, (wide ? DIGITS_MAX : DOUBLE_DIGITS_MAX) - 19);
  toBinary(<i32>decimalExponent, sticky);
  return NUMBER_FINITE;
}

/**
 * Brings up to `countMax` further digits into the numerator, nine at a time, and lowers the exponent for each.
 * Returns true if a digit other than zero is left over.
 */
function addDigits(ptr: usize, end: usize, countMax: i32): bool {
  let chunk: u32 = 0;
  let factor: u32 = 1;
  for (; ptr != end; ptr++) {
    if (load<u8>(ptr) == 0x2e) continue;
    const digit = Char.digit(ptr);
    if (digit > 9) break;
    if (countMax == 0) {
      if (digit) {
        multiplyAdd(NUMERATOR, factor, chunk);
        return true;
      }
      continue;
    }
    chunk = chunk * 10 + digit;
    factor *= 10;
    countMax--;
    decimalExponent--;
    if (factor == 1000000000) {
      multiplyAdd(NUMERATOR, factor, chunk);
      chunk = 0;
      factor = 1;
    }
  }
  if (factor > 1) multiplyAdd(NUMERATOR, factor, chunk);
  return false;
}

/** Turns a `NUMBER_DECIMAL` into leading bits, exponent and tail. */
export function convertDecimal(): void {
  setBignum(NUMERATOR, decimalDigits);
  toBinary(<i32>decimalExponent, false);
}

/** numerator * 10^power, plus a little if `sticky`, as leading bits, exponent and tail. */
function toBinary(power: i32, sticky: bool): void {
  if (power >= 0) {
    multiplyPowerOfFive(NUMERATOR, power);
    const below = bitLength(NUMERATOR) - 64;
    leading = bitsFrom(NUMERATOR, below);
    const half = below > 0 && bitsFrom(NUMERATOR, below - 1) & 1;
    setTail(half ? 2 : <u64>anyBitBelow(NUMERATOR, below - 1), 2, false);
    if (half && (sticky || anyBitBelow(NUMERATOR, below - 1))) tailCode = TAIL_ABOVE_HALF;
    else if (!half && sticky) tailCode = TAIL_BELOW_HALF;
    binaryExponent = below + power;
    return;
  }
  setBignum(DENOMINATOR, 1);
  multiplyPowerOfFive(DENOMINATOR, -power);
  // Shifted so that the quotient has 66 or 67 bits.
  const shift = bitLength(DENOMINATOR) - bitLength(NUMERATOR) + 66;
  if (shift > 0) shiftLeft(NUMERATOR, shift);
  else shiftLeft(DENOMINATOR, -shift);
  divide(NUMERATOR, DENOMINATOR);
  const high = quotientHigh();
  const low = quotientLow();
  const extra = 64 - clz<u64>(high);
  leading = (high << (64 - extra)) | (low >> extra);
  const rest = low & (((<u64>1) << extra) - 1);
  setTail(rest, (<u64>1) << (extra - 1), sticky || !bignumIsZero(NUMERATOR));
  binaryExponent = <i32>extra - shift + power;
}
