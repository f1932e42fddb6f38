import { describe, expect, test } from "bun:test";
import { createHash } from "node:crypto";
import { Setting } from "../../assembly/settings.ts";
import { Prng } from "../../src/base/prng.ts";
import { Session, sound, startEngines } from "../engine/harness.ts";

const WRONG = { error: "WRONGTYPE Key is not a valid HyperLogLog string value." };
const CORRUPT = { error: "INVALIDOBJ Corrupted HLL object detected" };

/**
 * From redis-server 7.0.15: so many elements ("0", "1" ... a hundred at a time), encoding, count, and SHA-1 of the
 * value before and after PFCOUNT.
 */
const filled: readonly (readonly [number, string, number, string, string])[] = [
  [
    1,
    "sparse",
    1,
    "120dd8713612b3f707ebf840484a86f59ff70a64",
    "7f3f06b6f9e93dc7c695e22d0d28c9eb505d1d3a",
  ],
  [
    10,
    "sparse",
    10,
    "5f877d9d0162bfb2730496659172bc7456679d3d",
    "c52b437994b58f7ceafcac4e964963979aaec487",
  ],
  [
    100,
    "sparse",
    100,
    "e448ecf5da41d8cbef3dfc98b83246a059f244da",
    "bd7a67f7bb0d666dfbc43a5e6be0eece01238c3d",
  ],
  [
    1000,
    "sparse",
    1001,
    "4b303e06b0d6db03a3a76f2ec573cd3e169405e7",
    "056844b23674733cdc7948ceec9b35608aef10d1",
  ],
  [
    2000,
    "dense",
    2007,
    "2171f65769f5e3025667dd86b6973403e6e6fc8b",
    "3bed5e7faba5c63c291c36f35c4ab7526bf181a5",
  ],
  [
    10000,
    "dense",
    9987,
    "07b3e1fddaf19bb10a41329cd37b92e1bcf1e5ff",
    "0100d7c90cd0c4a8d2b778575b7ee39ebc0cd7e0",
  ],
  [
    100000,
    "dense",
    99565,
    "ab6973d0a02ad01492516665fac6473e86680977",
    "34aa9fd8ef04422ffc0020bcca95202aa1f3757a",
  ],
];

const header = (layout: number): string =>
  `HYLL${String.fromCharCode(layout)}\x00\x00\x00${"\x00".repeat(7)}\x80`;

