import { describe, expect, test } from "bun:test";
import { latin1, latin1Text } from "../../src/base/bytes.ts";
import { Prng } from "../../src/base/prng.ts";
import { NodeFlag } from "../../src/cluster/bus-message.ts";
import { type NodeRecord, nodeFlagsText, nodeLine } from "../../src/cluster/node-line.ts";
import {
  type ClusterConfig,
  parseClusterConfig,
  serializeClusterConfig,
} from "../../src/cluster/nodes-conf.ts";
import {
  addSlot,
  countSlots,
  emptySlots,
  hasSlot,
  removeSlot,
  slotRanges,
  slotRangesText,
} from "../../src/cluster/slot-bitmap.ts";
import { describeWithTools } from "../support/oracle.ts";
import { spawnServer, startServer } from "../support/server.ts";

const me = "1111111111111111111111111111111111111111";
const other = "2222222222222222222222222222222222222222";
const third = "3333333333333333333333333333333333333333";

/** As redis-server 7.0.15 writes it. */
const file = [
  `${me} 127.0.0.1:7000@17000,reef.example myself,master - 0 0 3 connected 0-99 101 [5->-${other}] [7-<-${third}]`,
  `${other} 127.0.0.1:7001@17001 slave ${me} 0 1700000000000 3 connected`,
  `${third} :0@0 master,fail,noaddr - 1700000000001 1700000000002 2 disconnected 200-16383`,
  "vars currentEpoch 6 lastVoteEpoch 5",
  "",
].join("\n");

function config(text: string): ClusterConfig {
  const parsed = parseClusterConfig(latin1(text));
  if ("reason" in parsed) throw new Error(`line ${parsed.line}: ${parsed.reason}`);
  return parsed.config;
}

function damage(text: string): string {
  const parsed = parseClusterConfig(latin1(text));
  return "reason" in parsed ? `${parsed.line}: ${parsed.reason}` : "loaded";
}

function text(value: ClusterConfig): string {
  return latin1Text(serializeClusterConfig(value));
}

function record(values: Partial<NodeRecord> = {}): NodeRecord {
  return {
    id: me,
    ip: "127.0.0.1",
    port: 7000,
    busPort: 17_000,
    hostname: "",
    flags: NodeFlag.myself | NodeFlag.primary,
    primaryId: "",
    pingSentMs: 0,
    pongReceivedMs: 0,
    configEpoch: 0,
    connected: true,
    slots: emptySlots(),
    migrating: [],
    importing: [],
    ...values,
  };
}

