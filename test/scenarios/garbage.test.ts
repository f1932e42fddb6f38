/**
 * Nonsense on the client port and on the bus port: Redis's error where Redis has one, the connection closed,
 * the node alive, and nothing kept of it.
 */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { readdirSync, readFileSync } from "node:fs";
import { connect, type Socket } from "node:net";
import { Prng } from "../../src/base/prng.ts";
import { encodeMessage } from "../../src/cluster/bus-encode.ts";
import { HEADER_BYTES, Header } from "../../src/cluster/bus-layout.ts";
import { plainMessage } from "../cluster/messages.ts";
import { type ClusterMember, TestCluster, within } from "../support/cluster.ts";
import { testWithTools } from "../support/oracle.ts";
import { until } from "../support/server.ts";

const TIMEOUT_MS = 60_000;
const ANSWER_TIMEOUT_MS = 5000;
const CONNECTIONS = 3000;
const AT_ONCE = 25;
/** Resident memory moves by itself: collections of the host's garbage, pages given back late. */
const RSS_GROWTH_MAX_BYTES = 24 * 1024 * 1024;

/**
 * Sends `bytes`; answers what came back until the server closed the connection. With `end` our side of the
 * connection is closed behind the bytes.
 */
function sendTo(port: number, bytes: Uint8Array | string, end: boolean): Promise<string> {
  const answer = new Promise<string>((resolve) => {
    const socket = connect({ port, host: "127.0.0.1" });
    let text = "";
    socket.on("data", (chunk) => {
      text += chunk.toString("latin1");
    });
    socket.on("error", () => resolve(text));
    socket.on("close", () => resolve(text));
    socket.on("connect", () => {
      if (end) socket.end(bytes);
      else socket.write(bytes);
    });
  });
  return within(answer, ANSWER_TIMEOUT_MS, "the end of a connection");
}

/** Runs `body` with 0, 1, 2 ... `count` - 1, a few at a time. */
async function times(count: number, body: (index: number) => Promise<unknown>): Promise<void> {
  let next = 0;
  const worker = async (): Promise<void> => {
    for (let index = next++; index < count; index = next++) await body(index);
  };
  await Promise.all(Array.from({ length: AT_ONCE }, worker));
}

function encodePing(): Uint8Array {
  return encodeMessage(plainMessage({ type: "ping", gossip: [], extensions: {} }));
}

/** Protocol errors end the connection behind the error. */
const protocolErrors: Readonly<Record<string, readonly [input: string, error: string]>> = {
  "a count that is no number": ["*abc\r\n", "invalid multibulk length"],
  "a count beyond 32 bits": ["*99999999999\r\n", "invalid multibulk length"],
  "an argument without its mark": ["*1\r\nPING\r\n", "expected '$', got 'P'"],
  "a negative bulk length": ["*1\r\n$-5\r\n", "invalid bulk length"],
  "a bulk length beyond 512 MB": ["*1\r\n$536870913\r\n", "invalid bulk length"],
  "a bulk length that is no number": ["*1\r\n$4x\r\n", "invalid bulk length"],
  "a count without an end": [`*${"1".repeat(70_000)}`, "too big mbulk count string"],
  "a bulk length without an end": [`*1\r\n$${"1".repeat(70_000)}`, "too big bulk count string"],
  "an inline request without an end": ["x".repeat(70_000), "too big inline request"],
  "unbalanced quotes": ['SET "a b\r\n', "unbalanced quotes in request"],
};

