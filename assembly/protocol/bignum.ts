/**
 * Natural numbers of up to 24 000 bits, just enough to turn text into doubles and back without error.
 * They serve the rare hard cases, so the schoolbook methods are all there is.
 *
 *   number at ptr:  +0 u32 count of limbs in use (0 for zero)   +4 u32 limbs, least first, the last not 0
 *
 * The largest number that occurs is 5^10070 (23 383 bits) with 3 limbs of quotient above it: a text of 5119
 * digits with the smallest exponent that a long double still reaches.
 */

const LIMBS_MAX: i32 = 800;
export const BIGNUM_BYTES: i32 = 4 + LIMBS_MAX * 4;

const FIVE_TO_13: u32 = 1220703125;

class Limbs {
  @inline
  static count(ptr: usize): usize {
    return load<u32>(ptr);
  }

  @inline
  static at(ptr: usize, index: usize): u64 {
    return <u64>load<u32>(ptr + (index << 2), 4);
  }

  @inline
  static put(ptr: usize, index: usize, limb: u64): void {
    store<u32>(ptr + (index << 2), <u32>limb, 4);
  }

  /** Sets the count, leaving zero limbs at the top out. */
  static trim(ptr: usize, count: usize): void {
    while (count && !load<u32>(ptr + (count << 2))) count--;
    store<u32>(ptr, <u32>count);
  }
}

export function setBignum(ptr: usize, value: u64): void {
  store<u64>(ptr, value, 4);
  Limbs.trim(ptr, 2);
}

export function bignumIsZero(ptr: usize): bool {
  return Limbs.count(ptr) == 0;
}

/** number = number * factor + addend */
export function multiplyAdd(ptr: usize, factor: u32, addend: u32): void {
  const count = Limbs.count(ptr);
  let carry: u64 = addend;
  for (let i: usize = 0; i < count; i++) {
    carry += Limbs.at(ptr, i) * <u64>factor;
    Limbs.put(ptr, i, carry);
    carry >>= 32;
  }
  if (carry) {
    Limbs.put(ptr, count, carry);
    store<u32>(ptr, <u32>(count + 1));
  }
}

/** number = number * 5^exponent */
export function multiplyPowerOfFive(ptr: usize, exponent: i32): void {
  while (exponent >= 13) {
    multiplyAdd(ptr, FIVE_TO_13, 0);
    exponent -= 13;
  }
  let factor: u32 = 1;
  while (exponent-- > 0) factor *= 5;
  if (factor > 1) multiplyAdd(ptr, factor, 0);
}

export function bitLength(ptr: usize): i32 {
  const count = Limbs.count(ptr);
  return count ? <i32>(count << 5) - <i32>clz<u32>(<u32>Limbs.at(ptr, count - 1)) : 0;
}

export function shiftLeft(ptr: usize, bits: i32): void {
  const count = Limbs.count(ptr);
  if (!count || !bits) return;
  const limbs = <usize>bits >> 5;
  const rest = <u64>bits & 31;
  Limbs.put(ptr, count + limbs, 0);
  for (let i = count; i-- > 0; ) {
    const wide = Limbs.at(ptr, i) << rest;
    Limbs.put(ptr, i + limbs + 1, Limbs.at(ptr, i + limbs + 1) | (wide >> 32));
    Limbs.put(ptr, i + limbs, wide);
  }
  memory.fill(ptr + 4, 0, limbs << 2);
  Limbs.trim(ptr, count + limbs + 1);
}

/** The 64 bits that start at bit `from` (which may be negative: zeros come in below). */
export function bitsFrom(ptr: usize, from: i32): u64 {
  let bits: u64 = 0;
  for (let limb: i32 = 2; limb >= 0; limb--) {
    const start = (from & ~31) + (limb << 5);
    const index = start >> 5;
    const value: u64 = index >= 0 && <usize>index < Limbs.count(ptr) ? Limbs.at(ptr, index) : 0;
    const shift = start - from;
    if (shift >= 0) bits |= shift < 64 ? value << (<u64>shift) : 0;
    else bits |= value >> <u64>-shift;
  }
  return bits;
}

