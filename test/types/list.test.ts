import { describe, expect, test } from "bun:test";
import { Setting } from "../../assembly/settings.ts";
import { entry, seeded } from "../assembly/load.ts";
import { type Reply, Session, sound, startEngines } from "../engine/harness.ts";
import { asSent, limit, limits, randomCommand } from "./list-support.ts";

/** List commands, `assembly/types/list.ts`; the replies are those of redis-server 7.0.15. */

const wrongType = {
  error: "WRONGTYPE Operation against a key holding the wrong kind of value",
};
const notInteger = { error: "ERR value is not an integer or out of range" };
const syntaxError = { error: "ERR syntax error" };

type Row = readonly [line: string, reply: Reply];

function runRows(session: Session, rows: readonly Row[]): void {
  for (const [line, reply] of rows) {
    expect([line, session.call(...line.split(" ")) as Reply]).toEqual([line, reply]);
  }
}

/** A plain array that does what the commands do. */
class Model {
  readonly lists = new Map<string, string[]>();

  call(args: readonly string[]): Reply {
    const [name, key, ...rest] = args as [string, string, ...string[]];
    const list = this.lists.get(key);
    const reply = this.run(name, key, list ?? [], rest);
    for (const [each, items] of this.lists) if (items.length === 0) this.lists.delete(each);
    return reply;
  }

  private run(name: string, key: string, list: string[], rest: readonly string[]): Reply {
    const [a = "", b = "", c = ""] = rest;
    switch (name) {
      case "rpush":
      case "lpush":
        this.lists.set(key, list);
        for (const item of rest) name === "rpush" ? list.push(item) : list.unshift(item);
        return list.length;
      case "lpop":
        return a === "" ? (list.shift() ?? null) : this.some(list, Number(a), false);
      case "rpop":
        return a === "" ? (list.pop() ?? null) : this.some(list, Number(a), true);
      case "llen":
        return list.length;
      case "lindex":
        return list.at(Number(a)) ?? null;
      case "lrange":
        return this.range(list, Number(a), Number(b));
      case "ltrim":
        list.splice(0, list.length, ...this.range(list, Number(a), Number(b)));
        return "OK";
      case "lset": {
        if (list.length === 0) return { error: "ERR no such key" };
        const at = Number(a) < 0 ? Number(a) + list.length : Number(a);
        if (list[at] === undefined) return { error: "ERR index out of range" };
        list[at] = b;
        return "OK";
      }
      case "linsert": {
        if (list.length === 0) return 0;
        const at = list.indexOf(b);
        if (at < 0) return -1;
        list.splice(a === "after" ? at + 1 : at, 0, c);
        return list.length;
      }
      case "lrem":
        return this.remove(list, Number(a), b);
      case "lpos": {
        const found = list.flatMap((item, at) => (item === a ? [at] : []));
        const rank = Number(b);
        return rank < 0 ? found.toReversed().slice(-rank - 1) : found.slice(rank - 1);
      }
      default: {
        // lmove
        if (list.length === 0) return null;
        const item = (b === "left" ? list.shift() : list.pop()) as string;
        const target = this.lists.get(a) ?? [];
        this.lists.set(a, target);
        if (c === "left") target.unshift(item);
        else target.push(item);
        return item;
      }
    }
  }

  private some(list: string[], count: number, tail: boolean): Reply {
    if (list.length === 0) return null;
    if (!tail) return list.splice(0, count);
    return list.splice(Math.max(list.length - count, 0), count).toReversed();
  }

  private range(list: string[], start: number, end: number): string[] {
    const from = start < 0 ? Math.max(start + list.length, 0) : start;
    return list.slice(from, Math.max((end < 0 ? end + list.length : end) + 1, 0));
  }

  private remove(list: string[], count: number, item: string): number {
    let removed = 0;
    const most = count === 0 ? list.length : Math.abs(count);
    const step = count < 0 ? -1 : 1;
    for (let at = count < 0 ? list.length - 1 : 0; at >= 0 && at < list.length; at += step) {
      if (list[at] !== item || removed === most) continue;
      list.splice(at, 1);
      removed++;
      if (step > 0) at--;
    }
    return removed;
  }
}

