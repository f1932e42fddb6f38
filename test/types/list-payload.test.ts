import { describe, expect, test } from "bun:test";
import { seeded } from "../assembly/load.ts";
import { type Reply, Session, sound, startEngines } from "../engine/harness.ts";
import { signed } from "../engine/payload.ts";
import { testWithRedis } from "../support/oracle.ts";
import { startServer } from "../support/server.ts";
import { asSent, limit, limits, randomCommand, randomWord } from "./list-support.ts";

/** Payloads of lists: what DUMP writes, what RESTORE takes and refuses. */

/** Rounds with damaged payloads per build. */
const rounds = Number(process.env["ATOLL_COUNT"] ?? 20_000);

for (const instance of await startEngines()) {
  const session = new Session(instance);

  describe(`payloads of lists (${instance.name})`, () => {
    test("RESTORE of damaged payloads: refused, or a sound list", () => {
      const seed = Number(process.env["ATOLL_SEED"] ?? 9);
      const random = seeded(seed);
      session.call("flushall");
      limit(instance, 3, 50);
      const sources = [...oldPayloads];
      for (let i = 0; i < 6; i++) {
        session.call("rpush", "d", ...Array.from({ length: 8 }, () => randomWord(random)));
        sources.push(Buffer.from(session.call("dump", "d") as string, "latin1"));
      }
      let taken = 0;
      for (let i = 0; i < rounds; i++) {
        const payload = Buffer.from(sources[random() % sources.length]!);
        const body = payload.length - 10;
        for (let n = random() % 4; n > 0; n--) payload[1 + (random() % (body - 1))] = random();
        const sealed = signed(
          payload.subarray(0, random() % 8 === 0 ? 1 + (random() % body) : body),
        );
        if (session.call("restore", "r", 0, sealed, "replace") !== "OK") continue;
        taken++;
        expect((session.call("lrange", "r", 0, -1) as Reply[]).length).toBeGreaterThan(0);
        if (taken % 200 === 0) {
          expect(sound(instance), `seed ${seed}, round ${i}`).toBe(true);
        }
      }
      expect(taken).toBeGreaterThan(rounds / 40);
      session.call("flushall");
      limit(instance, -2);
      expect(sound(instance)).toBe(true);
    }, 600_000);

    test("what earlier versions wrote", () => {
      for (const payload of oldPayloads) {
        session.call("del", "old");
        const sealed = signed(payload.subarray(0, -10));
        expect(session.call("restore", "old", 0, sealed)).toBe("OK");
        expect(session.call("lrange", "old", 0, -1)).toEqual(oldElements);
      }
      session.call("flushall");
    });
  });
}

const oldElements = ["a", "7", "-5", "70000", "1", "-8388608", "1234567890123", "z".repeat(64)];

/** The elements as a ziplist. */
function ziplist(): Buffer {
  const encoded = [
    Buffer.from([1, 97]),
    Buffer.from([0xf8]),
    Buffer.from([0xfe, 0xfb]),
    Buffer.from([0xf0, 0x70, 0x11, 0x01]),
    Buffer.from([0xf2]),
    Buffer.from([0xf0, 0, 0, 0x80]),
    Buffer.concat([Buffer.from([0xe0]), Buffer.from(new BigInt64Array([1234567890123n]).buffer)]),
    Buffer.concat([Buffer.from([0x40, 64]), Buffer.from("z".repeat(64))]),
  ];
  const entries: Buffer[] = [];
  let previous = 0;
  let tail = 10;
  for (const [at, data] of encoded.entries()) {
    if (at > 0) tail += previous;
    const whole: Buffer = Buffer.concat([Buffer.from([previous]), data]);
    entries.push(whole);
    previous = whole.length;
  }
  const head = Buffer.alloc(10);
  const body = Buffer.concat(entries);
  head.writeUInt32LE(body.length + 11, 0);
  head.writeUInt32LE(tail, 4);
  head.writeUInt16LE(encoded.length, 8);
  return Buffer.concat([head, body, Buffer.from([255])]);
}

function rdbString(bytes: Buffer): Buffer {
  const long = bytes.length > 63;
  const head = long ? [0x40 | (bytes.length >> 8), bytes.length & 255] : [bytes.length];
  return Buffer.concat([Buffer.from(head), bytes]);
}

const footer = Buffer.alloc(10);
/** Types 1 (elements), 10 (a ziplist) and 14 (ziplists), the footer still empty. */
const oldPayloads = [
  Buffer.concat([
    Buffer.from([1, oldElements.length]),
    ...oldElements.map((element) => rdbString(Buffer.from(element))),
    footer,
  ]),
  Buffer.concat([Buffer.from([10]), rdbString(ziplist()), footer]),
  Buffer.concat([Buffer.from([14, 1]), rdbString(ziplist()), footer]),
];

testWithRedis(
  "nodes are cut and merged as in redis-server: DUMP has the same bytes",
  async () => {
    const args = ["--enable-debug-command", "yes", "--rdbcompression", "no"];
    const server = await startServer({ real: true, args });
    try {
      const client = await server.connect({ binary: true });
      const [, instance] = await startEngines();
      const session = new Session(instance!);
      const seed = 21;
      const random = seeded(seed);
      for (const [fill, threshold] of limits) {
        limit(instance!, fill, threshold);
        await client.call("config", "set", "list-max-listpack-size", String(fill));
        await client.call("debug", "quicklist-packed-threshold", `${threshold}b`);
        await client.call("flushall");
        session.call("flushall");
        for (let i = 0; i < 400; i++) {
          const command = asSent(randomCommand(random));
          await client.call(...command.map((arg) => Buffer.from(arg, "latin1")));
          session.call(...command);
          const ours = session.call("dump", command[1]!);
          const real = (await client.call("dump", command[1]!)) as Uint8Array | null;
          const shown = real === null ? null : Buffer.from(real).toString("latin1");
          if (shown !== ours) {
            const text = command.map((arg) => arg.slice(0, 40)).join(" ");
            throw new Error(`seed ${seed}, fill ${fill} ${threshold}, command ${i}: ${text}`);
          }
        }
      }
      client.close();
    } finally {
      await server.stop();
    }
  },
  30_000,
);
