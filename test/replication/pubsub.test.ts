/** PUBLISH goes to the replicas in the stream, between servers of either kind. */
import { afterEach, expect, test } from "bun:test";
import { describeWithTools } from "../support/oracle.ts";
import type { Reply } from "../support/resp-client.ts";
import { follow, type Kind, Peers, settled } from "./pair.ts";

let peers = new Peers();

afterEach(async () => {
  await peers.stop();
  peers = new Peers();
});

const pairs: readonly (readonly [Kind, Kind])[] = [
  ["atoll", "atoll"],
  ["atoll", "redis"],
  ["redis", "atoll"],
];

describeWithTools(["redis-server"], "published messages and replicas", () => {
  for (const [upper, lower] of pairs) {
    test(`${upper} primary, ${lower} replica`, async () => {
      const primary = await peers.start(upper, ["--notify-keyspace-events", "KEA"]);
      const replica = await peers.start(lower, ["--notify-keyspace-events", "Egx$"]);
      await follow(replica, primary);
      await settled(primary, replica);
      const ear = await replica.server.connect({ binary: true });
      await ear.must("PSUBSCRIBE", "*");
      await ear.must("SSUBSCRIBE", "shard");
      const heard = async (): Promise<string> =>
        ((await ear.next()) as Reply[])
          .map((part) => Buffer.from(part as Uint8Array).toString("latin1"))
          .join(" ");
      const bytes = new Uint8Array([0, 255, 13, 10, 1]);
      expect(await primary.client.must("PUBLISH", "c", bytes)).toBe(0);
      expect(await heard()).toBe("pmessage * c \x00\xff\r\n\x01");
      expect(await primary.client.must("SPUBLISH", "shard", "m")).toBe(0);
      expect(await heard()).toBe("smessage shard m");
      // A replica tells of what it applies; what it publishes itself stays there.
      await primary.client.must("SET", "k", "v", "PX", 100_000);
      expect(await heard()).toBe("pmessage * __keyevent@0__:set k");
      expect(await heard()).toBe("pmessage * __keyevent@0__:expire k");
      const upperEar = await primary.server.connect();
      await upperEar.must("SUBSCRIBE", "c");
      expect(await replica.client.must("PUBLISH", "c", "below")).toBe(1);
      expect(await heard()).toBe("pmessage * c below");
      const replies = await primary.client.pipeline([
        ["MULTI"],
        ["SET", "k", "w"],
        ["PUBLISH", "c", "inside"],
        ["DEL", "k"],
        ["EXEC"],
        ["SELECT", "3"],
        ["PUBLISH", "c", "of 3"],
        ["SET", "k", "in 3"],
      ]);
      expect(replies[4]).toEqual(["OK", 1, 1]);
      expect([await heard(), await heard(), await heard(), await heard(), await heard()]).toEqual([
        "pmessage * __keyevent@0__:set k",
        "pmessage * c inside",
        "pmessage * __keyevent@0__:del k",
        "pmessage * c of 3",
        "pmessage * __keyevent@3__:set k",
      ]);
      expect(((await upperEar.next()) as Reply[])[2]).toBe("inside");
      await settled(primary, replica);
      ear.close();
      upperEar.close();
    }, 20_000);
  }
});
