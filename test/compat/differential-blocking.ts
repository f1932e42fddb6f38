/** What blocking commands of a run wait: nobody comes to serve them, so not long. */
import type { Source } from "./differential-source.ts";

/** The timeout of BLPOP and its like, in seconds. */
export function timeout({ prng }: Source): string {
  if (prng.chance(0.7)) return prng.pick(["0.01", "0.001", "1e-3"]);
  return prng.pick(["-1", "abc", "", "nan", "-0.5", "1e400", "0x", " 1", "99999999999999999999"]);
}

/** BLOCK of XREAD and XREADGROUP, in milliseconds, or nothing. */
export function block({ prng, values: v }: Source): string[] {
  if (prng.chance(0.8)) return [];
  const wrong = ["-1", "abc", "", "1.5", "9223372036854775808"];
  return [v.word("block"), prng.chance(0.8) ? prng.pick(["1", "3", "0"]) : prng.pick(wrong)];
}

const timeoutLast = /^(?:blpop|brpop|bzpopmin|bzpopmax|blmove|brpoplpush)$/;
const timeoutFirst = /^(?:blmpop|bzmpop)$/;

/** Shortens what a blocking command would wait, wherever a mutation has put it. */
export function withoutLong(args: readonly string[]): readonly string[] {
  const name = (args[0] ?? "").toLowerCase();
  const at = timeoutLast.test(name) ? args.length - 1 : timeoutFirst.test(name) ? 1 : -1;
  const isStreamRead = name === "xread" || name === "xreadgroup";
  const isLong = (text: string, most: number): boolean => Number(text) === 0 || Number(text) > most;
  return args.map((arg, index) => {
    if (index === at && index > 0 && isLong(arg, 0.05)) return "0.01";
    const isBlock = isStreamRead && (args[index - 1] ?? "").toLowerCase() === "block";
    return isBlock && isLong(arg, 50) && Number(arg) < 2 ** 63 - 1024 ? "10" : arg;
  });
}

/** XREAD, which reads only and so runs while the cluster is down, without BLOCK and what follows that. */
export function withoutBlock(args: string[]): string[] {
  if ((args[0] ?? "").toLowerCase() !== "xread") return args;
  const isBlock = (word: string | undefined): boolean => word?.toLowerCase() === "block";
  return args.filter((word, at) => !isBlock(word) && !isBlock(args[at - 1]));
}
