import { beforeAll, expect, test } from "bun:test";
import { type Build, entry, loadBuilds, put, seeded, take } from "../assembly/load.ts";
import { testWithRedis } from "../support/oracle.ts";
import { startServer } from "../support/server.ts";

/** `assembly/structures/listpack.ts` against a writer of the format that knows nothing of it. */

const [BEFORE, AFTER, REPLACE] = [0, 1, 2] as const;

beforeAll(async () => {
  await loadBuilds();
}, 120_000);

function integerOf(text: string): bigint | undefined {
  if (!/^(?:0|-?[1-9][0-9]*)$/.test(text) || text.length > 20) return undefined;
  const value = BigInt(text);
  return BigInt.asIntN(64, value) === value ? value : undefined;
}

function integerBytes(value: bigint): number[] {
  if (value >= 0n && value <= 127n) return [Number(value)];
  if (value >= -4096n && value <= 4095n) {
    const bits = Number(BigInt.asUintN(13, value));
    return [0xc0 | (bits >> 8), bits & 255];
  }
  const widths: [number, number][] = [
    [16, 0xf1],
    [24, 0xf2],
    [32, 0xf3],
    [64, 0xf4],
  ];
  const [width, code] = widths.find(([bits]) => BigInt.asIntN(bits, value) === value)!;
  const bytes = [code];
  for (let at = 0; at < width; at += 8) bytes.push(Number((value >> BigInt(at)) & 255n));
  return bytes;
}

function encode(text: string): Buffer {
  const value = integerOf(text);
  const data = Buffer.from(text, "latin1");
  const size = data.length;
  let bytes: Buffer;
  if (value !== undefined) bytes = Buffer.from(integerBytes(value));
  else if (size < 64) bytes = Buffer.concat([Buffer.from([0x80 | size]), data]);
  else if (size < 4096) {
    bytes = Buffer.concat([Buffer.from([0xe0 | (size >> 8), size & 255]), data]);
  } else {
    const head = Buffer.from([0xf0, 0, 0, 0, 0]);
    head.writeUInt32LE(size, 1);
    bytes = Buffer.concat([head, data]);
  }
  const backlen: number[] = [];
  let rest = bytes.length;
  const count = rest <= 127 ? 1 : rest < 16383 ? 2 : rest < 2097151 ? 3 : 4;
  for (let i = 0; i < count; i++, rest >>= 7)
    backlen.unshift((rest & 127) | (i + 1 < count ? 128 : 0));
  return Buffer.concat([bytes, Buffer.from(backlen)]);
}

function encodeAll(texts: readonly string[]): Buffer {
  const body = Buffer.concat(texts.map(encode));
  const head = Buffer.alloc(6);
  head.writeUInt32LE(body.length + 7, 0);
  head.writeUInt16LE(Math.min(texts.length, 65535), 4);
  return Buffer.concat([head, body, Buffer.from([255])]);
}

/** One listpack in one build. */
class Pack {
  readonly #call = (name: string, ...args: (number | bigint)[]): number =>
    entry(this.build, name)(...args) >>> 0;
  lp: number;

  constructor(readonly build: Build) {
    this.#call("initMemory");
    this.lp = this.#call("newListpack", 0);
  }

