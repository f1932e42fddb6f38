import { beforeAll, expect, test } from "bun:test";
import { type Build, entry, loadBuilds, seeded } from "./load.ts";

/** The allocator by itself: `assembly/base/memory.ts`. Each test starts it in fresh instances. */

class Heap {
  readonly alloc: (size: number) => number;
  readonly free: (ptr: number) => void;
  readonly resize: (ptr: number, kept: number, size: number) => number;
  readonly usable: (ptr: number) => number;
  readonly used: () => number;
  readonly canAllocate: (bytes: number) => boolean;
  readonly check: () => boolean;

  constructor(readonly build: Build) {
    const [alloc, resize] = [entry(build, "alloc"), entry(build, "resize")];
    const [usable, used, can] = [
      entry(build, "usableSize"),
      entry(build, "usedMemory"),
      entry(build, "canAllocate"),
    ];
    const check = entry(build, "checkMemory");
    this.alloc = (size) => alloc(size) >>> 0;
    this.free = entry(build, "free");
    this.resize = (ptr, kept, size) => resize(ptr, kept, size) >>> 0;
    this.usable = (ptr) => usable(ptr) >>> 0;
    this.used = () => used() >>> 0;
    this.canAllocate = (bytes) => can(bytes) === 1;
    this.check = () => check() === 1;
    expect(entry(build, "initMemory")()).toBe(1);
  }

  get bytes(): number {
    return this.build.memory.buffer.byteLength;
  }

  get words(): Uint32Array {
    return new Uint32Array(this.build.memory.buffer);
  }
}

async function heaps(): Promise<Heap[]> {
  return (await loadBuilds()).map((build) => new Heap(build));
}

// The builds may have to be made first.
beforeAll(async () => {
  await loadBuilds();
}, 120_000);

/** Mostly small sizes, some pages, a few megabytes: each scale as likely as the next. */
function randomSize(random: () => number): number {
  const scale = random() % 100;
  if (scale < 70) return random() % 256;
  if (scale < 90) return random() % 20_000;
  if (scale < 99) return random() % 200_000;
  return random() % (16 << 20);
}

interface Block {
  ptr: number;
  size: number;
  mark: number;
}

/** Writes the block's own mark at its start, middle and end. */
function stamp(words: Uint32Array, { ptr, size, mark }: Block): void {
  if (size < 4) return;
  words[ptr >>> 2] = mark;
  words[(ptr + size - 4) >>> 2] = mark;
  words[(ptr + (size >>> 1)) >>> 2] = mark;
}

function stamped(words: Uint32Array, { ptr, size, mark }: Block): boolean {
  return size < 4 || (words[ptr >>> 2] === mark && words[(ptr + size - 4) >>> 2] === mark);
}

test("50 000 random calls against a model: content stays, the walk holds, all is given back", async () => {
  const seed = 0x5eed01;
  for (const heap of await heaps()) {
    const where = `${heap.build.name}, seed ${seed}`;
    const random = seeded(seed);
    const before = heap.used();
    const blocks: Block[] = [];
    let words = heap.words;
    let expectedUse = before;
    for (let step = 0; step < 50_000; step++) {
      if (words.length === 0) words = heap.words;
      const action = random() % 100;
      const live = blocks.length;
      const most = step % 10_000 < 6_000 ? 2_000 : 200;
      if (live === 0 || (action < 50 && live < most)) {
        const size = randomSize(random);
        const ptr = heap.alloc(size);
        if (words.length === 0) words = heap.words;
        const block = { ptr, size, mark: random() };
        if (ptr % 8 !== 0 || heap.usable(ptr) < size) throw new Error(`${where}: bad block`);
        expectedUse += heap.usable(ptr);
        stamp(words, block);
        blocks.push(block);
      } else if (action < 85) {
        const at = random() % live;
        const block = blocks[at] as Block;
        if (!stamped(words, block)) throw new Error(`${where}, step ${step}: content lost`);
        expectedUse -= heap.usable(block.ptr);
        heap.free(block.ptr);
        blocks[at] = blocks[live - 1] as Block;
        blocks.pop();
      } else {
        const block = blocks[random() % live] as Block;
        const size = randomSize(random);
        expectedUse -= heap.usable(block.ptr);
        const kept = Math.min(size, block.size);
        block.ptr = heap.resize(block.ptr, kept, size);
        if (words.length === 0) words = heap.words;
        expectedUse += heap.usable(block.ptr);
        if (kept >= 4 && words[block.ptr >>> 2] !== block.mark) {
          throw new Error(`${where}, step ${step}: content lost by resize`);
        }
        block.size = size;
        stamp(words, block);
      }
      if (step % 2_500 === 0) {
        expect(`${where}, step ${step}: ${heap.check()}`).toEndWith("true");
        expect(heap.used()).toBe(expectedUse);
      }
    }
    for (const block of blocks) {
      if (!stamped(words, block)) throw new Error(`${where}: content lost at the end`);
      heap.free(block.ptr);
    }
    expect(heap.check()).toBe(true);
    expect(heap.used()).toBe(before);
  }
});

