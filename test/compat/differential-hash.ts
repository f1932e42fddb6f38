/** Random commands on hashes. Field expiry is not among them: redis-server 7.0 does not know it. */
import type { Source, Weighted } from "./differential-source.ts";

/** Few fields, so that commands meet; some are integers to a listpack, some too long for it. */
function field({ prng, values }: Source): string {
  const few = [
    "f",
    "g",
    "1",
    "-7",
    "4294967296",
    "",
    "long field name",
    "\x00\xff",
    "x".repeat(70),
  ];
  return prng.chance(0.9) ? prng.pick(few) : values.value();
}

function fields(source: Source, most: number): string[] {
  return Array.from({ length: 1 + source.prng.below(most) }, () => field(source));
}

function value({ prng, values }: Source): string {
  return prng.chance(0.5) ? prng.pick(["1", "5", "-3", "0.5", "word", ""]) : values.value();
}

function pairs(source: Source, most: number): string[] {
  return fields(source, most).flatMap((name) => [name, value(source)]);
}

/** Enough fields to make a table of it. */
function manyPairs({ prng }: Source): string[] {
  const count = prng.chance(0.8) ? 8 : 150;
  return Array.from({ length: count }, (_, at) => [`field${at}`, String(at)]).flat();
}

function scan(source: Source): string[] {
  const { values: v, prng } = source;
  const words = [v.word("hscan"), v.key(), prng.chance(0.7) ? "0" : v.integer()];
  for (let count = prng.below(3); count > 0; count--) {
    if (prng.chance(0.5)) words.push(v.word("match"), v.pattern());
    else if (prng.chance(0.7)) words.push(v.word("count"), v.integer());
    else words.push(v.word("type"), "hash");
  }
  return words;
}

function random(source: Source): string[] {
  const { values: v, prng } = source;
  const words = [v.word("hrandfield"), v.key()];
  if (prng.chance(0.2)) return words;
  const wrong = ["9223372036854775808", "-9223372036854775808", "x", "1.5"];
  words.push(prng.chance(0.8) ? String(prng.below(12) - 5) : prng.pick(wrong));
  if (prng.chance(0.5)) words.push(v.word(prng.chance(0.9) ? "withvalues" : "values"));
  return words;
}

export const hashCommands: readonly Weighted[] = [
  [12, (source) => [source.values.word("hset"), source.values.key(), ...pairs(source, 3)]],
  [2, (source) => [source.values.word("hset"), source.values.key(), ...manyPairs(source)]],
  [3, (source) => [source.values.word("hmset"), source.values.key(), ...pairs(source, 3)]],
  [
    4,
    (source) => [source.values.word("hsetnx"), source.values.key(), field(source), value(source)],
  ],
  [5, (source) => [source.values.word("hget"), source.values.key(), field(source)]],
  [4, (source) => [source.values.word("hmget"), source.values.key(), ...fields(source, 4)]],
  [6, (source) => [source.values.word("hdel"), source.values.key(), ...fields(source, 3)]],
  [3, (source) => [source.values.word("hexists"), source.values.key(), field(source)]],
  [3, (source) => [source.values.word("hstrlen"), source.values.key(), field(source)]],
  [3, ({ values: v }) => [v.word("hlen"), v.key()]],
  [4, ({ values: v }) => [v.word("hgetall"), v.key()]],
  [2, ({ values: v }) => [v.word("hkeys"), v.key()]],
  [2, ({ values: v }) => [v.word("hvals"), v.key()]],
  [
    6,
    (source) => {
      const { values: v } = source;
      return [v.word("hincrby"), v.key(), field(source), v.integer()];
    },
  ],
  [
    6,
    (source) => {
      const { values: v } = source;
      return [v.word("hincrbyfloat"), v.key(), field(source), v.decimal()];
    },
  ],
  [4, random],
  [4, scan],
];
