/** The core against redis-server 7.0.15, in every role: as its replica, its primary, and between two. */
import { afterEach, expect, test } from "bun:test";
import { describeWithTools } from "../support/oracle.ts";
import type { RespClient } from "../support/resp-client.ts";
import { startServer, type TestServer, until } from "../support/server.ts";
import { TcpShell } from "./tcp-shell.ts";

const shells: TcpShell[] = [];
const servers: TestServer[] = [];

afterEach(async () => {
  for (const shell of shells.splice(0)) shell.stop();
  // By force: an orderly end would wait for replicas that are gone.
  for (const { process } of servers) process.kill("SIGKILL");
  await Promise.all(servers.splice(0).map((server) => server.stop()));
});

async function realServer(...args: string[]): Promise<{ port: number; client: RespClient }> {
  const server = await startServer({
    real: true,
    args: ["--bind", "127.0.0.1", "--repl-diskless-sync-delay", "0", ...args],
  });
  servers.push(server);
  return { port: server.port, client: await server.connect() };
}

function shell(...args: ConstructorParameters<typeof TcpShell>): TcpShell {
  const made = new TcpShell(...args);
  shells.push(made);
  return made;
}

async function field(client: RespClient, name: string): Promise<string> {
  const text = String(await client.must("INFO", "replication"));
  return new RegExp(`^${name}:(.*)\r$`, "m").exec(text)?.[1] ?? "(none)";
}

const replicaOf = (node: TcpShell, port: number): void =>
  node.handle({ kind: "setPrimary", host: "127.0.0.1", port });

/** Names of the fields of an INFO section, in order. */
const fieldNames = (info: string): string[] =>
  info
    .split("\r\n")
    .filter((line) => line !== "")
    .map((line) => line.split(":")[0] as string);

describeWithTools(["redis-server"], "replication with redis-server 7.0.15", () => {
  for (const diskless of ["yes", "no"]) {
    test(`as its replica (repl-diskless-sync ${diskless})`, async () => {
      const real = await realServer("--repl-diskless-sync", diskless);
      await real.client.must("SET", "before", "1");
      const node = shell();
      replicaOf(node, real.port);
      await until(() => node.core.linkUp);
      expect(Buffer.from(node.image).toString("latin1")).toMatch(/^REDIS0010.*before/s);

      await real.client.must("SET", "k", "v");
      await until(() => node.executed.includes("SET k v"));
      expect(await real.client.must("WAIT", 1, 2000)).toBe(1);
      expect(node.core.offset).toBe(Number(await field(real.client, "master_repl_offset")));
      expect(await field(real.client, "slave0")).toMatch(
        new RegExp(`^ip=127.0.0.1,port=${node.port},state=online,offset=\\d+,lag=[01]$`),
      );

      const executed = node.executed.length;
      node.breakUpstream();
      await until(() => !node.core.linkUp);
      await real.client.must("SET", "k", "w");
      await until(() => node.executed.length > executed);
      expect(node.executed.filter((text) => text.startsWith("SET"))).toEqual([
        "SET k v",
        "SET k w",
      ]);
      expect(await real.client.must("INFO", "stats")).toMatch(/sync_full:1\r\nsync_partial_ok:1/);
    }, 10_000);
  }

  for (const load of ["disabled", "swapdb"]) {
    test(`as its primary (repl-diskless-load ${load})`, async () => {
      const real = await realServer("--repl-diskless-load", load);
      const node = shell();
      await real.client.must("REPLICAOF", "127.0.0.1", node.port);
      await until(async () => (await field(real.client, "master_link_status")) === "up");
      node.write("SELECT", "0");
      node.write("SET", "k", "v");
      await until(async () => (await real.client.must("GET", "k")) === "v");
      node.handle({ kind: "requestAcks" });
      await until(() => node.core.acknowledgedReplicas(50) === 1);
      expect(node.core.infoReplication(Date.now())).toMatch(
        new RegExp(`slave0:ip=127.0.0.1,port=${real.port},state=online,offset=\\d+,lag=0\r\n`),
      );

      await real.client.must("CLIENT", "KILL", "TYPE", "master");
      node.write("SET", "k", "w");
      await until(async () => (await real.client.must("GET", "k")) === "w");
      expect(node.core.counters.full).toBe(1);
      expect(node.core.counters.partialOk).toBe(1);
    }, 10_000);
  }

  test("failover to it and back goes on without a full sync", async () => {
    const real = await realServer();
    const node = shell();
    await real.client.must("REPLICAOF", "127.0.0.1", node.port);
    await until(() => node.core.role().role === "master" && node.core.replicaCount === 1);
    node.write("SELECT", "0");
    node.write("SET", "k", "1");
    await until(async () => (await real.client.must("GET", "k")) === "1");

    await real.client.must("REPLICAOF", "NO", "ONE");
    replicaOf(node, real.port);
    await until(() => node.core.linkUp);
    await real.client.must("SET", "k", "2");
    await until(() => node.executed.includes("SET k 2"));
    expect(await real.client.must("INFO", "stats")).toMatch(/sync_full:0\r\nsync_partial_ok:1/);
    expect(node.core.replid).toBe(await field(real.client, "master_replid"));
    const mine = node.core.infoReplication(Date.now());

    await real.client.must("WAIT", 1, 2000);
    node.handle({ kind: "unsetPrimary" });
    await real.client.must("REPLICAOF", "127.0.0.1", node.port);
    await until(async () => (await field(real.client, "master_link_status")) === "up");
    node.write("SELECT", "0");
    node.write("SET", "k", "3");
    await until(async () => (await real.client.must("GET", "k")) === "3");
    // The one full sync and the one refused ID are its first: it offered its own history.
    expect(node.core.counters).toEqual({ full: 1, partialOk: 1, partialError: 1 });
    const theirs = String(await real.client.must("INFO", "replication"));
    expect(fieldNames(mine)).toEqual(fieldNames(theirs));
  }, 10_000);

  test("between two of them: the stream goes through byte for byte", async () => {
    const [top, bottom] = await Promise.all([realServer(), realServer()]);
    await top.client.must("SET", "before", "1");
    const node = shell();
    replicaOf(node, top.port);
    await until(() => node.core.linkUp);
    await bottom.client.must("REPLICAOF", "127.0.0.1", node.port);
    await until(async () => (await field(bottom.client, "master_link_status")) === "up");
    expect(await bottom.client.must("GET", "before")).toBe("1");
    for (let i = 0; i < 200; i++) await top.client.must("SET", `k${i}`, "x".repeat(200));
    await until(async () => (await bottom.client.must("EXISTS", "k199")) === 1);
    expect(await field(bottom.client, "master_replid")).toBe(
      await field(top.client, "master_replid"),
    );
    const offsets = async (): Promise<string[]> => [
      await field(top.client, "master_repl_offset"),
      String(node.core.offset),
      await field(bottom.client, "master_repl_offset"),
    ];
    await until(async () => new Set(await offsets()).size === 1);
  }, 10_000);
});
