/**
 * INCRBYFLOAT and its kin. Redis computes them in C's `long double`, which on x86-64 is the x87 80-bit format:
 * 64 bits of mantissa, exponents to 16383, subnormals down to 2^-16445. The same bytes must come out
 * here, so text is rounded to that format, sums are rounded to nearest even, and the result is printed
 * from its exact value with 17 places.
 *
 *   number = mantissa * 2^exponent; the mantissa's top bit is set, also for subnormals, or it is 0
 */
import {
  anyBitBelow,
  BIGNUM_BYTES,
  bignumIsZero,
  bitsFrom,
  divideSmall,
  multiplyAdd,
  setBignum,
  shiftLeft,
} from "./bignum";
import {
  convertDecimal,
  leadingBits,
  leadingExponent,
  NUMBER_DECIMAL,
  NUMBER_FINITE,
  NUMBER_INFINITE,
  NUMBER_INVALID,
  NUMBER_ZERO,
  numberIsNegative,
  scanNumber,
  TAIL_ABOVE_HALF,
  TAIL_HALF,
  TAIL_NONE,
  tail,
} from "./decimal";
import { writeDigits, writeUint64 } from "./number";

/** Redis's MAX_LONG_DOUBLE_CHARS: longer texts are refused, and results need room for this many bytes. */
export const LONG_DOUBLE_TEXT_MAX: i32 = 5 * 1024;

export const FLOAT_FIRST_INVALID: i32 = -1;
export const FLOAT_SECOND_INVALID: i32 = -2;
/** The sum is infinite or not a number. */
export const FLOAT_NOT_FINITE: i32 = -3;

const TOP_BIT: u64 = 0x8000000000000000;
const EXPONENT_MAX: i32 = 16383;
const EXPONENT_MIN: i32 = -16382;
/** Places after the point: ld2string's LD_STR_HUMAN prints with `%.17Lf`. */
const PLACES: i32 = 17;
const TEN_TO_17: u64 = 100000000000000000;

const NUMBER: usize = memory.data(BIGNUM_BYTES, 16);

let mantissa: u64 = 0;
let exponent: i32 = 0;
let negative: bool = false;

/**
 * Reads text as Redis's `string2ld` does: what `parseDouble` takes, with the range of a long double, up to
 * 5119 bytes. Returns NUMBER_FINITE, NUMBER_ZERO, NUMBER_INFINITE or NUMBER_INVALID.
 */
function readLongDouble(ptr: usize, length: i32): i32 {
  // Longer, or negative.
  if (<u32>length >= <u32>LONG_DOUBLE_TEXT_MAX) return NUMBER_INVALID;
  let kind = scanNumber(ptr, length, true);
  negative = numberIsNegative();
  mantissa = 0;
  exponent = 0;
  if (kind == NUMBER_DECIMAL) {
    convertDecimal();
    kind = NUMBER_FINITE;
  }
  if (kind == NUMBER_FINITE) return roundToLongDouble() ? NUMBER_FINITE : NUMBER_INVALID;
  return kind == NUMBER_ZERO || kind == NUMBER_INFINITE ? kind : NUMBER_INVALID;
}

/** True if `incrByFloatText` takes these bytes for an operand (`inf` included): Redis's `string2ld`. */
export function isLongDouble(ptr: usize, length: i32): bool {
  return readLongDouble(ptr, length) != NUMBER_INVALID;
}

/** Rounds what was scanned, to nearest even; false if it is too large, or too small to be told from zero. */
function roundToLongDouble(): bool {
  const bits = leadingBits();
  const top = leadingExponent() + 63;
  exponent = leadingExponent();
  if (top > EXPONENT_MAX) return false;
  if (top >= EXPONENT_MIN) {
    const up = tail() == TAIL_ABOVE_HALF || (tail() == TAIL_HALF && (bits & 1) != 0);
    mantissa = bits + <u64>up;
    if (!mantissa) {
      mantissa = TOP_BIT;
      exponent++;
    }
    return exponent + 63 <= EXPONENT_MAX;
  }
  // Subnormal numbers have fewer bits.
  const drop = EXPONENT_MIN - top;
  if (drop > 64) return false;
  const kept: u64 = drop == 64 ? 0 : bits >> <u64>drop;
  const rest = drop == 64 ? bits : bits & (((<u64>1) << (<u64>drop)) - 1);
  const half = (<u64>1) << (<u64>(drop - 1));
  const up = rest > half || (rest == half && (tail() != TAIL_NONE || (kept & 1) != 0));
  mantissa = kept + <u64>up;
  if (!mantissa) return false;
  const zeros = clz<u64>(mantissa);
  mantissa <<= zeros;
  exponent += drop - <i32>zeros;
  return true;
}

/**
 * Adds the numbers in two texts and writes the sum as text: INCRBYFLOAT and HINCRBYFLOAT. Returns its length,
 * or one of the negative `FLOAT_` codes. A negative `aLength` means that there is no value yet, which counts
 * as 0. `out` must have room for LONG_DOUBLE_TEXT_MAX bytes and may be
 * the place of neither text.
 */
export function incrByFloatText(
  aPtr: usize,
  aLength: i32,
  bPtr: usize,
  bLength: i32,
  out: usize,
): i32 {
  let aKind = NUMBER_ZERO;
  mantissa = 0;
  exponent = 0;
  if (aLength >= 0) aKind = readLongDouble(aPtr, aLength);
  if (aKind == NUMBER_INVALID) return FLOAT_FIRST_INVALID;
  const aMantissa = mantissa;
  const aExponent = exponent;
  const aNegative = negative;
  const bKind = readLongDouble(bPtr, bLength);
  if (bKind == NUMBER_INVALID) return FLOAT_SECOND_INVALID;
  if (aKind == NUMBER_INFINITE || bKind == NUMBER_INFINITE) return FLOAT_NOT_FINITE;
  if (!addTo(aMantissa, aExponent, aNegative)) return FLOAT_NOT_FINITE;
  return writeHuman(out);
}

