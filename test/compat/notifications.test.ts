/**
 * Random commands of most families bring the same keyspace notifications, in the same order, as from redis-server.
 * `ATOLL_SEED` and `ATOLL_COUNT` choose another run or a longer one.
 */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { Prng } from "../../src/base/prng.ts";
import { describeWithTools } from "../support/oracle.ts";
import type { Reply, RespClient } from "../support/resp-client.ts";
import { startServer, type TestServer } from "../support/server.ts";
import { bitmapCommands } from "./differential-bitmap.ts";
import {
  genericCommands,
  type Source,
  stringCommands,
  withoutSoon,
} from "./differential-commands.ts";
import { choose } from "./differential-generate.ts";
import { hashCommands } from "./differential-hash.ts";
import { hyperLogLogCommands } from "./differential-hyperloglog.ts";
import { listCommands } from "./differential-list.ts";
import { setCommands } from "./differential-set.ts";
import { sortCommands } from "./differential-sort.ts";
import { tinyEncodings, usualEncodings } from "./differential-types.ts";
import { Values } from "./differential-values.ts";

const seed = Number(process.env["ATOLL_SEED"] ?? 7);
const count = Number(process.env["ATOLL_COUNT"] ?? 1500);

/** What they take out is chance. */
const random = new Set(["spop"]);

describeWithTools(["redis-server"], "keyspace notifications", () => {
  const servers: TestServer[] = [];

  beforeAll(async () => {
    const args = ["--notify-keyspace-events", "KEAmn", "--enable-debug-command", "yes"];
    servers.push(await startServer({ args }), await startServer({ real: true, args }));
  });
  afterAll(async () => {
    for (const server of servers) await server.stop();
  });

  test(`of random commands equal redis-server's (ATOLL_SEED=${seed})`, async () => {
    const pair = await Promise.all(servers.map((server) => Ear.open(server)));
    const prng = new Prng(seed);
    const source: Source = { prng, values: new Values(prng, false) };
    const families = [stringCommands, genericCommands, typeCommands, typeCommands, typeCommands];
    for (let done = 0; done < count; done += batch) {
      const lines: string[][] = [];
      if (done % 1000 === 0) {
        const encodings = prng.chance(0.5) ? tinyEncodings : usualEncodings;
        lines.push(...encodings.map(([directive, value]) => ["CONFIG", "SET", directive, value]));
      }
      while (lines.length < batch) {
        const line = withoutSoon(choose(prng.pick(families), source));
        const waits = line.some((word) => /^(b[lrz].*pop.*|blmove|block)$/i.test(word));
        if (!waits && !random.has((line[0] ?? "").toLowerCase())) lines.push(line);
      }
      const [ours, theirs] = await Promise.all(pair.map((ear) => ear.run(lines)));
      for (const [index, line] of lines.entries()) {
        const where = `${JSON.stringify(line)} (command ${done + index} of seed ${seed}):\n`;
        expect(where + ours?.[index]).toBe(where + theirs?.[index]);
      }
    }
    expect(pair[0]?.heard ?? 0).toBeGreaterThan(count / 2);
    for (const ear of pair) ear.close();
  }, 120_000);
});

const typeCommands = [
  ...bitmapCommands,
  ...hashCommands,
  ...hyperLogLogCommands,
  ...listCommands,
  ...setCommands,
  ...sortCommands,
];
const batch = 50;

class Ear {
  heard = 0;
  private mark = 0;

  private constructor(
    private readonly speaker: RespClient,
    private readonly listener: RespClient,
  ) {}

  static async open(server: TestServer): Promise<Ear> {
    const listener = await server.connect();
    await listener.must("PSUBSCRIBE", "__key*__:*");
    return new Ear(await server.connect(), listener);
  }

  /** The events of each command. */
  async run(lines: readonly (readonly string[])[]): Promise<string[]> {
    const marked = lines.flatMap((line) => [
      line.map((word) => Buffer.from(word, "latin1")),
      ["PUBLISH", "__key__:mark", String(++this.mark)],
    ]);
    const replies = this.speaker.pipeline(marked);
    const told: string[] = [];
    let events: string[] = [];
    while (told.length < lines.length) {
      const name = lines[told.length]?.[0] ?? "";
      const [, , channel, message] = (await this.listener.next()) as Reply[];
      if (channel === "__key__:mark") {
        // The order in which SORT looks at the members of a set is that of its hash table.
        if (/^sort/i.test(name)) events.sort();
        told.push(events.join("\n"));
        this.heard += events.length;
        events = [];
      } else events.push(`${channel} ${message}`);
    }
    await replies;
    return told;
  }

  close(): void {
    this.speaker.close();
    this.listener.close();
  }
}