test("the same load again and again takes no more memory", async () => {
  const seed = 0x10ad;
  for (const heap of await heaps()) {
    let settled = 0;
    for (let round = 0; round < 12; round++) {
      const random = seeded(seed + round);
      const sizes = Array.from({ length: 3_000 }, (_, index) =>
        index % 50 === 0 ? random() % (1 << 20) : random() % 2_000,
      );
      const blocks = sizes.map((size) => heap.alloc(size));
      // Freed in another order each time.
      for (let left = blocks.length; left > 0; left--) {
        const at = random() % left;
        heap.free(blocks[at] as number);
        blocks[at] = blocks[left - 1] as number;
      }
      expect(heap.check()).toBe(true);
      if (round === 3) settled = heap.bytes;
    }
    expect(heap.bytes).toBe(settled);
  }
});

test("neighbours merge: after many small runs one large run fits where they were", async () => {
  for (const heap of await heaps()) {
    heap.free(heap.alloc(32 << 20));
    const size = heap.bytes;
    for (const order of [1, 7, 63]) {
      const blocks = Array.from({ length: 64 }, () => heap.alloc(512 << 10));
      expect(heap.bytes).toBe(size);
      for (let index = 0; index < 64; index++) heap.free(blocks[(index * order) % 64] as number);
      expect(heap.check()).toBe(true);
      heap.free(heap.alloc(32 << 20));
      expect(heap.bytes).toBe(size);
    }
  }
});

test("resize grows in place where the pages behind are free, and gives the tail back", async () => {
  for (const heap of await heaps()) {
    const first = heap.alloc(40 << 10);
    const second = heap.alloc(400 << 10);
    const third = heap.alloc(40 << 10);
    heap.free(second);
    expect(heap.resize(first, 40 << 10, 200 << 10)).toBe(first);
    expect(heap.usable(first)).toBe(200 << 10);
    expect(heap.resize(first, 20 << 10, 20 << 10)).toBe(first);
    expect(heap.usable(first)).toBe(20 << 10);
    expect(heap.check()).toBe(true);
    heap.free(first);
    heap.free(third);
    expect(heap.check()).toBe(true);
  }
});

test("at the end of memory canAllocate says so, and what it promises is kept", async () => {
  const seed = 0xe4d;
  for (const heap of await heaps()) {
    const pages = heap.bytes / 65_536;
    entry(heap.build, "limitMemory")(pages + 256);
    const random = seeded(seed);
    const blocks: number[] = [];
    let refused = 0;
    for (let step = 0; step < 60_000 && refused < 2_000; step++) {
      const size = step % 10 === 0 ? randomSize(random) : random() % 4_000;
      // What was promised may also be taken in small pieces.
      if (heap.canAllocate(size)) blocks.push(heap.alloc(size));
      else {
        refused++;
        for (let times = 0; times < 3 && blocks.length > 0 && refused % 3 === 0; times++) {
          const at = random() % blocks.length;
          heap.free(blocks[at] as number);
          blocks[at] = blocks[blocks.length - 1] as number;
          blocks.pop();
        }
      }
    }
    expect(refused).toBeGreaterThan(100);
    expect(heap.check()).toBe(true);
    expect(heap.canAllocate(1 << 30)).toBe(false);
    expect(heap.canAllocate(0xffff_ffff)).toBe(false);
    expect(heap.bytes).toBeLessThanOrEqual((pages + 256) * 65_536);
    for (const ptr of blocks) heap.free(ptr);
    expect(heap.check()).toBe(true);
    expect(heap.canAllocate(16 << 20)).toBe(true);
  }
});

test("addresses above 2 GiB work", async () => {
  const [heap] = await heaps();
  if (heap === undefined) throw new Error("no build");
  const big = heap.alloc(2_100 << 20);
  const above = heap.alloc(100);
  const large = heap.alloc(100_000);
  const [low, high] = [Math.min(above, large), Math.max(above, large)];
  expect(high).toBeGreaterThan(2 ** 31);
  expect(low).toBeGreaterThan(0);
  expect(heap.resize(large, 100_000, 300_000)).toBeGreaterThan(0);
  expect(heap.check()).toBe(true);
  heap.free(big);
  expect(heap.check()).toBe(true);
});
