/**
 * What a random command looks like: each row a weight and a maker. Those of lists, sets, hashes and so on are
 * joined in differential-types.ts.
 */
import type { Prng } from "../../src/base/prng.ts";
import { withoutLong } from "./differential-blocking.ts";
import type { Source, Weighted } from "./differential-source.ts";

/** A word with its value, each option perhaps; in any order, perhaps twice. */
function optional(source: Source, choices: readonly (() => string[])[], most: number): string[] {
  const { prng } = source;
  const chosen: string[] = [];
  for (let count = prng.below(most + 1); count > 0; count--) chosen.push(...prng.pick(choices)());
  return chosen;
}

function expiryOptions({ values }: Source): (() => string[])[] {
  return [
    () => [values.word("ex"), values.seconds()],
    () => [values.word("px"), values.milliseconds()],
    () => [values.word("exat"), values.unixSeconds()],
    () => [values.word("pxat"), values.unixMilliseconds()],
  ];
}

function setCommand(source: Source): string[] {
  const { values: v } = source;
  const choices = [
    ...expiryOptions(source),
    () => [v.word("nx")],
    () => [v.word("xx")],
    () => [v.word("get")],
    () => [v.word("keepttl")],
  ];
  return [v.word("set"), v.key(), v.value(), ...optional(source, choices, 3)];
}

/**
 * Puts off what would expire during the run: two servers do not see the same millisecond, and which SCAN
 * drops an expired key is chance. `Generator.expireNow` does it in a controlled way.
 */
export function withoutSoon(given: readonly string[]): string[] {
  const args = withoutLong(given);
  const name = (args[0] ?? "").toLowerCase();
  const least = soonest[name];
  return args.map((arg, at) => {
    const limit =
      at === 2 && least !== undefined ? least : soonest[(args[at - 1] ?? "").toLowerCase()];
    if (at < 2 || limit === undefined || !/^[1-9][0-9]*$/.test(arg)) return arg;
    return BigInt(arg) < limit ? String(limit + BigInt(arg)) : arg;
  });
}

/** The shortest times that are let pass, by the command or the option in front of them. */
const soonest: Readonly<Record<string, bigint>> = {
  setex: 10_000n,
  expire: 10_000n,
  psetex: 10_000_000n,
  pexpire: 10_000_000n,
  restore: 10_000_000n,
  "restore-asking": 10_000_000n,
  ex: 10_000n,
  px: 10_000_000n,
  exat: 4_000_000_000n,
  pxat: 4_000_000_000_000n,
};

function getExCommand(source: Source): string[] {
  const { values: v } = source;
  const choices = [...expiryOptions(source), () => [v.word("persist")]];
  return [v.word("getex"), v.key(), ...optional(source, choices, source.prng.chance(0.2) ? 3 : 1)];
}

function lcsCommand(source: Source): string[] {
  const { values: v, prng } = source;
  const choices = [
    () => [v.word("len")],
    () => [v.word("idx")],
    () => [v.word("withmatchlen")],
    () => [v.word("minmatchlen"), v.integer()],
  ];
  const pair = prng.chance(0.7) ? ["{t}lcs1", "{t}lcs2"] : ["{t}lcs1", "{t}none"];
  return [v.word("lcs"), ...pair, ...optional(source, choices, 3)];
}

function expireCommand(source: Source, name: string, time: string): string[] {
  const { values: v } = source;
  const conditions = ["nx", "xx", "gt", "lt"].map((word) => () => [v.word(word)]);
  const most = source.prng.chance(0.5) ? 1 : source.prng.chance(0.5) ? 3 : 0;
  return [v.word(name), v.key(), time, ...optional(source, conditions, most)];
}

function copyCommand(source: Source): string[] {
  const { values: v } = source;
  const choices = [() => [v.word("replace")], () => [v.word("db"), v.database()]];
  return [v.word("copy"), v.key(), v.key(), ...optional(source, choices, 2)];
}

function scanCommand(source: Source): string[] {
  const { values: v, prng } = source;
  const choices = [
    () => [v.word("match"), v.pattern()],
    () => [v.word("count"), prng.chance(0.5) ? String(1 + prng.below(50)) : v.integer()],
    () => [v.word("type"), prng.pick(["string", "STRING", "list", "nosuch", ""])],
  ];
  const cursor = prng.chance(0.7) ? "0" : v.integer();
  return [v.word("scan"), cursor, ...optional(source, choices, 3)];
}

function restoreCommand(source: Source): string[] {
  const { values: v, prng } = source;
  const choices = [
    () => [v.word("replace")],
    () => [v.word("replace")],
    () => [v.word("absttl")],
    () => [v.word("idletime"), v.integer()],
    () => [v.word("freq"), prng.pick(["0", "5", "255", "256", "-1", "x"])],
  ];
  const ttl = prng.chance(0.6) ? "0" : prng.chance(0.5) ? v.milliseconds() : v.integer();
  const name = prng.chance(0.8) ? "restore" : "restore-asking";
  const payload = prng.pick(prng.chance(0.5) ? wholePayloads : payloads);
  return [v.word(name), v.key(), ttl, payload, ...optional(source, choices, 3)];
}

/**
 * As Redis 7.0.15 writes them: "hello", forty times "a" (LZF), 70000, 3000000000. No small integer: in Redis IDLETIME
 * would set the age of the object that all such values share.
 */
const wholePayloads: readonly string[] = [
  "\x00\x05hello\n\x00cr\xdfve4 \n",
  "\x00\xc3\t(\x01aa\xe0\x1b\x00\x01aa\n\x00\xcf\t/\xaa\xae%\x83\x1d",
  "\x00\xc2p\x11\x01\x00\n\x00\x01\xa4\b\xfe\x950\x95\xa5",
  "\x00\n3000000000\n\x00\xe7\x61kyT\xbbyG",
];

