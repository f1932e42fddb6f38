/** Geo commands. The answers are those of redis-server 7.0.15. */
import { describe, expect, test } from "bun:test";
import { Setting } from "../../assembly/settings.ts";
import { Prng } from "../../src/base/prng.ts";
import { type Reply, Session, sound, startEngines } from "../engine/harness.ts";

for (const instance of await startEngines()) {
  const { engine, name } = instance;
  engine.set(Setting.ZsetMaxListpackEntries, 128);
  engine.set(Setting.ZsetMaxListpackValue, 64);
  const session = new Session(instance);
  const call = (...argv: (string | number)[]): Reply | undefined => session.call(...argv);
  call("GEOADD", "k", 13.361389, 38.115556, "Palermo", 15.087269, 37.502669, "Catania");

  describe(`geo commands (${name})`, () => {
    test("places come back as Redis shows them", () => {
      expect(call("ZSCORE", "k", "Palermo")).toBe("3479099956230698");
      expect(call("GEOPOS", "k", "Palermo", "none")).toEqual([
        ["13.36138933897018433", "38.11555639549629859"],
        null,
      ]);
      expect(call("GEOHASH", "k", "Palermo", "Catania", "none")).toEqual([
        "sqc8b49rny0",
        "sqdtr74hyu0",
        null,
      ]);
      expect(call("GEODIST", "k", "Palermo", "Catania")).toBe("166274.1516");
      expect(call("GEODIST", "k", "Palermo", "Catania", "MI")).toBe("103.3182");
      expect(call("GEODIST", "k", "Palermo", "none")).toBe(null);
    });

    test("searches by circle and box, from a place and a member", () => {
      const from = ["FROMLONLAT", 15, 37];
      expect(call("GEOSEARCH", "k", ...from, "BYRADIUS", 200, "km", "ASC", "WITHDIST")).toEqual([
        ["Catania", "56.4413"],
        ["Palermo", "190.4424"],
      ]);
      expect(call("GEOSEARCH", "k", ...from, "BYBOX", 400, 100, "km")).toEqual([]);
      expect(call("GEOSEARCH", "k", ...from, "BYBOX", 400, 400, "km", "DESC")).toEqual([
        "Palermo",
        "Catania",
      ]);
      expect(call("GEORADIUSBYMEMBER_RO", "k", "Palermo", 200, "km", "COUNT", 1, "ASC")).toEqual([
        "Palermo",
      ]);
      expect(call("GEORADIUS", "k", 15, 37, 200, "km", "WITHHASH", "ASC", "COUNT", 1)).toEqual([
        ["Catania", 3479447370796909],
      ]);
      const found = ["FROMMEMBER", "Palermo", "BYRADIUS", 200, "km"];
      expect(call("GEOSEARCHSTORE", "to", "k", ...found, "STOREDIST")).toBe(2);
      expect(call("ZRANGE", "to", 0, -1, "WITHSCORES")).toEqual([
        "Palermo",
        "0",
        "Catania",
        "166.27415156960032",
      ]);
      expect(call("GEORADIUS", "none", 15, 37, 200, "km", "STORE", "to")).toBe(0);
      expect(call("EXISTS", "to")).toBe(0);
    });

    test("stored distances are to the last bit those of redis-server on Linux", () => {
      const pairs: [number, number, number, number, number][] = [
        [-35, -24, 87, -22, 11928.665815402808],
        [66, 57, -73, -33, 15935.827472503976],
        [119, -3, -20, 39, 14261.185722532413],
        [-102, 12, 25, -23, 14297.392989589312],
        [-124, 27, 73, -53, 16804.965150534823],
        [108, 1, -111, 17, 15300.178244582125],
      ];
      for (const [x1, y1, x2, y2, distance] of pairs) {
        call("GEOADD", "pair", x1, y1, "a", x2, y2, "b");
        const all = ["FROMMEMBER", "a", "BYRADIUS", 30_000, "km", "STOREDIST"];
        expect(call("GEOSEARCHSTORE", "to", "pair", ...all)).toBe(2);
        expect(Number(call("ZSCORE", "to", "b"))).toBe(distance);
      }
      call("GEOADD", "opposite", 108.69632726008832, 51.8757934811878, "a");
      call("GEOADD", "opposite", 108.69632726008832 - 180, -51.8757934811878, "b");
      expect(call("GEODIST", "opposite", "a", "b")).toBe("20020733.8101");
    });

    test("replicas get distances, not the command that computes them", () => {
      const distance = "166.27415156960032";
      const member = (score: string, name: string): string =>
        `$${score.length}\r\n${score}\r\n$${name.length}\r\n${name}\r\n`;
      const pair = member("0", "Palermo") + member(distance, "Catania");
      const zadd = `*6\r\n$4\r\nZADD\r\n$1\r\nd\r\n${pair}`;
      const found = ["FROMMEMBER", "Palermo", "BYRADIUS", 200, "km", "STOREDIST"];
      engine.set(Setting.Journal, 1);
      session.journalText();
      call("GEOSEARCHSTORE", "d", "k", ...found);
      const first = session.journalText();
      expect(first).toEndWith(zadd);
      expect(first).not.toContain("DEL");
      call("GEORADIUSBYMEMBER", "k", "Palermo", 200, "km", "STOREDIST", "d");
      expect(session.journalText()).toBe(
        `*1\r\n$5\r\nMULTI\r\n*2\r\n$3\r\nDEL\r\n$1\r\nd\r\n${zadd}*1\r\n$4\r\nEXEC\r\n`,
      );
      call("GEOSEARCHSTORE", "d", "none", ...found);
      expect(session.journalText()).toBe("*2\r\n$3\r\nDEL\r\n$1\r\nd\r\n");
      call("GEOSEARCHSTORE", "d", "k", ...found.slice(0, -1));
      expect(session.journalText()).toContain("GEOSEARCHSTORE");
      // More members than one command takes.
      const many = Array.from({ length: 2500 }, (_, at) => [at / 100, 1, `m${at}`]).flat();
      call("GEOADD", "many", ...many);
      session.journalText();
      call(
        "GEOSEARCHSTORE",
        "d",
        "many",
        "FROMLONLAT",
        1,
        1,
        ...found.slice(2, 3),
        9999,
        "km",
        "STOREDIST",
      );
      const parts = session.journalText().split("ZADD");
      expect(parts.length).toBe(4);
      for (let at = 0; at < 2500; at++) {
        expect(parts.some((part) => part.includes(`\r\nm${at}\r\n`))).toBe(true);
      }
      engine.set(Setting.Journal, 0);
      expect(sound(instance)).toBe(true);
    });

    test("places equally far come as Redis's sorts leave them", () => {
      for (let i = 0; i < 9; i++) call("GEOADD", "same", i % 2, 0, `p${i}`);
      const search = (...options: (string | number)[]): string =>
        String(call("GEOSEARCH", "same", "FROMLONLAT", 0, 0, "BYRADIUS", 500, "km", ...options));
      expect(search("ASC")).toBe("p0,p2,p4,p6,p8,p1,p3,p5,p7");
      expect(search("COUNT", 5)).toBe("p0,p2,p4,p6,p8");
      expect(search("DESC", "COUNT", 8)).toBe("p1,p3,p5,p7,p0,p8,p2,p4");
    });

    test("errors, and what replicas get", () => {
      engine.set(Setting.Journal, 1);
      session.journalText();
      expect(call("GEOADD", "k", "CH", 181, 1, "x")).toEqual({
        error: "ERR invalid longitude,latitude pair 181.000000,1.000000",
      });
      expect(call("GEOADD", "k", "XX", "CH", 13, 38, "Palermo")).toBe(1);
      expect(session.journalText()).toContain(
        "*6\r\n$4\r\nzadd\r\n$1\r\nk\r\n$2\r\nXX\r\n$2\r\nCH\r\n$16\r\n3479065152021743\r\n",
      );
      engine.set(Setting.Journal, 0);
      expect(call("GEODIST", "k", "Palermo", "Catania", "yd")).toEqual({
        error: "ERR unsupported unit provided. please use M, KM, FT, MI",
      });
      expect(call("GEOSEARCH", "k", "FROMMEMBER", "Palermo", "ASC", "DESC", "ANY")).toEqual({
        error: "ERR exactly one of BYRADIUS and BYBOX can be specified for GEOSEARCH",
      });
      expect(sound(instance)).toBe(true);
    });

    test("a place out of range is shown as %f shows it", () => {
      const shown = (longitude: string, latitude = "1"): string => {
        const reply = call("GEOADD", "k", longitude, latitude, "x") as { error: string };
        return reply.error.replace("ERR invalid longitude,latitude pair ", "");
      };
      // As redis-server 7.0.15 answers: near to a half, exactly a half (to even), up to the next whole number, a sign.
      expect(shown("421.47109150")).toBe("421.471091,1.000000");
      expect(shown("200.0078125", "-200.0234375")).toBe("200.007812,-200.023438");
      expect(shown("199.9999996")).toBe("200.000000,1.000000");
      expect(shown("1e20", "-0")).toBe("100000000000000000000.000000,-0.000000");
      expect(shown("-1234.5", "-0.0000001")).toBe("-1234.500000,-0.000000");
      const prng = new Prng(20_261_121);
      for (let count = 0; count < 2000; count++) {
        const text = `${200 + prng.below(500)}.${String(prng.below(10_000_000)).padStart(7, "0")}5`;
        expect(shown(text)).toBe(`${Number(text).toFixed(6)},1.000000`);
      }
    });
  });
}
