/** DEBUG RELOAD: the file is written and read back, whole or on top of what is there. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { unlinkSync } from "node:fs";
import { join } from "node:path";
import { redisServerPath } from "../support/oracle.ts";
import type { RespClient } from "../support/resp-client.ts";
import { startServer, type TestServer } from "../support/server.ts";

const kinds = redisServerPath() === undefined ? ["atoll"] : ["atoll", "redis-server"];

for (const kind of kinds) {
  let server: TestServer;
  let client: RespClient;

  beforeAll(async () => {
    server = await startServer({
      real: kind === "redis-server",
      args: ["--enable-debug-command", "yes", "--save", ""],
    });
    client = await server.connect();
  });
  afterAll(() => server.stop());

  test(`${kind}: everything comes back, whichever database and type`, async () => {
    await client.must("FLUSHALL");
    await client.must("RPUSH", "list", "a", "b");
    await client.must("ZADD", "zset", 1.5, "m");
    await client.must("XADD", "stream", "5-1", "f", "v");
    await client.must("SET", "string", "x", "EX", "1000");
    await client.must("SELECT", 3);
    await client.must("HSET", "hash", "f", "v");
    const digest = await client.must("DEBUG", "DIGEST");
    expect(await client.call("DEBUG", "RELOAD")).toBe("OK");
    expect(await client.must("DEBUG", "DIGEST")).toBe(digest);
    expect(await client.must("HGET", "hash", "f")).toBe("v");
    await client.must("SELECT", 0);
    expect(Number(await client.must("TTL", "string"))).toBeGreaterThan(990);
  });

  test(`${kind}: NOSAVE brings the file back, MERGE lets its keys win`, async () => {
    await client.must("FLUSHALL");
    await client.must("MSET", "a", "old", "b", "old");
    await client.must("SAVE");
    await client.must("RPUSH", "c", "new");
    await client.must("SET", "a", "new");
    expect(await client.call("DEBUG", "RELOAD", "NOSAVE", "noflush", "MERGE")).toBe("OK");
    expect(await client.must("MGET", "a", "b")).toEqual(["old", "old"]);
    expect(await client.must("LRANGE", "c", 0, -1)).toEqual(["new"]);
    await client.must("RPUSH", "a2", "new");
    expect(await client.call("DEBUG", "RELOAD", "NOSAVE")).toBe("OK");
    expect(await client.must("KEYS", "*")).toHaveLength(2);
  });

  test(`${kind}: what cannot be done is an error`, async () => {
    expect(String(await client.call("DEBUG", "RELOAD", "QUICKLY"))).toContain(
      "DEBUG RELOAD only supports the MERGE, NOFLUSH and NOSAVE options.",
    );
    await client.must("SAVE");
    const [, directory] = (await client.must("CONFIG", "GET", "dir")) as string[];
    unlinkSync(join(directory as string, "dump.rdb"));
    expect(String(await client.call("DEBUG", "RELOAD", "NOSAVE", "NOFLUSH"))).toContain(
      "Error trying to load the RDB dump",
    );
  });
}

// redis-server ends itself here.
test("a key that is there already is an error without MERGE, and nothing else is touched", async () => {
  const server = await startServer({ args: ["--enable-debug-command", "yes", "--save", ""] });
  const client = await server.connect();
  await client.must("SET", "a", "old");
  await client.must("SAVE");
  await client.must("MSET", "a", "new", "b", "new");
  expect(String(await client.call("DEBUG", "RELOAD", "NOSAVE", "NOFLUSH"))).toContain(
    "Error trying to load the RDB dump",
  );
  expect(server.log).toContain("RDB has duplicated key");
  expect(await client.must("MGET", "a", "b")).toEqual(["new", "new"]);
  await server.stop();
});
