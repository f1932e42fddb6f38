/**
 * COMMAND and HELP against redis-server, byte for byte in both protocols. Not compared are the texts
 * that are Atoll's own: summaries, notes, histories (their versions are) and complexities beyond
 * their first O(...); and what Redis has since 7.2 or later only.
 */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { latin1, latin1Text } from "../../src/base/bytes.ts";
import { Prng } from "../../src/base/prng.ts";
import { encodeReply, type Protocol, type ReplyValue } from "../../src/base/reply.ts";
import { categoryNames } from "../../src/commands/flags.ts";
import {
  commandDocs,
  commandGetKeys,
  commandGetKeysAndFlags,
  commandInfo,
  commandList,
  helpReply,
} from "../../src/commands/introspect.ts";
import { CommandTable } from "../../src/commands/table.ts";
import { describeWithTools } from "../support/oracle.ts";
import { RespClient } from "../support/resp-client.ts";
import { startServer, type TestServer } from "../support/server.ts";

const table = new CommandTable();
const everyRow = table.rows.flatMap((row) => [row, ...row.subcommands]);
/** Rows that are those of a later Redis than 7.0. */
const later = ["client|setinfo", "client|no-touch", "zrank", "zrevrank"];
const known = <Row extends { readonly since: string; readonly fullName: string }>(
  rows: readonly Row[],
): Row[] =>
  rows.filter(({ fullName, since }) => {
    return !later.includes(fullName) && Bun.semver.satisfies(since, "<7.1.0");
  });
const comparable = known(everyRow);

const wire = (reply: ReplyValue, protocol: Protocol): string =>
  latin1Text(encodeReply(reply, protocol));

/** Replaces texts that are ours to word, and cuts off subcommands: each is compared on its own. */
function facts(raw: string): string {
  return raw
    .replace(/\$\d+\r\n(summary|notes)\r\n\$\d+\r\n[^\r]*\r\n/g, "$1\r\n")
    .replace(/\$\d+\r\ncomplexity\r\n\$\d+\r\n([^\r]*)\r\n/g, (_, text: string) => {
      const whole = text.replaceAll(" + ", "+").replaceAll("log N", "logN");
      return `complexity ${/O\([^ ,.;]*\)/.exec(whole)?.[0] ?? text}\r\n`;
    })
    .replace(/\*2\r\n\$\d+\r\n(\d+\.\d+\.\d+)\r\n\$\d+\r\n[^\r]*\r\n/g, "history $1\r\n")
    .replace(/(?!^)\*\d+\r\n\*10\r\n\$\d+\r\n[a-z]+\|[\s\S]*$/, "subcommands")
    .replace(/\$11\r\nsubcommands\r\n[\s\S]*$/, "subcommands");
}

