import { beforeAll, expect, test } from "bun:test";
import { type Build, entry, loadBuilds, put, seeded, wideEntry } from "../assembly/load.ts";

/** The members' hash table by itself: against a JS Map, with the invariant walk, and the promise of its scan. */

const SEED = 0x1f2e3d4c5b6a7988n;
const KEY_OFFSET = 8;
let builds: Build[];

beforeAll(async () => {
  builds = await loadBuilds();
  for (const build of builds) {
    entry(build, "init")(Number(SEED & 0xffffffffn), Number(SEED >> 32n), 1);
  }
}, 120_000);

/** A table in a build; records are {u32 key length, u32 value, key}. */
class Table {
  private readonly call: (name: string, ...args: (number | bigint)[]) => number;
  private readonly wide: (name: string) => bigint;
  private readonly dict: number;
  private readonly cells: number;
  private readonly text: number;

  constructor(build: Build) {
    this.call = (name, ...args) => entry(build, name)(...args) >>> 0;
    this.wide = (name) => wideEntry(build, name)();
    this.build = build;
    this.dict = this.call("dictNew", KEY_OFFSET);
    this.cells = this.call("alloc", 4 * 4096);
    this.text = this.call("alloc", 4096);
  }

  readonly build: Build;

  private get view(): DataView {
    return new DataView(this.build.memory.buffer);
  }

  find(key: string): number {
    return this.call("dictFind", this.dict, this.text, put(this.build, this.text, key));
  }

  value(record: number): number {
    return this.view.getUint32(record + 4, true);
  }

  key(record: number): string {
    const length = this.view.getUint32(record, true);
    return Buffer.from(this.build.memory.buffer, record + KEY_OFFSET, length).toString();
  }

  private record(key: string, value: number): number {
    const record = this.call("alloc", KEY_OFFSET + Buffer.byteLength(key));
    this.view.setUint32(record, Buffer.byteLength(key), true);
    this.view.setUint32(record + 4, value, true);
    put(this.build, record + KEY_OFFSET, key);
    return record;
  }

  set(key: string, value: number): void {
    const known = this.find(key);
    const record = this.record(key, value);
    if (known === 0) this.call("dictInsertSearched", this.dict, record);
    else {
      this.call("dictReplaceFound", this.dict, record);
      this.call("free", known);
    }
  }

  delete(key: string): boolean {
    if (this.find(key) === 0) return false;
    this.call("free", this.call("dictRemoveFound", this.dict));
    return true;
  }

  get count(): number {
    return this.call("dictCount", this.dict);
  }

  get bytes(): number {
    return this.call("dictBytes", this.dict);
  }

  sound(): boolean {
    return this.call("checkDict", this.dict) === 1 && this.call("checkMemory") === 1;
  }

  *walk(): Generator<number> {
    let at = 0n;
    for (;;) {
      const record = this.call("dictNext", this.dict, at);
      if (record === 0) return;
      at = this.wide("dictAt");
      yield record;
    }
  }

  scan(cursor: bigint): { keys: string[]; next: bigint } {
    const count = this.call("dictScan", this.dict, cursor, this.cells);
    const view = this.view;
    const keys = Array.from({ length: count }, (_, index) =>
      this.key(view.getUint32(this.cells + index * 4, true)),
    );
    return { keys, next: this.wide("dictCursor") };
  }

  random(random: bigint): string {
    return this.key(this.call("dictRandom", this.dict, random));
  }

  removeRandom(random: bigint): string {
    const key = this.random(random);
    this.call("free", this.call("dictRemoveFound", this.dict));
    return key;
  }

  take(): number {
    return this.call("dictTakeAny", this.dict);
  }

  free(): void {
    this.call("dictFree", this.dict);
    this.call("free", this.cells);
    this.call("free", this.text);
  }
}

function keyOf(random: () => number, range: number): string {
  const number = random() % range;
  return number % 5 === 0 ? `${number}` : `member:${"x".repeat(number % 40)}${number}`;
}

