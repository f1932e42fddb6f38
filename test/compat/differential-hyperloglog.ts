/** Random commands on HyperLogLogs, whole, cut off and made up. */
import type { Source, Weighted } from "./differential-source.ts";

const header = (layout: number, stale: boolean): string =>
  `HYLL${String.fromCharCode(layout)}\x00\x00\x00\x07\x00\x00\x00\x00\x00\x00${stale ? "\x80" : "\x00"}`;

function elements({ values: v, prng }: Source): string[] {
  if (prng.chance(0.1)) return [];
  // Now and then so many that sparse values turn dense.
  const count = prng.chance(0.15) ? 200 + prng.below(400) : 1 + prng.below(6);
  if (count < 10) return Array.from({ length: count }, () => v.value());
  const first = prng.below(1_000_000);
  return Array.from({ length: count }, (_, at) => String(first + at));
}

/** Values that look like HyperLogLogs, right or nearly so. */
function crafted({ prng }: Source): string {
  const bytes = (length: number): string => Buffer.from(prng.bytes(length)).toString("latin1");
  const stale = prng.chance(0.5);
  switch (prng.below(8)) {
    case 0:
      return `${header(1, stale)}\x7f\xff`;
    case 1:
      // A run of empty registers in two bytes must have both: Redis reads the second behind the string's end.
      return `${header(1, stale) + bytes(prng.below(40))}\x00`;
    case 2:
      return header(0, stale) + bytes(12288);
    case 3:
      return header(0, stale) + "\x00".repeat(12288);
    case 4:
      return header(prng.below(4), stale) + bytes(prng.pick([0, 1, 12287, 12289]));
    case 5:
      return `HYLL${bytes(prng.below(14))}`;
    case 6:
      return `${header(1, stale)}\x84\x84\x88\x40\x00\x00\x7f\xf4${"\x40\x00".repeat(prng.below(2))}`;
    default: {
      // Runs of small values that together cover all registers.
      let runs = "";
      let left = 16384 - 64;
      for (let count = prng.below(100); count > 0; count--) {
        const length = 1 + prng.below(4);
        runs += String.fromCharCode(128 | (prng.below(4) << 2) | (length - 1));
        left -= length;
      }
      const long = String.fromCharCode(64 | ((left - 1) >> 8), (left - 1) & 255);
      return `${header(1, stale)}${prng.chance(0.5) ? runs + long : long + runs}\x3f`;
    }
  }
}

export const hyperLogLogCommands: readonly Weighted[] = [
  [20, (source) => [source.values.word("pfadd"), source.values.key(), ...elements(source)]],
  [10, ({ values: v }) => [v.word("pfcount"), v.key()]],
  [5, ({ values: v }) => [v.word("pfcount"), ...v.keyList(4)]],
  [8, ({ values: v }) => [v.word("pfmerge"), ...v.keyList(4)]],
  [12, (source) => [source.values.word("set"), source.values.key(), crafted(source)]],
  [6, ({ values: v }) => [v.word("get"), v.key()]],
  [3, ({ values: v }) => [v.word("debug"), "object", v.key()]],
  [
    6,
    ({ values: v, prng }) => {
      const word = prng.pick(["encoding", "decode", "todense", "encoding", "decode", "nosuch\n"]);
      return [v.word("pfdebug"), v.word(word), v.key()];
    },
  ],
  [0.5, ({ values: v }) => [v.word("pfdebug"), v.word("getreg"), v.key()]],
  [0.5, ({ values: v }) => [v.word("pfselftest")]],
];
