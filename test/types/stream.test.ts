import { beforeAll, describe, expect, test } from "bun:test";
import { Yield } from "../../assembly/abi.ts";
import { Setting } from "../../assembly/settings.ts";
import { loadBuilds, seeded } from "../assembly/load.ts";
import { type Instance, type Reply, Session, sound, startEngines } from "../engine/harness.ts";
import { signed } from "../engine/payload.ts";
import { NOW } from "../engine/rdb-support.ts";

/** Streams in both builds: commands, groups, a model, payloads. Expected texts and bytes are redis-server 7.0.15's. */

beforeAll(async () => {
  await loadBuilds();
}, 120_000);

/** Rounds with damaged payloads per build. */
const rounds = Number(process.env["ATOLL_COUNT"] ?? 10_000);

function open(instance: Instance, entriesMax = 100): Session {
  instance.engine.set(Setting.StreamNodeMaxBytes, 4096);
  instance.engine.set(Setting.StreamNodeMaxEntries, entriesMax);
  instance.engine.set(Setting.RdbCompression, 1);
  instance.engine.set(Setting.Journal, 1);
  const session = new Session(instance, { nowMs: NOW });
  session.call("FLUSHALL");
  session.journalText();
  return session;
}

const fail = (text: string): Reply => ({ error: `ERR ${text}` });
const noGroup = { error: "NOGROUP No such key 's' or consumer group 'no'" };

/** The words of each command in the journal. */
function effects(session: Session): string[] {
  const words = session.journalText().split("\r\n");
  const made: string[] = [];
  for (let at = 0; at < words.length - 1; ) {
    const count = Number(words[at]!.slice(1));
    made.push(Array.from({ length: count }, (_, i) => words[at + 2 + 2 * i]).join(" "));
    at += 1 + 2 * count;
  }
  return made.filter((line) => !line.startsWith("SELECT"));
}

