import { describe, expect, test } from "bun:test";
import { entry, loadBuilds, put, seeded, takeText } from "./load.ts";

/**
 * A stored text, an increment, and the answer of redis-server 7.0.15 on x86-64 to INCRBYFLOAT; long answers
 * as beginning, length and end.
 */
const answers: [string, string, string][] = [
  ["10.5", "0.1", "10.6"],
  ["5.0e3", "200", "5200"],
  ["3.0", "1.1", "4.1"],
  ["0.1", "0.2", "0.3"],
  ["1", "1e-17", "1.00000000000000001"],
  ["1", "4e-18", "1"],
  ["1", "5e-18", "1"],
  ["0", "5e-18", "0"],
  ["0", "-5e-18", "0"],
  ["0", "-4e-18", "0"],
  ["0", "1.5e-17", "0.00000000000000002"],
  ["0", "2.5e-17", "0.00000000000000002"],
  ["1e20", "1", "100000000000000000000"],
  ["18446744073709551615", "1", "18446744073709551616"],
  ["18446744073709551616", "1", "18446744073709551616"],
  ["18446744073709551616", "3", "18446744073709551620"],
  ["36893488147419103232", "-1", "36893488147419103232"],
  ["9223372036854775807.5", "0.5", "9223372036854775808"],
  ["0x1p3", "0x.8", "8.5"],
  ["0xffffffffffffffff.8", "0", "18446744073709551616"],
  ["0xfffffffffffffffe.8", "0", "18446744073709551614"],
  ["0x1.0000000000000001p64", "0", "18446744073709551616"],
  ["0x1.00000000000000018p64", "0", "18446744073709551618"],
  [
    "1e4932",
    "0",
    "1000000000000000000006018949387963891323..4933..0876379371163141086538418113791886622720",
  ],
  [
    "1e4932",
    "1.89e4931",
    "1189000000000000000026182695533414959834..4933..0307032546025178529422284322436655611904",
  ],
  ["1e4932", "1e4932", "not finite"],
  ["-1e4932", "-1e4932", "not finite"],
  [
    "1.18973149535723176502e4932",
    "1e4900",
    "1189731495357231765021263853030970205169..4933..8849149662444156604419552086811989770240",
  ],
  ["0x1.fffffffffffffffep16383", "0x1p16319", "not finite"],
  [
    "0x1.fffffffffffffffep16383",
    "0x1p16318",
    "1189731495357231765021263853030970205169..4933..8849149662444156604419552086811989770240",
  ],
  ["3e-4951", "0", "0"],
  ["0x1p-16445", "0x1p-16445", "0"],
  ["1e-4951", "0", "invalid"],
  ["0x1p16384", "0", "invalid"],
  ["1e4933", "1", "invalid"],
  ["1", "1e-5000", "invalid"],
  ["-0", "0", "0"],
  ["-0", "-0", "0"],
  ["5.", "-5", "0"],
  [".5", "-.25", "0.25"],
  ["+1", "+2", "3"],
  ["007", "0.30", "7.3"],
  ["inf", "1", "not finite"],
  ["1", "-inf", "not finite"],
  ["inf", "-inf", "not finite"],
  ["nan", "1", "invalid"],
  ["1", "nan", "invalid"],
  ["1", "infinity", "not finite"],
  ["", " 1", "invalid"],
  ["1", " 1", "invalid"],
  ["1 ", "1", "invalid"],
  ["1e", "1", "invalid"],
  ["1", "0x", "invalid"],
  ["abc", "1", "invalid"],
  ["1", "1.2.3", "invalid"],
  ["1", "1e+", "invalid"],
  ["0.99999999999999999", "0.00000000000000001", "1"],
  ["0.999999999999999999", "0", "1"],
  ["-0.999999999999999999", "0", "-1"],
  ["123456789.123456789", "-123456789.123456789", "0"],
  ["1e15", "0.12345678901234567", "1000000000000000.12347412109375"],
  ["1e3", "1e-3", "1000.001"],
  [
    "3.14159265358979323846264338327950288",
    "2.71828182845904523536028747135266249",
    "5.85987448204883847",
  ],
  ["1000000000000000000000000000000000000000", "-999999999999999999999999999999999999999", "0"],
  [
    "1e300",
    "1e-300",
    "1000000000000000000008997324079559193870..301..7410650567187386105690089424915104006144",
  ],
  [
    "1e100",
    "-1e84",
    "9999999999999998999877843568379978972470..100..0584254433025239343609182104497202135040",
  ],
  ["-1.5", "0.5", "-1"],
];

/** Rounds numerator / denominator (of any sign) to 64 bits, ties to even; the exponent is unbounded. */
function round(numerator: bigint, denominator: bigint): [bigint, bigint] {
  if (numerator === 0n) return [0n, 1n];
  const sign = numerator < 0n ? -1n : 1n;
  const size = numerator * sign;
  let shift = size.toString(2).length - denominator.toString(2).length - 64;
  for (;;) {
    const top = shift < 0 ? size << BigInt(-shift) : size;
    const bottom = shift > 0 ? denominator << BigInt(shift) : denominator;
    let quotient = top / bottom;
    if (quotient >> 64n) {
      shift++;
      continue;
    }
    const twice = (top - quotient * bottom) * 2n;
    if (twice > bottom || (twice === bottom && quotient & 1n)) quotient++;
    return shift < 0
      ? [sign * quotient, 1n << BigInt(-shift)]
      : [(sign * quotient) << BigInt(shift), 1n];
  }
}

