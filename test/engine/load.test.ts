import { describe, expect, test } from "bun:test";
import { LoadStatus } from "../../assembly/abi.ts";
import { Setting } from "../../assembly/settings.ts";
import { seeded } from "../assembly/load.ts";
import { Session, sound, startEngines } from "./harness.ts";
import { fill, loadAll, NOW, snapshotOf } from "./rdb-support.ts";

const hex = (text: string): Buffer => Buffer.from(text.replaceAll(" ", ""), "hex");
const signature = (version: string): Buffer => Buffer.from(`REDIS${version}`);
const file = (version: string, ...parts: string[]): Buffer =>
  Buffer.concat([signature(version), ...parts.map(hex), hex("ff 00000000 00000000")]);

for (const instance of await startEngines()) {
  const { engine, name } = instance;
  const session = new Session(instance, { nowMs: NOW });
  engine.set(Setting.RdbCompression, 1);
  engine.set(Setting.RdbChecksum, 1);

  describe(`load (${name})`, () => {
    test("a file cut anywhere loads the same", () => {
      fill(session, seeded(5), 60);
      const digest = engine.digest();
      const keys = [0, 1, 9].reduce((sum, database) => sum + engine.keyCount(database), 0);
      const whole = snapshotOf(engine);
      for (const size of [1, 2, 3, 7, 100, 4096]) {
        expect(loadAll(engine, whole, size)).toBe(LoadStatus.Done);
        expect(engine.digest()).toBe(digest);
        expect(engine.imageReader.keys).toBe(keys);
        expect(engine.imageReader.bytes).toBe(whole.length);
      }
      for (let cut = 0; cut < Math.min(whole.length, 3000); cut++) {
        expect(loadAll(engine, whole.subarray(0, cut), 512)).toBe(LoadStatus.More);
      }
      expect(sound(instance)).toBe(true);
    });

    test("what belongs to others is stepped over", () => {
      const status = loadAll(
        engine,
        file(
          "0012",
          "fa 03 616263 c1 e803", // abc = 1000
          "f5 05 68656c6c6f", // a function library
          "f7 81 0123456789abcdef 02 01", // a module's data
          "01 05 02 05 03 00000000 04 0000000000000000 05 02 6869 05 c3 04 0a 03616161 00",
          "fe 00 fb 01 00 f4 05 01 00", // database 0, sizes, a slot's sizes
          "00 01 61 01 62", // a = b
        ),
      );
      expect(status).toBe(LoadStatus.Done);
      expect(session.call("GET", "a")).toBe("b");
      expect(engine.imageReader.aux()).toEqual(new Map([["abc", "1000"]]));
    });

    test("every encoding of a string", () => {
      const record = (key: string, value: string): string =>
        `00 01 ${Buffer.from(key).toString("hex")} ${value}`;
      const status = loadAll(
        engine,
        file(
          "0009",
          record("a", "c0 ff"),
          record("b", "c1 0080"),
          record("c", "c2 ffffff7f"),
          record("d", "40 03 313233"),
          record("e", "80 00000002 6162"),
          record("f", "81 0000000000000001 7a"),
          record("g", "c3 09 40 64 016161e05700016161"),
          "00 c0 2a 00", // the key 42 is an integer, its value empty
        ),
      );
      expect(status).toBe(LoadStatus.Done);
      const values = session.call("MGET", "a", "b", "c", "d", "e", "f", "g", "42");
      const wanted = ["-1", "-32768", "2147483647", "123", "ab", "z", "a".repeat(100), ""];
      expect(values).toEqual(wanted);
      expect(session.call("OBJECT", "ENCODING", "d")).toBe("int");
    });

    test("expired keys are left out, but not on a replica", () => {
      const record = (seconds: number, key: string): string => {
        const time = Buffer.alloc(4);
        time.writeInt32LE(seconds);
        return `fd ${time.toString("hex")} 00 01 ${Buffer.from(key).toString("hex")} 01 76`;
      };
      const old = file(
        "0010",
        record(NOW / 1000 - 1, "a"),
        record(-5, "b"),
        record(NOW / 1000 + 9, "c"),
      );
      expect(loadAll(engine, old)).toBe(LoadStatus.Done);
      expect([engine.imageReader.keys, engine.imageReader.expiredKeys]).toEqual([1, 2]);
      expect(session.call("PTTL", "c")).toBe(9000);
      engine.set(Setting.Replica, 1);
      expect(loadAll(engine, old)).toBe(LoadStatus.Done);
      expect([engine.imageReader.keys, engine.imageReader.expiredKeys]).toEqual([3, 0]);
      engine.set(Setting.Replica, 0);
    });

    test("reasons to refuse a file", () => {
      const refused: [Buffer, LoadStatus][] = [
        [Buffer.from("VALKEY080"), LoadStatus.BadSignature],
        [signature("0013"), LoadStatus.BadVersion],
        [signature("0000"), LoadStatus.BadVersion],
        [signature("00x1"), LoadStatus.BadVersion],
        [file("0010", "fe 10"), LoadStatus.Corrupt],
        [file("0010", "00 01 61 c3 03 7f 016161"), LoadStatus.Corrupt],
        [file("0010", "00 01 61 c4"), LoadStatus.Corrupt],
        [file("0010", "00 81 ffffffffffffffff"), LoadStatus.Corrupt],
        [file("0010", "82"), LoadStatus.UnknownType],
        [file("0010", "08 01 61"), LoadStatus.UnknownType],
        [file("0010", "00 01 61 01 62", "00 01 61 01 62"), LoadStatus.DuplicateKey],
        [Buffer.concat([signature("0010"), hex("ff 0100000000000000")]), LoadStatus.BadChecksum],
      ];
      for (const [bytes, wanted] of refused) {
        expect(loadAll(engine, bytes), bytes.toString("hex")).toBe(wanted);
      }
      engine.set(Setting.RdbChecksum, 0);
      expect(loadAll(engine, refused.at(-1)![0])).toBe(LoadStatus.Done);
      engine.set(Setting.RdbChecksum, 1);
      // Before version 5 there was no checksum.
      const old = Buffer.concat([signature("0004"), hex("00 01 61 01 62 ff")]);
      expect(loadAll(engine, old)).toBe(LoadStatus.Done);
    });

    test("20 000 damaged files do no harm", () => {
      const seed = 77;
      const random = seeded(seed);
      engine.set(Setting.RdbChecksum, 0);
      engine.flush(-1, false);
      fill(session, random, 12);
      for (let i = 0; i < 30; i++) session.call("SET", `k${i}`, "ab".repeat(i), "EX", "100");
      const whole = snapshotOf(engine);
      engine.flush(-1, false);
      const used = engine.usedMemory;
      for (let i = 0; i < 20_000; i++) {
        const bytes = Buffer.from(whole);
        for (let changes = 1 + (random() % 4); changes > 0; changes--) {
          const at = 9 + (random() % (bytes.length - 9));
          const special = [0, 0xc0, 0xc3, 0x80, 0x81, 0xfe, 0xfd, 0xf7, 0xff, random()];
          bytes[at] = special[random() % special.length]!;
        }
        const end = random() % 4 === 0 ? random() % bytes.length : bytes.length;
        engine.imageReader.begin(NOW);
        let status = LoadStatus.More;
        const size = random() % 3 === 0 ? 1 + (random() % 300) : bytes.length;
        for (let at = 0; at < end && status === LoadStatus.More; at += size) {
          status = engine.imageReader.push(bytes.subarray(at, Math.min(at + size, end)));
        }
        engine.imageReader.end();
        if (i % 500 === 0) expect(sound(instance), `seed ${seed}, case ${i}`).toBe(true);
        engine.flush(-1, false);
      }
      session.call("PING");
      expect(engine.usedMemory, `seed ${seed}`).toBeLessThan(used + (8 << 20));
      expect(sound(instance), `seed ${seed}`).toBe(true);
      engine.set(Setting.RdbChecksum, 1);
    }, 60_000);

    test("a value of 200 MB", () => {
      if (name !== "engine-release") return;
      engine.flush(-1, false);
      const length = 200 << 20;
      const head = Buffer.concat([signature("0010"), hex("00 01 61 80 0c800000")]);
      engine.imageReader.begin(NOW);
      expect(engine.imageReader.push(head)).toBe(LoadStatus.More);
      const piece = Buffer.alloc(4 << 20, 120);
      for (let at = 0; at < length; at += piece.length) {
        expect(engine.imageReader.push(piece)).toBe(LoadStatus.More);
      }
      expect(engine.imageReader.push(hex("ff 0000000000000000"))).toBe(LoadStatus.Done);
      engine.imageReader.end();
      expect(session.call("STRLEN", "a")).toBe(length);
      expect(session.call("DEL", "a")).toBe(1);
      expect(sound(instance)).toBe(true);
    });
  });
}
