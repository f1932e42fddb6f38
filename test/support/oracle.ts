/**
 * Tests that compare with, or drive, programs that are not part of this repository: `redis-server`,
 * `redis-cli`, `redis-benchmark`, `qemu-aarch64-static`. Without the program such a test is skipped and
 * its name says why; with `ATOLL_REQUIRE_REDIS=1` in the environment (as CI sets it) it fails instead.
 */
import { describe, expect, test } from "bun:test";

export type Tool = "redis-server" | "redis-cli" | "redis-benchmark" | "qemu-aarch64-static";

/** Redis's own programs must be of this line: replies are compared byte for byte. */
export const ORACLE_VERSION = "7.0.";

/** True when a missing program is a failure instead of a skip. */
export function toolsAreRequired(): boolean {
  const value = process.env["ATOLL_REQUIRE_REDIS"];
  return value !== undefined && value !== "" && value !== "0";
}

/** The program's path, or undefined when it is not installed. */
export function toolPath(tool: Tool): string | undefined {
  return Bun.which(tool) ?? undefined;
}

/** Path of `redis-server`, or undefined when there is none. */
export function redisServerPath(): string | undefined {
  return toolPath("redis-server");
}

/** Path of `redis-cli`, or undefined when there is none. */
export function redisCliPath(): string | undefined {
  return toolPath("redis-cli");
}

/** Path of `redis-benchmark`, or undefined when there is none. */
export function redisBenchmarkPath(): string | undefined {
  return toolPath("redis-benchmark");
}

/** The program's path; for use inside a test that already named the program as one it needs. */
export function requireTool(tool: Tool): string {
  const path = toolPath(tool);
  if (path === undefined) throw new Error(`${tool} is not installed`);
  return path;
}

/** Why a test that needs these programs cannot run here, or undefined when it can. */
export function missingReason(tools: readonly Tool[]): string | undefined {
  for (const tool of tools) {
    const path = toolPath(tool);
    if (path === undefined) return `no ${tool} here`;
    if (tool !== "qemu-aarch64-static" && !reportsVersion(path)) {
      return `${tool} is not version ${ORACLE_VERSION}x`;
    }
  }
  return undefined;
}

function reportsVersion(path: string): boolean {
  const known = versions.get(path);
  if (known !== undefined) return known;
  const { stdout } = Bun.spawnSync([path, "--version"], { stdin: "ignore", stderr: "ignore" });
  // "Redis server v=7.0.15 sha=...", "redis-cli 7.0.15", "redis-benchmark 7.0.15".
  const matches = new RegExp(`[ =]${ORACLE_VERSION.replaceAll(".", "\\.")}\\d`).test(`${stdout}`);
  versions.set(path, matches);
  return matches;
}

const versions = new Map<string, boolean>();

/** Like `test`, for one that needs the programs named. `timeoutMs` as bun's third argument. */
export function testWithTools(
  tools: readonly Tool[],
  name: string,
  body: () => void | Promise<void>,
  timeoutMs?: number,
): void {
  const reason = missingReason(tools);
  if (reason === undefined) test(name, body, timeoutMs);
  else standIn(name, reason);
}

/** Like `describe`, for a group that needs the programs named. */
export function describeWithTools(tools: readonly Tool[], name: string, body: () => void): void {
  const reason = missingReason(tools);
  if (reason === undefined) describe(name, body);
  else standIn(name, reason);
}

/** A test that needs `redis-server` and `redis-cli`. */
export function testWithRedis(
  name: string,
  body: () => void | Promise<void>,
  timeoutMs?: number,
): void {
  testWithTools(["redis-server", "redis-cli"], name, body, timeoutMs);
}

/** A group of tests that need `redis-server` and `redis-cli`. */
export function describeWithRedis(name: string, body: () => void): void {
  describeWithTools(["redis-server", "redis-cli"], name, body);
}

function standIn(name: string, reason: string): void {
  if (toolsAreRequired()) {
    test(name, () => {
      expect.unreachable(`${reason}, and ATOLL_REQUIRE_REDIS asks for it`);
    });
  } else {
    test.skip(`${name} (skipped: ${reason})`, () => {});
  }
}