test("inserts, replacements and removals against a Map, growing and shrinking", () => {
  for (const build of builds) {
    for (const [seed, range, steps] of [
      [1, 20, 3_000],
      [2, 600, 20_000],
      [3, 30_000, 120_000],
    ] as const) {
      const where = `${build.name}, seed ${seed}`;
      const before = entry(build, "usedMemory")();
      const random = seeded(seed);
      const table = new Table(build);
      const model = new Map<string, number>();
      for (let step = 0; step < steps; step++) {
        const key = keyOf(random, range);
        const growing = (step / (steps / 4)) % 2 < 1.2;
        const action = random() % 10;
        if (action < (growing ? 8 : 1)) {
          const value = random();
          table.set(key, value);
          model.set(key, value);
        } else if (action === 9) {
          const record = table.find(key);
          const found = record === 0 ? undefined : table.value(record);
          if (found !== model.get(key)) throw new Error(`${where}, step ${step}: ${key}`);
        } else if (action === 8 && model.size > 0) {
          const removed = table.removeRandom((BigInt(random()) << 32n) | BigInt(random()));
          if (!model.delete(removed)) throw new Error(`${where}, step ${step}: ${removed}`);
        } else if (table.delete(key) !== model.delete(key)) {
          throw new Error(`${where}, step ${step}: ${key}`);
        }
        if (step % (steps / 8) === 0) expect(`${where}: ${table.sound()}`).toEndWith("true");
      }
      expect(table.count).toBe(model.size);
      const walked = new Map<string, number>();
      for (const record of table.walk()) walked.set(table.key(record), table.value(record));
      expect(walked).toEqual(model);
      // An emptied table is as small as a new one.
      for (const key of model.keys()) table.delete(key);
      expect(table.sound()).toBe(true);
      expect(table.count).toBe(0);
      expect(table.bytes).toBeLessThanOrEqual(16 + 128);
      table.free();
      expect(entry(build, "usedMemory")()).toBe(before);
    }
  }
});

test("a scan reports every record that stays, whatever comes, goes, splits and merges meanwhile", () => {
  for (const build of builds) {
    for (const [stay, swing, seed] of [
      [5, 40, 11],
      [300, 100, 12],
      [2_000, 2_000, 13],
      [500, 4_000, 14],
    ] as const) {
      const random = seeded(seed);
      const table = new Table(build);
      const stays = new Set(Array.from({ length: stay }, (_, index) => `stay${index}`));
      for (const key of stays) table.set(key, 0);
      const others: string[] = [];
      const seen = new Set<string>();
      let cursor = 0n;
      let calls = 0;
      let low = false;
      do {
        const { keys, next } = table.scan(cursor);
        for (const key of keys) seen.add(key);
        cursor = next;
        if (++calls > 1_000_000) throw new Error("the scan does not end");
        // Others come in crowds and go again.
        for (let i = 0; i < swing / 10; i++) {
          const gone = others.at(-1);
          if (!low && others.length < swing * 5) {
            others.push(`other${random()}`);
            table.set(others.at(-1)!, 1);
          } else if (gone !== undefined) {
            table.delete(gone);
            others.pop();
          }
        }
        low = low ? others.length > 0 : others.length >= swing * 5;
        if (calls % 200 === 0) expect(table.sound()).toBe(true);
      } while (cursor !== 0n);
      const missed = [...stays].filter((key) => !seen.has(key));
      expect({ seed, missed }).toEqual({ seed, missed: [] });
      table.free();
    }
  }
});

test("a scan of a table at rest reports each record once; cursors out of nowhere do no harm", () => {
  for (const build of builds) {
    const table = new Table(build);
    for (let index = 0; index < 10_000; index++) table.set(`m${index}`, index);
    const seen: string[] = [];
    let cursor = 0n;
    do {
      const { keys, next } = table.scan(cursor);
      if (next !== 0n) expect(next).toBeGreaterThan(cursor);
      seen.push(...keys);
      cursor = next;
    } while (cursor !== 0n);
    expect(seen.length).toBe(10_000);
    expect(new Set(seen).size).toBe(10_000);
    const random = seeded(5);
    for (let index = 0; index < 1_000; index++) {
      const wild = (BigInt(random()) << BigInt(random() % 32)) & 0xffffffffffffffffn;
      expect(table.scan(BigInt.asIntN(64, wild)).keys.length).toBeLessThan(100);
    }
    table.free();
  }
});