for (const instance of await startEngines()) {
  const { engine, name } = instance;
  const session = new Session(instance);
  const call = (...argv: (string | number)[]) => session.call(...argv);
  const digest = (key: string): string =>
    createHash("sha1")
      .update(Buffer.from(call("GET", key) as string, "latin1"))
      .digest("hex");
  const numbers = (from: number, to: number): number[] =>
    Array.from({ length: to - from }, (_, at) => from + at);
  engine.set(Setting.HllSparseMaxBytes, 3000);

  describe(`HyperLogLog (${name})`, () => {
    test("values have Redis's bytes", () => {
      expect(call("PFADD", "e")).toBe(1);
      expect(call("PFADD", "e")).toBe(0);
      const empty = Buffer.from(call("GET", "e") as string, "latin1");
      expect(empty.toString("hex")).toBe("48594c4c0100000000000000000000807fff");
      for (const [count, encoding, estimate, before, after] of filled) {
        call("DEL", "k");
        for (let at = 0; at < count; at += 100) {
          call("PFADD", "k", ...numbers(at, Math.min(count, at + 100)));
        }
        expect(call("PFDEBUG", "ENCODING", "k")).toBe(encoding);
        expect(digest("k")).toBe(before);
        expect(call("PFCOUNT", "k")).toBe(estimate);
        expect(digest("k")).toBe(after);
        expect(call("PFADD", "k", 0)).toBe(0);
        expect(digest("k")).toBe(after);
      }
      expect(sound(instance)).toBe(true);
    });

    test("unions and merges", () => {
      call("PFADD", "a", ...numbers(0, 50));
      call("PFADD", "b", ...numbers(30, 90));
      expect(call("PFCOUNT", "a", "b", "missing")).toBe(90);
      expect(call("PFMERGE", "m", "a", "b")).toBe("OK");
      expect(digest("m")).toBe("6e1b2a280ce0d9a4ed4eed64ce5575e815853b7b");
      call("PFDEBUG", "TODENSE", "b");
      call("PFMERGE", "m", "b");
      expect(call("PFDEBUG", "ENCODING", "m")).toBe("dense");
      expect(call("PFCOUNT", "m")).toBe(90);
      expect(call("PFCOUNT", "missing")).toBe(0);
      expect(call("PFMERGE", "new")).toBe("OK");
      expect(call("PFCOUNT", "new")).toBe(0);
    });

    test("hll-sparse-max-bytes decides when registers become dense", () => {
      engine.set(Setting.HllSparseMaxBytes, 100);
      call("PFADD", "t", ...numbers(0, 200));
      expect(call("PFDEBUG", "ENCODING", "t")).toBe("dense");
      expect(digest("t")).toBe("8527993759d2f12085c3ce8108d52f71b260ad00");
      engine.set(Setting.HllSparseMaxBytes, 3000);
    });

    test("PFDEBUG", () => {
      call("PFADD", "d", "a", "b", "c");
      const runs = "Z:8436 v:1,1 Z:4274 v:2,1 Z:3068 v:1,1 Z:603";
      expect(call("PFDEBUG", "decode", "d")).toBe(runs);
      const registers = call("PFDEBUG", "GETREG", "d") as number[];
      expect(registers.length).toBe(16384);
      expect(registers.reduce((sum, value) => sum + value)).toBe(4);
      expect(call("PFDEBUG", "ENCODING", "d")).toBe("dense");
      expect(call("PFDEBUG", "DECODE", "d")).toEqual({ error: "ERR HLL encoding is not sparse" });
      expect(call("PFDEBUG", "TODENSE", "d")).toBe(0);
      expect(call("PFDEBUG", "x", "missing")).toEqual({
        error: "ERR The specified key does not exist",
      });
      expect(call("PFDEBUG", "x", "d")).toEqual({ error: "ERR Unknown PFDEBUG subcommand 'x'" });
      expect(call("PFSELFTEST")).toBe("OK");
    });

    test("what is no HyperLogLog is refused", () => {
      const wrong = ["12", "HYLL", header(0), `${header(2)}\x7f\xff`, `hYLL${header(1).slice(4)}`];
      for (const value of wrong) {
        call("SET", "w", value);
        expect(call("PFADD", "w", "x")).toEqual(WRONG);
        expect(call("PFCOUNT", "w")).toEqual(WRONG);
        expect(call("PFMERGE", "x", "a", "w")).toEqual(WRONG);
        expect(call("PFDEBUG", "ENCODING", "w")).toEqual(WRONG);
      }
      for (const runs of ["", "\x7f\xfe", "\x7f\xff\x00", "\x80".repeat(3), "\x7f"]) {
        call("SET", "w", header(1) + runs);
        expect(call("PFCOUNT", "w")).toEqual(CORRUPT);
        expect(call("PFCOUNT", "w", "a")).toEqual(CORRUPT);
        expect(call("PFMERGE", "w")).toEqual(CORRUPT);
        expect(call("PFDEBUG", "TODENSE", "w")).toEqual(CORRUPT);
      }
    });

    test("PFCOUNT journals the count that it keeps", () => {
      engine.set(Setting.Journal, 1);
      call("PFADD", "j", "x");
      session.journalText();
      call("PFCOUNT", "j");
      expect(session.journalText()).toEndWith("*2\r\n$7\r\nPFCOUNT\r\n$1\r\nj\r\n");
      call("PFCOUNT", "j");
      expect(session.journalText()).toBe("");
      engine.set(Setting.Journal, 0);
    });

    const seed = Number(process.env["ATOLL_SEED"] ?? 815);
    test(`values of any bytes bring no harm (ATOLL_SEED=${seed})`, () => {
      const prng = new Prng(seed);
      for (let round = 0; round < 20_000; round++) {
        const runs = Array.from({ length: prng.below(30) }, () => {
          const kind = prng.below(4);
          if (kind === 0) return String.fromCharCode(prng.below(256));
          if (kind === 1) return String.fromCharCode(128 | prng.below(128));
          return String.fromCharCode(64 | prng.below(64), prng.below(256));
        }).join("");
        const fill = prng.chance(0.1) ? "\x7f\xff" : "";
        session.call("SET", "z", header(prng.chance(0.98) ? 1 : prng.below(256)) + runs + fill);
        engine.set(Setting.HllSparseMaxBytes, prng.below(60));
        const elements = Array.from({ length: 1 + prng.below(3) }, () => prng.below(100_000));
        switch (prng.below(5)) {
          case 0:
            call("PFMERGE", "z", "a");
            break;
          case 1:
            call("PFDEBUG", prng.pick(["DECODE", "TODENSE", "ENCODING"]), "z");
            break;
          default:
            call("PFADD", "z", ...elements);
        }
        call("PFCOUNT", "z");
        if (round % 2000 === 0) expect(sound(instance)).toBe(true);
      }
      engine.set(Setting.HllSparseMaxBytes, 3000);
      expect(sound(instance)).toBe(true);
    });
  });
}