describe("reading", () => {
  test("every part of a file", () => {
    const { nodes, currentEpoch, lastVoteEpoch } = config(file);
    expect({ currentEpoch, lastVoteEpoch }).toEqual({ currentEpoch: 6, lastVoteEpoch: 5 });
    expect(nodes.map(({ id }) => id)).toEqual([me, other, third]);
    const [first, replica, lost] = nodes;
    expect(first).toMatchObject({ ip: "127.0.0.1", port: 7000, busPort: 17_000, primaryId: "" });
    expect(first).toMatchObject({ hostname: "reef.example", configEpoch: 3, connected: true });
    expect(first?.flags).toBe(NodeFlag.myself | NodeFlag.primary);
    expect(slotRanges(first?.slots ?? emptySlots())).toEqual([
      [0, 99],
      [101, 101],
    ]);
    expect(first?.migrating).toEqual([{ slot: 5, nodeId: other }]);
    expect(first?.importing).toEqual([{ slot: 7, nodeId: third }]);
    expect(replica).toMatchObject({ flags: NodeFlag.replica, primaryId: me, hostname: "" });
    expect(replica).toMatchObject({ pingSentMs: 0, pongReceivedMs: 1_700_000_000_000 });
    expect(lost).toMatchObject({ ip: "", port: 0, busPort: 0, connected: false });
    expect(lost?.flags).toBe(NodeFlag.primary | NodeFlag.fail | NodeFlag.noAddress);
    expect(text(config(file))).toBe(file);
  });

  test("IPv6, an address of old files, names in any case, blank lines, later versions' parts", () => {
    const loose = [
      `${me} 2001:db8::1:7000@17000 MYSELF,Master - 0 0 1 connected\r`,
      "",
      `${other} 10.0.0.2:7001 slave,nofailover ${me}  0 0 1 disconnected`,
      `${third} ::1:7002@17002,,tls-port=0,shard-id=${me} noflags - 0 0 0 disconnected`,
      "VARS lastVoteEpoch 1 unknown x currentepoch 2",
      "",
      "",
      "",
    ].join("\n");
    const { nodes, currentEpoch, lastVoteEpoch } = config(loose);
    expect({ currentEpoch, lastVoteEpoch }).toEqual({ currentEpoch: 2, lastVoteEpoch: 1 });
    expect(nodes[0]).toMatchObject({ ip: "2001:db8::1", port: 7000, busPort: 17_000 });
    expect(nodes[1]).toMatchObject({ ip: "10.0.0.2", port: 7001, busPort: 17_001 });
    expect(nodes[2]).toMatchObject({ ip: "::1", port: 7002, hostname: "", flags: 0 });
  });

  test("the current epoch is no less than a primary's", () => {
    const low = file.replace("currentEpoch 6", "currentEpoch 1");
    expect(config(low).currentEpoch).toBe(3);
  });

  const cases: [what: string, change: (lines: string[]) => void, answer: string][] = [
    ["an empty file", (lines) => lines.splice(0, 5, ""), "1: no node is marked myself"],
    ["a last line without its end", (lines) => lines.pop(), "4: the last line is cut off"],
    ["no vars line", (lines) => lines.splice(3, 1), "3: no vars line"],
    ["no myself", (lines) => lines.splice(0, 1), "3: no node is marked myself"],
    ["two of myself", replace(1, "slave", "myself,slave"), "2: two nodes are marked myself"],
    ["a node twice", replace(1, other, me), "2: a node named twice"],
    ["seven fields", replace(1, " 3 connected", " 3"), "2: 7 fields instead of at least 8"],
    ["an id too short", replace(0, "1".repeat(40), "1".repeat(39)), "1: a malformed node id"],
    ["an id of capitals", replace(0, "1".repeat(40), "A".repeat(40)), "1: a malformed node id"],
    ["a port of letters", replace(1, "7001", "70o1"), "2: a malformed address"],
    ["a port too high", replace(1, ":7001", ":70010"), "2: a port above 65535"],
    ["no port", replace(1, ":7001@17001", ""), "2: a malformed address"],
    ["an unknown flag", replace(1, "slave", "salve"), "2: an unknown node flag"],
    ["an empty flag", replace(0, "myself,", "myself,,"), "1: an unknown node flag"],
    ["two roles", replace(2, "master", "master,slave"), "3: a node that is master and slave"],
    ["a primary's id cut", replace(1, me, me.slice(1)), "2: a malformed id of the primary"],
    ["a negative time", replace(1, " 0 1700", " -1 1700"), "2: a malformed ping time"],
    ["a time of letters", replace(1, "1700000000000", "x"), "2: a malformed pong time"],
    ["an epoch too high", replace(2, " 2 dis", ` ${2 ** 53} dis`), "3: a malformed config epoch"],
    ["a link state", replace(1, "connected", "connecte"), "2: a malformed link state"],
    ["a slot too high", replace(0, " 101 ", " 16384 "), "1: a slot above 16383"],
    ["a negative slot", replace(0, " 101 ", " -101 "), "1: a malformed slot"],
    ["a range reversed", replace(0, "0-99", "99-0"), "1: a slot range that ends before it starts"],
    ["a slot twice", replace(0, " 101 ", " 99 "), "1: a slot named twice"],
    ["a slot of two", replace(2, "200-", "101-"), "3: slot 101 has two owners"],
    ["a move cut", replace(0, `${third}]`, third), "1: a malformed slot"],
    ["a move too high", replace(0, "[5->", "[16384->"), "1: a slot above 16383"],
    [
      "a move of another",
      replace(2, "200-16383", `[9->-${me}]`),
      "3: a moving slot of another node",
    ],
    ["a NUL", replace(1, "slave", "sl\0ve"), "2: a character that is not plain text"],
    ["a variable alone", replace(3, " 5", ""), "4: a variable without a value"],
    ["a vote of letters", replace(3, " 5", " five"), "4: a malformed lastVoteEpoch"],
    ["vars without votes", replace(3, " lastVoteEpoch 5", ""), "4: no lastVoteEpoch"],
    ["vars twice", (lines) => lines.splice(3, 0, lines[3] ?? ""), "5: a second vars line"],
  ];
  for (const [what, change, answer] of cases) {
    test(`damage: ${what}`, () => {
      const lines = file.split("\n");
      change(lines);
      expect(damage(lines.join("\n"))).toBe(answer);
    });
  }

  test("no cut of a file loads", () => {
    for (let length = 0; length < file.length; length++) {
      expect(damage(file.slice(0, length)), `${length} bytes`).not.toBe("loaded");
    }
  });

  test("20 000 mutated files never throw, and what loads goes round", () => {
    const seed = 4242;
    const random = new Prng(seed);
    const alphabet = "0123456789abcdef :@,-[]<>\n\t\r\0\"'\\myselfvarsMASTER\u00ff";
    for (let i = 0; i < 20_000; i++) {
      let mutant = file;
      for (let left = 1 + random.below(4); left > 0; left--) {
        const at = random.below(mutant.length + 1);
        const skip = random.chance(0.5) ? 1 : random.below(random.pick([4, 200]));
        const insert = random.chance(0.3)
          ? mutant.slice(random.below(mutant.length)).slice(0, random.below(60))
          : random.chance(0.8)
            ? (alphabet[random.below(alphabet.length)] ?? "")
            : "";
        mutant = mutant.slice(0, at) + insert + mutant.slice(at + skip);
      }
      const parsed = parseClusterConfig(latin1(mutant));
      if ("reason" in parsed) continue;
      const handshake = parsed.config.nodes.some(({ flags }) => flags & NodeFlag.handshake);
      if (!handshake && !Bun.deepEquals(config(text(parsed.config)), parsed.config)) {
        throw new Error(`seed ${seed}, file ${i} does not go round:\n${mutant}`);
      }
    }
  });
});

