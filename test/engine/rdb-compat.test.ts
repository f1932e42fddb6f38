/** The engine beside redis-server 7.0.15: the same bytes, the same replies, each reads what the other wrote. */
import { expect, test } from "bun:test";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { LoadStatus } from "../../assembly/abi.ts";
import { Setting } from "../../assembly/settings.ts";
import { seeded } from "../assembly/load.ts";
import { describeWithRedis } from "../support/oracle.ts";
import { startServer, type TestServer } from "../support/server.ts";
import { encode, type Instance, Session, startEngines } from "./harness.ts";
import { loadAll, randomValue, snapshotOf } from "./rdb-support.ts";

type Command = (string | Uint8Array)[];

async function withRedis(
  body: (server: TestServer) => Promise<void>,
  directory?: string,
): Promise<void> {
  const options = { real: true, args: ["--enable-debug-command", "yes"] };
  const server = await startServer(directory === undefined ? options : { ...options, directory });
  try {
    await body(server);
  } finally {
    await server.stop();
  }
}

async function startOne(): Promise<{ instance: Instance; session: Session }> {
  const [instance] = await startEngines();
  const session = new Session(instance!, { nowMs: Date.now() });
  for (const setting of [Setting.RdbCompression, Setting.RdbChecksum]) {
    instance!.engine.set(setting, 1);
  }
  return { instance: instance!, session };
}

/** Runs each command on both; the raw replies must be the same. */
async function compare(
  server: TestServer,
  session: Session,
  commands: readonly Command[],
  note: string,
): Promise<void> {
  const client = await server.connect({ binary: true });
  for (const [index, command] of commands.entries()) {
    const real = await client.rawCall(...command);
    session.nowMs = Date.now();
    session.feed(encode(command));
    const shown = command.map((part) => Buffer.from(part).toString("latin1").slice(0, 60));
    expect(session.raw(), `${note}, command ${index}: ${shown.join(" ")}`).toBe(real);
  }
  client.close();
}

/** SET of a few hundred keys in three databases, some with an expiry far ahead. */
function dataCommands(random: () => number, count: number): Command[] {
  const commands: Command[] = [];
  for (let i = 0; i < count; i++) {
    if (i % 100 === 0) commands.push(["SELECT", String([0, 3, 11][(i / 100) % 3])]);
    const key =
      random() % 9 === 0 ? String(random() % 70_000) : `key:${"k".repeat(random() % 40)}${i}`;
    const command: Command = ["SET", key, randomValue(random)];
    if (random() % 4 === 0) command.push("PXAT", String(4_000_000_000_000 + (random() % 1000)));
    commands.push(command);
  }
  commands.push(["SELECT", "0"]);
  return commands;
}

