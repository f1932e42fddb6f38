import { describe, expect, test } from "bun:test";
import { Setting } from "../../assembly/settings.ts";
import { seeded } from "../assembly/load.ts";
import { Session, sound, startEngines } from "./harness.ts";
import { signed } from "./payload.ts";
import { NOW, randomValue } from "./rdb-support.ts";

/** Values and the payloads that DUMP of redis-server 7.0.15 gives for them. */
const payloads: [string, string][] = [
  ["hello", "000568656c6c6f0a006372df766534200a"],
  ["-7", "00c0f90a005e26d130d7a242ab"],
  ["123456789012", "000c3132333435363738393031320a00911001b1d116e7ac"],
  ["a".repeat(48), "00c30930016161e023000161610a0034c5f2cf486cd18c"],
];

for (const instance of await startEngines()) {
  const { engine, name } = instance;
  const session = new Session(instance, { nowMs: NOW });
  engine.set(Setting.RdbCompression, 1);
  engine.set(Setting.Journal, 1);

  describe(`DUMP and RESTORE (${name})`, () => {
    test("payloads are those of Redis", () => {
      for (const [value, payload] of payloads) {
        session.call("SET", "k", value);
        expect(Buffer.from(session.call("DUMP", "k") as string, "latin1").toString("hex")).toBe(
          payload,
        );
      }
      expect(session.call("DUMP", "missing")).toBe(null);
    });

    test("what was dumped is restored", () => {
      const random = seeded(3);
      for (let i = 0; i < 300; i++) {
        session.call("SET", "from", randomValue(random));
        const payload = Buffer.from(session.call("DUMP", "from") as string, "latin1");
        expect(session.call("RESTORE", "to", 0, payload, "REPLACE")).toBe("OK");
        expect(session.call("GET", "to")).toBe(session.call("GET", "from")!);
      }
      expect(sound(instance)).toBe(true);
    });

    test("errors in Redis's order", () => {
      session.call("SET", "k", "v");
      const payload = Buffer.from(session.call("DUMP", "k") as string, "latin1");
      const fails = (text: string, ...rest: (string | number | Uint8Array)[]): void => {
        expect(session.call("RESTORE", ...rest)).toEqual({ error: text });
      };
      fails("ERR syntax error", "k", 0, payload, "WHAT");
      fails("ERR syntax error", "k", 0, payload, "IDLETIME");
      fails("ERR syntax error", "k", 0, payload, "FREQ", 1, "IDLETIME", 1);
      fails("ERR value is not an integer or out of range", "k", 0, payload, "FREQ", "x");
      fails("ERR Invalid FREQ value, must be >= 0 and <= 255", "k", 0, payload, "FREQ", 256);
      fails("ERR Invalid IDLETIME value, must be >= 0", "k", 0, payload, "IDLETIME", -1);
      fails("BUSYKEY Target key name already exists.", "k", "x", "y");
      fails("ERR value is not an integer or out of range", "n", "x", payload);
      fails("ERR Invalid TTL value, must be >= 0", "n", -1, payload);
      fails("ERR DUMP payload version or checksum are wrong", "n", 0, payload.subarray(0, -1));
      // Zeros in front do not change the checksum, but here the length becomes the type.
      fails("ERR Bad data format", "n", 0, payload.subarray(1));
      fails("ERR DUMP payload version or checksum are wrong", "n", 0, "short");
      session.call("DEL", "k");
    });

    test("the journal has points in time, never distances", () => {
      session.call("SET", "k", "v");
      const payload = Buffer.from(session.call("DUMP", "k") as string, "latin1");
      const shown = payload.toString("latin1");
      const journalOf = (...rest: (string | number | Uint8Array)[]): string => {
        session.journalText();
        expect(session.call("RESTORE", ...rest)).toBe("OK");
        return session.journalText();
      };
      const end = `$${payload.length}\r\n${shown}\r\n`;
      expect(journalOf("n", 1000, payload)).toEndWith(
        `*5\r\n$7\r\nRESTORE\r\n$1\r\nn\r\n$13\r\n${NOW + 1000}\r\n${end}$6\r\nABSTTL\r\n`,
      );
      expect(session.call("PTTL", "n")).toBe(1000);
      expect(journalOf("n", 0, payload, "REPLACE")).toBe(
        `*5\r\n$7\r\nRESTORE\r\n$1\r\nn\r\n$1\r\n0\r\n${end}$7\r\nREPLACE\r\n`,
      );
      // A time that has passed: only the old key goes.
      expect(journalOf("n", 5, payload, "ABSTTL", "REPLACE")).toBe(
        "*2\r\n$3\r\nDEL\r\n$1\r\nn\r\n",
      );
      expect(journalOf("n", 5, payload, "ABSTTL")).toBe("");
      expect(session.call("EXISTS", "n")).toBe(0);
    });

    test("damaged payloads with a right checksum do no harm", () => {
      const seed = 9;
      const random = seeded(seed);
      for (let i = 0; i < 20_000; i++) {
        const length = random() % 24;
        const body = Uint8Array.from({ length }, () => random());
        if (length > 1 && random() % 2) body.set([0, 0xc3]);
        session.call("RESTORE", "k", 0, signed(body), "REPLACE");
      }
      expect(sound(instance), `seed ${seed}`).toBe(true);
    });
  });
}
