/** Votes, elections and manual failovers, told as short stories. Paragraphs are of the Redis Cluster Specification. */
import { beforeEach, describe, expect, test } from "bun:test";
import { type BusMessage, MessageFlag, NodeFlag } from "../../src/cluster/bus-message.ts";
import type { ClusterEffect } from "../../src/cluster/effects.ts";
import type { ClusterOptions } from "../../src/cluster/options.ts";
import {
  a,
  b,
  c,
  kinds,
  logs,
  me,
  ping,
  record,
  replica,
  rival,
  slotsOf,
  Teller,
  threePrimaries,
} from "./core-support.ts";

describe("votes (Replica election and promotion)", () => {
  let teller: Teller;
  const request = (
    sender: string,
    currentEpoch: number,
    changes: Partial<BusMessage> = {},
  ): ClusterEffect[] =>
    teller.hear(sender, { type: "failoverAuthRequest" }, { currentEpoch, ...changes });

  beforeEach(() => {
    teller = new Teller(threePrimaries()).connect();
    teller.hear(b, { type: "fail", nodeId: a });
  });

  test("a vote is saved before it is sent", () => {
    const effects = request(replica, 6);
    expect(kinds(effects)).toEqual(["saveConfig", "send failoverAuthAck"]);
    const [saved] = effects;
    expect(saved?.kind === "saveConfig" && saved.config.lastVoteEpoch).toBe(6);
    expect(logs(effects)).toEqual([`Failover auth granted to ${replica} for epoch 6`]);
  });

  test("one vote in an epoch, after a restart too", () => {
    const [saved] = request(replica, 6);
    expect(logs(request(rival, 6))).toEqual([
      `Failover auth denied to ${rival}: already voted for epoch 6`,
    ]);
    teller = new Teller(saved?.kind === "saveConfig" ? saved.config : null).connect();
    expect(logs(request(rival, 6))).toEqual([
      `Failover auth denied to ${rival}: already voted for epoch 6`,
    ]);
  });

  test("refusals, each with its reason", () => {
    expect(logs(request(replica, 4))).toEqual([
      `Failover auth denied to ${replica}: reqEpoch (4) < curEpoch(5)`,
    ]);
    expect(logs(request(b, 6))).toEqual([`Failover auth denied to ${b}: it is a master node`]);
    const stale = request(replica, 7, { configEpoch: 1 });
    expect(logs(stale)).toEqual([
      `Failover auth denied to ${replica}: slot 100 epoch (2) > reqEpoch (1)`,
    ]);
    request(replica, 8);
    teller.nowMs += 500;
    expect(logs(request(rival, 9))).toEqual([
      `Failover auth denied to ${rival}: can't vote about this master before 1500 milliseconds`,
    ]);
  });

  test("a primary that is up is replaced only with FORCEACK", () => {
    teller = new Teller(threePrimaries()).connect();
    expect(logs(request(replica, 6))).toEqual([
      `Failover auth denied to ${replica}: its master is up`,
    ]);
    const forced = request(replica, 7, { messageFlags: MessageFlag.forceAck });
    expect(kinds(forced)).toEqual(["saveConfig", "send failoverAuthAck"]);
  });

  test("a replica and a primary without slots have no vote", () => {
    const config = threePrimaries();
    config.nodes[0] = record(me, { flags: NodeFlag.myself | NodeFlag.primary });
    teller = new Teller(config).connect();
    teller.hear(b, { type: "fail", nodeId: a });
    teller.hear(replica, ping("ping"));
    expect(kinds(request(replica, 6))).toEqual([]);
  });
});

