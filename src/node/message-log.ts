/**
 * Messages of one turn that wait to be sent, encoded one behind the other. A run of messages for the same listeners is
 * one segment, so that each listener mostly gets one stretch of these bytes, in one write, without a copy of its own.
 *
 *   bytes     | message | message | message | message | message |
 *   marks     ^         ^         ^         ^         ^            first byte of each: `*`, or `>` for RESP3
 *   segments  |  topic 1          |  topic 2 |  topic 1         |
 *
 * A core without I/O. Bytes are written for RESP2; `mark` turns them into RESP3 and back, which differ in nothing else.
 */
import { outboxBytesMax } from "../base/limits.ts";
import { pushMark } from "./pubsub.ts";

const bytesMin = 64 * 1024;
/** A log that has grown beyond is not kept. */
const bytesKeptMax = 2 * outboxBytesMax;
const marksMin = 1024;
/** Up to here a loop beats the call into the runtime that `set` is. */
const loopBytesMax = 64;

export class MessageLog<Topic> {
  bytes = new Uint8Array(bytesMin);
  length = 0;
  private marks = new Uint32Array(marksMin);
  private markCount = 0;
  private readonly topics: Topic[] = [];
  /** Where each segment ends. */
  private readonly ends: number[] = [];

  get segmentCount(): number {
    return this.topics.length;
  }

  topicAt(segment: number): Topic {
    return this.topics[segment] as Topic;
  }

  startOf(segment: number): number {
    return segment === 0 ? 0 : (this.ends[segment - 1] as number);
  }

  endOf(segment: number): number {
    return this.ends[segment] as number;
  }

  /** Begins a message for the listeners of `topic`, with room for `length` bytes. */
  begin(topic: Topic, length: number): void {
    if (this.bytes.length - this.length < length) this.grow(length);
    if (this.markCount === this.marks.length) {
      const marks = new Uint32Array(2 * this.markCount);
      marks.set(this.marks);
      this.marks = marks;
    }
    this.marks[this.markCount++] = this.length;
    if (this.topics[this.topics.length - 1] === topic) return;
    this.topics.push(topic);
    this.ends.push(this.length);
  }

  end(): void {
    this.ends[this.ends.length - 1] = this.length;
  }

  put(source: Uint8Array, start: number, length: number): void {
    const { bytes, length: at } = this;
    if (length <= loopBytesMax) {
      for (let index = 0; index < length; index++) {
        bytes[at + index] = source[start + index] as number;
      }
    } else bytes.set(source.subarray(start, start + length), at);
    this.length = at + length;
  }

  /** `$`, the bytes' number, and the bytes. */
  putBulk(source: Uint8Array, start: number, length: number): void {
    const { bytes } = this;
    bytes[this.length++] = dollar;
    let unit = 1;
    while (unit * 10 <= length) unit *= 10;
    for (let left = length; unit >= 1; unit = Math.floor(unit / 10)) {
      const digit = Math.floor(left / unit);
      bytes[this.length++] = zero + digit;
      left -= digit * unit;
    }
    this.putLineEnd();
    this.put(source, start, length);
    this.putLineEnd();
  }

  private putLineEnd(): void {
    this.bytes[this.length++] = carriageReturn;
    this.bytes[this.length++] = newline;
  }

  private grow(length: number): void {
    const bytes = new Uint8Array(Math.max(2 * this.bytes.length, this.length + length));
    bytes.set(this.bytes.subarray(0, this.length));
    this.bytes = bytes;
  }

  /** Gives all messages from `start` on the form of a protocol. */
  mark(protocol: 2 | 3, start: number): void {
    const first = pushMark[protocol];
    for (let index = this.markCount - 1; index >= 0; index--) {
      const at = this.marks[index] as number;
      if (at < start) return;
      this.bytes[at] = first;
    }
  }

  clear(): void {
    this.length = 0;
    this.markCount = 0;
    this.topics.length = 0;
    this.ends.length = 0;
    if (this.bytes.length > bytesKeptMax) this.bytes = new Uint8Array(bytesMin);
  }
}

const dollar = 0x24;
const zero = 0x30;
const carriageReturn = 0x0d;
const newline = 0x0a;
