import { describe, expect, test } from "bun:test";
import { entry, loadBuilds, put, seeded, take } from "./load.ts";

/** Texts and their compressed bytes in the DUMP payloads of redis-server 7.0.15. */
const dumped: [string, string][] = [
  ["a".repeat(100), "016161e05700016161"],
  ["abc".repeat(20), "0361626361e02d02016263"],
  [
    "the quick brown fox; the quick brown dog; the quick red fox; ",
    "1574686520717569636b2062726f776e20666f783b2074e0061402646f67e00314027265644027013b20",
  ],
  ["0123456789".repeat(60), "0a3031323334353637383930e0ff09e1ff0de23211013839"],
];

/** The format, item by item; undefined if the stream is damaged. */
function model(input: Uint8Array, outLength: number): number[] | undefined {
  const output: number[] = [];
  for (let at = 0; at < input.length; ) {
    const control = input[at++]!;
    if (control < 32) {
      if (at + control + 1 > input.length) return undefined;
      output.push(...input.subarray(at, at + control + 1));
      at += control + 1;
    } else {
      let count = (control >> 5) + 2;
      if (count === 9) count += input[at++] ?? Number.NaN;
      const back = ((control & 31) << 8) + (input[at++] ?? Number.NaN) + 1;
      if (!(back <= output.length) || Number.isNaN(count)) return undefined;
      for (let i = 0; i < count; i++) output.push(output[output.length - back]!);
    }
    if (output.length > outLength) return undefined;
  }
  return output;
}

/** Something between noise and a single byte repeated, up to about 20 000 bytes. */
function compressible(random: () => number): Uint8Array {
  const words = Array.from({ length: 1 + (random() % 8) }, () =>
    Uint8Array.from({ length: 1 + (random() % (random() % 8 === 0 ? 300 : 12)) }, () => random()),
  );
  const count = 1 + (random() % (random() % 30 === 0 ? 400 : 40));
  return Buffer.concat(Array.from({ length: count }, () => words[random() % words.length]!));
}

for (const build of await loadBuilds()) {
  const input = build.scratch + 64;
  const output = build.scratch + 4 * 1024 * 1024;

  /** The compressed bytes, or undefined; checks that nothing is written beyond the capacity. */
  function compress(bytes: Uint8Array, capacity: number): Uint8Array | undefined {
    put(build, output, new Uint8Array(Math.max(capacity, 0) + 16).fill(0xee));
    put(build, input, bytes);
    const length = entry(build, "lzfCompress")(input, bytes.length, output, capacity);
    expect(length).toBeLessThanOrEqual(Math.max(capacity, 0));
    expect(take(build, output + Math.max(capacity, 0), 16)).toEqual(new Uint8Array(16).fill(0xee));
    return length > 0 ? take(build, output, length) : undefined;
  }

  function decompress(bytes: Uint8Array, outLength: number): Uint8Array | undefined {
    put(build, output, new Uint8Array(outLength + 16).fill(0xee));
    put(build, input, bytes);
    const length = entry(build, "lzfDecompress")(input, bytes.length, output, outLength);
    expect(length).toBeLessThanOrEqual(outLength);
    expect(take(build, output + outLength, 16)).toEqual(new Uint8Array(16).fill(0xee));
    return length > 0 ? take(build, output, length) : undefined;
  }

  describe(`lzf in ${build.name}`, () => {
    test("the bytes of redis-server", () => {
      for (const [text, hex] of dumped) {
        const bytes = Buffer.from(text);
        expect(Buffer.from(compress(bytes, bytes.length - 4) ?? []).toString("hex")).toBe(hex);
        expect(Buffer.from(decompress(Buffer.from(hex, "hex"), 1000) ?? []).toString()).toBe(text);
      }
    });

    test("noise and short inputs do not fit", () => {
      const random = seeded(3);
      expect(compress(new Uint8Array(0), 10)).toBeUndefined();
      expect(compress(Uint8Array.from({ length: 500 }, random), 496)).toBeUndefined();
      expect(compress(Buffer.from("aaaaaaaaaaaaaaaaaaaaaaaa"), 0)).toBeUndefined();
      expect(compress(Buffer.from("aaaaaaaaaaaaaaaaaaaaaaaa"), 3)).toBeUndefined();
    });

    test("what is compressed expands to the same, whatever room there is", () => {
      const seed = 1717;
      const random = seeded(seed);
      let compressed = 0;
      for (let i = 0; i < 2000; i++) {
        const bytes = compressible(random);
        const capacity = random() % 3 ? bytes.length - 4 : random() % (bytes.length + 8);
        const found = compress(bytes, capacity);
        if (found === undefined) continue;
        compressed++;
        const back = decompress(found, bytes.length);
        if (back === undefined || !Buffer.from(back).equals(bytes)) {
          throw new Error(`seed ${seed}, case ${i}: ${bytes.length} bytes do not come back`);
        }
        expect(decompress(found, bytes.length - 1)).toBeUndefined();
      }
      expect(compressed).toBeGreaterThan(1000);
    });

    test("damaged streams are refused or expand as the format says", () => {
      const seed = 404;
      const random = seeded(seed);
      for (let i = 0; i < 10_000; i++) {
        const bytes = Uint8Array.from({ length: random() % 40 }, () =>
          random() & 1 ? random() % 36 : random(),
        );
        const outLength = random() % 400;
        const found = decompress(bytes, outLength);
        const wanted = model(bytes, outLength);
        const same = found?.join() === (wanted?.length ? wanted.join() : undefined);
        if (!same) throw new Error(`seed ${seed}, case ${i}: [${bytes}] into ${outLength}`);
      }
    });
  });
}
