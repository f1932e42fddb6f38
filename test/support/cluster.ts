/**
 * Clusters for scenarios: nodes of the built executable, of real `redis-server`, or of both, on 127.0.0.1
 * with a short node timeout. Waits poll with a deadline; nodes are ended by process id, and their directories
 * go with them.
 */
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { buildExecutable } from "../../build/executable.ts";
import { type NodeLine, parseClusterNodes } from "../../src/cli/cluster-nodes.ts";
import { freePorts } from "./ports.ts";
import { type Argument, type Reply, ReplyError, RespClient } from "./resp-client.ts";
import { startServer, type TestServer, until } from "./server.ts";

export type NodeKind = "atoll" | "redis";

/** Unless a scenario asks for another. */
export const NODE_TIMEOUT_MS = 1000;

const SLOT_COUNT = 16_384;
/** A node that was stopped must not hang the test that asks it. */
const CALL_TIMEOUT_MS = 5000;

/** Makes the servers that tests start the built executable, and builds it if a source is newer. */
export async function useExecutable(): Promise<string> {
  process.env["ATOLL_BINARY"] ??= await buildExecutable();
  return process.env["ATOLL_BINARY"];
}

/** One node: its process may end and start again; port, directory and arguments stay. */
export class ClusterMember {
  private server: TestServer | undefined;
  private client: RespClient | undefined;
  /** CLUSTER MYID, known once the node was asked. */
  id = "";

  constructor(
    readonly kind: NodeKind,
    readonly port: number,
    readonly directory: string,
    readonly args: readonly string[],
  ) {}

  get address(): string {
    return `127.0.0.1:${this.port}`;
  }

  get log(): string {
    return this.server?.log ?? "";
  }

  get pid(): number {
    return this.running.pid;
  }

  get isRunning(): boolean {
    const child = this.server?.process;
    return child !== undefined && child.exitCode === null && child.signalCode === null;
  }

  /** The process, running or ended. */
  get running(): TestServer {
    if (this.server === undefined) throw new Error(`node ${this.port} was never started`);
    return this.server;
  }

  async start(): Promise<void> {
    const { port, directory, args, kind } = this;
    this.dropConnection();
    this.server = await startServer({
      port,
      directory,
      args,
      cluster: true,
      real: kind === "redis",
    });
    if (this.id === "") this.id = String(await this.call("CLUSTER", "MYID"));
  }

  /** One command over a connection that is kept; connects again after a failure. */
  async call(...args: Argument[]): Promise<Reply> {
    if (this.client?.closed !== false) this.client = await RespClient.connect({ port: this.port });
    const { client } = this;
    try {
      return await within(
        client.call(...args),
        CALL_TIMEOUT_MS,
        `${args.join(" ")} at ${this.port}`,
      );
    } catch (reason) {
      client.close();
      this.client = undefined;
      throw reason;
    }
  }

  /** As `call`, and an error reply is thrown. */
  async must(...args: Argument[]): Promise<Reply> {
    const reply = await this.call(...args);
    if (reply instanceof ReplyError) {
      throw new Error(`${args.join(" ")} at ${this.port}: ${reply.message}`);
    }
    return reply;
  }

  /** A command without an answer: the process ends, or the connection does. */
  async tell(...args: Argument[]): Promise<void> {
    await this.call(...args).catch(() => null);
  }

  /** `field:value` lines of CLUSTER INFO or of a section of INFO. */
  async fields(section: "cluster" | "replication" | "server" | "clients" | "memory" | "stats") {
    const text = await (section === "cluster"
      ? this.must("CLUSTER", "INFO")
      : this.must("INFO", section));
    const lines = String(text).split("\r\n");
    return new Map(lines.map((line) => line.split(":", 2) as [string, string]));
  }

  async clusterNodes(): Promise<NodeLine[]> {
    return parseClusterNodes(String(await this.must("CLUSTER", "NODES")));
  }

