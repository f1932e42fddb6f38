/** Random commands on bitmaps. */
import type { Source, Weighted } from "./differential-source.ts";

/** Near the beginning, at the edges of bytes, and now and then far away or wrong. */
function offset({ values: v, prng }: Source): string {
  const kind = prng.below(20);
  if (kind < 12) return String(prng.below(100));
  if (kind < 15) return String(prng.below(20_000));
  if (kind < 18) return `#${prng.below(40)}`;
  if (kind < 19) return prng.pick(["4294967296", "4294967295000", "-1", "#-1", "#", "1e3", "#1 "]);
  return tamed(v.integer());
}

/** No strings of many megabytes: what is too far is refused, what is nearer is brought near. */
function tamed(text: string): string {
  const far = Number(text);
  return far > 1_000_000 && far < 2 ** 32 ? "8191" : text;
}

function plainOffset(source: Source): string {
  const text = offset(source);
  return source.prng.chance(0.95) ? text.replace("#", "") : text;
}

function width({ prng }: Source): string {
  if (prng.chance(0.04)) return prng.pick(["u64", "i65", "i0", "u", "", "x8", "i-1", "8", "u08"]);
  const kind = prng.pick(["i", "u"]);
  if (prng.chance(0.5)) return kind + prng.pick(["1", "2", "5", "8", "16", "32", "63"]);
  return kind + (1 + prng.below(63));
}

function value({ values: v, prng }: Source): string {
  return prng.chance(0.5) ? String(prng.below(600) - 300) : v.integer();
}

function fieldOperations(source: Source, onlyReads: boolean): string[] {
  const { values: v, prng } = source;
  const made: string[] = [];
  for (let count = prng.below(5); count > 0; count--) {
    const kind = onlyReads && prng.chance(0.9) ? 0 : prng.below(9);
    if (kind < 3) made.push(v.word("get"), width(source), offset(source));
    else if (kind < 5) made.push(v.word("set"), width(source), offset(source), value(source));
    else if (kind < 7) made.push(v.word("incrby"), width(source), offset(source), value(source));
    else
      made.push(v.word("overflow"), v.word(prng.pick(["wrap", "sat", "fail", "fail", "sat", "x"])));
  }
  return made;
}

function ends({ values: v, prng }: Source): string[] {
  const words = [v.index(), v.index()].slice(0, 1 + prng.below(2));
  if (words.length === 2 && prng.chance(0.5)) {
    words.push(v.word(prng.chance(0.95) ? prng.pick(["bit", "byte"]) : "bite"));
  }
  return words;
}

export const bitmapCommands: readonly Weighted[] = [
  [
    12,
    (source) => {
      const bit = source.prng.chance(0.95) ? String(source.prng.below(2)) : source.values.integer();
      return [source.values.word("setbit"), source.values.key(), plainOffset(source), bit];
    },
  ],
  [6, (source) => [source.values.word("getbit"), source.values.key(), plainOffset(source)]],
  [
    8,
    (source) => {
      const range = source.prng.chance(0.7) ? ends(source) : [];
      return [source.values.word("bitcount"), source.values.key(), ...range];
    },
  ],
  [
    8,
    (source) => {
      const { values: v, prng } = source;
      const bit = prng.chance(0.95) ? String(prng.below(2)) : v.integer();
      return [v.word("bitpos"), v.key(), bit, ...(prng.chance(0.7) ? ends(source) : [])];
    },
  ],
  [
    8,
    ({ values: v, prng }) => {
      const operation = prng.pick(["and", "or", "xor", "and", "or", "xor", "nand"]);
      return [v.word("bitop"), v.word(operation), v.key(), ...v.keyList(4)];
    },
  ],
  [3, ({ values: v }) => [v.word("bitop"), v.word("not"), v.key(), v.key()]],
  [16, (source) => bitField(source, "bitfield", source.prng.chance(0.2))],
  [4, (source) => bitField(source, "bitfield_ro", true)],
  [8, ({ values: v }) => [v.word("set"), v.key(), v.value()]],
  [3, ({ values: v }) => [v.word("get"), v.key()]],
  [3, ({ values: v }) => [v.word("object"), v.word("encoding"), v.key()]],
];

function bitField(source: Source, name: string, onlyReads: boolean): string[] {
  const { values: v } = source;
  return [v.word(name), v.key(), ...fieldOperations(source, onlyReads)];
}
