/**
 * Random commands of every family bring the same keyspace notifications, in the same order, as from redis-server.
 * `ATOLL_SEED` and `ATOLL_COUNT` choose another run or a longer one.
 */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { Prng } from "../../src/base/prng.ts";
import { describeWithTools } from "../support/oracle.ts";
import type { Reply, RespClient } from "../support/resp-client.ts";
import { startServer, type TestServer } from "../support/server.ts";
import { genericCommands, stringCommands, withoutSoon } from "./differential-commands.ts";
import { choose } from "./differential-generate.ts";
import { tinyEncodings, usualEncodings } from "./differential-settings.ts";
import type { Source } from "./differential-source.ts";
import { typeCommands } from "./differential-types.ts";
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
  }, 60_000);
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
        // A command without words has no reply.
        if (line.length > 0 && !waits && !random.has((line[0] ?? "").toLowerCase())) {
          lines.push(line);
        }
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

const batch = 50;

/** Rejects with what was awaited instead of waiting for good. */
async function within<T>(promise: Promise<T>, awaited: string): Promise<T> {
  const late = Promise.withResolvers<never>();
  const timer = setTimeout(() => late.reject(new Error(awaited)), 20_000);
  try {
    return await Promise.race([promise, late.promise]);
  } finally {
    clearTimeout(timer);
  }
}

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
    const unanswered = `no reply to one of ${JSON.stringify(lines)}`;
    const replies = within(this.speaker.pipeline(marked), unanswered);
    // Waited for below; until then its rejection has a handler.
    replies.catch(() => {});
    const told: string[] = [];
    let events: string[] = [];
    while (told.length < lines.length) {
      const name = lines[told.length]?.[0] ?? "";
      const awaited = `no event, nor the mark after ${JSON.stringify(lines[told.length])}`;
      const [, , channel, message] = (await within(this.listener.next(), awaited)) as Reply[];
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
