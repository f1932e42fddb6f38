/** Keys, values, numbers and times that lie where servers differ: at the edges. */
import type { Prng } from "../../src/base/prng.ts";

/** A small universe, so that commands meet. */
export const keys: readonly string[] = [
  "a",
  "b",
  "{t}1",
  "{t}2",
  "{t}3",
  "user{t}",
  "",
  "key with space",
  "\x00\xff\r\n\t",
  "{}x",
  `long:${"0123456789abcdef".repeat(260)}`,
  "[a-c]*?\\",
];

const taggedKeys = keys.filter((key) => key.includes("{t}"));

/** Types whose commands get keys of their own half of the time, so that long values come together. */
const kinds = ["bits", "hash", "hll", "list", "set", "stream", "zset"] as const;
export type Kind = (typeof kinds)[number];

const keysOf = (kind: Kind): string[] => ["1", "2"].map((number) => `{t}${kind}${number}`);

export const ownKeys: readonly string[] = kinds.flatMap(keysOf);

const numbers: readonly string[] = [
  "0",
  "1",
  "-1",
  "2",
  "7",
  "9",
  "10",
  "-10",
  "99",
  "100",
  "9999",
  "10000",
  "65536",
  "2147483647",
  "2147483648",
  "-2147483648",
  "-2147483649",
  "4294967295",
  "4294967296",
  "9007199254740993",
  "9223372036854775806",
  "9223372036854775807",
  "-9223372036854775807",
  "-9223372036854775808",
];

const badNumbers: readonly string[] = [
  "9223372036854775808",
  "-9223372036854775809",
  "18446744073709551615",
  "18446744073709551616",
  "99999999999999999999999",
  "00",
  "01",
  "-0",
  "+1",
  " 1",
  "1 ",
  "1.0",
  "1e3",
  "0x10",
  "abc",
  "",
  "-",
  "1\x00",
  "\x00",
];

const decimals: readonly string[] = [
  "0.1",
  "-0.1",
  "1.5",
  "3.0",
  "3.0e3",
  "5.0e3",
  "200.5e-3",
  "1e17",
  "-1e17",
  "123456789.123456789",
  "0.000000000000000001",
  "1e-18",
  "1e-400",
  "1.7976931348623157e308",
  "1e400",
  "1e4932",
  "1e5000",
  ".5",
  "5.",
  "+.5e+1",
  "0x1p3",
  "0x10",
  "inf",
  "-inf",
  "+inf",
  "infinity",
  "nan",
  "-nan",
  "1e",
  "e1",
  ".",
  "1.5.5",
  " 1.5",
  "1.5 ",
  "1,5",
];

const fixedValues: readonly string[] = [
  "",
  "x",
  "hello",
  "Hello World",
  "\x00",
  "\xff\xfe\x00\x01",
  "line\r\nbreak",
  "a".repeat(43),
  "a".repeat(44),
  "a".repeat(45),
  "12345678901234567890",
  "123456789012345678901",
];

const edgeTimes: readonly string[] = [
  "0",
  "-1",
  "-1000",
  "9223372036854775",
  "9223372036854776",
  "-9223372036854775",
  "-9223372036854776",
  "9223372036854775807",
  "-9223372036854775808",
];

export class Values {
  private readonly byKind = new Map<Kind, Values>();

  constructor(
    private readonly prng: Prng,
    private readonly tagged: boolean,
    private readonly kind?: Kind,
  ) {}

  /** The same for commands of one type. */
  of(kind: Kind): Values {
    const known = this.byKind.get(kind);
    if (known !== undefined) return known;
    const made = new Values(this.prng, this.tagged, kind);
    this.byKind.set(kind, made);
    return made;
  }

  key(): string {
    if (this.kind !== undefined && this.prng.chance(0.8)) return this.prng.pick(keysOf(this.kind));
    if (this.prng.chance(0.2)) return this.prng.pick(ownKeys);
    if (this.tagged && !this.prng.chance(0.15)) return this.prng.pick(taggedKeys);
    return this.prng.pick(keys);
  }

  ownKey(kind: Kind): string {
    return this.prng.pick(keysOf(kind));
  }

  keyList(most: number): string[] {
    return Array.from({ length: 1 + this.prng.below(most) }, () => this.key());
  }

  /** The word in any mixture of cases. */
  word(text: string): string {
    switch (this.prng.below(4)) {
      case 0:
        return text.toUpperCase();
      case 1:
        return [...text]
          .map((letter) => (this.prng.chance(0.5) ? letter.toUpperCase() : letter))
          .join("");
      default:
        return text;
    }
  }

