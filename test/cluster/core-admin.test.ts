/** CLUSTER's changes and questions, the core's answers beside those of a real redis-server. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { Prng } from "../../src/base/prng.ts";
import { ClusterCore } from "../../src/cluster/core.ts";
import type { AdminCommand, ClusterEvent } from "../../src/cluster/events.ts";
import { normalIp } from "../../src/cluster/ip.ts";
import { type ClusterOptions, defaultClusterOptions } from "../../src/cluster/options.ts";
import { describeWithTools } from "../support/oracle.ts";
import { ReplyError, type RespClient } from "../support/resp-client.ts";
import { startServer, type TestServer } from "../support/server.ts";

const nowMs = 1_700_000_000_000;

class Admin {
  readonly core: ClusterCore;
  private nextRequest = 1;

  constructor(options: Partial<ClusterOptions> = {}) {
    const prng = new Prng(7);
    const directives = { ...defaultClusterOptions, ...options };
    const makeNodeId = (): string => prng.hex(40);
    this.core = new ClusterCore({ directives, config: null, nowMs }, { prng, makeNodeId });
    this.core.handle({ kind: "start" }, nowMs);
  }

  run(command: AdminCommand): string {
    const requestId = this.nextRequest++;
    for (const effect of this.handle({ kind: "admin", requestId, command })) {
      if (effect.kind === "reply") return effect.reply.text;
    }
    return "no reply";
  }

  handle(event: ClusterEvent): ReturnType<ClusterCore["handle"]> {
    return this.core.handle(event, nowMs);
  }
}

const stranger = "0123456789012345678901234567890123456789";

/** CLUSTER arguments and the typed command that they become; ME stands for the node's own ID. */
const conversation: readonly (readonly [string, AdminCommand])[] = [
  ["FORGET x", { kind: "forget", nodeId: "x" }],
  [`FORGET ${stranger}`, { kind: "forget", nodeId: stranger }],
  ["FORGET ME", { kind: "forget", nodeId: "ME" }],
  [`REPLICATE ${stranger}`, { kind: "replicate", nodeId: stranger, dbEmpty: true }],
  ["REPLICATE ME", { kind: "replicate", nodeId: "ME", dbEmpty: true }],
  ["FAILOVER", { kind: "failover", mode: "normal" }],
  ["FAILOVER FORCE", { kind: "failover", mode: "force" }],
  ["FAILOVER TAKEOVER", { kind: "failover", mode: "takeover" }],
  ["ADDSLOTS 16384", { kind: "addSlots", slots: ["16384"] }],
  ["ADDSLOTS -1", { kind: "addSlots", slots: ["-1"] }],
  ["ADDSLOTS 01", { kind: "addSlots", slots: ["01"] }],
  ["ADDSLOTS 1 2 2", { kind: "addSlots", slots: ["1", "2", "2"] }],
  ["ADDSLOTS 1 2 2 x", { kind: "addSlots", slots: ["1", "2", "2", "x"] }],
  ["ADDSLOTS 1 2", { kind: "addSlots", slots: ["1", "2"] }],
  ["ADDSLOTS 3 2 x", { kind: "addSlots", slots: ["3", "2", "x"] }],
  ["ADDSLOTS 3 2", { kind: "addSlots", slots: ["3", "2"] }],
  ["DELSLOTS 1 5", { kind: "delSlots", slots: ["1", "5"] }],
  ["DELSLOTS 1 1", { kind: "delSlots", slots: ["1", "1"] }],
  ["DELSLOTS 1", { kind: "delSlots", slots: ["1"] }],
  ["ADDSLOTSRANGE 10 5", { kind: "addSlotsRange", bounds: ["10", "5"] }],
  ["ADDSLOTSRANGE 1 5", { kind: "addSlotsRange", bounds: ["1", "5"] }],
  ["ADDSLOTSRANGE 5 8 8 9", { kind: "addSlotsRange", bounds: ["5", "8", "8", "9"] }],
  ["ADDSLOTSRANGE 5 x", { kind: "addSlotsRange", bounds: ["5", "x"] }],
  ["ADDSLOTSRANGE 2 2 x 9", { kind: "addSlotsRange", bounds: ["2", "2", "x", "9"] }],
  ["ADDSLOTSRANGE 5 8 10 12", { kind: "addSlotsRange", bounds: ["5", "8", "10", "12"] }],
  ["DELSLOTSRANGE 5 9", { kind: "delSlotsRange", bounds: ["5", "9"] }],
  ["DELSLOTSRANGE 5 6 6 7", { kind: "delSlotsRange", bounds: ["5", "6", "6", "7"] }],
  ["DELSLOTSRANGE 5 6", { kind: "delSlotsRange", bounds: ["5", "6"] }],
  [`SETSLOT x STABLE`, { kind: "setSlot", slot: "x", action: ["STABLE"], keysInSlot: 0 }],
  ["SETSLOT 7 WHAT", { kind: "setSlot", slot: "7", action: ["WHAT"], keysInSlot: 0 }],
  ["SETSLOT 7 STABLE x", { kind: "setSlot", slot: "7", action: ["STABLE", "x"], keysInSlot: 0 }],
  ["SETSLOT 7 MIGRATING", { kind: "setSlot", slot: "7", action: ["MIGRATING"], keysInSlot: 0 }],
  [
    `SETSLOT 7 MIGRATING ${stranger}`,
    { kind: "setSlot", slot: "7", action: ["MIGRATING", stranger], keysInSlot: 0 },
  ],
  [
    `SETSLOT 99 MIGRATING ${stranger}`,
    { kind: "setSlot", slot: "99", action: ["MIGRATING", stranger], keysInSlot: 0 },
  ],
  [
    `SETSLOT 7 IMPORTING ${stranger}`,
    { kind: "setSlot", slot: "7", action: ["IMPORTING", stranger], keysInSlot: 0 },
  ],
  [
    `SETSLOT 99 IMPORTING ${stranger}`,
    { kind: "setSlot", slot: "99", action: ["importing", stranger], keysInSlot: 0 },
  ],
  [
    `SETSLOT 99 NODE ${stranger}`,
    { kind: "setSlot", slot: "99", action: ["NODE", stranger], keysInSlot: 0 },
  ],
  ["SETSLOT 99 NODE ME", { kind: "setSlot", slot: "99", action: ["NODE", "ME"], keysInSlot: 0 }],
  ["SETSLOT 7 STABLE", { kind: "setSlot", slot: "7", action: ["stable"], keysInSlot: 0 }],
  ["SET-CONFIG-EPOCH x", { kind: "setConfigEpoch", epoch: "x" }],
  ["SET-CONFIG-EPOCH -5", { kind: "setConfigEpoch", epoch: "-5" }],
  ["SET-CONFIG-EPOCH 5", { kind: "setConfigEpoch", epoch: "5" }],
  ["SET-CONFIG-EPOCH 6", { kind: "setConfigEpoch", epoch: "6" }],
  ["BUMPEPOCH", { kind: "bumpEpoch" }],
  ["SAVECONFIG", { kind: "saveConfig" }],
  ["MEET 1.2.3 7000", { kind: "meet", ip: "1.2.3", port: "7000", busPort: null }],
  ["MEET ::x 7000", { kind: "meet", ip: "::x", port: "7000", busPort: null }],
  ["MEET 127.0.0.1 x", { kind: "meet", ip: "127.0.0.1", port: "x", busPort: null }],
  ["MEET 127.0.0.1 0", { kind: "meet", ip: "127.0.0.1", port: "0", busPort: null }],
  ["MEET 127.0.0.1 60000", { kind: "meet", ip: "127.0.0.1", port: "60000", busPort: null }],
  ["MEET 127.0.0.1 7000 y", { kind: "meet", ip: "127.0.0.1", port: "7000", busPort: "y" }],
  ["MEET 127.0.0.1 7000 0", { kind: "meet", ip: "127.0.0.1", port: "7000", busPort: "0" }],
  ["FLUSHSLOTS", { kind: "flushSlots", dbEmpty: true }],
  ["ADDSLOTSRANGE 0 16383", { kind: "addSlotsRange", bounds: ["0", "16383"] }],
  ["SET-CONFIG-EPOCH 9", { kind: "setConfigEpoch", epoch: "9" }],
  ["RESET HARD", { kind: "reset", hard: true, dbEmpty: true }],
  ["BUMPEPOCH", { kind: "bumpEpoch" }],
  ["BUMPEPOCH", { kind: "bumpEpoch" }],
  ["RESET", { kind: "reset", hard: false, dbEmpty: true }],
];

