#!/usr/bin/env bun
/**
 * The composition root and the multi-call entry: `atoll <subcommand> ...`, or called through a link named
 * `redis-server` and so on. There is no top-level await, so that bytecode can be made of it.
 */
import { readFileSync } from "node:fs";
import { basename } from "node:path";
import wasmPath from "../build/out/engine.wasm" with { type: "file" };
import { atollVersion, redisVersion } from "./base/version.ts";
import { serve } from "./io/server.ts";
import { testMemory } from "./io/test-memory.ts";

/** An exit code; undefined: the program goes on by itself. */
type Outcome = number | undefined;

/** Runs with the words behind the subcommand's name. */
type Subcommand = (words: readonly string[], name: string) => Outcome | Promise<Outcome>;

const subcommands: Readonly<Record<string, Subcommand>> = {
  server: runServer,
  up: async (words) => (await import("./cli/up.ts")).up(words),
  ping: async (words) => (await import("./cli/ping.ts")).ping(words),
  help: () => say(usage("atoll")),
};

/** Programs of Redis that a link to the executable may be named after. */
const linkNames: Readonly<Record<string, string>> = {
  "redis-server": "server",
  "atoll-server": "server",
};

function runServer(words: readonly string[], name: string): Outcome {
  const [first = ""] = words;
  if (words.length === 1 && (first === "-v" || first === "--version")) return say(versionLine());
  if (words.length === 1 && (first === "-h" || first === "--help")) return say(usage(name));
  if (first === "--test-memory") return testMemory(words.slice(1));
  if (first === "--check-system") return say("[system check] Nothing to complain about.\n");
  return serve({ words, name, wasm: readFileSync(wasmPath) });
}

function say(text: string): number {
  process.stdout.write(text);
  return 0;
}

/** Tools read `v=`: it is the version that clients are told. */
function versionLine(): string {
  return (
    `Redis server v=${redisVersion} sha=00000000:0 malloc=atoll bits=64 build=0 ` +
    `(Atoll ${atollVersion})\n`
  );
}

function usage(name: string): string {
  const server = name === "atoll" ? "atoll server" : name;
  return `Usage: ${server} [/path/to/redis.conf] [options] [-]
       ${server} - (read the configuration from standard input)
       ${server} -v or --version
       ${server} -h or --help
       ${server} --test-memory <megabytes>
${name === "atoll" ? upUsage : ""}
Examples:
       ${server} (run with the default configuration)
       ${server} /etc/redis/7000.conf
       ${server} --port 7000
       ${server} --port 7000 --cluster-enabled yes
       ${server} /etc/redis.conf --loglevel verbose -
`;
}

const upUsage =
  "       atoll up [--nodes 6] [--replicas 1] [--port 7000] [--dir <directory>]\n" +
  "       atoll ping [-h host] [-p port] [-a password]\n";

/** The name the program was called by; `bun` itself does not count. */
function calledAs(): string {
  const name = basename(process.argv0);
  return name === "" || name.startsWith("bun") || name === "node" ? "atoll" : name;
}

async function main(): Promise<void> {
  const name = calledAs();
  const words = process.argv.slice(2);
  const linked = linkNames[name];
  const [first = ""] = words;
  const known = linked === undefined && Object.hasOwn(subcommands, first);
  const chosen = known ? subcommands[first] : subcommands[linked ?? "server"];
  const outcome = await chosen?.(known ? words.slice(1) : words, name);
  if (outcome !== undefined) process.exit(outcome);
}

function onFatal(reason: unknown): never {
  const text = reason instanceof Error ? (reason.stack ?? reason.message) : String(reason);
  process.stderr.write(`=== ATOLL BUG REPORT: the process ends ===\n${text}\n`);
  process.exit(1);
}

process.on("uncaughtException", onFatal);
process.on("unhandledRejection", onFatal);
main().catch(onFatal);