describe("writing", () => {
  test("nodes in handshake are left out", () => {
    const nodes = [record(), record({ id: other, flags: NodeFlag.handshake })];
    expect(text({ nodes, currentEpoch: 0, lastVoteEpoch: 0 })).toBe(
      `${me} 127.0.0.1:7000@17000 myself,master - 0 0 0 connected\n` +
        "vars currentEpoch 0 lastVoteEpoch 0\n",
    );
  });

  test("flags in Redis's order", () => {
    expect(nodeFlagsText(0)).toBe("noflags");
    expect(nodeFlagsText(NodeFlag.meet | NodeFlag.migrateTo)).toBe("noflags");
    expect(nodeFlagsText(1023)).toBe("myself,master,slave,fail?,fail,handshake,noaddr,nofailover");
  });

  test("moves by slot; one that goes both ways is migrating", () => {
    const migrating = [
      { slot: 900, nodeId: other },
      { slot: 7, nodeId: other },
    ];
    const importing = [
      { slot: 8, nodeId: third },
      { slot: 7, nodeId: third },
    ];
    expect(nodeLine(record({ migrating, importing }))).toBe(
      `${me} 127.0.0.1:7000@17000 myself,master - 0 0 0 connected ` +
        `[7->-${other}] [8-<-${third}] [900->-${other}]`,
    );
  });
});

