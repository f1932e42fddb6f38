/**
 * Doubles as text, both ways without error: reading rounds to nearest even, writing gives the shortest
 * digits that read back as the same double and, among those, the closest.
 */
import {
  BIGNUM_BYTES,
  bignumIsZero,
  bitLength,
  bitsFrom,
  divide,
  multiplyPowerOfFive,
  quotientHigh,
  quotientLow,
  setBignum,
  shiftLeft,
} from "./bignum";
import {
  convertDecimal,
  digits,
  exponent,
  leadingBits,
  leadingExponent,
  NUMBER_DECIMAL,
  NUMBER_FINITE,
  NUMBER_HUGE,
  NUMBER_INFINITE,
  NUMBER_INVALID,
  NUMBER_NAN,
  NUMBER_ZERO,
  numberIsNegative,
  scanNumber,
  TAIL_NONE,
  tail,
} from "./decimal";
import { digitCount, powerOfTen, writeDigits, writeInt64, writeUint64 } from "./number";

/** Bytes that `writeDouble` and `writeDouble17` may write, at most 24 in fact. */
export const DOUBLE_TEXT_MAX: i32 = 32;

/** The powers of ten that are doubles without rounding, 10^0 to 10^22. */
const EXACT_POWERS: usize = memory.data(23 * 8, 16);

function initDouble(): void {
  let power: f64 = 1;
  for (let i: usize = 0; i <= 22; i++, power *= 10) store<f64>(EXACT_POWERS + (i << 3), power);
}

initDouble();

let parsedValue: f64 = 0;

/** What the last successful `parseDouble` read. */
export function parsedDouble(): f64 {
  return parsedValue;
}

/**
 * Reads a double as Redis's `string2d` does for scores and the like: anything `strtod` takes, except a
 * leading space, trailing bytes, NaN, and a finite number too large, or a number other than zero too small,
 * for a double. `inf` in its spellings is a value. Returns false, leaving the last result alone, otherwise.
 */
export function parseDouble(ptr: usize, length: i32): bool {
  const kind = scanNumber(ptr, length, false);
  let value: f64;
  if (kind == NUMBER_DECIMAL) {
    const mantissa = digits();
    const power = exponent();
    if (mantissa <= 1 << 53 && power >= -22 && power <= 22) {
      // Both are exact, so one operation rounds correctly (Clinger 1990).
      const factor = load<f64>(EXACT_POWERS + ((<usize>abs(power)) << 3));
      value = power < 0 ? <f64>mantissa / factor : <f64>mantissa * factor;
    } else {
      convertDecimal();
      value = roundToDouble();
    }
  } else if (kind == NUMBER_FINITE) value = roundToDouble();
  else if (kind == NUMBER_ZERO) {
    parsedValue = numberIsNegative() ? -0.0 : 0;
    return true;
  } else if (kind == NUMBER_INFINITE) {
    parsedValue = numberIsNegative() ? -Infinity : Infinity;
    return true;
  } else return false;
  if (value == 0 || value == Infinity) return false;
  parsedValue = numberIsNegative() ? -value : value;
  return true;
}

/**
 * As C's `strtod` with the whole text used up, which is how ranges of scores are read: spaces may lead, nothing at all
 * is 0, a number too large is infinite and one too small 0. The text ends at a zero byte. False: not a number, or NaN.
 */
export function parseBound(ptr: usize, length: i32): bool {
  let end = 0;
  while (end < length && load<u8>(ptr + <usize>end) != 0) end++;
  if (end == 0) {
    parsedValue = 0;
    return true;
  }
  let at = 0;
  while (at < end) {
    const byte = <u32>load<u8>(ptr + <usize>at);
    if (byte != 32 && byte - 9 > 4) break;
    at++;
  }
  if (parseDouble(ptr + <usize>at, end - at)) return true;
  const kind = scanNumber(ptr + <usize>at, end - at, false);
  if (kind == NUMBER_INVALID || kind == NUMBER_NAN) return false;
  let value: f64 = 0;
  if (kind == NUMBER_HUGE) value = Infinity;
  else if (kind == NUMBER_DECIMAL) {
    convertDecimal();
    value = roundToDouble();
  } else if (kind == NUMBER_FINITE) value = roundToDouble();
  parsedValue = numberIsNegative() ? -value : value;
  return true;
}