describeWithTools(["redis-server"], "COMMAND equals redis-server's", () => {
  let server: TestServer;
  const clients = new Map<Protocol, RespClient>();

  beforeAll(async () => {
    const args = ["--save", "", "--cluster-enabled", "yes", "--enable-debug-command", "yes"];
    server = await startServer({ real: true, cluster: true, args });
    for (const protocol of [2, 3] as const) {
      const client = await RespClient.connect({ port: server.port });
      await client.must("HELLO", protocol);
      clients.set(protocol, client);
    }
  });

  afterAll(async () => {
    for (const client of clients.values()) client.close();
    await server?.stop();
  });

  for (const protocol of [2, 3] as const) {
    test(`COMMAND INFO and DOCS of every row, RESP${protocol}`, async () => {
      const client = clients.get(protocol)!;
      for (const { fullName } of comparable) {
        const info = await client.rawCall("COMMAND", "INFO", fullName, "no|such");
        expect(facts(wire(commandInfo(table, [fullName, "no|such"]), protocol))).toBe(facts(info));
        const docs = await client.rawCall("COMMAND", "DOCS", fullName, "no|such");
        expect(facts(wire(commandDocs(table, [fullName, "no|such"]), protocol))).toBe(facts(docs));
      }
    });

    test(`COMMAND GETKEYS and GETKEYSANDFLAGS of random lines, RESP${protocol}`, async () => {
      const seed = Number(process.env["ATOLL_SEED"] ?? 20_070);
      const random = new Prng(seed);
      const pool = ["k1", "k2", "key", "GET", "get", "EX", "10", "", "NX", "-1", "é"];
      for (let round = 0; round < 1500; round++) {
        const row = random.pick(known(table.rows));
        const line = [row.name];
        const children = comparable.filter((other) => other.fullName.startsWith(`${row.name}|`));
        if (children.length > 0) {
          line.push(random.chance(0.1) ? "nosuch" : random.pick(children).name);
        }
        while (line.length < 2 || random.chance(0.7)) line.push(random.pick(pool));
        const argv = line.map((word) => new TextEncoder().encode(word));
        const where = `ATOLL_SEED=${seed}: ${JSON.stringify(line)}`;
        const client = clients.get(protocol)!;
        const keys = await client.rawCall("COMMAND", "GETKEYS", ...line);
        expect(wire(commandGetKeys(table, argv), protocol), where).toBe(keys);
        const flagged = await client.rawCall("COMMAND", "GETKEYSANDFLAGS", ...line);
        expect(wire(commandGetKeysAndFlags(table, argv), protocol), where).toBe(flagged);
      }
    });
  }

  test("COMMAND LIST and its filters name the same of our commands", async () => {
    const ours = new Set(comparable.map((row) => row.fullName));
    const filters = [
      [],
      ...categoryNames.map((name) => ["FILTERBY", "ACLCAT", name]),
      ["filterby", "aclcat", "ADMIN"],
      ["FILTERBY", "ACLCAT", "nosuch"],
      ["FILTERBY", "MODULE", "nosuch"],
      ...["GE*", "client|*", "*", "", "[a-c]*|[^x]*"].map((glob) => ["FILTERBY", "PATTERN", glob]),
    ];
    for (const filter of filters) {
      const theirs = (await clients.get(2)!.must("COMMAND", "LIST", ...filter)) as string[];
      const reply = commandList(table, filter);
      const names = [...wire(reply, 2).matchAll(/\$\d+\r\n([^\r]+)/g)].map(
        ([, name]) => name ?? "",
      );
      expect(names.filter((name) => ours.has(name)).sort(), filter.join(" ")).toEqual(
        theirs.filter((name) => ours.has(name)).sort(),
      );
    }
  });

  test("COMMAND LIST refuses the same filters", async () => {
    const wrong = [["foo"], ["FILTERBY"], ["FILTERBY", "x", "y"], ["FILTERBY", "ACLCAT", "a", "b"]];
    for (const filter of wrong) {
      const theirs = await clients.get(2)!.rawCall("COMMAND", "LIST", ...filter);
      expect(wire(commandList(table, filter), 2)).toBe(theirs);
    }
  });

  test("HELP has Redis's lines, without the subcommands that are not offered", async () => {
    const whole = ["object", "config", "command", "slowlog", "cluster"];
    for (const row of table.rows) {
      const reply = helpReply(row);
      if (reply === undefined) continue;
      const ours = wire(reply, 2).split("\r\n").slice(1);
      // DEBUG RELOAD: redis-server ends itself where Atoll goes on.
      const going = ours.indexOf("+      conflicting keys will generate an exception.");
      if (going >= 0) ours.splice(going, 1);
      // CLIENT NO-TOUCH and SETINFO come from Redis 7.2.
      const noTouch = ours.findIndex((line) => line.startsWith("+NO-TOUCH"));
      if (noTouch >= 0) ours.splice(noTouch, 6);
      const theirs = (await clients.get(2)!.rawCall(row.name, "HELP")).split("\r\n").slice(1);
      if (whole.includes(row.name)) expect(ours).toEqual(theirs);
      expect(ours.filter((line) => !theirs.includes(line))).toEqual([]);
    }
  });

  test("unknown commands, subcommands and wrong numbers of arguments", async () => {
    const lines = ["config", "config get", "config nosuch", "nosuch a b", `x ${"y".repeat(200)} z`];
    lines.push(`${"x".repeat(200)} a`, `object ${"z".repeat(200)}`, "get", "get a b", "memory");
    for (const line of lines) {
      const argv = line.split(" ");
      const resolved = table.resolve(argv.map(latin1));
      const text = "error" in resolved ? `-${latin1Text(resolved.error)}\r\n` : "ran";
      expect(text).toBe(await clients.get(2)!.rawCall(...argv));
    }
  });
});
