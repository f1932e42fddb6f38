import { expect, test } from "bun:test";
import { parseInteger } from "../../src/base/integer.ts";

test("strict integers", () => {
  expect(parseInteger("0")).toBe(0n);
  expect(parseInteger("9223372036854775807")).toBe(2n ** 63n - 1n);
  expect(parseInteger("-9223372036854775808")).toBe(-(2n ** 63n));
  for (const text of ["", "-", "-0", "+1", "01", " 1", "1 ", "1.0", "9223372036854775808"]) {
    expect([text, parseInteger(text)]).toEqual([text, undefined]);
  }
});
