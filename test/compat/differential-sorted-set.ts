/** Random commands on sorted sets. */
import { timeout } from "./differential-blocking.ts";
import type { Source, Weighted } from "./differential-source.ts";

const scores: readonly string[] = [
  "inf",
  "-inf",
  "+inf",
  "Infinity",
  "nan",
  "-0",
  "0",
  "1e3",
  "0x10",
  "1e300",
  "1e-300",
  "1e400",
  "4503599627370497",
  "9007199254740993",
  "1152921504606846976",
  "9223372036854775807",
  "1e17",
  "123456789012345678",
  ".5",
  "5.",
  "",
  " 1",
  "1 ",
  "abc",
  "1\x002",
];

function score({ prng }: Source): string {
  const kind = prng.below(20);
  if (kind < 12) return String(prng.below(21) - 10);
  if (kind < 15) return String((prng.below(401) - 200) / 8);
  if (kind < 17) return String(prng.below(2000) / 100);
  if (kind < 18) return String((prng.uint32() / 2 ** 32) * 1000);
  return prng.pick(scores);
}

function member({ prng, values: v }: Source): string {
  const kind = prng.below(20);
  if (kind < 14) return `m${prng.below(12)}`;
  if (kind < 18) return String(prng.below(8) - 2);
  return prng.chance(0.5) ? v.value().slice(0, 80) : "";
}

function members(source: Source, most: number): string[] {
  return Array.from({ length: 1 + source.prng.below(most) }, () => member(source));
}

function bound(source: Source): string {
  const { prng } = source;
  if (prng.chance(0.2)) return prng.pick(["-inf", "+inf", "inf", "(inf", "(-inf"]);
  return (prng.chance(0.3) ? "(" : "") + score(source);
}

function lexBound(source: Source): string {
  const { prng } = source;
  if (prng.chance(0.3)) return prng.pick(["-", "+"]);
  if (prng.chance(0.05)) return prng.pick(["", "m1", "(", "[", "+x", "-\x00", "*"]);
  return prng.pick(["[", "("]) + member(source);
}

function rank({ prng, values: v }: Source): string {
  return prng.chance(0.9) ? String(prng.below(30) - 15) : v.integer();
}

/** Where all members have one score, ranges of members mean something. */
const lexKeys = ["{t}lex", "{t}lex", "{t}lex", "{t}lexbig"];

/** Whether a command gives scores to members that ranges by name are asked of. */
export function scoresLexKey([name = "", key = ""]: readonly string[]): boolean {
  return lexKeys.includes(key) && /^(?:zadd|zincrby)$/i.test(name);
}

function lexKey({ prng, values: v }: Source): string {
  return prng.chance(0.97) ? prng.pick(lexKeys) : v.word("{t}none");
}

function options(source: Source, choices: readonly (() => string[])[], most: number): string[] {
  const { prng } = source;
  const chosen: string[] = [];
  for (let count = prng.below(most + 1); count > 0; count--) chosen.push(...prng.pick(choices)());
  return chosen;
}

function zaddCommand(source: Source): string[] {
  const { values: v, prng } = source;
  const words = ["nx", "xx", "gt", "lt", "ch", "incr"].map((word) => () => [v.word(word)]);
  const pairs = Array.from({ length: 1 + prng.below(prng.chance(0.1) ? 12 : 3) }, () => [
    score(source),
    member(source),
  ]).flat();
  return [v.word("zadd"), v.key(), ...options(source, words, prng.chance(0.4) ? 2 : 0), ...pairs];
}

function zaddLex(source: Source): string[] {
  const { values: v, prng } = source;
  const key = prng.pick(lexKeys);
  const count = key === "{t}lexbig" ? 40 : 4;
  return [
    v.word("zadd"),
    key,
    ...Array.from({ length: 1 + prng.below(count) }, () => ["0", member(source)]).flat(),
  ];
}

function limitOption({ values: v, prng }: Source): string[] {
  const number = (): string => (prng.chance(0.9) ? String(prng.below(8) - 2) : v.integer());
  return [v.word("limit"), number(), number()];
}

