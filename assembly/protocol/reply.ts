/** Writers of RESP2 and RESP3 replies into the reply region. RESP specification: redis.io/docs/reference/protocol-spec. */
import { Stat } from "../abi";
import { copyBytes, writeText } from "../base/bytes";
import {
  needReply,
  replyAt,
  replyMark,
  resp3,
  roomReply,
  setFailed,
  setReplyAt,
} from "../base/frame";
import { Stats } from "../base/stats";
import { writeDouble } from "./double";
import { digitCount, textOfEight, writeInt64 } from "./number";

const CRLF: u16 = 0x0a0d;

/** `+OK` */
export function replyOk(): void {
  needReply(8);
  store<u32>(replyAt, 0x0d4b4f2b);
  store<u8>(replyAt + 4, 10);
  setReplyAt(replyAt + 5);
}

/** `+text`; the text is a literal. */
export function replySimple(text: string): void {
  needReply(<usize>text.length + 8);
  store<u8>(replyAt, 43);
  const length = writeText(replyAt + 1, text);
  store<u16>(replyAt + 1 + length, CRLF);
  setReplyAt(replyAt + 3 + length);
}

/** `:value` */
export function replyInt(value: i64): void {
  needReply(32);
  if (<u64>value < 10) {
    store<u32>(replyAt, 0x0a0d303a + ((<u32>value) << 8));
    setReplyAt(replyAt + 4);
    return;
  }
  store<u8>(replyAt, 58);
  let length: i32;
  if (<u64>value < 100000000) {
    length = digitCount(value);
    // What is written behind the last digit is overwritten.
    store<u64>(replyAt, textOfEight(<u32>value) >> ((<u64>(8 - length)) << 3), 1);
  } else length = writeInt64(replyAt + 1, value);
  store<u16>(replyAt + 1 + length, CRLF);
  setReplyAt(replyAt + 3 + length);
}

/** `$length` bytes. A reply that memory cannot hold becomes the OOM error instead. */
export function replyBulk(ptr: usize, length: u32): void {
  if (length < 10) {
    needReply(32);
    store<u32>(replyAt, 0x0a0d3024 + (length << 8));
    copyBytes(replyAt + 4, ptr, length);
    store<u16>(replyAt + 4 + length, CRLF);
    setReplyAt(replyAt + 6 + length);
    return;
  }
  if (!roomReply(<usize>length + 32)) return;
  store<u8>(replyAt, 36);
  let at = replyAt + 1;
  if (length < 100) {
    const tens = length / 10;
    store<u32>(at, 0x0a0d3030 + tens + ((length - tens * 10) << 8));
    at += 4;
  } else {
    at += writeInt64(at, length);
    store<u16>(at, CRLF);
    at += 2;
  }
  copyBytes(at, ptr, length);
  store<u16>(at + length, CRLF);
  setReplyAt(at + length + 2);
}

/** An integer as a bulk string. */
export function replyBulkInt(value: i64): void {
  needReply(48);
  // Two digits of length are enough for any 64-bit integer.
  const digits = writeInt64(replyAt + 5, value);
  if (digits < 10) {
    store<u32>(replyAt, 0x0a0d3024 + ((<u32>digits) << 8));
    writeInt64(replyAt + 4, value);
    store<u16>(replyAt + 4 + digits, CRLF);
    setReplyAt(replyAt + 6 + digits);
    return;
  }
  store<u8>(replyAt, 36);
  store<u32>(replyAt + 1, 0x0a0d3030 + <u32>(digits / 10) + ((<u32>(digits % 10)) << 8));
  store<u16>(replyAt + 5 + digits, CRLF);
  setReplyAt(replyAt + 7 + digits);
}

/** A literal as a bulk string. */
export function replyBulkText(text: string): void {
  const length = <u32>text.length;
  needReply(<usize>length + 32);
  store<u8>(replyAt, 36);
  let at = replyAt + 1;
  at += writeInt64(at, length);
  store<u16>(at, CRLF);
  writeText(at + 2, text);
  store<u16>(at + 2 + length, CRLF);
  setReplyAt(at + 4 + length);
}

