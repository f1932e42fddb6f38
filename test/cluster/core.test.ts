/**
 * Single decisions of the core, told as short stories. Paragraphs are of the Redis Cluster
 * Specification.
 */
import { beforeEach, describe, expect, test } from "bun:test";
import { Prng } from "../../src/base/prng.ts";
import {
  type BusMessage,
  type GossipEntry,
  type MessageBody,
  MessageFlag,
  NodeFlag,
} from "../../src/cluster/bus-message.ts";
import { ClusterCore } from "../../src/cluster/core.ts";
import type { ClusterEffect, LinkId } from "../../src/cluster/effects.ts";
import type { AdminCommand, ClusterEvent } from "../../src/cluster/events.ts";
import type { NodeRecord } from "../../src/cluster/node-line.ts";
import type { ClusterConfig } from "../../src/cluster/nodes-conf.ts";
import { type ClusterOptions, defaultClusterOptions } from "../../src/cluster/options.ts";
import { addSlot } from "../../src/cluster/slot-bitmap.ts";

const me = "1".repeat(40);
const [a, b, c, replica, rival] = ["a", "b", "c", "d", "e"].map((digit) => digit.repeat(40)) as [
  string,
  string,
  string,
  string,
  string,
];

function slotsOf(...ranges: readonly (readonly [number, number])[]): Uint8Array {
  const slots = new Uint8Array(2048);
  for (const [first, last] of ranges) {
    for (let slot = first; slot <= last; slot++) addSlot(slots, slot);
  }
  return slots;
}

function record(id: string, changes: Partial<NodeRecord>): NodeRecord {
  return {
    id,
    ip: "10.0.0.1",
    port: 7000,
    busPort: 17_000,
    hostname: "",
    flags: NodeFlag.primary,
    primaryId: "",
    pingSentMs: 0,
    pongReceivedMs: 1,
    configEpoch: 0,
    connected: true,
    slots: new Uint8Array(2048),
    migrating: [],
    importing: [],
    ...changes,
  };
}

/** Three primaries, of which we are one; A has two replicas. */
function threePrimaries(): ClusterConfig {
  const nodes = [
    record(me, {
      flags: NodeFlag.myself | NodeFlag.primary,
      configEpoch: 1,
      slots: slotsOf([0, 99]),
    }),
    record(a, { configEpoch: 2, slots: slotsOf([100, 199]), port: 7001, busPort: 17_001 }),
    record(b, { configEpoch: 3, slots: slotsOf([200, 16_383]), port: 7002, busPort: 17_002 }),
    record(replica, { flags: NodeFlag.replica, primaryId: a, port: 7003, busPort: 17_003 }),
    record(rival, { flags: NodeFlag.replica, primaryId: a, port: 7004, busPort: 17_004 }),
  ];
  return { nodes, currentEpoch: 5, lastVoteEpoch: 0 };
}

class Teller {
  core!: ClusterCore;
  nowMs = 1_700_000_000_000;
  offset = 100;
  readonly links = new Map<string, LinkId>();
  private readonly inbound = new Map<string, LinkId>();

  constructor(config: ClusterConfig | null, options: Partial<ClusterOptions> = {}) {
    const prng = new Prng(3);
    const directives = { ...defaultClusterOptions, nodeTimeoutMs: 1000, ...options };
    this.core = new ClusterCore(
      { directives, config, nowMs: this.nowMs },
      { prng, makeNodeId: () => prng.hex(40) },
    );
  }

  /** Starts, connects all links. */
  connect(): this {
    this.handle({ kind: "start" });
    for (const effect of this.tick()) {
      if (effect.kind !== "openLink") continue;
      this.links.set(effect.nodeId, effect.linkId);
      const { linkId } = effect;
      this.handle({ kind: "linkOpened", linkId, localIp: "10.0.0.9", remoteIp: effect.ip });
    }
    return this;
  }

  handle(event: ClusterEvent): ClusterEffect[] {
    return this.core.handle(event, this.nowMs);
  }

  tick(): ClusterEffect[] {
    return this.handle({ kind: "tick" });
  }

  /** Ticks through so much time. */
  wait(durationMs: number): ClusterEffect[] {
    const effects: ClusterEffect[] = [];
    for (const endMs = this.nowMs + durationMs; this.nowMs < endMs; ) {
      this.nowMs += 100;
      effects.push(...this.tick());
    }
    return effects;
  }

  admin(command: AdminCommand): ClusterEffect[] {
    return this.handle({ kind: "admin", requestId: 1, command });
  }

