import { expect, test } from "bun:test";
import { SpinPolicy } from "../../src/io/spin.ts";

/** Asks until it pays, at most `times`; answers how often that took. */
function asksUntilItPays(policy: SpinPolicy, times = 1000): number {
  for (let asked = 1; asked <= times; asked++) if (policy.pays()) return asked;
  return Number.POSITIVE_INFINITY;
}

test("a spin that catches input is tried again at once", () => {
  const policy = new SpinPolicy(true);
  const first = asksUntilItPays(policy);
  expect(first).toBeGreaterThan(1);
  policy.note(true);
  expect(asksUntilItPays(policy)).toBe(1);
});

test("spins in vain stop soon, and now and then one tries again", () => {
  const policy = new SpinPolicy(true);
  asksUntilItPays(policy);
  for (let count = 0; count < 1000; count++) policy.note(true);
  let spins = 0;
  const waits = 3200;
  for (let wait = 0; wait < waits; wait++) {
    if (!policy.pays()) continue;
    spins++;
    policy.note(false);
  }
  expect(spins).toBeGreaterThan(50);
  expect(spins).toBeLessThan(waits / 20);
});

test("with one processor there is no spin", () => {
  const policy = new SpinPolicy(false);
  expect(asksUntilItPays(policy)).toBe(Number.POSITIVE_INFINITY);
});
