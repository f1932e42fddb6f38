/**
 * Pub/sub over the bus of a cluster of redis-server and Atoll nodes: either kind hears what the other publishes,
 * shard channels follow their slots.
 */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { type ClusterMember, TestCluster } from "../support/cluster.ts";
import { hashSlot } from "../support/hash-slot.ts";
import { describeWithTools } from "../support/oracle.ts";
import type { Argument, Reply, RespClient } from "../support/resp-client.ts";
import { startServer, until } from "../support/server.ts";

const TIMEOUT_MS = 60_000;

/** A connection in subscribed mode and what it heard. */
class Ear {
  readonly heard: string[] = [];

  private constructor(private readonly client: RespClient) {}

  static async open(member: ClusterMember, ...command: Argument[]): Promise<Ear> {
    const ear = new Ear(await member.running.connect());
    await ear.client.must(...command);
    void ear.listen();
    return ear;
  }

  private async listen(): Promise<void> {
    try {
      for (;;) this.heard.push(((await this.client.next()) as Reply[]).join(" "));
    } catch {
      // Closed.
    }
  }

  close(): void {
    this.client.close();
  }
}

describeWithTools(["redis-server"], "pub/sub in a cluster of redis-server and Atoll nodes", () => {
  let cluster: TestCluster;
  const ears: Ear[] = [];
  const listen = async (member: ClusterMember, ...command: Argument[]): Promise<Ear> => {
    const ear = await Ear.open(member, ...command);
    ears.push(ear);
    return ear;
  };

  beforeAll(async () => {
    // Member 3, ours, follows redis-server 0; member 4, redis-server, follows 2, which is ours.
    cluster = await TestCluster.start({ kinds: ["redis", "redis", "atoll", "atoll", "redis"] });
    await cluster.form(3, (index) => (index === 3 ? 0 : 2));
  }, TIMEOUT_MS);

  afterAll(async () => {
    for (const ear of ears) ear.close();
    await cluster.stop();
  });

  test(
    "PUBLISH at any node reaches subscribers at all of them, once",
    async () => {
      const all = await Promise.all(
        cluster.members.map((member) => listen(member, "SUBSCRIBE", "news")),
      );
      const patterns = await Promise.all(
        cluster.members.map((member) => listen(member, "PSUBSCRIBE", "n?ws")),
      );
      const large = "x".repeat(200_000);
      const sent: string[] = [];
      for (const [index, member] of cluster.members.entries()) {
        expect(await member.must("PUBLISH", "news", `from ${index}`)).toBe(2);
        expect(await member.must("PUBLISH", "news", `${large}${index}`)).toBe(2);
        sent.push(`message news from ${index}`, `message news ${large}${index}`);
      }
      for (const [at, ear] of all.entries()) {
        await until(
          () => ear.heard.length >= sent.length,
          10_000,
          () => `all at ${at}`,
        );
        expect([...ear.heard].sort()).toEqual([...sent].sort());
      }
      const matched = sent.map((line) => line.replace("message news", "pmessage n?ws news"));
      for (const ear of patterns) {
        await until(() => ear.heard.length >= sent.length);
        expect([...ear.heard].sort()).toEqual(matched.sort());
      }
    },
    TIMEOUT_MS,
  );

  test(
    "SPUBLISH reaches the nodes of its shard",
    async () => {
      for (const [primary, replica] of [
        [0, 3],
        [2, 4],
      ] as const) {
        const channel = channelOf(cluster.member(primary), await owners(cluster));
        const here = await listen(cluster.member(primary), "SSUBSCRIBE", channel);
        const there = await listen(cluster.member(replica), "SSUBSCRIBE", channel);
        expect(await cluster.member(primary).must("SPUBLISH", channel, "down")).toBe(1);
        expect(await cluster.member(replica).must("SPUBLISH", channel, "up")).toBe(1);
        for (const ear of [here, there]) {
          await until(() => ear.heard.length >= 2);
          expect([...ear.heard].sort()).toEqual([
            `smessage ${channel} down`,
            `smessage ${channel} up`,
          ]);
        }
        const elsewhere = await Promise.all(
          cluster.members.map(async (member, index) => {
            if (index === primary || index === replica) return undefined;
            return String(await member.call("SSUBSCRIBE", channel));
          }),
        );
        const moved = `ReplyError: MOVED ${hashSlot(channel)} 127.0.0.1:${cluster.member(primary).port}`;
        expect([...new Set(elsewhere.filter((text) => text !== undefined))]).toEqual([moved]);
        for (const member of cluster.members) {
          for (const command of ["SSUBSCRIBE", "SUNSUBSCRIBE"]) {
            expect(String(await member.call(command, "a", "b"))).toBe(
              "ReplyError: CROSSSLOT Keys in request don't hash to the same slot",
            );
          }
        }
      }
    },
    TIMEOUT_MS,
  );

  test(
    "a slot that leaves takes its channels along",
    async () => {
      for (const [from, replica, to] of [
        [2, 4, 1],
        [0, 3, 2],
      ] as const) {
        const channel = channelOf(cluster.member(from), await owners(cluster));
        const slot = hashSlot(channel);
        const here = await listen(cluster.member(from), "SSUBSCRIBE", channel);
        const there = await listen(cluster.member(replica), "SSUBSCRIBE", channel);
        const target = cluster.member(to);
        const source = cluster.member(from);
        await target.must("CLUSTER", "SETSLOT", slot, "IMPORTING", source.id);
        await source.must("CLUSTER", "SETSLOT", slot, "MIGRATING", target.id);
        // While it moves it is still served where it was.
        expect(await source.must("SPUBLISH", channel, "still")).toBe(1);
        await target.must("CLUSTER", "SETSLOT", slot, "NODE", target.id);
        await source.must("CLUSTER", "SETSLOT", slot, "NODE", target.id);
        for (const ear of [here, there]) {
          await until(() => ear.heard.length >= 2, 10_000);
          expect(ear.heard).toEqual([`smessage ${channel} still`, `sunsubscribe ${channel} 0`]);
        }
      }
    },
    TIMEOUT_MS,
  );
});

