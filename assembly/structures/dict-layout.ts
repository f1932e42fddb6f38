/**
 * How the hash table of dict.ts lies in memory, and how to get at its parts.
 *
 *   table      +0 cell (see below; of a directory: its address, and how far `dictTakeAny` has come)
 *              +8 u32 records   +12 u8 key offset   +13 u8 depth of the directory (0: none)
 *   directory  +0 u32 segments that are as deep as the directory   +8 1 << depth cells
 *   cell       +0 u32 address of the buckets   +4 u32 number of buckets << 8 | depth of the segment
 *   bucket     +0 12 x u8 tag (0: free)   +14 u8 overflow   +16 12 x u32 record
 *   first one  +12 u16 and +15 u8: records of the segment
 */
import { hash32, hashSeed } from "../base/hash";

export const HEADER: usize = 16;
export const BUCKET: usize = 64;
export const WIDTH: u32 = 12;
export const TAG_MASK: u32 = 0xfff;
/** An overflow count that has come this far stays there. */
export const OVERFLOW_STUCK: u32 = 255;

/** Where the last search ended, and other second results. */
export class Dict {
  /** Where `dictNext` goes on. */
  static at: u64 = 0;
  /** Where `dictScan` goes on; 0: all is seen. */
  static cursor: u64 = 0;
  static position: u32 = 0;
  static tag: u32 = 0;
  /** The cell in a bucket that holds the record just found, and the bucket's number. */
  static found: usize = 0;
  static bucket: u32 = 0;
  /** For tests: records put into a bucket so far, new ones and moved ones. */
  static placed: u32 = 0;

  @inline static depth(d: usize): u32 {
    return load<u8>(d, 13);
  }
  @inline static salt(d: usize): u32 {
    return (<u32>(d >> 3) * 0x9e3779b1) | 1;
  }
  @inline static keyPtr(d: usize, record: usize): usize {
    return record + <usize>load<u8>(d, 12);
  }
  /** Notes tag and position of a key, which what follows goes by. */
  @inline static aim(d: usize, key: usize, length: u32): void {
    const hash = hash32(key, <i32>length, hashSeed);
    Dict.tag = (hash & 0x7f) | 0x80;
    Dict.position = hash * Dict.salt(d);
  }
  @inline static positionOf(d: usize, record: usize): u32 {
    return hash32(Dict.keyPtr(d, record), load<i32>(record), hashSeed) * Dict.salt(d);
  }
}

/** Accessors of a segment by its cell in the directory. */
export class Cell {
  @inline static of(d: usize, position: u32): usize {
    const depth = Dict.depth(d);
    if (depth == 0) return d;
    return load<usize>(d) + 8 + ((<usize>(position >> (32 - depth))) << 3);
  }
  /** All cells, in a row. */
  @inline static first(d: usize): usize {
    return Dict.depth(d) == 0 ? d : load<usize>(d) + 8;
  }
  @inline static buckets(cell: usize): usize {
    return load<usize>(cell);
  }
  @inline static count(cell: usize): u32 {
    return load<u32>(cell, 4) >> 8;
  }
  @inline static depth(cell: usize): u32 {
    return load<u8>(cell, 4);
  }
  @inline static set(cell: usize, buckets: usize, count: u32, depth: u32): void {
    store<usize>(cell, buckets);
    store<u32>(cell, (count << 8) | depth, 4);
  }
  @inline static used(cell: usize): u32 {
    const buckets = load<usize>(cell);
    return <u32>load<u16>(buckets, 12) | ((<u32>load<u8>(buckets, 15)) << 16);
  }
  @inline static setUsed(cell: usize, used: u32): void {
    const buckets = load<usize>(cell);
    store<u16>(buckets, <u16>used, 12);
    store<u8>(buckets, <u8>(used >> 16), 15);
  }
  @inline static home(position: u32, depth: u32, count: u32): u32 {
    return <u32>((<u64>(position << depth) * <u64>count) >> 32);
  }
}

export function dictCount(d: usize): u32 {
  return load<u32>(d, 8);
}
