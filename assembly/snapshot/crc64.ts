/**
 * The CRC-64 at the end of RDB files and DUMP payloads: the Jones polynomial 0xad93d23594c935a9, reflected,
 * initial value 0, no final xor (crc64.c). Eight bytes are folded at a time; table `n` holds what a
 * byte leaves behind when `n` more bytes follow it.
 */

const POLYNOMIAL_REFLECTED: u64 = 0x95ac9329ac4bc9b5;
const TABLE_SIZE: usize = 256 * 8;
const TABLES: usize = memory.data(8 * 2048, 16);

/** Fills the tables. Runs when the module starts; calling it again is harmless. */
export function initCrc64(): void {
  for (let byte: u64 = 0; byte < 256; byte++) {
    let crc = byte;
    for (let bit = 0; bit < 8; bit++) crc = (crc >> 1) ^ (crc & 1 ? POLYNOMIAL_REFLECTED : 0);
    store<u64>(TABLES + ((<usize>byte) << 3), crc);
  }
  for (let table: usize = 1; table < 8; table++) {
    const previous = TABLES + (table - 1) * TABLE_SIZE;
    for (let byte: usize = 0; byte < 256; byte++) {
      const crc = load<u64>(previous + (byte << 3));
      const next = (crc >> 8) ^ load<u64>(TABLES + ((<usize>(crc & 0xff)) << 3));
      store<u64>(TABLES + table * TABLE_SIZE + (byte << 3), next);
    }
  }
}

initCrc64();

class Table {
  @inline
  static at(shifted: u64, offset: usize): u64 {
    return load<u64>(TABLES + offset + ((<usize>(shifted & 0xff)) << 3));
  }
}

/** Goes on with a checksum (0 at the start) over `length` bytes: e9c6d914c4b8d9ca for "123456789". */
export function crc64(crc: u64, ptr: usize, length: i32): u64 {
  const end = ptr + <usize>length;
  while (end - ptr >= 8) {
    crc ^= load<u64>(ptr);
    crc =
      Table.at(crc, 7 * TABLE_SIZE) ^
      Table.at(crc >> 8, 6 * TABLE_SIZE) ^
      Table.at(crc >> 16, 5 * TABLE_SIZE) ^
      Table.at(crc >> 24, 4 * TABLE_SIZE) ^
      Table.at(crc >> 32, 3 * TABLE_SIZE) ^
      Table.at(crc >> 40, 2 * TABLE_SIZE) ^
      Table.at(crc >> 48, 1 * TABLE_SIZE) ^
      Table.at(crc >> 56, 0);
    ptr += 8;
  }
  for (; ptr != end; ptr++) crc = Table.at(crc ^ <u64>load<u8>(ptr), 0) ^ (crc >> 8);
  return crc;
}
