/** The random runs ask for every command that redis-server 7.0 has too. */
import { expect, test } from "bun:test";
import { Coverage } from "./differential-coverage.ts";
import { generateSteps } from "./differential-generate.ts";

test("random commands leave out nothing but what is listed with its reason", () => {
  const coverage = new Coverage();
  for (let seed = 1; seed <= 60; seed++) {
    const cluster = seed % 2 === 0;
    for (const step of generateSteps(seed, { count: 2000, protocol: 2, cluster })) {
      coverage.note(step);
    }
  }
  expect(coverage.missing("all")).toEqual([]);
  expect(coverage.needless()).toEqual([]);
}, 60_000);
