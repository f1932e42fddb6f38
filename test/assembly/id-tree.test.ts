import { expect, test } from "bun:test";
import { entry, loadBuilds, seeded, wideEntry } from "./load.ts";

/** The ordered map of identifiers against a sorted array. */

for (const build of await loadBuilds()) {
  entry(build, "initMemory")();
  const insert = entry(build, "treeInsert");
  const remove = entry(build, "treeRemove");
  const find = entry(build, "treeFind");
  const seek = entry(build, "treeSeek");
  const seekBack = entry(build, "treeSeekBack");
  const next = entry(build, "treeNext");
  const high = wideEntry(build, "treeHigh");
  const check = entry(build, "checkTree");
  const count = entry(build, "treeCount");
  const pop = entry(build, "treePop");
  const used = entry(build, "usedMemory");

  const walk = (tree: number): bigint[] => {
    const seen: bigint[] = [];
    for (let more = seek(tree, 0n, 0n); more; more = next()) seen.push(BigInt.asUintN(64, high()));
    return seen;
  };

  for (const [name, range, growth] of [
    ["few", 200, 0.5],
    ["many", 20_000, 0.6],
    ["shrinking", 3000, 0.45],
  ] as const) {
    test(`${name} identifiers in any order (${build.name})`, () => {
      const seed = range;
      const random = seeded(seed);
      const tree = entry(build, "alloc")(8);
      entry(build, "treeInit")(tree);
      const model = new Map<bigint, number>();
      for (let round = 0; round < 20_000; round++) {
        const key = BigInt(random() % range);
        if (random() % 100 < growth * 100) {
          const value = 1 + (random() % 1_000_000);
          expect(insert(tree, key, 5n, value)).toBe(model.has(key) ? 0 : 1);
          if (!model.has(key)) model.set(key, value);
        } else {
          expect(remove(tree, key, 5n)).toBe(model.get(key) ?? 0);
          model.delete(key);
        }
        if (round % 1000 === 0) expect(check(tree), `seed ${seed}, round ${round}`).toBe(1);
      }
      const sorted = [...model.keys()].sort((a, b) => (a < b ? -1 : 1));
      expect(walk(tree)).toEqual(sorted);
      expect(count(tree)).toBe(sorted.length);
      for (let round = 0; round < 500; round++) {
        const key = BigInt(random() % range);
        expect(find(tree, key, 5n)).toBe(model.get(key) ?? 0);
        const above = sorted.find((other) => other >= key);
        expect(seek(tree, key, 0n) ? BigInt.asUintN(64, high()) : undefined).toBe(above as bigint);
        const below = sorted.findLast((other) => other < key);
        expect(seekBack(tree, key, 0n) ? BigInt.asUintN(64, high()) : undefined).toBe(
          below as bigint,
        );
      }
      for (let left = sorted.length; left > 0; left--) expect(pop(tree)).not.toBe(0);
      expect(check(tree)).toBe(1);
      expect(pop(tree)).toBe(0);
    });
  }

  test(`ascending and descending, emptied from the front (${build.name})`, () => {
    const before = used();
    const tree = entry(build, "alloc")(8);
    entry(build, "treeInit")(tree);
    const most = 20_000;
    for (let i = 0; i < most; i++) insert(tree, BigInt(most + i), 2n ** 64n - 1n, 1);
    for (let i = 0; i < most; i++) insert(tree, BigInt(most - i), 1n, 1);
    expect(check(tree)).toBe(1);
    expect(count(tree)).toBe(2 * most);
    for (let i = 1; i <= most; i++) expect(remove(tree, BigInt(i), 1n)).toBe(1);
    expect(check(tree)).toBe(1);
    for (let i = 0; i < most; i++) expect(remove(tree, BigInt(most + i), 2n ** 64n - 1n)).toBe(1);
    expect(count(tree)).toBe(0);
    entry(build, "free")(tree);
    expect(used()).toBe(before);
  });
}
