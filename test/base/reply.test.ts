import { expect, test } from "bun:test";
import { utf8Text } from "../../src/base/bytes.ts";
import {
  array,
  bigNumber,
  boolean,
  bulk,
  bulkMap,
  bulks,
  double,
  doubleText,
  encodeReply,
  error,
  integer,
  map,
  nullArray,
  nullValue,
  ok,
  push,
  type ReplyValue,
  set,
  simple,
  verbatim,
} from "../../src/base/reply.ts";

const cases: readonly (readonly [string, ReplyValue, string, string])[] = [
  ["status", ok, "+OK\r\n", "+OK\r\n"],
  ["error", error("ERR no"), "-ERR no\r\n", "-ERR no\r\n"],
  ["error with line breaks", error("ERR a\r\nb"), "-ERR a  b\r\n", "-ERR a  b\r\n"],
  ["bulk counts bytes, not characters", bulk("é"), "$2\r\né\r\n", "$2\r\né\r\n"],
  ["empty bulk", bulk(""), "$0\r\n\r\n", "$0\r\n\r\n"],
  ["verbatim", verbatim("hi"), "$2\r\nhi\r\n", "=6\r\ntxt:hi\r\n"],
  ["integer", integer(-5), ":-5\r\n", ":-5\r\n"],
  [
    "64-bit integer",
    integer(2n ** 63n - 1n),
    ":9223372036854775807\r\n",
    ":9223372036854775807\r\n",
  ],
  ["big number", bigNumber(10n ** 20n), `$21\r\n1${"0".repeat(20)}\r\n`, `(1${"0".repeat(20)}\r\n`],
  ["double", double(1.5), "$3\r\n1.5\r\n", ",1.5\r\n"],
  ["true", boolean(true), ":1\r\n", "#t\r\n"],
  ["false", boolean(false), ":0\r\n", "#f\r\n"],
  ["null", nullValue, "$-1\r\n", "_\r\n"],
  ["null array", nullArray, "*-1\r\n", "_\r\n"],
  ["array", bulks(["a", "bc"]), "*2\r\n$1\r\na\r\n$2\r\nbc\r\n", "*2\r\n$1\r\na\r\n$2\r\nbc\r\n"],
  ["set", set([simple("x")]), "*1\r\n+x\r\n", "~1\r\n+x\r\n"],
  ["push", push([integer(1)]), "*1\r\n:1\r\n", ">1\r\n:1\r\n"],
  ["map", bulkMap([["k", integer(1)]]), "*2\r\n$1\r\nk\r\n:1\r\n", "%1\r\n$1\r\nk\r\n:1\r\n"],
  ["nested", array([map([]), array([])]), "*2\r\n*0\r\n*0\r\n", "*2\r\n%0\r\n*0\r\n"],
];

for (const [name, value, resp2, resp3] of cases) {
  test(`reply: ${name}`, () => {
    expect(utf8Text(encodeReply(value, 2))).toBe(resp2);
    expect(utf8Text(encodeReply(value, 3))).toBe(resp3);
  });
}

test("raw bytes travel unchanged, whatever they are", () => {
  const body = Uint8Array.from({ length: 1000 }, (_, i) => i & 255);
  const encoded = encodeReply(bulk(body), 2);
  expect(encoded.subarray(7, -2)).toEqual(body);
});

test("doubles in the shortest text, laid out as Redis 7.2 does", () => {
  const expected: readonly (readonly [number, string])[] = [
    [0, "0"],
    [-0, "-0"],
    [3, "3"],
    [100000, "100000"],
    [0.1, "0.1"],
    [-2.25, "-2.25"],
    [1e21, "1e+21"],
    [1.5e300, "1.5e+300"],
    [0.000001, "0.000001"],
    [1e-7, "1e-7"],
    [123456789012345680000, "123456789012345680000"],
    [Number.POSITIVE_INFINITY, "inf"],
    [Number.NEGATIVE_INFINITY, "-inf"],
    [Number.NaN, "nan"],
  ];
  for (const [value, text] of expected) expect(doubleText(value)).toBe(text);
});
