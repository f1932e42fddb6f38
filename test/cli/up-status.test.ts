import { expect, test } from "bun:test";
import { StatusLine } from "../../src/cli/status-line.ts";
import {
  commandRate,
  describeHealth,
  describeLoad,
  type NodeReading,
  readNodeStatus,
  sumStatus,
} from "../../src/cli/up-status.ts";

const info = [
  "# Stats",
  "total_commands_processed:100",
  "# Replication",
  "role:master",
  "connected_slaves:1",
  "# Memory",
  "used_memory:2097152",
  "# Keyspace",
  "db0:keys=7,expires=0,avg_ttl=0",
  "db3:keys=2,expires=0,avg_ttl=0",
].join("\r\n");
const clusterInfo = "cluster_state:ok\r\ncluster_slots_ok:16384\r\n";

function reading(changes: Partial<NodeReading> = {}): NodeReading {
  return { ...readNodeStatus(info, clusterInfo), operationsPerSecond: 10, ...changes };
}

test("a node's own words are read", () => {
  expect(readNodeStatus(info, clusterInfo)).toEqual({
    role: "primary",
    isLinked: true,
    clusterState: "ok",
    slotsOk: 16384,
    keys: 9,
    commandsProcessed: 100,
    replicasConnected: 1,
    memoryBytes: 2097152,
  });
  const replica = readNodeStatus("role:slave\r\nmaster_link_status:down\r\n", clusterInfo);
  expect(replica).toMatchObject({ role: "replica", isLinked: false });
});

test("a whole cluster adds up; replicas repeat keys and commands", () => {
  const replica = reading({ role: "replica" });
  const status = sumStatus([reading(), reading(), reading(), replica, replica, replica]);
  expect(describeHealth(status)).toBe("cluster ok | 3 primaries, 3 replicas | 16384 slots");
  expect(describeLoad(status)).toBe("27 keys | 30 ops/s | 12.0 MB");
});

test("what is not well is said", () => {
  const lost = reading({ role: "replica", isLinked: false });
  expect(describeHealth(sumStatus([reading(), reading(), undefined, lost]))).toBe(
    "cluster ok | 2 primaries, 1 replicas (1 not in sync), 1 down | 16384 slots",
  );
  const failing = reading({ clusterState: "fail", slotsOk: 10923 });
  expect(describeHealth(sumStatus([reading(), failing]))).toContain("cluster in disagreement");
  expect(describeHealth(sumStatus([undefined]))).toBe(
    "cluster down | 0 primaries, 0 replicas, 1 down | 0 slots",
  );
});

test("the rate leaves out acknowledgements and the readings themselves", () => {
  expect(commandRate(reading(), reading({ commandsProcessed: 100 + 3 }), 1000)).toBe(0);
  expect(commandRate(reading(), reading({ commandsProcessed: 100 + 2004 }), 2000)).toBe(1000);
  expect(commandRate(reading(), reading({ commandsProcessed: 5 }), 1000)).toBe(0);
});

test("a terminal's line is rewritten and cut, other output gets lines", () => {
  let text = "";
  const write = (each: string): void => {
    text += each;
  };
  const line = new StatusLine(write, 5);
  line.set("abcdefgh");
  line.print("said\n");
  expect(text).toBe("\rabcd\x1b[K\r\x1b[Ksaid\n");
  text = "";
  new StatusLine(write, undefined).set("abcdefgh");
  expect(text).toBe("abcdefgh\n");
});
