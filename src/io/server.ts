import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import { latin1Text } from "../base/bytes.ts";
import { Logger } from "../base/log.ts";
import { redisVersion } from "../base/version.ts";
import { CommandTable } from "../commands/table.ts";
import { parseCommandLine } from "../config/command-line.ts";
import { Configuration } from "../config/configuration.ts";
import { loadFailureText } from "../config/errors.ts";
import { loadConfiguration } from "../config/load.ts";
import { expandTitleTemplate } from "../config/title-template.ts";
import { Engine } from "../engine/engine.ts";
import { instantiate } from "../engine/instantiate.ts";
import { addHandlers } from "../node/call.ts";
import { ClusterRuntime } from "../node/cluster.ts";
import { clusterOptions } from "../node/cluster-options.ts";
import { clusterHandlers } from "../node/commands/cluster.ts";
import { connectionHandlers } from "../node/commands/connection.ts";
import { memoryHandlers } from "../node/commands/memory.ts";
import { pubSubHandlers } from "../node/commands/pubsub.ts";
import { serverHandlers } from "../node/commands/server.ts";
import { Node } from "../node/node.ts";
import { applySettings } from "../node/settings.ts";
import { Shutdown, type ShutdownRequest } from "../node/shutdown.ts";
import { banner } from "./banner.ts";
import { SystemClock } from "./clock.ts";
import { TcpClusterBus } from "./cluster-bus.ts";
import { ClusterFile } from "./cluster-file.ts";
import { type DataServices, openDataServices } from "./data.ts";
import { configEnvironment } from "./disk.ts";
import { type EventLoop, runtimeLoop } from "./event-loop.ts";
import { GarbageWatch } from "./garbage.ts";
import { Listener } from "./listener.ts";
import { fitClientsIntoLimit } from "./open-files.ts";
import { PolledLoop } from "./polled-loop.ts";
import {
  handleSignals,
  isDaemon,
  logWriter,
  nodeSystem,
  removeFile,
  setProcessTitle,
  startDaemon,
  writePidFile,
} from "./process.ts";

/** Where Redis puts the pid file of a daemon that was told no other place. */
const defaultPidFile = "/var/run/redis.pid";

export interface ServerOptions {
  /** Arguments as `redis-server` takes them, without the program's name. */
  readonly words: readonly string[];
  /** The engine's module. */
  readonly wasm: Uint8Array;
  /** The program's name, for `ps` and for hints. */
  readonly name: string;
}

/** A loaded configuration with what came about while loading it. */
interface Loaded {
  readonly configuration: Configuration;
  readonly commands: CommandTable;
  readonly configFile: string;
  readonly standardInput: string | undefined;
  readonly given: boolean;
}

/** Runs the server until it is told to stop. Answers an exit code only when it cannot start. */
export function serve(options: ServerOptions): number | undefined {
  const loaded = load(options);
  if (typeof loaded === "number") return loaded;
  const { configuration } = loaded;
  if (configuration.get("daemonize") && !isDaemon()) {
    startDaemon(loaded.standardInput);
    return 0;
  }
  return new Server(options, loaded).start();
}

/** The configuration from file, standard input and command line, or the exit code after saying why not. */
function load(options: ServerOptions): Loaded | number {
  const commands = new CommandTable();
  const environment = configEnvironment((name) => commands.lookup(name) !== undefined);
  const configuration = new Configuration({ directory: process.cwd() }, { environment });
  const line = parseCommandLine(options.words.map(toLatin1));
  const standardInput = line.readsStandardInput ? latin1Text(readFileSync(0)) : undefined;
  // `dir` changes the directory while the file is being read, so the path is made whole before.
  const configFile = line.path === undefined ? "" : resolve(line.path);
  const failure = loadConfiguration(configuration, {
    path: line.path,
    standardInput,
    options: line.options,
  });
  if (failure !== undefined) {
    const { sink, text } = loadFailureText(failure);
    if (sink === "stderr") process.stderr.write(Buffer.from(text, "latin1"));
    else startLogger(() => "").warning(text);
    return 1;
  }
  for (const { source, target } of configuration.fileOnly.renames) commands.rename(source, target);
  const given = options.words.length > 0;
  return { configuration, commands, configFile, standardInput, given };
}

/** Arguments come as text; directives hold bytes, one code unit each. */
function toLatin1(text: string): string {
  return Buffer.from(text, "utf8").toString("latin1");
}

function startLogger(path: () => string): Logger {
  return new Logger({ pid: process.pid }, { nowMs: () => Date.now(), write: logWriter(path) });
}

