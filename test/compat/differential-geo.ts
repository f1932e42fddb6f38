/** Random commands on places, over sorted sets of places and others. */
import type { Source, Weighted } from "./differential-source.ts";

const cities: readonly (readonly [longitude: string, latitude: string])[] = [
  ["13.361389", "38.115556"],
  ["15.087269", "37.502669"],
  ["-122.27652", "37.805186"],
  ["2.3522", "48.8566"],
  ["179.9999", "0"],
  ["-179.9999", "0.5"],
  ["0", "0"],
  ["180", "85.05112878"],
  ["-180", "-85.05112878"],
  ["12.5", "80"],
  ["12.6", "-79"],
];

function place({ prng, values: v }: Source): string[] {
  const kind = prng.below(20);
  if (kind < 10) {
    const [longitude, latitude] = prng.pick(cities);
    if (prng.chance(0.5)) return [longitude, latitude];
    const near = (text: string): string =>
      String(Math.max(-85, Math.min(85, Number(text) + (prng.uint32() / 2 ** 32 - 0.5) * 4)));
    return [near(longitude), near(latitude)];
  }
  if (kind < 18) return [String(prng.below(360) - 180), String(prng.below(170) - 85)];
  if (kind < 19)
    return [prng.pick(["181", "inf", "1e10", "-180.1"]), String(prng.below(200) - 100)];
  return [v.decimal(), v.decimal()];
}

function member({ prng }: Source): string {
  if (prng.chance(0.1)) return String(prng.below(6));
  return `p${prng.below(20)}`;
}

function geoKey({ prng, values: v }: Source): string {
  return prng.chance(0.85) ? prng.pick(["{t}geo1", "{t}geo2"]) : v.key();
}

function unit({ prng, values: v }: Source): string {
  return prng.chance(0.97) ? v.word(prng.pick(["m", "km", "ft", "mi"])) : "yd";
}

function radius(source: Source): string[] {
  const { prng, values: v } = source;
  const kind = prng.below(20);
  const length =
    kind < 12
      ? String(1 + prng.below(3000))
      : kind < 17
        ? String(prng.below(30_000_000) / 100)
        : kind < 19
          ? prng.pick(["0", "-1", "20000", "6000000"])
          : v.decimal();
  return [length, unit(source)];
}

function geoaddCommand(source: Source): string[] {
  const { values: v, prng } = source;
  const options = prng.chance(0.3) ? [v.word(prng.pick(["nx", "xx", "ch"]))] : [];
  const count = 1 + prng.below(prng.chance(0.1) ? 12 : 3);
  const places = Array.from({ length: count }, () => [...place(source), member(source)]).flat();
  return [v.word("geoadd"), geoKey(source), ...options, ...places];
}

function answers({ values: v, prng }: Source): string[] {
  const words = ["withdist", "withcoord", "withhash"].filter(() => prng.chance(0.4));
  return words.map((word) => v.word(word));
}

/** Order, count; without an order, places come in that of the fields they lie in. */
function selection({ values: v, prng }: Source): string[] {
  const order = prng.chance(0.5) ? [v.word(prng.pick(["asc", "desc"]))] : [];
  if (prng.chance(0.6)) return order;
  const any = prng.chance(0.3) ? [v.word("any")] : [];
  return [...order, v.word("count"), String(prng.below(8)), ...any];
}

function shape(source: Source): string[] {
  const { values: v, prng } = source;
  const center = prng.chance(0.5)
    ? [v.word("frommember"), member(source)]
    : [v.word("fromlonlat"), ...place(source)];
  if (prng.chance(0.5)) return [...center, v.word("byradius"), ...radius(source)];
  const width = radius(source)[0] ?? "";
  return [...center, v.word("bybox"), width, ...radius(source)];
}

function target({ values: v, prng }: Source): string[] {
  if (prng.chance(0.7)) return [];
  return [v.word(prng.pick(["store", "store", "storedist"])), prng.pick(["{t}geo3", v.key()])];
}

function radiusCommand(source: Source, name: string, byMember: boolean): string[] {
  const center = byMember ? [member(source)] : place(source);
  const stored = name.endsWith("_ro") ? [] : target(source);
  const told = stored.length > 0 && source.prng.chance(0.9) ? [] : answers(source);
  const rest = [...radius(source), ...selection(source), ...told, ...stored];
  return [source.values.word(name), geoKey(source), ...center, ...rest];
}

/**
 * Distances are only as exact as the sine and the cosine that they come from: those of the C library in Redis, and
 * neither of the two rounds always right. So stored distances get a key of their own, are looked at and go again.
 */
export const distancesKey = "{t}distances";
export const onDistances: readonly (readonly [name: string, ...rest: string[]])[] = [
  ["ZRANGEBYSCORE", "-inf", "+inf", "WITHSCORES"],
  ["DEL"],
];

/** The command with that target, if it stores distances. */
export function storesDistances(args: readonly string[]): string[] | undefined {
  const words = args.map((arg) => arg.toLowerCase());
  if (!words.includes("storedist")) return undefined;
  if (words[0] === "geosearchstore") return args.map((arg, at) => (at === 1 ? distancesKey : arg));
  if (words[0] !== "georadius" && words[0] !== "georadiusbymember") return undefined;
  const isTarget = (at: number): boolean => at > 2 && /^store(?:dist)?$/.test(words[at - 1] ?? "");
  return args.map((arg, at) => (isTarget(at) ? distancesKey : arg));
}

export const geoCommands: readonly Weighted[] = [
  [12, geoaddCommand],
  [4, (s) => [s.values.word("geopos"), geoKey(s), member(s), member(s)]],
  [4, (s) => [s.values.word("geohash"), geoKey(s), member(s), member(s)]],
  [
    5,
    (s) => {
      const rest = s.prng.chance(0.6) ? [unit(s)] : [];
      return [s.values.word("geodist"), geoKey(s), member(s), member(s), ...rest];
    },
  ],
  [8, (s) => ["geosearch", geoKey(s), ...shape(s), ...selection(s), ...answers(s)]],
  [
    5,
    (s) => {
      const distances = s.prng.chance(0.3) ? [s.values.word("storedist")] : [];
      return ["geosearchstore", "{t}geo3", geoKey(s), ...shape(s), ...selection(s), ...distances];
    },
  ],
  [3, (s) => radiusCommand(s, "georadius", false)],
  [2, (s) => radiusCommand(s, "georadius_ro", false)],
  [3, (s) => radiusCommand(s, "georadiusbymember", true)],
  [2, (s) => radiusCommand(s, "georadiusbymember_ro", true)],
];
