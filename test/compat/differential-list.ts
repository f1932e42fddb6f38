/** Random commands on lists. */
import { timeout } from "./differential-blocking.ts";
import type { Source, Weighted } from "./differential-source.ts";

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

function index({ values: v, prng }: Source): string {
  return prng.chance(0.8) ? String(prng.below(24) - 12) : v.integer();
}

/** Most lists are short. */
function endIndex(source: Source): string {
  return source.prng.chance(0.6) ? source.prng.pick(["0", "-1", "1"]) : index(source);
}

function count({ values: v, prng }: Source): string {
  return prng.chance(0.85) ? String(prng.below(6)) : v.integer();
}

function positionCommand(source: Source): string[] {
  const { values: v, prng } = source;
  const args = [v.word("lpos"), source.values.key(), element(source)];
  for (let options = prng.below(4); options > 0; options--) {
    const option = prng.pick(["rank", "count", "maxlen"]);
    args.push(v.word(option), option === "rank" ? index(source) : count(source));
  }
  if (prng.chance(0.03)) args.push(prng.pick(["rank", "count", "x"]));
  return args;
}

function manyKeys(source: Source): string[] {
  const { values: v, prng } = source;
  const keys = source.values.keyList(3);
  const said = prng.chance(0.93) ? String(keys.length) : v.integer();
  const args = [said, ...keys, side(source)];
  if (prng.chance(0.5)) args.push(v.word("count"), count(source));
  if (prng.chance(0.04)) args.push(prng.pick(["count", "x"]));
  return args;
}

export const listCommands: readonly Weighted[] = [
  [14, (source) => [source.values.word("rpush"), source.values.key(), ...elements(source)]],
  [14, (source) => [source.values.word("lpush"), source.values.key(), ...elements(source)]],
  [3, (source) => [source.values.word("rpushx"), source.values.key(), ...elements(source)]],
  [3, (source) => [source.values.word("lpushx"), source.values.key(), ...elements(source)]],
  [5, (s) => [s.values.word("lpop"), s.values.key(), ...(s.prng.chance(0.5) ? [count(s)] : [])]],
  [5, (s) => [s.values.word("rpop"), s.values.key(), ...(s.prng.chance(0.5) ? [count(s)] : [])]],
  [0.3, (s) => [s.values.word("rpop"), s.values.key(), "1", "2"]],
  [3, (s) => [s.values.word("llen"), s.values.key()]],
  [5, (source) => [source.values.word("lindex"), source.values.key(), index(source)]],
  [8, (s) => [s.values.word("lrange"), s.values.key(), index(s), index(s)]],
  [8, (s) => [s.values.word("lset"), s.values.key(), endIndex(s), element(s)]],
  [4, (s) => [s.values.word("lrem"), s.values.key(), index(s), element(s)]],
  [3, (s) => [s.values.word("ltrim"), s.values.key(), index(s), index(s)]],
  [
    8,
    (s) => {
      const where = s.values.word(s.prng.pick(["before", "after", "before", "after", "beside"]));
      return [s.values.word("linsert"), s.values.key(), where, element(s), element(s)];
    },
  ],
  [6, positionCommand],
  [4, (s) => [s.values.word("rpoplpush"), s.values.key(), s.values.key()]],
  [5, (s) => [s.values.word("lmove"), s.values.key(), s.values.key(), side(s), side(s)]],
  [5, (source) => [source.values.word("lmpop"), ...manyKeys(source)]],
  [3, (s) => [s.values.word("blpop"), ...s.values.keyList(3), timeout(s)]],
  [3, (s) => [s.values.word("brpop"), ...s.values.keyList(3), timeout(s)]],
  [2, (s) => [s.values.word("brpoplpush"), s.values.key(), s.values.key(), timeout(s)]],
  [
    2,
    (s) => [s.values.word("blmove"), s.values.key(), s.values.key(), side(s), side(s), timeout(s)],
  ],
  [2, (source) => [source.values.word("blmpop"), timeout(source), ...manyKeys(source)]],
  [4, ({ values: v }) => [v.word("dump"), v.key()]],
];