/** True if a bit below bit `end` is set. */
export function anyBitBelow(ptr: usize, end: i32): bool {
  if (end <= 0) return false;
  const whole = <usize>end >> 5;
  const count = Limbs.count(ptr);
  for (let i: usize = 0; i < min(whole, count); i++) {
    if (Limbs.at(ptr, i)) return true;
  }
  return whole < count && (Limbs.at(ptr, whole) & ((1 << (<u64>end & 31)) - 1)) != 0;
}

/** number = number / divisor; returns the remainder. */
export function divideSmall(ptr: usize, divisor: u32): u32 {
  const count = Limbs.count(ptr);
  let rest: u64 = 0;
  for (let i = count; i-- > 0; ) {
    rest = (rest << 32) | Limbs.at(ptr, i);
    const quotient = rest / <u64>divisor;
    rest -= quotient * <u64>divisor;
    Limbs.put(ptr, i, quotient);
  }
  Limbs.trim(ptr, count);
  return <u32>rest;
}

let quotientHighBits: u64 = 0;
let quotientLowBits: u64 = 0;

/** Bits 64 to 127 of the last `divide`'s quotient. */
export function quotientHigh(): u64 {
  return quotientHighBits;
}

/** Bits 0 to 63 of the last `divide`'s quotient. */
export function quotientLow(): u64 {
  return quotientLowBits;
}

/**
 * Divides, for a quotient below 2^128 and a divisor above 0; `numerator` is left holding a multiple of the
 * remainder (zero only if the remainder is), `divisor` is spoilt. Knuth, The Art of Computer Programming,
 * volume 2, algorithm D: the divisor's top bit is set first, then each limb of the quotient is guessed from
 * the top limbs, and the guess is at most two too large.
 */
export function divide(numerator: usize, divisor: usize): void {
  const topBit = bitLength(divisor);
  const shift = topBit <= 32 ? 64 - topBit : -topBit & 31;
  shiftLeft(divisor, shift);
  shiftLeft(numerator, shift);
  const size = Limbs.count(divisor);
  let high: u64 = 0;
  let low: u64 = 0;

  const length = Limbs.count(numerator);
  if (length >= size) {
    Limbs.put(numerator, length, 0);
    const first = Limbs.at(divisor, size - 1);
    const second = Limbs.at(divisor, size - 2);
    for (let j = length - size + 1; j-- > 0; ) {
      const top = (Limbs.at(numerator, j + size) << 32) | Limbs.at(numerator, j + size - 1);
      let guess = top / first;
      let rest = top - guess * first;
      while (guess >> 32 || guess * second > ((rest << 32) | Limbs.at(numerator, j + size - 2))) {
        guess--;
        rest += first;
        if (rest >> 32) break;
      }
      guess = subtractMultiple(numerator + (j << 2), divisor, size, guess);
      high = (high << 32) | (low >> 32);
      low = (low << 32) | guess;
    }
    Limbs.trim(numerator, size);
  }
  quotientHighBits = high;
  quotientLowBits = low;
}

/** Takes guess * divisor from the limbs at `ptr`; if that was once too often, adds it back. Returns the right guess. */
function subtractMultiple(ptr: usize, divisor: usize, size: usize, guess: u64): u64 {
  let carry: u64 = 0;
  let borrow: u64 = 0;
  for (let i: usize = 0; i <= size; i++) {
    if (i < size) carry += guess * Limbs.at(divisor, i);
    const difference = Limbs.at(ptr, i) - (carry & 0xffffffff) - borrow;
    Limbs.put(ptr, i, difference);
    borrow = difference >> 63;
    carry >>= 32;
  }
  if (!borrow) return guess;
  carry = 0;
  for (let i: usize = 0; i <= size; i++) {
    carry += Limbs.at(ptr, i) + (i < size ? Limbs.at(divisor, i) : 0);
    Limbs.put(ptr, i, carry);
    carry >>= 32;
  }
  return guess - 1;
}
