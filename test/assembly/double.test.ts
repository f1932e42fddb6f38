import { describe, expect, test } from "bun:test";
import { entry, loadBuilds, put, seeded, takeText } from "./load.ts";

const view = new DataView(new ArrayBuffer(8));

function fromBits(high: number, low: number): number {
  view.setUint32(0, high);
  view.setUint32(4, low);
  return view.getFloat64(0);
}

function toBits(value: number): bigint {
  view.setFloat64(0, value);
  return view.getBigUint64(0);
}

/** The exact decimal text of mantissa * 2^exponent. */
function exactText(mantissa: bigint, exponent: number): string {
  if (exponent >= 0) return String(mantissa << BigInt(exponent));
  const text = String(mantissa * 5n ** BigInt(-exponent)).padStart(-exponent + 1, "0");
  return `${text.slice(0, exponent)}.${text.slice(exponent)}`;
}

/** The exact text of the number halfway between a positive double and the next larger one. */
function halfwayText(value: number): string {
  const bits = toBits(value);
  const biased = Number(bits >> 52n);
  const fraction = bits & 0xfffffffffffffn;
  const mantissa = biased ? fraction | (1n << 52n) : fraction;
  return exactText(2n * mantissa + 1n, (biased || 1) - 1076);
}

/** JavaScript's shortest digits laid out as `fpconv_dtoa` of Redis 7.2 does. */
function model(value: number): string {
  if (Number.isNaN(value)) return "nan";
  if (!Number.isFinite(value)) return value < 0 ? "-inf" : "inf";
  if (Object.is(value, -0)) return "-0";
  if (Math.abs(value) <= 2 ** 62 && Number.isInteger(value)) return String(BigInt(value));
  const [mantissa = "", exponentText = ""] = Math.abs(value).toExponential().split("e");
  const digits = mantissa.replace(".", "");
  const scientific = Number(exponentText);
  const power = scientific - digits.length + 1;
  const sign = value < 0 ? "-" : "";
  if (power >= 0 && scientific < digits.length + 7) return sign + digits + "0".repeat(power);
  if (power < 0 && (power > -7 || Math.abs(scientific) < 4)) {
    const padded = digits.padStart(1 - power, "0");
    return `${sign}${padded.slice(0, power)}.${padded.slice(power)}`;
  }
  const rest = digits.length > 1 ? `.${digits.slice(1)}` : "";
  return `${sign}${digits[0]}${rest}e${scientific < 0 ? "-" : "+"}${Math.abs(scientific)}`;
}

/** `printf("%.17g")`: unlike `toPrecision` it rounds a tie to even. */
function model17(value: number): string {
  const [mantissa = "", exponentText = ""] = value.toExponential(100).split("e");
  const all = mantissa.replace(".", "");
  const rest = all.slice(17);
  const kept = BigInt(all.slice(0, 17));
  const half = `5${"0".repeat(rest.length - 1)}`;
  const digits = String(rest > half || (rest === half && kept & 1n) ? kept + 1n : kept);
  const scientific = Number(exponentText) + digits.length - 17;
  if (scientific < -4 || scientific >= 17) {
    const size = String(Math.abs(scientific)).padStart(2, "0");
    const text = `${digits[0]}.${digits.slice(1)}`.replace(/\.?0+$/, "");
    return `${text}e${scientific < 0 ? "-" : "+"}${size}`;
  }
  const padded = digits.slice(0, 17).padStart(17 - Math.min(scientific, 0), "0");
  const point = Math.max(scientific, 0) + 1;
  // The text holds a point, so no zero of the integer part is cut off.
  return `${padded.slice(0, point)}.${padded.slice(point)}`.replace(/\.?0*$/, "");
}

