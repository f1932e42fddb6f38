/**
 * LZF, the compression of strings in RDB files and DUMP payloads. The stream is a row of items:
 *
 *   000nnnnn                     n + 1 bytes as they are follow
 *   nnnooooo oooooooo            copy n + 2 bytes (n is 1 to 6) from o + 1 bytes back
 *   111ooooo nnnnnnnn oooooooo   copy n + 9 bytes from o + 1 bytes back
 *
 * The compressor looks for matches where LibLZF 3.6 does with Redis's settings (HLOG 16, VERY_FAST), so that the
 * bytes are the same as Redis's: a table of 2^16 places, keyed by a hash of three bytes, gives the last place
 * where a hash was seen.
 */

const HASH_BITS: u32 = 16;
const OFFSET_MAX: usize = 1 << 13;
const MATCH_MAX: usize = (1 << 8) + (1 << 3);
const LITERAL_MAX: u32 = 1 << 5;

/**
 * Places are kept as `place + epoch`, and each run takes an epoch above all places of the runs before, so
 * that the table needs clearing only when the epochs are used up.
 */
const PLACES: usize = memory.data(65536 * 4, 16);
let epoch: u32 = 0;

class Hash {
  /** The table's entry for the three bytes at `ptr`. */
  @inline
  static entry(ptr: usize): usize {
    const bytes =
      ((<u32>load<u8>(ptr)) << 16) | ((<u32>load<u8>(ptr, 1)) << 8) | <u32>load<u8>(ptr, 2);
    return PLACES + ((<usize>(((bytes >> (24 - HASH_BITS)) - bytes * 5) & 0xffff)) << 2);
  }
}

/**
 * Compresses `inLength` bytes into at most `outCapacity`. Returns the compressed length, or 0 if it does
 * not fit. Redis asks for it with a capacity of `inLength - 4`, for strings above 20 bytes.
 */
export function lzfCompress(input: usize, inLength: i32, output: usize, outCapacity: i32): i32 {
  if (inLength <= 0 || outCapacity <= 0) return 0;
  if (epoch > 0xffffffff - <u32>inLength - 1) {
    memory.fill(PLACES, 0, 65536 * 4);
    epoch = 0;
  }
  // A place is its offset + base. The first byte's own place counts as empty, as in LibLZF.
  const base = epoch;
  epoch += <u32>inLength;

  const inEnd = input + <usize>inLength;
  const outEnd = output + <usize>outCapacity;
  let at = input;
  // One byte is left for the count in front of the literals.
  let to = output + 1;
  let literals: u32 = 0;
  while (inEnd - at > 2) {
    const entry = Hash.entry(at);
    const place = load<u32>(entry);
    const source = input + <usize>(place - base);
    store<u32>(entry, <u32>(at - input) + base);
    const back = at - source - 1;
    if (
      place > base &&
      back < OFFSET_MAX &&
      load<u16>(source) == load<u16>(at) &&
      load<u8>(source, 2) == load<u8>(at, 2)
    ) {
      // Three bytes for the longest item, one for the next count.
      if (to - <usize>(literals == 0) + 3 + 1 >= outEnd) return 0;
      store<u8>(to - <usize>literals - 1, <u8>(literals - 1));
      to -= <usize>(literals == 0);
      const length = matchLength(source, at, inEnd);
      to = writeMatch(to, back, length);
      literals = 0;
      to++;
      at += length;
      if (inEnd - at <= 2) break;
      store<u32>(Hash.entry(at - 2), <u32>(at - 2 - input) + base);
      store<u32>(Hash.entry(at - 1), <u32>(at - 1 - input) + base);
    } else {
      if (to >= outEnd) return 0;
      store<u8>(to++, load<u8>(at++));
      if (++literals == LITERAL_MAX) {
        store<u8>(to - LITERAL_MAX - 1, <u8>(LITERAL_MAX - 1));
        literals = 0;
        to++;
      }
    }
  }
  // At most three literals more, and a count.
  if (to + 3 > outEnd) return 0;
  while (at != inEnd) {
    store<u8>(to++, load<u8>(at++));
    if (++literals == LITERAL_MAX) {
      store<u8>(to - LITERAL_MAX - 1, <u8>(LITERAL_MAX - 1));
      literals = 0;
      to++;
    }
  }
  if (literals) store<u8>(to - <usize>literals - 1, <u8>(literals - 1));
  else to--;
  return <i32>(to - output);
}

/**
 * Bytes from `at` on that equal those from `source` on; three are known to. LibLZF keeps two bytes before
 * the end out of a match, save that it compares the first sixteen further bytes without asking.
 */
function matchLength(source: usize, at: usize, inEnd: usize): usize {
  const lengthMax = min<usize>(inEnd - at - 2, MATCH_MAX);
  let length: usize = 3;
  if (lengthMax > 16) {
    while (length <= 18 && load<u8>(source + length) == load<u8>(at + length)) length++;
    if (length <= 18) return length;
  }
  while (length < lengthMax && load<u8>(source + length) == load<u8>(at + length)) length++;
  return length;
}

/** Writes the item that copies `length` bytes from `back` + 1 bytes back; returns the place after it. */
function writeMatch(to: usize, back: usize, length: usize): usize {
  const count = length - 2;
  if (count < 7) {
    store<u8>(to, <u8>((back >> 8) + (count << 5)));
    store<u8>(to, <u8>back, 1);
    return to + 2;
  }
  store<u8>(to, <u8>((back >> 8) + (7 << 5)));
  store<u8>(to, <u8>(count - 7), 1);
  store<u8>(to, <u8>back, 2);
  return to + 3;
}

/**
 * Expands `inLength` bytes into at most `outLength`. Returns the expanded length, or 0 if the input is
 * damaged or does not fit; nothing outside the two ranges is read or written whatever the input.
 */
export function lzfDecompress(input: usize, inLength: i32, output: usize, outLength: i32): i32 {
  const inEnd = input + <usize>inLength;
  const outEnd = output + <usize>outLength;
  let from = input;
  let to = output;
  while (from != inEnd) {
    const control = <usize>load<u8>(from++);
    if (control < 32) {
      const count = control + 1;
      if (inEnd - from < count || outEnd - to < count) return 0;
      memory.copy(to, from, count);
      from += count;
      to += count;
      continue;
    }
    let length = (control >> 5) + 2;
    if (length == 9) {
      if (from == inEnd) return 0;
      length += <usize>load<u8>(from++);
    }
    if (from == inEnd) return 0;
    const back = (((control & 31) << 8) | <usize>load<u8>(from++)) + 1;
    if (to - output < back || outEnd - to < length) return 0;
    if (back >= length) {
      memory.copy(to, to - back, length);
      to += length;
    } else {
      // The copy reads what it has written: a repeated pattern.
      const end = to + length;
      for (; to != end; to++) store<u8>(to, load<u8>(to - back));
    }
  }
  return <i32>(to - output);
}