/** The composition of one running server. */
class Server {
  private readonly configuration: Configuration;
  private readonly log: Logger;
  private readonly node: Node;
  private readonly loop: EventLoop;
  private readonly listener: Listener;
  private readonly data: DataServices;
  private cluster: ClusterRuntime | undefined;
  private bus: TcpClusterBus | undefined;
  private pidFile = "";
  private ending = false;

  constructor(
    private readonly options: ServerOptions,
    private readonly loaded: Loaded,
  ) {
    const { configuration, commands, configFile } = loaded;
    this.configuration = configuration;
    // The path is made whole now: `dir` may change later.
    const logFile = configuration.get("logfile");
    const logPath = logFile === "" ? "" : resolve(logFile);
    this.log = startLogger(() => logPath);
    this.log.level = configuration.get("loglevel");
    this.sayStart();
    const random = crypto.getRandomValues(new Uint32Array(2));
    const engine = new Engine(
      {
        databases: configuration.get("databases"),
        seed: [random[0] as number, random[1] as number],
      },
      { wasm: instantiate(options.wasm) },
    );
    const polledLoop = PolledLoop.open();
    this.loop = polledLoop ?? runtimeLoop;
    const system = nodeSystem({ executable: process.execPath, configFile, loop: this.loop });
    const clock = new SystemClock();
    this.node = new Node({ engine, configuration, commands, log: this.log, clock, system });
    addHandlers(this.node, connectionHandlers);
    addHandlers(this.node, serverHandlers);
    addHandlers(this.node, memoryHandlers);
    addHandlers(this.node, pubSubHandlers);
    this.data = openDataServices(this.node);
    this.listener = new Listener(this.node, polledLoop);
  }

  start(): number | undefined {
    const { node, log } = this;
    applySettings(node);
    log.notice("monotonic clock: POSIX clock_gettime");
    if (!fitClientsIntoLimit(this.configuration, log)) return 1;
    if (!this.listener.open() || !this.openCluster()) return 1;
    this.sayBanner();
    this.writePid();
    this.setTitle();
    log.warning("Server initialized");
    this.watchConfiguration();
    node.shutdown = new Shutdown(node, {
      closeEverything: () => this.close(),
      exit: (code) => process.exit(code),
    });
    node.shutdown.save = (request) => this.data.persistence.saveAtEnd(request);
    handleSignals((signal) => this.onSignal(signal));
    // Before the program's own last handler, which ends the process: the log gets it too.
    process.prependListener("uncaughtException", (reason) => {
      log.warning(`=== ATOLL BUG REPORT === ${reason.stack ?? reason.message}`);
    });
    this.runCron();
    this.loadData();
    return undefined;
  }

  /** Clients may connect already and are told -LOADING; a file that does not load ends the process. */
  private loadData(): void {
    const { log, data } = this;
    data.persistence.load((fault, history) => {
      if (fault !== undefined) {
        for (const line of fault.lines) log.warning(line);
        process.exit(1);
      }
      if (this.cluster !== undefined && this.hasKeysBesideFirst()) {
        log.warning(
          "You can't have keys in a DB different than DB 0 when in Cluster mode. Exiting.",
        );
        process.exit(1);
      }
      data.replication.begin(history);
      this.cluster?.dataLoaded();
      this.sayReady();
    });
  }

  private hasKeysBesideFirst(): boolean {
    const { engine, configuration } = this.node;
    for (let index = 1; index < configuration.get("databases"); index++) {
      if (engine.keyCount(index) > 0) return true;
    }
    return false;
  }

  private sayReady(): void {
    const { configuration, log } = this;
    if (configuration.get("port") !== 0) log.notice("Ready to accept connections");
    const path = configuration.get("unixsocket");
    if (path !== "") log.notice(`The server is now ready to accept connections at ${path}`);
  }

  /** Takes this node's place in its cluster; false when it cannot (the reason is logged). */
  private openCluster(): boolean {
    const { node, configuration, log } = this;
    if (!configuration.get("cluster-enabled")) {
      addHandlers(node, clusterHandlers(undefined));
      return true;
    }
    const store = new ClusterFile(resolve(configuration.get("cluster-config-file")));
    const opened = store.open();
    if ("failure" in opened) {
      log.warning(opened.failure);
      return false;
    }
    const bus = new TcpClusterBus();
    const exit = (code: number): never => process.exit(code);
    const { replication } = this.data;
    const cluster = new ClusterRuntime(node, opened.config, { bus, store, replication, exit });
    const { busPort } = clusterOptions(configuration);
    if (busPort > 65535) {
      log.warning(
        "Redis port number too high for cluster mode, port number plus 10000 must be 65535 or less.",
      );
      return false;
    }
    const failure = bus.listen(configuration.get("bind"), busPort, cluster);
    if (failure !== undefined) {
      log.warning(`Could not create server TCP listening socket ${failure}`);
      log.warning(`Failed listening on port ${busPort} (cluster), aborting.`);
      return false;
    }
    this.cluster = cluster;
    this.bus = bus;
    node.cluster = cluster;
    addHandlers(node, clusterHandlers(cluster));
    cluster.start();
    return true;
  }

