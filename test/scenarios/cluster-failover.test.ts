/**
 * A primary is lost while clients write: its replica takes over within the node timeout and two seconds, the
 * clients find their way by themselves, and the old primary comes back as a replica.
 */
import { afterAll, afterEach, beforeAll, describe, expect, test } from "bun:test";
import { type ClusterMember, NODE_TIMEOUT_MS, TestCluster } from "../support/cluster.ts";
import { hashSlot } from "../support/hash-slot.ts";
import { until } from "../support/server.ts";
import {
  type Confirmed,
  ioredisWriter,
  nodeRedisWriter,
  plainWriter,
  pythonWithRedis,
  redisPyWriter,
  type Writer,
} from "../support/writers.ts";

const TIMEOUT_MS = 60_000;
const WRITABLE_WITHIN_MS = NODE_TIMEOUT_MS + 2000;
/** After the replica is writable; client libraries have back-off times of their own. */
const CLIENTS_RECOVER_WITHIN_MS = 10_000;
const WRITES_AFTER_RECOVERY = 30;
/** Replication is asynchronous: a primary that dies takes with it what it confirmed a moment before. */
const WINDOW_MS = 250;
/** What a single failover may take beyond its bound. */
const SLOW_MACHINE_MS = 2000;

describe("a primary is lost under load", () => {
  let cluster: TestCluster;
  const writers: Writer[] = [];
  const writableAfterMs: number[] = [];

  beforeAll(async () => {
    cluster = await TestCluster.start({
      kinds: Array(6).fill("atoll"),
      // A replication PING that a primary sends as it wakes up, before it hears that it was replaced, sets its
      // history apart from its successor's: in Redis too.
      args: ["--enable-debug-command", "yes", "--repl-ping-replica-period", "3600"],
    });
    await cluster.form(3);
    const ports = cluster.members.map(({ port }) => port);
    writers.push(ioredisWriter(ports), await nodeRedisWriter(ports), plainWriter(ports));
    const python = pythonWithRedis();
    if (python === undefined) console.log("redis-py is not installed: three kinds of clients");
    else writers.push(await redisPyWriter(python, ports));
  }, TIMEOUT_MS);

  afterEach(() => {
    for (const member of cluster.runningMembers) member.resume();
  });

  afterAll(async () => {
    await Promise.all(writers.map((writer) => writer.stop()));
    await cluster.stop();
  }, TIMEOUT_MS);

  /** The primary of a shard as all nodes see it now, its replica, and the shard's slots. */
  async function shard(index: number) {
    const nodes = await cluster.member(0).clusterNodes();
    const primaries = nodes.filter(({ isPrimary, slots }) => isPrimary && slots.length > 0);
    const line = primaries.sort((a, b) => a.slots[0]!.first - b.slots[0]!.first)[index]!;
    const replicaLine = nodes.find(({ primaryId }) => primaryId === line.id)!;
    const memberOf = (id: string): ClusterMember => cluster.members.find((each) => each.id === id)!;
    const owns = (key: string): boolean => {
      const slot = hashSlot(key);
      return line.slots.some(({ first, last }) => slot >= first && slot <= last);
    };
    return { primary: memberOf(line.id), replica: memberOf(replicaLine.id), owns };
  }

  type Shard = Awaited<ReturnType<typeof shard>>;

  /** Milliseconds from now until the replica takes writes. */
  async function untilWritable({ replica, owns }: Shard): Promise<number> {
    const startedAt = performance.now();
    let probe = 0;
    while (!owns(`probe:${probe}`)) probe++;
    await until(
      async () => (await replica.call("SET", `probe:${probe}`, "1").catch(() => "")) === "OK",
      WRITABLE_WITHIN_MS * 3,
      () => `the replica to take writes; its log:\n${replica.log}`,
    );
    return Math.round(performance.now() - startedAt);
  }

  /** Every client goes on, in the slots of the lost primary too. Answers when each of them did. */
  async function untilClientsRecovered({ owns }: Shard, sinceMs: number): Promise<string> {
    const writableAt = Date.now();
    const times: string[] = [];
    for (const writer of writers) {
      const later = (): Confirmed[] => writer.confirmed.filter(({ atMs }) => atMs > writableAt);
      await until(
        () => later().length >= WRITES_AFTER_RECOVERY && later().some(({ key }) => owns(key)),
        CLIENTS_RECOVER_WITHIN_MS,
        () => `${writer.name} to go on: ${JSON.stringify([...writer.errors])}`,
      );
      const first = writer.confirmed.find(({ key, atMs }) => atMs > sinceMs + 200 && owns(key));
      times.push(`${writer.name} ${(first?.atMs ?? 0) - sinceMs} ms`);
    }
    return times.join(", ");
  }

  async function untilMarkedFailed(lost: ClusterMember): Promise<void> {
    for (const member of cluster.runningMembers) {
      if (member === lost) continue;
      await until(
        () => new RegExp(`^${lost.id} \\S+ master,fail `, "m").test(member.nodesConf),
        5000,
        () => `master,fail in nodes.conf of ${member.port}:\n${member.nodesConf}`,
      );
    }
  }

  async function untilReplicaOf(member: ClusterMember, primary: ClusterMember): Promise<void> {
    await until(
      async () => {
        const fields = await member.fields("replication").catch(() => new Map());
        const follows = fields.get("master_port") === String(primary.port);
        return follows && fields.get("master_link_status") === "up";
      },
      20_000,
      () => `${member.port} to follow ${primary.port}; its log:\n${member.log}`,
    );
  }

  /** Confirmed writes that the cluster does not know (any more). */
  async function lostWrites(): Promise<Confirmed[]> {
    await cluster.untilOk();
    const all = writers.flatMap(({ confirmed }) => confirmed.slice());
    const found = new Map<string, unknown>();
    for (const index of [0, 1, 2]) {
      const { primary, owns } = await shard(index);
      const own = all.filter(({ key }) => owns(key));
      const client = await primary.running.connect();
      const values = await client.pipeline(own.map(({ key }) => ["GET", key]));
      own.forEach(({ key }, at) => {
        found.set(key, values[at]);
      });
      client.close();
    }
    return all.filter(({ key, value }) => found.get(key) !== value);
  }

  async function syncs(member: ClusterMember) {
    const fields = await member.fields("stats");
    const number = (name: string): number => Number(fields.get(name));
    return { full: number("sync_full"), partial: number("sync_partial_ok") };
  }

  interface Loss {
    readonly name: string;
    readonly shard: number;
    readonly lose: (primary: ClusterMember) => Promise<void>;
    readonly bringBack: (primary: ClusterMember) => Promise<void>;
    /** Nothing that was confirmed may be lost. */
    readonly orderly?: boolean;
    /**
     * The process hangs and comes back: its connections stay, so some clients notice nothing before it is back.
     * Its data is still good and must not be sent anew.
     */
    readonly hangs?: boolean;
  }

  const restart = (primary: ClusterMember): Promise<void> => primary.start();

  const losses: readonly Loss[] = [
    { name: "kill -9", shard: 0, lose: (primary) => primary.kill(), bringBack: restart },
    {
      name: "SHUTDOWN",
      shard: 1,
      lose: async (primary) => {
        await primary.tell("SHUTDOWN", "SAVE");
        await primary.untilEnded();
      },
      bringBack: restart,
      orderly: true,
    },
    {
      name: "DEBUG SEGFAULT",
      shard: 2,
      lose: async (primary) => {
        await primary.tell("DEBUG", "SEGFAULT");
        await primary.untilEnded();
      },
      bringBack: restart,
    },
    {
      name: "SIGSTOP",
      shard: 0,
      lose: async (primary) => primary.pause(),
      bringBack: async (primary) => primary.resume(),
      hangs: true,
    },
    {
      name: "DEBUG SLEEP",
      shard: 1,
      lose: async (primary) => {
        const client = await primary.running.connect();
        client.call("DEBUG", "SLEEP", "5").catch(() => null);
      },
      bringBack: async () => {},
      hangs: true,
    },
  ];

  for (const loss of losses) {
    test(
      `${loss.name}: the replica takes over, clients recover, the old primary follows`,
      async () => {
        const victim = await shard(loss.shard);
        const { primary, replica } = victim;
        await until(() => writers.every(({ confirmed }) => confirmed.length > 100), 20_000);
        const lostAt = Date.now();
        await loss.lose(primary);
        const writableMs = await untilWritable(victim);
        const marked = untilMarkedFailed(primary);
        let clients = loss.hangs ? "" : await untilClientsRecovered(victim, lostAt);
        await marked;
        const before = await syncs(replica);

        await loss.bringBack(primary);
        await untilReplicaOf(primary, replica);
        if (loss.hangs) clients = await untilClientsRecovered(victim, lostAt);
        const after = await syncs(replica);
        const lost = await lostWrites();
        console.log(
          `${loss.name}: writable after ${writableMs} ms; ${clients}; ${lost.length} writes lost; ` +
            `${after.full - before.full} full and ${after.partial - before.partial} partial syncs`,
        );
        // One failover may be slow by the dice of gossip and election delays (half a second to a second by
        // themselves) on a machine that has other work too; the median of all is held to the bound below.
        expect(writableMs).toBeLessThanOrEqual(WRITABLE_WITHIN_MS + SLOW_MACHINE_MS);
        writableAfterMs.push(writableMs);
        for (const { atMs, key } of lost) {
          expect(Math.abs(atMs - lostAt), `${key} was lost`).toBeLessThan(WINDOW_MS);
        }
        if (loss.orderly) expect(lost).toEqual([]);
        // A confirmed write that the stop kept from the replica is history that only the old primary has:
        // then, as in Redis, nothing but a full synchronization is right.
        if (loss.hangs && lost.length === 0)
          expect([before.full, before.partial + 1]).toEqual([after.full, after.partial]);
        for (const member of cluster.runningMembers) {
          expect((await member.viewOf(primary))?.flags.join().replace("myself,", "")).toBe("slave");
        }
      },
      TIMEOUT_MS,
    );
  }

  test("a replica is writable within the node timeout and two seconds: the median of the failovers", () => {
    const sorted = writableAfterMs.toSorted((a, b) => a - b);
    expect(sorted).toHaveLength(losses.length);
    expect(sorted[Math.floor(sorted.length / 2)]).toBeLessThanOrEqual(WRITABLE_WITHIN_MS);
  });
});
