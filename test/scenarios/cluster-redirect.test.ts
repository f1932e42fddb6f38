/** Clients and slots: redirections, hash tags, multi-key commands, and reads at a replica. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { type ClusterMember, TestCluster } from "../support/cluster.ts";
import { requireTool, testWithTools } from "../support/oracle.ts";
import { ReplyError } from "../support/resp-client.ts";
import { until } from "../support/server.ts";

const TIMEOUT_MS = 60_000;

describe("clients and slots", () => {
  let cluster: TestCluster;
  let first: ClusterMember;
  /** Owns slot 12706, that of `k1`. */
  let third: ClusterMember;

  beforeAll(async () => {
    cluster = await TestCluster.start({ kinds: Array(6).fill("atoll") });
    await cluster.form(3);
    first = cluster.member(0);
    third = cluster.member(2);
  }, TIMEOUT_MS);

  afterAll(() => cluster.stop());

  async function errorOf(member: ClusterMember, ...args: (string | number)[]): Promise<string> {
    const reply = await member.call(...args);
    expect(reply).toBeInstanceOf(ReplyError);
    return (reply as ReplyError).message;
  }

  test("a key's slot is that of the specification", async () => {
    const slots = { k1: 12706, name: 5798, age: 741, "": 0, foo: 12182, "123456789": 12739 };
    for (const [key, slot] of Object.entries(slots)) {
      expect(await first.call("CLUSTER", "KEYSLOT", key)).toBe(slot);
    }
  });

  test("keys with the same tag share a slot", async () => {
    const slotOf = (key: string) => first.must("CLUSTER", "KEYSLOT", key);
    expect(await slotOf("{user1000}.following")).toBe(await slotOf("{user1000}.followers"));
    expect(await slotOf("{user1000}.following")).toBe(await slotOf("user1000"));
    expect(await slotOf("foo{{bar}}zap")).toBe(await slotOf("{bar"));
    expect(await slotOf("foo{bar}{zap}")).toBe(await slotOf("bar"));
    // An empty tag is no tag.
    expect(await slotOf("foo{}{bar}")).not.toBe(await slotOf("bar"));
    expect(await cluster.follow("MSET", "{t}a", "1", "{t}b", "2")).toBe("OK");
    expect(await cluster.follow("MGET", "{t}a", "{t}b")).toEqual(["1", "2"]);
    const apart = "CROSSSLOT Keys in request don't hash to the same slot";
    expect(await errorOf(first, "MSET", "{a}", "1", "{b}", "2")).toBe(apart);
  });

  test("a command at the wrong node answers MOVED with the owner's address", async () => {
    expect(await errorOf(first, "SET", "k1", "v1")).toBe(`MOVED 12706 ${third.address}`);
    expect(await errorOf(first, "GET", "k1")).toBe(`MOVED 12706 ${third.address}`);
    expect(await third.call("SET", "k1", "v1")).toBe("OK");
    // Within a transaction the redirection spoils it.
    expect(await first.call("MULTI")).toBe("OK");
    expect(await errorOf(first, "SET", "k1", "v1")).toBe(`MOVED 12706 ${third.address}`);
    expect(await errorOf(first, "EXEC")).toStartWith("EXECABORT");
  });

  testWithTools(
    ["redis-cli"],
    "redis-cli -c follows redirections",
    async () => {
      const script = "set k1 v1\nset name atoll\nset age 7\nget k1\nget name\nget age\n";
      const child = Bun.spawn([requireTool("redis-cli"), "-c", "-p", String(first.port)], {
        stdin: new Blob([script]),
        stdout: "pipe",
      });
      const lines = (await new Response(child.stdout).text()).trim().split("\n");
      const replies = lines.filter((line) => !line.startsWith("->"));
      expect(replies).toEqual(["OK", "OK", "OK", "v1", "atoll", "7"]);
      expect(lines[0]).toBe(`-> Redirected to slot [12706] located at ${third.address}`);
      expect(await child.exited).toBe(0);
    },
    TIMEOUT_MS,
  );

  test("a replica reads for READONLY connections and sends all others to its primary", async () => {
    const replica = cluster.member(5);
    expect(await third.call("SET", "k1", "from the primary")).toBe("OK");
    expect(await errorOf(replica, "GET", "k1")).toBe(`MOVED 12706 ${third.address}`);
    expect(await replica.call("READONLY")).toBe("OK");
    await until(async () => (await replica.call("GET", "k1")) === "from the primary");
    expect(await errorOf(replica, "SET", "k1", "v2")).toBe(`MOVED 12706 ${third.address}`);
    // Another shard's key is not here, READONLY or not.
    expect(await errorOf(replica, "GET", "age")).toBe(`MOVED 741 ${first.address}`);
    expect(await replica.call("READWRITE")).toBe("OK");
    expect(await errorOf(replica, "GET", "k1")).toBe(`MOVED 12706 ${third.address}`);
  });

  test("keys are counted and listed by slot", async () => {
    expect(await third.call("SET", "k1", "v1")).toBe("OK");
    expect(await third.call("CLUSTER", "COUNTKEYSINSLOT", 12706)).toBe(1);
    expect(await third.call("CLUSTER", "GETKEYSINSLOT", 12706, 10)).toEqual(["k1"]);
    expect(await first.call("CLUSTER", "COUNTKEYSINSLOT", 12706)).toBe(0);
  });
});