describeWithTools(["redis-server"], "shard channels where the cluster is down", () => {
  test("equal redis-server's answers", async () => {
    const told = await Promise.all(
      [false, true].map(async (real) => {
        const server = await startServer({ real, cluster: true });
        const client = await server.connect();
        const slot = hashSlot("a");
        await client.must("CLUSTER", "ADDSLOTS", slot);
        const answers: string[] = [];
        const say = async (...args: Argument[]): Promise<void> => {
          answers.push(`${args.join(" ")}: ${await client.call(...args)}`);
        };
        await say("SPUBLISH", "a", "x");
        await say("SPUBLISH", "b", "x");
        await say("SPUBLISH", "{a}b", "x");
        await say("PUBLISH", "b", "x");
        await say("GET", "a");
        await say("CONFIG", "SET", "cluster-allow-pubsubshard-when-down", "no");
        await say("SPUBLISH", "a", "x");
        await say("SSUBSCRIBE", "a");
        await say("SUNSUBSCRIBE");
        await say("CONFIG", "SET", "cluster-allow-pubsubshard-when-down", "yes");
        await say("MULTI");
        await say("SPUBLISH", "a", "x");
        await say("SPUBLISH", "b", "x");
        await say("EXEC");
        await say("MULTI");
        await say("SPUBLISH", "a", "x");
        await say("EXEC");
        await say("SSUBSCRIBE", "a");
        await say("SUNSUBSCRIBE", "b");
        await say("SUNSUBSCRIBE", "a");
        client.close();
        await server.stop();
        return answers;
      }),
    );
    expect(told[0]).toEqual(told[1] as string[]);
  }, 20_000);
});

async function owners(cluster: TestCluster): Promise<Map<string, (slot: number) => boolean>> {
  const nodes = await cluster.member(0).clusterNodes();
  return new Map(
    nodes.map(({ id, slots }) => [
      id,
      (slot: number) => slots.some(({ first, last }) => slot >= first && slot <= last),
    ]),
  );
}

let channels = 0;

/** A fresh channel in a slot of this node. */
function channelOf(member: ClusterMember, owns: Map<string, (slot: number) => boolean>): string {
  for (;;) {
    const channel = `channel${++channels}`;
    if (owns.get(member.id)?.(hashSlot(channel)) === true) return channel;
  }
}
