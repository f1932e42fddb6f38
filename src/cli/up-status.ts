/** The live line under a running cluster: what the nodes say of themselves, added up. */
import { RespClient } from "./resp-client.ts";

export interface NodeStatus {
  readonly role: "primary" | "replica";
  /** For a replica: its link to the primary is up. True for a primary. */
  readonly isLinked: boolean;
  readonly clusterState: string;
  readonly slotsOk: number;
  readonly keys: number;
  /** total_commands_processed: replicas' acknowledgements and this tool's own questions are in it. */
  readonly commandsProcessed: number;
  readonly replicasConnected: number;
  /** used_memory. */
  readonly memoryBytes: number;
}

/** What a node said, and how fast it works since it was asked before. */
export interface NodeReading extends NodeStatus {
  readonly operationsPerSecond: number;
}

export interface ClusterStatus {
  readonly nodeCount: number;
  readonly primaries: number;
  readonly replicas: number;
  /** Replicas that wait for their primary. */
  readonly unlinked: number;
  readonly down: number;
  /** `ok` when every node that answers says so. */
  readonly state: string;
  readonly slotsOk: number;
  /** Of primaries, like the operations: replicas repeat what their primaries do. */
  readonly keys: number;
  readonly operationsPerSecond: number;
  readonly memoryBytes: number;
}

/** What the texts of INFO and CLUSTER INFO say. */
export function readNodeStatus(info: string, clusterInfo: string): NodeStatus {
  const fields = parseFields(info);
  const cluster = parseFields(clusterInfo);
  const isReplica = fields.get("role") === "slave";
  let keys = 0;
  for (const [name, value] of fields) {
    if (/^db\d+$/.test(name)) keys += Number(/keys=(\d+)/.exec(value)?.[1] ?? 0);
  }
  return {
    role: isReplica ? "replica" : "primary",
    isLinked: !isReplica || fields.get("master_link_status") === "up",
    clusterState: cluster.get("cluster_state") ?? "unknown",
    slotsOk: Number(cluster.get("cluster_slots_ok") ?? 0),
    keys,
    commandsProcessed: Number(fields.get("total_commands_processed") ?? 0),
    replicasConnected: Number(fields.get("connected_slaves") ?? 0),
    memoryBytes: Number(fields.get("used_memory") ?? 0),
  };
}

function parseFields(text: string): Map<string, string> {
  const fields = new Map<string, string>();
  for (const line of text.split("\n")) {
    const colon = line.indexOf(":");
    if (colon > 0) fields.set(line.slice(0, colon), line.slice(colon + 1).trim());
  }
  return fields;
}

/** `undefined` stands for a node that does not answer. */
export function sumStatus(nodes: readonly (NodeReading | undefined)[]): ClusterStatus {
  const up = nodes.filter((node) => node !== undefined);
  const primaries = up.filter(({ role }) => role === "primary");
  const states = new Set(up.map(({ clusterState }) => clusterState));
  const [onlyState = "down"] = states;
  return {
    nodeCount: nodes.length,
    primaries: primaries.length,
    replicas: up.length - primaries.length,
    unlinked: up.filter(({ isLinked }) => !isLinked).length,
    down: nodes.length - up.length,
    state: states.size > 1 ? "in disagreement" : onlyState,
    slotsOk: up.length === 0 ? 0 : Math.min(...up.map(({ slotsOk }) => slotsOk)),
    keys: primaries.reduce((sum, { keys }) => sum + keys, 0),
    operationsPerSecond: primaries.reduce((sum, each) => sum + each.operationsPerSecond, 0),
    memoryBytes: up.reduce((sum, { memoryBytes }) => sum + memoryBytes, 0),
  };
}

/** What only changes when something happened: the part that is worth a line of its own. */
export function describeHealth(status: ClusterStatus): string {
  const { primaries, replicas, unlinked, down } = status;
  const lag = unlinked > 0 ? ` (${unlinked} not in sync)` : "";
  const loss = down > 0 ? `, ${down} down` : "";
  return (
    `cluster ${status.state} | ${primaries} primaries, ${replicas} replicas${lag}${loss}` +
    ` | ${status.slotsOk} slots`
  );
}

export function describeLoad(status: ClusterStatus): string {
  const { keys, operationsPerSecond, memoryBytes } = status;
  return `${keys} keys | ${operationsPerSecond} ops/s | ${megabytes(memoryBytes)}`;
}

function megabytes(bytes: number): string {
  return `${(bytes / (1024 * 1024)).toFixed(1)} MB`;
}

/** Commands that one reading itself adds to a node's count. */
const COMMANDS_PER_READING = 2;

/**
 * Commands of clients per second between two readings of a node: without what the reading costs and the one
 * REPLCONF ACK a second of each replica. Whole, at least 0.
 */
export function commandRate(before: NodeStatus, after: NodeStatus, elapsedMs: number): number {
  if (elapsedMs <= 0 || after.commandsProcessed < before.commandsProcessed) return 0;
  const seconds = elapsedMs / 1000;
  const own = COMMANDS_PER_READING + after.replicasConnected * seconds;
  return Math.max(
    0,
    Math.round((after.commandsProcessed - before.commandsProcessed - own) / seconds),
  );
}

/** Asks one node after its state, over a connection that it keeps. */
export class StatusProbe {
  readonly #host: string;
  readonly #port: number;
  readonly #timeoutMs: number;
  #client: RespClient | undefined;
  #last: { readonly status: NodeStatus; readonly at: number } | undefined;

  constructor(
    host: string,
    port: number,
    timeoutMs: number,
    private readonly password?: string | undefined,
  ) {
    this.#host = host;
    this.#port = port;
    this.#timeoutMs = timeoutMs;
  }

  /** Undefined when the node does not answer in time. */
  async read(): Promise<NodeReading | undefined> {
    try {
      if (this.#client?.isOpen !== true) {
        this.#client = await RespClient.connect({
          host: this.#host,
          port: this.#port,
          timeoutMs: this.#timeoutMs,
          password: this.password,
        });
      }
      const client = this.#client;
      const [info, clusterInfo] = await Promise.all([
        client.text("INFO"),
        client.text("CLUSTER", "INFO"),
      ]);
      const status = readNodeStatus(info, clusterInfo);
      const at = performance.now();
      const last = this.#last;
      const operationsPerSecond =
        last === undefined ? 0 : commandRate(last.status, status, at - last.at);
      this.#last = { status, at };
      return { ...status, operationsPerSecond };
    } catch {
      this.close();
      return undefined;
    }
  }

  close(): void {
    this.#client?.close();
    this.#client = undefined;
    this.#last = undefined;
  }
}
