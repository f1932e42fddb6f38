/**
 * MurmurHash64A of Austin Appleby (public domain): the hash that HyperLogLog values are made of. It is part of their
 * format and must never change.
 */

const MULTIPLIER: u64 = 0xc6a4a7935bd1e995;
const SHIFT: u64 = 47;

export function murmur64(ptr: usize, length: u32, seed: u64): u64 {
  let hash = seed ^ (<u64>length * MULTIPLIER);
  const end = ptr + (length & ~7);
  for (; ptr < end; ptr += 8) {
    let word = load<u64>(ptr) * MULTIPLIER;
    word = (word ^ (word >> SHIFT)) * MULTIPLIER;
    hash = (hash ^ word) * MULTIPLIER;
  }
  const rest = length & 7;
  if (rest != 0) {
    let word: u64 = 0;
    for (let i: u32 = 0; i < rest; i++) word |= (<u64>load<u8>(ptr + i)) << (<u64>(i << 3));
    hash = (hash ^ word) * MULTIPLIER;
  }
  hash = (hash ^ (hash >> SHIFT)) * MULTIPLIER;
  return hash ^ (hash >> SHIFT);
}