function zrangeCommand(source: Source): string[] {
  const { values: v, prng } = source;
  const rest = (): string[] =>
    options(source, [() => [v.word("rev")], () => limitOption(source)], 2);
  const scored = [() => [v.word("withscores")], () => [v.word("rev")], () => limitOption(source)];
  const kind = prng.below(10);
  if (kind < 4) {
    const choices = [() => [v.word("withscores")], () => [v.word("rev")]];
    return [v.word("zrange"), v.key(), rank(source), rank(source), ...options(source, choices, 2)];
  }
  if (kind < 7) {
    const range = [bound(source), bound(source), v.word("byscore")];
    return [v.word("zrange"), v.key(), ...range, ...options(source, scored, 3)];
  }
  if (kind < 9) {
    const range = [lexBound(source), lexBound(source), v.word("bylex")];
    return [v.word("zrange"), lexKey(source), ...range, ...rest()];
  }
  const choices = [...scored, () => [v.word("bylex")], () => [v.word("byscore")]];
  const wild = options(source, choices, 4);
  const key = wild.some((word) => word.toLowerCase() === "bylex") ? lexKey(source) : v.key();
  return [v.word("zrange"), key, rank(source), rank(source), ...wild];
}

function zrangestoreCommand(source: Source): string[] {
  const { values: v, prng } = source;
  const choices = [() => [v.word("rev")], () => limitOption(source)];
  const kind = prng.below(3);
  const target = prng.chance(0.9) ? v.key() : "x";
  if (kind === 0) {
    const rev = prng.chance(0.3) ? [v.word("rev")] : [];
    return [v.word("zrangestore"), target, v.key(), rank(source), rank(source), ...rev];
  }
  if (kind === 1) {
    const range = [bound(source), bound(source), v.word("byscore")];
    return [v.word("zrangestore"), target, v.key(), ...range, ...options(source, choices, 2)];
  }
  const range = [lexBound(source), lexBound(source), v.word("bylex")];
  return [v.word("zrangestore"), target, lexKey(source), ...range, ...options(source, choices, 2)];
}

function countedKeys({ values: v, prng }: Source): string[] {
  const keys = v.keyList(3);
  if (prng.chance(0.1)) return [v.integer(), ...keys];
  return [String(keys.length), ...keys];
}

function combineCommand(source: Source, name: string, stores: boolean): string[] {
  const { values: v, prng } = source;
  const keys = countedKeys(source);
  const weights = (): string[] => [v.word("weights"), ...keys.slice(1).map(() => score(source))];
  const aggregate = (): string[] => [
    v.word("aggregate"),
    v.word(prng.pick(["sum", "min", "max", "min", "max", "avg"])),
  ];
  const choices = [weights, aggregate, () => [v.word("withscores")]];
  const target = stores ? [v.key()] : [];
  return [v.word(name), ...target, ...keys, ...options(source, choices, 2)];
}

function diffCommand(source: Source, stores: boolean): string[] {
  const { values: v, prng } = source;
  const scored = prng.chance(0.5) ? [v.word("withscores")] : [];
  const target = stores ? [v.key()] : [];
  return [v.word(stores ? "zdiffstore" : "zdiff"), ...target, ...countedKeys(source), ...scored];
}

function mpopCommand(source: Source, blocks: boolean): string[] {
  const { values: v, prng } = source;
  const count = prng.chance(0.5) ? [v.word("count"), String(prng.below(6))] : [];
  const where = v.word(prng.pick(["min", "max", "min", "max", "mid"]));
  const wait = blocks ? [timeout(source)] : [];
  return [v.word(blocks ? "bzmpop" : "zmpop"), ...wait, ...countedKeys(source), where, ...count];
}