  /** A message from a node, over the link that it opened to us. */
  hear(sender: string, body: MessageBody, changes: Partial<BusMessage> = {}): ClusterEffect[] {
    let linkId = this.inbound.get(sender);
    if (linkId === undefined) {
      linkId = -1 - this.inbound.size;
      this.inbound.set(sender, linkId);
      this.handle({ kind: "inboundOpened", linkId, localIp: "10.0.0.9", remoteIp: "10.0.0.1" });
    }
    return this.handle({ kind: "message", linkId, message: this.message(sender, body, changes) });
  }

  /** Its answer to our PING, over the link that we opened. */
  pong(sender: string, changes: Partial<BusMessage> = {}): ClusterEffect[] {
    const linkId = this.links.get(sender) ?? 0;
    const body = ping("pong");
    return this.handle({ kind: "message", linkId, message: this.message(sender, body, changes) });
  }

  private message(sender: string, body: MessageBody, changes: Partial<BusMessage>): BusMessage {
    const known = this.core.queries.config().nodes.find(({ id }) => id === sender);
    const shown =
      this.core.queries.config().nodes.find(({ id }) => id === known?.primaryId) ?? known;
    return {
      sender,
      currentEpoch: 5,
      configEpoch: shown?.configEpoch ?? 0,
      replicationOffset: 50,
      slots: shown?.slots ?? new Uint8Array(2048),
      primaryId: known?.primaryId ?? "",
      myIp: "",
      port: known?.port ?? 7009,
      plainPort: 0,
      busPort: known?.busPort ?? 17_009,
      flags: known?.flags ?? NodeFlag.primary,
      state: "ok",
      messageFlags: 0,
      body,
      ...changes,
    };
  }
}

function ping(type: "ping" | "pong" | "meet", gossip: readonly GossipEntry[] = []): MessageBody {
  return { type, gossip, extensions: {} };
}

function about(nodeId: string, flags: number): GossipEntry {
  const place = { ip: "10.0.0.1", port: 7001, busPort: 17_001, plainPort: 0 };
  return { nodeId, pingSentSeconds: 0, pongReceivedSeconds: 0, flags, ...place };
}

const kinds = (effects: readonly ClusterEffect[]): string[] =>
  effects
    .filter(({ kind }) => kind !== "log")
    .map((effect) => (effect.kind === "send" ? `send ${effect.message.body.type}` : effect.kind));

const logs = (effects: readonly ClusterEffect[]): string[] =>
  effects.flatMap((effect) =>
    effect.kind === "log" && effect.level !== "debug" ? [effect.text] : [],
  );

describe("start", () => {
  test("without nodes.conf: an ID is made up and saved before anything else", () => {
    const teller = new Teller(null);
    const effects = teller.handle({ kind: "start" });
    expect(kinds(effects)).toEqual(["saveConfig", "stateChanged", "slotsChanged"]);
    expect(logs(effects)).toEqual([
      `No cluster configuration found, I'm ${teller.core.queries.myId}`,
    ]);
  });

  test("with nodes.conf: nothing is written, all slots are told to the engine", () => {
    const effects = new Teller(threePrimaries()).handle({ kind: "start" });
    expect(kinds(effects)).toEqual(["stateChanged", "slotsChanged"]);
    expect(logs(effects)).toEqual([`Node configuration loaded, I'm ${me}`]);
    const told = effects.find((effect) => effect.kind === "slotsChanged");
    expect(told?.slots.length).toBe(16_384);
    expect(told?.slots.filter(({ owner }) => owner === "mine").length).toBe(100);
  });

  test("a primary takes writes only two seconds later", () => {
    const teller = new Teller(threePrimaries(), { nodeTimeoutMs: 10_000 }).connect();
    expect(logs(teller.wait(1900))).not.toContain("Cluster state changed: ok");
    expect(logs(teller.wait(200))).toContain("Cluster state changed: ok");
  });

  test("a primary that stood still takes no writes before it had time to hear of a successor", () => {
    const teller = new Teller(threePrimaries()).connect();
    const hearAll = (): void => {
      for (const id of [a, b, replica, rival]) teller.pong(id);
    };
    for (let i = 0; i < 30; i++) {
      teller.wait(100);
      hearAll();
    }
    expect(teller.core.queries.state).toBe("ok");
    teller.nowMs += 3000;
    expect(kinds(teller.handle({ kind: "stalled" }))).toEqual(["stateChanged"]);
    expect(teller.core.queries.state).toBe("fail");
    for (let i = 0; i < 9; i++) {
      teller.wait(100);
      hearAll();
    }
    expect(teller.core.queries.state).toBe("fail");
    teller.wait(200);
    expect(teller.core.queries.state).toBe("ok");
  });
});

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

