/**
 * Sine, cosine and arc sine as near as a double can be: of ten thousand results one may be rounded to the wrong side,
 * where the C library of a Redis server does that to some ten of its own, and `NativeMath` to hundreds. Distances are
 * stored and compared, so those of two servers should have the same bits.
 *
 * Sums of two doubles, a high one and one below its last place, carry the first terms of Taylor's series (T. J. Dekker,
 * "A floating-point technique for extending the available precision", 1971); the others are small enough to be doubles.
 */

/** The part of pi that each double leaves over, and of half of it. */
const PI_HIGH: f64 = NativeMath.PI;
const PI_MIDDLE: f64 = 1.2246467991473532e-16;
const PI_LOW: f64 = -2.9947698097183397e-33;
const QUARTER_TURN: f64 = PI_HIGH / 2;
const EIGHTH_TURN: f64 = PI_HIGH / 4;

/** What the doubles 1/6, 1/120, 1/24 and 1/720 are short of. */
const SIXTH_REST: f64 = 9.25185853854297e-18;
const REST_120: f64 = 1.1564823173178714e-19;
const REST_24: f64 = 2.3129646346357427e-18;
const REST_720: f64 = -5.300543954373577e-20;

/** Below this the sine and the arc sine of a number are the number. */
const TINY: f64 = 7.450580596923828e-9;
/** Splits a double into two of half its bits. */
const SPLITTER: f64 = 134217729;

/** The result of all that follows: its double, and what that is short of. */
let high: f64 = 0;
let low: f64 = 0;

/** What `product`, of the two factors, is short of. */
function productRest(a: f64, b: f64, product: f64): f64 {
  const aWide = a * SPLITTER;
  const aHigh = aWide - (aWide - a);
  const aLow = a - aHigh;
  const bWide = b * SPLITTER;
  const bHigh = bWide - (bWide - b);
  const bLow = b - bHigh;
  return aHigh * bHigh - product + aHigh * bLow + aLow * bHigh + aLow * bLow;
}

function multiply(aHigh: f64, aLow: f64, bHigh: f64, bLow: f64): void {
  const product = aHigh * bHigh;
  const rest = productRest(aHigh, bHigh, product) + (aHigh * bLow + aLow * bHigh);
  high = product + rest;
  low = rest - (high - product);
}

/** The first minus the result so far, which is smaller. */
function subtractFrom(aHigh: f64, aLow: f64): void {
  const difference = aHigh - high;
  const rest = aHigh - difference - high + (aLow - low);
  high = difference + rest;
  low = rest - (high - difference);
}

/** The sine of an angle up to an eighth of a turn. */
function sineSeries(angle: f64, angleLow: f64): void {
  multiply(angle, angleLow, angle, angleLow);
  const square = high;
  const squareLow = low;
  let small = 1 / 121645100408832000.0 - square / 51090942171709440000.0;
  small = 1 / 355687428096000.0 - square * small;
  small = 1 / 1307674368000.0 - square * small;
  small = 1 / 6227020800.0 - square * small;
  small = 1 / 39916800.0 - square * small;
  small = 1 / 362880.0 - square * small;
  small = 1 / 5040.0 - square * small;
  multiply(square, squareLow, small, 0);
  subtractFrom(1 / 120.0, REST_120);
  multiply(square, squareLow, high, low);
  subtractFrom(1 / 6.0, SIXTH_REST);
  multiply(square, squareLow, high, low);
  multiply(angle, angleLow, high, low);
  subtractFrom(angle, angleLow);
}

/** The cosine of an angle up to an eighth of a turn. */
function cosineSeries(angle: f64, angleLow: f64): void {
  multiply(angle, angleLow, angle, angleLow);
  const square = high;
  const squareLow = low;
  let small = 1 / 2432902008176640000.0 - square / 1124000727777607680000.0;
  small = 1 / 6402373705728000.0 - square * small;
  small = 1 / 20922789888000.0 - square * small;
  small = 1 / 87178291200.0 - square * small;
  small = 1 / 479001600.0 - square * small;
  small = 1 / 3628800.0 - square * small;
  small = 1 / 40320.0 - square * small;
  multiply(square, squareLow, small, 0);
  subtractFrom(1 / 720.0, REST_720);
  multiply(square, squareLow, high, low);
  subtractFrom(1 / 24.0, REST_24);
  multiply(square, squareLow, high, low);
  subtractFrom(0.5, 0);
  multiply(square, squareLow, high, low);
  subtractFrom(1, 0);
}

/** `share` (1 or 1/2) of half a turn minus an angle that is less. Nothing is lost where both are nearly the same. */
function turnMinus(share: f64, angle: f64, angleLow: f64): void {
  const whole = PI_HIGH * share;
  const first = whole - angle;
  const second = PI_MIDDLE * share - angleLow;
  const sum = first + second;
  const part = sum - first;
  const sumRest = first - (sum - part) + (second - part);
  const rest = sumRest + (whole - first - angle) + PI_LOW * share;
  high = sum + rest;
  low = rest - (high - sum);
}

/** Of an angle from minus to plus half a turn. */
export function sine(angle: f64): f64 {
  const size = abs(angle);
  if (size < TINY) return angle;
  high = size;
  low = 0;
  if (size > QUARTER_TURN) turnMinus(1, size, 0);
  if (high <= EIGHTH_TURN) sineSeries(high, low);
  else {
    turnMinus(0.5, high, low);
    cosineSeries(high, low);
  }
  return copysign<f64>(high, angle);
}

/** Of an angle from minus to plus a quarter of a turn. */
export function cosine(angle: f64): f64 {
  const size = abs(angle);
  if (size <= EIGHTH_TURN) cosineSeries(size, 0);
  else {
    turnMinus(0.5, size, 0);
    sineSeries(high, low);
  }
  return high;
}

/** Of a number from 0 to 1; above there is none. */
export function arcSine(value: f64): f64 {
  if (value < TINY) return value;
  if (value > 0.5) return arcSineOfLarge(value);
  const near = NativeMath.asin(value);
  return near + arcSineRest(near, value, 0);
}

/** How far the arc sine of a number up to 1/2 is from one nearby: a step of Newton's method. */
function arcSineRest(near: f64, value: f64, valueLow: f64): f64 {
  sineSeries(near, 0);
  return (value - high - low + valueLow) / sqrt(1 - value * value);
}

/** By half the angle that is missing to a right one. */
function arcSineOfLarge(value: f64): f64 {
  if (value == 1) return QUARTER_TURN;
  const square = (1 - value) / 2;
  const root = sqrt(square);
  const product = root * root;
  const rootLow = (square - product - productRest(root, root, product)) / (2 * root);
  const near = NativeMath.asin(root);
  const rest = 2 * arcSineRest(near, root, rootLow);
  turnMinus(0.5, 2 * near, rest);
  return high;
}