describeWithTools(["redis-server"], "beside a real node", () => {
  let server: TestServer;
  let client: RespClient;
  beforeAll(async () => {
    server = await startServer({ real: true, cluster: true });
    client = await server.connect();
  });
  afterAll(async () => {
    client.close();
    await server.stop();
  });

  const ask = async (args: string): Promise<string> => {
    const reply = await client.call("CLUSTER", ...args.split(" "));
    return reply instanceof ReplyError ? reply.message : String(reply);
  };

  test("every change answers the same", async () => {
    const admin = new Admin();
    const realId = await ask("MYID");
    const transcript: string[] = [];
    const expected: string[] = [];
    let currentReal = realId;
    for (const [args, command] of conversation) {
      const ownId = admin.core.queries.myId;
      const own = admin.run(withOwnId(command, ownId));
      transcript.push(`${args}: ${own.replaceAll(ownId, "ME")}`);
      const real = await ask(args.replace(/\bME\b/, currentReal));
      expected.push(`${args}: ${real.replaceAll(currentReal, "ME")}`);
      currentReal = await ask("MYID");
    }
    expect(transcript).toEqual(expected);
  });

  test("with keys in the database", async () => {
    const admin = new Admin();
    await ask("RESET HARD");
    expect(admin.run({ kind: "addSlotsRange", bounds: ["0", "16383"] })).toBe("OK");
    await ask("ADDSLOTSRANGE 0 16383");
    // A new primary is writable after two seconds.
    for (let tries = 0; tries < 400 && (await client.call("SET", "key", "x")) !== "OK"; tries++) {
      await Bun.sleep(10);
    }
    expect(admin.run({ kind: "flushSlots", dbEmpty: false })).toBe(await ask("FLUSHSLOTS"));
    expect(admin.run({ kind: "reset", hard: false, dbEmpty: false })).toBe(await ask("RESET"));
  });

  test("questions about unknown nodes", async () => {
    const { queries } = new Admin().core;
    expect(queries.replicas(stranger, false)).toEqual({
      kind: "error",
      text: await ask(`REPLICAS ${stranger}`),
    });
    expect(queries.countFailureReports(stranger)).toEqual({
      kind: "error",
      text: await ask(`COUNT-FAILURE-REPORTS ${stranger}`),
    });
  });

  test("INFO and NODES have the same fields", async () => {
    const admin = new Admin({ port: server.port, busPort: server.port + 10_000 });
    await client.call("FLUSHALL");
    await ask("RESET HARD");
    await ask("ADDSLOTSRANGE 0 5");
    admin.run({ kind: "addSlotsRange", bounds: ["0", "5"] });
    const names = (info: string): string[] =>
      info.split("\r\n").map((line) => line.split(":")[0] ?? "");
    expect(names(admin.core.queries.info())).toEqual(names(await ask("INFO")));
    const own = admin.core.queries.nodes(false).replace(admin.core.queries.myId, "ME");
    expect(own).toBe((await ask("NODES")).replace(await ask("MYID"), "ME"));
  });

  test("SLOTS and SHARDS have the same shape", async () => {
    const admin = new Admin({ port: server.port, busPort: server.port + 10_000 });
    await ask("RESET HARD");
    await ask("ADDSLOTSRANGE 0 5 9 9");
    admin.run({ kind: "addSlotsRange", bounds: ["0", "5", "9", "9"] });
    const { queries } = admin.core;
    const id = await ask("MYID");
    const slots = queries
      .slots(false)
      .map(({ start, end, nodes }) => [
        start,
        end,
        ...nodes.map(({ endpoint, port, metadata }) => [endpoint, port, id, metadata.flat()]),
      ]);
    expect(slots as unknown).toEqual((await client.call("CLUSTER", "SLOTS")) as unknown);
    const shards = queries
      .shards()
      .map(({ slots: ranges, nodes }) => [
        "slots",
        ranges,
        "nodes",
        nodes.map((node) => node.flatMap(([name, value]) => [name, name === "id" ? id : value])),
      ]);
    expect(shards as unknown).toEqual((await client.call("CLUSTER", "SHARDS")) as unknown);
  });
});

function withOwnId(command: AdminCommand, id: string): AdminCommand {
  return JSON.parse(JSON.stringify(command).replaceAll('"ME"', `"${id}"`)) as AdminCommand;
}

test("addresses in inet_ntop's form", () => {
  const forms: readonly (readonly [string, string | null])[] = [
    ["127.0.0.1", "127.0.0.1"],
    ["127.0.0.01", null],
    ["256.0.0.1", null],
    ["::1", "::1"],
    ["::", "::"],
    ["0:0:0:0:0:0:0:1", "::1"],
    ["2001:DB8:0:0:1:0:0:1", "2001:db8::1:0:0:1"],
    ["2001:db8::", "2001:db8::"],
    ["::ffff:10.0.0.1", "::ffff:10.0.0.1"],
    ["::ffff:0a00:1", "::ffff:10.0.0.1"],
    ["1:2:3:4:5:6:7:8", "1:2:3:4:5:6:7:8"],
    ["1:2:3:4:5:6:7", null],
    ["1::2::3", null],
    ["localhost", null],
  ];
  for (const [text, normal] of forms) expect([text, normalIp(text)]).toEqual([text, normal]);
});