  /** What this node thinks of another; undefined when it knows none of that ID. */
  async viewOf(other: ClusterMember): Promise<NodeLine | undefined> {
    return (await this.clusterNodes()).find((node) => node.id === other.id);
  }

  get nodesConf(): string {
    return readFileSync(join(this.directory, "nodes.conf"), "latin1");
  }

  /** SIGKILL and wait; no orderly end. */
  async kill(): Promise<void> {
    this.dropConnection();
    if (this.isRunning) await this.running.signal("SIGKILL");
  }

  /** Waits for an end that something else brings about. */
  async untilEnded(timeoutMs = 10_000): Promise<void> {
    this.dropConnection();
    await within(this.running.process.exited, timeoutMs, `the end of ${this.port}`);
  }

  pause(): void {
    this.running.process.kill("SIGSTOP");
  }

  resume(): void {
    this.running.process.kill("SIGCONT");
  }

  private dropConnection(): void {
    this.client?.close();
    this.client = undefined;
  }
}

export interface TestClusterOptions {
  readonly kinds: readonly NodeKind[];
  /** For every node, after the defaults. */
  readonly args?: readonly string[];
  readonly nodeTimeoutMs?: number;
}

export class TestCluster {
  private constructor(
    readonly members: readonly ClusterMember[],
    readonly nodeTimeoutMs: number,
    private readonly directory: string,
  ) {}

  /** Starts nodes that do not know each other yet. */
  static async start(options: TestClusterOptions): Promise<TestCluster> {
    await useExecutable();
    const { kinds, args = [], nodeTimeoutMs = NODE_TIMEOUT_MS } = options;
    const directory = mkdtempSync(join(tmpdir(), "atoll-cluster-"));
    const first = freePorts(kinds.length);
    const members = kinds.map((kind, index) => {
      const own = mkdtempSync(join(directory, `${index}-`));
      return new ClusterMember(kind, first + index, own, [
        ...["--bind", "127.0.0.1", "--cluster-node-timeout", String(nodeTimeoutMs)],
        ...["--repl-diskless-sync-delay", "0", "--save", ""],
        ...args,
      ]);
    });
    const cluster = new TestCluster(members, nodeTimeoutMs, directory);
    try {
      await Promise.all(members.map((member) => member.start()));
    } catch (reason) {
      await cluster.stop();
      throw reason;
    }
    return cluster;
  }

  /**
   * Forms a cluster by hand: the first `primaries` members share the slots; each later one replicates the
   * primary that `replicaOf` names (by default in turns). Answers once all agree and all data is in sync.
   */
  async form(primaries: number, replicaOf?: (index: number) => number): Promise<void> {
    const { members } = this;
    for (const [index, member] of members.entries()) {
      await member.must("CLUSTER", "SET-CONFIG-EPOCH", index + 1);
      if (index >= primaries) continue;
      const [start, end] = slotShare(index, primaries);
      await member.must("CLUSTER", "ADDSLOTSRANGE", start, end);
    }
    for (const member of members.slice(1)) {
      await this.member(0).must("CLUSTER", "MEET", "127.0.0.1", member.port);
    }
    await this.untilAllKnow(members.length);
    for (let index = primaries; index < members.length; index++) {
      const primary = this.member(replicaOf?.(index) ?? (index - primaries) % primaries);
      await this.member(index).must("CLUSTER", "REPLICATE", primary.id);
    }
    await this.untilOk();
  }

  member(index: number): ClusterMember {
    const member = this.members[index];
    if (member === undefined) throw new Error(`no member ${index}`);
    return member;
  }

  get runningMembers(): ClusterMember[] {
    return this.members.filter((member) => member.isRunning);
  }

  /** Until every running node knows so many, none in handshake. */
  async untilAllKnow(count: number): Promise<void> {
    await this.untilAll(`${count} known nodes`, async (member) => {
      const nodes = await member.clusterNodes();
      return nodes.length === count && !nodes.some(({ flags }) => flags.includes("handshake"));
    });
  }

