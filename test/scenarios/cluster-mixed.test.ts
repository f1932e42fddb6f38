/**
 * Three real redis-server nodes and three of ours in one cluster, each kind replicating the other: they tell the
 * same of it, and either takes over from the other.
 */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { type ClusterMember, NODE_TIMEOUT_MS, TestCluster } from "../support/cluster.ts";
import { hashSlot } from "../support/hash-slot.ts";
import { describeWithTools } from "../support/oracle.ts";
import type { Argument, Reply } from "../support/resp-client.ts";
import { until } from "../support/server.ts";

const TIMEOUT_MS = 60_000;
const WRITABLE_WITHIN_MS = NODE_TIMEOUT_MS + 2000;
const SLOW_MACHINE_MS = 2000;
const KEYS = 300;

describeWithTools(["redis-server"], "a cluster of redis-server and Atoll nodes", () => {
  let cluster: TestCluster;
  /** What every key must hold. */
  const expected = new Map<string, string>();

  beforeAll(async () => {
    // Members 3, 4 and 5 replicate 0, 1 and 2: two of ours follow real ones, one real one follows ours.
    cluster = await TestCluster.start({
      kinds: ["redis", "redis", "atoll", "atoll", "atoll", "redis"],
      args: ["--enable-debug-command", "yes", "--repl-ping-replica-period", "3600"],
    });
    await cluster.form(3);
    await write("first");
  }, TIMEOUT_MS);

  afterAll(() => cluster.stop());

  async function write(round: string): Promise<void> {
    for (let number = 0; number < KEYS; number++) {
      const key = `${round}:${number}`;
      const value = `${round} ${number}`.repeat(1 + (number % 40));
      expect(await cluster.follow("SET", key, value)).toBe("OK");
      expected.set(key, value);
    }
    await cluster.follow("SET", `expiring:${round}`, "soon", "EX", 10_000);
    expected.set(`expiring:${round}`, "soon");
  }

  /** Every primary has all its data, and each replica the same as its primary. */
  async function dataIsIntact(): Promise<void> {
    await cluster.untilOk();
    const nodes = await cluster.member(0).clusterNodes();
    for (const member of cluster.members) {
      const line = nodes.find(({ id }) => id === member.id)!;
      const owner = nodes.find(({ id }) => id === (line.primaryId ?? line.id))!;
      const keys = [...expected.keys()].filter((key) => {
        const slot = hashSlot(key);
        return owner.slots.some(({ first, last }) => slot >= first && slot <= last);
      });
      expect(keys.length).toBeGreaterThan(0);
      const client = await member.running.connect();
      await client.must("READONLY");
      const wanted = keys.map((key) => expected.get(key) ?? "");
      let values: Reply[] = [];
      await until(
        async () => {
          values = await client.pipeline(keys.map((key) => ["GET", key]));
          return values.every((value, index) => value === wanted[index]);
        },
        5000,
        () => `the data at ${member.kind} ${member.port}`,
      );
      expect(values).toEqual(wanted);
      client.close();
    }
  }

  /** Milliseconds until `member` is a primary that takes writes. */
  async function untilPrimary(member: ClusterMember): Promise<number> {
    const startedAt = performance.now();
    await until(
      async () => {
        const myself = (await member.clusterNodes()).find(({ id }) => id === member.id);
        const ok = (await member.fields("cluster")).get("cluster_state") === "ok";
        return ok && myself?.isPrimary === true && myself.slots.length > 0;
      },
      WRITABLE_WITHIN_MS * 3,
      () => `${member.kind} ${member.port} to take over; its log:\n${member.log}`,
    );
    return Math.round(performance.now() - startedAt);
  }

  async function untilReplica(member: ClusterMember): Promise<void> {
    await until(
      async () => {
        const fields = await member.fields("replication").catch(() => new Map());
        return fields.get("role") === "slave" && fields.get("master_link_status") === "up";
      },
      20_000,
      () => `${member.kind} ${member.port} to follow; its log:\n${member.log}`,
    );
  }

  test("both kinds agree on nodes, slots and shards", async () => {
    await dataIsIntact();
    // Offsets travel with pings.
    await cluster.untilAll("replicas online", async (member) => {
      return !JSON.stringify(await member.must("CLUSTER", "SHARDS")).includes("loading");
    });
    for (const pair of [0, 1, 2]) {
      const [one, other] = [cluster.member(pair), cluster.member(pair + 3)];
      for (const [left, right] of [
        [one, other],
        [other, one],
      ] as const) {
        expect(await left.viewOf(right)).toMatchObject({ host: "127.0.0.1", port: right.port });
      }
    }
  });

  for (const [name, ...command] of [
    ["CLUSTER SLOTS", "CLUSTER", "SLOTS"],
    ["CLUSTER SHARDS", "CLUSTER", "SHARDS"],
    ["CLUSTER NODES", "CLUSTER", "NODES"],
    ["CLUSTER INFO", "CLUSTER", "INFO"],
    ["CLUSTER LINKS", "CLUSTER", "LINKS"],
  ] as const) {
    for (const protocol of [2, 3]) {
      test(`${name} has the same form from both kinds in RESP${protocol}`, async () => {
        const answers = await Promise.all(
          ["redis", "atoll"].map(async (kind) => {
            // Primaries of each kind, so that `myself` is alike.
            const member = cluster.member(kind === "redis" ? 0 : 2);
            const client = await member.running.connect();
            if (protocol === 3) await client.must("HELLO", "3");
            const reply = await client.must(...(command as readonly Argument[]));
            const raw = await client.rawCall(...(command as readonly Argument[]));
            client.close();
            return { type: raw[0], form: formOf(reply) };
          }),
        );
        expect(answers[1]).toEqual(answers[0]!);
      });
    }
  }

  const failovers: readonly (readonly [primary: number, replica: number])[] = [
    [0, 3],
    [2, 5],
  ];

  for (const [primaryIndex, replicaIndex] of failovers) {
    test(
      `kill -9: ${primaryIndex === 0 ? "ours takes over from redis-server" : "redis-server takes over from ours"}`,
      async () => {
        const [primary, replica] = [cluster.member(primaryIndex), cluster.member(replicaIndex)];
        await dataIsIntact();
        await primary.kill();
        const tookMs = await untilPrimary(replica);
        console.log(`${replica.kind} replaced ${primary.kind} after ${tookMs} ms`);
        // As in cluster-failover: a single one may be slow on a machine that has other work too.
        expect(tookMs).toBeLessThanOrEqual(WRITABLE_WITHIN_MS + SLOW_MACHINE_MS);
        for (const member of cluster.runningMembers) {
          await until(async () => (await member.viewOf(primary))?.flags.includes("fail") === true);
        }
        await write(`after ${primary.kind}`);
        await primary.start();
        await untilReplica(primary);
        await dataIsIntact();
      },
      TIMEOUT_MS,
    );
  }

  for (const [primaryIndex, replicaIndex] of [
    [3, 0],
    [5, 2],
    [1, 4],
    [4, 1],
  ] as const) {
    test(
      `CLUSTER FAILOVER: member ${replicaIndex} replaces member ${primaryIndex}, by partial resynchronization`,
      async () => {
        const [primary, replica] = [cluster.member(primaryIndex), cluster.member(replicaIndex)];
        const fullBefore = Number((await replica.fields("stats")).get("sync_full"));
        expect(await replica.call("CLUSTER", "FAILOVER")).toBe("OK");
        const tookMs = await untilPrimary(replica);
        console.log(`${replica.kind} replaced ${primary.kind} by hand after ${tookMs} ms`);
        await untilReplica(primary);
        expect(Number((await replica.fields("stats")).get("sync_full"))).toBe(fullBefore);
        await write(`manual ${replicaIndex}`);
        await dataIsIntact();
      },
      TIMEOUT_MS,
    );
  }
});