  private sayStart(): void {
    const { log, loaded, options } = this;
    log.warning("oO0OoO0OoO0Oo Redis is starting oO0OoO0OoO0Oo");
    log.warning(
      `Redis version=${redisVersion}, bits=64, commit=00000000, modified=0, pid=${process.pid}, ` +
        "just started",
    );
    if (loaded.given) log.warning("Configuration loaded");
    else {
      log.warning(
        "Warning: no config file specified, using the default config. In order to specify a config " +
          `file use ${options.name} /path/to/redis.conf`,
      );
    }
  }

  private sayBanner(): void {
    const { configuration, log } = this;
    const mode = configuration.get("cluster-enabled") ? "cluster" : "standalone";
    const port = configuration.get("port");
    const terminal = configuration.get("logfile") === "" && process.stdout.isTTY === true;
    if (terminal || configuration.get("always-show-logo")) {
      log.raw(banner({ mode, port, pid: process.pid }));
    } else {
      log.notice(`Running mode=${mode}, port=${port}.`);
    }
  }

  private writePid(): void {
    const { configuration, log } = this;
    const named = configuration.get("pidfile");
    if (named === "" && !configuration.get("daemonize")) return;
    this.pidFile = resolve(named === "" ? defaultPidFile : named);
    const failure = writePidFile(this.pidFile);
    if (failure !== undefined) log.warning(`Failed to write PID file: ${failure}`);
  }

  private setTitle(): void {
    const { configuration } = this;
    if (!configuration.get("set-proc-title")) return;
    const [address = "*"] = configuration.get("bind");
    const port = configuration.get("port");
    const title = expandTitleTemplate(configuration.get("proc-title-template"), {
      title: this.options.name,
      "listen-addr":
        port === 0 ? configuration.get("unixsocket") : `${address.replace(/^-/, "")}:${port}`,
      "server-mode": configuration.get("cluster-enabled") ? "[cluster]" : "",
      port: String(port),
      "tls-port": String(configuration.get("tls-port")),
      "config-file": this.loaded.configFile,
      unixsocket: configuration.get("unixsocket"),
    });
    if (title !== undefined) setProcessTitle(title);
  }

  /** What CONFIG SET changes outside the node. */
  private watchConfiguration(): void {
    const { configuration, listener } = this;
    configuration.onChange(["port"], () => {
      if (!listener.reopenTcp()) return "Unable to listen on this port. Check server logs.";
      this.setTitle();
      return undefined;
    });
    configuration.onChange(["bind"], () => {
      if (!listener.reopenTcp()) return "Failed to bind to specified addresses.";
      this.setTitle();
      return undefined;
    });
    configuration.onChange(["proc-title-template"], () => {
      this.setTitle();
      return undefined;
    });
  }

  private runCron(): void {
    const { cron, stats } = this.node;
    const garbage = new GarbageWatch(
      () => stats.connectionsReceived + stats.connectionsRejected + (this.bus?.openedCount ?? 0),
    );
    const tick = (): void => {
      cron.tick();
      garbage.check();
      this.loop.after(cron.intervalMs, tick);
    };
    this.loop.after(cron.intervalMs, tick);
  }

  private onSignal(signal: "SIGTERM" | "SIGINT"): void {
    this.log.warning(`Received ${signal} scheduling shutdown...`);
    const flags =
      signal === "SIGTERM"
        ? this.configuration.get("shutdown-on-sigterm")
        : this.configuration.get("shutdown-on-sigint");
    const request: ShutdownRequest = {
      save: flags.includes("nosave") ? "nosave" : flags.includes("save") ? "save" : "default",
      now: flags.includes("now"),
      force: flags.includes("force"),
    };
    this.node.shutdown?.begin(request);
  }

  private close(): void {
    if (this.ending) return;
    this.ending = true;
    if (this.pidFile !== "") {
      this.log.notice("Removing the pid file.");
      removeFile(this.pidFile);
    }
    this.listener.close();
  }
}
