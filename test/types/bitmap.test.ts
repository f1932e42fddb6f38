import { describe, expect, test } from "bun:test";
import { Setting } from "../../assembly/settings.ts";
import { Prng } from "../../src/base/prng.ts";
import { Session, sound, startEngines } from "../engine/harness.ts";

const OFFSET = { error: "ERR bit offset is not an integer or out of range" };
const BIT = { error: "ERR bit is not an integer or out of range" };
const TYPE = {
  error:
    "ERR Invalid bitfield type. Use something like i16 u8. Note that u64 is not supported but i64 is.",
};
const SYNTAX = { error: "ERR syntax error" };
const NUMBER = { error: "ERR value is not an integer or out of range" };

for (const instance of await startEngines()) {
  const { engine, name } = instance;
  const session = new Session(instance);
  const call = (...argv: (string | number)[]) => session.call(...argv);

  describe(`bitmaps (${name})`, () => {
    test("SETBIT and GETBIT", () => {
      expect(call("SETBIT", "k", 7, 1)).toBe(0);
      expect(call("GET", "k")).toBe("\x01");
      expect(call("OBJECT", "ENCODING", "k")).toBe("raw");
      expect(call("SETBIT", "k", 7, 0)).toBe(1);
      expect(call("SETBIT", "k", 8, 0)).toBe(0);
      expect(call("GET", "k")).toBe("\x00\x00");
      expect(call("GETBIT", "k", 100)).toBe(0);
      expect(call("GETBIT", "missing", 0)).toBe(0);
      call("SET", "n", "12");
      expect(call("GETBIT", "n", 7)).toBe(1);
      expect(call("SETBIT", "n", 7, 1)).toBe(1);
      expect(call("OBJECT", "ENCODING", "n")).toBe("raw");
      expect(call("GET", "n")).toBe("12");
      expect(sound(instance)).toBe(true);
    });

    test("offsets and bits out of range", () => {
      for (const offset of ["-1", "4294967296", "x", "#1", "", "9223372036854775807"]) {
        expect(call("SETBIT", "k", offset, 1)).toEqual(OFFSET);
        expect(call("GETBIT", "k", offset)).toEqual(OFFSET);
      }
      for (const bit of ["2", "-1", "x", "", "4294967296"]) {
        expect(call("SETBIT", "k", 0, bit)).toEqual(BIT);
      }
      engine.set(Setting.ProtoMaxBulkLength, 1 << 20);
      expect(call("SETBIT", "far", (1 << 23) - 1, 1)).toBe(0);
      expect(call("SETBIT", "far", 1 << 23, 1)).toEqual(OFFSET);
      expect(call("STRLEN", "far")).toBe(1 << 20);
      engine.set(Setting.ProtoMaxBulkLength, 512 << 20);
      call("DEL", "far");
    });

    test("the last bit of the longest string", () => {
      expect(call("SETBIT", "huge", 4294967295, 1)).toBe(0);
      expect(call("STRLEN", "huge")).toBe(512 << 20);
      expect(call("BITCOUNT", "huge")).toBe(1);
      expect(call("BITPOS", "huge", 1)).toBe(4294967295);
      expect(call("BITPOS", "huge", 0, -1)).toBe(4294967288);
      call("DEL", "huge");
    });

    test("a write that changes nothing is none: no journal, no watcher", () => {
      engine.set(Setting.Journal, 1);
      const other = new Session(instance);
      session.journalText();
      call("SET", "w", "5");
      session.journalText();
      other.call("WATCH", "w");
      call("SETBIT", "w", 2, 1);
      call("BITFIELD", "w", "SET", "u8", 0, 53);
      expect(session.journalText()).toBe("");
      other.call("MULTI");
      other.call("PING");
      expect(other.call("EXEC")).not.toBe(null);
      other.call("WATCH", "w");
      call("SETBIT", "w", 2, 0);
      expect(session.journalText()).toContain("SETBIT");
      other.call("MULTI");
      expect(other.call("EXEC")).toBe(null);
      engine.set(Setting.Journal, 0);
      other.free();
    });

    test("BITCOUNT and BITPOS: syntax", () => {
      call("SET", "k", "\xff\xf0\x00");
      expect(call("BITCOUNT", "k", 0)).toEqual(SYNTAX);
      expect(call("BITCOUNT", "k", 0, -1, "bite")).toEqual(SYNTAX);
      expect(call("BITCOUNT", "k", 0, "x")).toEqual(NUMBER);
      expect(call("BITCOUNT", "missing", "x", "y", "z", "w")).toBe(0);
      expect(call("BITCOUNT", "k", 5, 30, "BIT")).toBe(7);
      expect(call("BITCOUNT", "k", -2, -1, "BYTE")).toBe(4);
      expect(call("BITPOS", "k", 2)).toEqual({ error: "ERR The bit argument must be 1 or 0." });
      expect(call("BITPOS", "k", 0)).toBe(12);
      expect(call("BITPOS", "missing", 0, 5)).toBe(0);
      expect(call("BITPOS", "missing", 1)).toBe(-1);
      call("SET", "ones", "\xff\xff");
      expect(call("BITPOS", "ones", 0)).toBe(16);
      expect(call("BITPOS", "ones", 0, 1)).toBe(16);
      expect(call("BITPOS", "ones", 0, 0, -1)).toBe(-1);
      expect(call("BITPOS", "ones", 1, 9, 10, "BIT")).toBe(9);
      call("SET", "empty", "");
      expect(call("BITPOS", "empty", 0)).toBe(-1);
    });

    test("BITOP", () => {
      call("MSET", "a", "abcdef", "b", "abc", "n", "123");
      expect(call("BITOP", "AND", "r", "a", "b")).toBe(6);
      expect(call("GET", "r")).toBe("abc\x00\x00\x00");
      expect(call("OBJECT", "ENCODING", "r")).toBe("raw");
      expect(call("BITOP", "xor", "a", "a", "a")).toBe(6);
      expect(call("GET", "a")).toBe("\x00".repeat(6));
      expect(call("BITOP", "or", "r", "n", "none", "b")).toBe(3);
      expect(call("GET", "r")).toBe("qrs");
      expect(call("BITOP", "not", "r", "n", "b")).toEqual({
        error: "ERR BITOP NOT must be called with a single source key.",
      });
      expect(call("BITOP", "nor", "r", "n")).toEqual(SYNTAX);
      expect(call("BITOP", "and", "r", "none")).toBe(0);
      expect(call("EXISTS", "r")).toBe(0);
      call("SET", "r", "x", "EX", 100);
      call("BITOP", "or", "r", "b");
      expect(call("TTL", "r")).toBe(-1);
    });

    test("BITFIELD: errors", () => {
      for (const type of ["u64", "i65", "i0", "x1", "", "i", "u08"]) {
        expect(call("BITFIELD", "f", "GET", type, 0)).toEqual(TYPE);
      }
      expect(call("BITFIELD", "f", "GET", "u8")).toEqual(SYNTAX);
      expect(call("BITFIELD", "f", "GET", "u8", "#x")).toEqual(OFFSET);
      expect(call("BITFIELD", "f", "SET", "u8", 0, "x")).toEqual(NUMBER);
      expect(call("BITFIELD", "f", "OVERFLOW", "bad")).toEqual({
        error: "ERR Invalid OVERFLOW type specified",
      });
      expect(call("BITFIELD_RO", "f", "SET", "u8", 0, 1)).toEqual({
        error: "ERR BITFIELD_RO only supports the GET subcommand",
      });
      expect(call("BITFIELD", "f")).toEqual([]);
      expect(call("EXISTS", "f")).toBe(0);
      expect(call("BITFIELD", "f", "OVERFLOW", "FAIL", "INCRBY", "u2", 0, 9)).toEqual([null]);
      expect(call("STRLEN", "f")).toBe(1);
    });

    const seed = Number(process.env["ATOLL_SEED"] ?? 4711);
    test(`ranges and operations against a model (ATOLL_SEED=${seed})`, () => {
      const prng = new Prng(seed);
      const bitsOf = (text: string): number[] =>
        [...Buffer.from(text, "latin1")].flatMap((byte) =>
          Array.from({ length: 8 }, (_, at) => (byte >> (7 - at)) & 1),
        );
      for (let round = 0; round < 600; round++) {
        const length = prng.below(prng.chance(0.3) ? 200 : 12);
        const kind = prng.below(3);
        const text = Buffer.from(
          Array.from({ length }, () => (kind === 0 ? prng.below(256) : kind === 1 ? 0 : 255)),
        ).toString("latin1");
        call("SET", "m", text);
        const bits = bitsOf(text);
        const inBits = prng.chance(0.5);
        const total = inBits ? length * 8 : length;
        const [first, last] = [prng.below(total * 3 + 6), prng.below(total * 3 + 6)].map(
          (at) => at - total - 3,
        ) as [number, number];
        const clip = (at: number): number => (at < 0 ? Math.max(0, at + total) : at);
        let [from, to] = [clip(first), Math.min(clip(last), total - 1)];
        if (first < 0 && last < 0 && first > last) [from, to] = [1, 0];
        const chosen = inBits ? bits.slice(from, to + 1) : bits.slice(from * 8, (to + 1) * 8);
        const inRange = from > to ? [] : chosen;
        const unit = inBits ? "BIT" : "BYTE";
        const where = `${JSON.stringify(text)} ${first} ${last} ${unit}`;
        expect(call("BITCOUNT", "m", first, last, unit), where).toBe(
          inRange.filter((bit) => bit === 1).length,
        );
        for (const bit of [0, 1]) {
          // BITPOS has no rule of its own for two negative ends.
          const [low, high] = [clip(first), Math.min(clip(last), total - 1)];
          const start = inBits ? low : low * 8;
          const found =
            low > high ? -1 : bits.slice(start, inBits ? high + 1 : high * 8 + 8).indexOf(bit);
          expect(call("BITPOS", "m", bit, first, last, unit), where).toBe(
            found < 0 ? -1 : found + start,
          );
        }
      }
    });

    test(`BITOP of long strings against a model (ATOLL_SEED=${seed})`, () => {
      const prng = new Prng(seed);
      const operations = {
        AND: (a: number, b: number) => a & b,
        OR: (a: number, b: number) => a | b,
        XOR: (a: number, b: number) => a ^ b,
      };
      for (let round = 0; round < 60; round++) {
        const values = Array.from({ length: 1 + prng.below(4) }, () =>
          prng.bytes(prng.below(3000)),
        );
        for (const [at, value] of values.entries()) session.call("SET", `v${at}`, value);
        const longest = Math.max(...values.map((value) => value.length));
        for (const [word, apply] of Object.entries(operations)) {
          const wanted = Buffer.from(
            Array.from({ length: longest }, (_, at) =>
              values.map((value) => value[at] ?? 0).reduce(apply),
            ),
          );
          const keys = values.map((_, at) => `v${at}`);
          expect(call("BITOP", word, "out", ...keys)).toBe(longest);
          if (longest > 0) expect(call("GET", "out")).toBe(wanted.toString("latin1"));
        }
        const [first] = values;
        call("BITOP", "NOT", "out", "v0");
        if (first !== undefined && first.length > 0) {
          expect(call("GET", "out")).toBe(
            Buffer.from(first.map((byte) => ~byte)).toString("latin1"),
          );
        }
      }
      expect(sound(instance)).toBe(true);
    });

    test(`BITFIELD against a model (ATOLL_SEED=${seed})`, () => {
      const prng = new Prng(seed);
      call("DEL", "f");
      let bits: number[] = [];
      for (let round = 0; round < 1500; round++) {
        const signed = prng.chance(0.5);
        const width = 1 + prng.below(signed ? 64 : 63);
        const offset = prng.below(120);
        const type = `${signed ? "i" : "u"}${width}`;
        const raw = Array.from({ length: width }, (_, at) => bits[offset + at] ?? 0);
        const unsigned = BigInt(`0b${raw.join("")}`);
        const before = signed ? BigInt.asIntN(width, unsigned) : unsigned;
        const amount =
          BigInt.asIntN(64, (BigInt(prng.uint32()) << 32n) | BigInt(prng.uint32())) >>
          BigInt(prng.below(64));
        const mode = prng.pick(["WRAP", "SAT", "FAIL"]);
        const adds = prng.chance(0.5);
        // Values that are set count as unsigned 64-bit ones where the field is unsigned.
        const base = adds ? before : signed ? amount : BigInt.asUintN(64, amount);
        const sum = adds ? base + amount : base;
        const least = signed ? -(1n << BigInt(width - 1)) : 0n;
        const most = signed ? (1n << BigInt(width - 1)) - 1n : (1n << BigInt(width)) - 1n;
        const fits = sum >= least && sum <= most;
        let after: bigint | null = sum;
        if (!fits) {
          if (mode === "FAIL") after = null;
          else if (mode === "SAT") after = sum > most ? most : least;
          else after = signed ? BigInt.asIntN(width, sum) : BigInt.asUintN(width, sum);
        }
        const operation = adds ? "INCRBY" : "SET";
        session.feed(
          Buffer.from(`BITFIELD f OVERFLOW ${mode} ${operation} ${type} ${offset} ${amount}\r\n`),
        );
        const shown = after === null ? "$-1" : `:${adds ? after : before}`;
        const where = `${mode} ${operation} ${type} ${offset} ${amount} on ${before}`;
        expect(session.raw(), where).toBe(`*1\r\n${shown}\r\n`);
        const total = Math.max(bits.length, Math.ceil((offset + width) / 8) * 8);
        while (bits.length < total) bits.push(0);
        if (after !== null) {
          const text = BigInt.asUintN(width, after).toString(2).padStart(width, "0");
          for (let at = 0; at < width; at++) bits[offset + at] = Number(text[at]);
        }
        if (prng.chance(0.02)) {
          const bytes = Array.from({ length: bits.length / 8 }, (_, at) =>
            Number.parseInt(bits.slice(at * 8, at * 8 + 8).join(""), 2),
          );
          expect(call("GET", "f")).toBe(Buffer.from(bytes).toString("latin1"));
          call("DEL", "f");
          bits = [];
        }
      }
      expect(sound(instance)).toBe(true);
    });
  });
}
