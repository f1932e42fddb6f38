import { expect, test } from "bun:test";
import { Prng } from "../../src/base/prng.ts";
import { quote, splitArguments } from "../../src/config/quoting.ts";

test("words end at blanks; quotes hold blanks, escapes and any byte", () => {
  expect(splitArguments("")).toEqual([]);
  expect(splitArguments("  a \t b\v")).toEqual(["a", "b\v"]);
  expect(splitArguments("set \"k y\" 'v \\' w'")).toEqual(["set", "k y", "v ' w"]);
  expect(splitArguments('"\\x41\\xfF\\x4g\\n\\r\\t\\b\\a\\q\\"\\\\"')).toEqual([
    'A\xffx4g\n\r\t\b\x07q"\\',
  ]);
  expect(splitArguments('a"b c"')).toEqual(["ab c"]);
  expect(splitArguments("\"\" ''")).toEqual(["", ""]);
  expect(splitArguments("a\0b c")).toEqual(["a"]);
});

test("open quotes, and text right behind a closing one, are errors", () => {
  for (const line of ['"a', "'a", '"a"b', "'a'b", '"a\\', '"a\\"', '"', "x '"]) {
    expect([line, splitArguments(line)]).toEqual([line, undefined]);
  }
});

test("what is quoted is split back into itself", () => {
  const seed = 20250131;
  const prng = new Prng(seed);
  for (let round = 0; round < 500; round++) {
    let text = "";
    for (let length = prng.below(20); length > 0; length--) {
      text += String.fromCharCode(prng.below(256));
    }
    expect([seed, splitArguments(`x ${quote(text)} y`)]).toEqual([seed, ["x", text, "y"]]);
  }
});
