/** The process as the operating system sees it: title, pid file, daemon, signals, usage. */

import { randomBytes } from "node:crypto";
import { closeSync, openSync, readFileSync, unlinkSync, writeFileSync, writeSync } from "node:fs";
import { arch, release, totalmem, type } from "node:os";
import { latin1 } from "../base/bytes.ts";
import { processTitleBytesMax } from "../base/limits.ts";
import type { NodeSystem, ProcessUsage } from "../node/node.ts";
import { replaceFile, systemErrorText } from "./disk.ts";
import type { EventLoop } from "./event-loop.ts";
import { loadReleaseMemory, type ReleaseMemory } from "./release-memory.ts";
import { LoopTurnMeter } from "./turn-meter.ts";

/** Set in the environment of the process that `daemonize` started. */
const daemonMark = "ATOLL_DAEMON";

export function nodeSystem(options: {
  readonly executable: string;
  readonly configFile: string;
  readonly loop: EventLoop;
}): NodeSystem {
  const { loop } = options;
  return {
    pid: process.pid,
    executable: options.executable,
    configFile: options.configFile,
    operatingSystem: `${type()} ${release()} ${machineName()}`,
    randomHex: (length) =>
      randomBytes(Math.ceil(length / 2))
        .toString("hex")
        .slice(0, length),
    sleepSync: (milliseconds) => Bun.sleepSync(milliseconds),
    signalSelf: (signal) => process.kill(process.pid, signal),
    usage: processUsage,
    replaceFile: (path, text) => replaceFile(path, latin1(text)),
    soon: (action) => loop.soon(action),
    after: (milliseconds, action) => loop.after(milliseconds, action),
    releaseMemory: lazyRelease(),
    turnMeter: new LoopTurnMeter(loop),
  };
}

/** The C library is loaded when there is something to give back for the first time. */
function lazyRelease(): ReleaseMemory {
  let loaded: ReleaseMemory | undefined;
  let tried = false;
  return (memory, address, length) => {
    if (!tried) loaded = loadReleaseMemory();
    tried = true;
    return loaded?.(memory, address, length) ?? false;
  };
}

function machineName(): string {
  return { x64: "x86_64", arm64: "aarch64" }[arch() as string] ?? arch();
}

function processUsage(): ProcessUsage {
  const whole = process.cpuUsage();
  const main = mainThreadTicks();
  return {
    residentBytes: process.memoryUsage.rss(),
    totalMemoryBytes: totalmem(),
    userSeconds: whole.user / 1e6,
    systemSeconds: whole.system / 1e6,
    mainUserSeconds: main.user / 100,
    mainSystemSeconds: main.system / 100,
  };
}

/** CPU time of the main thread in clock ticks of 10 ms (proc(5), fields 14 and 15). */
function mainThreadTicks(): { user: number; system: number } {
  try {
    const fields = statFields(`/proc/self/task/${process.pid}/stat`);
    return { user: Number(fields[14 - 3]), system: Number(fields[15 - 3]) };
  } catch {
    return { user: 0, system: 0 };
  }
}

/** The fields of a stat file from the third on; the second may hold blanks. */
function statFields(path: string): string[] {
  const text = readFileSync(path, "latin1");
  return text.slice(text.lastIndexOf(")") + 2).split(" ");
}

/**
 * Sets what `ps -o args` shows, as setproctitle does: by writing over the process's own arguments. They
 * lie from arg_start to arg_end, the environment right behind; a title longer than the arguments may run
 * on into the environment when the arguments' last byte is not zero (the kernel's get_mm_cmdline).
 * Best effort: without /proc, or when it is not allowed, nothing happens.
 */
export function setProcessTitle(title: string): void {
  try {
    const fields = statFields("/proc/self/stat");
    const [argStart = 0, argEnd = 0, envStart = 0, envEnd = 0] = fields.slice(48 - 3).map(Number);
    const argLength = argEnd - argStart;
    if (argLength <= 1) return;
    const room = (envStart === argEnd ? envEnd : argEnd) - argStart;
    const text = Buffer.from(title.slice(0, Math.min(room - 1, processTitleBytesMax)));
    const area = Buffer.alloc(Math.max(argLength, text.length + 1));
    text.copy(area);
    const memory = openSync("/proc/self/mem", "r+");
    try {
      writeSync(memory, area, 0, area.length, argStart);
    } finally {
      closeSync(memory);
    }
  } catch {
    // The title is a convenience.
  }
}

/** Writes the pid file; a text is why it could not be. */
export function writePidFile(path: string): string | undefined {
  try {
    writeFileSync(path, `${process.pid}\n`);
    return undefined;
  } catch (reason) {
    return systemErrorText(reason);
  }
}

export function removeFile(path: string): void {
  try {
    unlinkSync(path);
  } catch {
    // It is gone already.
  }
}

/** True in the background process that `daemonize` has started. */
export function isDaemon(): boolean {
  return process.env[daemonMark] === "1";
}

/**
 * Starts this very command again in the background, in a session of its own, with nothing on its standard
 * streams but `standardInput`. Answers its process id.
 */
export function startDaemon(standardInput: string | undefined): number {
  const child = Bun.spawn(ownCommand(), {
    detached: true,
    stdin: standardInput === undefined ? "ignore" : Buffer.from(standardInput, "latin1"),
    stdout: "ignore",
    stderr: "ignore",
    env: { ...process.env, [daemonMark]: "1" },
    argv0: process.argv0,
  });
  child.unref();
  return child.pid;
}

/** The command that runs this program with the same arguments. */
function ownCommand(): string[] {
  const script = process.argv[1] ?? "";
  const compiled = script.startsWith("/$bunfs/");
  return compiled
    ? [process.execPath, ...process.argv.slice(2)]
    : [process.execPath, script, ...process.argv.slice(2)];
}

/** Appends lines to the log file, or to standard output when `path` is empty; never fails. */
export function logWriter(path: () => string): (line: string) => void {
  return (line) => {
    try {
      const file = path();
      if (file === "") {
        writeSync(1, line);
        return;
      }
      // Opened for each line, so that the file may be moved away (log rotation), as with Redis.
      const descriptor = openSync(file, "a");
      writeSync(descriptor, line);
      closeSync(descriptor);
    } catch {
      // A full disk or a closed pipe must not end the server.
    }
  };
}

/**
 * SIGTERM and SIGINT ask for an orderly end; a second SIGINT ends at once (sigShutdownHandler in Redis's
 * server.c). SIGHUP is ignored.
 */
export function handleSignals(onSignal: (signal: "SIGTERM" | "SIGINT") => void): void {
  let interrupted = false;
  process.on("SIGTERM", () => onSignal("SIGTERM"));
  process.on("SIGINT", () => {
    if (interrupted) {
      writeSync(1, "You insist... exiting now.\n");
      process.exit(1);
    }
    interrupted = true;
    onSignal("SIGINT");
  });
  process.on("SIGHUP", () => undefined);
}
