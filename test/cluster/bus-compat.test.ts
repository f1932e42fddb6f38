/**
 * The bus codec against real nodes. One cluster of four is led through everything that makes them
 * speak; a peer made of our codec takes part. Whatever they say must decode, and encode again to
 * the same bytes; whatever we say must move them as Redis's own messages do.
 *
 * With ATOLL_UPDATE_FIXTURES=1 one message of each kind is written to the fixture file.
 */
import { afterAll, beforeAll, expect, test } from "bun:test";
import type { Socket } from "bun";
import { encodeMessage } from "../../src/cluster/bus-encode.ts";
import { type BusMessage, isPing, MessageFlag, NodeFlag } from "../../src/cluster/bus-message.ts";
import { nodeLine, parseNodeLine } from "../../src/cluster/node-line.ts";
import { parseClusterConfig, serializeClusterConfig } from "../../src/cluster/nodes-conf.ts";
import { addSlot, hasSlot, slotRangesText } from "../../src/cluster/slot-bitmap.ts";
import { describeWithTools } from "../support/oracle.ts";
import { startServer, type TestServer, until } from "../support/server.ts";
import { BusPeer, type Heard } from "./bus-peer.ts";
import { dumpFixtures, fixturePath } from "./fixtures.ts";

const peerId = "a70110000000000000000000000000000000beef";

