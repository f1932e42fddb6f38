import { describe, expect, test } from "bun:test";
import { concat, latin1, latin1Text } from "../../src/base/bytes.ts";
import { Prng } from "../../src/base/prng.ts";
import { Backlog } from "../../src/replication/backlog.ts";

const noReader = (): number => Number.POSITIVE_INFINITY;
const kib = 1024;

describe("backlog", () => {
  test("counts positions from where it starts and serves what it keeps", () => {
    const backlog = new Backlog(16 * kib, 100, noReader);
    expect(backlog.firstByteOffset).toBe(101);
    expect(backlog.canServe(100)).toBe(true);
    expect(backlog.view(100)).toBeNull();
    backlog.feed(latin1("hello"));
    backlog.feed(latin1(" world"));
    expect([backlog.start, backlog.end, backlog.histlen]).toEqual([100, 111, 11]);
    expect(latin1Text(concat(backlog.read(106)))).toBe("world");
    expect(backlog.canServe(99)).toBe(false);
    expect(backlog.canServe(112)).toBe(false);
  });

  test("a size below 16 KiB is 16 KiB", () => {
    expect(new Backlog(1, 0, noReader).size).toBe(16 * kib);
  });

  test("keeps at least its size, at most one segment more", () => {
    const backlog = new Backlog(64 * kib, 0, noReader);
    for (let i = 0; i < 5000; i++) backlog.feed(new Uint8Array(97));
    expect(backlog.histlen).toBeGreaterThanOrEqual(64 * kib);
    expect(backlog.histlen).toBeLessThanOrEqual(64 * kib + 2 * 16 * kib);
    expect(backlog.allocatedBytes).toBeLessThanOrEqual(64 * kib + 3 * 16 * kib);
  });

  test("a slow reader keeps its bytes, and gives them back when it goes", () => {
    let reader = 10;
    const backlog = new Backlog(16 * kib, 0, () => reader);
    backlog.feed(latin1("0123456789after ten"));
    for (let i = 0; i < 100; i++) backlog.feed(new Uint8Array(4 * kib));
    expect(latin1Text(backlog.view(10)!.subarray(0, 9))).toBe("after ten");
    reader = Number.POSITIVE_INFINITY;
    backlog.trim();
    expect(backlog.canServe(10)).toBe(false);
    expect(backlog.allocatedBytes).toBeLessThanOrEqual(3 * 16 * kib);
  });

  test("shrinks at once and grows as bytes come", () => {
    const backlog = new Backlog(256 * kib, 0, noReader);
    for (let i = 0; i < 80; i++) backlog.feed(new Uint8Array(4 * kib));
    backlog.resize(16 * kib);
    expect(backlog.histlen).toBeLessThanOrEqual(32 * kib);
    backlog.resize(128 * kib);
    for (let i = 0; i < 80; i++) backlog.feed(new Uint8Array(4 * kib));
    expect(backlog.histlen).toBeGreaterThanOrEqual(128 * kib);
  });

  test("against a model: 10 000 seeded operations", () => {
    const seed = Math.floor(Math.random() * 2 ** 31);
    const random = new Prng(seed);
    let reader = Number.POSITIVE_INFINITY;
    const backlog = new Backlog(16 * kib, 0, () => reader);
    // The model keeps the last 4 MiB of everything ever fed.
    const model = new Uint8Array(64 * 1024 * kib);
    let end = 0;
    for (let step = 0; step < 10_000; step++) {
      const choice = random.below(100);
      if (choice < 80) {
        const bytes = random.bytes(random.below(choice < 2 ? 60_000 : 900));
        model.set(bytes, end);
        end += bytes.length;
        backlog.feed(bytes);
      } else if (choice < 85) {
        backlog.resize(16 * kib + random.below(200 * kib));
      } else if (choice < 90) {
        reader = random.chance(0.5)
          ? Number.POSITIVE_INFINITY
          : Math.max(backlog.start, end - 9000);
      } else {
        const position = backlog.start + random.below(backlog.histlen + 1);
        const wanted = Buffer.from(model.subarray(position, end));
        const same = wanted.equals(concat(backlog.read(position)));
        expect(same, `seed ${seed}, step ${step}, position ${position}`).toBe(true);
      }
      const enough = backlog.histlen >= Math.min(end, 16 * kib);
      const forReader = reader === Number.POSITIVE_INFINITY || backlog.canServe(reader);
      expect(backlog.end === end && enough && forReader, `seed ${seed}, step ${step}`).toBe(true);
    }
  });
});