  #text(text: string): [number, number] {
    const at = this.build.scratch + 64;
    return [at, put(this.build, at, Buffer.from(text, "latin1"))];
  }

  append(text: string): void {
    this.lp = this.#call("lpAppend", this.lp, ...this.#text(text));
  }
  appendInteger(value: bigint): void {
    this.lp = this.#call("lpAppendInteger", this.lp, value);
  }
  prepend(text: string): void {
    this.lp = this.#call("lpPrepend", this.lp, ...this.#text(text));
  }
  insert(index: number, text: string, where: number): void {
    this.lp = this.#call("lpInsert", this.lp, this.seek(index), ...this.#text(text), where);
  }
  replaceInteger(index: number, value: bigint): void {
    this.lp = this.#call("lpReplaceInteger", this.lp, this.seek(index), value);
  }
  delete(index: number, count: number): void {
    this.lp = this.#call("lpDelete", this.lp, this.seek(index), count);
  }
  seek(index: number): number {
    return this.#call("lpSeek", this.lp, index);
  }
  find(text: string, from: number, skip: number): number {
    return this.#call("lpFind", this.lp, this.seek(from), ...this.#text(text), skip);
  }
  equals(index: number, text: string): boolean {
    return this.#call("lpEquals", this.seek(index), ...this.#text(text)) === 1;
  }
  entryBytes(text: string): number {
    return this.#call("lpEntryBytes", ...this.#text(text));
  }
  get count(): number {
    return this.#call("lpCount", this.lp);
  }
  get bytes(): Buffer {
    return Buffer.from(take(this.build, this.lp, this.#call("lpBytes", this.lp)));
  }
  get sound(): boolean {
    return this.#call("checkListpack", this.lp) === 1 && this.#call("checkMemory") === 1;
  }
  valid(bytes: Uint8Array, deep = true): boolean {
    const at = this.build.scratch + 3;
    put(this.build, at, bytes);
    // What lies behind must not help.
    put(this.build, at + bytes.length, new Uint8Array(64).fill(255));
    return this.#call("lpValid", at, bytes.length, deep ? 1 : 0) === 1;
  }
  /** Places of all elements, forwards, and the same backwards. */
  walk(): [number[], number[]] {
    const there: number[] = [];
    for (let p = this.#call("lpFirst", this.lp); p !== 0; p = this.#call("lpNext", this.lp, p)) {
      there.push(p);
    }
    const back: number[] = [];
    for (let p = this.#call("lpLast", this.lp); p !== 0; p = this.#call("lpPrev", this.lp, p)) {
      back.push(p);
    }
    return [there, back.reverse()];
  }
}

const borders = ["", "0", "127", "128", "-1", "4095", "4096", "-4096", "-4097", "32767", "32768"];
borders.push("-32768", "-32769", "8388607", "8388608", "-8388608", "-8388609", "2147483647");
borders.push("2147483648", "-2147483648", "-2147483649", "9223372036854775807");
borders.push("-9223372036854775808", "9223372036854775808", "-0", "01", "+1", "1 ", "-", "a");
for (const length of [62, 63, 64, 65, 125, 126, 127, 4094, 4095, 4096, 16377, 16378, 16379]) {
  borders.push("x".repeat(length));
}

test("every encoding at its borders, and every length of a backlen", async () => {
  for (const build of await loadBuilds()) {
    const pack = new Pack(build);
    const texts = [...borders, "y".repeat(2_097_144), "y".repeat(2_097_146), "y".repeat(2_097_150)];
    for (const text of texts) {
      expect(pack.entryBytes(text)).toBe(encode(text).length);
      pack.append(text);
    }
    expect(pack.bytes.equals(encodeAll(texts))).toBe(true);
    expect(pack.sound).toBe(true);
    const [there, back] = pack.walk();
    expect(there.length).toBe(texts.length);
    expect(back).toEqual(there);
    texts.forEach((text, index) => {
      expect(pack.equals(index, text)).toBe(true);
      expect(pack.equals(index, `${text}z`)).toBe(false);
    });
  }
});

test("integers written as such", async () => {
  for (const build of await loadBuilds()) {
    const pack = new Pack(build);
    const values = borders.filter((text) => integerOf(text) !== undefined);
    for (const text of values) pack.appendInteger(BigInt(text));
    expect(pack.bytes.equals(encodeAll(values))).toBe(true);
    for (let i = 0; i < values.length; i++) pack.replaceInteger(i, BigInt(values.at(-1 - i)!));
    expect(pack.bytes.equals(encodeAll(values.toReversed()))).toBe(true);
  }
});

test("more elements than the count holds", async () => {
  for (const build of await loadBuilds()) {
    const pack = new Pack(build);
    for (let i = 0; i < 65_534; i++) pack.append("7");
    expect(pack.bytes.readUInt16LE(4)).toBe(65_534);
    for (let i = 0; i < 10; i++) pack.append("8");
    expect(pack.bytes.readUInt16LE(4)).toBe(65_535);
    expect(pack.count).toBe(65_544);
    expect(pack.equals(-1, "8")).toBe(true);
    expect(pack.equals(65_533, "7")).toBe(true);
    expect(pack.seek(65_544)).toBe(0);
    pack.delete(5, 100);
    expect(pack.bytes.readUInt16LE(4)).toBe(65_535);
    expect(pack.count).toBe(65_444);
    expect(pack.bytes.readUInt16LE(4)).toBe(65_444);
    expect(pack.sound).toBe(true);
  }
});

function randomText(random: () => number): string {
  const kind = random() % 12;
  if (kind < 5) return String(BigInt.asIntN(64, BigInt(random()) ** 2n) >> BigInt(random() % 64));
  if (kind === 5) return borders[random() % borders.length]!;
  const length = kind < 10 ? random() % 30 : random() % (kind === 10 ? 200 : 5000);
  return "abcdefgh0123"[random() % 12]!.repeat(length);
}

test("10 000 random changes: the bytes are what the model's elements encode to", async () => {
  const seed = 7;
  for (const build of await loadBuilds()) {
    const pack = new Pack(build);
    const random = seeded(seed);
    let model: string[] = [];
    for (let step = 0; step < 10_000; step++) {
      const text = randomText(random);
      const index = model.length === 0 ? 0 : random() % model.length;
      const action = model.length === 0 ? random() % 2 : random() % 10;
      if (action === 0) {
        pack.append(text);
        model.push(text);
      } else if (action === 1) {
        pack.prepend(text);
        model.unshift(text);
      } else if (action < 4) {
        const from = random() % 2 === 0 ? index : index - model.length;
        pack.insert(from, text, action === 2 ? BEFORE : AFTER);
        model.splice(action === 2 ? index : index + 1, 0, text);
      } else if (action < 6) {
        pack.insert(index, text, REPLACE);
        model[index] = text;
      } else if (action < 9) {
        const count = random() % 3;
        pack.delete(index, count);
        model.splice(index, count);
      } else {
        const skip = random() % 3;
        let found = -1;
        const wanted = random() % 2 === 0 ? text : model[random() % model.length]!;
        for (let i = index; i < model.length; i += skip + 1) {
          if (model[i] !== wanted) continue;
          found = i;
          break;
        }
        const at = pack.find(wanted, index, skip);
        expect(at).toBe(found < 0 ? 0 : pack.seek(found));
      }
      if (model.length > 200) {
        pack.delete(20, 100_000);
        model = model.slice(0, 20);
      }
      expect(pack.count).toBe(model.length);
      if (step % 16 === 0 && !(pack.sound && pack.bytes.equals(encodeAll(model)))) {
        throw new Error(`seed ${seed}, step ${step}: not what the model holds`);
      }
    }
  }
});

test("what is not a listpack is refused, whatever is wrong with it", async () => {
  const seed = 11;
  for (const build of await loadBuilds()) {
    const pack = new Pack(build);
    const random = seeded(seed);
    const sound = encodeAll(["1", "abc", "-5000", "x".repeat(70), "123456789", "9".repeat(19), ""]);
    expect(pack.valid(sound)).toBe(true);
    expect(pack.valid(encodeAll([]))).toBe(true);
    for (let length = 0; length < sound.length; length++) {
      expect(pack.valid(sound.subarray(0, length))).toBe(false);
    }
    const wrongCount = Buffer.from(sound);
    wrongCount.writeUInt16LE(8, 4);
    expect(pack.valid(wrongCount)).toBe(false);
    expect(pack.valid(wrongCount, false)).toBe(true);
    wrongCount.writeUInt16LE(65_535, 4);
    expect(pack.valid(wrongCount)).toBe(true);
    // Backlens in a byte more than needed, which is the entry itself: redis-server takes them.
    const long = encodeAll(["1", "0", "2"]);
    long[9] = 0x81;
    expect(pack.valid(long)).toBe(true);
    put(build, build.scratch + 1000, long);
    pack.lp = build.scratch + 1000;
    const [forth, back] = pack.walk();
    expect(forth).toHaveLength(3);
    expect(back).toEqual(forth);
    for (let i = 0; i < 20_000; i++) {
      const mutated = Buffer.from(sound);
      for (let n = 1 + (random() % 3); n > 0; n--) mutated[random() % mutated.length] = random();
      mutated.writeUInt32LE(mutated.length, 0);
      mutated[mutated.length - 1] = 255;
      // It need not be refused; but what is taken can be walked both ways.
      if (!pack.valid(mutated)) continue;
      put(build, build.scratch + 1000, mutated);
      pack.lp = build.scratch + 1000;
      const [there, back] = pack.walk();
      expect(back).toEqual(there);
    }
  }
});

testWithRedis("the bytes are those of redis-server's hashes", async () => {
  const args = ["--rdbcompression", "no", "--hash-max-listpack-value", "20000"];
  const server = await startServer({ real: true, args });
  try {
    const client = await server.connect({ binary: true });
    const [build] = await loadBuilds();
    const pack = new Pack(build!);
    for (const [i, text] of borders.entries()) {
      for (const element of [`f${i}`, text]) pack.append(element);
      await client.call("HSET", "h", `f${i}`, Buffer.from(text, "latin1"));
    }
    const dump = Buffer.from((await client.call("DUMP", "h")) as Uint8Array);
    expect(dump.includes(pack.bytes)).toBe(true);
    client.close();
  } finally {
    await server.stop();
  }
});
