/** The random runs ask for every command that redis-server 7.0 has too. */
import { expect, test } from "bun:test";
import { Coverage } from "./differential-coverage.ts";
import { generateSteps } from "./differential-generate.ts";
import { tinyEncodings } from "./differential-settings.ts";

test("about half of the runs change encodings all the time", () => {
  let tiny = 0;
  for (let seed = 1; seed <= 200; seed++) {
    const steps = generateSteps(seed, { count: 20, protocol: 2, cluster: false });
    const [directive, value] = tinyEncodings[0] ?? [];
    const set = ["CONFIG", "SET", directive, value].join(" ");
    if (steps.some((step) => step.kind === "command" && step.args.join(" ") === set)) tiny++;
  }
  expect(Math.abs(tiny - 100)).toBeLessThan(30);
});

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