for (const instance of await startEngines()) {
  describe(`streams (${instance.name})`, () => {
    test("XADD chooses identifiers, and refuses what is not above the last", () => {
      const session = open(instance);
      const call = session.call.bind(session);
      expect(call("XADD", "s", "*", "a", "1")).toBe(`${NOW}-0`);
      expect(call("XADD", "s", "*", "a", "2")).toBe(`${NOW}-1`);
      expect(call("XADD", "s", `${NOW}-*`, "a", "3")).toBe(`${NOW}-2`);
      expect(call("XADD", "s", `${NOW + 5}`, "a", "4")).toBe(`${NOW + 5}-0`);
      // The clock stands behind: on from the last one.
      expect(call("XADD", "s", "*", "a", "5")).toBe(`${NOW + 5}-1`);
      const low = "The ID specified in XADD is equal or smaller than the target stream top item";
      expect(call("XADD", "s", "7-7", "a", "1")).toEqual(fail(low));
      expect(call("XADD", "s", "7-*", "a", "1")).toEqual(fail(low));
      expect(call("XADD", "s", "0-0", "a", "1")).toEqual(
        fail("The ID specified in XADD must be greater than 0-0"),
      );
      expect(call("XADD", "s", "x", "a", "1")).toEqual(
        fail("Invalid stream ID specified as stream command argument"),
      );
      expect(call("XADD", "s", "*", "a", "1", "b")).toEqual(
        fail("wrong number of arguments for 'xadd' command"),
      );
      expect(call("XADD", "none", "NOMKSTREAM", "*", "a", "1")).toBe(null);
      expect(call("EXISTS", "none")).toBe(0);
      const top = "18446744073709551615-18446744073709551615";
      expect(call("XADD", "s", top, "a", "b")).toBe(top);
      expect(call("XADD", "s", "*", "a", "b")).toEqual(
        fail("The stream has exhausted the last possible ID, unable to add more items"),
      );
      expect(effects(session).slice(0, 3)).toEqual([
        `XADD s ${NOW}-0 a 1`,
        `XADD s ${NOW}-1 a 2`,
        `XADD s ${NOW}-2 a 3`,
      ]);
      expect(sound(instance)).toBe(true);
    });

    test("trims, and tells replicas exactly how far", () => {
      const session = open(instance, 3);
      const call = session.call.bind(session);
      for (let i = 1; i <= 10; i++) call("XADD", "s", `${i}-0`, "f", `${i}`);
      session.journalText();
      expect(call("XTRIM", "s", "MAXLEN", "~", "5")).toBe(3);
      expect(call("XTRIM", "s", "MAXLEN", "5")).toBe(2);
      expect(call("XTRIM", "s", "MINID", "~", "9", "LIMIT", "1")).toBe(1);
      expect(call("XTRIM", "s", "MINID", "~", "9")).toBe(0);
      expect(call("XADD", "s", "MAXLEN", "~", "1", "11-*", "f", "x")).toBe("11-0");
      expect(effects(session)).toEqual([
        "XTRIM s MAXLEN = 7",
        "XTRIM s MAXLEN 5",
        "XTRIM s MINID = 7-0 LIMIT 1",
        "XADD s MAXLEN = 2 11-0 f x",
      ]);
      expect(call("XTRIM", "s", "MAXLEN", "1", "LIMIT", "5")).toEqual(
        fail("syntax error, LIMIT cannot be used without the special ~ option"),
      );
      expect(sound(instance)).toBe(true);
    });

    test("groups deliver, remember and hand over", () => {
      const session = open(instance);
      const call = session.call.bind(session);
      for (let i = 1; i <= 4; i++) call("XADD", "s", `${i}-0`, "f", `${i}`);
      expect(call("XGROUP", "CREATE", "s", "g", "0")).toBe("OK");
      expect(call("XGROUP", "CREATE", "s", "g", "0")).toEqual({
        error: "BUSYGROUP Consumer Group name already exists",
      });
      session.journalText();
      expect(call("XREADGROUP", "GROUP", "g", "c", "COUNT", "2", "STREAMS", "s", ">")).toEqual([
        [
          "s",
          [
            ["1-0", ["f", "1"]],
            ["2-0", ["f", "2"]],
          ],
        ],
      ]);
      const claim = (id: string, owner: string, count: number, last: string): string =>
        `XCLAIM s g ${owner} 0 ${id} TIME ${NOW} RETRYCOUNT ${count} FORCE JUSTID LASTID ${last}`;
      expect(effects(session)).toEqual([
        "MULTI",
        claim("1-0", "c", 1, "1-0"),
        claim("2-0", "c", 1, "2-0"),
        "EXEC",
      ]);
      expect(call("XREADGROUP", "GROUP", "g", "n", "NOACK", "STREAMS", "s", ">")).toEqual([
        [
          "s",
          [
            ["3-0", ["f", "3"]],
            ["4-0", ["f", "4"]],
          ],
        ],
      ]);
      expect(effects(session)).toEqual([
        "MULTI",
        "XGROUP CREATECONSUMER s g n",
        "XGROUP SETID s g 4-0 ENTRIESREAD 4",
        "EXEC",
      ]);
      call("XDEL", "s", "1-0");
      expect(call("XREADGROUP", "GROUP", "g", "c", "STREAMS", "s", "0")).toEqual([
        [
          "s",
          [
            ["1-0", null],
            ["2-0", ["f", "2"]],
          ],
        ],
      ]);
      expect(call("XPENDING", "s", "g")).toEqual([2, "1-0", "2-0", [["c", "2"]]]);
      session.journalText();
      expect(call("XAUTOCLAIM", "s", "g", "d", "0", "-", "COUNT", "8796093022208")).toMatchObject({
        error: "ERR Insufficient memory, failed allocating transient memory, COUNT too high.",
      });
      expect(call("XAUTOCLAIM", "s", "g", "d", "0", "-", "COUNT", "1")).toEqual([
        "2-0",
        [],
        ["1-0"],
      ]);
      expect(call("XCLAIM", "s", "g", "d", "0", "2-0", "3-0", "FORCE", "JUSTID")).toEqual([
        "2-0",
        "3-0",
      ]);
      expect(effects(session)).toEqual([
        claim("1-0", "c", 1, "4-0"),
        "MULTI",
        claim("2-0", "d", 2, "4-0"),
        claim("3-0", "d", 1, "4-0"),
        "EXEC",
      ]);
      expect(call("XACK", "s", "g", "2-0", "2-0", "9-9")).toBe(1);
      expect(call("XPENDING", "s", "g", "-", "+", "9")).toEqual([["3-0", "d", 0, 1]]);
      expect(call("XPENDING", "s", "no")).toEqual(noGroup);
      expect(call("XCLAIM", "s", "no", "d", "0", "1")).toEqual(noGroup);
      expect(call("XGROUP", "DELCONSUMER", "s", "g", "d")).toBe(1);
      expect(call("XPENDING", "s", "g")).toEqual([0, null, null, null]);
      expect(call("XGROUP", "DESTROY", "s", "g")).toBe(1);
      expect(sound(instance)).toBe(true);
    });

    test("a copy and a restored payload hold what the stream held", () => {
      const session = open(instance, 3);
      const call = session.call.bind(session);
      for (let i = 1; i <= 50; i++) call("XADD", "s", `${i}-0`, "f", `${i}`, `${i % 3}`, "x");
      call("XDEL", "s", "7-0", "50-0");
      call("XGROUP", "CREATE", "s", "g", "0");
      call("XGROUP", "CREATECONSUMER", "s", "g", "idle");
      call("XREADGROUP", "GROUP", "g", "c", "COUNT", "20", "STREAMS", "s", ">");
      const seen = (key: string): string =>
        JSON.stringify(call("XINFO", "STREAM", key, "FULL", "COUNT", "0"));
      const facts = seen("s");
      call("COPY", "s", "copy");
      expect(seen("copy")).toBe(facts);
      const payload = Buffer.from(call("DUMP", "s") as string, "latin1");
      expect(call("RESTORE", "back", "0", payload)).toBe("OK");
      expect(seen("back")).toBe(facts);
      expect(Buffer.from(call("DUMP", "copy") as string, "latin1")).toEqual(payload);
      expect(sound(instance)).toBe(true);
      call("DEL", "s");
      call("DEL", "copy", "back");
      instance.engine.reclaim(1_000_000);
      expect(sound(instance)).toBe(true);
    });

    test("does what a sorted list of entries does", () => {
      for (const [seed, entriesMax] of [
        [1, 3],
        [2, 100],
        [3, 0],
      ] as const) {
        const session = open(instance, entriesMax);
        const random = seeded(seed);
        let model: [number, string[]][] = [];
        let last = 0;
        const show = (list: typeof model): Reply => list.map(([id, f]) => [`${id}-0`, f]);
        for (let round = 0; round < 1500; round++) {
          const some = random() % (last + 3);
          const kind = random() % 20;
          if (kind < 11) {
            last += 1 + (random() % 3);
            const pairs = Array.from({ length: 1 + (random() % 3) }, (_, i) => [
              `f${(random() % 4) + i}`,
              random() % 2 ? String(random()) : "v".repeat(random() % 100),
            ]).flat();
            expect(session.call("XADD", "s", `${last}-0`, ...pairs)).toBe(`${last}-0`);
            model.push([last, pairs]);
          } else if (kind < 14) {
            const had = model.length;
            model = model.filter(([id]) => id !== some);
            expect(session.call("XDEL", "s", `${some}-0`)).toBe(had - model.length);
          } else if (kind < 15) {
            const most = random() % 60;
            const gone = Math.max(0, model.length - most);
            expect(session.call("XTRIM", "s", "MAXLEN", most)).toBe(gone);
            model = model.slice(gone);
          } else if (kind < 16 && random() % 3 === 0) {
            const gone = model.filter(([id]) => id < some).length;
            expect(session.call("XTRIM", "s", "MINID", some)).toBe(gone);
            model = model.slice(gone);
          } else {
            const end = some + (random() % 30);
            const range = model.filter(([id]) => id >= some && id <= end);
            expect(session.call("XRANGE", "s", some, end)).toEqual(show(range));
            const back = range.toReversed().slice(0, 5);
            expect(session.call("XREVRANGE", "s", end, some, "COUNT", 5)).toEqual(show(back));
          }
          if (round % 300 === 0) expect(sound(instance), `seed ${seed}`).toBe(true);
        }
        expect(session.call("XLEN", "s")).toBe(model.length);
        expect(session.call("XRANGE", "s", "-", "+")).toEqual(show(model));
        expect(sound(instance), `seed ${seed}`).toBe(true);
      }
    });

    test("damaged payloads are refused or harmless", () => {
      const session = open(instance, 4);
      for (let i = 1; i <= 9; i++) session.call("XADD", "s", `${i}-0`, "f", `${i}`, "g", "x");
      session.call("XDEL", "s", "3-0");
      session.call("XGROUP", "CREATE", "s", "g", "0");
      session.call("XREADGROUP", "GROUP", "g", "c", "COUNT", "3", "STREAMS", "s", ">");
      session.call("XREADGROUP", "GROUP", "g", "d", "COUNT", "2", "STREAMS", "s", ">");
      instance.engine.set(Setting.RdbCompression, 0);
      const payload = Buffer.from(session.call("DUMP", "s") as string, "latin1").subarray(0, -10);
      const seed = Number(process.env["ATOLL_SEED"] ?? 11);
      const random = seeded(seed);
      let taken = 0;
      for (let round = 0; round < rounds; round++) {
        const body = Buffer.from(payload);
        for (let n = 1 + (random() % 3); n > 0; n--) body[random() % body.length] = random();
        if (random() % 8 === 0) body[0] = [15, 19, 21][random() % 3]!;
        const end = random() % 8 === 0 ? random() % body.length : body.length;
        const text = body.subarray(0, end).toString("latin1");
        const reply = session.call("RESTORE", "k", "0", signed(text), "REPLACE");
        if (reply !== "OK") continue;
        taken++;
        if (session.call("TYPE", "k") !== "stream") continue;
        session.call("XRANGE", "k", "-", "+");
        session.call("XREVRANGE", "k", "+", "-");
        session.call("XREADGROUP", "GROUP", "g", "e", "STREAMS", "k", ">");
        session.call("XREADGROUP", "GROUP", "g", "c", "STREAMS", "k", "0");
        session.call("XAUTOCLAIM", "k", "g", "z", "0", "-");
        session.call("XADD", "k", "*", "f", "1", "g", "2");
        session.call("XTRIM", "k", "MAXLEN", random() % 8);
        session.call("XDEL", "k", "5-0", "6-0");
        session.call("XINFO", "STREAM", "k", "FULL");
        session.call("DUMP", "k");
        if (round % 500 === 0) expect(sound(instance), `seed ${seed}, round ${round}`).toBe(true);
      }
      expect(taken).toBeGreaterThan(0);
      expect(sound(instance), `seed ${seed}`).toBe(true);
    }, 600_000);

    test("XREAD and XREADGROUP wait for what comes after", () => {
      const session = open(instance);
      const call = session.call.bind(session);
      const writer = new Session(instance, { nowMs: NOW });
      writer.call("XADD", "s", "5-0", "f", "old");
      expect(call("XREAD", "BLOCK", "0", "STREAMS", "s", "$")).toBe(undefined);
      expect(session.parkedOn).toBe(Yield.Blocked);
      writer.call("XADD", "s", "6-0", "f", "new");
      expect(session.serve(4).replies()).toEqual([[["s", [["6-0", ["f", "new"]]]]]]);
      writer.call("XGROUP", "CREATE", "s", "g", "$");
      const wait = ["XREADGROUP", "GROUP", "g", "c", "BLOCK", "0", "STREAMS", "s", ">"];
      expect(call(...wait)).toBe(undefined);
      writer.call("XADD", "s", "7-0", "f", "1");
      expect(session.serve(7).replies()).toEqual([[["s", [["7-0", ["f", "1"]]]]]]);
      expect(call("XPENDING", "s", "g")).toEqual([1, "7-0", "7-0", [["c", "1"]]]);
      expect(call(...wait)).toBe(undefined);
      writer.call("XGROUP", "DESTROY", "s", "g");
      const gone = "NOGROUP the consumer group this client was blocked on no longer exists";
      expect(session.serve(7).replies()).toEqual([{ error: gone }]);
      writer.call("XGROUP", "CREATE", "s", "g", "$");
      expect(call(...wait)).toBe(undefined);
      writer.call("DEL", "s");
      writer.call("SET", "s", "x");
      const missing = "UNBLOCKED the stream key no longer exists";
      expect(session.serve(7).replies()).toEqual([{ error: missing }]);
      writer.call("DEL", "s");
      // Inside EXEC nobody waits.
      call("MULTI");
      call("XREAD", "BLOCK", "0", "STREAMS", "s", "$");
      expect(call("EXEC")).toEqual([null]);
      expect(sound(instance)).toBe(true);
    });
  });
}
