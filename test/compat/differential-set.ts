/** Random commands on sets. */
import type { Source, Weighted } from "./differential-source.ts";

/** Few enough to meet again: small integers, integers of every width, and texts. */
function member({ values: v, prng }: Source): string {
  const kind = prng.below(20);
  if (kind < 12) return String(prng.below(12));
  if (kind < 14) return prng.pick(["-1", "32767", "32768", "-32769", "2147483647", "2147483648"]);
  if (kind < 15)
    return prng.pick(["9223372036854775807", "-9223372036854775808", "01", "-0", "+1"]);
  if (kind < 18) return prng.pick(["a", "b", "c", "x", ""]);
  return v.value();
}

function members(source: Source, most: number): string[] {
  return Array.from({ length: 1 + source.prng.below(most) }, () => member(source));
}

/** A run of integers: what fills sets of integers until they turn into tables. */
function run({ prng }: Source): string[] {
  const from = prng.below(40) - 20;
  return Array.from({ length: 1 + prng.below(30) }, (_, index) => String(from + index));
}

function cardinality(source: Source): string[] {
  const { values: v, prng } = source;
  const keys = v.keyList(3);
  const count = prng.chance(0.9) ? String(keys.length) : v.integer();
  const limit = prng.chance(0.4) ? [v.word("limit"), prng.chance(0.7) ? "2" : v.integer()] : [];
  return [v.word("sintercard"), count, ...keys, ...limit];
}

function scan(source: Source): string[] {
  const { values: v, prng } = source;
  const options: string[] = [];
  if (prng.chance(0.5)) options.push(v.word("match"), prng.pick(["*", "1*", "[a-c]", "?", ""]));
  if (prng.chance(0.5)) options.push(v.word("count"), prng.chance(0.7) ? "100" : v.integer());
  if (prng.chance(0.05)) options.push("type", "set");
  return [v.word("sscan"), v.key(), prng.chance(0.9) ? "0" : v.integer(), ...options];
}

export const setCommands: readonly Weighted[] = [
  [12, (source) => [source.values.word("sadd"), source.values.key(), ...members(source, 5)]],
  [6, (source) => [source.values.word("sadd"), source.values.key(), ...run(source)]],
  [6, (source) => [source.values.word("srem"), source.values.key(), ...members(source, 5)]],
  [2, (source) => [source.values.word("srem"), source.values.key(), ...run(source)]],
  [3, (source) => [source.values.word("sismember"), source.values.key(), member(source)]],
  [3, (source) => [source.values.word("smismember"), source.values.key(), ...members(source, 4)]],
  [3, ({ values: v }) => [v.word("scard"), v.key()]],
  [4, ({ values: v }) => [v.word("smembers"), v.key()]],
  [6, (source) => [source.values.word("smove"), ...two(source), member(source)]],
  [4, ({ values: v }) => [v.word("sinter"), ...v.keyList(3)]],
  [4, ({ values: v }) => [v.word("sunion"), ...v.keyList(3)]],
  [4, ({ values: v }) => [v.word("sdiff"), ...v.keyList(3)]],
  [4, ({ values: v }) => [v.word("sinterstore"), v.key(), ...v.keyList(3)]],
  [4, ({ values: v }) => [v.word("sunionstore"), v.key(), ...v.keyList(3)]],
  [6, ({ values: v }) => [v.word("sdiffstore"), v.key(), ...v.keyList(3)]],
  [4, cardinality],
  [5, scan],
  [3, ({ values: v, prng }) => [v.word("spop"), v.key(), prng.chance(0.7) ? WHOLE : v.integer()]],
  [2, ({ values: v }) => [v.word("srandmember"), v.key()]],
  [3, ({ values: v, prng }) => [v.word("srandmember"), v.key(), String(prng.below(41) - 20)]],
  [4, ({ values: v }) => [v.word("object"), "encoding", v.key()]],
];

function two({ values: v }: Source): string[] {
  return [v.key(), v.key()];
}

/** More than any set of these runs has. */
const WHOLE = "100000";

/**
 * SPOP of a part leaves each server another set: the whole set goes instead. SRANDMEMBER is not asked for more than a
 * server can hold.
 */
export function withoutChance(args: readonly string[]): string[] {
  const [name = "", key, count] = args;
  const lower = name.toLowerCase();
  if (key === undefined || args.length > 3) return [...args];
  if (lower === "srandmember" && /^-\d{4,}$/.test(count ?? "")) return [name, key, "-999"];
  if (lower !== "spop" || !/^(?:[1-9]\d{0,5})?$/.test(count ?? "")) return [...args];
  return [name, key, WHOLE];
}
