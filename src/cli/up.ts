/**
 * `atoll up`: a whole cluster on this machine with one command. It starts one server process per node, forms the
 * cluster when the directory is new, and stays attached until it is told to stop; then every node stops too.
 */
import { relative } from "node:path";
import { checkCluster, createCluster, type Member, waitForOk } from "./create-cluster.ts";
import { planCluster } from "./create-plan.ts";
import { RespClient } from "./resp-client.ts";
import { StatusLine } from "./status-line.ts";
import {
  clearUnfinished,
  type Layout,
  nodeDirectory,
  portsOf,
  readLayout,
  saveRecord,
  writeLayout,
} from "./up-layout.ts";
import { busyPort, NodeProcess } from "./up-node.ts";
import { parseUpArguments, passwordOf, UP_HELP, type UpOptions } from "./up-options.ts";
import { describeHealth, describeLoad, StatusProbe, sumStatus } from "./up-status.ts";

/** What `atoll up` needs of the world around it; tests bring their own. */
export interface UpModules {
  /** The server's program, with the arguments that come before its configuration file. */
  readonly serverCommand: readonly string[];
  readonly write: (text: string) => void;
  readonly writeError: (text: string) => void;
  /** Width of the terminal; undefined when there is none. */
  readonly columns: number | undefined;
  /** Calls back when the user wants to stop: once for Ctrl-C, SIGTERM or SIGHUP, again for each repetition. */
  readonly onStop: (stop: () => void) => void;
  /** Calls back right before this process ends, whatever the reason. */
  readonly onExit: (leave: () => void) => void;
}

const READY_WITHIN_MS = 30_000;
const JOIN_WITHIN_MS = 60_000;
const OK_WITHIN_MS = 60_000;
const STOP_WITHIN_MS = 15_000;
const STATUS_EVERY_MS = 1_000;
const PROBE_TIMEOUT_MS = 2_000;

/** Exit code: 0 after a stop that was asked for, 1 when something is wrong, 130 when stopped before it was up. */
export async function up(
  argv: readonly string[],
  modules: UpModules = processModules(),
): Promise<number> {
  const parsed = parseUpArguments(argv);
  if (parsed.kind === "help") {
    modules.write(UP_HELP);
    return 0;
  }
  if (parsed.kind === "error") return fail(modules, parsed.reason);
  const { options } = parsed;
  const found = readLayout(options);
  if (!found.ok) return fail(modules, found.reason);
  const { directory, layout } = found;
  const busy = busyPort(layout.host, portsOf(layout), directory);
  if (busy !== undefined) return fail(modules, busy);

  try {
    if (found.isUnfinished) {
      modules.write("The last start did not get as far as a cluster: starting over.\n");
      clearUnfinished(directory);
    }
    if (!layout.formed) writeLayout(directory, layout, options.nodeTimeoutMs);
  } catch (error) {
    return fail(modules, `cannot write to ${directory}: ${messageOf(error)}`);
  }
  return await new Session(options, layout, directory, modules).run();
}