describeWithTools(["redis-server"], "the bus, spoken with redis-server", () => {
  const nodes: TestServer[] = [];
  const ids: string[] = [];
  let peer: BusPeer;
  let link: Socket<never>;
  const kept = new Map<string, Uint8Array>();

  const call = async (node: number, ...args: (string | number)[]): Promise<string> => {
    const client = await server(node).connect();
    const reply = await client.must(...args);
    client.close();
    return String(reply);
  };
  const server = (node: number): TestServer => {
    const found = nodes[node];
    if (found === undefined) throw new Error(`no node ${node}`);
    return found;
  };
  const id = (node: number): string => ids[node] ?? "";
  const keep = (name: string, heard: Heard): Heard => {
    kept.set(name, heard.bytes);
    return heard;
  };
  const view = (node: number): Promise<string> => call(node, "CLUSTER", "NODES");
  const ping = (): void => peer.say(link, { type: "ping", gossip: [], extensions: {} });

  beforeAll(async () => {
    for (let i = 0; i < 4; i++) {
      const args = ["--cluster-node-timeout", "1000", "--cluster-require-full-coverage", "no"];
      args.push("--repl-diskless-sync-delay", "0", "--cluster-allow-replica-migration", "no");
      if (i === 0) args.push("--cluster-announce-hostname", "reef.atoll.example");
      nodes.push(await startServer({ real: true, cluster: true, args }));
      ids.push(await call(i, "CLUSTER", "MYID"));
    }
    // Slot 741 is that of "age".
    for (const [node, first] of [700, 800, 900].entries()) {
      await call(node, "CLUSTER", "SET-CONFIG-EPOCH", node + 1);
      await call(node, "CLUSTER", "ADDSLOTSRANGE", first, first + 99);
    }
    for (const node of [1, 2, 3]) {
      await call(0, "CLUSTER", "MEET", "127.0.0.1", server(node).port);
    }
    const everyoneKnows = async (): Promise<boolean> => {
      for (let node = 0; node < 4; node++) {
        const lines = (await view(node)).trim().split("\n");
        if (lines.length !== 4 || lines.some((line) => line.includes("handshake"))) return false;
      }
      return true;
    };
    await until(everyoneKnows, 10_000, () => "four nodes that know each other");
    await call(3, "CLUSTER", "REPLICATE", id(2));
    peer = await BusPeer.listen(peerId);
  }, 30_000);

  afterAll(async () => {
    peer?.close();
    await Promise.all(nodes.map((node) => node.stop()));
  });

  test("our MEET is answered, and every node takes us for one of its own", async () => {
    link = (await peer.connect(server(0).port + 10_000)) as unknown as Socket<never>;
    peer.say(link, { type: "meet", gossip: [], extensions: { hostname: "peer.atoll.example" } });
    const from0 = ({ sender }: { sender: string }): boolean => sender === id(0);
    const pong = keep("pong", await peer.hear("pong", from0));
    expect(pong.message.port).toBe(server(0).port);
    expect(pong.message.busPort).toBe(server(0).port + 10_000);
    expect(slotRangesText(pong.message.slots)).toBe("700-799");
    expect(pong.message.configEpoch).toBe(1);
    const known = async (): Promise<boolean> => {
      for (let node = 0; node < 4; node++) {
        if (!new RegExp(`${peerId} .* master .* connected`).test(await view(node))) return false;
      }
      return true;
    };
    await until(known, 10_000, () => "all four know us");
    // By now gossip and our PONGs have passed both ways: their pings carry all there is.
    peer.heard.length = 0;
    const full = keep(
      "ping",
      await peer.hear("ping", ({ sender, body }) => {
        return sender === id(0) && isPing(body) && body.gossip.length >= 2;
      }),
    );
    if (!isPing(full.message.body)) throw new Error("unreachable");
    expect(full.message.body.extensions).toEqual({ hostname: "reef.atoll.example" });
    expect(full.message.messageFlags).toBe(MessageFlag.extensions);
    for (const entry of full.message.body.gossip) {
      if (entry.nodeId === peerId) continue;
      const node = ids.indexOf(entry.nodeId);
      expect(node).toBeGreaterThan(0);
      expect(entry.ip).toBe("127.0.0.1");
      expect(entry.port).toBe(server(node).port);
      expect(entry.busPort).toBe(server(node).port + 10_000);
      expect(Math.abs(entry.pongReceivedSeconds - Date.now() / 1000)).toBeLessThan(30);
    }
    const line = (await view(0)).split("\n").find((text) => text.startsWith(peerId)) ?? "";
    expect(line).toContain(`127.0.0.1:${peer.header.port}@${peer.header.busPort}`);
  }, 25_000);

  test("the hostname that we announce is taken", async () => {
    peer.say(link, { type: "ping", gossip: [], extensions: { hostname: "peer.atoll.example" } });
    const named = async (): Promise<boolean> => (await view(0)).includes(",peer.atoll.example ");
    await until(named, 5000, () => "our hostname");
    ping();
    await until(
      async () => !(await named()),
      5000,
      () => "no hostname",
    );
  });

  test("gossip that we send introduces a node", async () => {
    const other = await BusPeer.listen("c0ffee0000000000000000000000000000000001");
    const gossip = {
      nodeId: other.header.sender,
      pingSentSeconds: 0,
      pongReceivedSeconds: Math.floor(Date.now() / 1000),
      ip: "127.0.0.1",
      port: other.header.port,
      busPort: other.header.busPort,
      flags: NodeFlag.primary,
      plainPort: 0,
    };
    peer.say(link, { type: "ping", gossip: [gossip], extensions: {} });
    await other.hear("ping", ({ sender }) => sender === id(0));
    other.close();
    expect(other.refused).toEqual([]);
  }, 10_000);

  test("CLUSTER MEET greets us with MEET", async () => {
    const other = await BusPeer.listen("c0ffee0000000000000000000000000000000002");
    const { port, busPort } = other.header;
    await call(0, "CLUSTER", "MEET", "127.0.0.1", port, busPort);
    keep("meet", await other.hear("meet", ({ sender }) => sender === id(0)));
    const known = async (): Promise<boolean> => (await view(0)).includes(other.header.sender);
    await until(known, 5000, () => "our PONG to be understood");
    other.close();
    expect(other.refused).toEqual([]);
  }, 10_000);

  test("PUBLISH and SPUBLISH arrive", async () => {
    await call(0, "PUBLISH", "news of the day", "\u00e9 hello");
    const published = keep("publish", await peer.hear("publish"));
    const text = new TextDecoder();
    if (published.message.body.type !== "publish") throw new Error("unreachable");
    expect(text.decode(published.message.body.channel)).toBe("news of the day");
    expect(text.decode(published.message.body.message)).toBe("\u00e9 hello");
    // Sharded messages go to the shard alone: say that we replicate node 0.
    peer.header.flags = NodeFlag.replica | NodeFlag.myself;
    peer.header.primaryId = id(0);
    ping();
    await until(
      async () => (await view(0)).includes(`slave ${id(0)}`),
      5000,
      () => "a replica",
    );
    await call(0, "SPUBLISH", "age", "42");
    const sharded = keep("publishShard", await peer.hear("publishShard"));
    if (sharded.message.body.type !== "publishShard") throw new Error("unreachable");
    expect(text.decode(sharded.message.body.channel)).toBe("age");
    expect(text.decode(sharded.message.body.message)).toBe("42");
  }, 10_000);

  test("our PUBLISH reaches their subscribers", async () => {
    const client = await server(0).connect();
    await client.must("SUBSCRIBE", "reef");
    const heard = client.next();
    const bytes = new TextEncoder();
    const body = { channel: bytes.encode("reef"), message: bytes.encode("tide") };
    peer.say(link, { type: "publish", ...body });
    expect(JSON.stringify(await heard)).toContain("tide");
    client.close();
  });

  test("our request for a vote with FORCEACK is granted", async () => {
    const { message } = await peer.hear("ping", ({ sender }) => sender === id(0));
    const currentEpoch = message.currentEpoch + 1;
    const slots = message.slots;
    const header = { currentEpoch, configEpoch: message.configEpoch, slots };
    peer.say(
      link,
      { type: "failoverAuthRequest" },
      { ...header, messageFlags: MessageFlag.forceAck },
    );
    const ack = keep("failoverAuthAck", await peer.hear("failoverAuthAck"));
    expect(ack.message.currentEpoch).toBe(currentEpoch);
  }, 10_000);

  test("a stale claim to a slot is answered with UPDATE", async () => {
    peer.header.flags = NodeFlag.primary | NodeFlag.myself;
    peer.header.primaryId = "";
    const slots = new Uint8Array(2048);
    addSlot(slots, 850);
    peer.say(link, { type: "ping", gossip: [], extensions: {} }, { slots });
    const { message } = keep("update", await peer.hear("update"));
    if (message.body.type !== "update") throw new Error("unreachable");
    expect(message.body.nodeId).toBe(id(1));
    expect(message.body.configEpoch).toBe(2);
    expect(slotRangesText(message.body.slots)).toBe("800-899");
    ping();
  }, 10_000);

  test("our UPDATE moves a slot", async () => {
    const slots = new Uint8Array(2048);
    addSlot(slots, 12_000);
    for (let slot = 800; slot < 900; slot++) addSlot(slots, slot);
    const { currentEpoch } = (await peer.hear("failoverAuthAck")).message;
    const body = { type: "update" as const, nodeId: id(1), configEpoch: currentEpoch, slots };
    peer.say(link, body, { currentEpoch });
    await until(
      async () => (await view(0)).includes("800-899 12000"),
      5000,
      () => "the slot",
    );
  });

  test("a manual failover begins with MFSTART to the primary", async () => {
    // Our PONG as a replica may still be on its way to node 3.
    const replicates = async (): Promise<boolean> => {
      const done = call(3, "CLUSTER", "REPLICATE", peerId).catch(() => "");
      return (await done) === "OK" && (await view(3)).includes(`myself,slave ${peerId}`);
    };
    await until(replicates, 5000, () => "node 3 to take us for a primary again");
    await call(3, "CLUSTER", "FAILOVER");
    const { message } = keep("mfStart", await peer.hear("mfStart"));
    expect(message.sender).toBe(id(3));
    expect(message.primaryId).toBe(peerId);
    await call(3, "CLUSTER", "REPLICATE", id(2));
    const synced = async (): Promise<boolean> =>
      (await call(3, "INFO", "replication")).includes("master_link_status:up");
    await until(synced, 10_000, () => "node 3 in step with node 2");
  }, 20_000);

  test("a dead primary brings FAIL and a request for votes", async () => {
    await server(2).signal("SIGKILL");
    // The short-lived peers of the tests above fail about now, too.
    const ofNode2 = ({ body }: BusMessage): boolean =>
      body.type === "fail" && body.nodeId === id(2);
    keep("fail", await peer.hear("fail", ofNode2));
    const request = keep("failoverAuthRequest", await peer.hear("failoverAuthRequest"));
    expect(request.message.sender).toBe(id(3));
    expect(request.message.primaryId).toBe(id(2));
    expect(hasSlot(request.message.slots, 900)).toBe(true);
    const gossiped = await peer.hear("ping", ({ body }) => {
      return isPing(body) && body.gossip.some(({ flags }) => (flags & NodeFlag.fail) !== 0);
    });
    keep("pingOfFailed", gossiped);
  }, 20_000);

  test("CLUSTER NODES reads and writes back to the same lines", async () => {
    await call(0, "CLUSTER", "SETSLOT", 701, "MIGRATING", id(1));
    await call(0, "CLUSTER", "SETSLOT", 870, "IMPORTING", id(1));
    await call(0, "CLUSTER", "SETSLOT", 799, "MIGRATING", id(1));
    for (const node of [0, 1, 3]) {
      for (const line of (await view(node)).trim().split("\n")) {
        const record = parseNodeLine(line.split(" "));
        if (typeof record === "string") throw new Error(`${record}: ${line}`);
        expect(nodeLine(record)).toBe(line);
      }
    }
  });

  test("nodes.conf reads and writes back to the same bytes", async () => {
    for (const node of [0, 1, 2, 3]) {
      const path = `${server(node).directory}/nodes.conf`;
      const bytes = await Bun.file(path).bytes();
      const parsed = parseClusterConfig(bytes);
      if ("reason" in parsed) throw new Error(`line ${parsed.line}: ${parsed.reason}`);
      const text = new TextDecoder().decode(serializeClusterConfig(parsed.config));
      expect(text).toBe(new TextDecoder().decode(bytes));
    }
  });

  test("all that was said decodes and encodes again to the same bytes", async () => {
    expect(peer.refused).toEqual([]);
    expect(peer.heard.length).toBeGreaterThan(20);
    for (const { bytes, message } of peer.heard) {
      expect(Buffer.compare(encodeMessage(message), bytes)).toBe(0);
    }
    if (process.env["ATOLL_UPDATE_FIXTURES"]) await Bun.write(fixturePath, dumpFixtures(kept));
  });
});