/** The scanned magnitude as a double, to nearest even: infinity if too large, 0 if too small. */
function roundToDouble(): f64 {
  const bits = leadingBits();
  const top = leadingExponent() + 63;
  if (top > 1023) return Infinity;
  // Subnormal doubles have fewer bits.
  const drop = 11 + (top < -1022 ? -1022 - top : 0);
  if (drop > 64) return 0;
  const kept: u64 = drop == 64 ? 0 : bits >> <u64>drop;
  const rest = drop == 64 ? bits : bits & (((<u64>1) << (<u64>drop)) - 1);
  const half = (<u64>1) << (<u64>(drop - 1));
  const up = rest > half || (rest == half && (tail() != TAIL_NONE || (kept & 1) != 0));
  const mantissa = kept + <u64>up;
  // The mantissa's leading bit, and a carry out of it, count the exponent up.
  const base: u64 = top < -1022 ? 0 : (<u64>(top + 1022)) << 52;
  return reinterpret<f64>(base + mantissa);
}

/*
 * The shortest digits, after R. Giulietti, "The Schubfach way to render doubles" (2021). A double v = c * 2^q
 * and the borders of the interval that rounds to it are scaled by a power of ten, which is known to 126 bits,
 * so that at most one multiple of ten, or two neighbouring integers, lie inside. The paper's table of 617 powers
 * is filled as they are needed.
 */

const POWER_MIN: i32 = -292;
const POWER_MAX: i32 = 324;
/** 10^power as 126 leading bits, rounded up: bits 63..125, then bits 0..62. */
const SCALES: usize = memory.data(617 * 16, 16);
const NUMERATOR: usize = memory.data(BIGNUM_BYTES, 16);
const DENOMINATOR: usize = memory.data(BIGNUM_BYTES, 16);

const LOW_63: u64 = 0x7fffffffffffffff;

class Log {
  /** floor(log10(2^power)) */
  @inline
  static ten(power: i32): i32 {
    return <i32>((<i64>power * 661971961083) >> 41);
  }

  /** floor(log10(3/4 * 2^power)) */
  @inline
  static tenOfThreeQuarters(power: i32): i32 {
    return <i32>((<i64>power * 661971961083 - 274743187321) >> 41);
  }

  /** floor(log2(10^power)) */
  @inline
  static two(power: i32): i32 {
    return <i32>((<i64>power * 913124641741) >> 38);
  }
}

/** The address of the scale for 10^power. */
function scaleOf(power: i32): usize {
  const ptr = SCALES + ((<usize>(power - POWER_MIN)) << 4);
  if (!load<u64>(ptr)) makeScale(ptr, power);
  return ptr;
}

function makeScale(ptr: usize, power: i32): void {
  let high: u64;
  let low: u64;
  setBignum(NUMERATOR, 1);
  if (power >= 0) {
    multiplyPowerOfFive(NUMERATOR, power);
    const below = bitLength(NUMERATOR) - 126;
    low = bitsFrom(NUMERATOR, below);
    high = bitsFrom(NUMERATOR, below + 64);
  } else {
    setBignum(DENOMINATOR, 1);
    multiplyPowerOfFive(DENOMINATOR, -power);
    shiftLeft(NUMERATOR, bitLength(DENOMINATOR) + 125);
    divide(NUMERATOR, DENOMINATOR);
    low = quotientLow();
    high = quotientHigh();
  }
  low++;
  if (!low) high++;
  store<u64>(ptr, (high << 1) | (low >> 63));
  store<u64>(ptr, low & LOW_63, 8);
}

/** Bits 64 to 127 of a product. */
function multiplyHigh(a: u64, b: u64): u64 {
  const aLow = a & 0xffffffff;
  const aHigh = a >> 32;
  const bLow = b & 0xffffffff;
  const bHigh = b >> 32;
  const middle = aHigh * bLow + ((aLow * bLow) >> 32);
  const other = aLow * bHigh + (middle & 0xffffffff);
  return aHigh * bHigh + (middle >> 32) + (other >> 32);
}

/** scale * value / 2^127, its last bit set if anything was cut off ("round to odd"). */
function scaled(scale: usize, value: u64): u64 {
  const upper = load<u64>(scale);
  const middle = ((upper * value) >> 1) + multiplyHigh(load<u64>(scale, 8), value);
  const whole = multiplyHigh(upper, value) + (middle >> 63);
  return whole | <u64>((middle & LOW_63) != 0);
}

