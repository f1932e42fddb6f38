/** Publish and subscribe: the same bytes as redis-server sends, in both protocols. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { Prng } from "../../src/base/prng.ts";
import { describeWithTools } from "../support/oracle.ts";
import { ReplyError, type RespClient } from "../support/resp-client.ts";
import { startServer, type TestServer, until } from "../support/server.ts";
import { RawConnection } from "./raw-connection.ts";
import { Shared } from "./support.ts";

/** Lines for client `s` (subscribes) and `q` (publishes); each is sent alone and its answers awaited. */
const scripts: readonly (readonly (readonly ["s" | "q", string])[])[] = [
  [
    ["s", "UNSUBSCRIBE"],
    ["s", "PUNSUBSCRIBE x"],
    ["s", "SUNSUBSCRIBE"],
    ["s", "SUNSUBSCRIBE a b"],
    ["s", "SUBSCRIBE a a b"],
    ["s", "PSUBSCRIBE a*"],
    ["s", "SSUBSCRIBE a c"],
    ["q", "PUBLISH a hi"],
    ["q", "PUBLISH nobody hi"],
    ["q", "SPUBLISH a hi"],
    ["q", "PUBSUB NUMSUB a b none"],
    ["q", "PUBSUB NUMSUB"],
    ["q", "PUBSUB NUMPAT"],
    ["q", "PUBSUB CHANNELS b*"],
    ["q", "PUBSUB CHANNELS b* c"],
    ["q", "PUBSUB SHARDCHANNELS [c]"],
    ["q", "PUBSUB SHARDNUMSUB a none"],
    ["q", "PUBSUB WHAT"],
    ["q", "PUBSUB HELP"],
    ["s", "PING"],
    ["s", "PING x"],
    ["s", "GET a"],
    ["s", "CLIENT REPLY OFF"],
    ["q", "PUBLISH b x"],
    ["s", "UNSUBSCRIBE a zz"],
    ["s", "UNSUBSCRIBE"],
    ["s", "PUNSUBSCRIBE"],
    ["s", "GET a"],
    ["s", "SUNSUBSCRIBE c a"],
    ["s", "CLIENT REPLY ON"],
    ["s", "GET a"],
  ],
  [
    ["s", "MULTI"],
    ["s", "SUBSCRIBE a"],
    ["s", "PUBLISH a x"],
    ["s", "EXEC"],
    ["q", "PUBLISH a y"],
    ["s", "RESET"],
    ["q", "PUBLISH a y"],
    ["s", "PING"],
    ["s", "MULTI"],
    ["s", "SSUBSCRIBE a"],
    ["s", "SUNSUBSCRIBE a"],
    ["s", "UNSUBSCRIBE"],
    ["s", "EXEC"],
  ],
  [
    ["s", "CLIENT REPLY OFF"],
    ["s", "SUBSCRIBE a b"],
    ["q", "PUBLISH b x"],
    ["s", "UNSUBSCRIBE a b"],
    ["s", "CLIENT REPLY ON"],
    ["s", "CLIENT REPLY SKIP"],
    ["s", "SUBSCRIBE a"],
    ["s", "SUBSCRIBE b"],
    ["s", "QUIT"],
    ["q", "PUBLISH a x"],
  ],
  [
    ["s", "SUBSCRIBE"],
    ["s", "SPUBLISH a"],
    ["s", "PUBLISH a b c"],
    ["s", "PUBSUB NUMPAT a"],
    ["s", "PUBSUB"],
    ["s", "SUBSCRIBE a"],
    ["s", "EXEC"],
    ["s", "MULTI"],
    ["s", "HELLO 2"],
    ["s", "PUBLISH a self"],
  ],
];

describeWithTools(["redis-server"], "pub/sub equals redis-server's", () => {
  const servers: TestServer[] = [];

  beforeAll(async () => {
    servers.push(await startServer(), await startServer({ real: true }));
  });
  afterAll(async () => {
    for (const server of servers) await server.stop();
  });

  for (const protocol of [2, 3]) {
    test(`RESP${protocol}`, async () => {
      for (const script of scripts) {
        const [ours, theirs] = await Promise.all(
          servers.map((server) => transcript(server, protocol, script)),
        );
        expect(ours).toEqual(theirs as string[]);
      }
    });
  }
});

/**
 * Pipelines of a RESP3 client that listens to itself and of one that only publishes, heard by listeners of both protocols
 * to channels and patterns that overlap.
 */
