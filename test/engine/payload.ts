/** What DUMP puts around a value: version and checksum. */

/** A payload whose type and value are `body` (one character per byte, or bytes). */
export function signed(body: string | Uint8Array): Buffer {
  const bytes = typeof body === "string" ? Buffer.from(body, "latin1") : body;
  const content = Buffer.concat([bytes, Buffer.from([10, 0])]);
  const footer = Buffer.alloc(8);
  footer.writeBigUInt64LE(crc64(content));
  return Buffer.concat([content, footer]);
}

const table = Array.from({ length: 256 }, (_, byte) => {
  let crc = BigInt(byte);
  for (let bit = 0; bit < 8; bit++) crc = crc & 1n ? (crc >> 1n) ^ 0x95ac9329ac4bc9b5n : crc >> 1n;
  return crc;
});

/** The checksum of RDB files, as defined. */
function crc64(bytes: Uint8Array): bigint {
  return bytes.reduce((crc, byte) => table[Number((crc ^ BigInt(byte)) & 255n)]! ^ (crc >> 8n), 0n);
}
