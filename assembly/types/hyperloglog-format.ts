/**
 * A HyperLogLog is a string (hyperloglog.c in Redis 7.0):
 *
 *   +0   "HYLL"
 *   +4   u8   `Layout`
 *   +5        3 bytes of zeros
 *   +8   u64  the cardinality as last computed; bit 63: it has changed since
 *   +16       16 384 registers
 *
 * Dense registers have 6 bits each, the lowest bits of a byte first. Sparse ones are runs:
 *
 *   00llllll            l + 1 registers (up to 64) are 0
 *   01llllll llllllll   l + 1 registers (up to 16 384) are 0
 *   1vvvvvll            l + 1 registers (up to 4) are v + 1 (up to 32)
 *
 * Clients can SET any bytes under a key, so a sparse value may end in the middle of a run or cover more or fewer
 * registers than there are.
 */
import { murmur64 } from "../base/murmur";

export enum Layout {
  Dense = 0,
  Sparse = 1,
}

export const MAGIC: u32 = 0x4c4c5948;
export const HEADER_BYTES: u32 = 16;
export const LAYOUT_AT: u32 = 4;
export const CARDINALITY_AT: u32 = 8;
/** In the last byte of the cardinality. */
export const STALE_AT: u32 = 15;
export const STALE: u32 = 128;
export const REGISTER_BITS: u32 = 6;
export const REGISTER_MAX: u32 = 63;
export const INDEX_BITS: u32 = 14;
export const REGISTER_COUNT: i32 = 16384;
export const DENSE_BYTES: u32 = 16 + (16384 * 6) / 8;
/** Bits of the hash that are left to count zeros in. */
export const COUNTED_BITS: u32 = 64 - 14;

const SEED: u64 = 0xadc83b19;

/** Register and value that an element stands for. */
export class Pattern {
  static index: i32 = 0;
  static count: u32 = 0;

  static of(ptr: usize, length: u32): void {
    const hash = murmur64(ptr, length, SEED);
    Pattern.index = <i32>(hash & (<u64>REGISTER_COUNT - 1));
    // The bit behind the last one that counts keeps the count finite.
    Pattern.count = <u32>ctz<u64>((hash >> INDEX_BITS) | ((<u64>1) << COUNTED_BITS)) + 1;
  }
}

// Dense registers. The last one's second byte lies behind the string, in the same allocation.

export function denseGet(registers: usize, index: i32): u32 {
  const bit = <u32>index * REGISTER_BITS;
  return (<u32>load<u16>(registers + (bit >> 3)) >> (bit & 7)) & REGISTER_MAX;
}

export function densePut(registers: usize, index: i32, value: u32): void {
  const bit = <u32>index * REGISTER_BITS;
  const at = registers + (bit >> 3);
  const shift = bit & 7;
  store<u16>(at, <u16>((<u32>load<u16>(at) & ~(REGISTER_MAX << shift)) | (value << shift)));
}

/** One run of sparse registers. */
export class Run {
  static registers: i32 = 0;
  /** 0 in a run of zeros. */
  static value: u32 = 0;
  static bytes: u32 = 0;

  /** Reads the run at `at`, which lies before `end`; what is cut off counts as 0. */
  @inline static read(at: usize, end: usize): void {
    const byte = <u32>load<u8>(at);
    if (byte >= 128) {
      Run.registers = <i32>(byte & 3) + 1;
      Run.value = ((byte >> 2) & 31) + 1;
      Run.bytes = 1;
    } else if (byte < 64) {
      Run.registers = <i32>byte + 1;
      Run.value = 0;
      Run.bytes = 1;
    } else {
      const low = at + 1 < end ? <u32>load<u8>(at + 1) : 0;
      Run.registers = <i32>(((byte & 63) << 8) | low) + 1;
      Run.value = 0;
      Run.bytes = 2;
    }
  }
}

/** Registers of a union, a byte each. */
export const registerBytes: usize = memory.data(16384, 16);