function fail(modules: UpModules, reason: string): number {
  modules.writeError(`atoll up: ${reason}\n`);
  return 1;
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** The same program as this one: the executable, or in development Bun with the source. */
function processModules(): UpModules {
  const isCompiled = Bun.main.startsWith("/$bunfs/");
  const { stdout } = process;
  return {
    serverCommand: [process.execPath, ...(isCompiled ? [] : [Bun.main]), "server"],
    write: (text) => void stdout.write(text),
    writeError: (text) => void process.stderr.write(text),
    columns: stdout.isTTY ? stdout.columns || 80 : undefined,
    onStop: (stop) => {
      for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.on(signal, stop);
      // Whoever read the output has gone.
      stdout.on("error", stop);
    },
    onExit: (leave) => process.on("exit", leave),
  };
}

/** From the first process started to the last one gone. */
class Session {
  readonly #options: UpOptions;
  readonly #layout: Layout;
  readonly #directory: string;
  readonly #modules: UpModules;
  readonly #line: StatusLine;
  readonly #nodes: NodeProcess[] = [];
  readonly #stopped = Promise.withResolvers<"stop">();
  #stopRequests = 0;

  constructor(options: UpOptions, layout: Layout, directory: string, modules: UpModules) {
    this.#options = options;
    this.#layout = layout;
    this.#directory = directory;
    this.#modules = modules;
    this.#line = new StatusLine(modules.write, modules.columns);
  }

  async run(): Promise<number> {
    this.#modules.onStop(() => this.#onStop());
    // Even when something unforeseen ends this process, no node is left behind.
    this.#modules.onExit(() => {
      for (const node of this.#nodes) node.signal("SIGTERM");
    });
    try {
      const outcome = await Promise.race([this.#bringUp(), this.#stopped.promise]);
      if (outcome === "stop") {
        await this.#stopAll();
        this.#line.print("Stopped before the cluster was up.\n");
        return 130;
      }
      this.#printHowToConnect();
      await this.#attend();
      await this.#stopAll();
      return 0;
    } catch (error) {
      await this.#stopAll();
      this.#line.clear();
      return fail(this.#modules, messageOf(error));
    }
  }

  #onStop(): void {
    this.#stopRequests += 1;
    this.#stopped.resolve("stop");
    // Whoever asks twice does not want to wait.
    if (this.#stopRequests > 1) for (const node of this.#nodes) node.signal("SIGKILL");
  }

  async #bringUp(): Promise<"up"> {
    const { host, port, nodes: count } = this.#layout;
    this.#line.print(`Starting ${count} nodes on ${host}:${port}-${port + count - 1}...\n`);
    for (const each of portsOf(this.#layout)) {
      const place = { host, port: each, directory: nodeDirectory(this.#directory, each) };
      const { serverCommand } = this.#modules;
      this.#nodes.push(NodeProcess.start(place, serverCommand, this.#options.serverArguments));
    }
    await Promise.all(this.#nodes.map((node) => node.ready(READY_WITHIN_MS)));
    const lost = Promise.race(this.#nodes.map((node) => this.#lossOf(node)));
    await Promise.race([this.#formOrRejoin(), lost]);
    return "up";
  }

  async #lossOf(node: NodeProcess): Promise<never> {
    const { how, lastLine } = await node.exited;
    const why = lastLine === "" ? "" : `: ${lastLine}`;
    throw new Error(`node ${node.name} died (${how})${why}; see ${node.logPath}`);
  }

  async #formOrRejoin(): Promise<void> {
    const members = await this.#connect();
    const print = (text: string): void => this.#line.print(text);
    try {
      if (this.#layout.formed) {
        this.#line.print("The nodes come back from their files; waiting for cluster_state:ok\n");
        const isOk = await waitForOk(members, OK_WITHIN_MS);
        await checkCluster(members, print);
        if (!isOk) this.#line.print("[WARNING] The cluster is not ok yet; see the status below.\n");
        return;
      }
      const planned = planCluster(this.#layout.nodes, this.#layout.replicas);
      if (!planned.ok) throw new Error(planned.reason);
      await createCluster(members, planned.plan, print, JOIN_WITHIN_MS);
      if (!(await waitForOk(members, OK_WITHIN_MS))) {
        throw new Error(`cluster_state is not ok within ${OK_WITHIN_MS / 1000} s`);
      }
      const { ok, problem } = await checkCluster(members, print);
      if (!ok) throw new Error(problem);
      saveRecord(this.#directory, { ...this.#layout, formed: true });
    } finally {
      for (const { client } of members) client.close();
    }
  }

  async #connect(): Promise<Member[]> {
    return await Promise.all(
      this.#nodes.map(async ({ place: { host, port } }) => ({
        host,
        port,
        client: await RespClient.connect({
          host,
          port,
          password: passwordOf(this.#options.serverArguments),
        }),
      })),
    );
  }

  #printHowToConnect(): void {
    const { host, port, nodes: count } = this.#layout;
    const target = host === "127.0.0.1" ? `-p ${port}` : `-h ${host} -p ${port}`;
    const shown = relative(process.cwd(), this.#directory);
    const directory = shown === "" || shown.startsWith("..") ? this.#directory : `./${shown}`;
    this.#line.print(
      [
        "",
        `Connect with     redis-cli -c ${target}`,
        `or any client    ${host}:${port} to ${host}:${port + count - 1}, in cluster mode`,
        `Files and logs   ${directory}/<port>/`,
        `Ctrl-C stops all ${count} nodes; the same command brings them back.`,
        "",
        "",
      ].join("\n"),
    );
  }

  /** Shows how the cluster is until the user stops it or no node is left. */
  async #attend(): Promise<void> {
    let isStopping = false;
    const stopping = this.#stopped.promise.then(() => {
      isStopping = true;
    });
    const password = passwordOf(this.#options.serverArguments);
    const probes = this.#nodes.map(
      ({ place }) => new StatusProbe(place.host, place.port, PROBE_TIMEOUT_MS, password),
    );
    for (const node of this.#nodes) {
      void node.exited.then(({ how }) => {
        if (isStopping) return;
        this.#line.print(
          `Node ${node.name} died (${how}) and is not restarted; its log is ${node.logPath}\n`,
        );
      });
    }
    let lastHealth = "";
    while (!isStopping) {
      const readings = await Promise.all(probes.map((probe) => probe.read()));
      if (isStopping) break;
      const status = sumStatus(readings);
      const health = describeHealth(status);
      if (this.#line.isTerminal || health !== lastHealth) {
        this.#line.set(`${health} | ${describeLoad(status)}`);
      }
      lastHealth = health;
      await Promise.race([Bun.sleep(STATUS_EVERY_MS), stopping]);
    }
    for (const probe of probes) probe.close();
  }

  /** SIGTERM lets a server save and say goodbye; what has not ended by then is killed. */
  async #stopAll(): Promise<void> {
    const running = this.#nodes.filter(({ exit }) => exit === undefined);
    if (running.length === 0) return;
    this.#line.print(`Stopping ${running.length} nodes...\n`);
    for (const node of running) node.signal("SIGTERM");
    const allGone = Promise.all(running.map(({ exited }) => exited)).then(() => true);
    const inTime = await Promise.race([allGone, Bun.sleep(STOP_WITHIN_MS).then(() => false)]);
    if (!inTime) {
      for (const node of running.filter(({ exit }) => exit === undefined)) {
        this.#line.print(
          `Node ${node.name} did not stop in ${STOP_WITHIN_MS / 1000} s and is killed.\n`,
        );
        node.signal("SIGKILL");
      }
      await allGone;
    }
    this.#line.print("All nodes are stopped.\n");
  }
}