/** Doubles of all sizes, with those that people use more often than chance would have it. */
function randomDouble(random: () => number): number {
  switch (random() % 6) {
    case 0:
      return (random() % 1_000_000) / 10 ** (random() % 8);
    case 1:
      return random() / 2 ** (random() % 60);
    case 2:
      return Number(`${random() % 1000}e${(random() % 600) - 310}`);
    case 3:
      return 2 ** ((random() % 2098) - 1074);
    case 4:
      return random() * 2 ** 32 + random();
    default:
      return fromBits(random(), random());
  }
}

for (const build of await loadBuilds()) {
  const parseDouble = entry(build, "parseDouble");
  const parsedDouble = entry(build, "parsedDouble");
  const at = build.scratch + 5;

  function parse(text: string): number | undefined {
    put(build, at - 1, "1");
    const length = put(build, at, text);
    put(build, at + length, "1");
    return parseDouble(at, length) ? parsedDouble() : undefined;
  }

  function write(value: number, name = "writeDouble"): string {
    put(build, at, "#".repeat(40));
    const length = entry(build, name)(at, value);
    expect(takeText(build, at + length, 1)).toBe("#");
    return takeText(build, at, length);
  }

  describe(`parseDouble in ${build.name}`, () => {
    test("takes what strtod takes", () => {
      const accepted: [string, number][] = [
        ["0", 0],
        ["-0", -0],
        ["3", 3],
        ["+3.5", 3.5],
        ["5.", 5],
        [".5", 0.5],
        ["007", 7],
        ["1e3", 1000],
        ["1E+3", 1000],
        ["1e-3", 0.001],
        ["0e999999999999999999999", 0],
        ["0x10", 16],
        ["0X1.8P3", 12],
        ["0x.8", 0.5],
        ["0x1.p-1", 0.5],
        ["-0x1p-1074", -5e-324],
        ["0x1.fffffffffffff7p0", 1.9999999999999998],
        ["0x1.fffffffffffff8p0", 2],
        ["0x10000000000000800000", 2 ** 76],
        ["0x10000000000000800001", 2 ** 76 + 2 ** 24],
        ["inf", Infinity],
        ["-INF", -Infinity],
        ["+Infinity", Infinity],
        ["-infinity", -Infinity],
        ["1.7976931348623157e308", Number.MAX_VALUE],
        ["4.9e-324", 5e-324],
        ["2.5e-324", 5e-324],
        ["2.2250738585072011e-308", 2.225073858507201e-308],
        [`1${"0".repeat(400)}e-400`, 1],
        [`0.${"0".repeat(400)}1e401`, 1],
      ];
      for (const [text, value] of accepted) {
        const found = parse(text);
        if (!Object.is(found, value)) throw new Error(`"${text}" read as ${found}, not ${value}`);
      }
    });

    test("refuses what Redis refuses", () => {
      const refused = [
        "",
        "-",
        "+",
        ".",
        "-.",
        "e5",
        "1e",
        "1e+",
        "1e5.",
        "1.2.3",
        " 1",
        "1 ",
        "1\0",
      ];
      refused.push("0x", "0x.", "0xg", "0x1p", "0x1p+", "0x1.8.1", "1f", "--1", "+-1", "0x1e+3x");
      refused.push(
        "in",
        "infi",
        "infinit",
        "infinityy",
        "nan",
        "-nan",
        "NaN",
        "nan(1)",
        "nan(",
        "1,5",
      );
      refused.push("1e309", "-1e400", "1.7976931348623159e308", "1e-400", "2e-324", "0x1p1024");
      refused.push(
        "0x1p-1076",
        "1e99999999999999999999",
        "1e-99999999999999999999",
        "0b1",
        "1_000",
      );
      for (const text of refused) expect([text, parse(text)]).toEqual([text, undefined]);
    });

    test("rounds as JavaScript does", () => {
      const seed = 1234;
      const random = seeded(seed);
      for (let i = 0; i < 10_000; i++) {
        const value = Math.abs(randomDouble(random));
        if (!Number.isFinite(value) || value === 0) continue;
        const texts = [
          String(value),
          value.toExponential(16),
          value.toPrecision(1 + (random() % 40)),
        ];
        texts.push(`${random()}${random()}${random()}e${(random() % 600) - 320}`);
        if (i % 8 === 0) {
          const half = halfwayText(value);
          const point = half.includes(".") ? "" : ".";
          texts.push(half, `${half}${point}${"0".repeat(random() % 900)}1`);
          texts.push(
            `${half}${point}000`,
            half.replace(/[1-9](?=[^1-9]*$)/, (c) => `${Number(c) - 1}9`),
          );
        }
        for (const text of texts) {
          const wanted = Number(text);
          const valid = Number.isFinite(wanted) && wanted !== 0;
          const found = parse(text);
          if (found !== (valid ? wanted : undefined)) {
            throw new Error(`seed ${seed}, case ${i}: "${text}" read as ${found}, not ${wanted}`);
          }
        }
      }
    });
  });

  describe(`writeDouble in ${build.name}`, () => {
    test("the layout of Redis 7.2", () => {
      const cases: [number, string][] = [
        [0, "0"],
        [-0, "-0"],
        [3, "3"],
        [-17, "-17"],
        [1e15, "1000000000000000"],
        [2 ** 62, "4611686018427387904"],
        [1e19, "1e+19"],
        [1e20, "1e+20"],
        [1.5e20, "1.5e+20"],
        [12345678901234567000, "12345678901234567000"],
        [0.1, "0.1"],
        [0.1 + 0.2, "0.30000000000000004"],
        [3.14, "3.14"],
        [-1.5, "-1.5"],
        [0.000001, "0.000001"],
        [0.0000015, "1.5e-6"],
        [1e-7, "1e-7"],
        [5e-324, "5e-324"],
        [Number.MAX_VALUE, "1.7976931348623157e+308"],
        [2 ** 53 + 2, "9007199254740994"],
        [Infinity, "inf"],
        [-Infinity, "-inf"],
        [NaN, "nan"],
      ];
      for (const [value, text] of cases) expect([value, write(value)]).toEqual([value, text]);
    });

    test("the shortest digits, and they read back", () => {
      const seed = 99;
      const random = seeded(seed);
      for (let i = 0; i < 20_000; i++) {
        const value = (random() & 1 ? -1 : 1) * randomDouble(random);
        const text = write(value);
        if (text !== model(value)) {
          throw new Error(
            `seed ${seed}, case ${i}: ${value} written "${text}", not "${model(value)}"`,
          );
        }
        if (Number.isFinite(value) && !Object.is(parse(text), value)) {
          throw new Error(`seed ${seed}, case ${i}: "${text}" does not read back`);
        }
      }
    });

    test("every power of two and of ten, and their neighbours", () => {
      for (let power = -1074; power <= 1023; power++) {
        const bits = toBits(2 ** power);
        for (const near of [bits - 1n, bits, bits + 1n]) {
          const value = fromBits(Number(near >> 32n), Number(near & 0xffffffffn));
          expect(write(value)).toBe(model(value));
        }
      }
      for (let power = -323; power <= 308; power++) {
        for (const digit of [1, 9, 99]) {
          const value = Number(`${digit}e${power}`);
          expect(write(value)).toBe(model(value));
        }
      }
    });

    test("%.17g", () => {
      expect(write(0.1, "writeDouble17")).toBe("0.10000000000000001");
      expect(write(1e20, "writeDouble17")).toBe("1e+20");
      expect(write(1e-5, "writeDouble17")).toBe("1.0000000000000001e-05");
      expect(write(3, "writeDouble17")).toBe("3");
      const seed = 5;
      const random = seeded(seed);
      for (let i = 0; i < 5_000; i++) {
        const value = Math.abs(randomDouble(random));
        if (!Number.isFinite(value) || value === 0) continue;
        const text = write(value, "writeDouble17");
        if (text !== model17(value)) {
          throw new Error(`seed ${seed}: ${value} written "${text}", not "${model17(value)}"`);
        }
      }
    });
  });
}
