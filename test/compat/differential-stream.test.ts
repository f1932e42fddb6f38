/** What servers answer to damaged input, beside redis-server 7.0.15. Seeds: ATOLL_SEED replays one. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { Prng } from "../../src/base/prng.ts";
import { describeWithRedis } from "../support/oracle.ts";
import { startServer, type TestServer } from "../support/server.ts";
import { fixedStreams, randomCuts } from "./differential-stream.ts";
import { compareStreams, randomStreams } from "./differential-stream-run.ts";

const seed = Number(process.env["ATOLL_SEED"] ?? 7015);

for (const password of [undefined, "secret"]) {
  const title = `damaged input equals redis-server's${password ? ", password required" : ""}`;
  describeWithRedis(title, () => {
    let real: TestServer;
    let atoll: TestServer;

    beforeAll(async () => {
      const args = ["--save", "", "--proto-max-bulk-len", "1mb"];
      if (password !== undefined) args.push("--requirepass", password);
      [real, atoll] = await Promise.all([startServer({ real: true, args }), startServer({ args })]);
    });
    afterAll(() => Promise.all([real.stop(), atoll.stop()]));

    test("fixed streams, whole and cut", async () => {
      const prng = new Prng(seed);
      const streams = fixedStreams.flatMap((bytes) => [
        { bytes, cuts: [] },
        { bytes, cuts: randomCuts(prng, bytes.length) },
      ]);
      expect((await compareStreams(real, atoll, streams)).join("\n\n")).toBe("");
    }, 60_000);

    test(`random streams of seed ${seed}`, async () => {
      const reports = await compareStreams(real, atoll, randomStreams(seed, 1500));
      expect(reports.join("\n\n"), `ATOLL_SEED=${seed}`).toBe("");
    }, 60_000);
  });
}
