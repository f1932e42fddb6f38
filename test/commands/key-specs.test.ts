import { expect, test } from "bun:test";
import { latin1 } from "../../src/base/bytes.ts";
import {
  findKeys,
  type KeySpec,
  key,
  keysFrom,
  legacyRange,
  range,
} from "../../src/commands/key-specs.ts";

const positions = (specs: readonly KeySpec[], line: string): number[] | undefined =>
  findKeys(specs, line.split(" ").map(latin1))?.map(({ at }) => at);

/** EVAL script numkeys key ... */
const counted: KeySpec = {
  begin: { type: "index", index: 2 },
  find: { type: "keynum", countAt: 0, firstAt: 1, step: 1 },
  flags: ["RW"],
};
/** XREAD ... STREAMS key ... id ... */
const streams: KeySpec = {
  begin: { type: "keyword", keyword: "STREAMS", startFrom: 1 },
  find: { type: "range", last: -1, step: 1, limit: 2 },
  flags: ["RO"],
};
/** MIGRATE ... KEYS key ..., looked for from the end. */
const trailing: KeySpec = {
  begin: { type: "keyword", keyword: "KEYS", startFrom: -2 },
  find: { type: "range", last: -1, step: 1, limit: 0 },
  flags: ["RW"],
};

test("ranges by index", () => {
  expect(positions([key(1, "RO")], "get k")).toEqual([1]);
  expect(positions([keysFrom(1, "OW", 2)], "mset a 1 b 2")).toEqual([1, 3]);
  expect(positions([range(1, 1, 1, "RO")], "lcs a b IDX")).toEqual([1, 2]);
  expect(positions([key(1, "RO"), key(2, "OW")], "copy a b")).toEqual([1, 2]);
  expect(positions([key(2, "RO")], "object help")).toBeUndefined();
});

test("keys after a count", () => {
  expect(positions([counted], "eval s 2 a b c")).toEqual([3, 4]);
  expect(positions([counted], "eval s 0 a")).toEqual([]);
  for (const wrong of ["eval s 3 a b", "eval s x a", "eval s -1 a", "eval s 01 a"]) {
    expect(positions([counted], wrong)).toBeUndefined();
  }
});

test("keys after a word, in either direction", () => {
  expect(positions([streams], "xread COUNT 2 streams a b 0 0")).toEqual([4, 5]);
  expect(positions([streams], "xread COUNT 2")).toEqual([]);
  expect(positions([trailing], "migrate h p  0 10 KEYS a b c")).toEqual([7, 8, 9]);
});

test("what COMMAND INFO said before key specifications", () => {
  const of = (...specs: KeySpec[]) => legacyRange(specs);
  expect(of()).toEqual({ first: 0, last: 0, step: 0, movable: false });
  expect(of(keysFrom(1, "OW", 2))).toEqual({ first: 1, last: -1, step: 2, movable: false });
  expect(of(key(1, "RO"), key(2, "OW"))).toEqual({ first: 1, last: 2, step: 1, movable: false });
  expect(of(key(1, "RO"), key(4, "OW")).movable).toBe(true);
  expect(of(streams)).toEqual({ first: 0, last: 0, step: 0, movable: true });
  expect(of(key(1, "OW"), keysFrom(2, "RO"))).toMatchObject({ first: 1, last: -1 });
});
