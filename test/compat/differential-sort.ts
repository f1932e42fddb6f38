/** Random SORT commands. */
import type { Source, Weighted } from "./differential-source.ts";

const names = ["{t}n1", "{t}n2", "{t}n3"];

function pattern({ values: v, prng }: Source): string {
  return prng.pick([
    "{t}w*",
    "{t}w*",
    "{t}h*->f",
    "{t}h*->f",
    "{t}*",
    "#",
    "*",
    "nosort",
    "{t}h*->",
    "{t}h*->-",
    "{t}w*->x->f",
    "*->f",
    "{t}w*\x00x",
    v.key(),
  ]);
}

function sort(source: Source, name: string): string[] {
  const { values: v, prng } = source;
  const options: (() => string[])[] = [
    () => [v.word("asc")],
    () => [v.word("desc")],
    () => [v.word("alpha")],
    () => [v.word("alpha")],
    () => [v.word("limit"), String(prng.below(6) - 1), String(prng.below(8) - 1)],
    () => [v.word("limit"), v.integer(), v.integer()],
    () => [v.word("by"), pattern(source)],
    () => [v.word("get"), pattern(source)],
    () => [v.word("get"), "#"],
    () => [v.word("store"), prng.chance(0.6) ? prng.pick(names) : v.key()],
  ];
  const made: string[] = [];
  for (let count = prng.below(5); count > 0; count--) made.push(...prng.pick(options)());
  // Elements of a set with the same weight come in any order, and must not be stored so.
  const words = made.map((word) => word.toLowerCase());
  if (words.includes("alpha") && words.includes("by") && words.includes("store")) made.length = 0;
  return [v.word(name), prng.chance(0.7) ? prng.pick(names) : v.key(), ...made];
}

/** Elements that are numbers for the most part. */
function element({ values: v, prng }: Source): string {
  const kind = prng.below(40);
  if (kind < 30) return String(prng.below(30) - 5);
  if (kind < 34) return String(prng.below(100) / 8);
  if (kind < 36)
    return prng.pick(["inf", "-inf", " 7", "", "0x10", "1e3", "-0", "a\x00b", "a\x00c"]);
  return kind < 38 ? v.decimal() : v.value();
}

function elements(source: Source): string[] {
  return Array.from({ length: 1 + source.prng.below(6) }, () => element(source));
}

/** Numbers only, so that most sorts succeed. */
function numbers({ prng }: Source): string[] {
  return Array.from({ length: 1 + prng.below(8) }, () => String(prng.below(40) - 5));
}

function scored(source: Source): string[] {
  return numbers(source).flatMap((member, at) => [String(at % 3), member]);
}

export const sortCommands: readonly Weighted[] = [
  [14, (source) => sort(source, "sort")],
  [6, (source) => sort(source, "sort_ro")],
  [4, (source) => [source.values.word("set"), `{t}w${element(source)}`, element(source)]],
  [3, (source) => [source.values.word("del"), `{t}w${element(source)}`, source.prng.pick(names)]],
  [4, (source) => [source.values.word("sadd"), source.prng.pick(names), ...numbers(source)]],
  [1, (source) => [source.values.word("sadd"), source.prng.pick(names), ...elements(source)]],
  [6, (source) => [source.values.word("rpush"), source.prng.pick(names), ...numbers(source)]],
  [2, (source) => [source.values.word("rpush"), source.prng.pick(names), ...elements(source)]],
  [4, (source) => [source.values.word("zadd"), source.prng.pick(names), ...scored(source)]],
  [3, (source) => [source.values.word("hset"), `{t}h${element(source)}`, "f", element(source)]],
  [3, ({ values: v, prng }) => [v.word("lrange"), prng.pick(names), "0", "-1"]],
];