test("random picks are fair, in tables of one bucket, of one segment and of many, full and emptied", () => {
  for (const build of builds) {
    for (const [size, left] of [
      [1, 1],
      [7, 7],
      [20, 3],
      [200, 200],
      [9_000, 300],
    ] as const) {
      const table = new Table(build);
      const random = seeded(size);
      for (let index = 0; index < size; index++) table.set(`m${index}`, index);
      for (let index = left; index < size; index++) table.delete(`m${index}`);
      const picks = new Map<string, number>();
      const each = 200;
      for (let draw = 0; draw < left * each; draw++) {
        const key = table.random((BigInt(random()) << 32n) | BigInt(random()));
        picks.set(key, (picks.get(key) ?? 0) + 1);
      }
      expect(picks.size).toBe(left);
      let chi = 0;
      for (const count of picks.values()) chi += (count - each) ** 2 / each;
      const deviation = left === 1 ? 0 : (chi - (left - 1)) / Math.sqrt(2 * (left - 1));
      expect({ size, left, fair: Math.abs(deviation) < 4 }).toEqual({ size, left, fair: true });
      table.free();
    }
  }
});

test("a table is taken apart bit by bit, or left half taken", () => {
  for (const build of builds) {
    const before = entry(build, "usedMemory")();
    for (const [size, taken] of [
      [0, 1],
      [5, 6],
      [5, 2],
      [9_000, 9_001],
      [9_000, 5_000],
    ] as const) {
      const table = new Table(build);
      for (let index = 0; index < size; index++) table.set(`m${index}`, index);
      const rest = new Set([...table.walk()]);
      for (let index = 0; index < taken; index++) {
        const record = table.take();
        expect(rest.delete(record)).toBe(record !== 0);
        if (record !== 0) entry(build, "free")(record);
      }
      expect(rest.size).toBe(Math.max(0, size - taken));
      expect(table.count).toBe(rest.size);
      for (const record of rest) entry(build, "free")(record);
      table.free();
    }
    expect(entry(build, "usedMemory")()).toBe(before);
    expect(entry(build, "checkMemory")()).toBe(1);
  }
});

test("filling one table in the order of another is no slower for it", () => {
  const build = builds[0]!;
  const table = new Table(build);
  for (let index = 0; index < 30_000; index++) table.set(`m${index}`, index);
  const keys = [...table.walk()].map((record) => table.key(record));
  const copy = new Table(build);
  for (const key of keys) copy.set(key, 0);
  expect(copy.sound()).toBe(true);
  // Cells at 5 to 8 bytes per record and the directory: not deeper than it would be in any other order.
  expect(copy.bytes).toBeLessThan(table.bytes * 1.2);
  table.free();
  copy.free();
});

test("no stretch of inserts moves many more records than another", () => {
  // Only this build counts them.
  const build = builds.find(({ name }) => name.includes("verify")) as Build;
  const table = new Table(build);
  const stretches: { readonly at: number; readonly perInsert: number }[] = [];
  const [first, last] = [8_000, 130_000];
  for (let count = 0, next = first; count < last; ) {
    const [from, before] = [count, entry(build, "dictPlaced")() >>> 0];
    // A table of segments that are split at one size moves nearly all its records within a stretch like this.
    next = Math.ceil(next * 1.05);
    for (; count < next; count++) table.set(`member:${count}`, count);
    const placed = (entry(build, "dictPlaced")() >>> 0) - before;
    if (from > 0) stretches.push({ at: from, perInsert: placed / (count - from) });
  }
  const worst = stretches.reduce((a, b) => (b.perInsert > a.perInsert ? b : a));
  const mean = stretches.reduce((sum, { perInsert }) => sum + perInsert, 0) / stretches.length;
  expect(mean).toBeLessThan(4);
  expect({ worst, fair: worst.perInsert < 8 }).toEqual({ worst, fair: true });
  expect(table.sound()).toBe(true);
  table.free();
}, 60_000);
