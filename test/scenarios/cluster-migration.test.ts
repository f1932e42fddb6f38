/**
 * A slot moves from one node to another, key by key, as redis-cli does it: what both nodes answer on the way, and
 * that nothing is lost. Keys travel by DUMP and RESTORE.
 */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { type ClusterMember, type NodeKind, TestCluster } from "../support/cluster.ts";
import { hashSlot } from "../support/hash-slot.ts";
import { describeWithTools } from "../support/oracle.ts";
import { type Argument, ReplyError } from "../support/resp-client.ts";
import { until } from "../support/server.ts";

const TIMEOUT_MS = 60_000;
const KEYS = 20;

const pairs: readonly (readonly [source: NodeKind, target: NodeKind])[] = [
  ["atoll", "atoll"],
  ["atoll", "redis"],
  ["redis", "atoll"],
];

for (const [sourceKind, targetKind] of pairs) {
  const name = `a slot moves from ${sourceKind} to ${targetKind}`;
  const mixed = sourceKind !== targetKind;
  const describeHere = mixed
    ? (body: () => void) => describeWithTools(["redis-server"], name, body)
    : (body: () => void) => describe(name, body);
  describeHere(() => {
    let cluster: TestCluster;
    let source: ClusterMember;
    let target: ClusterMember;
    /** Neither of the two. */
    let other: ClusterMember;
    /** A slot of the source; all keys have the same tag. */
    const tag = "{reef}";
    const slot = hashSlot(tag);
    const key = (number: number): string => `${tag}:${number}`;

    beforeAll(async () => {
      const third: NodeKind = "atoll";
      // The second owns the slot of the tag.
      cluster = await TestCluster.start({ kinds: [targetKind, sourceKind, third] });
      await cluster.form(3);
      [target, source, other] = [cluster.member(0), cluster.member(1), cluster.member(2)];
      for (let number = 0; number < KEYS; number++) {
        await source.must("SET", key(number), `value ${number}`);
      }
      await source.must("EXPIRE", key(0), 5000);
    }, TIMEOUT_MS);

    afterAll(() => cluster.stop());

    async function errorOf(member: ClusterMember, ...args: Argument[]): Promise<string> {
      const reply = await member.call(...args);
      expect(reply).toBeInstanceOf(ReplyError);
      return (reply as ReplyError).message;
    }

    async function move(name: string): Promise<void> {
      const [from, to] = await Promise.all([
        source.running.connect({ binary: true }),
        target.running.connect(),
      ]);
      const payload = await from.must("DUMP", name);
      const ttl = Math.max(0, Number(await from.must("PTTL", name)));
      const replies = await to.pipeline([
        ["ASKING"],
        ["RESTORE", name, ttl, payload as Uint8Array],
      ]);
      expect(replies).toEqual(["OK", "OK"]);
      await from.must("DEL", name);
      from.close();
      to.close();
    }

    test("opening the slot needs the right nodes", async () => {
      expect(await errorOf(target, "CLUSTER", "SETSLOT", slot, "MIGRATING", source.id)).toBe(
        `ERR I'm not the owner of hash slot ${slot}`,
      );
      expect(await errorOf(source, "CLUSTER", "SETSLOT", slot, "IMPORTING", target.id)).toBe(
        `ERR I'm already the owner of hash slot ${slot}`,
      );
      const nobody = "0".repeat(40);
      expect(await errorOf(source, "CLUSTER", "SETSLOT", slot, "MIGRATING", nobody)).toBe(
        `ERR I don't know about node ${nobody}`,
      );
      expect(await target.call("CLUSTER", "SETSLOT", slot, "IMPORTING", source.id)).toBe("OK");
      expect(await source.call("CLUSTER", "SETSLOT", slot, "MIGRATING", target.id)).toBe("OK");
      expect(await source.call("CLUSTER", "NODES")).toContain(`[${slot}->-${target.id}]`);
      expect(await target.call("CLUSTER", "NODES")).toContain(`[${slot}-<-${source.id}]`);
    });

    test("the source serves what it has and asks to look for the rest at the target", async () => {
      const ask = `ASK ${slot} ${target.address}`;
      expect(await source.call("GET", key(1))).toBe("value 1");
      expect(await source.call("SET", key(1), "value 1")).toBe("OK");
      expect(await errorOf(source, "GET", `${tag}:new`)).toBe(ask);
      expect(await errorOf(source, "SET", `${tag}:new`, "x")).toBe(ask);
      expect(await errorOf(source, "MGET", `${tag}:new`, `${tag}:newer`)).toBe(ask);
      expect(await errorOf(other, "GET", key(1))).toBe(`MOVED ${slot} ${source.address}`);
    });

    test("the target serves the slot behind ASKING, which holds for one command", async () => {
      const moved = `MOVED ${slot} ${source.address}`;
      expect(await errorOf(target, "GET", `${tag}:new`)).toBe(moved);
      expect(await target.call("ASKING")).toBe("OK");
      expect(await target.call("SET", `${tag}:new`, "made at the target")).toBe("OK");
      expect(await errorOf(target, "GET", `${tag}:new`)).toBe(moved);
      expect(await target.call("ASKING")).toBe("OK");
      expect(await target.call("PING")).toBe("PONG");
      expect(await errorOf(target, "GET", `${tag}:new`)).toBe(moved);
      expect(await cluster.follow("GET", `${tag}:new`)).toBe("made at the target");
    });

    test("keys on both sides: TRYAGAIN", async () => {
      const tryAgain = "TRYAGAIN Multiple keys request during rehashing of slot";
      await move(key(0));
      expect(await errorOf(source, "MGET", key(0), key(1))).toBe(tryAgain);
      expect(await target.call("ASKING")).toBe("OK");
      expect(await errorOf(target, "MGET", key(0), key(1))).toBe(tryAgain);
      expect(await source.call("MGET", key(1), key(2))).toEqual(["value 1", "value 2"]);
      expect(await cluster.follow("GET", key(0))).toBe("value 0");
      expect(Number(await cluster.follow("TTL", key(0)))).toBeWithin(4900, 5001);
    });

    test("the slot cannot be given away while it still holds keys", async () => {
      expect(await errorOf(source, "CLUSTER", "SETSLOT", slot, "NODE", target.id)).toBe(
        `ERR Can't assign hashslot ${slot} to a different node while I still hold keys for this ` +
          "hash slot.",
      );
    });

    test("the last keys move, the slot follows, everybody hears of it", async () => {
      for (;;) {
        const names = await source.must("CLUSTER", "GETKEYSINSLOT", slot, 7);
        if (!Array.isArray(names) || names.length === 0) break;
        for (const name of names) await move(String(name));
      }
      const epochBefore = Number((await target.fields("cluster")).get("cluster_my_epoch"));
      expect(await target.call("CLUSTER", "SETSLOT", slot, "NODE", target.id)).toBe("OK");
      expect(await source.call("CLUSTER", "SETSLOT", slot, "NODE", target.id)).toBe("OK");
      const epoch = Number((await target.fields("cluster")).get("cluster_my_epoch"));
      expect(epoch).toBeGreaterThan(epochBefore);
      expect(await errorOf(source, "GET", key(1))).toBe(`MOVED ${slot} ${target.address}`);
      await until(async () => {
        const reply = await other.call("GET", key(1));
        return reply instanceof ReplyError && reply.message === `MOVED ${slot} ${target.address}`;
      });
      for (let number = 0; number < KEYS; number++) {
        expect(await target.call("GET", key(number))).toBe(`value ${number}`);
      }
      expect(await target.call("CLUSTER", "COUNTKEYSINSLOT", slot)).toBe(KEYS + 1);
      expect(await source.call("CLUSTER", "COUNTKEYSINSLOT", slot)).toBe(0);
      await cluster.untilOk();
      for (const member of cluster.members) {
        expect(await member.call("CLUSTER", "NODES")).not.toMatch(/\[\d+-[<>]-/);
      }
    });

    test("STABLE closes an open slot again", async () => {
      expect(await target.call("CLUSTER", "SETSLOT", slot, "MIGRATING", source.id)).toBe("OK");
      expect(await errorOf(target, "GET", `${tag}:none`)).toBe(`ASK ${slot} ${source.address}`);
      expect(await target.call("CLUSTER", "SETSLOT", slot, "STABLE")).toBe("OK");
      expect(await target.call("GET", `${tag}:none`)).toBeNull();
    });
  });
}

test(
  "a slot that goes to another node takes its keys out of the old one, however many",
  async () => {
    const tag = "{reef}";
    const keyCount = 60_000;
    const cluster = await TestCluster.start({ kinds: ["atoll", "atoll", "atoll"] });
    try {
      await cluster.form(3);
      const [target, source] = [cluster.member(0), cluster.member(1)];
      const slot = hashSlot(tag);
      const client = await source.running.connect();
      for (let from = 0; from < keyCount; from += 2000) {
        const commands = Array.from({ length: 2000 }, (_, at) => [
          "SET",
          `${tag}${from + at}`,
          "v",
        ]);
        await client.pipeline(commands);
      }
      expect(await client.must("CLUSTER", "COUNTKEYSINSLOT", slot)).toBe(keyCount);
      // Without asking the source: its claim is the older one.
      await target.must(
        "CLUSTER",
        "SETSLOT",
        slot,
        "IMPORTING",
        String(await source.must("CLUSTER", "MYID")),
      );
      await target.must(
        "CLUSTER",
        "SETSLOT",
        slot,
        "NODE",
        String(await target.must("CLUSTER", "MYID")),
      );
      await until(
        async () => String(await client.call("GET", `${tag}1`)).includes("MOVED"),
        10_000,
      );
      expect(await client.must("CLUSTER", "COUNTKEYSINSLOT", slot)).toBe(0);
      expect(await client.must("CLUSTER", "GETKEYSINSLOT", slot, 10)).toEqual([]);
      await until(async () => (await client.must("DBSIZE")) === 0, 10_000);
      client.close();
    } finally {
      await cluster.stop();
    }
  },
  TIMEOUT_MS,
);
