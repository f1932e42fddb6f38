import { describe, expect, test } from "bun:test";
import { Setting } from "../../assembly/settings.ts";
import { Session, sound, startEngines } from "./harness.ts";

for (const instance of await startEngines()) {
  const session = new Session(instance);

  describe(`LCS (${instance.name})`, () => {
    test("the example of the documentation", () => {
      session.call("MSET", "key1", "ohmytext", "key2", "mynewtext");
      expect(session.call("LCS", "key1", "key2")).toBe("mytext");
      expect(session.call("LCS", "key1", "key2", "LEN")).toBe(6);
      const late = [
        [4, 7],
        [5, 8],
      ];
      const early = [
        [2, 3],
        [0, 1],
      ];
      expect(session.call("LCS", "key1", "key2", "IDX")).toEqual([
        "matches",
        [late, early],
        "len",
        6,
      ]);
      expect(session.call("LCS", "key1", "key2", "IDX", "MINMATCHLEN", 4)).toEqual([
        "matches",
        [late],
        "len",
        6,
      ]);
      const options = ["IDX", "MINMATCHLEN", "4", "WITHMATCHLEN"];
      expect(session.call("LCS", "key1", "key2", ...options)).toEqual([
        "matches",
        [[...late, 4]],
        "len",
        6,
      ]);
    });

    test("missing keys are empty, integers are texts", () => {
      session.call("MSET", "a", "12345", "b", "1x3x5");
      expect(session.call("LCS", "a", "b")).toBe("135");
      expect(session.call("LCS", "a", "missing")).toBe("");
      expect(session.call("LCS", "missing", "other", "LEN")).toBe(0);
      expect(session.call("LCS", "missing", "a", "IDX")).toEqual(["matches", [], "len", 0]);
    });

    test("a map in RESP3", () => {
      session.call("HELLO", "3");
      instance.engine.setClientWord(session.handle, 2, 3);
      session.feed(Buffer.from("LCS key1 key2 IDX MINMATCHLEN 9\r\n"));
      expect(session.raw()).toBe("%2\r\n$7\r\nmatches\r\n*0\r\n$3\r\nlen\r\n:6\r\n");
      instance.engine.setClientWord(session.handle, 2, 2);
    });

    test("errors", () => {
      const both = "ERR If you want both the length and indexes, please just use IDX.";
      expect(session.call("LCS", "a", "b", "LEN", "IDX")).toEqual({ error: both });
      expect(session.call("LCS", "a", "b", "MINMATCHLEN")).toEqual({ error: "ERR syntax error" });
      const number = "ERR value is not an integer or out of range";
      expect(session.call("LCS", "a", "b", "MINMATCHLEN", "x")).toEqual({ error: number });
      session.call("MSET", "long", "x".repeat(600), "long2", "y".repeat(600));
      instance.engine.set(Setting.ProtoMaxBulkLength, 1 << 20);
      const memory = "ERR Insufficient memory, transient memory for LCS exceeds proto-max-bulk-len";
      expect(session.call("LCS", "long", "long2", "LEN")).toEqual({ error: memory });
      instance.engine.set(Setting.ProtoMaxBulkLength, 512 << 20);
      expect(session.call("LCS", "long", "long2", "LEN")).toBe(0);
      expect(sound(instance)).toBe(true);
    });
  });
}
