import { describe, expect, test } from "bun:test";
import { Prng } from "../../src/base/prng.ts";
import { decodeMessage } from "../../src/cluster/bus-decode.ts";
import { encodeMessage } from "../../src/cluster/bus-encode.ts";
import { GOSSIP_BYTES, HEADER_BYTES, Header } from "../../src/cluster/bus-layout.ts";
import { type BusMessage, isPing, MessageType, NodeFlag } from "../../src/cluster/bus-message.ts";
import { slotRangesText } from "../../src/cluster/slot-bitmap.ts";
import { readFixtures } from "./fixtures.ts";
import { plainMessage, randomMessage, TYPES } from "./messages.ts";

function decoded(bytes: Uint8Array): BusMessage {
  const result = decodeMessage(bytes);
  if ("reason" in result) throw new Error(result.reason);
  return result.message;
}

function reason(bytes: Uint8Array): string {
  const result = decodeMessage(bytes);
  return "reason" in result ? result.reason : "decoded";
}

const fixtures = await readFixtures();

function fixture(name: string): Uint8Array {
  const bytes = fixtures.get(name);
  if (bytes === undefined) throw new Error(`no fixture ${name}`);
  return bytes.slice();
}

describe("messages of redis-server 7.0.15", () => {
  test("there is one of every type but module", () => {
    const heard = new Set([...fixtures.values()].map((bytes) => decoded(bytes).body.type));
    expect(TYPES.filter((type) => !heard.has(type))).toEqual(["module"]);
  });

  for (const [name, bytes] of fixtures) {
    test(`${name} decodes and encodes to the same ${bytes.length} bytes`, () => {
      const message = decoded(bytes);
      expect(encodeMessage(message)).toEqual(bytes);
    });
  }

  test("a ping's header, gossip and hostname", () => {
    const message = decoded(fixture("ping"));
    expect(message).toMatchObject({ currentEpoch: 3, configEpoch: 1, primaryId: "", myIp: "" });
    expect(message.flags).toBe(NodeFlag.primary | NodeFlag.myself);
    expect(message.busPort).toBe(message.port + 10_000);
    expect(slotRangesText(message.slots)).toBe("700-799");
    if (!isPing(message.body)) throw new Error("not a ping");
    expect(message.body.extensions).toEqual({ hostname: "reef.atoll.example" });
    expect(message.body.gossip.length).toBe(3);
    for (const entry of message.body.gossip) {
      expect(entry).toMatchObject({ ip: "127.0.0.1", plainPort: 0, busPort: entry.port + 10_000 });
    }
  });

  test("a ping gossips of a failed node", () => {
    const { body } = decoded(fixture("pingOfFailed"));
    if (!isPing(body)) throw new Error("not a ping");
    expect(body.gossip.some(({ flags }) => (flags & NodeFlag.fail) !== 0)).toBe(true);
  });
});

describe("layout", () => {
  test("each header field where clusterMsg has it", () => {
    const bytes = encodeMessage({
      ...plainMessage({ type: "failoverAuthRequest" }),
      currentEpoch: 0x1_2233_4455_6677,
      replicationOffset: 2 ** 53 - 1,
      primaryId: "f".repeat(40),
      myIp: "10.1.2.3",
      plainPort: 0x0102,
      flags: NodeFlag.replica,
      state: "fail",
      messageFlags: 2,
    });
    const hex = (at: number, length: number): string => bytes.slice(at, at + length).toHex();
    const text = (at: number, length: number): string =>
      String.fromCharCode(...bytes.subarray(at, at + length));
    expect(bytes.length).toBe(2256);
    expect(text(0, 4)).toBe("RCmb");
    expect(hex(4, 12)).toBe("000008d000011b5800050000");
    expect(hex(16, 24)).toBe("0001223344556677" + "0000000000000005" + "001fffffffffffff");
    expect(text(40, 40)).toBe("0123456789abcdef0123456789abcdef01234567");
    expect(text(2128, 40)).toBe("f".repeat(40));
    expect(text(2168, 9)).toBe("10.1.2.3\0");
    expect(hex(2214, 2)).toBe("0000");
    expect(hex(2246, 10)).toBe("01024268" + "0002" + "01" + "020000");
  });

  test("a hostname and its NUL are padded to 8 bytes", () => {
    for (const [hostname, padded] of [
      ["seven77", 8],
      ["eight888", 16],
    ] as const) {
      const bytes = encodeMessage(
        plainMessage({ type: "ping", gossip: [], extensions: { hostname } }),
      );
      expect(bytes.length).toBe(HEADER_BYTES + 8 + padded);
      expect(bytes.slice(HEADER_BYTES, HEADER_BYTES + 8).toHex()).toBe(
        `000000${(8 + padded).toString(16).padStart(2, "0")}00000000`,
      );
      expect(bytes[Header.messageFlags.offset]).toBe(4);
      expect(bytes[Header.extensions.offset + 1]).toBe(1);
    }
  });

  test("a module message", () => {
    const bytes = encodeMessage(
      plainMessage({
        type: "module",
        moduleId: 0x0102n,
        moduleType: 9,
        payload: Uint8Array.of(1, 2),
      }),
    );
    expect(bytes.length).toBe(2256 + 13 + 2);
    expect(bytes.slice(2256).toHex()).toBe("0201000000000000" + "00000002" + "09" + "0102");
  });
});