function randomPipelines(random: Prng): [string, string[]][] {
  const channel = (): string => random.pick(["a", "ab", "b", "c"]);
  // At most one of them matches: in which order patterns are told is up to hash tables.
  const pattern = (): string => random.pick(["a*", "[b]", "c*"]);
  let next = 1;
  const publish = (): string => `PUBLISH ${channel()} ${next++}${"x".repeat(random.below(90))}`;
  const listen = (): string =>
    random.pick([
      () => `SUBSCRIBE ${channel()} ${channel()}`,
      () => `UNSUBSCRIBE ${channel()}`,
      () => `PSUBSCRIBE ${pattern()}`,
      () => `PUNSUBSCRIBE ${pattern()}`,
    ])();
  const several = (make: () => string): string[] =>
    Array.from({ length: 1 + random.below(7) }, make);
  return Array.from({ length: 60 }, () => {
    const choice = random.below(10);
    if (choice < 4) return ["q", several(publish)];
    if (choice < 8) {
      const any = (): string =>
        random.pick([publish, publish, listen, () => "GET none", () => "SPUBLISH a x"])();
      return ["own", several(any)];
    }
    return [random.pick(["two", "three"]), several(listen)];
  });
}

describeWithTools(["redis-server"], "random pipelines", () => {
  const firstSeed = Number(process.env["PUBSUB_SEED"] ?? 1);
  const seeds = Number(process.env["PUBSUB_SEEDS"] ?? 3);

  test(`every client reads what redis-server tells it (PUBSUB_SEED=${firstSeed} and on)`, async () => {
    const servers = await Promise.all([startServer(), startServer({ real: true })]);
    for (let seed = firstSeed; seed < firstSeed + seeds; seed++) {
      const pipelines = randomPipelines(new Prng(seed));
      const [ours, theirs] = await Promise.all(
        servers.map(async (server) => {
          const names = ["own", "two", "three", "q"];
          const clients = new Map(names.map((name) => [name, new RawConnection()]));
          for (const [name, client] of clients) {
            await client.open(server.port);
            if (name === "own" || name === "three") await client.say("HELLO 3");
          }
          const told: string[] = [];
          for (const [name, lines] of pipelines) {
            const said = await clients.get(name)?.sayAll(lines);
            told.push(`${name}: ${lines.join(" | ")}`, said ?? "");
          }
          await Bun.sleep(20);
          for (const client of clients.values()) {
            told.push(client.take());
            client.close();
          }
          return told;
        }),
      );
      expect(ours).toEqual(theirs as string[]);
    }
    await Promise.all(servers.map((server) => server.stop()));
  }, 60_000);
});

/** What each line brought to both clients. */
async function transcript(
  server: TestServer,
  protocol: number,
  script: readonly (readonly ["s" | "q", string])[],
): Promise<string[]> {
  const told: string[] = [];
  const clients = { s: new RawConnection(), q: new RawConnection() };
  for (const client of [clients.s, clients.q]) await client.open(server.port);
  await clients.s.say(`HELLO ${protocol}`);
  for (const [who, line] of script) {
    const answer = await clients[who].say(line);
    // What the other one got came in the same turn.
    if (who === "q") await Bun.sleep(5);
    told.push(`${who} ${line} => ${answer} ${who === "q" ? clients.s.take() : ""}`);
  }
  clients.s.close();
  clients.q.close();
  return told;
}

const shared = new Shared();

