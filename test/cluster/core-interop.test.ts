/**
 * The core as a member of a cluster of real redis-server nodes: each must take it for one of its
 * own.
 */
import { afterAll, expect, test } from "bun:test";
import { describeWithTools } from "../support/oracle.ts";
import { freePort } from "../support/ports.ts";
import type { RespClient } from "../support/resp-client.ts";
import { startServer, type TestServer, until } from "../support/server.ts";
import { BusShell } from "./bus-shell.ts";

const nodeTimeoutMs = 1000;

interface RealNode {
  readonly server: TestServer;
  readonly client: RespClient;
  readonly id: string;
}

async function startReal(hostname: string, port?: number, directory?: string): Promise<RealNode> {
  const server = await startServer({
    real: true,
    cluster: true,
    args: [
      "--cluster-node-timeout",
      String(nodeTimeoutMs),
      ...(hostname === "" ? [] : ["--cluster-announce-hostname", hostname]),
    ],
    ...(port === undefined ? {} : { port }),
    ...(directory === undefined ? {} : { directory }),
  });
  const client = await server.connect();
  return { server, client, id: String(await client.must("CLUSTER", "MYID")) };
}

const text = async (node: RealNode, what: string): Promise<string> =>
  String(await node.client.must("CLUSTER", what));

/** A node's line in another's CLUSTER NODES; "" when it is not there. */
function lineOf(nodes: string, id: string): string {
  return nodes.split("\n").find((line) => line.startsWith(id)) ?? "";
}

describeWithTools(["redis-server"], "a core among real nodes", () => {
  const reals: RealNode[] = [];
  const shells: BusShell[] = [];
  afterAll(async () => {
    for (const shell of shells) shell.stop();
    // The one that came back first: the one that was killed owns the directory.
    for (const { client, server } of reals.toReversed()) {
      client.close();
      await server.stop();
    }
  });

  test("joins, votes, is demoted, takes over in order, is elected", async () => {
    const [first, second, spare] = await Promise.all([
      startReal("one.example"),
      startReal(""),
      startReal("three.example"),
    ]);
    reals.push(first, second, spare);
    const options = { nodeTimeoutMs };
    const announceHostname = "atoll.example";
    const primary = new BusShell(freePort(), { ...options, announceHostname });
    const replica = new BusShell(freePort(), options);
    const deputy = new BusShell(freePort(), options);
    shells.push(primary, replica, deputy);

    await first.client.must("CLUSTER", "ADDSLOTSRANGE", "0", "5460");
    await second.client.must("CLUSTER", "ADDSLOTSRANGE", "5461", "10922");
    expect(primary.admin({ kind: "addSlotsRange", bounds: ["10923", "16383"] })).toBe("OK");
    await first.client.must("CLUSTER", "MEET", "127.0.0.1", second.server.port);
    await first.client.must("CLUSTER", "MEET", "127.0.0.1", portOf(primary));
    await first.client.must("CLUSTER", "MEET", "127.0.0.1", spare.server.port);
    const firstPort = String(first.server.port);
    const meet = { kind: "meet", ip: "127.0.0.1", port: firstPort, busPort: null } as const;
    expect([replica.admin(meet), deputy.admin(meet)]).toEqual(["OK", "OK"]);
    await until(async () => {
      const views = await Promise.all([first, second, spare].map((node) => text(node, "NODES")));
      views.push(...shells.map(({ core }) => core.queries.nodes(false)));
      return views.every((view) => view.split("\n").length === 7 && !/handshake|disc/.test(view));
    }, 15_000);

    await spare.client.must("CLUSTER", "REPLICATE", primary.id);
    expect(replica.admin({ kind: "replicate", nodeId: first.id, dbEmpty: true })).toBe("OK");
    expect(deputy.admin({ kind: "replicate", nodeId: second.id, dbEmpty: true })).toBe("OK");
    await until(async () => {
      const info = await Promise.all([first, second, spare].map((node) => text(node, "INFO")));
      info.push(...shells.map(({ core }) => core.queries.info()));
      return info.every((view) => view.includes("cluster_state:ok"));
    }, 15_000);
    await until(async () => {
      const view = await text(second, "NODES");
      return lineOf(view, replica.id).includes(` slave ${first.id} `);
    });
    // Equal but for the times, "myself" and the order.
    await until(
      async () => shape(await text(second, "NODES")) === shape(replica.core.queries.nodes(false)),
    );

    await first.client.must("PUBLISH", "news", "hello");
    await until(() => shells.every(({ published }) => published.includes("hello")));

    await spare.client.must("CLUSTER", "FAILOVER", "FORCE");
    await until(
      () => primary.core.queries.primaryId === spare.id,
      5000,
      () => primary.log.join("\n"),
    );
    await until(async () => {
      const view = await text(second, "NODES");
      return lineOf(view, primary.id).includes(` slave ${spare.id} `);
    });

    const info = String(await second.client.must("INFO", "replication"));
    deputy.offset = Number(/master_repl_offset:(\d+)/.exec(info)?.[1]);
    expect(deputy.admin({ kind: "failover", mode: "normal" })).toBe("OK");
    await until(
      () => deputy.core.queries.isPrimary,
      5000,
      () => deputy.log.join("\n"),
    );
    await until(async () => {
      const view = await text(second, "NODES");
      return lineOf(view, second.id).includes(` myself,slave ${deputy.id} `);
    });

    const { directory, port } = first.server;
    first.client.close();
    const killedMs = Date.now();
    await first.server.signal("SIGKILL");
    await until(
      () => replica.core.queries.isPrimary,
      10_000,
      () => replica.log.join("\n"),
    );
    expect(Date.now() - killedMs).toBeLessThan(nodeTimeoutMs + 2500);
    await until(async () =>
      / master - .* 0-5460$/.test(lineOf(await text(second, "NODES"), replica.id)),
    );
    await until(async () => (await text(second, "INFO")).includes("cluster_state:ok"));

    const back = await startReal("one.example", port, directory);
    reals.push(back);
    await until(async () => {
      const view = await text(back, "NODES");
      return lineOf(view, back.id).includes(` myself,slave ${replica.id} `);
    }, 10_000);
    expect(
      shells.flatMap(({ log }) => log).filter((line) => line.startsWith("undecodable")),
    ).toEqual([]);
  }, 60_000);
});

function portOf(shell: BusShell): number {
  return Number(shell.core.queries.shards()[0]?.nodes[0]?.find(([name]) => name === "port")?.[1]);
}

/** CLUSTER NODES without what differs from one observer to another. */
function shape(nodes: string): string {
  return nodes
    .trim()
    .split("\n")
    .map((line) => {
      const [id, address, flags, primary, , , epoch, link, ...slots] = line.split(" ");
      return [id, address, flags?.replace("myself,", ""), primary, epoch, link, ...slots].join(" ");
    })
    .sort()
    .join("\n");
}
