/** What operators do to a cluster: manual failovers, forgetting and resetting nodes, and living with what is missing. */
import { afterEach, describe, expect, test } from "bun:test";
import { type ClusterMember, NODE_TIMEOUT_MS, TestCluster } from "../support/cluster.ts";
import { hashSlot } from "../support/hash-slot.ts";
import { ReplyError } from "../support/resp-client.ts";
import { until } from "../support/server.ts";
import { ioredisWriter, PlainPool, plainWriter } from "../support/writers.ts";

const TIMEOUT_MS = 60_000;
const MANUAL_FAILOVERS = 6;

describe("operating a cluster", () => {
  let cluster: TestCluster;

  afterEach(() => cluster.stop());

  async function start(count: number, ...args: string[]): Promise<readonly ClusterMember[]> {
    cluster = await TestCluster.start({ kinds: Array(count).fill("atoll"), args });
    return cluster.members;
  }

  async function errorOf(member: ClusterMember, ...args: (string | number)[]): Promise<string> {
    const reply = await member.call(...args);
    expect(reply).toBeInstanceOf(ReplyError);
    return (reply as ReplyError).message;
  }

  async function roleOf(member: ClusterMember): Promise<string> {
    return (await member.fields("replication")).get("role") ?? "";
  }

  async function untilRole(member: ClusterMember, role: "master" | "slave"): Promise<void> {
    await until(
      async () => (await roleOf(member)) === role,
      10_000,
      () => `${member.port} to be ${role}; its log:\n${member.log}`,
    );
  }

  /** A key of a slot that this member's share holds, if it is the first, second or third of three. */
  function keyOfShare(index: number): string {
    for (let number = 0; ; number++) {
      if (Math.floor((hashSlot(`key:${number}`) * 3) / 16_384) === index) return `key:${number}`;
    }
  }

  test(
    `${MANUAL_FAILOVERS} manual failovers under load lose no confirmed write and show no error`,
    async () => {
      const members = await start(6);
      await cluster.form(3);
      const ports = members.map(({ port }) => port);
      const writers = [ioredisWriter(ports), plainWriter(ports), plainWriter(ports)];
      const times: number[] = [];
      try {
        for (let round = 0; round < MANUAL_FAILOVERS; round++) {
          const pair = [cluster.member(round % 3), cluster.member((round % 3) + 3)];
          const [primary, replica] = (await roleOf(pair[0]!)) === "master" ? pair : pair.reverse();
          const confirmed = writers.map((writer) => writer.confirmed.length);
          const startedAt = performance.now();
          expect(await replica!.call("CLUSTER", "FAILOVER")).toBe("OK");
          await untilRole(replica!, "master");
          times.push(Math.round(performance.now() - startedAt));
          await untilRole(primary!, "slave");
          await until(
            () => writers.every((writer, at) => writer.confirmed.length > confirmed[at]! + 50),
            10_000,
            () => `writers to go on: ${JSON.stringify(writers.map(({ errors }) => [...errors]))}`,
          );
        }
      } finally {
        await Promise.all(writers.map((writer) => writer.stop()));
      }
      await cluster.untilOk();
      console.log(`manual failovers took ${times.join(", ")} ms`);
      const pool = new PlainPool(ports);
      for (const { confirmed, errors } of writers) {
        for (const { key, value } of confirmed)
          expect(await pool.call(key, "GET", key)).toBe(value);
        expect([...errors]).toEqual([]);
      }
      await pool.close();
      // No data was sent anew: one full synchronization each, at the start.
      for (const member of members) {
        expect(Number((await member.fields("stats")).get("sync_full"))).toBeLessThanOrEqual(1);
      }
    },
    TIMEOUT_MS,
  );

  test(
    "CLUSTER FAILOVER refuses what cannot be; FORCE does without the primary, TAKEOVER without a majority",
    async () => {
      const [first, second, third, ofFirst, ofSecond, ofThird] = await start(6);
      await cluster.form(3);
      expect(await errorOf(first!, "CLUSTER", "FAILOVER")).toBe(
        "ERR You should send CLUSTER FAILOVER to a replica",
      );
      expect(await errorOf(ofFirst!, "CLUSTER", "FAILOVER", "SOON")).toBe("ERR syntax error");

      // FORCE, long before anybody would notice that the primary hangs.
      first!.pause();
      const startedAt = performance.now();
      expect(await ofFirst!.call("CLUSTER", "FAILOVER", "FORCE")).toBe("OK");
      await untilRole(ofFirst!, "master");
      expect(performance.now() - startedAt).toBeLessThan(NODE_TIMEOUT_MS);
      first!.resume();
      await untilRole(first!, "slave");
      await cluster.untilOk();

      // Two of three primaries are gone: no election can be won.
      await Promise.all([second!.kill(), third!.kill()]);
      await until(
        async () => (await ofSecond!.viewOf(second!))?.flags.join().includes("fail") === true,
      );
      expect(await errorOf(ofSecond!, "CLUSTER", "FAILOVER")).toBe(
        "ERR Master is down or failed, please use CLUSTER FAILOVER FORCE",
      );
      for (const replica of [ofSecond!, ofThird!]) {
        expect(await replica.call("CLUSTER", "FAILOVER", "TAKEOVER")).toBe("OK");
        expect(await roleOf(replica)).toBe("master");
      }
      await cluster.untilOk();
      expect(await cluster.follow("SET", keyOfShare(1), "taken over")).toBe("OK");
      expect(await cluster.follow("SET", keyOfShare(2), "taken over")).toBe("OK");
      await Promise.all([second!.start(), third!.start()]);
      await untilRole(second!, "slave");
      await untilRole(third!, "slave");
      await cluster.untilOk();
    },
    TIMEOUT_MS,
  );

  test(
    "a spare replica moves to the primary that lost its last one",
    async () => {
      const members = await start(7);
      // The seventh is the second replica of the first primary.
      await cluster.form(3, (index) => (index === 6 ? 0 : index - 3));
      await cluster.follow("SET", keyOfShare(1), "to be copied");
      const [first, orphan] = [cluster.member(0), cluster.member(1)];
      await cluster.member(4).kill();
      let migrated: ClusterMember | undefined;
      await until(
        async () => {
          const nodes = await orphan.clusterNodes();
          const line = nodes.find(
            ({ primaryId, flags }) => primaryId === orphan.id && !flags.includes("fail"),
          );
          migrated = members.find(({ id }) => id === line?.id);
          return migrated !== undefined && migrated !== cluster.member(4);
        },
        20_000,
        () => `a replica to migrate; the log:\n${cluster.member(6).log}`,
      );
      expect([cluster.member(3), cluster.member(6)]).toContain(migrated!);
      await cluster.untilInSync();
      await migrated!.must("READONLY");
      expect(await migrated!.call("GET", keyOfShare(1))).toBe("to be copied");
      // The first primary keeps one: nobody moves on.
      const ofFirst = async () =>
        (await first.clusterNodes()).filter(({ primaryId }) => primaryId === first.id);
      await until(async () => (await ofFirst()).length === 1);
      await cluster.untilAgreed();
      expect(await ofFirst()).toHaveLength(1);
    },
    TIMEOUT_MS,
  );

  test(
    "a slot that nobody serves: cluster-require-full-coverage and cluster-allow-reads-when-down",
    async () => {
      const [first, second, third] = await start(3);
      await cluster.form(3);
      const [key, lost] = [keyOfShare(0), keyOfShare(1)];
      expect(await first!.call("SET", key, "here")).toBe("OK");
      expect(await second!.call("CLUSTER", "DELSLOTS", hashSlot(lost))).toBe("OK");
      for (const member of [first!, third!]) {
        // The others forget an owner only when they are told so.
        expect(await member.call("CLUSTER", "DELSLOTS", hashSlot(lost))).toBe("OK");
      }
      await cluster.untilAll(
        "cluster_state:fail",
        async (member) => (await member.fields("cluster")).get("cluster_state") === "fail",
      );
      expect(await errorOf(first!, "GET", key)).toBe("CLUSTERDOWN The cluster is down");
      expect(await first!.call("CONFIG", "SET", "cluster-allow-reads-when-down", "yes")).toBe("OK");
      expect(await first!.call("GET", key)).toBe("here");
      expect(await errorOf(first!, "SET", key, "x")).toBe(
        "CLUSTERDOWN The cluster is down and only accepts read commands",
      );
      for (const member of cluster.members) {
        await member.must("CONFIG", "SET", "cluster-require-full-coverage", "no");
      }
      await until(async () => (await first!.call("SET", key, "here again")) === "OK");
      expect(await errorOf(first!, "GET", lost)).toBe("CLUSTERDOWN Hash slot not served");
      expect((await first!.fields("cluster")).get("cluster_slots_assigned")).toBe("16383");
      expect(await third!.call("CLUSTER", "ADDSLOTS", hashSlot(lost))).toBe("OK");
      await until(async () => (await errorOf(first!, "GET", lost)).endsWith(third!.address));
    },
    TIMEOUT_MS,
  );

  test(
    "CLUSTER RESET and FORGET: a node leaves, stays away, and comes back as a new one",
    async () => {
      const [first, second, third, replica] = await start(4);
      await cluster.form(3);
      await cluster.follow("SET", keyOfShare(0), "1");
      expect(await errorOf(first!, "CLUSTER", "RESET")).toBe(
        "ERR CLUSTER RESET can't be called with master nodes containing keys",
      );
      expect(await errorOf(first!, "CLUSTER", "FORGET", first!.id)).toBe(
        "ERR I tried hard but I can't forget myself...",
      );
      expect(await errorOf(replica!, "CLUSTER", "FORGET", first!.id)).toBe(
        "ERR Can't forget my master!",
      );
      const unknown = "f".repeat(40);
      expect(await errorOf(first!, "CLUSTER", "FORGET", unknown)).toBe(
        `ERR Unknown node ${unknown}`,
      );

      const oldId = replica!.id;
      expect(await replica!.call("CLUSTER", "RESET", "HARD")).toBe("OK");
      for (const member of [first!, second!, third!]) {
        expect(await member.call("CLUSTER", "FORGET", oldId)).toBe("OK");
      }
      const newId = String(await replica!.must("CLUSTER", "MYID"));
      expect(newId).not.toBe(oldId);
      expect(await roleOf(replica!)).toBe("master");
      expect(await replica!.call("DBSIZE")).toBe(0);
      const info = await replica!.fields("cluster");
      expect(info.get("cluster_known_nodes")).toBe("1");
      expect(info.get("cluster_current_epoch")).toBe("0");
      // Gossip does not bring it back.
      const quietUntil = Date.now() + 2 * NODE_TIMEOUT_MS;
      await until(async () => {
        for (const member of [first!, second!, third!]) {
          expect(await member.clusterNodes()).toHaveLength(3);
        }
        return Date.now() > quietUntil;
      });
      await cluster.member(1).must("CLUSTER", "MEET", "127.0.0.1", replica!.port);
      await cluster.untilAllKnow(4);
      expect(await replica!.call("CLUSTER", "REPLICATE", second!.id)).toBe("OK");
      await cluster.untilOk();
      expect(await replica!.call("CLUSTER", "RESET", "SOFT")).toBe("OK");
      expect(String(await replica!.must("CLUSTER", "MYID"))).toBe(newId);
      // It does not know the others any more, though they still talk to it.
      expect(await replica!.clusterNodes()).toHaveLength(1);
      await cluster.member(1).must("CLUSTER", "MEET", "127.0.0.1", replica!.port);
      await cluster.untilAllKnow(4);
    },
    TIMEOUT_MS,
  );

  test(
    "all nodes end and start again: the cluster is the same",
    async () => {
      await start(6);
      await cluster.form(3);
      const epochs = async (): Promise<string[]> => {
        const nodes = String(await cluster.member(0).must("CLUSTER", "NODES"))
          .trim()
          .split("\n");
        const facts = nodes.map((line) => line.split(" "));
        return facts
          .map(([id, address, flags, primary, , , epoch, , ...slots]) =>
            [id, address, flags?.replace("myself,", ""), primary, epoch, ...slots].join(" "),
          )
          .sort();
      };
      const before = await epochs();
      await Promise.all(cluster.members.map((member) => member.kill()));
      await Promise.all(cluster.members.map((member) => member.start()));
      await cluster.untilOk();
      expect(await epochs()).toEqual(before);
    },
    TIMEOUT_MS,
  );
});