describe("pub/sub", () => {
  const listen = async (...args: string[]): Promise<RespClient> => {
    const client = await shared.server.connect();
    await client.must(...args);
    return client;
  };

  test("messages are bytes, and arrive in the order in which they were sent", async () => {
    const client = await shared.server.connect({ binary: true });
    const channel = new Uint8Array([0, 255, 13, 10]);
    await client.must("SUBSCRIBE", channel);
    const messages = Array.from({ length: 500 }, (_, index) => `message ${index}`);
    const counts = await shared.client.pipeline(messages.map((text) => ["PUBLISH", channel, text]));
    expect(counts).toEqual(messages.map(() => 1));
    for (const text of messages) {
      const [, from, body] = (await client.next()) as Uint8Array[];
      expect(from).toEqual(channel);
      expect(Buffer.from(body as Uint8Array).toString()).toBe(text);
    }
    const large = new Uint8Array(3_000_000).fill(7);
    expect(await shared.call("PUBLISH", channel, large)).toBe(1);
    expect(((await client.next()) as Uint8Array[])[2]).toEqual(large);
    client.close();
  });

  test("what a client is sent keeps its order with its own replies", async () => {
    const client = new RawConnection();
    await client.open(shared.server.port);
    await client.say("HELLO 3");
    await client.say("SUBSCRIBE own");
    const lines = [
      "PUBLISH own 1",
      "GET none",
      "PUBLISH own 2",
      "UNSUBSCRIBE own",
      "PUBLISH own 3",
    ];
    const said = await client.sayAll(lines);
    const message = (text: string): string => `>3|$7|message|$3|own|$1|${text}|`;
    const end = ">3|$11|unsubscribe|$3|own|:0|";
    expect(said.replaceAll("\r\n", "|")).toBe(`${message("1")}:1|_|${message("2")}:1|${end}:0|`);
    client.close();
  });

  test("INFO, CLIENT LIST and CLIENT KILL TYPE pubsub", async () => {
    const client = await listen("SUBSCRIBE", "c1");
    await client.must("PSUBSCRIBE", "p*");
    await client.must("SSUBSCRIBE", "s1");
    const info = await shared.info("stats");
    expect(info.get("pubsub_channels")).toBe("1");
    expect(info.get("pubsub_patterns")).toBe("1");
    expect(info.get("pubsubshard_channels")).toBe("1");
    const line = String(await shared.call("CLIENT", "LIST", "TYPE", "pubsub"));
    expect(line).toContain(" flags=P db=0 sub=1 psub=1 ssub=1 ");
    expect(await shared.call("CLIENT", "KILL", "TYPE", "pubsub")).toBe(1);
    await client.untilClosed();
    expect((await shared.info("stats")).get("pubsub_channels")).toBe("0");
  });

  test("a subscriber that does not read is let go at its limit", async () => {
    await shared.call("CONFIG", "SET", "client-output-buffer-limit", "pubsub 2mb 0 0");
    const slow = await listen("SUBSCRIBE", "flood");
    const quick = await listen("SUBSCRIBE", "flood");
    void readAll(quick);
    slow.pause();
    const message = "x".repeat(50_000);
    let receivers = 2;
    for (let sent = 0; sent < 400 && receivers === 2; sent++) {
      receivers = (await shared.client.must("PUBLISH", "flood", message)) as number;
    }
    expect(receivers).toBe(1);
    await shared.server.untilLogged("scheduled to be closed ASAP for overcoming of output buffer");
    slow.resume();
    await slow.untilClosed();
    quick.close();
    await until(async () => (await shared.info("clients")).get("connected_clients") === "1");
  });

  test("the soft limit closes after its time", async () => {
    await shared.call("CONFIG", "SET", "client-output-buffer-limit", "pubsub 0 64kb 1");
    const slow = await listen("SUBSCRIBE", "drip");
    slow.pause();
    const lines = Array.from({ length: 400 }, () => ["PUBLISH", "drip", "x".repeat(20_000)]);
    const counts = await shared.client.pipeline(lines);
    expect(counts.at(-1)).toBe(1);
    await until(
      async () => (await shared.call("PUBSUB", "NUMSUB", "drip"))?.toString() === "drip,0",
    );
    slow.close();
    await shared.call("CONFIG", "SET", "client-output-buffer-limit", "pubsub 32mb 8mb 60");
  });

  test("messages of one pipeline share writes, whatever their sizes", async () => {
    const clients = await Promise.all([listen("SUBSCRIBE", "mix"), listen("SUBSCRIBE", "mix")]);
    const sizes = [1, 60_000, 6_000, 70_000, 3, 65_500, 200_000, 0];
    const messages = Array.from({ length: 120 }, (_, index) => {
      return `${index}:`.padEnd(sizes[index % sizes.length] as number, "y");
    });
    const counts = await shared.client.pipeline(messages.map((text) => ["PUBLISH", "mix", text]));
    expect(counts).toEqual(messages.map(() => 2));
    for (const client of clients) {
      for (const text of messages) {
        expect(((await client.next()) as string[])[2] === text).toBe(true);
      }
      client.close();
    }
  });

  test("CLIENT NO-TOUCH leaves last-use times alone, but for TOUCH", async () => {
    const client = await shared.server.connect();
    expect(await client.call("CLIENT", "NO-TOUCH", "maybe")).toEqual(
      new ReplyError("ERR syntax error"),
    );
    await client.must("SET", "k", "v");
    await client.must("CLIENT", "NO-TOUCH", "ON");
    expect(String(await client.must("CLIENT", "INFO"))).toContain(" flags=T ");
    const idle = async (): Promise<number> =>
      (await client.must("OBJECT", "IDLETIME", "k")) as number;
    await until(async () => (await idle()) >= 1);
    await client.must("GET", "k");
    expect(await idle()).toBeGreaterThanOrEqual(1);
    await client.must("TOUCH", "k");
    expect(await idle()).toBe(0);
    await client.must("CLIENT", "NO-TOUCH", "OFF");
    expect(String(await client.must("CLIENT", "INFO"))).toContain(" flags=N ");
    client.close();
  });

  test("a subscribed client of a library", async () => {
    const { default: Redis } = await import("ioredis");
    const subscriber = new Redis(shared.server.port);
    const publisher = new Redis(shared.server.port);
    const heard: string[] = [];
    subscriber.on("message", (channel, message) => heard.push(`${channel} ${message}`));
    subscriber.on("pmessage", (_, channel, message) => heard.push(`p ${channel} ${message}`));
    expect(await subscriber.subscribe("lib")).toBe(1);
    expect(await subscriber.psubscribe("l*")).toBe(2);
    expect(await publisher.publish("lib", "hello")).toBe(2);
    await until(() => heard.length === 2);
    expect(heard).toEqual(["lib hello", "p lib hello"]);
    expect(await subscriber.unsubscribe("lib")).toBe(1);
    expect(await subscriber.punsubscribe("l*")).toBe(0);
    expect(await subscriber.get("none")).toBeNull();
    subscriber.disconnect();
    publisher.disconnect();
  });
});

async function readAll(client: RespClient): Promise<void> {
  try {
    for (;;) await client.next();
  } catch {
    // Closed.
  }
}