export const sortedSetCommands: readonly Weighted[] = [
  [30, zaddCommand],
  [10, zaddLex],
  [8, (s) => [s.values.word("zincrby"), s.values.key(), score(s), member(s)]],
  [3, (s) => [s.values.word("zcard"), s.values.key()]],
  [4, (s) => [s.values.word("zscore"), s.values.key(), member(s)]],
  [3, (s) => [s.values.word("zmscore"), s.values.key(), ...members(s, 3)]],
  [4, (s) => [s.values.word("zrank"), s.values.key(), member(s)]],
  [4, (s) => [s.values.word("zrevrank"), s.values.key(), member(s)]],
  [5, (s) => [s.values.word("zcount"), s.values.key(), bound(s), bound(s)]],
  [4, (s) => [s.values.word("zlexcount"), lexKey(s), lexBound(s), lexBound(s)]],
  [14, zrangeCommand],
  [6, zrangestoreCommand],
  [4, (s) => [s.values.word("zrevrange"), s.values.key(), rank(s), rank(s), ...withScores(s)]],
  [4, (s) => rangeByScore(s, "zrangebyscore")],
  [4, (s) => rangeByScore(s, "zrevrangebyscore")],
  [3, (s) => rangeByLex(s, "zrangebylex")],
  [3, (s) => rangeByLex(s, "zrevrangebylex")],
  [7, (s) => [s.values.word("zrem"), s.values.key(), ...members(s, 4)]],
  [3, (s) => [s.values.word("zremrangebyrank"), s.values.key(), rank(s), rank(s)]],
  [3, (s) => [s.values.word("zremrangebyscore"), s.values.key(), bound(s), bound(s)]],
  [3, (s) => [s.values.word("zremrangebylex"), lexKey(s), lexBound(s), lexBound(s)]],
  [4, (s) => popCommand(s, "zpopmin")],
  [4, (s) => popCommand(s, "zpopmax")],
  [4, (s) => mpopCommand(s, false)],
  [3, (s) => mpopCommand(s, true)],
  [3, (s) => [s.values.word("bzpopmin"), ...s.values.keyList(3), timeout(s)]],
  [3, (s) => [s.values.word("bzpopmax"), ...s.values.keyList(3), timeout(s)]],
  [3, (s) => combineCommand(s, "zunion", false)],
  [3, (s) => combineCommand(s, "zinter", false)],
  [4, (s) => combineCommand(s, "zunionstore", true)],
  [4, (s) => combineCommand(s, "zinterstore", true)],
  [3, (s) => diffCommand(s, false)],
  [3, (s) => diffCommand(s, true)],
  [3, (s) => ["zintercard", ...countedKeys(s), ...cardLimit(s)]],
  [3, randmemberCommand],
  [3, zscanCommand],
];

function withScores({ values: v, prng }: Source): string[] {
  return prng.chance(0.5) ? [v.word("withscores")] : [];
}

function rangeByScore(source: Source, name: string): string[] {
  const limit = source.prng.chance(0.4) ? limitOption(source) : [];
  const { values: v } = source;
  return [v.word(name), v.key(), bound(source), bound(source), ...withScores(source), ...limit];
}

function rangeByLex(source: Source, name: string): string[] {
  const limit = source.prng.chance(0.4) ? limitOption(source) : [];
  return [source.values.word(name), lexKey(source), lexBound(source), lexBound(source), ...limit];
}

function popCommand({ values: v, prng }: Source, name: string): string[] {
  const count = prng.chance(0.6) ? [prng.chance(0.8) ? String(prng.below(5)) : v.integer()] : [];
  return [v.word(name), v.key(), ...count];
}

function cardLimit({ values: v, prng }: Source): string[] {
  return prng.chance(0.5) ? [v.word("limit"), String(prng.below(5) - 1)] : [];
}

/** Long answers with repetition say nothing more than short ones. */
function randmemberCommand(source: Source): string[] {
  const { values: v, prng } = source;
  const count = prng.chance(0.7) ? [String(prng.below(12) - 4)] : [];
  return [
    v.word("zrandmember"),
    v.key(),
    ...count,
    ...(count.length > 0 ? withScores(source) : []),
  ];
}

function zscanCommand({ values: v, prng }: Source): string[] {
  const match = prng.chance(0.3) ? [v.word("match"), v.pattern()] : [];
  return [v.word("zscan"), v.key(), "0", ...match, v.word("count"), "100000"];
}
