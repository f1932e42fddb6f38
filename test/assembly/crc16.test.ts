import { describe, expect, test } from "bun:test";
import { entry, growPastTwoGib, loadBuilds, put, seeded } from "./load.ts";

/** Bit by bit, straight from the definition. */
function model(bytes: Uint8Array): number {
  let crc = 0;
  for (const byte of bytes) {
    crc ^= byte << 8;
    for (let bit = 0; bit < 8; bit++) crc = crc & 0x8000 ? (crc << 1) ^ 0x1021 : crc << 1;
    crc &= 0xffff;
  }
  return crc;
}

function modelSlot(bytes: Uint8Array): number {
  const open = bytes.indexOf(0x7b);
  if (open >= 0) {
    const close = bytes.indexOf(0x7d, open + 1);
    if (close > open + 1) return model(bytes.subarray(open + 1, close)) & 16383;
  }
  return model(bytes) & 16383;
}

for (const build of await loadBuilds()) {
  const crc16 = entry(build, "crc16");
  const keySlot = entry(build, "keySlot");
  const slot = (key: string) => keySlot(build.scratch, put(build, build.scratch, key));

  describe(`crc16 in ${build.name}`, () => {
    test("the check value of the specification", () => {
      expect(crc16(build.scratch, put(build, build.scratch, "123456789"))).toBe(0x31c3);
      expect(crc16(build.scratch, 0)).toBe(0);
    });

    test("known slots", () => {
      expect(slot("name")).toBe(5798);
      expect(slot("age")).toBe(741);
      expect(slot("k1")).toBe(12706);
      expect(slot("")).toBe(0);
    });

    test("only the first non-empty tag counts", () => {
      expect(slot("{user1000}.following")).toBe(slot("user1000"));
      expect(slot("foo{}{bar}")).toBe(modelSlot(Buffer.from("foo{}{bar}")));
      expect(slot("foo{}{bar}")).not.toBe(slot("bar"));
      expect(slot("foo{{bar}}zap")).toBe(slot("{bar"));
      expect(slot("foo{bar}{zap}")).toBe(slot("bar"));
      expect(slot("a}b{name}")).toBe(5798);
      expect(slot("{name")).toBe(modelSlot(Buffer.from("{name")));
    });

    test("agrees with the definition at every length and alignment", () => {
      const seed = 20260701;
      const random = seeded(seed);
      for (let i = 0; i < 10_000; i++) {
        const bytes = new Uint8Array(random() % (i % 50 === 0 ? 700 : 40));
        const tagged = random() % 3;
        for (let at = 0; at < bytes.length; at++) {
          const value = random();
          bytes[at] = tagged && value % 5 === 0 ? 0x7a + ((value >>> 8) % 4) : value >>> 8;
        }
        const at = build.scratch + (random() % 16);
        put(build, at - 1, "{");
        put(build, at + bytes.length, "}");
        put(build, at, bytes);
        const found = [crc16(at, bytes.length), keySlot(at, bytes.length)];
        const wanted = [model(bytes), modelSlot(bytes)];
        if (found.join() !== wanted.join()) {
          throw new Error(`seed ${seed}, case ${i}, key [${bytes}]: ${found}, not ${wanted}`);
        }
      }
    });
  });
}

test("addresses above 2 GiB", async () => {
  for (const build of await loadBuilds()) {
    const border = growPastTwoGib(build);
    for (const at of [border - 5, border, border + 100]) {
      const length = put(build, at, "a key of some {length} bytes");
      expect(entry(build, "keySlot")(at, length)).toBe(modelSlot(Buffer.from("length")));
    }
  }
});
