/**
 * Random commands from fixed seeds to redis-server 7.0.15 and to Atoll: equal replies. ATOLL_SEED replays one
 * seed; `bun test/compat/differential.ts --commands 1000000` goes on for longer.
 */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { describeWithRedis } from "../support/oracle.ts";
import { runDifferential } from "./differential.ts";
import { generateSteps } from "./differential-generate.ts";
import { Pair } from "./differential-pair.ts";
import { tinyEncodings } from "./differential-settings.ts";
import { command, observer } from "./differential-step.ts";

const seed = Number(process.env["ATOLL_SEED"] ?? 70_000);
const commands = 40_000;

describeWithRedis("what random commands write is what replicas of the other kind hold", () => {
  let pair: Pair;

  beforeAll(async () => {
    pair = await Pair.start({ replicas: true });
  }, 30_000);
  afterAll(() => pair.stop());

  test(`10000 commands from seed ${seed}`, async () => {
    const options = { seed, commands: 10_000, protocol: 2, cluster: false } as const;
    const failure = await runDifferential(pair, options);
    if (failure !== undefined) expect.unreachable(failure.report);
  }, 60_000);
});

describeWithRedis("random commands get redis-server's replies", () => {
  let pair: Pair;

  beforeAll(async () => {
    pair = await Pair.start();
  });
  afterAll(() => pair.stop());

  for (const protocol of [2, 3] as const) {
    test(`${commands} commands from seed ${seed}, RESP${protocol}`, async () => {
      const failure = await runDifferential(pair, { seed, commands, protocol, cluster: false });
      if (failure !== undefined) expect.unreachable(failure.report);
    }, 120_000);
  }

  test("and an episode begins with the settings of the start, whatever the last one set", async () => {
    await pair.reset(2);
    const before = await pair.currentSettings();
    const encodings = generateSteps(seed, { count: 20, protocol: 2, cluster: false });
    const settings = [...tinyEncodings, ["maxmemory", "3gb"], ["maxmemory-policy", "allkeys-lfu"]];
    await pair.run(encodings);
    await pair.run(settings.map((words) => command(observer, "CONFIG", "SET", ...words)));
    expect(await pair.currentSettings()).not.toEqual(before);
    await pair.reset(2);
    expect(await pair.currentSettings()).toEqual(before);
  });

  test("and every command is answered without an error now and then", async () => {
    // As a rule it was so by now.
    for (let more = 0; more < 40 && pair.coverage.missing("data").length > 0; more++) {
      const options = { seed: seed + 1000 + more, commands: 2000, protocol: 2 } as const;
      const failure = await runDifferential(pair, { ...options, cluster: false });
      if (failure !== undefined) expect.unreachable(failure.report);
    }
    expect(pair.coverage.missing("data")).toEqual([]);
  }, 120_000);
});