let shortDigits: u64 = 0;
let shortExponent: i32 = 0;

/** Finds the shortest `shortDigits` * 10^`shortExponent` for the bits of a positive finite double. */
function shortest(bits: u64): void {
  const biased = <i32>(bits >> 52);
  const fraction = bits & 0xfffffffffffff;
  const c: u64 = biased ? fraction | 0x10000000000000 : fraction;
  const q: i32 = biased ? biased - 1075 : -1074;
  // A power of two is closer to the double below it than to the one above.
  const uneven = fraction == 0 && biased > 1;
  const odd = c & 1;

  const k = uneven ? Log.tenOfThreeQuarters(q) : Log.ten(q);
  const h = <u64>(q + Log.two(-k) + 2);
  const scale = scaleOf(-k);
  const middle = scaled(scale, (c << 2) << h);
  const lower = scaled(scale, ((c << 2) - (uneven ? 1 : 2)) << h) + odd;
  const upper = scaled(scale, ((c << 2) + 2) << h) - odd;

  shortExponent = k;
  const below = middle >> 2;
  if (below >= 10) {
    const tens = (below / 10) * 10;
    const belowFits = lower <= tens << 2;
    const aboveFits = (tens + 10) << 2 <= upper;
    if (belowFits != aboveFits) {
      shortDigits = belowFits ? tens : tens + 10;
      return;
    }
  }
  const belowFits = lower <= below << 2;
  const aboveFits = (below + 1) << 2 <= upper;
  if (belowFits != aboveFits) {
    shortDigits = belowFits ? below : below + 1;
    return;
  }
  // Both or neither: the closer one, at a tie the even one.
  const between = (below << 2) + 2;
  shortDigits = middle < between || (middle == between && !(below & 1)) ? below : below + 1;
}

/**
 * Decimals of few digits, by far the most common: if v * 10^n is near an integer below 10^15 that divides back
 * to v, these are the digits, because doubles tell all decimals of 15 digits apart.
 */
function shortDecimal(value: f64): bool {
  if (value >= 1e15 || value < 1e-5) return false;
  for (let places: i32 = 1; places <= 6; places++) {
    const power = load<f64>(EXACT_POWERS + ((<usize>places) << 3));
    const candidate = nearest<f64>(value * power);
    if (candidate >= 1e15) return false;
    if (candidate / power == value) {
      shortDigits = <u64>candidate;
      shortExponent = -places;
      return true;
    }
  }
  return false;
}

/**
 * Writes a double as Redis 7.2 and later reply with it (`d2string`): `nan`, `inf`, `-inf`, `-0`; an integer up
 * to 2^62 in full; all else by the shortest digits that read back the same. Returns the length.
 */
export function writeDouble(out: usize, value: f64): i32 {
  if (abs(value) <= 4611686018427387904.0 && value == trunc(value)) {
    if (value != 0 || reinterpret<i64>(value) == 0) return writeInt64(out, <i64>value);
  }
  const length = writeSpecial(out, value);
  if (length) return length;
  const sign = <i32>(value < 0);
  if (sign) store<u8>(out, 0x2d);
  value = abs(value);
  if (!shortDecimal(value)) shortest(reinterpret<u64>(value));
  let found = shortDigits;
  let power = shortExponent;
  while (found % 10 == 0) {
    found /= 10;
    power++;
  }
  return sign + layOut(out + <usize>sign, found, power);
}

/** NaN, the infinities and -0; returns 0 for others. */
function writeSpecial(out: usize, value: f64): i32 {
  if (F64.isNaN(value)) {
    store<u16>(out, 0x616e);
    store<u8>(out, 0x6e, 2);
    return 3;
  }
  if (value == Infinity || value == -Infinity) {
    const sign = <i32>(value < 0);
    store<u8>(out, 0x2d);
    store<u16>(out + <usize>sign, 0x6e69);
    store<u8>(out + <usize>sign, 0x66, 2);
    return 3 + sign;
  }
  if (value == 0) {
    store<u16>(out, 0x302d);
    return 2;
  }
  return 0;
}

/**
 * Lays `found` * 10^`power` out as Redis 7.2's `fpconv_dtoa`: an integer with up to six zeros added, a decimal
 * fraction if it has few places or lies in 0.001 to 10000, else with an exponent (`1.5e-7`, `1e+20`).
 */