/** Those, and damaged ones. */
const payloads: readonly string[] = [
  ...wholePayloads,
  "\x00\x05hellp\n\x00cr\xdfve4 \n",
  "\x00\x05hello\x0b\x00cr\xdfve4 \n",
  "\x00\x05hel",
  "",
  "\x00",
  "not a payload",
];

function objectCommand({ values: v, prng }: Source): string[] {
  const subcommand = prng.pick(["encoding", "encoding", "refcount", "idletime", "freq"]);
  return [v.word("object"), v.word(subcommand), v.key()];
}

function debugCommand({ values: v, prng }: Source): string[] {
  const subcommand = prng.pick(["object", "object", "digest-value", "listpack", "quicklist"]);
  return [v.word("debug"), v.word(subcommand), v.key()];
}

function memoryCommand({ values: v, prng }: Source): string[] {
  const samples = prng.chance(0.4) ? [v.word("samples"), v.integer()] : [];
  return [v.word("memory"), v.word("usage"), v.key(), ...samples];
}

export const stringCommands: readonly Weighted[] = [
  [30, setCommand],
  [14, ({ values: v }) => [v.word("get"), v.key()]],
  [8, ({ values: v }) => [v.word("set"), v.key(), v.value()]],
  [5, ({ values: v }) => [v.word("incr"), v.key()]],
  [4, ({ values: v }) => [v.word("decr"), v.key()]],
  [7, ({ values: v }) => [v.word("incrby"), v.key(), v.integer()]],
  [6, ({ values: v }) => [v.word("decrby"), v.key(), v.integer()]],
  [10, ({ values: v }) => [v.word("incrbyfloat"), v.key(), v.decimal()]],
  [8, ({ values: v }) => [v.word("append"), v.key(), v.value()]],
  [5, ({ values: v }) => [v.word("strlen"), v.key()]],
  [5, ({ values: v }) => [v.word("getset"), v.key(), v.value()]],
  [4, ({ values: v }) => [v.word("getdel"), v.key()]],
  [9, getExCommand],
  [8, ({ values: v }) => [v.word("getrange"), v.key(), v.index(), v.index()]],
  [2, ({ values: v }) => [v.word("substr"), v.key(), v.index(), v.index()]],
  [7, ({ values: v }) => [v.word("setrange"), v.key(), v.index(), v.value()]],
  [5, ({ values: v }) => [v.word("setnx"), v.key(), v.value()]],
  [4, ({ values: v }) => [v.word("setex"), v.key(), v.seconds(), v.value()]],
  [4, ({ values: v }) => [v.word("psetex"), v.key(), v.milliseconds(), v.value()]],
  [6, ({ values: v }) => [v.word("mget"), ...v.keyList(5)]],
  [5, ({ values: v }) => [v.word("mset"), ...v.keyList(4).flatMap((key) => [key, v.value()])]],
  [3, ({ values: v }) => [v.word("msetnx"), ...v.keyList(3).flatMap((key) => [key, v.value()])]],
  [4, lcsCommand],
  [
    3,
    (source) => {
      const { values: v, prng } = source;
      const letters = (): string =>
        Array.from({ length: prng.below(30) }, () => prng.pick(["a", "b", "c", "\x00"])).join("");
      return [v.word("mset"), "{t}lcs1", letters(), "{t}lcs2", letters()];
    },
  ],
];

export const genericCommands: readonly Weighted[] = [
  [8, ({ values: v }) => [v.word("del"), ...v.keyList(3)]],
  [4, ({ values: v }) => [v.word("unlink"), ...v.keyList(3)]],
  [5, ({ values: v }) => [v.word("exists"), ...v.keyList(4)]],
  [3, ({ values: v }) => [v.word("touch"), ...v.keyList(4)]],
  [4, ({ values: v }) => [v.word("type"), v.key()]],
  [6, (source) => expireCommand(source, "expire", source.values.seconds())],
  [6, (source) => expireCommand(source, "pexpire", source.values.milliseconds())],
  [6, (source) => expireCommand(source, "expireat", source.values.unixSeconds())],
  [6, (source) => expireCommand(source, "pexpireat", source.values.unixMilliseconds())],
  [5, ({ values: v }) => [v.word("ttl"), v.key()]],
  [5, ({ values: v }) => [v.word("pttl"), v.key()]],
  [4, ({ values: v }) => [v.word("expiretime"), v.key()]],
  [4, ({ values: v }) => [v.word("pexpiretime"), v.key()]],
  [4, ({ values: v }) => [v.word("persist"), v.key()]],
  [6, ({ values: v }) => [v.word("rename"), v.key(), v.key()]],
  [5, ({ values: v }) => [v.word("renamenx"), v.key(), v.key()]],
  [8, copyCommand],
  [4, ({ values: v }) => [v.word("move"), v.key(), v.database()]],
  [3, ({ values: v }) => [v.word("keys"), v.pattern()]],
  [5, scanCommand],
  [4, ({ values: v }) => [v.word("dbsize")]],
  [0.4, ({ values: v, prng }) => [v.word("flushdb"), ...flushMode(prng)]],
  [0.4, ({ values: v, prng }) => [v.word("flushall"), ...flushMode(prng)]],
  [3, ({ values: v }) => [v.word("select"), v.database()]],
  [2, ({ values: v }) => [v.word("swapdb"), v.database(), v.database()]],
  [8, objectCommand],
  [3, debugCommand],
  [1, memoryCommand],
  [2, ({ values: v }) => [v.word("randomkey")]],
  [6, restoreCommand],
];

function flushMode(prng: Prng): string[] {
  return prng.pick([[], [], ["sync"], ["ASYNC"], ["now"], ["sync", "async"]]);
}