describe("garbage", () => {
  let cluster: TestCluster;
  let node: ClusterMember;

  beforeAll(async () => {
    cluster = await TestCluster.start({ kinds: ["atoll", "atoll"] });
    await cluster.form(2);
    node = cluster.member(0);
  }, TIMEOUT_MS);

  afterAll(() => cluster.stop());

  /** Everything that must not grow. */
  async function held() {
    const [clients, memory] = [await node.fields("clients"), await node.fields("memory")];
    return {
      descriptors: readdirSync(`/proc/${node.pid}/fd`).length,
      clients: Number(clients.get("connected_clients")),
      usedBytes: Number(memory.get("used_memory")),
      linkBytes: Number(memory.get("mem_cluster_links")),
      rssBytes:
        1024 *
        Number(/^VmRSS:\s+(\d+)/m.exec(readFileSync(`/proc/${node.pid}/status`, "utf8"))?.[1]),
    };
  }

  /** Runs `attack` once to warm up and then again: the second run must leave nothing behind. */
  async function leavesNothing(attack: () => Promise<void>): Promise<void> {
    await attack();
    expect(node.isRunning, node.log).toBe(true);
    const before = await settled();
    await attack();
    expect(node.isRunning, node.log).toBe(true);
    const after = await settled(before.descriptors);
    const change = `before ${JSON.stringify(before)}, after ${JSON.stringify(after)}`;
    expect(after.clients, change).toBe(before.clients);
    expect(after.usedBytes - before.usedBytes, change).toBeLessThan(256 * 1024);
    expect(after.linkBytes - before.linkBytes, change).toBeLessThan(256 * 1024);
    expect(after.rssBytes - before.rssBytes, change).toBeLessThan(RSS_GROWTH_MAX_BYTES);
    expect(await node.call("PING")).toBe("PONG");
    expect((await node.fields("cluster")).get("cluster_state")).toBe("ok");
  }

  /** The figures once all connections are gone. */
  async function settled(descriptors?: number) {
    let last = await held();
    await until(
      async () => {
        const previous = last;
        await Bun.sleep(50);
        last = await held();
        const quiet = previous.descriptors === last.descriptors;
        return quiet && (descriptors === undefined || last.descriptors <= descriptors);
      },
      ANSWER_TIMEOUT_MS,
      () => `${descriptors} open files: ${JSON.stringify(last)}`,
    );
    return last;
  }

  for (const [name, [input, error]] of Object.entries(protocolErrors)) {
    test(`client port: ${name}`, async () => {
      expect(await sendTo(node.port, input, false)).toBe(`-ERR Protocol error: ${error}\r\n`);
    });
  }

  test("client port: commands before the garbage are answered, those behind it are not run", async () => {
    const text = await sendTo(node.port, "PING\r\n*1\r\nfoo\r\nPING\r\n", false);
    expect(text).toBe("+PONG\r\n-ERR Protocol error: expected '$', got 'f'\r\n");
  });

  test("client port: a browser's request closes the connection without a word", async () => {
    const request = "POST / HTTP/1.1\r\nHost: reef\r\n\r\nSET a b\r\n";
    expect(await sendTo(node.port, request, false)).toBe("");
    // GET is a command; the next line's is not.
    const answer = await sendTo(node.port, "GET / HTTP/1.1\r\nHost: reef\r\n\r\n", false);
    expect(answer).toBe("-ERR wrong number of arguments for 'get' command\r\n");
  });

  testWithTools(
    ["redis-server"],
    "client port: random bytes get the same answer as from redis-server",
    async () => {
      const seed = Date.now() % 0x7fffffff;
      const prng = new Prng(seed);
      const real = await TestCluster.start({ kinds: ["redis"] });
      const alone = await TestCluster.start({ kinds: ["atoll"] });
      try {
        for (let round = 0; round < 400; round++) {
          const bytes = nonsense(prng);
          const [expected, answer] = await Promise.all([
            sendTo(real.member(0).port, bytes, true),
            sendTo(alone.member(0).port, bytes, true),
          ]);
          const context = `seed ${seed}, round ${round}: ${JSON.stringify(`${Buffer.from(bytes).toString("latin1")}`)}`;
          expect(answer, context).toBe(expected);
        }
      } finally {
        await Promise.all([real.stop(), alone.stop()]);
      }
    },
    TIMEOUT_MS,
  );

  test(
    `client port: ${CONNECTIONS} connections with garbage leave nothing behind`,
    async () => {
      const prng = new Prng(7);
      await leavesNothing(() => times(CONNECTIONS, () => sendTo(node.port, nonsense(prng), true)));
    },
    TIMEOUT_MS,
  );

  test(
    "client port: connections that say half a word, or nothing, are let go when they leave",
    async () => {
      await leavesNothing(() =>
        holdOpen(node.port, 400, (index) =>
          index % 2 === 0 ? "" : "*2\r\n$3\r\nGET\r\n$100000\r\nx",
        ),
      );
    },
    TIMEOUT_MS,
  );

  test("both ports: connections that were reset before the node could accept them", async () => {
    node.pause();
    try {
      for (const port of [node.port, busPort()]) {
        const sockets = await openAll(port, 20, () => "PING\r\n");
        for (const socket of sockets) socket.resetAndDestroy();
      }
    } finally {
      node.resume();
    }
    expect(await node.call("PING")).toBe("PONG");
    expect(node.isRunning, node.log).toBe(true);
    await cluster.untilOk();
    expect(await node.call("CLUSTER", "NODES")).not.toContain("undefined");
  });

  // The bus.

  const busPort = (): number => node.port + 10_000;

  const damagedHeaders: Readonly<Record<string, (message: Uint8Array) => Uint8Array>> = {
    "random bytes": () => new Prng(5).bytes(300),
    "another signature": (message) => patched(message, 0, [0x52, 0x43, 0x6d, 0x63]),
    "a length below the header's": (message) =>
      patched(message, Header.totalLength.offset, [0, 0, 0, 16]),
    "a length of nothing": (message) => patched(message, Header.totalLength.offset, [0, 0, 0, 0]),
    "an oversized length": (message) =>
      patched(message, Header.totalLength.offset, [0xff, 0xff, 0xff, 0xff]),
    "a client's command": () => Buffer.from("*1\r\n$4\r\nPING\r\n"),
  };

  for (const [name, damage] of Object.entries(damagedHeaders)) {
    test(`bus port: ${name} closes the connection`, async () => {
      expect(await sendTo(busPort(), damage(encodePing()), false)).toBe("");
      expect(await node.call("PING")).toBe("PONG");
    });
  }

  test("bus port: a message of another version is passed over, the next one is answered", async () => {
    const ping = encodePing();
    const other = patched(ping, Header.version.offset, [0, 2]);
    const answer = await sendTo(busPort(), Buffer.concat([other, ping]), true);
    expect(answer).toStartWith("RCmb");
    // A PONG, and only one.
    expect(answer.indexOf("RCmb", 4)).toBe(-1);
  });

  test(
    `bus port: ${CONNECTIONS} connections with garbage leave nothing behind`,
    async () => {
      const prng = new Prng(11);
      const ping = encodePing();
      await leavesNothing(() =>
        times(CONNECTIONS, () => sendTo(busPort(), busNonsense(prng, ping), true)),
      );
      // Strangers' pings made nobody known.
      expect((await node.fields("cluster")).get("cluster_known_nodes")).toBe("2");
    },
    TIMEOUT_MS,
  );

  test(
    "bus port: connections that send part of a header, or nothing, are let go when they leave",
    async () => {
      const ping = encodePing();
      const large = patched(ping, Header.totalLength.offset, [0x03, 0, 0, 0]);
      await leavesNothing(() =>
        holdOpen(busPort(), 400, (index) => large.subarray(0, (index * 7) % HEADER_BYTES)),
      );
    },
    TIMEOUT_MS,
  );
});

