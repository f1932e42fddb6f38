/**
 * A million random writes of all types to a primary with a replica of each kind; DEBUG DIGEST of all three must be
 * the same all the time. A failure tells the keys that differ and the last commands on them.
 *
 *   SOAK_COMMANDS   how many, default 1 000 000
 *   SOAK_SEED       replays a run
 *   SOAK_EVERY      digests are compared after so many commands each, default 10 000
 *   SOAK_PRIMARY    "redis": the primary is redis-server
 */
import { expect, test } from "bun:test";
import { runConvergence } from "../replication/convergence.ts";

test(
  "replicas of both kinds agree with their primary",
  async () => {
    const seed = Number(process.env["SOAK_SEED"] ?? Math.floor(Math.random() * 1e9));
    const commands = Number(process.env["SOAK_COMMANDS"] ?? 1_000_000);
    process.stderr.write(`SOAK_SEED=${seed}, ${commands} commands\n`);
    const every = Number(process.env["SOAK_EVERY"] ?? 10_000);
    const realPrimary = process.env["SOAK_PRIMARY"] === "redis";
    const result = await runConvergence({ seed, commands, every, realPrimary });
    process.stderr.write(`digests ${result.digests.join(" ")}, ${result.dirty} changes\n`);
    expect(result.difference).toBe("");
    expect(result.differedAfter).toBeUndefined();
  },
  4 * 60 * 60_000,
);
