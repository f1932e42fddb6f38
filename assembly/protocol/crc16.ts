/**
 * CRC16 as the cluster specification's appendix A gives it (CRC16-CCITT, XMODEM variant): polynomial
 * 0x1021, initial value 0, nothing reflected, no final xor. It decides which slot a key lives in.
 *
 * Eight bytes are folded at a time. Table `n` maps a byte to the checksum it leaves behind when `n` more
 * bytes follow it, so the checksum of eight bytes is the xor of eight look-ups. Leading zero bytes leave
 * a checksum that starts at 0 unchanged, so an odd length is paid for at the front: the first 1 to
 * 8 bytes are moved to the top of a word of zeros, and what follows is whole words. The tables hold
 * byte-swapped checksums, because that is how a checksum is xor-ed into a little-endian word.
 */

/** Slots of a cluster (cluster specification, "Key distribution model"). */
const SLOT_MASK: u32 = 16383;

const TABLE_SIZE: usize = 256 * 2;
const TABLES: usize = memory.data(8 * 512, 16);

const OPEN_BRACE: u32 = 0x7b;
const CLOSE_BRACE: u32 = 0x7d;

/** Fills the tables. Runs when the module starts; calling it again is harmless. */
export function initCrc16(): void {
  for (let byte: u32 = 0; byte < 256; byte++) {
    let crc: u32 = byte << 8;
    for (let bit = 0; bit < 8; bit++) {
      crc = (crc << 1) ^ (crc & 0x8000 ? 0x1021 : 0);
    }
    store<u16>(TABLES + ((<usize>byte) << 1), bswap<u16>(<u16>crc));
  }
  for (let table: usize = 1; table < 8; table++) {
    const previous = TABLES + (table - 1) * TABLE_SIZE;
    for (let byte: usize = 0; byte < 256; byte++) {
      const swapped = <u32>load<u16>(previous + (byte << 1));
      const next = (swapped >> 8) ^ <u32>load<u16>(TABLES + ((<usize>(swapped & 0xff)) << 1));
      store<u16>(TABLES + table * TABLE_SIZE + (byte << 1), <u16>next);
    }
  }
}

initCrc16();

class Word {
  /** The byte-swapped checksum of eight bytes, given as a little-endian word. */
  @inline
  static fold(word: u64): u32 {
    const low = <u32>word;
    const high = <u32>(word >> 32);
    return (
      <u32>load<u16>(TABLES + <usize>((low << 1) & 0x1fe), 7 * 512) ^
      <u32>load<u16>(TABLES + <usize>((low >> 7) & 0x1fe), 6 * 512) ^
      <u32>load<u16>(TABLES + <usize>((low >> 15) & 0x1fe), 5 * 512) ^
      <u32>load<u16>(TABLES + <usize>((low >> 23) & 0x1fe), 4 * 512) ^
      <u32>load<u16>(TABLES + <usize>((high << 1) & 0x1fe), 3 * 512) ^
      <u32>load<u16>(TABLES + <usize>((high >> 7) & 0x1fe), 2 * 512) ^
      <u32>load<u16>(TABLES + <usize>((high >> 15) & 0x1fe), 1 * 512) ^
      <u32>load<u16>(TABLES + <usize>((high >> 23) & 0x1fe))
    );
  }

  /** The first 1 to 8 bytes at the top of a word, zeros below: all of a length up to 8, else what is odd. */
  @inline
  static first(ptr: usize, length: u32): u64 {
    if (length >= 8) return load<u64>(ptr) << ((<u64>((0 - length) & 7)) << 3);
    const shift = (<u64>(8 - length)) << 3;
    if (length >= 4) {
      return ((<u64>load<u32>(ptr + length - 4)) << 32) | ((<u64>load<u32>(ptr)) << shift);
    }
    if (length >= 2) {
      return ((<u64>load<u16>(ptr + length - 2)) << 48) | ((<u64>load<u16>(ptr)) << shift);
    }
    return length ? (<u64>load<u8>(ptr)) << 56 : 0;
  }

  /** True if one of the eight bytes is `{`; a zero byte never is. */
  @inline
  static holdsBrace(word: u64): bool {
    const difference = word ^ 0x7b7b7b7b7b7b7b7b;
    return ((difference - 0x0101010101010101) & ~difference & 0x8080808080808080) != 0;
  }
}

/** CRC16-XMODEM of `length` bytes: 0x31c3 for "123456789". */
export function crc16(ptr: usize, length: i32): u32 {
  if (length == 0) return 0;
  const end = ptr + <usize>length;
  let word = Word.first(ptr, <u32>length);
  ptr += <usize>(((length - 1) & 7) + 1);
  let crc: u32 = 0;
  while (true) {
    crc = Word.fold(word ^ <u64>crc);
    if (ptr == end) break;
    word = load<u64>(ptr);
    ptr += 8;
  }
  return <u32>bswap<u16>(<u16>crc);
}

/**
 * The slot (0..16383) of a key. If the key holds `{`, and a `}` later with at least one byte between them,
 * only the bytes between the first `{` and the first `}` after it are hashed (cluster specification,
 * "Hash tags"). The braces are looked for in the words the checksum reads anyway.
 */
export function keySlot(ptr: usize, length: i32): u32 {
  if (length == 0) return 0;
  const end = ptr + <usize>length;
  let word = Word.first(ptr, <u32>length);
  let at = ptr + <usize>(((length - 1) & 7) + 1);
  let crc: u32 = 0;
  while (true) {
    if (Word.holdsBrace(word)) return taggedSlot(ptr, length);
    crc = Word.fold(word ^ <u64>crc);
    if (at == end) break;
    word = load<u64>(at);
    at += 8;
  }
  return <u32>bswap<u16>(<u16>crc) & SLOT_MASK;
}

/** The slot of a key that holds a `{`. */
function taggedSlot(ptr: usize, length: i32): u32 {
  const end = ptr + <usize>length;
  let open = ptr;
  while (open != end && <u32>load<u8>(open) != OPEN_BRACE) open++;
  if (open != end) {
    let close = ++open;
    while (close != end && <u32>load<u8>(close) != CLOSE_BRACE) close++;
    if (close != end && close != open) return crc16(open, <i32>(close - open)) & SLOT_MASK;
  }
  return crc16(ptr, length) & SLOT_MASK;
}