/** Opens so many connections, all at the same time, and then breaks them off. */
async function holdOpen(...args: Parameters<typeof openAll>): Promise<void> {
  for (const socket of await openAll(...args)) socket.destroy();
}

/** Connections that have sent their bytes. */
function openAll(
  port: number,
  count: number,
  bytes: (index: number) => string | Uint8Array,
): Promise<Socket[]> {
  return Promise.all(
    Array.from(
      { length: count },
      (_, index) =>
        new Promise<Socket>((resolve, reject) => {
          const socket = connect({ port, host: "127.0.0.1" }, () => {
            const part = bytes(index);
            if (part.length === 0) resolve(socket);
            else socket.write(part, () => resolve(socket));
          });
          socket.on("error", reject);
        }),
    ),
  );
}

function patched(message: Uint8Array, offset: number, bytes: readonly number[]): Uint8Array {
  const copy = message.slice();
  copy.set(bytes, offset);
  return copy;
}

/** For the client port: bytes of all kinds, most of them nearly a command. */
function nonsense(prng: Prng): Uint8Array {
  const marks = [
    "*",
    "$",
    "\r\n",
    "-1",
    "0",
    "3",
    "GET",
    "*3\r\n$3\r\nSET\r\n",
    '"',
    "\0",
    " ",
    "PING\r\n",
  ];
  if (prng.chance(0.3)) return prng.bytes(1 + prng.below(200));
  let text = "";
  for (let parts = 1 + prng.below(12); parts > 0; parts--) text += prng.pick(marks);
  return Buffer.from(text);
}

/** For the bus port: a message that is cut, that has wrong bytes, or bytes that are none. */
function busNonsense(prng: Prng, ping: Uint8Array): Uint8Array {
  const kind = prng.below(4);
  if (kind === 0) return prng.bytes(1 + prng.below(3000));
  if (kind === 1) return ping.subarray(0, prng.below(ping.length));
  const copy = ping.slice();
  const changes = kind === 2 ? 1 : 40;
  for (let i = 0; i < changes; i++) copy[4 + prng.below(copy.length - 4)] = prng.below(256);
  // Never a MEET: whoever asks that way does become known for a moment.
  const type = Header.type.offset;
  if (copy[type] === 0 && copy[type + 1] === 2) copy[type + 1] = 0;
  return copy;
}
