import { describe, expect, test } from "bun:test";
import { loadBuilds, put, seeded, wideEntry } from "./load.ts";

/** Bit by bit, from the definition. */
function model(crc: bigint, bytes: Uint8Array): bigint {
  for (const byte of bytes) {
    crc ^= BigInt(byte);
    for (let bit = 0; bit < 8; bit++) {
      crc = crc & 1n ? (crc >> 1n) ^ 0x95ac9329ac4bc9b5n : crc >> 1n;
    }
  }
  return crc;
}

for (const build of await loadBuilds()) {
  const crc64 = (crc: bigint, ptr: number, length: number) =>
    BigInt.asUintN(64, wideEntry(build, "crc64")(crc, ptr, length));
  const at = build.scratch + 1;

  describe(`crc64 in ${build.name}`, () => {
    test("the check value", () => {
      expect(crc64(0n, at, put(build, at, "123456789"))).toBe(0xe9c6d914c4b8d9can);
      expect(crc64(0n, at, 0)).toBe(0n);
    });

    test("agrees with the definition, in one go and in two", () => {
      const seed = 64;
      const random = seeded(seed);
      for (let i = 0; i < 1000; i++) {
        const bytes = Uint8Array.from({ length: random() % 80 }, () => random());
        const start = i % 2 ? (BigInt(random()) << 32n) | BigInt(random()) : 0n;
        put(build, at, bytes);
        const cut = random() % (bytes.length + 1);
        const wanted = model(start, bytes);
        const whole = crc64(start, at, bytes.length);
        const pieces = crc64(crc64(start, at, cut), at + cut, bytes.length - cut);
        if (whole !== wanted || pieces !== wanted) throw new Error(`seed ${seed}, case ${i}`);
      }
    });
  });
}
