/** Replicas of both kinds hold what their primary holds, whatever was written. */
import { expect } from "bun:test";
import { describeWithRedis, testWithRedis } from "../support/oracle.ts";
import { runConvergence } from "./convergence.ts";

const seed = Number(process.env["ATOLL_SEED"] ?? 20_261);
const COMMANDS = 20_000;
const TIMEOUT_MS = 120_000;

describeWithRedis("writes of all types, replicated", () => {
  for (const realPrimary of [false, true]) {
    testWithRedis(
      `${realPrimary ? "redis-server" : "Atoll"} and both kinds of replica agree (seed ${seed})`,
      async () => {
        const result = await runConvergence({ seed, commands: COMMANDS, every: 5000, realPrimary });
        expect(result.difference).toBe("");
        expect(result.differedAfter).toBeUndefined();
        expect(new Set(result.digests).size).toBe(1);
        expect(result.dirty).toBeGreaterThan(COMMANDS / 10);
      },
      TIMEOUT_MS,
    );
  }
});
