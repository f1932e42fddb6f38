/** The arguments of `atoll up`. */
import { isIP } from "node:net";
import { parseArgs } from "node:util";
import { planCluster } from "./create-plan.ts";

export interface UpOptions {
  readonly nodes: number;
  readonly replicas: number;
  /** Port of the first node; the others follow. */
  readonly port: number;
  readonly host: string;
  readonly directory: string;
  readonly nodeTimeoutMs: number;
  /** Added to the command line of every server. */
  readonly serverArguments: readonly string[];
  /** Names of the layout options that were given, as opposed to taken from the defaults. */
  readonly given: ReadonlySet<LayoutOption>;
}

/** What the nodes' files depend on. */
export type LayoutOption = "nodes" | "replicas" | "port" | "host";

export type UpArguments =
  | { readonly kind: "options"; readonly options: UpOptions }
  | { readonly kind: "help" }
  | { readonly kind: "error"; readonly reason: string };

/** The bus listens this much above the client port (cluster.h, CLUSTER_PORT_INCR). */
export const BUS_PORT_OFFSET = 10_000;

const PORT_MAX = 65_535;
const NODES_MAX = 100;
const REPLICAS_MAX = 10;
const NODE_TIMEOUT_MS_MAX = 600_000;

export const UP_HELP = `usage: atoll up [options] [-- server options]

Starts a cluster on this machine and stays attached to it; Ctrl-C stops every node.
Started again with the same directory, the same cluster comes back from its files.

  --nodes N            number of nodes (default 6)
  --replicas N         replicas of each primary (default 1)
  --port P             port of the first node, the others follow (default 7000);
                       the cluster bus uses the same ports + ${BUS_PORT_OFFSET}
  --host ADDRESS       IP address to listen on and to announce (default 127.0.0.1)
  --dir PATH           where the nodes keep their files (default ./atoll-data)
  --node-timeout MS    cluster-node-timeout (default 5000)
  --help               this text

What follows "--" goes to every server: atoll up -- --maxmemory 100mb
`;

const OPTIONS = {
  nodes: { type: "string" },
  replicas: { type: "string" },
  port: { type: "string" },
  host: { type: "string" },
  dir: { type: "string" },
  "node-timeout": { type: "string" },
  help: { type: "boolean", short: "h" },
} as const;

/** The password that the servers are given, where they are given one; the last one counts. */
export function passwordOf(serverArguments: readonly string[]): string | undefined {
  const at = serverArguments.lastIndexOf("--requirepass");
  return at < 0 ? undefined : serverArguments[at + 1];
}

/** With a password, replicas need it too: `masterauth`, unless it is given. */
export function withPrimaryPassword(serverArguments: readonly string[]): readonly string[] {
  const password = passwordOf(serverArguments);
  if (password === undefined || serverArguments.includes("--masterauth")) return serverArguments;
  return [...serverArguments, "--masterauth", password];
}

/** Whether the arguments make sense by themselves; the machine is looked at later. */
export function parseUpArguments(argv: readonly string[]): UpArguments {
  const split = argv.indexOf("--");
  const own = split < 0 ? argv : argv.slice(0, split);
  const serverArguments = split < 0 ? [] : argv.slice(split + 1);
  const unknown = unknownArgument(own);
  if (unknown !== undefined) return unknown;
  let values: ReturnType<typeof parseOwn>;
  try {
    values = parseOwn(own);
  } catch (error) {
    const [reason] = (error instanceof Error ? error.message : String(error)).split("\n");
    return failure(reason ?? "bad arguments");
  }
  if (values.help) return { kind: "help" };
  try {
    return check({
      nodes: whole("--nodes", values.nodes, 6, 1, NODES_MAX),
      replicas: whole("--replicas", values.replicas, 1, 0, REPLICAS_MAX),
      port: whole("--port", values.port, 7000, 1, PORT_MAX - BUS_PORT_OFFSET),
      host: address(values.host ?? "127.0.0.1"),
      directory: values.dir ?? "atoll-data",
      nodeTimeoutMs: whole("--node-timeout", values["node-timeout"], 5000, 1, NODE_TIMEOUT_MS_MAX),
      serverArguments: withPrimaryPassword(serverArguments),
      given: new Set(
        (["nodes", "replicas", "port", "host"] as const).filter(
          (name) => values[name] !== undefined,
        ),
      ),
    });
  } catch (error) {
    if (error instanceof BadArgument) return failure(error.message);
    throw error;
  }
}

/** Whether so many nodes with so many replicas, from this port on, can be a cluster; the reason when not. */
export function layoutProblem(
  layout: Pick<UpOptions, "nodes" | "replicas" | "port">,
): string | undefined {
  const planned = planCluster(layout.nodes, layout.replicas);
  if (!planned.ok) return planned.reason;
  const lastBusPort = layout.port + layout.nodes - 1 + BUS_PORT_OFFSET;
  if (lastBusPort > PORT_MAX) {
    return `${layout.nodes} nodes from port ${layout.port} on need bus ports up to ${lastBusPort}; the last port is ${PORT_MAX}`;
  }
  if (layout.nodes > BUS_PORT_OFFSET) return "too many nodes";
  return undefined;
}

class BadArgument extends Error {}

function failure(reason: string): UpArguments {
  return { kind: "error", reason };
}

function parseOwn(argv: readonly string[]) {
  return parseArgs({ args: [...argv], options: OPTIONS, strict: true, allowPositionals: false })
    .values;
}

/** parseArgs explains unknown options at length; one line is enough. */
function unknownArgument(argv: readonly string[]): UpArguments | undefined {
  for (const arg of argv) {
    if (!arg.startsWith("--")) continue;
    const [name = ""] = arg.slice(2).split("=", 1);
    if (!Object.hasOwn(OPTIONS, name)) return failure(`unknown option ${arg}; see atoll up --help`);
  }
  return undefined;
}

function whole(
  name: string,
  text: string | undefined,
  preset: number,
  min: number,
  max: number,
): number {
  if (text === undefined) return preset;
  const value = Number(text);
  if (!/^\d+$/.test(text) || value < min || value > max) {
    throw new BadArgument(`${name} takes a whole number from ${min} to ${max}, not "${text}"`);
  }
  return value;
}

function address(host: string): string {
  if (isIP(host) === 0) throw new BadArgument(`--host takes an IP address, not "${host}"`);
  if (host === "0.0.0.0" || host === "::") {
    throw new BadArgument(`--host takes an address that nodes and clients connect to, not ${host}`);
  }
  return host;
}

function check(options: UpOptions): UpArguments {
  const problem = layoutProblem(options);
  return problem === undefined ? { kind: "options", options } : failure(problem);
}
