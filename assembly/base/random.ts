/** Random choices of commands and of eviction. Not for secrets: xorshift64*, cheap, seeded at start. */
let state: u64 = 0x2545f4914f6cdd1d;

export function seedRandom(seed: u64): void {
  state = seed | 1;
}

export function nextRandom64(): u64 {
  state ^= state >> 12;
  state ^= state << 25;
  state ^= state >> 27;
  return state * 0x2545f4914f6cdd1d;
}

export function nextRandom(): u32 {
  return <u32>(nextRandom64() >> 32);
}

/** A number below `limit` (at least 1), each as likely. */
export function randomBelow(limit: u32): u32 {
  return <u32>((<u64>nextRandom() * <u64>limit) >> 32);
}
