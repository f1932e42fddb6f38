/**
 * The bytes of a snapshot that wait for the host, in blocks, so that many of them can wait and none is ever copied.
 *
 * A record is written to the end of `main`. While a big value is half written there, records of others that must be saved
 * gather in `side`, which is joined to `main` behind the value.
 */
import { ByteStream } from "../base/frame";
import { alloc, canAllocate, free } from "../base/memory";
import { crc64 } from "./crc64";

/** A stream as long as this becomes a block. */
const BLOCK_BYTES: usize = 1 << 20;

/*
 *  Block, 12 bytes: a stream that is written no more
 */
@unmanaged
class Block {
  next: usize;
  base: usize;
  length: usize;

  @inline static at(ptr: usize): Block {
    return changetype<Block>(ptr);
  }
}

const mainPointer: usize = memory.data(16, 16);
const sidePointer: usize = memory.data(16, 16);

let first: usize = 0;
let last: usize = 0;
let sideFirst: usize = 0;
let sideLast: usize = 0;
/** Bytes in the blocks in front of `main`. */
let blockBytes: usize = 0;
/** Bytes in the blocks at the side. */
let sideBytes: usize = 0;
let checksum: u64 = 0;

export class SnapshotOutput {
  @inline static get main(): ByteStream {
    return changetype<ByteStream>(mainPointer);
  }
  @inline static get side(): ByteStream {
    return changetype<ByteStream>(sidePointer);
  }

  /** Bytes that can be taken. */
  @inline static get waiting(): usize {
    return blockBytes + SnapshotOutput.main.length;
  }
  /** All that is allocated for it. */
  static get bytes(): usize {
    const streams = SnapshotOutput.main.capacity + SnapshotOutput.side.capacity;
    return blockBytes + sideBytes + streams;
  }
  @inline static get hasBlocks(): bool {
    return first != 0;
  }
  /** Of what was taken, once `end` was called of all. */
  @inline static get checksum(): u64 {
    return checksum;
  }
  /** What is to be taken next. */
  @inline static get base(): usize {
    return first != 0 ? Block.at(first).base : SnapshotOutput.main.base;
  }
  @inline static get length(): usize {
    return first != 0 ? Block.at(first).length : SnapshotOutput.main.length;
  }

  static begin(): void {
    checksum = 0;
  }

  /** A record, or a part of one, is written. False: memory is short. */
  static written(toSide: bool): bool {
    const stream = toSide ? SnapshotOutput.side : SnapshotOutput.main;
    return stream.length < BLOCK_BYTES || seal(toSide);
  }

  /** What gathered at the side comes behind what `main` has. False: memory is short. */
  static join(): bool {
    if (sideFirst == 0 && SnapshotOutput.side.length == 0) return true;
    if (!seal(false) || !seal(true)) return false;
    if (first == 0) first = sideFirst;
    else Block.at(last).next = sideFirst;
    last = sideLast;
    blockBytes += sideBytes;
    sideBytes = 0;
    sideFirst = 0;
    sideLast = 0;
    return true;
  }

  /** The host has what `base` and `length` told. */
  static taken(): void {
    checksum = crc64(checksum, SnapshotOutput.base, <i32>SnapshotOutput.length);
    if (first == 0) {
      SnapshotOutput.main.clear();
      return;
    }
    const block = Block.at(first);
    blockBytes -= block.length;
    first = block.next;
    if (first == 0) last = 0;
    free(block.base);
    free(changetype<usize>(block));
  }

  /** Sums up what `main` has, as nothing but the checksum itself follows. There are no blocks. */
  static end(): void {
    const main = SnapshotOutput.main;
    checksum = crc64(checksum, main.base, <i32>main.length);
  }

  static drop(): void {
    dropBlocks(first);
    dropBlocks(sideFirst);
    first = 0;
    last = 0;
    sideFirst = 0;
    sideLast = 0;
    blockBytes = 0;
    sideBytes = 0;
    dropStream(SnapshotOutput.main);
    dropStream(SnapshotOutput.side);
  }
}

/** Makes a block of what the stream has. */
function seal(toSide: bool): bool {
  const stream = toSide ? SnapshotOutput.side : SnapshotOutput.main;
  if (stream.length == 0) return true;
  if (!canAllocate(offsetof<Block>())) return false;
  const ptr = alloc(offsetof<Block>());
  const block = Block.at(ptr);
  block.next = 0;
  block.base = stream.base;
  block.length = stream.length;
  const before = toSide ? sideLast : last;
  if (before != 0) Block.at(before).next = ptr;
  if (toSide) {
    if (sideFirst == 0) sideFirst = ptr;
    sideLast = ptr;
    sideBytes += stream.length;
  } else {
    if (first == 0) first = ptr;
    last = ptr;
    blockBytes += stream.length;
  }
  stream.base = 0;
  stream.length = 0;
  stream.capacity = 0;
  return true;
}

function dropBlocks(ptr: usize): void {
  while (ptr != 0) {
    const block = Block.at(ptr);
    const next = block.next;
    free(block.base);
    free(ptr);
    ptr = next;
  }
}

function dropStream(stream: ByteStream): void {
  free(stream.base);
  stream.base = 0;
  stream.length = 0;
  stream.capacity = 0;
}
