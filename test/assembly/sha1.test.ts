import { describe, expect, test } from "bun:test";
import { createHash } from "node:crypto";
import { entry, loadBuilds, put, seeded, take } from "./load.ts";

for (const build of await loadBuilds()) {
  const state = build.scratch;
  const out = build.scratch + 128;
  const data = build.scratch + 256;

  function digest(bytes: Uint8Array, pieces: () => number): string {
    entry(build, "sha1Init")(state);
    put(build, data, bytes);
    for (let at = 0; at < bytes.length; ) {
      const length = Math.min(pieces(), bytes.length - at);
      entry(build, "sha1Update")(state, data + at, length);
      at += length;
    }
    entry(build, "sha1Final")(state, out);
    return Buffer.from(take(build, out, 20)).toString("hex");
  }

  describe(`sha1 in ${build.name}`, () => {
    test("the examples of the standard", () => {
      const all = () => 1_000_000;
      expect(digest(Buffer.from(""), all)).toBe("da39a3ee5e6b4b0d3255bfef95601890afd80709");
      expect(digest(Buffer.from("abc"), all)).toBe("a9993e364706816aba3e25717850c26c9cd0d89d");
    });

    test("any length in any pieces", () => {
      const seed = 8;
      const random = seeded(seed);
      for (let length = 0; length < 400; length++) {
        const bytes = Uint8Array.from({ length }, () => random());
        const found = digest(bytes, () => random() % 100);
        const wanted = createHash("sha1").update(bytes).digest("hex");
        if (found !== wanted) throw new Error(`seed ${seed}, length ${length}: ${found}`);
      }
    });
  });
}
