import { expect, test } from "bun:test";
import { AssertionError } from "../../src/base/assert.ts";
import { parseSyntax } from "../../src/commands/syntax.ts";

const plain = { optional: false, multiple: false, arguments: [] };

test("words, types, keys and versions", () => {
  expect(parseSyntax("key#0 start:integer [ip:port@6.2.0] old@..2.8.12")).toEqual([
    { ...plain, name: "key", type: "key", keySpec: 0 },
    { ...plain, name: "start", type: "integer" },
    { ...plain, name: "ip:port", type: "string", optional: true, since: "6.2.0" },
    { ...plain, name: "old", type: "string", deprecatedSince: "2.8.12" },
  ]);
});

test("tokens stand for themselves or before their argument", () => {
  expect(parseSyntax("[NX] EX seconds:integer NO ONE")).toEqual([
    { ...plain, name: "nx", type: "pure-token", token: "NX", optional: true },
    { ...plain, name: "seconds", type: "integer", token: "EX" },
    { ...plain, name: "no", type: "pure-token", token: "NO" },
    { ...plain, name: "one", type: "pure-token", token: "ONE" },
  ]);
});

test("alternatives, blocks and repetition", () => {
  const [either, pair] = parseSyntax("either(a | b)@7.0.0 pair(a b)...");
  expect(either).toMatchObject({ type: "oneof", since: "7.0.0", multiple: false });
  expect(pair).toMatchObject({ type: "block", multiple: true });
  expect(pair?.arguments.map(({ name }) => name)).toEqual(["a", "b"]);
});

test("mistakes are refused", () => {
  for (const wrong of ["[key", "key)", "name(a", "...", "[]", "| a ]"]) {
    expect(() => parseSyntax(wrong), wrong).toThrow(AssertionError);
  }
});
