/**
 * While an image is made, in a file or for a replica, no turn of the event loop is long, though one value has two million
 * members and clients write to it: they wait until it is saved, the others do not. The image is the data of its beginning.
 */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { copyFileSync } from "node:fs";
import { join } from "node:path";
import { describeWithTools } from "../support/oracle.ts";
import { encodeCommand, type RespClient } from "../support/resp-client.ts";
import { until } from "../support/server.ts";
import { expectShortTurns, stopMeter } from "../support/turns.ts";
import { field, type Peer, Peers } from "./pair.ts";

const members = 2_000_000;
const keys = 200_000;
const perCommand = 500;
const timeoutMs = 240_000;

async function fill(client: RespClient): Promise<void> {
  await client.must("DEBUG", "POPULATE", keys);
  for (let from = 0; from < members; from += perCommand * 10) {
    await client.pipeline(
      Array.from({ length: 10 }, (_, line) => {
        const first = from + line * perCommand;
        const words = Array.from({ length: perCommand }, (_, at) => `member:${first + at}`);
        return ["SADD", "big", ...words];
      }),
    );
  }
  const fields = Array.from({ length: 20_000 }, (_, at) => ["HSET", "hash", `f${at}`, "value"]);
  await client.pipeline(fields);
}

/** Clients that read and write, small keys and the big one, until told to stop. */
function startLoad(peer: Peer): { stop(): Promise<{ written: number; small: number }> } {
  let going = true;
  let written = 0;
  let small = 0;
  const run = async (body: (client: RespClient, at: number) => Promise<void>): Promise<void> => {
    const client = await peer.server.connect();
    for (let at = 0; going; at++) await body(client, at);
    client.close();
  };
  const work = Promise.all([
    run(async (client, at) => {
      await client.must("SET", `key:${(at * 7919) % keys}`, `changed ${at}`);
      await client.must("GET", `key:${at % keys}`);
      expect(await client.must("SISMEMBER", "big", `member:${at}`)).toBe(1);
      small++;
    }),
    run(async (client, at) => {
      await client.must("SADD", "big", `more:${at}`);
      written++;
    }),
    run(async (client, at) => {
      await client.pipeline([
        ["MULTI"],
        ["INCR", "counter"],
        ["HSET", "hash", "field", at],
        ["EXEC"],
      ]);
    }),
  ]);
  return {
    stop: async () => {
      going = false;
      await work;
      return { written, small };
    },
  };
}

describeWithTools(["redis-server"], "images of a set of two million members", () => {
  const peers = new Peers();
  let primary: Peer;

  beforeAll(async () => {
    primary = await peers.start("atoll", ["--save", ""]);
    await fill(primary.client);
  }, timeoutMs);
  afterAll(() => peers.stop());

  /** All that the primary has done has arrived, and the data are the same. */
  async function expectSame(replica: Peer): Promise<void> {
    const offset = await field(primary, "replication", "master_repl_offset");
    await until(
      async () =>
        Number(await field(replica, "replication", "slave_repl_offset")) >= Number(offset),
      60_000,
    );
    expect(await replica.client.must("DEBUG", "DIGEST")).toBe(
      await primary.client.must("DEBUG", "DIGEST"),
    );
  }

  function bgsaveDone(peer: Peer): Promise<void> {
    return until(
      async () => (await field(peer, "persistence", "rdb_bgsave_in_progress")) === "0",
      120_000,
    );
  }

  /** Turns are short while `make` runs under load. */
  function expectShort(name: string, peer: Peer, make: () => Promise<void>): Promise<void> {
    return expectShortTurns(name, async () => {
      await peer.client.must("DEBUG", "TURN-LENGTH", "START");
      await make();
      const { fields, longest } = await stopMeter(peer.client);
      console.log(`${name}: ${longest} ms, ${fields.get("spent-on")}`);
      return longest;
    });
  }

  test(
    "BGSAVE",
    async () => {
      let before: unknown;
      await expectShort("BGSAVE", primary, async () => {
        before = await primary.client.must("SCARD", "big");
        await primary.client.must("BGSAVE");
        const load = startLoad(primary);
        await bgsaveDone(primary);
        const { small } = await load.stop();
        expect(small).toBeGreaterThan(10);
        expect(await field(primary, "persistence", "rdb_last_bgsave_status")).toBe("ok");
        // A command that waited has been run since.
        await until(async () => Number(await primary.client.must("SCARD", "big")) > Number(before));
      });
      // The same data, with nobody writing after the beginning but to what must be saved first.
      const digest = await primary.client.must("DEBUG", "DIGEST");
      await primary.client.pipeline([
        ["BGSAVE"],
        ...Array.from({ length: 2000 }, (_, at) => ["SET", `key:${at}`, "later"]),
        ["SADD", "big", "later"],
        ["HDEL", "hash", "f1"],
      ]);
      await bgsaveDone(primary);
      const redis = await peers.start("redis", ["--save", "", "--dbfilename", "image.rdb"]);
      copyFileSync(
        join(primary.server.directory, "dump.rdb"),
        join(redis.server.directory, "image.rdb"),
      );
      await redis.client.must("DEBUG", "RELOAD", "NOSAVE", "NOFLUSH");
      expect(await redis.client.must("DEBUG", "DIGEST")).toBe(digest);
    },
    timeoutMs,
  );

  test(
    "what a client sent that has hung up is done",
    async () => {
      await primary.client.must("BGSAVE");
      for (let at = 0; at < 20; at++) {
        const client = await primary.server.connect();
        client.send(encodeCommand(["SADD", "big", `last will ${at}`]));
        await Bun.sleep(1);
        client.close();
      }
      await bgsaveDone(primary);
      for (let at = 0; at < 20; at++) {
        const isMember = async (): Promise<boolean> =>
          (await primary.client.must("SISMEMBER", "big", `last will ${at}`)) === 1;
        await until(isMember);
      }
    },
    timeoutMs,
  );

  test(
    "a full synchronization",
    async () => {
      const replica = await peers.start("redis", ["--save", ""]);
      await expectShort("full synchronization", primary, async () => {
        await replica.client.must("REPLICAOF", "NO", "ONE");
        await replica.client.must("FLUSHALL");
        await replica.client.must("REPLICAOF", "127.0.0.1", primary.server.port);
        const load = startLoad(primary);
        await until(
          async () => (await field(replica, "replication", "master_link_status")) === "up",
          120_000,
        );
        await load.stop();
      });
      await expectSame(replica);
    },
    timeoutMs,
  );

  test(
    "BGSAVE of a replica, whose link to the primary waits as clients do",
    async () => {
      const replica = await peers.start("atoll", ["--save", ""]);
      await replica.client.must("REPLICAOF", "127.0.0.1", primary.server.port);
      await until(
        async () => (await field(replica, "replication", "master_link_status")) === "up",
        120_000,
      );
      await expectShort("BGSAVE of a replica", replica, async () => {
        const load = startLoad(primary);
        await replica.client.must("BGSAVE");
        await bgsaveDone(replica);
        await load.stop();
      });
      await expectSame(replica);
    },
    timeoutMs,
  );
});