for (const instance of await startEngines()) {
  const { engine, name } = instance;
  const session = new Session(instance);

  describe(`lists (${name})`, () => {
    test("a range of elements of every length and of integers of every size", () => {
      limit(instance, -2);
      const sizes = [10, 100, 128, 4096, 40_000, 9_000_000, 2 ** 31, 2 ** 40];
      const items = sizes.flatMap((size) => [String(size), String(-size)]);
      for (let length = 0; length < 140; length++) items.push("x".repeat(length));
      for (const order of [items, [...items].reverse()]) {
        session.call("del", "l");
        session.call("rpush", "l", ...order);
        expect(session.call("lrange", "l", "0", "-1")).toEqual(order);
        for (let at = 0; at < order.length; at += 7) {
          const some = session.call("lrange", "l", String(at), String(at + 6));
          expect(some).toEqual(order.slice(at, at + 7));
        }
      }
      session.call("del", "l");
    });

    test("examples", () => {
      limit(instance, -2);
      runRows(session, [
        ["rpushx l a", 0],
        ["rpush l a b c", 3],
        ["lpush l x y", 5],
        ["lpushx l z", 6],
        ["lrange l 0 -1", ["z", "y", "x", "a", "b", "c"]],
        ["lrange l -100 1", ["z", "y"]],
        ["lrange l 3 100", ["a", "b", "c"]],
        ["lrange l 4 3", []],
        ["lrange none 0 -1", []],
        ["lrange l 0 x", notInteger],
        ["llen l", 6],
        ["llen none", 0],
        ["lindex l 0", "z"],
        ["lindex l -1", "c"],
        ["lindex l 6", null],
        ["lindex none x", null],
        ["lindex l x", notInteger],
        ["lset l 0 Z", "OK"],
        ["lset l -7 Z", { error: "ERR index out of range" }],
        ["lset none 0 Z", { error: "ERR no such key" }],
        ["linsert l before a 1", 7],
        ["linsert l AFTER c 2", 8],
        ["linsert l beside c 2", syntaxError],
        ["linsert l after nothing 2", -1],
        ["linsert none after nothing 2", 0],
        ["lrange l 0 -1", ["Z", "y", "x", "1", "a", "b", "c", "2"]],
        ["lpop l", "Z"],
        ["rpop l", "2"],
        ["lpop l 2", ["y", "x"]],
        ["rpop l 0", []],
        ["rpop l -1", { error: "ERR value is out of range, must be positive" }],
        ["rpop l 1 2", { error: "ERR wrong number of arguments for 'rpop' command" }],
        ["lpop none", null],
        ["lpop none 1", null],
        ["rpop l 100", ["c", "b", "a", "1"]],
        ["exists l", 0],
        ["rpush l a b a b a", 5],
        ["lrem l -2 a", 2],
        ["lrange l 0 -1", ["a", "b", "b"]],
        ["lrem l 0 b", 2],
        ["lrem l 0 b", 0],
        ["lrem l x b", notInteger],
        ["ltrim l 1 0", "OK"],
        ["exists l", 0],
        ["ltrim l 0 1", "OK"],
        ["set s v", "OK"],
      ]);
      const lines = ["lpush s a", "lpushx s a", "rpop s", "rpop s 0", "llen s", "lindex s x"];
      lines.push("lrange s 0 1", "lset s x y", "lrem s 0 a", "ltrim s 0 1", "linsert s after a b");
      lines.push("lpos s a", "lmove s l left left", "lmpop 1 s left", "blpop s 0", "brpop s 0");
      lines.push(
        "blmove s l left left 0",
        "brpoplpush s l 0",
        "blmpop 0 1 s left",
        "rpoplpush s l",
      );
      runRows(
        session,
        lines.map((line) => [line, wrongType]),
      );
      expect(session.call("object", "encoding", "s")).toBe("embstr");
    });

    test("LPOS", () => {
      const zero =
        "ERR RANK can't be zero: use 1 to start from the first match, 2 from the second ... or use negative to start from the end of the list";
      runRows(session, [
        ["rpush p a b c 1 2 3 c c", 8],
        ["lpos p c", 2],
        ["lpos p 3", 5],
        ["lpos p nothing", null],
        ["lpos p c rank 2", 6],
        ["lpos p c rank -1", 7],
        ["lpos p c count 0", [2, 6, 7]],
        ["lpos p c count 2", [2, 6]],
        ["lpos p c rank -1 count 2", [7, 6]],
        ["lpos p c count 0 maxlen 3", [2]],
        ["lpos p c maxlen 2", null],
        ["lpos p nothing count 1", []],
        ["lpos none c count 1", []],
        ["lpos none c", null],
        ["lpos p c rank 0", { error: zero }],
        ["lpos p c count -1", { error: "ERR COUNT can't be negative" }],
        ["lpos p c maxlen -1", { error: "ERR MAXLEN can't be negative" }],
        ["lpos p c rank", syntaxError],
        ["del p", 1],
      ]);
    });

    test("moves between lists, and within one", () => {
      runRows(session, [
        ["rpush m a b c", 3],
        ["rpoplpush m n", "c"],
        ["lmove m n left right", "a"],
        ["lrange n 0 -1", ["c", "a"]],
        ["lmove n n left right", "c"],
        ["lrange n 0 -1", ["a", "c"]],
        ["rpoplpush m m", "b"],
        ["rpoplpush m n", "b"],
        ["exists m", 0],
        ["lmove m n left up", syntaxError],
        ["lmove m s left right", null],
        ["lmove n s left right", wrongType],
        ["lmpop 2 m n right count 2", ["n", ["c", "a"]]],
        ["lmpop 2 m n left", ["n", ["b"]]],
        ["lmpop 2 m n left", null],
        ["lmpop 0 m left", { error: "ERR numkeys should be greater than 0" }],
        ["lmpop 1 m left count 0", { error: "ERR count should be greater than 0" }],
        ["lmpop 1 m left count 1 count 1", syntaxError],
        ["lmpop 9223372036854775807 m left", syntaxError],
      ]);
    });

    test("blocking commands that find something, or may not wait", () => {
      runRows(session, [
        ["rpush b 1 2 3 4 5", 5],
        ["blpop none b 0", ["b", "1"]],
        ["brpop none b 0", ["b", "5"]],
        ["blmove b c left right 0", "2"],
        ["brpoplpush b c 0", "4"],
        ["blmpop 0 2 none b left count 3", ["b", ["3"]]],
        ["lrange c 0 -1", ["4", "2"]],
        ["blpop c x", { error: "ERR timeout is not a float or out of range" }],
        ["blpop c -1", { error: "ERR timeout is negative" }],
        ["blmpop x 1 c up", syntaxError],
        ["multi", "OK"],
        ["blpop none 0", "QUEUED"],
        ["blmove none c left left 0", "QUEUED"],
        ["blmpop 0 1 none left", "QUEUED"],
        ["exec", [null, null, null]],
        ["del c", 1],
      ]);
    });

    test("the journal has what happened", () => {
      engine.set(Setting.Journal, 1);
      const shown = (line: string): string => {
        session.call(...line.split(" "));
        return session
          .journalText()
          .replace(/\r\n/g, " ")
          .replace(/[*$]\d+ /g, "")
          .trim();
      };
      session.call("select", "0");
      shown("rpush j a b c d e f");
      expect(shown("rpush j g")).toBe("rpush j g");
      expect(shown("lpop j 1")).toBe("lpop j 1");
      expect(shown("lpop none")).toBe("");
      expect(shown("blpop none j 0")).toBe("LPOP j");
      expect(shown("brpop j 0")).toBe("RPOP j");
      expect(shown("lmpop 1 j left count 2")).toBe("LPOP j 2");
      expect(shown("blmpop 0 1 j right count 9")).toBe("RPOP j 2");
      session.call("rpush", "j", "a", "b");
      session.journalText();
      expect(shown("blmove j k LEFT right 0")).toBe("LMOVE j k LEFT right");
      expect(shown("brpoplpush j k 0")).toBe("RPOPLPUSH j k");
      expect(shown("ltrim k 0 -1")).toBe("");
      expect(shown("lrem k 0 nothing")).toBe("");
      expect(shown("ltrim k 1 0")).toBe("ltrim k 1 0");
      engine.set(Setting.Journal, 0);
      session.journalText();
    });

    test("random commands do what they do to arrays", () => {
      const seed = 5;
      const random = seeded(seed);
      for (const [fill, threshold] of limits) {
        session.call("flushall");
        limit(instance, fill, threshold);
        const model = new Model();
        for (let i = 0; i < 1500; i++) {
          const args = randomCommand(random);
          const expected = model.call(args);
          const reply = session.call(...asSent(args)) as Reply;
          const same = JSON.stringify(reply) === JSON.stringify(expected);
          if (!same || (i % 50 === 0 && !sound(instance))) {
            const text = args.map((arg) => arg.slice(0, 40)).join(" ");
            throw new Error(`seed ${seed}, fill ${fill}, command ${i}: ${text}`);
          }
          if (i % 100 === 0) checkCopies(session, random);
        }
      }
      limit(instance, -2);
      session.call("flushall");
      expect(sound(instance)).toBe(true);
    });

    test("long lists: pushed, read, trimmed and freed in slices", () => {
      const used = entry(instance.build, "usedMemory");
      const before = used();
      for (let i = 0; i < 20_000; i++) {
        session.call(i % 2 === 0 ? "rpush" : "lpush", "long", `element ${i}`);
      }
      expect(session.call("lindex", "long", 10_000)).toBe("element 0");
      expect((session.call("lrange", "long", 5_000, 15_000) as Reply[]).length).toBe(10_001);
      expect(sound(instance)).toBe(true);
      // 17 bytes an element and their nodes: some slack at both ends.
      expect(used() - before).toBeLessThan(20_000 * 18);
      for (let i = 0; i < 9_000; i++) session.call(i % 2 === 0 ? "lpop" : "rpop", "long");
      expect(session.call("ltrim", "long", 10, -11)).toBe("OK");
      expect(session.call("llen", "long")).toBe(10_980);
      expect(session.call("unlink", "long")).toBe(1);
      while (engine.reclaim(3) > 0);
      expect(sound(instance)).toBe(true);
    });
  });
}

/** Copies, dumps and their restored values hold the same elements. */
function checkCopies(session: Session, random: () => number): void {
  const key = `l${random() % 3}`;
  const elements = session.call("lrange", key, 0, -1) as Reply[];
  if (elements.length === 0) return;
  const payload = Buffer.from(session.call("dump", key) as string, "latin1");
  expect(session.call("restore", "copy1", 0, payload, "replace")).toBe("OK");
  expect(session.call("copy", key, "copy2", "replace")).toBe(1);
  for (const copy of ["copy1", "copy2"]) {
    expect(session.call("lrange", copy, 0, -1)).toEqual(elements);
    expect(Buffer.from(session.call("dump", copy) as string, "latin1").equals(payload)).toBe(true);
  }
}