  /** Until every running node says ok, sees the same owners, and every running replica is in sync. */
  async untilOk(timeoutMs = 20_000): Promise<void> {
    await this.untilAll(
      "cluster_state:ok",
      async (member) => (await member.fields("cluster")).get("cluster_state") === "ok",
      timeoutMs,
    );
    await this.untilAgreed(timeoutMs);
    await this.untilInSync(timeoutMs);
  }

  /** Until all running nodes tell the same of primaries, replicas and slots. */
  async untilAgreed(timeoutMs = 20_000): Promise<void> {
    let views: string[] = [];
    await until(
      async () => {
        views = await Promise.all(this.runningMembers.map((member) => layoutSeenBy(member)));
        return new Set(views).size === 1;
      },
      timeoutMs,
      () => `agreement; the views:\n${[...new Set(views)].join("\n--\n")}`,
    );
  }

  /** Until each running replica of a running primary has its link up. */
  async untilInSync(timeoutMs = 20_000): Promise<void> {
    await this.untilAll(
      "replicas in sync",
      async (member) => {
        const fields = await member.fields("replication");
        return fields.get("role") === "master" || fields.get("master_link_status") === "up";
      },
      timeoutMs,
    );
  }

  async untilAll(
    what: string,
    holds: (member: ClusterMember) => Promise<boolean>,
    timeoutMs = 20_000,
  ): Promise<void> {
    for (const member of this.runningMembers) {
      let last: unknown;
      await until(
        () =>
          holds(member).catch((reason) => {
            last = reason;
            return false;
          }),
        timeoutMs,
        () => `${what} at ${member.port} (${last ?? ""}); its log:\n${member.log}`,
      );
    }
  }

  /** Like a cluster client: follows MOVED and ASK from any running node, and waits while the cluster is down. */
  async follow(...args: Argument[]): Promise<Reply> {
    let target = this.runningMembers[0] as ClusterMember;
    let asking = false;
    const deadline = Date.now() + CALL_TIMEOUT_MS;
    for (let hop = 0; hop < 8; hop++) {
      if (asking) await target.must("ASKING");
      const reply = await target.call(...args);
      if (!(reply instanceof ReplyError)) return reply;
      if (/^(CLUSTERDOWN|TRYAGAIN) /.test(reply.message) && Date.now() < deadline) {
        await Bun.sleep(20);
        hop = -1;
        continue;
      }
      const redirect = /^(MOVED|ASK) \d+ .*:(\d+)$/.exec(reply.message);
      if (redirect === null) throw new Error(`${args.join(" ")}: ${reply.message}`);
      asking = redirect[1] === "ASK";
      const port = Number(redirect[2]);
      target = this.members.find((member) => member.port === port) ?? target;
    }
    throw new Error(`redirected in circles: ${args.join(" ")}`);
  }

  /** Ends all nodes by process id (stopped ones too) and removes their files. */
  async stop(): Promise<void> {
    for (const member of this.members) if (member.isRunning) member.resume();
    await Promise.all(this.members.map((member) => member.kill()));
    rmSync(this.directory, { recursive: true, force: true });
  }
}

/** First and last slot of one of so many equal parts. */
export function slotShare(index: number, parts: number): readonly [start: number, end: number] {
  const border = (part: number): number => Math.round((part * SLOT_COUNT) / parts);
  return [border(index), border(index + 1) - 1];
}

/** Roles, slots and who follows whom, in an order of its own: the same text at all nodes once they agree. */
async function layoutSeenBy(member: ClusterMember): Promise<string> {
  const nodes = await member.clusterNodes();
  const lines = nodes.map(({ id, flags, primaryId, slots }) => {
    const role = flags.filter((flag) => flag !== "myself").join(",");
    return `${id.slice(0, 8)} ${role} ${primaryId?.slice(0, 8)} ${JSON.stringify(slots)}`;
  });
  return lines.sort().join("\n");
}

/** Rejects when `promise` takes longer. */
export async function within<T>(promise: Promise<T>, timeoutMs: number, what: string): Promise<T> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`${what}: nothing in ${timeoutMs} ms`)), timeoutMs);
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}
