import { beforeAll, expect, test } from "bun:test";
import { Region } from "../../assembly/abi.ts";
import { loadBuilds } from "../assembly/load.ts";
import { encode, Session, startEngines } from "./harness.ts";

/** A call into the engine comes back to the host when it has done much, so that one client cannot keep the others waiting. */

beforeAll(async () => {
  await loadBuilds();
}, 120_000);

const members = Array.from({ length: 500 }, (_, at) => `m${at}`);

function repeated(words: readonly string[], times: number): Buffer {
  return Buffer.concat(Array.from({ length: times }, () => encode(words)));
}

const overAndOver = Math.floor((5000 * 2) / Region.SliceArguments);

/** How many slices a new client's input is worked on in. */
async function slicesOf(...input: readonly Buffer[]): Promise<number[]> {
  const instances = await startEngines();
  return instances.map((instance) => {
    const session = new Session(instance);
    for (const bytes of input) session.feed(bytes);
    return session.slices;
  });
}

test("many small commands come in slices of so many arguments", async () => {
  const slices = await slicesOf(repeated(["GET", "k"], 5000));
  expect(slices).toEqual([overAndOver, overAndOver]);
});

test("few commands of many members do so as well, after every third of 502 arguments", async () => {
  expect(await slicesOf(repeated(["SADD", "s", ...members], 20))).toEqual([6, 6]);
});

test("commands that may take long come in twos, then in more as long as they turn out quick", async () => {
  const fill = encode(["SADD", "s", ...members]);
  const counts = [1, 2, 6, 14, 30, 46];
  const expected = [0, 1, 2, 3, 4, 5];
  for (const [at, count] of counts.entries()) {
    const slices = await slicesOf(fill, repeated(["SUNIONSTORE", "t", "s"], count));
    expect(slices).toEqual([expected[at] as number, expected[at] as number]);
  }
});

test("also what waits in the client's own buffer", async () => {
  const bytes = repeated(["GET", "k"], 5000);
  const slices = await slicesOf(bytes.subarray(0, 7), bytes.subarray(7));
  expect(slices).toEqual([overAndOver, overAndOver]);
});

test("a transaction is never cut", async () => {
  const queued = Array.from({ length: 20 }, () => encode(["SADD", "s", ...members]));
  expect(await slicesOf(encode(["MULTI"]), ...queued, encode(["EXEC"]))).toEqual([0, 0]);
});
