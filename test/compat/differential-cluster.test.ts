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

for (const { title, args, protocols } of configurations) {
  describeWithRedis(`random commands in cluster mode get redis-server's replies, ${title}`, () => {
    let pair: Pair;

    beforeAll(async () => {
      pair = await Pair.start({ cluster: true, args });
    }, 30_000);
    afterAll(() => pair.stop());

    for (const protocol of protocols) {
      test(`${commands} commands from seed ${seed}, RESP${protocol}`, async () => {
        const failure = await runDifferential(pair, { seed, commands, protocol, cluster: true });
        if (failure !== undefined) expect.unreachable(failure.report);
      }, 120_000);
    }
  });
}
