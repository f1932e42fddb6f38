import { describe, expect, test } from "bun:test";
import { concat } from "../../src/base/bytes.ts";
import { Prng } from "../../src/base/prng.ts";
import { encodeMessage } from "../../src/cluster/bus-encode.ts";
import { BusFramer, busMessageBytesMax } from "../../src/cluster/bus-framer.ts";
import { plainMessage, randomMessage } from "./messages.ts";

/** Frames as hex digests, so that thousands compare fast, and the reason of the end. */
function outcome(framer: BusFramer, chunks: readonly Uint8Array[]): string[] {
  const seen: string[] = [];
  for (const chunk of chunks) {
    // A chunk's memory is reused by the socket once `push` returned.
    const lent = chunk.slice();
    const { frames, reason } = framer.push(lent);
    for (const frame of frames) seen.push(digest(frame));
    lent.fill(0xee);
    if (reason !== undefined) return [...seen, reason];
  }
  return seen;
}

function digest(bytes: Uint8Array): string {
  return `${bytes.length}:${Bun.hash(bytes)}`;
}

/** The first bytes of a message that announces `length` bytes. */
function prefix(length: number): Uint8Array {
  const bytes = Uint8Array.of(0x52, 0x43, 0x6d, 0x62, 0, 0, 0, 0);
  new DataView(bytes.buffer).setUint32(4, length);
  return bytes;
}

describe("cuts", () => {
  const random = new Prng(11);
  const messages = Array.from({ length: 3 }, () => encodeMessage(randomMessage(random)));
  const stream = concat(messages);
  const whole = messages.map(digest);

  test("in two at every byte", () => {
    for (let cut = 0; cut <= stream.length; cut++) {
      const parts = [stream.subarray(0, cut), stream.subarray(cut)];
      expect(outcome(new BusFramer(), parts), `cut at ${cut}`).toEqual(whole);
    }
  });

  test("byte by byte", () => {
    const parts = Array.from(stream, (byte) => Uint8Array.of(byte));
    expect(outcome(new BusFramer(), parts)).toEqual(whole);
  });

  test("at random, messages of all sizes", () => {
    for (let seed = 1; seed <= 60; seed++) {
      const dice = new Prng(seed);
      const sent = Array.from({ length: 12 }, () =>
        dice.chance(0.1) ? publish(dice.below(100_000)) : encodeMessage(randomMessage(dice)),
      );
      const bytes = concat(sent);
      const parts: Uint8Array[] = [];
      for (let at = 0; at < bytes.length; ) {
        const length = 1 + dice.below(dice.pick([4, 40, 3000, 70_000]));
        parts.push(bytes.subarray(at, at + length));
        at += length;
      }
      expect(outcome(new BusFramer(), parts), `seed ${seed}`).toEqual(sent.map(digest));
    }
  });
});

describe("links that must be closed", () => {
  const good = encodeMessage(plainMessage({ type: "mfStart" }));

  test("a signature that is not RCmb, seen at the eighth byte", () => {
    const framer = new BusFramer();
    expect(framer.push(new TextEncoder().encode("GET / H"))).toEqual({ frames: [] });
    expect(framer.push(new TextEncoder().encode("T"))).toEqual({
      frames: [],
      reason: "no RCmb signature",
    });
  });

  test("a length below the header's or above the bound", () => {
    expect(outcome(new BusFramer(), [prefix(2255)])[0]).toContain("below the header's");
    expect(outcome(new BusFramer(), [prefix(0)])[0]).toContain("below the header's");
    expect(outcome(new BusFramer(), [prefix(busMessageBytesMax + 1)])[0]).toContain("is above");
    expect(outcome(new BusFramer(), [prefix(0xffff_ffff)])[0]).toContain("is above");
    expect(outcome(new BusFramer(), [prefix(busMessageBytesMax)])).toEqual([]);
    expect(outcome(new BusFramer(3000), [prefix(3001)])[0]).toContain("is above 3000");
  });

  test("messages before the damage still come, however it is cut", () => {
    const stream = concat([good, good, new Uint8Array(20)]);
    for (let cut = 0; cut <= stream.length; cut++) {
      const parts = [stream.subarray(0, cut), stream.subarray(cut)];
      const seen = outcome(new BusFramer(), parts);
      expect(seen, `cut at ${cut}`).toEqual([digest(good), digest(good), "no RCmb signature"]);
    }
  });
});

describe("memory", () => {
  test("an announced length reserves nothing", () => {
    const framer = new BusFramer();
    framer.push(prefix(busMessageBytesMax));
    expect(framer.bufferBytes).toBeLessThanOrEqual(4096);
    framer.push(new Uint8Array(100_000));
    expect(framer.bufferBytes).toBeLessThan(250_000);
  });

  test("a large message is given back once it is whole", () => {
    const framer = new BusFramer();
    const large = publish(5_000_000);
    const parts: Uint8Array[] = [];
    for (let at = 0; at < large.length; at += 65_536) parts.push(large.subarray(at, at + 65_536));
    expect(outcome(framer, parts)).toEqual([digest(large)]);
    expect(framer.bufferBytes).toBe(0);
  });

  test("garbage, whatever it is, holds at most what arrived", () => {
    for (let seed = 1; seed <= 200; seed++) {
      const random = new Prng(seed);
      const framer = new BusFramer();
      let arrived = 0;
      for (let i = 0; i < 20; i++) {
        const chunk = random.bytes(random.below(5000));
        if (random.chance(0.2)) chunk.set(prefix(random.below(10_000)).subarray(0, chunk.length));
        arrived += chunk.length;
        if (framer.push(chunk).reason !== undefined) break;
        expect(framer.bufferBytes, `seed ${seed}`).toBeLessThanOrEqual(2 * arrived + 4096);
      }
    }
  });
});

function publish(length: number): Uint8Array {
  const message = new Uint8Array(length).fill(length & 0xff);
  return encodeMessage(plainMessage({ type: "publish", channel: Uint8Array.of(1), message }));
}
