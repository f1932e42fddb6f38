/** Sine, cosine and arc sine are the doubles nearest to the exact values, which fixed-point numbers know here. */
import { describe, expect, test } from "bun:test";
import { entry, loadBuilds, seeded } from "./load.ts";

const seed = Number(process.env["ATOLL_SEED"] ?? 1);
const COUNT = 3000;
/** Places behind the binary point. */
const PLACES = 320n;
const ONE = 1n << PLACES;

/** The double, times `ONE`, without loss. */
function fixed(value: number): bigint {
  const view = new DataView(new ArrayBuffer(8));
  view.setFloat64(0, value);
  const bits = view.getBigUint64(0);
  const exponent = (bits >> 52n) & 0x7ffn;
  const mantissa = (bits & 0xfffffffffffffn) | (1n << 52n);
  const size = (mantissa << PLACES) >> (1075n - exponent);
  return bits >> 63n === 0n ? size : -size;
}

/** Half the distance to the next double. */
function halfStep(value: number): bigint {
  return fixed(2 ** Math.floor(Math.log2(Math.abs(value)))) >> 53n;
}

/** Taylor's series from the given power on: 1 for the sine, 0 for the cosine. */
function series(angle: bigint, power: bigint): bigint {
  const square = (angle * angle) >> PLACES;
  let term = power === 1n ? angle : ONE;
  let sum = term;
  for (let at = power + 1n; term !== 0n; at += 2n) {
    term = -((term * square) >> PLACES) / (at * (at + 1n));
    // Rounding down never ends at 0 from below.
    if (term === -1n) break;
    sum += term;
  }
  return sum;
}

function isNearest(value: number, exact: bigint): boolean {
  const distance = fixed(value) - exact;
  return (distance < 0n ? -distance : distance) <= halfStep(value);
}

for (const build of await loadBuilds()) {
  const call = (name: string, value: number): number => entry(build, name)(value);

  describe(`trigonometry (${build.name}, ATOLL_SEED=${seed})`, () => {
    const random = seeded(seed);
    /** From 0 to 1, one of three close to 0. */
    const share = (): number => {
      const value = (random() + random() / 2 ** 32) / 2 ** 32;
      return random() % 3 === 0 ? value * 2 ** -(random() % 26) : value;
    };

    test("sine, from minus to plus half a turn", () => {
      for (let round = 0; round < COUNT; round++) {
        const turn = random() % 3 === 0 ? 1 - share() : share();
        const angle = Math.PI * turn * (random() % 2 === 0 ? 1 : -1);
        if (angle === 0) continue;
        expect([angle, isNearest(call("sine", angle), series(fixed(angle), 1n))]).toEqual([
          angle,
          true,
        ]);
      }
      expect(call("sine", Math.PI)).toBe(1.2246467991473532e-16);
      expect(call("sine", -0)).toBe(-0);
      expect(call("sine", 1e-9)).toBe(1e-9);
    });

    test("cosine, from minus to plus a quarter", () => {
      for (let round = 0; round < COUNT; round++) {
        const turn = random() % 3 === 0 ? 1 - share() : share();
        const angle = (Math.PI / 2) * turn * (random() % 2 === 0 ? 1 : -1);
        expect([angle, isNearest(call("cosine", angle), series(fixed(angle), 0n))]).toEqual([
          angle,
          true,
        ]);
      }
      expect(call("cosine", 0)).toBe(1);
      expect(call("cosine", Math.PI / 2)).toBe(6.123233995736766e-17);
    });

    test("arc sine, from 0 to 1", () => {
      for (let round = 0; round < COUNT; round++) {
        const value = random() % 3 === 0 ? 1 - share() : share();
        if (value === 0) continue;
        const angle = call("arcSine", value);
        const half = halfStep(angle);
        const exact = fixed(value);
        const between =
          series(fixed(angle) - half, 1n) <= exact && exact <= series(fixed(angle) + half, 1n);
        expect([value, between || value === 1]).toEqual([value, true]);
      }
      expect(call("arcSine", 0)).toBe(0);
      expect(call("arcSine", 1)).toBe(Math.PI / 2);
      expect(call("arcSine", 1 + 2 ** -52)).toBeNaN();
    });
  });
}
