/** What clients leave unread counts as memory: `maxmemory` makes room for it. */
import { expect, test } from "bun:test";
import { startServer, until } from "../support/server.ts";
import { infoFields } from "./support.ts";

test("replies that are not read evict keys, and are forgotten with their client", async () => {
  const server = await startServer({
    args: ["--maxmemory", "20mb", "--maxmemory-policy", "allkeys-lru", "--save", ""],
  });
  const client = await server.connect();
  for (let key = 0; key < 100; key++) await client.must("SETRANGE", `key:${key}`, 99_999, "x");
  const memory = async (name: string): Promise<number> =>
    Number(infoFields(String(await client.must("INFO", "memory"))).get(name));
  expect(await client.must("DBSIZE")).toBe(100);
  const before = await memory("used_memory");

  const slow = await server.connect();
  slow.pause();
  // 50 MB of replies, of which 16 and what the system takes are made.
  slow.send("GET key:99\r\n".repeat(500));
  await until(async () => (await memory("mem_clients_normal")) > 10_000_000);
  expect(await memory("used_memory")).toBeGreaterThan(before + 5_000_000);
  await client.must("SET", "another", "key");
  expect(Number(await client.must("DBSIZE"))).toBeLessThan(100);
  slow.close();
  await until(async () => (await memory("mem_clients_normal")) < 1_000_000);
  expect(await memory("used_memory")).toBeLessThan(before + 1_000_000);
  await server.stop();
});
