/** Geo commands. The answers are those of redis-server 7.0.15. */
import { describe, expect, test } from "bun:test";
import { Setting } from "../../assembly/settings.ts";
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
  });
}
