import { describe, expect, test } from "bun:test";
import { entry, loadBuilds, put, seeded, takeText, wideEntry } from "./load.ts";

const MAX = 2n ** 63n - 1n;
const MIN = -(2n ** 63n);

/** What Redis's `string2ll` accepts. */
function model(text: string): bigint | undefined {
  if (!/^(?:0|-?[1-9][0-9]*)$/.test(text)) return undefined;
  const value = BigInt(text);
  return value >= MIN && value <= MAX ? value : undefined;
}

for (const build of await loadBuilds()) {
  const parseInt64 = entry(build, "parseInt64");
  const parsedInt64 = wideEntry(build, "parsedInt64");
  const writeInt64 = entry(build, "writeInt64");
  const int64Length = entry(build, "int64Length");
  const at = build.scratch + 3;

  function parse(text: string): bigint | undefined {
    put(build, at - 1, "1");
    const length = put(build, at, text);
    put(build, at + length, "1");
    return parseInt64(at, length) ? parsedInt64() : undefined;
  }

  function write(value: bigint): string {
    put(build, at, "##########################");
    const length = writeInt64(at, value);
    expect(int64Length(value)).toBe(length);
    expect(takeText(build, at + length, 1)).toBe("#");
    return takeText(build, at, length);
  }

  describe(`integers in ${build.name}`, () => {
    test("accepts what string2ll accepts", () => {
      expect(parse("0")).toBe(0n);
      expect(parse("-1")).toBe(-1n);
      expect(parse("9223372036854775807")).toBe(MAX);
      expect(parse("-9223372036854775808")).toBe(MIN);
    });

    test("refuses everything else", () => {
      const refused = [
        "",
        "-",
        "-0",
        "+1",
        " 1",
        "1 ",
        "01",
        "-01",
        "1.0",
        "1e3",
        "0x10",
        "--1",
        "1-",
      ];
      refused.push("9223372036854775808", "-9223372036854775809", "99999999999999999999");
      refused.push("18446744073709551616", "18446744073709551617", "12345678:", "/2345678", "1\0");
      refused.push("123456789012345678901234567890", "00", "1234567a", "12345678a");
      for (const text of refused) expect([text, parse(text)]).toEqual([text, undefined]);
    });

    test("reads and writes what BigInt reads and writes", () => {
      const seed = 42;
      const random = seeded(seed);
      for (let i = 0; i < 10_000; i++) {
        const wide = (BigInt(random()) << 32n) | BigInt(random());
        const value = BigInt.asIntN(64, BigInt.asIntN(64, wide) >> BigInt(random() % 64));
        const text = String(value);
        if (write(value) !== text) throw new Error(`seed ${seed}: ${text} written ${write(value)}`);
        const edited = [...text];
        const spot = random() % (edited.length + 1);
        edited.splice(spot, random() % 2, "0123456789-+ ./:\0"[random() % 17]!);
        for (const input of [text, edited.join("")]) {
          const found = parse(input);
          if (found !== model(input)) throw new Error(`seed ${seed}: "${input}" read as ${found}`);
        }
      }
    });

    test("eight digits at a time", () => {
      const text = wideEntry(build, "textOfEight");
      const random = seeded(7);
      const values = [0, 9, 99, 100, 9_999, 10_000, 99_990_000, 99_999_999];
      for (let i = 0; i < 10_000; i++) values.push(random() % 100_000_000);
      for (const value of values) {
        const bytes = Buffer.alloc(8);
        bytes.writeBigUInt64LE(BigInt.asUintN(64, text(value)));
        expect(bytes.toString("latin1")).toBe(String(value).padStart(8, "0"));
      }
    });

    test("every length and every border", () => {
      for (let power = 1n; power <= MAX; power *= 10n) {
        for (const value of [power - 1n, power, power + 1n]) {
          expect(write(value)).toBe(String(value));
          expect(write(-value)).toBe(String(-value));
        }
      }
      expect(write(MAX)).toBe(String(MAX));
      expect(write(MIN)).toBe(String(MIN));
    });
  });
}
