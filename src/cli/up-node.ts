/** One server process of `atoll up`, and the checks of the machine before any is started. */
import { closeSync, openSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { RespClient } from "./resp-client.ts";
import { ReplyError } from "./resp-decode.ts";
import { nodeDirectory } from "./up-layout.ts";
import { BUS_PORT_OFFSET } from "./up-options.ts";

export interface NodePlace {
  readonly host: string;
  readonly port: number;
  /** The node's own, absolute. */
  readonly directory: string;
}

export interface NodeExit {
  /** `exit code 1` or `killed by SIGKILL`. */
  readonly how: string;
  /** The last line of the node's log that says something; empty without one. */
  readonly lastLine: string;
}

const LOG = "atoll.log";
const PID = "atoll.pid";
const READY_POLL_MS = 50;

/** The node's process. It has a session of its own, so that Ctrl-C in the terminal reaches `atoll up` alone. */
export class NodeProcess {
  readonly place: NodePlace;
  readonly pid: number;
  /** Resolves when the process has ended, however. */
  readonly exited: Promise<NodeExit>;
  #exit: NodeExit | undefined;
  readonly #child: Bun.Subprocess;

  private constructor(place: NodePlace, child: Bun.Subprocess) {
    this.place = place;
    this.pid = child.pid;
    this.#child = child;
    this.exited = child.exited.then((code) => {
      const how = child.signalCode === null ? `exit code ${code}` : `killed by ${child.signalCode}`;
      rmSync(join(place.directory, PID), { force: true });
      this.#exit = { how, lastLine: lastLogLine(place.directory) };
      return this.#exit;
    });
  }

  /** `command` is the server's program with the arguments that come before the configuration file. */
  static start(
    place: NodePlace,
    command: readonly string[],
    serverArguments: readonly string[],
  ): NodeProcess {
    const log = openSync(join(place.directory, LOG), "a");
    try {
      const child = Bun.spawn([...command, "redis.conf", ...serverArguments], {
        cwd: place.directory,
        detached: true,
        stdin: "ignore",
        stdout: log,
        stderr: log,
      });
      const node = new NodeProcess(place, child);
      writeFileSync(join(place.directory, PID), `${child.pid}\n`);
      return node;
    } finally {
      closeSync(log);
    }
  }

  get exit(): NodeExit | undefined {
    return this.#exit;
  }

  get name(): string {
    return `${this.place.host}:${this.place.port}`;
  }

  get logPath(): string {
    return join(this.place.directory, LOG);
  }

  signal(name: "SIGTERM" | "SIGKILL"): void {
    if (this.#exit === undefined) this.#child.kill(name);
  }

  /**
   * Waits until the node answers PING; throws when it ends, or answers nothing for `withinMs`. Loading its data
   * may take as long as it takes.
   */
  async ready(withinMs: number): Promise<void> {
    let deadline = Date.now() + withinMs;
    while (this.#exit === undefined) {
      const condition = await conditionOf(this.place.host, this.place.port);
      if (condition === "ready") return;
      if (condition === "loading") deadline = Date.now() + withinMs;
      if (Date.now() > deadline) {
        throw new Error(
          `node ${this.name} does not answer after ${Math.round(withinMs / 1000)} s; see ${this.logPath}`,
        );
      }
      await Promise.race([Bun.sleep(READY_POLL_MS), this.exited]);
    }
    const { how, lastLine } = this.#exit;
    const why = lastLine === "" ? "" : `: ${lastLine}`;
    throw new Error(`node ${this.name} stopped while starting (${how})${why}; see ${this.logPath}`);
  }
}

async function conditionOf(host: string, port: number): Promise<"ready" | "loading" | "silent"> {
  let client: RespClient | undefined;
  try {
    client = await RespClient.connect({ host, port, timeoutMs: 1000 });
    const reply = await client.send(["PING"]);
    // A node that asks for a password is up; one that still loads its data is not.
    return reply instanceof ReplyError && reply.code === "LOADING" ? "loading" : "ready";
  } catch {
    return "silent";
  } finally {
    client?.close();
  }
}

/** The first port that somebody else holds, with who it may be; undefined when all are free. */
export function busyPort(
  host: string,
  ports: readonly number[],
  directory: string,
): string | undefined {
  for (const port of [...ports, ...ports.map((each) => each + BUS_PORT_OFFSET)]) {
    const problem = listenProblem(host, port);
    if (problem === undefined) continue;
    const client = ports.includes(port) ? port : port - BUS_PORT_OFFSET;
    const what = port === client ? `port ${port}` : `port ${port} (cluster bus of ${client})`;
    if (problem !== "EADDRINUSE") return `cannot listen on ${host} ${what}: ${problem}`;
    const leftover = leftoverProcess(nodeDirectory(directory, client));
    return leftover === undefined
      ? `${what} on ${host} is in use; stop what listens there or choose another --port`
      : `${what} on ${host} is in use by process ${leftover}, a node of this directory: another atoll up runs, or left it behind`;
  }
  return undefined;
}

function listenProblem(host: string, port: number): string | undefined {
  try {
    const listener = Bun.listen({ hostname: host, port, exclusive: true, socket: { data() {} } });
    listener.stop(true);
    return undefined;
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    return code ?? message;
  }
}

/** Process id of a node that still runs in this directory, though its `atoll up` is gone. */
function leftoverProcess(directory: string): number | undefined {
  try {
    const pid = Number(readFileSync(join(directory, PID), "utf8"));
    if (!Number.isSafeInteger(pid) || pid <= 1) return undefined;
    const own = statSync(directory);
    const running = statSync(`/proc/${pid}/cwd`);
    return own.ino === running.ino && own.dev === running.dev ? pid : undefined;
  } catch {
    return undefined;
  }
}

const LOG_TAIL_BYTES = 8192;

/**
 * Prefers the last line that looks like an error: what follows it is often a mere goodbye. A complaint about the
 * configuration file goes over several lines, which belong together.
 */
function lastLogLine(directory: string): string {
  let text: string;
  try {
    const bytes = readFileSync(join(directory, LOG));
    text = bytes.toString("utf8", Math.max(0, bytes.length - LOG_TAIL_BYTES));
  } catch {
    return "";
  }
  return tellingLine(text);
}

/** The part of a server's log that says best why it ended, on one line. */
export function tellingLine(text: string): string {
  const lines = text
    .split("\n")
    .map((line) => line.trim())
    .filter((line) => /\w/.test(line));
  const config = lines.findLastIndex((line) => line.startsWith("*** FATAL CONFIG FILE ERROR"));
  if (config >= 0) return lines.slice(config + 1, config + 4).join(": ") || (lines[config] ?? "");
  const telling = lines.filter((line) =>
    /error|fatal|cannot|can't|could not|fail|panic/i.test(line),
  );
  return telling.at(-1) ?? lines.at(-1) ?? "";
}