describe("what is refused", () => {
  const ping = fixture("ping");
  const patched = (at: number, ...values: number[]): Uint8Array => {
    const bytes = ping.slice();
    bytes.set(values, at);
    return bytes;
  };

  test("shorter than the header, or than announced, or longer", () => {
    expect(reason(ping.subarray(0, 2255))).toBe("a message of 2255 bytes");
    expect(reason(ping.subarray(0, 2300))).toStartWith("a length field of");
    expect(reason(new Uint8Array([...ping, 0]))).toStartWith("a length field of");
    expect(reason(new Uint8Array(0))).toBe("a message of 0 bytes");
  });

  test("another signature, version or type", () => {
    expect(reason(patched(0, 0x72))).toBe("no RCmb signature");
    expect(reason(patched(8, 0, 0))).toBe("bus protocol version 0");
    expect(reason(patched(8, 0, 2))).toBe("bus protocol version 2");
    expect(reason(patched(12, 0, 11))).toBe("unknown message type 11");
    expect(reason(patched(12, 1, 0))).toBe("unknown message type 256");
  });

  test("a gossip count that does not fit the length", () => {
    expect(reason(patched(14, 0, 2))).toStartWith("ping: ");
    expect(reason(patched(14, 0, 4))).toStartWith("ping: ");
    expect(reason(patched(14, 255, 255))).toStartWith("ping: ");
  });

  test("extensions: counted wrong, unpadded, empty, beyond the end", () => {
    const extension = HEADER_BYTES + 3 * GOSSIP_BYTES;
    expect(reason(patched(Header.extensions.offset, 0, 0))).toStartWith("ping: ");
    expect(reason(patched(Header.extensions.offset, 0, 2))).toStartWith("ping: ");
    expect(reason(patched(extension, 0, 0, 0, 31))).toBe(
      "ping: an extension of 31 bytes is not padded",
    );
    expect(reason(patched(extension, 0, 0, 0, 0))).toBe("ping: an extension of 0 bytes");
    expect(reason(patched(extension, 0, 0, 0, 40))).toStartWith("ping: ");
    expect(reason(patched(extension, 255, 255, 255, 248))).toStartWith("ping: ");
    // Without the flag the extension is excess length.
    expect(reason(patched(Header.messageFlags.offset, 0))).toStartWith("ping: ");
    expect(reason(patched(extension + 8, 0x0a))).toBe("ping: a hostname with odd characters");
  });

  test("names that would do damage in nodes.conf", () => {
    expect(reason(patched(Header.sender.offset + 3, 0x0a))).toBe("ping: a malformed node id");
    expect(reason(patched(Header.sender.offset, 0))).toBe("ping: a malformed node id");
    expect(reason(patched(Header.primaryId.offset, 0x61))).toBe("ping: a malformed node id");
    expect(reason(patched(Header.myIp.offset, 0x31, 0x20))).toBe("ping: a malformed address");
    expect(reason(patched(HEADER_BYTES + 48, 0x2c))).toBe("ping: a malformed address");
    const endless = new Array(46).fill(0x31);
    expect(reason(patched(Header.myIp.offset, ...endless))).toBe("ping: a malformed address");
  });

  test("numbers that JavaScript cannot hold", () => {
    expect(reason(patched(16, 0, 0x20))).toBe("ping: an epoch or offset of 2^53 or more");
    expect(decoded(patched(16, 0, 0x1f)).currentEpoch).toBeLessThan(2 ** 53);
  });

  test("bodies of a length that is not their type's", () => {
    for (const name of [
      "fail",
      "publish",
      "publishShard",
      "failoverAuthAck",
      "update",
      "mfStart",
    ]) {
      for (const change of [-8, -1, 1, 8]) {
        const original = fixture(name);
        const bytes = new Uint8Array(original.length + change);
        bytes.set(original.subarray(0, bytes.length));
        new DataView(bytes.buffer).setUint32(4, bytes.length);
        expect(reason(bytes)).not.toBe("decoded");
      }
    }
    const publish = fixture("publish");
    publish.set([255, 255, 255, 255, 255, 255, 255, 255], HEADER_BYTES);
    expect(reason(publish)).toStartWith("publish: ");
  });
});