test("slot bitmaps agree with a set", () => {
  const seed = 9;
  const random = new Prng(seed);
  for (let round = 0; round < 20; round++) {
    const slots = emptySlots();
    const model = new Set<number>();
    for (let i = 0; i < 200; i++) {
      const first = random.below(16_384);
      const last = Math.min(16_383, first + random.below(random.pick([1, 20, 2000])));
      const add = random.chance(0.6);
      for (let slot = first; slot <= last; slot++) {
        if (add) addSlot(slots, slot);
        else removeSlot(slots, slot);
        if (add) model.add(slot);
        else model.delete(slot);
      }
    }
    expect(countSlots(slots)).toBe(model.size);
    const listed = slotRanges(slots).flatMap(([first, last]) =>
      Array.from({ length: last - first + 1 }, (_, i) => first + i),
    );
    expect(listed, `seed ${seed}`).toEqual([...model].sort((left, right) => left - right));
    expect(hasSlot(slots, 16_383)).toBe(model.has(16_383));
  }
  expect(slotRangesText(emptySlots())).toBe("");
  expect(slotRangesText(emptySlots().fill(255))).toBe("0-16383");
});

describeWithTools(["redis-server"], "files of ours in redis-server", () => {
  test("are loaded and told again by CLUSTER NODES", async () => {
    const slots = emptySlots();
    for (let slot = 0; slot < 16_384; slot += slot < 50 ? 2 : 1) {
      if (slot !== 300) addSlot(slots, slot);
    }
    const migrating = [{ slot: 2, nodeId: third }];
    const importing = [{ slot: 3, nodeId: third }];
    const myself = record({ configEpoch: 4, slots, migrating, importing, hostname: "" });
    const nodes = [
      myself,
      record({ id: other, port: 1, busPort: 2, flags: NodeFlag.replica, primaryId: me }),
      record({ id: third, ip: "::1", port: 3, busPort: 4, flags: NodeFlag.primary }),
    ];
    nodes[1] = { ...record(nodes[1]), configEpoch: 4, connected: false, hostname: "b.example" };
    nodes[2] = { ...record(nodes[2]), configEpoch: 9, connected: false };
    const saved = serializeClusterConfig({ nodes, currentEpoch: 12, lastVoteEpoch: 11 });
    const first = await spawnServer({ real: true, cluster: true });
    await first.signal("SIGKILL");
    await Bun.write(`${first.directory}/nodes.conf`, saved);
    const { directory } = first;
    const server = await startServer({ real: true, cluster: true, directory });
    const client = await server.connect();
    const view = String(await client.must("CLUSTER", "NODES"))
      .trim()
      .split("\n");
    expect(String(await client.must("CLUSTER", "INFO"))).toContain("current_epoch:12\r\n");
    for (const node of nodes) {
      // Our own port is the server's; ping times start anew.
      const place = { port: server.port, busPort: server.port + 10_000 };
      const expected = nodeLine(node === myself ? { ...node, ...place, ip: "127.0.0.1" } : node);
      const line = view.find((candidate) => candidate.startsWith(node.id)) ?? "";
      const timeless = (whole: string): string =>
        whole.replace(/ \d+ \d+ (?=\d+ (?:dis)?conn)/, " ");
      expect(timeless(line)).toBe(timeless(expected));
    }
    await client.must("CLUSTER", "SAVECONFIG");
    client.close();
    await server.stop();
    const back = parseClusterConfig(await Bun.file(`${directory}/nodes.conf`).bytes());
    if ("reason" in back) throw new Error(back.reason);
    expect(back.config).toMatchObject({ currentEpoch: 12, lastVoteEpoch: 11 });
    expect(back.config.nodes.length).toBe(3);
    await first.stop();
  }, 15_000);

  test("a fresh node's own file goes round", async () => {
    const server = await startServer({ real: true, cluster: true });
    const bytes = await Bun.file(`${server.directory}/nodes.conf`).bytes();
    const text = latin1Text(bytes);
    await server.stop();
    expect(latin1Text(serializeClusterConfig(config(text)))).toBe(text);
    expect(text).toContain(" :0@0 myself,master - 0 0 0 connected\n");
  }, 15_000);
});

/** Changes the first `from` of a line. */
function replace(line: number, from: string, to: string): (lines: string[]) => void {
  return (lines) => {
    const before = lines[line] ?? "";
    if (!before.includes(from)) throw new Error(`line ${line} has no ${from}`);
    lines[line] = before.replace(from, to);
  };
}