describe("failure detection", () => {
  test("suspicion alone is no FAIL; a second primary's report makes it one", () => {
    const teller = new Teller(threePrimaries()).connect();
    for (const id of [b, replica, rival]) teller.pong(id);
    teller.wait(600);
    for (const id of [b, replica, rival]) teller.pong(id);
    teller.wait(600);
    for (const id of [b, replica, rival]) teller.pong(id);
    expect(teller.core.queries.nodes(false)).toContain(" master,fail? ");
    const effects = teller.hear(b, ping("ping", [about(a, NodeFlag.primary | NodeFlag.pfail)]));
    expect(logs(effects)).toEqual([
      `Node ${b} reported node ${a} as not reachable.`,
      `Marking node ${a} as failing (quorum reached).`,
    ]);
    expect(kinds(effects).slice(0, 2)).toEqual(["saveConfig", "send pong"]);
    expect(kinds(effects)).toContain("send fail");
  });

  test("a report older than two node timeouts does not count", () => {
    const teller = new Teller(threePrimaries()).connect();
    teller.hear(b, ping("ping", [about(a, NodeFlag.primary | NodeFlag.pfail)]));
    expect(teller.core.queries.countFailureReports(a)).toBe(1);
    teller.wait(2100);
    expect(teller.core.queries.countFailureReports(a)).toBe(0);
  });

  test("FAIL of a primary is taken back only after two node timeouts", () => {
    const teller = new Teller(threePrimaries()).connect();
    teller.hear(b, { type: "fail", nodeId: a });
    teller.nowMs += 1500;
    expect(logs(teller.pong(a))).toEqual([]);
    teller.nowMs += 600;
    expect(logs(teller.pong(a))).toEqual([
      `Clear FAIL state for node ${a}: is reachable again and nobody is serving its slots ` +
        "after some time.",
      "Cluster state changed: ok",
    ]);
  });

  test("FAIL of a replica is taken back at once; strangers' FAIL is ignored", () => {
    const teller = new Teller(threePrimaries()).connect();
    teller.hear(b, { type: "fail", nodeId: replica });
    expect(logs(teller.pong(replica))).toEqual([
      `Clear FAIL state for node ${replica}: replica is reachable again.`,
    ]);
    expect(logs(teller.hear(c, { type: "fail", nodeId: replica }))).toEqual([
      `Ignoring FAIL message from unknown node ${c} about ${replica}`,
    ]);
  });
});