describe("a replica", () => {
  /** We replicate A, beside `replica`. */
  function replicaOfA(options: Partial<ClusterOptions> = {}): Teller {
    const config = threePrimaries();
    config.nodes[0] = record(me, { flags: NodeFlag.myself | NodeFlag.replica, primaryId: a });
    config.nodes.push(
      record(c, { configEpoch: 1, slots: slotsOf([0, 99]), port: 7005, busPort: 17_005 }),
    );
    config.nodes.splice(4, 1);
    const teller = new Teller(config, options).connect();
    report(teller, teller.nowMs);
    return teller;
  }

  function report(teller: Teller, lastContactMs: number): ClusterEffect[] {
    const facts = { offset: teller.offset, lastContactMs, loading: false };
    return teller.handle({ kind: "replication", facts });
  }

  test("replicates as soon as it knows where", () => {
    const config = threePrimaries();
    config.nodes[0] = record(me, { flags: NodeFlag.myself | NodeFlag.replica, primaryId: a });
    const teller = new Teller(config);
    teller.handle({ kind: "start" });
    expect(teller.tick()).toContainEqual({
      kind: "replicate",
      primaryId: a,
      ip: "10.0.0.1",
      port: 7001,
    });
    expect(kinds(teller.tick())).not.toContain("replicate");
  });

  test("wins an election with two of three votes", () => {
    const teller = replicaOfA({ nodeTimeoutMs: 5000 });
    teller.hear(b, { type: "fail", nodeId: a });
    expect(logs(teller.wait(100))).toEqual([
      expect.stringMatching(
        /^Start of election delayed for \d+ milliseconds \(rank #0, offset 100\)\.$/,
      ),
    ]);
    const started = teller.wait(1000);
    expect(logs(started)).toContain("Starting a failover election for epoch 6.");
    expect(kinds(started).filter((kind) => kind === "send failoverAuthRequest").length).toBe(4);
    const vote = { type: "failoverAuthAck" } as const;
    expect(logs(teller.hear(replica, vote, { currentEpoch: 6 }))).toEqual([]);
    teller.hear(b, vote, { currentEpoch: 6 });
    const won = teller.hear(c, vote, { currentEpoch: 6 });
    expect(logs(won)).toEqual([
      "Failover election won: I'm the new master.",
      "configEpoch set to 6 after successful failover",
    ]);
    expect(kinds(won).slice(0, 4)).toEqual([
      "saveConfig",
      "becomePrimary",
      "slotsChanged",
      "send pong",
    ]);
    expect(teller.core.queries.claim?.slots).toEqual(slotsOf([100, 199]));
  });

  test("an older vote does not count", () => {
    const teller = replicaOfA();
    teller.hear(b, { type: "fail", nodeId: a });
    teller.wait(1100);
    const vote = { type: "failoverAuthAck" } as const;
    for (const id of [b, c]) teller.hear(id, vote, { currentEpoch: 5 });
    expect(teller.core.queries.isPrimary).toBe(false);
  });

  test("waits a second longer for each sibling with more data", () => {
    const teller = replicaOfA();
    teller.hear(replica, ping("ping"), { replicationOffset: 200 });
    teller.hear(b, { type: "fail", nodeId: a });
    const [line] = logs(teller.wait(100));
    expect(line).toMatch(/ \(rank #1, offset 100\)\.$/);
    const delay = Number(/\d+/.exec(line ?? "")?.[0]);
    expect(delay).toBeGreaterThanOrEqual(1500);
    expect(delay).toBeLessThan(2000);
  });

  test("with data that is too old it says why it does nothing", () => {
    const teller = replicaOfA({ replicaValidityFactor: 1, replicaPingPeriodMs: 1000 });
    report(teller, teller.nowMs - 60_000);
    teller.hear(b, { type: "fail", nodeId: a });
    const seen = [];
    for (let i = 0; i < 8; i++) {
      seen.push(...logs(teller.wait(1000)));
      for (const id of [b, c, replica]) teller.pong(id);
    }
    expect(seen.filter((text) => !text.startsWith("Cluster state"))).toEqual([
      "Currently unable to failover: Disconnected from master for longer than allowed. " +
        "Please check the 'cluster-replica-validity-factor' configuration option.",
    ]);
  });

  test("with cluster-replica-no-failover it stays a replica, and tells the others", () => {
    const teller = replicaOfA({ replicaNoFailover: true });
    teller.hear(b, { type: "fail", nodeId: a });
    expect(logs(teller.wait(3000)).filter((text) => text.includes("election"))).toEqual([]);
    expect(teller.core.queries.nodes(false)).toContain(" myself,slave,nofailover ");
  });

  test("manual failover: waits for all data of the paused primary", () => {
    const teller = replicaOfA();
    expect(kinds(teller.admin({ kind: "failover", mode: "normal" }))).toEqual([
      "send mfStart",
      "reply",
    ]);
    const paused = { messageFlags: MessageFlag.paused, replicationOffset: 150 };
    expect(logs(teller.hear(a, ping("ping"), paused))).toEqual([
      "Received replication offset for paused master manual failover: 150",
    ]);
    teller.offset = 150;
    expect(logs(report(teller, teller.nowMs))).toEqual([
      "All master replication stream processed, manual failover can start.",
      "Start of election delayed for 0 milliseconds (rank #0, offset 150).",
      "Starting a failover election for epoch 6.",
    ]);
  });

  test("of a replica: follows its primary's primary", () => {
    const teller = replicaOfA();
    const effects = [
      ...teller.hear(a, ping("ping"), {
        primaryId: b,
        slots: slotsOf([200, 16_383]),
        configEpoch: 3,
      }),
      ...teller.hear(b, ping("ping"), { slots: slotsOf([100, 16_383]), configEpoch: 7 }),
    ];
    expect(logs(effects)).toContain(
      `I'm a sub-replica! Reconfiguring myself as a replica of grandmaster ${b}`,
    );
    expect(teller.core.queries.primaryId).toBe(b);
  });
});

describe("a primary in a manual failover", () => {
  test("pauses writes, sends its offset, and goes on if nothing comes of it", () => {
    const teller = new Teller(threePrimaries()).connect();
    teller.hear(replica, ping("ping"), { primaryId: me });
    const effects = teller.hear(replica, { type: "mfStart" }, { primaryId: me });
    expect(kinds(effects)).toEqual(["pauseWrites", "send ping"]);
    expect(logs(effects)).toEqual([`Manual failover requested by replica ${replica}.`]);
    const sent = effects.find((effect) => effect.kind === "send");
    expect(sent?.message.messageFlags).toBe(MessageFlag.paused);
    const later = teller.wait(5200);
    expect(logs(later)).toContain("Manual failover timed out.");
    expect(kinds(later)).toContain("resumeWrites");
  });

  test("only its own replicas may ask", () => {
    const teller = new Teller(threePrimaries()).connect();
    teller.hear(replica, ping("ping"));
    expect(kinds(teller.hear(replica, { type: "mfStart" }))).toEqual([]);
  });
});
