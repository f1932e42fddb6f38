/**
 * Ziplists: what listpacks were before Redis 7.0 (ziplist.c). They are only read, and turned into listpacks.
 *
 *   u32 bytes in all | u32 offset of the last entry | u16 count, 65 535: not known | entries | 0xff
 *
 *   an entry: the length of the one before (1 byte, or 0xfe and u32), its encoding, its data:
 *     00nnnnnn            string of n bytes
 *     01nnnnnn n8         string of n bytes
 *     10000000 u32        string, the length big-endian
 *     0xc0, 0xd0, 0xe0    integers of 16, 32, 64 bits, little-endian
 *     0xf0, 0xfe          integers of 24 and 8 bits
 *     0xf1 .. 0xfd        0 to 12
 */
import { free } from "../base/memory";
import { lpAppend, lpAppendInteger, newListpack } from "../structures/listpack";

const HEADER: usize = 10;
const END: u32 = 0xff;
const BIG_PREVIOUS: u32 = 0xfe;
const COUNT_UNKNOWN: u32 = 0xffff;

/** The entry just read. */
let dataPtr: usize = 0;
let dataLength: u32 = 0;
let isInteger: bool = false;
let value: i64 = 0;

/**
 * The same elements as a listpack; 0: the bytes are no ziplist. The caller has made sure that memory holds a copy of
 * twice their length.
 */
export function listpackOfZiplist(ptr: usize, length: usize): usize {
  if (length < HEADER + 1 || <usize>load<u32>(ptr) != length) return 0;
  const end = ptr + length - 1;
  if (load<u8>(end) != END) return 0;
  let lp = newListpack(length);
  let at = ptr + HEADER;
  let previous: usize = 0;
  let last: usize = 0;
  let count: u32 = 0;
  while (at < end) {
    const next = readEntry(at, end, previous);
    if (next == 0) break;
    lp = isInteger ? lpAppendInteger(lp, value) : lpAppend(lp, dataPtr, dataLength);
    last = at - ptr;
    previous = next - at;
    at = next;
    count++;
  }
  const known = <u32>load<u16>(ptr, 8);
  const counts = known == COUNT_UNKNOWN || known == count;
  const tail = <usize>load<u32>(ptr, 4);
  if (at == end && counts && tail == (count == 0 ? HEADER : last)) return lp;
  free(lp);
  return 0;
}

/** Reads the entry at `at`, which follows one of `previous` bytes; answers where the next begins, or 0. */
function readEntry(at: usize, end: usize, previous: usize): usize {
  let said = <usize>load<u8>(at);
  at++;
  if (said == <usize>BIG_PREVIOUS) {
    if (end - at < 4) return 0;
    said = load<u32>(at);
    at += 4;
  }
  if (said != previous || at >= end) return 0;
  const code = <u32>load<u8>(at);
  at++;
  isInteger = code >= 0xc0;
  const left = end - at;
  if (isInteger) return readInteger(code, at, left);
  let size: usize = code & 63;
  if (code >= 0x80) {
    if (code != 0x80 || left < 4) return 0;
    size = bswap<u32>(load<u32>(at));
    at += 4;
  } else if (code >= 0x40) {
    if (left < 1) return 0;
    size = (size << 8) | <usize>load<u8>(at);
    at++;
  }
  if (end - at < size) return 0;
  dataPtr = at;
  dataLength = <u32>size;
  return at + size;
}

function readInteger(code: u32, at: usize, left: usize): usize {
  let size: usize = 0;
  if (code == 0xc0) size = 2;
  else if (code == 0xd0) size = 4;
  else if (code == 0xe0) size = 8;
  else if (code == 0xf0) size = 3;
  else if (code == 0xfe) size = 1;
  else if (code < 0xf1 || code > 0xfd) return 0;
  if (left < size) return 0;
  if (size == 0) value = <i64>code - 0xf1;
  else if (size == 1) value = load<i8>(at);
  else if (size == 2) value = load<i16>(at);
  else if (size == 3) value = <i64>(((<i32>load<i8>(at, 2)) << 16) | <i32>load<u16>(at));
  else if (size == 4) value = load<i32>(at);
  else value = load<i64>(at);
  return at + size;
}
