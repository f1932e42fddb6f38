/** As differential.test.ts in cluster mode: slots come and go, and a real second node knows of it. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { describeWithRedis } from "../support/oracle.ts";
import { runDifferential } from "./differential.ts";
import { slotOfKey } from "./differential-cluster.ts";
import { Pair } from "./differential-pair.ts";

const seed = Number(process.env["ATOLL_SEED"] ?? 71_000);
const commands = 6_000;

test("the test's own slots are those of the specification", () => {
  expect(slotOfKey("123456789")).toBe(0x31c3);
  expect(slotOfKey("k1")).toBe(12_706);
  expect(slotOfKey("{name}x")).toBe(slotOfKey("name"));
});

const configurations = [
  { title: "as by default", args: [], protocols: [2] },
  {
    title: "uncovered slots allowed",
    args: ["--cluster-require-full-coverage", "no"],
    protocols: [2, 3],
  },
  { title: "reads when down", args: ["--cluster-allow-reads-when-down", "yes"], protocols: [3] },
] as const;

/** Each run has episodes of its own. */
let nextSeed = seed;

for (const { title, args, protocols } of configurations) {
  describeWithRedis(`random commands in cluster mode get redis-server's replies, ${title}`, () => {
    let pair: Pair;

    beforeAll(async () => {
      pair = await Pair.start({ cluster: true, args });
    }, 30_000);
    afterAll(() => pair.stop());

    for (const protocol of protocols) {
      const first = nextSeed;
      nextSeed += 100;
      test(`${commands} commands from seed ${first}, RESP${protocol}`, async () => {
        const options = { seed: first, commands, protocol, cluster: true };
        const failure = await runDifferential(pair, options);
        if (failure !== undefined) expect.unreachable(failure.report);
      }, 120_000);
    }
  });
}

describeWithRedis("in cluster mode", () => {
  test("every command is answered without an error now and then, but those that need a second database", async () => {
    const pair = await Pair.start({ cluster: true, args: configurations[1].args });
    const rest = (): string[] => pair.coverage.missing("data").sort();
    try {
      // Some thirty episodes do for the rarest.
      for (let episode = 0; episode < 80 && rest().length > 2; episode++) {
        const options = { seed: nextSeed++, commands: 2000, protocol: 2, cluster: true } as const;
        const failure = await runDifferential(pair, options);
        if (failure !== undefined) expect.unreachable(failure.report);
      }
      expect(rest()).toEqual(["move", "swapdb"]);
    } finally {
      await pair.stop();
    }
  }, 180_000);
});