describe("claims (Hash slots configuration propagation)", () => {
  test("the greater epoch wins; keys of lost slots are deleted", () => {
    const teller = new Teller(threePrimaries()).connect();
    const slots = slotsOf([50, 199]);
    const effects = teller.hear(a, ping("ping"), { configEpoch: 9, currentEpoch: 9, slots });
    expect(kinds(effects)).toEqual(["saveConfig", "deleteSlotKeys", "slotsChanged", "send pong"]);
    const deleted = effects.find((effect) => effect.kind === "deleteSlotKeys");
    expect(deleted?.slots).toEqual(Array.from({ length: 50 }, (_, i) => 50 + i));
  });

  test("the smaller epoch loses and is told so (UPDATE messages)", () => {
    const teller = new Teller(threePrimaries()).connect();
    const slots = slotsOf([100, 250]);
    const effects = teller.hear(a, ping("ping"), { slots });
    expect(kinds(effects)).toEqual(["send pong", "send update"]);
    const update = effects.find(
      (effect) => effect.kind === "send" && effect.message.body.type === "update",
    );
    const body = update?.kind === "send" ? update.message.body : null;
    expect(body?.type === "update" && [body.nodeId, body.configEpoch]).toEqual([b, 3]);
  });

  test("a primary that loses its last slot follows the new owner", () => {
    const teller = new Teller(threePrimaries()).connect();
    const slots = slotsOf([0, 199]);
    const effects = teller.hear(a, ping("ping"), { configEpoch: 9, slots });
    expect(logs(effects)).toEqual([
      `Configuration change detected. Reconfiguring myself as a replica of ${a}`,
      "Cluster state changed: ok",
    ]);
    expect(kinds(effects)).toEqual([
      "saveConfig",
      "replicate",
      "stateChanged",
      "slotsChanged",
      "send pong",
    ]);
    expect(teller.core.queries.primaryId).toBe(a);
  });

  test("a slot that we import changes hands by SETSLOT only", () => {
    const teller = new Teller(threePrimaries()).connect();
    teller.admin({ kind: "setSlot", slot: "150", action: ["IMPORTING", a], keysInSlot: 0 });
    teller.hear(b, ping("ping"), { configEpoch: 9, slots: slotsOf([150, 150], [200, 16_383]) });
    expect(teller.core.queries.endpointOfSlot(150, false)?.port).toBe(7001);
    const effects = teller.admin({
      kind: "setSlot",
      slot: "150",
      action: ["NODE", me],
      keysInSlot: 3,
    });
    expect(logs(effects)).toEqual([
      "New configEpoch set to 10",
      "configEpoch updated after importing slot 150",
    ]);
    // Everybody hears of it at once, and the client last.
    expect(kinds(effects).slice(0, 3)).toEqual(["saveConfig", "slotsChanged", "send pong"]);
    expect(kinds(effects).at(-1)).toBe("reply");
  });

  test("colliding epochs: the smaller ID moves on (configEpoch conflicts resolution)", () => {
    const teller = new Teller(threePrimaries()).connect();
    const effects = teller.hear(b, ping("ping"), { configEpoch: 3, currentEpoch: 5 });
    expect(logs(effects)).toEqual([]);
    const config = threePrimaries();
    (config.nodes[2] as NodeRecord).configEpoch = 1;
    const other = new Teller(config).connect();
    expect(logs(other.hear(b, ping("ping")))).toEqual([
      `WARNING: configEpoch collision with node ${b}. configEpoch set to 6`,
    ]);
  });

  test("a message in our own name changes nothing", () => {
    const teller = new Teller(threePrimaries()).connect();
    teller.hear(me, ping("ping"), { primaryId: a, configEpoch: 99, slots: slotsOf([0, 999]) });
    expect(teller.core.queries.isPrimary).toBe(true);
    expect(teller.core.queries.claim?.configEpoch).toBe(1);
  });

  test("keys found on disk: unowned slots become ours, others are shown as importing", () => {
    const teller = new Teller(null);
    teller.handle({ kind: "start" });
    expect(logs(teller.handle({ kind: "dataLoaded", slotsWithKeys: [7] }))).toEqual([
      "I have keys for unassigned slot 7. Taking responsibility for it.",
    ]);
    const owner = new Teller(threePrimaries()).connect();
    expect(logs(owner.handle({ kind: "dataLoaded", slotsWithKeys: [5, 150] }))).toEqual([
      "I have keys for slot 150, but the slot is assigned to another node. " +
        "Setting it to importing state.",
    ]);
    expect(owner.core.queries.slot(150).importingFrom).toBe(a);
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

describe("handshake (Nodes handshake)", () => {
  test("MEET, PONG, and the node has its name", () => {
    const teller = new Teller(null);
    teller.handle({ kind: "start" });
    teller.admin({ kind: "meet", ip: "10.0.0.1", port: "7001", busPort: null });
    const opened = teller.tick().find((effect) => effect.kind === "openLink");
    expect([opened?.ip, opened?.busPort]).toEqual(["10.0.0.1", 17_001]);
    const linkId = opened?.linkId ?? 0;
    const place = { localIp: "10.0.0.9", remoteIp: "10.0.0.1" };
    expect(kinds(teller.handle({ kind: "linkOpened", linkId, ...place }))).toEqual(["send meet"]);
    expect(teller.core.queries.config().nodes.length).toBe(1);
    teller.links.set(a, linkId);
    teller.pong(a);
    expect(teller.core.queries.config().nodes.map(({ id }) => id)).toContain(a);
  });

  test("a stranger's PING is answered, but the stranger is not taken in", () => {
    const teller = new Teller(null);
    teller.handle({ kind: "start" });
    expect(kinds(teller.hear(a, ping("ping")))).toContain("send pong");
    expect(teller.core.queries.nodes(false).split("\n").length).toBe(2);
    teller.hear(b, ping("meet"));
    expect(teller.core.queries.nodes(false)).toContain(" handshake ");
    expect(teller.core.queries.nodes(false)).toContain("10.0.0.9:6379@16379 myself,master");
  });

  test("nobody answers: the handshake is over after the timeout, at least a second", () => {
    const teller = new Teller(null, { nodeTimeoutMs: 300 });
    teller.handle({ kind: "start" });
    teller.admin({ kind: "meet", ip: "10.0.0.1", port: "7001", busPort: null });
    teller.wait(900);
    expect(teller.core.queries.nodes(false)).toContain(" handshake ");
    teller.wait(300);
    expect(teller.core.queries.nodes(false)).not.toContain(" handshake ");
  });

  test("another node at a peer's address: the peer is without address", () => {
    const teller = new Teller(threePrimaries()).connect();
    const linkId = teller.links.get(b) ?? 0;
    teller.links.set(c, linkId);
    expect(kinds(teller.pong(c))).toEqual(["saveConfig", "closeLink"]);
    expect(teller.core.queries.nodes(false)).toContain(`${b} :0@0 master,noaddr `);
  });
});

describe("links", () => {
  test("a link over its buffer limit is closed and counted", () => {
    const teller = new Teller(threePrimaries()).connect();
    const linkId = teller.links.get(a) ?? 0;
    const effects = teller.handle({ kind: "sendBufferExceeded", linkId, bytes: 2048 });
    expect(logs(effects)).toEqual([
      `Freeing cluster link(to node ${a}, used memory: 2048) due to exceeding send buffer memory limit.`,
    ]);
    expect(kinds(effects)).toEqual(["closeLink"]);
    expect(teller.core.queries.info()).toContain("total_cluster_links_buffer_limit_exceeded:1\r\n");
    expect(kinds(teller.tick())).toContain("openLink");
  });

  test("silence for half the node timeout: the link is made anew", () => {
    const teller = new Teller(threePrimaries(), { nodeTimeoutMs: 4000 }).connect();
    for (const id of [b, replica, rival]) teller.pong(id);
    const effects = teller.wait(4300);
    const linkId = teller.links.get(a) ?? 0;
    expect(effects).toContainEqual({ kind: "closeLink", linkId });
  });

  test("events of a link that is gone are ignored", () => {
    const teller = new Teller(threePrimaries()).connect();
    expect(teller.handle({ kind: "linkClosed", linkId: 999, reason: "x" })).toEqual([]);
    expect(teller.handle({ kind: "linkOpened", linkId: 999, localIp: "", remoteIp: "" })).toEqual(
      [],
    );
  });
});

describe("redirects", () => {
  test("by IP, host name or not at all", () => {
    const config = threePrimaries();
    (config.nodes[1] as NodeRecord).hostname = "a.example";
    const teller = new Teller(config).connect();
    const ask = (slot: number, preferredEndpointType: ClusterOptions["preferredEndpointType"]) => {
      const options = { ...defaultClusterOptions, preferredEndpointType };
      teller.handle({ kind: "configured", options });
      return teller.core.queries.endpointOfSlot(slot, false);
    };
    expect(ask(150, "ip")).toEqual({ host: "10.0.0.1", port: 7001 });
    expect(ask(150, "hostname")).toEqual({ host: "a.example", port: 7001 });
    expect(ask(250, "hostname")).toEqual({ host: "?", port: 7002 });
    expect(ask(150, "unknown-endpoint")).toEqual({ host: "", port: 7001 });
  });
});

describe("what the engine is told about slots", () => {
  test("only what changed, each move once", () => {
    const teller = new Teller(threePrimaries()).connect();
    const told = (command: AdminCommand): unknown =>
      teller.admin(command).find((effect) => effect.kind === "slotsChanged");
    const setSlot = (slot: string, ...action: string[]): AdminCommand => ({
      kind: "setSlot",
      slot,
      action,
      keysInSlot: 0,
    });
    const stable = { migratingTo: null, importingFrom: null };
    expect(told(setSlot("5", "MIGRATING", a))).toEqual({
      kind: "slotsChanged",
      slots: [{ slot: 5, owner: "mine", migratingTo: a, importingFrom: null }],
    });
    expect(told(setSlot("5", "MIGRATING", a))).toBeUndefined();
    expect(told(setSlot("150", "IMPORTING", a))).toEqual({
      kind: "slotsChanged",
      slots: [{ slot: 150, owner: "other", migratingTo: null, importingFrom: a }],
    });
    expect(told(setSlot("5", "STABLE"))).toEqual({
      kind: "slotsChanged",
      slots: [{ slot: 5, owner: "mine", ...stable }],
    });
    expect(told({ kind: "delSlots", slots: ["6"] })).toEqual({
      kind: "slotsChanged",
      slots: [{ slot: 6, owner: "none", ...stable }],
    });
  });
});
