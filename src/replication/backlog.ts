import { assert } from "../base/assert.ts";
import { BACKLOG_BYTES_MIN, SEGMENT_BYTES_MAX, SEGMENT_BYTES_MIN } from "./limits.ts";

/** `bytes[0..used)` holds the stream from position `start`. Full except for the newest segment. */
interface Segment {
  readonly bytes: Uint8Array;
  start: number;
  used: number;
}

/**
 * The replication stream: the newest bytes of it, kept once for the backlog and for every replica.
 *
 * A *position* counts the bytes of the stream before a point, so position 0 is its very start and
 * the position after `n` bytes is `n` (this is Redis's `master_repl_offset`). Redis numbers the
 * bytes from 1: "first byte offset" and the offset in PSYNC are a position plus one.
 *
 * As in Redis 7.0 (`replBufBlock`), the stream lies in segments that replicas read in place; a
 * segment is dropped once the backlog is long enough without it and no reader is still in front of
 * its end. So memory is the backlog size plus one segment plus what the slowest reader lags, and
 * that lag is bounded by its output buffer limit. A dropped segment is used again for the next one:
 * a steady stream allocates nothing.
 */
export class Backlog {
  private segments: Segment[] = [];
  /** Index of the oldest segment; those before it are dropped and cut off from time to time. */
  private head = 0;
  private spare: Uint8Array | null = null;
  private sizeBytes: number;
  private endPosition: number;
  private allocated = 0;

  /**
   * `oldestReader` answers the lowest position that a reader still needs (Infinity without any);
   * it is asked once per segment, not per feed.
   */
  constructor(
    sizeBytes: number,
    startPosition: number,
    private readonly oldestReader: () => number,
  ) {
    this.sizeBytes = Math.max(sizeBytes, BACKLOG_BYTES_MIN);
    this.endPosition = startPosition;
  }

  /** Position after the newest byte. */
  get end(): number {
    return this.endPosition;
  }

  /** Position of the oldest byte kept. */
  get start(): number {
    return this.segments[this.head]?.start ?? this.endPosition;
  }

  /** Bytes kept; may exceed the size by one segment and by the lag of the slowest reader. */
  get histlen(): number {
    return this.endPosition - this.start;
  }

  /** `repl_backlog_first_byte_offset` of INFO: Redis counts bytes from 1. */
  get firstByteOffset(): number {
    return this.start + 1;
  }

  get size(): number {
    return this.sizeBytes;
  }

  /** Bytes of memory held, spare segment included. */
  get allocatedBytes(): number {
    return this.allocated;
  }

  /** Appends a copy of `bytes`. */
  feed(bytes: Uint8Array): void {
    let from = 0;
    while (from < bytes.length) {
      const tail = this.roomyTail();
      const count = Math.min(bytes.length - from, tail.bytes.length - tail.used);
      const whole = count === bytes.length;
      tail.bytes.set(whole ? bytes : bytes.subarray(from, from + count), tail.used);
      tail.used += count;
      this.endPosition += count;
      from += count;
    }
  }

  /** Whether a reader may go on at this position: every byte from there on is kept. */
  canServe(position: number): boolean {
    return position >= this.start && position <= this.endPosition;
  }

  /**
   * The bytes from `position` up to the end of its segment, in place; null at the end of the
   * stream. The view stays true until the reader moves past it or a reader limit lets it go.
   */
  view(position: number): Uint8Array | null {
    assert(this.canServe(position), "the backlog is read outside of what it keeps");
    if (position === this.endPosition) return null;
    const segment = this.segments[this.indexOf(position)] as Segment;
    return segment.bytes.subarray(position - segment.start, segment.used);
  }

  /** All bytes from `position` to the end, as views in order. */
  read(position: number): Uint8Array[] {
    const parts: Uint8Array[] = [];
    for (let at = position; ; ) {
      const part = this.view(at);
      if (part === null) return parts;
      parts.push(part);
      at += part.length;
    }
  }

  /** A larger size fills up as bytes come; a smaller one drops the oldest segments now. */
  resize(sizeBytes: number): void {
    this.sizeBytes = Math.max(sizeBytes, BACKLOG_BYTES_MIN);
    if (this.spare !== null && this.spare.length !== this.segmentBytes()) this.dropSpare();
    this.trim();
  }

  /** Drops what neither the size nor a reader keeps; for the moments a slow reader goes away. */
  trim(): void {
    const keptFrom = Math.min(this.endPosition - this.sizeBytes, this.oldestReader());
    for (;;) {
      const oldest = this.segments[this.head];
      if (oldest === undefined || oldest.start + oldest.used > keptFrom) break;
      this.head += 1;
      this.recycle(oldest.bytes);
    }
    if (this.head >= 32 && this.head * 2 >= this.segments.length) {
      this.segments = this.segments.slice(this.head);
      this.head = 0;
    }
  }

  private roomyTail(): Segment {
    const tail = this.segments[this.segments.length - 1];
    if (tail !== undefined && this.segments.length > this.head && tail.used < tail.bytes.length) {
      return tail;
    }
    this.trim();
    const bytes = this.spare ?? new Uint8Array(this.segmentBytes());
    if (this.spare === null) this.allocated += bytes.length;
    this.spare = null;
    const added: Segment = { bytes, start: this.endPosition, used: 0 };
    this.segments.push(added);
    return added;
  }

  private segmentBytes(): number {
    const wanted = Math.floor(this.sizeBytes / 16);
    return Math.min(Math.max(wanted, SEGMENT_BYTES_MIN), SEGMENT_BYTES_MAX);
  }

  private recycle(bytes: Uint8Array): void {
    if (this.spare === null && bytes.length === this.segmentBytes()) this.spare = bytes;
    else this.allocated -= bytes.length;
  }

  private dropSpare(): void {
    this.allocated -= this.spare?.length ?? 0;
    this.spare = null;
  }

  /** Index of the segment that holds the byte at `position`, by binary search. */
  private indexOf(position: number): number {
    let low = this.head;
    let high = this.segments.length - 1;
    while (low < high) {
      const middle = (low + high + 1) >>> 1;
      if ((this.segments[middle] as Segment).start <= position) low = middle;
      else high = middle - 1;
    }
    return low;
  }
}
