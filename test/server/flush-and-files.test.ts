/** FLUSHALL and the file: what was flushed must not come back with the next start. */
import { expect, test } from "bun:test";
import { existsSync } from "node:fs";
import { join } from "node:path";
import type { RespClient } from "../support/resp-client.ts";
import { startServer, type TestServer, until } from "../support/server.ts";
import { infoFields } from "./support.ts";

async function field(client: RespClient, name: string): Promise<string> {
  return infoFields(String(await client.must("INFO", "persistence"))).get(name) ?? "";
}

async function fileOf(client: RespClient): Promise<string> {
  const [, directory] = (await client.must("CONFIG", "GET", "dir")) as string[];
  return join(directory as string, "dump.rdb");
}

/** Loads the file: how many keys it holds. */
async function keysInFile(client: RespClient): Promise<number> {
  await client.must("DEBUG", "RELOAD", "NOSAVE");
  return Number(await client.must("DBSIZE"));
}

async function withServer(
  save: string,
  body: (client: RespClient, server: TestServer) => Promise<void>,
): Promise<void> {
  const args = ["--enable-debug-command", "yes", "--save", save];
  const server = await startServer({ args });
  try {
    await body(await server.connect(), server);
  } finally {
    await server.stop();
  }
}

test("with save points the file is emptied too, and there are no changes to save", () =>
  withServer("3600 1", async (client) => {
    await client.must("SET", "a", "1");
    await client.must("SAVE");
    await client.must("SET", "b", "2");
    await client.must("FLUSHALL");
    await until(async () => (await field(client, "rdb_changes_since_last_save")) === "0");
    expect(await keysInFile(client)).toBe(0);
  }));

test("without save points the file stays, as in Redis", () =>
  withServer("", async (client) => {
    await client.must("SET", "a", "1");
    await client.must("SAVE");
    await client.must("FLUSHALL", "ASYNC");
    expect(await keysInFile(client)).toBe(1);
  }));

test("a save in the background that holds what was flushed is given up", () =>
  withServer("", async (client, server) => {
    await client.must("DEBUG", "POPULATE", 300_000);
    // In one turn: the save has hardly begun when the data goes.
    client.send("BGSAVE\r\nFLUSHALL\r\n");
    expect([await client.next(), await client.next()]).toEqual(["Background saving started", "OK"]);
    await server.untilLogged("Background saving given up: all data was flushed");
    expect(await field(client, "rdb_last_bgsave_status")).toBe("ok");
    expect(existsSync(await fileOf(client))).toBe(false);
    await client.must("SET", "a", "1");
    await client.must("SAVE");
    expect(await keysInFile(client)).toBe(1);
  }));