function layOut(out: usize, found: u64, power: i32): i32 {
  const count = digitCount(found);
  const scientific = count + power - 1;
  if (power >= 0 && scientific < count + 7) {
    writeDigits(out, found, count);
    memory.fill(out + <usize>count, 0x30, <usize>power);
    return count + power;
  }
  if (power < 0 && (power > -7 || abs(scientific) < 4))
    return layOutFraction(out, found, count, power);
  return layOutScientific(out, found, count, scientific, 1);
}

/** With a decimal point and no exponent; `power` is below 0. */
function layOutFraction(out: usize, found: u64, count: i32, power: i32): i32 {
  const whole = count + power;
  if (whole > 0) {
    writeDigits(out + 1, found, count);
    memory.copy(out, out + 1, <usize>whole);
    store<u8>(out + <usize>whole, 0x2e);
    return count + 1;
  }
  memory.fill(out, 0x30, <usize>(2 - whole));
  store<u8>(out, 0x2e, 1);
  writeDigits(out + <usize>(2 - whole), found, count);
  return 2 - whole + count;
}

/** One digit, the rest after a point, and an exponent of at least `digitsMin` digits. */
function layOutScientific(out: usize, found: u64, count: i32, power: i32, digitsMin: i32): i32 {
  writeDigits(out + 1, found, count);
  store<u8>(out, load<u8>(out, 1));
  let at = out + 1;
  if (count > 1) {
    store<u8>(out, 0x2e, 1);
    at += <usize>count;
  }
  store<u8>(at, 0x65);
  store<u8>(at, power < 0 ? 0x2d : 0x2b, 1);
  const magnitude = <u64>abs(power);
  const length = max(digitCount(magnitude), digitsMin);
  writeDigits(at + 2, magnitude, length);
  return <i32>(at - out) + 2 + length;
}

/**
 * Writes a double as `printf("%.17g")`, which Redis before 7.2 replies with and puts into DEBUG DIGEST and
 * listpacks; `nan`, `inf`, `-inf`, `-0` and small integers as `writeDouble`. Returns the length.
 */
export function writeDouble17(out: usize, value: f64): i32 {
  if (abs(value) < 4503599627370496.0 && value == trunc(value)) {
    if (value != 0 || reinterpret<i64>(value) == 0) return writeInt64(out, <i64>value);
  }
  const length = writeSpecial(out, value);
  if (length) return length;
  const sign = <i32>(value < 0);
  if (sign) store<u8>(out, 0x2d);
  out += <usize>sign;
  seventeenDigits(reinterpret<u64>(value) & LOW_63);
  let found = shortDigits;
  let power = shortExponent;
  while (found % 10 == 0) {
    found /= 10;
    power++;
  }
  const count = digitCount(found);
  const scientific = count + power - 1;
  if (scientific < -4 || scientific >= 17) {
    return sign + layOutScientific(out, found, count, scientific, 2);
  }
  if (power < 0) return sign + layOutFraction(out, found, count, power);
  writeUint64(out, found);
  memory.fill(out + <usize>count, 0x30, <usize>power);
  return sign + count + power;
}

/** Finds the 17 digits nearest to a positive finite double, at a tie the even ones. */
function seventeenDigits(bits: u64): void {
  const biased = <i32>(bits >> 52);
  const fraction = bits & 0xfffffffffffff;
  const c: u64 = biased ? fraction | 0x10000000000000 : fraction;
  const q: i32 = biased ? biased - 1075 : -1074;
  // Never too large; if it is one too small, eighteen digits show.
  let power = Log.ten(q + 63 - <i32>clz<u64>(c)) - 16;
  while (true) {
    // Twice the quotient, so that its last bit is the half.
    setBignum(NUMERATOR, c);
    setBignum(DENOMINATOR, 1);
    multiplyPowerOfFive(power < 0 ? NUMERATOR : DENOMINATOR, abs(power));
    const shift = q + 1 - power;
    shiftLeft(shift > 0 ? NUMERATOR : DENOMINATOR, abs(shift));
    divide(NUMERATOR, DENOMINATOR);
    const twice = quotientLow();
    let found = twice >> 1;
    if (found < powerOfTen(17)) {
      if (twice & 1 && (!bignumIsZero(NUMERATOR) || found & 1)) found++;
      shortDigits = found;
      shortExponent = power;
      return;
    }
    power++;
  }
}
