import { beforeAll, expect, test } from "bun:test";
import { Setting } from "../../assembly/settings.ts";
import { entry, loadBuilds } from "../assembly/load.ts";
import { encode, type Reply, Session, sound, startEngines } from "../engine/harness.ts";

/** Sets where memory can grow no further: replies are normal or -OOM, nothing traps, taking out goes on. */

beforeAll(async () => {
  await loadBuilds();
}, 120_000);

function isOom(reply: Reply | undefined): boolean {
  return JSON.stringify(reply ?? "").includes("OOM command not allowed");
}

for (const [name, member] of [
  ["texts", (at: number): string => `member of some length ${at}`],
  ["integers", (at: number): string => `${at * 1_000_003}`],
] as const) {
  test(`a set of ${name} that fills memory`, async () => {
    for (const instance of await startEngines()) {
      entry(instance.build, "alloc")(20 << 20);
      const pages = instance.build.memory.buffer.byteLength / 65_536;
      entry(instance.build, "limitMemory")(pages + 128);
      instance.engine.set(Setting.SetMaxIntsetEntries, 512);
      const session = new Session(instance);
      let count = 0;
      for (let full = false; !full; ) {
        const members = Array.from({ length: 200 }, (_, at) => member(count + at));
        session.feed(encode(["SADD", "s", ...members]));
        const reply = session.replies()[0];
        full = isOom(reply);
        if (!full) count += reply as number;
        if (count > 5_000_000) throw new Error("memory does not end");
      }
      expect(session.call("SCARD", "s")).toBe(count);
      session.call("SADD", "small", "1", "2", member(5), "x");
      for (const argv of [
        ["SUNIONSTORE", "d", "s"],
        ["SDIFFSTORE", "d", "s", "small"],
        ["SINTERSTORE", "d", "s", "s"],
        ["COPY", "s", "d"],
        ["SUNION", "s", "small"],
        ["SDIFF", "s", "small"],
        ["SRANDMEMBER", "s", `${Math.floor(count / 3)}`],
      ]) {
        expect([argv[0], isOom(session.call(...argv))]).toEqual([argv[0], true]);
      }
      expect(sound(instance)).toBe(true);
      expect(session.call("EXISTS", "d")).toBe(0);
      // Taking out gives what memory can hold, and journals it.
      instance.engine.set(Setting.Journal, 1);
      for (const share of [1_000_000_000, count - 5]) {
        const reply = session.call("SPOP", "s", `${share}`);
        if (isOom(reply)) continue;
        expect(session.call("SCARD", "s")).toBe(count - (reply as Reply[]).length);
        count -= (reply as Reply[]).length;
      }
      instance.engine.set(Setting.Journal, 0);
      session.take();
      session.journalText();
      while (count > 0) {
        const members = session.call("SPOP", "s", "500") as string[];
        expect(members.length).toBe(Math.min(count, 500));
        count -= members.length;
      }
      expect(session.call("EXISTS", "s")).toBe(0);
      expect(
        session.call("SADD", "s", ...Array.from({ length: 5_000 }, (_, at) => member(at))),
      ).toBe(5_000);
      expect(sound(instance)).toBe(true);
    }
  }, 60_000);
}
