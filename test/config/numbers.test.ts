import { expect, test } from "bun:test";
import {
  formatMemory,
  parseLooseInteger,
  parseMemory,
  parseOctal,
} from "../../src/config/numbers.ts";

test("loose integers, as strtoll reads them", () => {
  expect(["", " 1", "+1", "-007"].map(parseLooseInteger)).toEqual([0n, 1n, 1n, -7n]);
  expect(parseLooseInteger("99999999999999999999")).toBe(2n ** 63n - 1n);
  expect(["+", " ", "1 ", "1x"].map(parseLooseInteger)).toEqual(Array(4).fill(undefined));
});

test("octal", () => {
  expect(["0", "777", "0777", "-1"].map(parseOctal)).toEqual([0n, 511n, 511n, -1n]);
  expect(["8", "0x1", "7 "].map(parseOctal)).toEqual(Array(3).fill(undefined));
});

test("memory units: a bare letter is decimal, with b it is binary", () => {
  const bytes = ["1", "1b", "1k", "1kb", "1M", "1Mb", "1g", "1GB", "", "kb", "007"];
  expect(bytes.map(parseMemory)).toEqual([
    1n,
    1n,
    1000n,
    1024n,
    1000000n,
    1048576n,
    1000000000n,
    1073741824n,
    0n,
    0n,
    7n,
  ]);
  expect(["-1", "1tb", "1.5gb", "1 gb", "x", "1bb"].map(parseMemory)).toEqual(
    Array(6).fill(undefined),
  );
  expect(parseMemory("18446744073709551616")).toBe(2n ** 64n - 1n);
  expect(parseMemory("17179869185gb")).toBe(2n ** 30n);
});

test("memory is written with the largest unit that fits", () => {
  const texts = [0n, 1n, 1000n, 1024n, 3n << 20n, 5n << 30n, (1n << 30n) + 1024n].map(formatMemory);
  expect(texts).toEqual(["0", "1", "1000", "1kb", "3mb", "5gb", "1048577kb"]);
});