/** A plain decimal text as a fraction. */
function fraction(text: string): [bigint, bigint] {
  const [whole = "", places = ""] = text.split(".");
  return round(BigInt(whole + places), 10n ** BigInt(places.length));
}

/** `%.17Lf` without trailing zeros. */
function human(numerator: bigint, denominator: bigint): string {
  const size = (numerator < 0n ? -numerator : numerator) * 10n ** 17n;
  let scaled = size / denominator;
  const twice = (size - scaled * denominator) * 2n;
  if (twice > denominator || (twice === denominator && scaled & 1n)) scaled++;
  const text = String(scaled).padStart(18, "0");
  const trimmed = `${text.slice(0, -17)}.${text.slice(-17)}`.replace(/\.?0*$/, "");
  return numerator < 0n && scaled ? `-${trimmed}` : trimmed;
}

function model(a: string, b: string): string {
  const [aTop, aBottom] = fraction(a);
  const [bTop, bBottom] = fraction(b);
  return human(...round(aTop * bBottom + bTop * aBottom, aBottom * bBottom));
}

for (const build of await loadBuilds()) {
  const incrByFloatText = entry(build, "incrByFloatText");
  const aPtr = build.scratch;
  const bPtr = build.scratch + 8192;
  const out = build.scratch + 16384;

  function add(a: string, b: string): string {
    const length = incrByFloatText(aPtr, put(build, aPtr, a), bPtr, put(build, bPtr, b), out);
    if (length === -3) return "not finite";
    return length < 0 ? "invalid" : takeText(build, out, length);
  }

  describe(`incrByFloatText in ${build.name}`, () => {
    test("answers as redis-server", () => {
      for (const [a, b, answer] of answers) {
        let found = add(a, b);
        if (found.length > 90)
          found = `${found.slice(0, 40)}..${found.length}..${found.slice(-40)}`;
        expect([a, b, found]).toEqual([a, b, answer]);
      }
    });

    test("no value yet counts as zero", () => {
      expect(add("1e4000", "-1e4000")).toBe("0");
      const length = incrByFloatText(aPtr, -1, bPtr, put(build, bPtr, "2.50"), out);
      expect(takeText(build, out, length)).toBe("2.5");
    });

    test("tells which text is wrong", () => {
      const codes = (a: string, b: string) =>
        incrByFloatText(aPtr, put(build, aPtr, a), bPtr, put(build, bPtr, b), out);
      expect(codes("x", "y")).toBe(-1);
      expect(codes("1", "y")).toBe(-2);
      expect(codes("inf", "y")).toBe(-2);
      expect(codes("inf", "1")).toBe(-3);
    });

    test("texts of 5119 bytes are read, longer ones are not", () => {
      expect(add(`1.${"0".repeat(5117)}`, "1")).toBe("2");
      expect(add(`1.${"0".repeat(5118)}`, "1")).toBe("invalid");
      expect(add("1", `0.${"9".repeat(5117)}`)).toBe("2");
      expect(add("1", `${"0".repeat(5119)}2`)).toBe("invalid");
    });

    test("sums as exact arithmetic with one rounding each", () => {
      const seed = 77;
      const random = seeded(seed);
      const number = () => {
        const whole = String(random()).repeat(1 + (random() % 3));
        const places = String(random()).repeat(1 + (random() % 4));
        const sign = random() & 1 ? "-" : "";
        const cut = whole.slice(0, 1 + (random() % whole.length));
        return `${sign}${cut}.${"0".repeat(random() % 10)}${places.slice(0, 1 + (random() % 40))}`;
      };
      for (let i = 0; i < 10_000; i++) {
        const a = number();
        const b = i % 10 === 0 ? a.replace(/^-?/, (sign) => (sign ? "" : "-")) : number();
        const found = add(a, b);
        const wanted = model(a, b);
        if (found !== wanted) {
          throw new Error(`seed ${seed}, case ${i}: ${a} + ${b} gave ${found}, not ${wanted}`);
        }
      }
    });

    test("doubles for people", () => {
      const write = (value: number) =>
        takeText(build, out, entry(build, "writeHumanDouble")(out, value));
      expect(write(0)).toBe("0");
      expect(write(-0)).toBe("0");
      expect(write(13.361389338970184)).toBe("13.36138933897018433");
      expect(write(-122.41942)).toBe("-122.41942000000000235");
      expect(write(-5e-324)).toBe("0");
      expect(write(2 ** 70)).toBe("1180591620717411303424");
      expect(write(Number.MAX_VALUE).length).toBe(309);
    });
  });
}