describeWithRedis("the engine beside redis-server", () => {
  test("DUMP gives the same payloads, RESTORE the same errors", async () => {
    await withRedis(async (server) => {
      const { session } = await startOne();
      const seed = 11;
      const random = seeded(seed);
      const commands: Command[] = [];
      const edges = [-129, -128, 127, 128, -32769, -32768, 32767, 32768, 2147483647, 2147483648];
      for (const edge of [...edges, -2147483648, -2147483649, 0]) {
        commands.push(["SET", "k", String(edge)], ["DUMP", "k"]);
      }
      for (const text of ["-0", "+1", "01", "-", "", " 1", "1 ", "99999999999", "1e5"]) {
        commands.push(["SET", "k", text], ["DUMP", "k"]);
      }
      for (let i = 0; i < 200; i++) commands.push(["SET", "k", randomValue(random)], ["DUMP", "k"]);
      commands.push(["SET", "k", "12"], ["APPEND", "k", "34"], ["DUMP", "k"], ["DUMP", "none"]);
      await compare(server, session, commands, `seed ${seed}`);

      const payload = Buffer.from(session.call("DUMP", "k") as string, "latin1");
      const damaged = Buffer.from(payload);
      damaged[1]! ^= 1;
      const later = Buffer.from(payload);
      later[payload.length - 10] = 11;
      const restores: Command[] = [
        ["n", "0", damaged],
        ["n", "0", later],
        ["n", "0", payload.subarray(1)],
        ["n", "0", ""],
        ["n", "0", payload, "what"],
        ["n", "0", payload, "idletime"],
        ["n", "-1", payload],
        ["n", "x", payload],
        ["k", "x", payload],
        ["n", "0", payload, "freq", "256"],
        ["n", "0", payload, "freq", "1", "idletime", "1"],
        ["n", "0", payload, "idletime", "-1"],
        ["n", "0", payload, "IDLETIME", "5", "REPLACE"],
        ["n", "0", payload],
        ["n", "100000", payload, "replace", "absttl"],
        ["n", "9223372036854775807", payload],
        ["n", "4000000000000", payload, "replace", "absttl"],
      ];
      const checked = restores.flatMap((rest): Command[] => [
        ["RESTORE", ...rest],
        ["RESTORE-ASKING", ...rest],
        ["PEXPIRETIME", "n"],
        ["GET", "n"],
        ["OBJECT", "ENCODING", "n"],
      ]);
      await compare(server, session, checked, "RESTORE");
    });
  }, 30_000);

  test("LCS answers the same", async () => {
    await withRedis(async (server) => {
      const { session } = await startOne();
      const seed = 23;
      const random = seeded(seed);
      const commands: Command[] = [];
      for (let i = 0; i < 150; i++) {
        const text = (): Uint8Array =>
          Uint8Array.from({ length: random() % 40 }, () => 97 + (random() % (2 + (i % 5))));
        commands.push(
          ["MSET", "a", text(), "b", text()],
          ["LCS", "a", "b"],
          ["LCS", "a", "b", "LEN"],
        );
        commands.push(["LCS", "a", "b", "IDX"], ["LCS", "b", "a", "IDX", "WITHMATCHLEN"]);
        commands.push(["LCS", "a", "b", "idx", "minmatchlen", String((random() % 6) - 1)]);
      }
      commands.push(
        ["LCS", "a", "none", "IDX"],
        ["LCS", "none", "a"],
        ["LCS", "a", "a", "MINMATCHLEN"],
      );
      commands.push(["LCS", "a", "b", "IDX", "LEN"], ["LCS", "a", "b", "WHAT"], ["LCS", "a"]);
      await compare(server, session, commands, `seed ${seed}`);
    });
  }, 30_000);

  test("redis-server loads a snapshot of the engine", async () => {
    const { instance, session } = await startOne();
    const seed = 31;
    for (const command of dataCommands(seeded(seed), 700)) session.call(...command);
    const directory = mkdtempSync(join(tmpdir(), "atoll-rdb-"));
    try {
      writeFileSync(join(directory, "dump.rdb"), snapshotOf(instance.engine, 500));
      await withRedis(async (server) => {
        const client = await server.connect();
        expect(await client.call("DEBUG", "DIGEST"), `seed ${seed}`).toBe(instance.engine.digest());
        client.close();
      }, directory);
    } finally {
      rmSync(directory, { recursive: true, force: true });
    }
  }, 30_000);

  test("the engine loads a snapshot of redis-server", async () => {
    await withRedis(async (server) => {
      const { instance } = await startOne();
      const client = await server.connect();
      const seed = 37;
      for (const policy of ["noeviction", "allkeys-lru", "allkeys-lfu"]) {
        for (const compression of ["yes", "no"]) {
          await client.must("FLUSHALL");
          await client.must(
            "CONFIG",
            "SET",
            "maxmemory-policy",
            policy,
            "rdbcompression",
            compression,
          );
          await client.pipeline(dataCommands(seeded(seed), 500));
          await client.must("SAVE");
          const file = readFileSync(join(server.directory, "dump.rdb"));
          expect(loadAll(instance.engine, file, 1000, Date.now())).toBe(LoadStatus.Done);
          const note = `seed ${seed}, ${policy}, ${compression}`;
          expect(instance.engine.digest(), note).toBe(String(await client.call("DEBUG", "DIGEST")));
          expect(instance.engine.imageReader.aux().get("redis-ver")).toStartWith("7.0.");
        }
      }
      client.close();
    });
  }, 30_000);

  test("DEBUG POPULATE makes the same keys", async () => {
    await withRedis(async (server) => {
      const { instance } = await startOne();
      const client = await server.connect();
      const prefix = "p".repeat(125);
      for (const [count, name, size] of [
        [200, "key", 0],
        [50, "big", 3000],
        [30, "cut", 3],
        [30, prefix, 0],
      ] as const) {
        await client.must("DEBUG", "POPULATE", count, name, ...(size === 0 ? [] : [size]));
        expect(instance.engine.populate(0, count, name, size, Date.now())).toBe(true);
        expect(instance.engine.digest()).toBe(String(await client.call("DEBUG", "DIGEST")));
      }
      client.close();
    });
  }, 30_000);
});
