import { expect, test } from "bun:test";
import { type ClusterPlan, planCluster, SLOT_COUNT } from "../../src/cli/create-plan.ts";

function planOf(nodes: number, replicas: number): ClusterPlan {
  const result = planCluster(nodes, replicas);
  if (!result.ok) throw new Error(result.reason);
  return result.plan;
}

test("six nodes with one replica each are laid out as redis-cli does it", () => {
  expect(planOf(6, 1)).toEqual({
    primaries: [
      { node: 0, firstSlot: 0, lastSlot: 5460 },
      { node: 1, firstSlot: 5461, lastSlot: 10922 },
      { node: 2, firstSlot: 10923, lastSlot: 16383 },
    ],
    replicas: [
      { node: 3, primary: 0 },
      { node: 4, primary: 1 },
      { node: 5, primary: 2 },
    ],
  });
});

test("the shares of five primaries are those of redis-cli", () => {
  const shares = planOf(5, 0).primaries.map((each) => [each.firstSlot, each.lastSlot]);
  expect(shares).toEqual([
    [0, 3276],
    [3277, 6553],
    [6554, 9829],
    [9830, 13106],
    [13107, 16383],
  ]);
});

test("nodes beyond the even share become further replicas", () => {
  const { primaries, replicas } = planOf(8, 1);
  expect(primaries).toHaveLength(4);
  expect(planOf(7, 1).replicas.map(({ primary }) => primary)).toEqual([0, 1, 2, 0]);
  expect(replicas.map(({ node }) => node)).toEqual([4, 5, 6, 7]);
});

test("fewer than three primaries are refused with the number it takes", () => {
  expect(planCluster(5, 1)).toEqual({
    ok: false,
    reason:
      "5 nodes with 1 replicas for each primary make 2 primaries; a cluster needs 3, so at least 6 nodes",
  });
  expect(planCluster(2, 0).ok).toBe(false);
});

test("for every size each slot has one owner and each node one role", () => {
  for (let nodes = 3; nodes <= 100; nodes += 1) {
    for (let replicas = 0; replicas <= 3; replicas += 1) {
      const result = planCluster(nodes, replicas);
      if (!result.ok) continue;
      const { primaries, replicas: others } = result.plan;
      let next = 0;
      for (const { firstSlot, lastSlot } of primaries) {
        expect(firstSlot).toBe(next);
        expect(lastSlot).toBeGreaterThanOrEqual(firstSlot);
        next = lastSlot + 1;
      }
      expect(next).toBe(SLOT_COUNT);
      expect(new Set([...primaries, ...others].map(({ node }) => node)).size).toBe(nodes);
    }
  }
});
