/**
 * A keyed hash for hash tables: fast on short keys, and with a secret random seed an attacker cannot
 * prepare keys that collide. It is not a checksum and not cryptographic: never store or send it.
 *
 * Each 8-byte word is xor-ed into the state and the two halves of the state are multiplied (32 x 32 -> 64
 * bits, one instruction), in the spirit of NH and wyhash: what a changed bit does depends on the other,
 * secret half. The rotated state is added, so that the product loses nothing. The end is read as the last
 * 8 bytes, which may overlap words already read; the length is part of the start value.
 */

const MULTIPLIER_1: u64 = 0x9e3779b97f4a7c15;
const MULTIPLIER_2: u64 = 0xd6e8feb86659fd93;
const MULTIPLIER_3: u64 = 0xff51afd7ed558ccd;

/** The secret of this instance, the same for all tables; set once, before anything is hashed. */
export let hashSeed: u64 = 0;

export function setHashSeed(seed: u64): void {
  hashSeed = seed;
}

class State {
  @inline
  static mix(state: u64, word: u64): u64 {
    const mixed = state ^ word;
    return (mixed & 0xffffffff) * (mixed >> 32) + rotl<u64>(mixed, 29);
  }
}

/** The hash of the bytes [ptr, ptr + length); reads nothing outside them. */
export function hash32(ptr: usize, length: i32, seed: u64): u32 {
  let state = (seed + MULTIPLIER_2) ^ (<u64>length * MULTIPLIER_1);
  if (length >= 8) {
    const last = ptr + <usize>length - 8;
    while (ptr < last) {
      state = State.mix(state, load<u64>(ptr));
      ptr += 8;
    }
    state = State.mix(state, load<u64>(last));
  } else if (length >= 4) {
    state = State.mix(
      state,
      ((<u64>load<u32>(ptr)) << 32) | <u64>load<u32>(ptr + <usize>length - 4),
    );
  } else if (length > 0) {
    const middle = <u64>load<u8>(ptr + (<usize>length >> 1));
    const last = <u64>load<u8>(ptr + <usize>length - 1);
    state = State.mix(state, ((<u64>load<u8>(ptr)) << 32) | (middle << 8) | last);
  }
  state = (state ^ (state >> 32)) * MULTIPLIER_2;
  state = (state ^ (state >> 29)) * MULTIPLIER_3;
  return <u32>(state >> 32);
}