/** Adds a number to the current one; false if the sum is too large. */
function addTo(otherMantissa: u64, otherExponent: i32, otherNegative: bool): bool {
  if (!otherMantissa) return true;
  let large = mantissa;
  let small = otherMantissa;
  let largeExponent = exponent;
  let smallExponent = otherExponent;
  const subtract = negative != otherNegative;
  if (
    !large ||
    smallExponent > largeExponent ||
    (smallExponent == largeExponent && small > large)
  ) {
    large = otherMantissa;
    largeExponent = otherExponent;
    small = mantissa;
    smallExponent = exponent;
    negative = otherNegative;
  }
  const distance: u64 = small ? <u64>(largeExponent - smallExponent) : 0;

  // The smaller number as 128 bits under the larger one's; what is shifted out leaves a mark.
  let high: u64 = 0;
  let low: u64 = 0;
  let sticky = false;
  if (distance == 0) high = small;
  else if (distance < 64) {
    high = small >> distance;
    low = small << (64 - distance);
  } else if (distance < 128) {
    low = small >> (distance - 64);
    sticky = distance > 64 && small << (128 - distance) != 0;
  } else sticky = true;

  exponent = largeExponent;
  if (!subtract) {
    high += large;
    if (high < large) {
      sticky = sticky || (low & 1) != 0;
      low = (low >> 1) | (high << 63);
      high = (high >> 1) | TOP_BIT;
      exponent++;
    }
  } else {
    if (sticky) {
      // What was shifted out is taken away as well: one unit too much, and the mark gives some back.
      low++;
      if (!low) high++;
    }
    high = large - high - <u64>(low != 0);
    low = 0 - low;
    if (!high && !low) {
      mantissa = 0;
      negative = false;
      return true;
    }
    const zeros = high ? clz<u64>(high) : 64 + clz<u64>(low);
    if (zeros >= 64) {
      high = low << (zeros - 64);
      low = 0;
    } else if (zeros) {
      high = (high << zeros) | (low >> (64 - zeros));
      low <<= zeros;
    }
    exponent -= <i32>zeros;
  }
  const up = low > TOP_BIT || (low == TOP_BIT && (sticky || (high & 1) != 0));
  mantissa = high + <u64>up;
  if (!mantissa) {
    mantissa = TOP_BIT;
    exponent++;
  }
  return exponent + 63 <= EXPONENT_MAX;
}

/**
 * Writes a finite double as Redis's `addReplyHumanLongDouble` does (GEOPOS): 17 places after the point, without
 * trailing zeros. Returns the length, at most 328.
 */
export function writeHumanDouble(out: usize, value: f64): i32 {
  const bits = reinterpret<u64>(value);
  const biased = <i32>((bits >> 52) & 0x7ff);
  const fraction = bits & 0xfffffffffffff;
  negative = bits >> 63 != 0;
  mantissa = biased ? fraction | 0x10000000000000 : fraction;
  exponent = biased ? biased - 1075 : -1074;
  if (mantissa) {
    const zeros = clz<u64>(mantissa);
    mantissa <<= zeros;
    exponent -= <i32>zeros;
  }
  return writeHuman(out);
}

/** Writes the current number as ld2string's LD_STR_HUMAN: `%.17Lf` without trailing zeros, and never "-0". */
function writeHuman(out: usize): i32 {
  if (exponent >= 0) {
    if (!mantissa) return writeUint64(out, 0);
    store<u8>(out, 0x2d);
    return <i32>negative + writeWhole(out + <usize>negative);
  }
  const shift = -exponent;
  let whole: u64 = shift < 64 ? mantissa >> <u64>shift : 0;
  let places: u64 = 0;
  // Below 2^-63 nothing shows in 17 places.
  if (shift < 128) {
    setBignum(NUMBER, shift < 64 ? mantissa & (((<u64>1) << (<u64>shift)) - 1) : mantissa);
    multiplyAdd(NUMBER, 1000000000, 0);
    multiplyAdd(NUMBER, 100000000, 0);
    places = bitsFrom(NUMBER, shift);
    const half = (bitsFrom(NUMBER, shift - 1) & 1) != 0;
    if (half && ((places & 1) != 0 || anyBitBelow(NUMBER, shift - 1))) places++;
    if (places == TEN_TO_17) {
      places = 0;
      whole++;
    }
  }
  let at = out;
  if (negative && (whole || places)) store<u8>(at++, 0x2d);
  at += <usize>writeUint64(at, whole);
  if (places) {
    store<u8>(at, 0x2e);
    writeDigits(at + 1, places, PLACES);
    at += 1 + PLACES;
    while (load<u8>(at - 1) == 0x30) at--;
  }
  return <i32>(at - out);
}

/** Writes mantissa * 2^exponent, an integer; `out` has room for LONG_DOUBLE_TEXT_MAX - 1 bytes. */
function writeWhole(out: usize): i32 {
  setBignum(NUMBER, mantissa);
  shiftLeft(NUMBER, exponent);
  const end = out + <usize>(LONG_DOUBLE_TEXT_MAX - 1);
  let at = end;
  while (!bignumIsZero(NUMBER)) {
    at -= 9;
    writeDigits(at, <u64>divideSmall(NUMBER, 1000000000), 9);
  }
  while (load<u8>(at) == 0x30) at++;
  memory.copy(out, at, end - at);
  return <i32>(end - at);
}