/** A reply with everything that differs from node to node or from moment to moment replaced by its kind. */
function formOf(reply: Reply): unknown {
  if (typeof reply === "string") return textForm(reply);
  if (typeof reply === "number") return "number";
  if (Array.isArray(reply)) return distinct(reply.map(formOf));
  if (reply instanceof Map) {
    return [...reply].map(([name, value]) => [name, name === "slots" ? "slots" : formOf(value)]);
  }
  return reply;
}

/** Lists of the same things differ in order and number. */
function distinct(forms: readonly unknown[]): unknown[] {
  return [...new Set(forms.map((form) => JSON.stringify(form)))].sort();
}

function textForm(text: string): unknown {
  if (text.includes("cluster_state:")) {
    const names = text.trim().split("\r\n");
    return names
      .map((line) => line.replace(/:.*/, ""))
      .filter((name) => !/_messages_\w+_/.test(name));
  }
  if (text.endsWith("\n")) return distinct(text.trimEnd().split("\n").map(lineForm));
  if (/^[0-9a-f]{40}$/.test(text)) return "id";
  return text;
}

/** A line of CLUSTER NODES. */
function lineForm(line: string): string {
  return line
    .replaceAll(/[0-9a-f]{40}/g, "id")
    .replaceAll(/\d+-\d+/g, "range")
    .replaceAll(/(?<=[ :@])\d+/g, "number");
}
