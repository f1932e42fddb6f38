import { describe, expect, test } from "bun:test";
import { entry, loadBuilds, put, seeded } from "./load.ts";

/** By definition, trying every reach of every star; classes as the table of accepted bytes they mean. */
function model(pattern: string, text: string, noCase: boolean): boolean {
  if (text === "") return pattern === "";
  const items: ("*" | ((byte: number) => boolean))[] = [];
  const lower = (byte: number) => (byte >= 65 && byte <= 90 ? byte + 32 : byte);
  const same = (a: number, b: number) => a === b || (noCase && lower(a) === lower(b));
  const signed = (byte: number) => (byte << 24) >> 24;
  let rest = [...Buffer.from(pattern, "latin1")];
  while (rest.length > 0) {
    const byte = rest.shift()!;
    const mark = String.fromCharCode(byte);
    if (mark === "*") items.push("*");
    else if (mark === "?") items.push(() => true);
    else if (mark === "[") {
      const negated = rest[0] === 0x5e;
      if (negated) rest.shift();
      const accepts: ((byte: number) => boolean)[] = [];
      for (;;) {
        const first = rest.shift();
        if (first === undefined || first === 0x5d) break;
        if (first === 0x5c && rest.length > 0) {
          const escaped = rest.shift()!;
          accepts.push((given) => given === escaped);
        } else if (rest.length >= 2 && rest[0] === 0x2d) {
          const ends = [signed(first), signed(rest[1]!)].sort((a, b) => a - b);
          const [low = 0, high = 0] = noCase ? ends.map(lower) : ends;
          rest = rest.slice(2);
          accepts.push((given) => {
            const value = signed(noCase ? lower(given) : given);
            return value >= low && value <= high;
          });
        } else accepts.push((given) => same(first, given));
      }
      items.push((given) => accepts.some((accept) => accept(given)) !== negated);
    } else {
      const wanted = mark === "\\" && rest.length > 0 ? rest.shift()! : byte;
      items.push((given) => same(wanted, given));
    }
  }
  const bytes = [...Buffer.from(text, "latin1")];
  let reached = new Set([0]);
  for (const item of items) {
    const next = new Set<number>();
    for (const at of reached) {
      if (item === "*") for (let to = at; to <= bytes.length; to++) next.add(to);
      else if (at < bytes.length && item(bytes[at]!)) next.add(at + 1);
    }
    reached = next;
  }
  return reached.has(bytes.length);
}

for (const build of await loadBuilds()) {
  const globMatch = entry(build, "globMatch");
  const patternPtr = build.scratch;
  const textPtr = build.scratch + 100_000;
  const match = (pattern: string, text: string, noCase = false) => {
    const patternLength = put(build, patternPtr, Buffer.from(pattern, "latin1"));
    put(build, patternPtr + patternLength, "]*");
    const textLength = put(build, textPtr, Buffer.from(text, "latin1"));
    return globMatch(patternPtr, patternLength, textPtr, textLength, noCase ? 1 : 0) === 1;
  };

  describe(`globMatch in ${build.name}`, () => {
    test("matches", () => {
      const cases: [string, string][] = [
        ["*", "anything"],
        ["h?llo", "hello"],
        ["h*llo", "hllo"],
        ["h*llo", "heeeello"],
        ["h[ae]llo", "hallo"],
        ["h[^e]llo", "hbllo"],
        ["h[a-c]llo", "hbllo"],
        ["h[c-a]llo", "hbllo"],
        ["user:*:name", "user:1:2:name"],
        ["a\\*b", "a*b"],
        ["[\\]]", "]"],
        ["[a-", "-"],
        ["[a", "a"],
        ["[^", "x"],
        ["a\\", "a\\"],
        ["**a**", "a"],
        ["", ""],
        ["[a-\xff]", "\x05"],
      ];
      for (const [pattern, text] of cases) {
        expect([pattern, text, match(pattern, text)]).toEqual([pattern, text, true]);
      }
      expect(match("HeL[L]o[A-C]", "hello\x62", true)).toBe(true);
    });

    test("does not match", () => {
      const cases: [string, string][] = [
        ["*", ""],
        ["h?llo", "hllo"],
        ["h[^e]llo", "hello"],
        ["a", "A"],
        ["[", "["],
        ["[]a]", "a"],
        ["a*", "ba"],
        ["?", ""],
        ["", "a"],
        ["a\\*b", "axb"],
      ];
      for (const [pattern, text] of cases) {
        expect([pattern, text, match(pattern, text)]).toEqual([pattern, text, false]);
      }
      expect(match("[\\A]", "a", true)).toBe(false);
    });

    test("hostile patterns take no exponential time and no deep stack", () => {
      expect(match(`${"a*".repeat(30_000)}b`, "a".repeat(60_000))).toBe(false);
      expect(match("*a".repeat(40_000), "a".repeat(40_000))).toBe(true);
    });

    test("agrees with the definition", () => {
      const seed = 31337;
      const random = seeded(seed);
      const alphabet = ["a", "b", "A", "B", "c", "-", "*", "?", "[", "]", "^", "\\", "\xe9", "Z"];
      const word = (length: number, letters: string[]) =>
        Array.from({ length }, () => letters[random() % letters.length]).join("");
      for (let i = 0; i < 20_000; i++) {
        const pattern = word(random() % 9, alphabet);
        const text = word(random() % 7, random() & 1 ? alphabet : ["a", "b", "A"]);
        const noCase = (random() & 1) === 1;
        const found = match(pattern, text, noCase);
        if (found !== model(pattern, text, noCase)) {
          const which = JSON.stringify([pattern, text, noCase]);
          throw new Error(`seed ${seed}, case ${i}: ${which} gave ${found}`);
        }
      }
    });
  });
}