  integer(): string {
    const { prng } = this;
    const kind = prng.below(20);
    if (kind < 9) return String(prng.below(41) - 20);
    if (kind < 12) return String(prng.below(2_000_001) - 1_000_000);
    if (kind < 18) return prng.pick(numbers);
    if (kind < 19) return prng.pick(badNumbers);
    return String((BigInt(prng.uint32()) << 32n) + BigInt(prng.uint32()) - (1n << 63n));
  }

  decimal(): string {
    const { prng } = this;
    const kind = prng.below(10);
    if (kind < 3) return prng.pick(decimals);
    if (kind < 5) return this.integer();
    if (kind < 7) return (prng.below(20_000) / 100 - 100).toFixed(2);
    if (kind < 9) return `${prng.below(2000) - 1000}.${prng.below(1_000_000_000)}`;
    return `${(prng.uint32() / 0x1_0000_0000 - 0.5).toPrecision(15)}e${prng.below(60) - 30}`;
  }

  value(): string {
    const { prng } = this;
    const kind = prng.below(40);
    if (kind < 12) return this.integer();
    if (kind < 16) return this.decimal();
    if (kind < 24) return prng.pick(fixedValues);
    if (kind < 32) return this.text(1 + prng.below(30));
    if (kind < 37) return this.text(40 + prng.below(60));
    if (kind < 39) return this.repetitive(100 + prng.below(3000));
    return prng.chance(0.5)
      ? this.binary(40_000 + prng.below(1000))
      : this.binary(prng.below(2000));
  }

  text(length: number): string {
    let text = "";
    while (text.length < length) text += String.fromCharCode(97 + this.prng.below(26));
    return text;
  }

  /** What compresses well. */
  private repetitive(length: number): string {
    const part = this.text(1 + this.prng.below(40));
    return part.repeat(Math.ceil(length / part.length)).slice(0, length);
  }

  private binary(length: number): string {
    return Buffer.from(this.prng.bytes(length)).toString("latin1");
  }

  /** Distances in seconds: hours at least, so that nothing expires during a run; or broken ones. */
  seconds(): string {
    const { prng } = this;
    if (prng.chance(0.1)) return prng.pick(edgeTimes);
    if (prng.chance(0.05)) return prng.pick(badNumbers);
    return String(10_000 + prng.below(4_000_000_000));
  }

  milliseconds(): string {
    const { prng } = this;
    if (prng.chance(0.1)) return prng.pick(edgeTimes);
    if (prng.chance(0.05)) return prng.pick(badNumbers);
    return String(10_000_000 + prng.below(4_000_000_000) * 1000);
  }

  /** Points in time, long gone or far off; a few fixed ones, so that GT and LT meet equal times. */
  unixSeconds(): string {
    const { prng } = this;
    if (prng.chance(0.1)) return prng.pick(edgeTimes);
    if (prng.chance(0.05)) return prng.pick(badNumbers);
    if (prng.chance(0.15)) return String(1 + prng.below(1_500_000_000));
    return prng.chance(0.5) ? "4102444800" : String(4_000_000_000 + prng.below(1_000_000));
  }

  unixMilliseconds(): string {
    const { prng } = this;
    if (prng.chance(0.1)) return prng.pick(edgeTimes);
    if (prng.chance(0.05)) return prng.pick(badNumbers);
    if (prng.chance(0.15)) return String(1 + prng.below(1_500_000_000));
    return prng.chance(0.5) ? "4102444800000" : String(4_000_000_000_000 + prng.below(2 ** 32));
  }

  index(): string {
    const { prng } = this;
    if (prng.chance(0.6)) return String(prng.below(60) - 30);
    if (prng.chance(0.3)) return String(prng.below(100_000));
    return prng.pick(["1048575", "1048576", "1048577", "4294967296", "-4294967296", this.wild()]);
  }

  private wild(): string {
    return this.prng.pick(["9223372036854775807", "-9223372036854775808", ...badNumbers]);
  }

  database(): string {
    const { prng } = this;
    if (prng.chance(0.6)) return "0";
    if (prng.chance(0.5)) return String(prng.below(4));
    return prng.pick(["15", "16", "-1", "2147483647", "2147483648", "4294967296", ...badNumbers]);
  }

  pattern(): string {
    const { prng } = this;
    if (prng.chance(0.2)) return this.key();
    return prng.pick([
      "*",
      "?",
      "a",
      "{t}*",
      "*t*",
      "[a-b]",
      "[^a]",
      "[b-a]",
      "\\[a-c\\]\\*\\?\\\\",
      "\\{t\\}?",
      "",
      "**",
      "long:*f",
      "*[",
      "*\\",
      "k*y*e",
      "??",
      "{}?",
      "*\xff*",
      "[]",
      "[^]",
    ]);
  }
}
