import { describe, expect, test } from "bun:test";
import { entry, loadBuilds, put, seeded } from "./load.ts";

const SEED = 0x0123456789abcdefn;

/** Chi-square of `hashes` over the buckets that `bucket` gives, in standard deviations from the mean. */
function deviation(hashes: number[], buckets: number, bucket: (hash: number) => number): number {
  const counts = new Uint32Array(buckets);
  for (const hash of hashes) counts[bucket(hash)] = (counts[bucket(hash)] ?? 0) + 1;
  const expected = hashes.length / buckets;
  let chi = 0;
  for (const count of counts) chi += (count - expected) ** 2 / expected;
  return (chi - (buckets - 1)) / Math.sqrt(2 * (buckets - 1));
}

const families: Record<string, (i: number) => string> = {
  "key:N": (i) => `key:${i}`,
  "zero-padded": (i) => `key:${String(i).padStart(12, "0")}`,
  "bare numbers": (i) => String(i),
  "number in front": (i) => `${i}:user:profile:settings`,
  "long common text": (i) => `${"x".repeat(100)}${i}${"y".repeat(100)}`,
  spaces: (i) => " ".repeat(i % 700) + String.fromCharCode(33 + (i % 90)) + i,
};

for (const build of await loadBuilds()) {
  const hash32 = entry(build, "hash32");
  const hashOf = (key: string | Uint8Array, seed = SEED) =>
    hash32(build.scratch, put(build, build.scratch, key), seed) >>> 0;

  describe(`hash32 in ${build.name}`, () => {
    for (const [name, key] of Object.entries(families)) {
      test(`spreads ${name} evenly`, () => {
        const hashes = Array.from({ length: 20_000 }, (_, i) => hashOf(key(i)));
        for (const seed of [hashes]) {
          expect(Math.abs(deviation(seed, 256, (hash) => hash & 255))).toBeLessThan(5);
          expect(Math.abs(deviation(seed, 256, (hash) => hash >>> 24))).toBeLessThan(5);
          expect(Math.abs(deviation(seed, 1000, (hash) => hash % 1000))).toBeLessThan(5);
        }
        // 20 000 hashes of 32 bits collide 0.05 times on average.
        expect(new Set(hashes).size).toBeGreaterThanOrEqual(19_997);
      });
    }

    test("one flipped bit of key or seed flips half the bits", () => {
      const random = seeded(7);
      for (const length of [1, 3, 4, 7, 8, 9, 15, 16, 17, 33]) {
        const flips = new Float64Array(32);
        const rounds = 4000;
        for (let i = 0; i < rounds; i++) {
          const key = Uint8Array.from({ length }, () => random() & 255);
          const before = hashOf(key);
          const bit = random() % (length * 8 + 64);
          let after: number;
          if (bit < length * 8) {
            key[bit >> 3] = key[bit >> 3]! ^ (1 << (bit & 7));
            after = hashOf(key);
          } else {
            after = hashOf(key, SEED ^ (1n << BigInt(bit - length * 8)));
          }
          for (let at = 0; at < 32; at++) flips[at] = flips[at]! + (((before ^ after) >>> at) & 1);
        }
        for (const count of flips) expect(Math.abs(count / rounds - 0.5)).toBeLessThan(0.05);
      }
    });

    test("reads only the key", () => {
      const random = seeded(11);
      for (let length = 0; length < 70; length++) {
        const key = Uint8Array.from({ length }, () => random() & 255);
        const at = build.scratch + 64;
        const around = [0, 0xff].map((filler) => {
          put(build, at - 16, new Uint8Array(length + 32).fill(filler));
          put(build, at, key);
          return hash32(at, length, SEED);
        });
        expect(around[0]).toBe(around[1]!);
      }
    });

    test("lengths of zero bytes differ", () => {
      const hashes = Array.from({ length: 200 }, (_, length) => hashOf(new Uint8Array(length)));
      expect(new Set(hashes).size).toBe(200);
    });
  });
}
