/** Forming a cluster: by redis-cli's cluster manager, and by hand with the commands that it sends. */
import { afterEach, describe, expect, test } from "bun:test";
import { rangesText } from "../../src/cli/cluster-nodes.ts";
import { type NodeKind, TestCluster } from "../support/cluster.ts";
import { requireTool, testWithTools } from "../support/oracle.ts";

const SIX: readonly NodeKind[] = Array(6).fill("atoll");
const TIMEOUT_MS = 60_000;
/** What redis-cli puts around its lines. */
const COLOURS = new RegExp(`${String.fromCharCode(27)}\\[[0-9;]*m`, "g");

async function redisCli(...args: string[]): Promise<{ status: number; text: string }> {
  const child = Bun.spawn([requireTool("redis-cli"), ...args], {
    stdin: "ignore",
    stdout: "pipe",
    stderr: "pipe",
  });
  const [text, errors, status] = await Promise.all([
    new Response(child.stdout).text(),
    new Response(child.stderr).text(),
    child.exited,
  ]);
  return { status, text: (text + errors).replace(COLOURS, "") };
}

describe("forming a cluster", () => {
  let cluster: TestCluster | undefined;

  afterEach(async () => {
    await cluster?.stop();
    cluster = undefined;
  });

  testWithTools(
    ["redis-cli"],
    "redis-cli --cluster create over six nodes, then --cluster check",
    async () => {
      cluster = await TestCluster.start({ kinds: SIX });
      const addresses = cluster.members.map(({ address }) => address);
      const created = await redisCli(
        ...["--cluster", "create", ...addresses],
        ...["--cluster-replicas", "1", "--cluster-yes"],
      );
      expect(created.text).toEndWith("[OK] All 16384 slots covered.\n");
      expect(created.status).toBe(0);
      await cluster.untilOk();

      for (const { address } of cluster.members) {
        const checked = await redisCli("--cluster", "check", address);
        expect(checked.text).toContain("[OK] All nodes agree about slots configuration.");
        expect(checked.text).toEndWith("[OK] All 16384 slots covered.\n");
        expect(checked.text).not.toMatch(/\[ERR\]|\[WARNING\]/);
        expect(checked.status).toBe(0);
      }
      const nodes = await cluster.member(0).clusterNodes();
      const primaries = nodes.filter(({ isPrimary }) => isPrimary);
      const followed = nodes.filter(({ isPrimary }) => !isPrimary).map((node) => node.primaryId);
      expect(followed.sort()).toEqual(primaries.map(({ id }) => id).sort());
      expect(primaries.map(({ slots }) => rangesText(slots)).sort()).toEqual([
        "[0-5460]",
        "[10923-16383]",
        "[5461-10922]",
      ]);
    },
    TIMEOUT_MS,
  );

  test(
    "MEET, ADDSLOTS and REPLICATE by hand give cluster_state:ok",
    async () => {
      cluster = await TestCluster.start({ kinds: SIX });
      const [first, second, third, ...replicas] = cluster.members;
      const primaries = [first!, second!, third!];
      for (const member of cluster.members.slice(1)) {
        await first!.must("CLUSTER", "MEET", "127.0.0.1", member.port);
      }
      await cluster.untilAllKnow(6);
      // Slot by slot, as scripts of the days before ADDSLOTSRANGE do it.
      for (const [index, member] of primaries.entries()) {
        const slots = Array.from({ length: 16384 }, (_, slot) => slot);
        await member.must("CLUSTER", "ADDSLOTS", ...slots.filter((slot) => slot % 3 === index));
      }
      for (const [index, replica] of replicas.entries()) {
        await replica.must("CLUSTER", "REPLICATE", primaries[index]!.id);
      }
      await cluster.untilOk();

      for (const member of cluster.members) {
        const fields = await member.fields("cluster");
        expect(fields.get("cluster_slots_assigned")).toBe("16384");
        expect(fields.get("cluster_slots_ok")).toBe("16384");
        expect(fields.get("cluster_known_nodes")).toBe("6");
        expect(fields.get("cluster_size")).toBe("3");
      }
      // All started with epoch 0: the collisions were resolved.
      const epochs = new Set<string | undefined>();
      for (const member of primaries) {
        epochs.add((await member.fields("cluster")).get("cluster_my_epoch"));
      }
      expect(epochs.size).toBe(3);
    },
    TIMEOUT_MS,
  );
});
