/**
 * SHA-1 (FIPS 180-4), for DEBUG DIGEST and script names: not for anything secret.
 *
 *   state:  +0 u32[5] chaining value   +24 u64 bytes so far   +32 u8[64] block being filled
 */

/** Bytes that a state takes, at an address divisible by 8. */
export const SHA1_STATE_BYTES: i32 = 96;
export const SHA1_DIGEST_BYTES: i32 = 20;

const TOTAL_OFFSET: usize = 24;
const BLOCK_OFFSET: usize = 32;
const BLOCK_BYTES: usize = 64;

/** The message schedule: 80 words. */
const SCHEDULE: usize = memory.data(80 * 4, 16);

export function sha1Init(state: usize): void {
  store<u32>(state, 0x67452301);
  store<u32>(state, 0xefcdab89, 4);
  store<u32>(state, 0x98badcfe, 8);
  store<u32>(state, 0x10325476, 12);
  store<u32>(state, 0xc3d2e1f0, 16);
  store<u64>(state, 0, TOTAL_OFFSET);
}

/** Adds `length` bytes to the message. */
export function sha1Update(state: usize, ptr: usize, length: i32): void {
  const total = load<u64>(state, TOTAL_OFFSET);
  store<u64>(state, total + <u64>length, TOTAL_OFFSET);
  let left = <usize>length;
  const filled = <usize>total & 63;
  if (filled) {
    const taken = min<usize>(BLOCK_BYTES - filled, left);
    memory.copy(state + BLOCK_OFFSET + filled, ptr, taken);
    if (filled + taken < BLOCK_BYTES) return;
    compress(state, state + BLOCK_OFFSET);
    ptr += taken;
    left -= taken;
  }
  for (; left >= BLOCK_BYTES; left -= BLOCK_BYTES, ptr += BLOCK_BYTES) compress(state, ptr);
  memory.copy(state + BLOCK_OFFSET, ptr, left);
}

/** Ends the message and writes its digest; the state must be made anew before further use. */
export function sha1Final(state: usize, out: usize): void {
  const total = load<u64>(state, TOTAL_OFFSET);
  const block = state + BLOCK_OFFSET;
  let filled = <usize>total & 63;
  store<u8>(block + filled++, 0x80);
  if (filled > BLOCK_BYTES - 8) {
    memory.fill(block + filled, 0, BLOCK_BYTES - filled);
    compress(state, block);
    filled = 0;
  }
  memory.fill(block + filled, 0, BLOCK_BYTES - 8 - filled);
  store<u64>(block, bswap<u64>(total << 3), BLOCK_BYTES - 8);
  compress(state, block);
  for (let i: usize = 0; i < 20; i += 4) store<u32>(out + i, bswap<u32>(load<u32>(state + i)));
}

/** Folds one block of 64 bytes into the chaining value. */
function compress(state: usize, block: usize): void {
  for (let i: usize = 0; i < 64; i += 4) store<u32>(SCHEDULE + i, bswap<u32>(load<u32>(block + i)));
  for (let at = SCHEDULE + 64; at < SCHEDULE + 320; at += 4) {
    const mixed = load<u32>(at - 12) ^ load<u32>(at - 32) ^ load<u32>(at - 56) ^ load<u32>(at - 64);
    store<u32>(at, rotl<u32>(mixed, 1));
  }
  let a = load<u32>(state);
  let b = load<u32>(state, 4);
  let c = load<u32>(state, 8);
  let d = load<u32>(state, 12);
  let e = load<u32>(state, 16);
  for (let i: usize = 0; i < 80; i++) {
    let choice: u32;
    if (i < 20) choice = ((b & c) | (~b & d)) + 0x5a827999;
    else if (i < 40) choice = (b ^ c ^ d) + 0x6ed9eba1;
    else if (i < 60) choice = ((b & c) | (b & d) | (c & d)) + 0x8f1bbcdc;
    else choice = (b ^ c ^ d) + 0xca62c1d6;
    const next = rotl<u32>(a, 5) + choice + e + load<u32>(SCHEDULE + (i << 2));
    e = d;
    d = c;
    c = rotl<u32>(b, 30);
    b = a;
    a = next;
  }
  store<u32>(state, load<u32>(state) + a);
  store<u32>(state, load<u32>(state, 4) + b, 4);
  store<u32>(state, load<u32>(state, 8) + c, 8);
  store<u32>(state, load<u32>(state, 12) + d, 12);
  store<u32>(state, load<u32>(state, 16) + e, 16);
}