/** A missing value: `$-1` or RESP3 `_`. */
export function replyNull(): void {
  needReply(8);
  if (resp3) {
    store<u16>(replyAt, 0x0d5f);
    store<u8>(replyAt + 2, 10);
    setReplyAt(replyAt + 3);
    return;
  }
  store<u32>(replyAt, 0x0d312d24);
  store<u8>(replyAt + 4, 10);
  setReplyAt(replyAt + 5);
}

/** A missing array: `*-1` or RESP3 `_`. */
export function replyNullArray(): void {
  if (resp3) {
    replyNull();
    return;
  }
  needReply(8);
  store<u32>(replyAt, 0x0d312d2a);
  store<u8>(replyAt + 4, 10);
  setReplyAt(replyAt + 5);
}

function replyHeader(kind: u8, count: i64): void {
  needReply(32);
  store<u8>(replyAt, kind);
  const length = writeInt64(replyAt + 1, count);
  store<u16>(replyAt + 1 + length, CRLF);
  setReplyAt(replyAt + 3 + length);
}

/** `*count`; that many replies follow. */
export function replyArray(count: i64): void {
  replyHeader(42, count);
}

/** RESP3 `%count`, or an array of twice as many. */
export function replyMap(count: i64): void {
  if (resp3) replyHeader(37, count);
  else replyHeader(42, count << 1);
}

/** RESP3 `~count`, or an array. */
export function replySet(count: i64): void {
  replyHeader(resp3 ? 126 : 42, count);
}

/** RESP3 `,value`, or a bulk string; shortest text that reads back the same (as Redis 7.2 and later). */
export function replyDouble(value: f64): void {
  needReply(96);
  if (resp3) {
    store<u8>(replyAt, 44);
    const length = writeDouble(replyAt + 1, value);
    store<u16>(replyAt + 1 + length, CRLF);
    setReplyAt(replyAt + 3 + length);
    return;
  }
  const text = replyAt + 48;
  const length = <u32>writeDouble(text, value);
  replyBulk(text, length);
}

/** Opens an error whose text the caller goes on to write: counts it, and marks the command as failed. */
export function beginError(): void {
  needReply(1024);
  setFailed();
  Stats.add(Stat.ErrorReplies, 1);
  store<u8>(replyAt, 45);
  setReplyAt(replyAt + 1);
}

/** Literal text inside an error. */
export function errorText(text: string): void {
  needReply(<usize>text.length + 64);
  setReplyAt(replyAt + writeText(replyAt, text));
}

/** How many bytes stand before the first zero byte: where Redis formats with `%s`, it shows no more. */
export function cTextLength(ptr: usize, length: u32): u32 {
  let at: u32 = 0;
  while (at < length && load<u8>(ptr + at) != 0) at++;
  return at;
}

/** Bytes of the client inside an error: line ends become blanks, as they would break the protocol. */
export function errorBytes(ptr: usize, length: u32): void {
  if (!roomReply(<usize>length + 64)) return;
  for (let at: u32 = 0; at < length; at++) {
    let byte = load<u8>(ptr + at);
    if (byte == 13 || byte == 10) byte = 32;
    store<u8>(replyAt + at, byte);
  }
  setReplyAt(replyAt + length);
}

export function endError(): void {
  needReply(8);
  store<u16>(replyAt, CRLF);
  setReplyAt(replyAt + 2);
  Stats.countError(replyMark);
}

/** `-text`, with its code in front ("ERR ...", "WRONGTYPE ..."). */
export function replyError(text: string): void {
  beginError();
  errorText(text);
  endError();
}

export function replyOutOfMemory(): void {
  replyError("OOM command not allowed when used memory > 'maxmemory'.");
}

export function replySyntaxError(): void {
  replyError("ERR syntax error");
}

export function replyNotInteger(): void {
  replyError("ERR value is not an integer or out of range");
}

export function replyWrongType(): void {
  replyError("WRONGTYPE Operation against a key holding the wrong kind of value");
}

export function replyTooLong(): void {
  replyError("ERR string exceeds maximum allowed size (proto-max-bulk-len)");
}