test("messages of every kind go round", () => {
  const seed = 20_240_611;
  const random = new Prng(seed);
  for (let i = 0; i < 2000; i++) {
    const message = randomMessage(random);
    const bytes = encodeMessage(message);
    expect(decoded(bytes), `seed ${seed}, message ${i}`).toEqual(message);
  }
});

test("decoded messages share no memory with the bytes", () => {
  const random = new Prng(5);
  for (let i = 0; i < 200; i++) {
    const bytes = encodeMessage(randomMessage(random));
    const message = decoded(bytes);
    const before = structuredClone(message);
    bytes.fill(0xff);
    expect(message).toEqual(before);
  }
});

test("20 000 mutated messages never throw, and what decodes goes round", () => {
  const seed = 77;
  const random = new Prng(seed);
  let accepted = 0;
  for (let i = 0; i < 20_000; i++) {
    const bytes = mutated(random, encodeMessage(randomMessage(random)));
    // In the middle of other bytes: a read out of bounds would find them.
    const wide = new Uint8Array(bytes.length + 64).fill(0x5a);
    wide.set(bytes, 32);
    const result = decodeMessage(wide.subarray(32, 32 + bytes.length));
    if ("reason" in result) {
      if (result.reason === "") throw new Error(`seed ${seed}, message ${i}: no reason`);
      continue;
    }
    accepted++;
    const again = decodeMessage(encodeMessage(result.message));
    if ("reason" in again) throw new Error(`seed ${seed}, message ${i}: ${again.reason}`);
    if (!Bun.deepEquals(again.message, result.message)) {
      throw new Error(`seed ${seed}, message ${i}: another message after a round`);
    }
  }
  expect(accepted).toBeGreaterThan(1000);
});

/** Flipped bytes (mostly where it matters), other lengths, other types. */
function mutated(random: Prng, original: Uint8Array): Uint8Array {
  let bytes = original;
  if (random.chance(0.3)) {
    bytes = new Uint8Array(Math.max(0, original.length + random.below(240) - 120));
    bytes.set(original.subarray(0, bytes.length));
    if (bytes.length >= 8 && random.chance(0.9)) {
      new DataView(bytes.buffer).setUint32(4, bytes.length);
    }
  }
  if (bytes.length > 14 && random.chance(0.2)) {
    bytes[13] = random.below(Object.keys(MessageType).length + 1);
  }
  for (let left = random.below(4); left > 0 && bytes.length > 0; left--) {
    const fields = [0, 16, 40, 2128, 2168, 2210, 2246, HEADER_BYTES, HEADER_BYTES, HEADER_BYTES];
    const at = random.chance(0.2)
      ? random.below(bytes.length)
      : random.pick(fields) + random.below(random.pick([2, 16, 120]));
    if (at < bytes.length) bytes[at] = random.chance(0.5) ? random.below(256) : random.below(9);
  }
  return bytes;
}
