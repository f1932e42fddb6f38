/**
 * Single decisions of the core, told as short stories. Paragraphs are of the Redis Cluster
 * Specification.
 */
import { describe, expect, test } from "bun:test";
import { NodeFlag } from "../../src/cluster/bus-message.ts";
import type { AdminCommand } from "../../src/cluster/events.ts";
import type { NodeRecord } from "../../src/cluster/node-line.ts";
import { type ClusterOptions, defaultClusterOptions } from "../../src/cluster/options.ts";
import {
  a,
  about,
  b,
  c,
  kinds,
  logs,
  me,
  ping,
  replica,
  rival,
  slotsOf,
  Teller,
  threePrimaries,
} from "./core-support.ts";

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
