/**
 * A million random writes of all types to a primary with a replica of each kind; DEBUG DIGEST of all three must be
 * the same at every 50 000.
 *
 *   SOAK_COMMANDS   how many, default 1 000 000
 *   SOAK_SEED       replays a run
 */
import { expect, test } from "bun:test";
import { runConvergence } from "../replication/convergence.ts";

test(
  "replicas of both kinds agree with their primary",
  async () => {
    const seed = Number(process.env["SOAK_SEED"] ?? Math.floor(Math.random() * 1e9));
    const commands = Number(process.env["SOAK_COMMANDS"] ?? 1_000_000);
    process.stderr.write(`SOAK_SEED=${seed}, ${commands} commands\n`);
    const result = await runConvergence({ seed, commands, every: 50_000 });
    process.stderr.write(`digests ${result.digests.join(" ")}, ${result.dirty} changes\n`);
    expect(result.differedAfter).toBeUndefined();
  },
  4 * 60 * 60_000,
);
