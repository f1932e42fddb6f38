/** Random commands on lists. */
import type { Source, Weighted } from "./differential-commands.ts";

/** Keys that only lists get, so that some grow long and their DUMP has an order. */
const ownKeys: readonly string[] = ["{t}list1", "{t}list2"];

function key({ values: v, prng }: Source): string {
  return prng.chance(0.4) ? prng.pick(ownKeys) : v.key();
}

/** Mostly of a few, so that searches find something. */
function element({ values: v, prng }: Source): string {
  if (prng.chance(0.6)) return prng.pick(["a", "b", "c", "1", "-5", "70000", "0", "x".repeat(70)]);
  return v.value();
}

function elements(source: Source): string[] {
  const { prng } = source;
  const count = prng.chance(0.05) ? prng.below(200) : 1 + prng.below(6);
  return Array.from({ length: count }, () => element(source));
}

function side({ values: v, prng }: Source): string {
  if (prng.chance(0.04)) return prng.pick(["", "up", "lef", "rights"]);
  return v.word(prng.pick(["left", "right"]));
}

/** Where nothing is there, the wait is short. */
function timeout({ prng }: Source): string {
  if (prng.chance(0.7)) return prng.pick(["0.01", "0.001", "1e-3"]);
  return prng.pick(["-1", "abc", "", "nan", "-0.5", "1e400", "0x", " 1", "99999999999999999999"]);
}

function index({ values: v, prng }: Source): string {
  return prng.chance(0.8) ? String(prng.below(24) - 12) : v.integer();
}

function count({ values: v, prng }: Source): string {
  return prng.chance(0.85) ? String(prng.below(6)) : v.integer();
}

function positionCommand(source: Source): string[] {
  const { values: v, prng } = source;
  const args = [v.word("lpos"), key(source), element(source)];
  for (let options = prng.below(4); options > 0; options--) {
    const option = prng.pick(["rank", "count", "maxlen"]);
    args.push(v.word(option), option === "rank" ? index(source) : count(source));
  }
  if (prng.chance(0.03)) args.push(prng.pick(["rank", "count", "x"]));
  return args;
}

function manyKeys(source: Source): string[] {
  const { values: v, prng } = source;
  const keys = Array.from({ length: 1 + prng.below(3) }, () => key(source));
  const said = prng.chance(0.93) ? String(keys.length) : v.integer();
  const args = [said, ...keys, side(source)];
  if (prng.chance(0.5)) args.push(v.word("count"), count(source));
  if (prng.chance(0.04)) args.push(prng.pick(["count", "x"]));
  return args;
}

export const listCommands: readonly Weighted[] = [
  [14, (source) => [source.values.word("rpush"), key(source), ...elements(source)]],
  [14, (source) => [source.values.word("lpush"), key(source), ...elements(source)]],
  [3, (source) => [source.values.word("rpushx"), key(source), ...elements(source)]],
  [3, (source) => [source.values.word("lpushx"), key(source), ...elements(source)]],
  [5, (s) => [s.values.word("lpop"), key(s), ...(s.prng.chance(0.5) ? [count(s)] : [])]],
  [5, (s) => [s.values.word("rpop"), key(s), ...(s.prng.chance(0.5) ? [count(s)] : [])]],
  [0.3, (s) => [s.values.word("rpop"), key(s), "1", "2"]],
  [3, (s) => [s.values.word("llen"), key(s)]],
  [5, (source) => [source.values.word("lindex"), key(source), index(source)]],
  [8, (s) => [s.values.word("lrange"), key(s), index(s), index(s)]],
  [5, (s) => [s.values.word("lset"), key(s), index(s), element(s)]],
  [4, (s) => [s.values.word("lrem"), key(s), index(s), element(s)]],
  [3, (s) => [s.values.word("ltrim"), key(s), index(s), index(s)]],
  [
    8,
    (s) => {
      const where = s.values.word(s.prng.pick(["before", "after", "before", "after", "beside"]));
      return [s.values.word("linsert"), key(s), where, element(s), element(s)];
    },
  ],
  [6, positionCommand],
  [4, (s) => [s.values.word("rpoplpush"), key(s), key(s)]],
  [5, (s) => [s.values.word("lmove"), key(s), key(s), side(s), side(s)]],
  [5, (source) => [source.values.word("lmpop"), ...manyKeys(source)]],
  [3, (s) => [s.values.word("blpop"), ...s.values.keyList(3), timeout(s)]],
  [3, (s) => [s.values.word("brpop"), ...s.values.keyList(3), timeout(s)]],
  [2, (s) => [s.values.word("brpoplpush"), key(s), key(s), timeout(s)]],
  [2, (s) => [s.values.word("blmove"), key(s), key(s), side(s), side(s), timeout(s)]],
  [2, (source) => [source.values.word("blmpop"), timeout(source), ...manyKeys(source)]],
  [4, ({ values: v, prng }) => [v.word("dump"), prng.pick(ownKeys)]],
];
