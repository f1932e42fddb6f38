/**
 * In which order equals come, and which of them COUNT and LIMIT cut off, is visible: GEOSEARCH and SORT of random data
 * full of equals answer as redis-server does. `ATOLL_SEED` chooses another run.
 */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { Prng } from "../../src/base/prng.ts";
import { describeWithTools } from "../support/oracle.ts";
import { startServer, type TestServer } from "../support/server.ts";
import { encodeStep } from "./differential-step.ts";
import { Wire } from "./differential-wire.ts";

const seed = Number(process.env["ATOLL_SEED"] ?? 5);
const ROUNDS = 20;
const QUESTIONS = 30;

describeWithTools(["redis-server"], `the order of equals (ATOLL_SEED=${seed})`, () => {
  const servers: TestServer[] = [];
  const wires: Wire[] = [];
  beforeAll(async () => {
    servers.push(await startServer(), await startServer({ real: true }));
    for (const server of servers) wires.push(await Wire.open(server.port));
  });
  afterAll(async () => {
    for (const wire of wires) wire.close();
    for (const server of servers) await server.stop();
  });

  async function compare(commands: readonly string[][]): Promise<void> {
    const bytes = Buffer.concat(commands.map(encodeStep));
    for (const wire of wires) wire.send(bytes);
    const [atoll, real] = await Promise.all(wires.map((wire) => wire.replies(commands.length)));
    expect(atoll?.length).toBe(commands.length);
    for (const [at, command] of commands.entries()) {
      expect([command, String(atoll?.[at])]).toEqual([command, String(real?.[at])]);
    }
  }

  /** Few and many: the sort chooses its pivots by how many there are. */
  function size(prng: Prng): number {
    return 1 + prng.below(prng.pick([8, 60, 500]));
  }

  test("of places", async () => {
    const prng = new Prng(seed);
    for (let round = 0; round < ROUNDS; round += 1) {
      const count = size(prng);
      const commands: string[][] = [["FLUSHALL"]];
      for (let i = 0; i < count; i += 1) {
        commands.push(["GEOADD", "g", String(prng.below(4)), String(prng.below(3)), `p${i}`]);
      }
      for (let i = 0; i < QUESTIONS; i += 1) {
        const order = prng.pick([[], ["ASC"], ["DESC"]]);
        const most = prng.chance(0.9) ? ["COUNT", String(1 + prng.below(count + 2))] : [];
        const area = ["FROMLONLAT", "1", "1", "BYRADIUS", "1000", "km"];
        commands.push(["GEOSEARCH", "g", ...area, ...order, ...most]);
      }
      await compare(commands);
    }
  });

  test("of elements with weights", async () => {
    const prng = new Prng(seed);
    for (let round = 0; round < ROUNDS; round += 1) {
      const count = size(prng);
      const kinds = 1 + prng.below(count);
      const commands: string[][] = [["FLUSHALL"]];
      for (let i = 0; i < count; i += 1) {
        commands.push(["RPUSH", "l", `e${i}`]);
        if (prng.chance(0.8)) commands.push(["SET", `w-e${i}`, String(prng.below(kinds))]);
      }
      for (let i = 0; i < QUESTIONS; i += 1) {
        const order = prng.pick([[], ["DESC"]]);
        const first = String(prng.below(count + 2) - 1);
        const limit = prng.chance(0.9) ? ["LIMIT", first, String(prng.below(count + 2) - 1)] : [];
        commands.push(["SORT", "l", "BY", "w-*", "ALPHA", ...order, ...limit]);
      }
      await compare(commands);
    }
  });
});
