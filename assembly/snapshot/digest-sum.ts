/**
 * The sums that digests are made of. "Xor" adds the SHA-1 of some bytes to a sum whose order does not matter; "mix" also
 * hashes the sum, so that order matters from there on.
 */
import { SHA1_DIGEST_BYTES, sha1Final, sha1Init, sha1Update } from "../base/sha1";

const shaState: usize = memory.data(96, 16);
const hashPointer: usize = memory.data(32, 16);

/** Adds the SHA-1 of the bytes to the sum, whatever their order. */
export function xor(sum: usize, ptr: usize, length: u32): void {
  sha1Init(shaState);
  sha1Update(shaState, ptr, <i32>length);
  sha1Final(shaState, hashPointer);
  for (let i: usize = 0; i < 20; i += 4) {
    store<u32>(sum + i, load<u32>(sum + i) ^ load<u32>(hashPointer + i));
  }
}

/** As `xor`, and hashes the sum: order matters. */
export function mix(sum: usize, ptr: usize, length: u32): void {
  xor(sum, ptr, length);
  sha1Init(shaState);
  sha1Update(shaState, sum, SHA1_DIGEST_BYTES);
  sha1Final(shaState, sum);
}
