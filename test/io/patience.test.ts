import { expect, test } from "bun:test";
import { Patience, PatiencePolicy } from "../../src/io/patience.ts";

/** Time goes on by `stepMs` a wait, with so many clients active in each millisecond; counts the choices. */
function choices(
  policy: PatiencePolicy,
  run: { clients: number; stepMs: number; waits: number; caught: (choice: Patience) => boolean },
): Record<Patience, number> {
  const counts = { [Patience.Sleep]: 0, [Patience.Spin]: 0, [Patience.Nap]: 0 };
  const activeIn = new Array<number>(run.clients).fill(-1);
  for (let wait = 0; wait < run.waits; wait++) {
    const client = wait % run.clients;
    if (activeIn[client] !== policy.window) {
      activeIn[client] = policy.window;
      policy.countActive();
    }
    const choice = policy.choose(1000 + wait * run.stepMs);
    counts[choice]++;
    if (choice !== Patience.Sleep) policy.note(run.caught(choice));
  }
  return counts;
}

test("one busy client: we stay awake for it", () => {
  const policy = new PatiencePolicy(true);
  const counts = choices(policy, { clients: 1, stepMs: 0.02, waits: 1000, caught: () => true });
  expect(counts[Patience.Spin]).toBeGreaterThan(950);
  expect(counts[Patience.Nap]).toBe(0);
});

test("many busy clients: we nap while their requests gather", () => {
  const policy = new PatiencePolicy(true);
  const counts = choices(policy, { clients: 50, stepMs: 0.01, waits: 2000, caught: () => true });
  expect(counts[Patience.Nap]).toBeGreaterThan(1700);
});

test("the more clients, the longer the nap, up to a limit", () => {
  const naps = [20, 40, 1000].map((clients) => {
    const policy = new PatiencePolicy(true);
    choices(policy, { clients, stepMs: 0.0001, waits: 20_000, caught: () => true });
    return policy.napMicroseconds;
  });
  expect(naps).toEqual([24, 48, 60]);
});

test("what catches nothing stops soon, and is tried again now and then", () => {
  const policy = new PatiencePolicy(true);
  choices(policy, { clients: 1, stepMs: 0.02, waits: 1000, caught: () => true });
  const counts = choices(policy, { clients: 1, stepMs: 5, waits: 3200, caught: () => false });
  expect(counts[Patience.Spin]).toBeGreaterThan(50);
  expect(counts[Patience.Spin]).toBeLessThan(200);
});

test("many clients that come seldom: no naps", () => {
  const policy = new PatiencePolicy(true);
  const counts = choices(policy, { clients: 50, stepMs: 0.5, waits: 3200, caught: () => false });
  expect(counts[Patience.Nap]).toBe(0);
  expect(counts[Patience.Sleep]).toBeGreaterThan(3000);
});

test("one processor is not kept busy by asking", () => {
  const policy = new PatiencePolicy(false);
  const counts = choices(policy, { clients: 1, stepMs: 0.02, waits: 1000, caught: () => true });
  expect(counts[Patience.Spin]).toBe(0);
});
