/** OBJECT and DEBUG's looks at single values, over all types, as from redis-server: same requests, same bytes. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { describeWithTools } from "../support/oracle.ts";
import type { RespClient } from "../support/resp-client.ts";
import { startServer, type TestServer } from "../support/server.ts";

const long = "x".repeat(100);
const fill: readonly (readonly string[])[] = [
  ["SET", "int", "12345"],
  ["SET", "shared", "7"],
  ["SET", "embstr", "x".repeat(44)],
  ["SET", "raw", "x".repeat(45)],
  ["SETBIT", "bits", "3", "1"],
  ["PFADD", "hll", "a"],
  ["RPUSH", "list", "a", "b", long],
  ["SADD", "ints", "1", "2"],
  ["SADD", "set", "1", "a"],
  ["HSET", "hash", "f", "v"],
  ["HSET", "bighash", "f", long],
  ["ZADD", "zset", "1", "a"],
  ["ZADD", "bigzset", "1", long],
  ["XADD", "stream", "1-1", "f", "v"],
];
const keys = [...fill.map((command) => command[1] ?? ""), "missing"];

describeWithTools(["redis-server"], "values seen from outside", () => {
  const servers: TestServer[] = [];
  const clients: RespClient[] = [];

  beforeAll(async () => {
    for (const real of [true, false]) {
      const args = ["--save", "", "--enable-debug-command", "yes"];
      const server = await startServer({ real, args });
      servers.push(server);
      clients.push(await server.connect());
    }
    for (const command of fill) await both(...command);
  });

  afterAll(async () => {
    for (const client of clients) client.close();
    for (const server of servers) await server.stop();
  });

  /** Both answers, which must be equal. */
  async function both(...argv: string[]): Promise<void> {
    const [real = "", atoll = ""] = await Promise.all(
      clients.map((client) => client.rawCall(...argv)),
    );
    const where = argv.join(" ").slice(0, 60);
    // A second may begin between the two, and small integers are as idle as the server is old.
    if (argv[1] === "IDLETIME" && /^:[0-9]\r\n$/.test(real))
      expect(atoll, where).toMatch(/^:[0-9]\r/);
    else expect(plain(atoll), where).toBe(plain(real));
  }

  /** Without addresses and the clock. */
  const plain = (reply: string): string =>
    reply.replace(/at:0x[0-9a-f]+/, "at").replace(/lru:\d+ lru_seconds_idle:\d+/, "lru");

  test("OBJECT", async () => {
    for (const word of ["ENCODING", "REFCOUNT", "IDLETIME", "FREQ"]) {
      for (const key of keys) await both("OBJECT", word, key);
    }
  });

  test("OBJECT FREQ and IDLETIME under an LFU policy", async () => {
    await both("CONFIG", "SET", "maxmemory-policy", "allkeys-lfu");
    for (const command of fill) await both("DEL", command[1] ?? "");
    for (const command of fill) await both(...command);
    // The clock of a small integer is in Redis that of the one object that all its users share.
    const ownClock = keys.filter((key) => key !== "shared");
    for (const word of ["FREQ", "IDLETIME"]) {
      for (const key of ownClock) await both("OBJECT", word, key);
    }
    await both("CONFIG", "SET", "maxmemory-policy", "noeviction");
  });

  test("a blocking command that need not wait counts as as many uses", async () => {
    const policy = ["maxmemory", "1gb", "maxmemory-policy", "allkeys-lfu"];
    const sure = ["lfu-log-factor", "0", "lfu-decay-time", "0"];
    await both("CONFIG", "SET", ...policy, ...sure);
    const lines = [
      "BZPOPMIN z 0",
      "BZPOPMAX none z 0",
      "BZMPOP 0 2 none z MIN",
      "ZMPOP 1 z MAX",
      "BLPOP l 0",
      "BRPOP none l 0",
      "BLMPOP 0 1 l LEFT",
      "BLMOVE l l LEFT RIGHT 0",
      "LMOVE l l LEFT RIGHT",
      "BRPOPLPUSH l l 0",
    ];
    for (const line of lines) {
      await both("DEL", "z", "l");
      await both("ZADD", "z", "1", "a", "2", "b");
      await both("RPUSH", "l", "a", "b");
      await both(...line.split(" "));
      for (const key of ["z", "l"]) await both("OBJECT", "FREQ", key);
    }
    await both("DEL", "z", "l");
    await both("CONFIG", "SET", "maxmemory", "0", "maxmemory-policy", "noeviction");
  });

  test("DEBUG", async () => {
    for (const word of ["OBJECT", "LISTPACK", "QUICKLIST"]) {
      for (const key of keys) await both("DEBUG", word, key);
    }
    await both("DEBUG", "QUICKLIST", "list", "1");
    const counted = await Promise.all(clients.map((client) => client.must("INFO", "stats")));
    const [hits, others] = counted.map((info) => String(info).match(/keyspace_\w+:\d+/g));
    expect(hits).toEqual(others);
    for (const size of ["0", "1", "100b", "4293918720", "4293918721", "5gb", "-1", "x"]) {
      await both("DEBUG", "QUICKLIST-PACKED-THRESHOLD", size);
    }
    await both("DEBUG", "QUICKLIST-PACKED-THRESHOLD", "50");
    await both("RPUSH", "plain", "a", long, "b");
    await both("DEBUG", "OBJECT", "plain");
    await both("DUMP", "plain");
    await both("DEBUG", "STRINGMATCH-LEN", "10", "a*b");
  });
});
