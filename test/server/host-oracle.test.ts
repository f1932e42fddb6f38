/** Host commands against redis-server 7.0.15: the same input must give the same bytes, in RESP2 and RESP3. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { describeWithRedis } from "../support/oracle.ts";
import type { RespClient } from "../support/resp-client.ts";
import { startServer, type TestServer } from "../support/server.ts";
import { infoFields } from "./support.ts";

/** One command per line, words split at blanks; `~` stands for an empty word. */
const sameReplies = `
PING
PING x
PING x y
ECHO
ECHO hello
ECHO a b
AUTH
AUTH x
AUTH default x
AUTH nobody x
AUTH a b c
HELLO 1
HELLO 4
HELLO abc
HELLO 2 SETNAME
HELLO 2 AUTH default
HELLO 2 AUTH nobody x
HELLO 2 SETNAME a b
QUITX
CLIENT
CLIENT NOPE
CLIENT ID x
CLIENT GETNAME
CLIENT SETNAME tester
CLIENT GETNAME
CLIENT SETNAME ~
CLIENT GETNAME
CLIENT KILL
CLIENT KILL 1.1.1.1:1
CLIENT KILL ID
CLIENT KILL ID x
CLIENT KILL ID 0
CLIENT KILL ID 99999999
CLIENT KILL TYPE x
CLIENT KILL TYPE pubsub
CLIENT KILL SKIPME maybe
CLIENT KILL USER nobody
CLIENT KILL ID 1 TYPE
CLIENT KILL FOO bar
CLIENT LIST TYPE
CLIENT LIST TYPE foo
CLIENT LIST TYPE master
CLIENT LIST ID
CLIENT LIST ID abc
CLIENT LIST ID 123456789
CLIENT REPLY
CLIENT REPLY maybe
CLIENT REPLY ON
CLIENT NO-EVICT
CLIENT NO-EVICT maybe
CLIENT NO-EVICT off
CLIENT PAUSE
CLIENT PAUSE abc
CLIENT PAUSE -1
CLIENT PAUSE 1 what
CLIENT UNPAUSE
CLIENT UNPAUSE x
COMMAND NOPE
COMMAND COUNT x
COMMAND GETKEYS
COMMAND GETKEYS SET a b
COMMAND GETKEYS PING
COMMAND INFO nosuch
COMMAND INFO get
COMMAND INFO config|get
COMMAND LIST FILTERBY
CONFIG
CONFIG NOPE
CONFIG GET
CONFIG GET maxclients
CONFIG GET MAXCLIENTS
CONFIG GET nosuch
CONFIG GET client-output-buffer-limit
CONFIG SET
CONFIG SET maxclients
CONFIG SET maxclients 100 timeout
CONFIG SET nosuch 1
CONFIG SET no\0such 1
CONFIG SET timeout abc
CONFIG SET timeout -1
CONFIG SET timeout 0 timeout 0
CONFIG SET port abc
CONFIG SET daemonize yes
CONFIG SET maxmemory 1gb
CONFIG GET maxmemory
CONFIG SET maxmemory 0
CONFIG SET maxmemory-policy sometimes
CONFIG SET slowlog-max-len 64 slowlog-log-slower-than 5000
CONFIG GET slowlog-max-len
CONFIG RESETSTAT
CONFIG RESETSTAT x
CONFIG REWRITE
DEBUG
DEBUG NOPE
DEBUG NO\0PE
DEBUG SLEEP
DEBUG SLEEP 0
DEBUG ERROR hello
DEBUG LOG hello
DEBUG QUICKLIST-PACKED-THRESHOLD
DEBUG QUICKLIST-PACKED-THRESHOLD 10b
DEBUG QUICKLIST-PACKED-THRESHOLD 4gb
DEBUG QUICKLIST-PACKED-THRESHOLD 4293918720
DEBUG QUICKLIST-PACKED-THRESHOLD 4293918721
DEBUG QUICKLIST-PACKED-THRESHOLD -1
DEBUG QUICKLIST-PACKED-THRESHOLD abc
DEBUG QUICKLIST-PACKED-THRESHOLD 0
DEBUG SET-ACTIVE-EXPIRE 1
DEBUG SET-ACTIVE-EXPIRE
DEBUG CHANGE-REPL-ID
DEBUG PROTOCOL string
DEBUG PROTOCOL integer
DEBUG PROTOCOL double
DEBUG PROTOCOL bignum
DEBUG PROTOCOL null
DEBUG PROTOCOL array
DEBUG PROTOCOL set
DEBUG PROTOCOL map
DEBUG PROTOCOL verbatim
DEBUG PROTOCOL true
DEBUG PROTOCOL false
DEBUG PROTOCOL nosuch
INFO nosuch
INFO nosuch nothing
INFO modules
INFO keyspace
INFO cluster
LASTSAVE x
LOLWUT VERSION abc
MEMORY
MEMORY NOPE
MEMORY USAGE
MEMORY USAGE nokey
MEMORY USAGE nokey SAMPLES
MEMORY USAGE nokey SAMPLES x
MEMORY USAGE nokey SAMPLES -1
MEMORY USAGE nokey FOO 1
SET digested hello
DEBUG DIGEST-VALUE digested nokey
SET digested 12345 EX 1000
DEBUG DIGEST-VALUE digested
DEL digested
DEBUG DIGEST
DEBUG POPULATE
DEBUG POPULATE x
DEBUG POPULATE 3 pre 5
DEBUG POPULATE 2
GET pre:2
GET key:1
SET expiring x EX 1000
DEBUG DIGEST
SELECT 3
SET other y
DEBUG DIGEST
FLUSHALL
SELECT 0
DEBUG DIGEST
DEBUG OBJECT nokey
DEBUG OBJECT
ROLE
ROLE x
SHUTDOWN WHAT
SHUTDOWN ABORT
SHUTDOWN ABORT NOW
SHUTDOWN SAVE NOSAVE
SLOWLOG
SLOWLOG NOPE
SLOWLOG GET -2
SLOWLOG GET x
SLOWLOG GET 1 2
SLOWLOG RESET
SLOWLOG LEN
TIME x
WAIT
WAIT 0 0
WAIT 1 1
WAIT x 1
WAIT 1 x
WAIT 1 -1
MULTI
PING
CLIENT GETNAME
WAIT 5 0
CONFIG GET maxclients
DEBUG ERROR inside
EXEC
MULTI
SHUTDOWN
EXEC
RESET
RESET x
`
  .split("\n")
  .filter((line) => line !== "")
  .map((line) => line.split(" ").map((word) => (word === "~" ? "" : word)));

/** Fields of INFO that only one of the two prints; each has its entry in docs/differences.md. */
const onlyOurs = ["atoll_version"];
const onlyTheirs: string[] = [];

describeWithRedis("host commands as redis-server answers them", () => {
  const servers: TestServer[] = [];

  beforeAll(async () => {
    const args = ["--enable-debug-command", "yes"];
    servers.push(await startServer({ args }), await startServer({ args, real: true }));
  });
  afterAll(async () => {
    for (const server of servers) await server.stop();
  });

  async function both(run: (client: RespClient) => Promise<string>): Promise<[string, string]> {
    const answers: string[] = [];
    for (const server of servers) {
      const client = await server.connect();
      answers.push(await run(client));
      client.close();
    }
    return answers as [string, string];
  }

  for (const protocol of ["2", "3"]) {
    test(`replies in RESP${protocol}`, async () => {
      const transcript = async (client: RespClient): Promise<string> => {
        await client.call("HELLO", protocol);
        let text = "";
        for (const argv of sameReplies) {
          text += `${argv.join(" ")}\n  ${JSON.stringify(await client.rawCall(...argv))}\n`;
          // RESET goes back to RESP2.
          if (argv[0] === "RESET") await client.call("HELLO", protocol);
        }
        return text;
      };
      const [ours, theirs] = await both(transcript);
      expect(ours).toBe(theirs);
    }, 15_000);
  }

  test("INFO has the same sections and fields in the same order", async () => {
    const names = async (client: RespClient): Promise<string> => {
      const text = String(await client.call("INFO", "everything"));
      return text
        .split("\r\n")
        .map((line) => (line.startsWith("#") ? line : (line.split(":")[0] ?? "")))
        .filter((name) => !/^(cmdstat|errorstat|latency_perc|db\d)/.test(name))
        .filter((name) => !onlyOurs.includes(name) && !onlyTheirs.includes(name))
        .join("\n");
    };
    const [ours, theirs] = await both(names);
    expect(ours).toBe(theirs);
  });

  test("INFO chooses the same sections", async () => {
    for (const words of [[], ["default"], ["all"], ["server", "CLIENTS"], ["default", "cpu"]]) {
      const titles = async (client: RespClient): Promise<string> => {
        const text = String(await client.call("INFO", ...words));
        return (text.match(/^# \w+/gm) ?? []).join("\n");
      };
      const [ours, theirs] = await both(titles);
      expect(`${words}: ${ours}`).toBe(`${words}: ${theirs}`);
    }
  });

  test("values that do not depend on time and machine are equal", async () => {
    const volatile =
      /used_|_memory|_human|rss|allocator|fragment|frag|cpu|pid|process_id|run_id|replid|port|uptime|usec|executable|build|gcc|total_|input|output|instant|clock|lru|mem_|keys|buffer|version/;
    const stable = async (client: RespClient): Promise<string> => {
      const fields = infoFields(String(await client.call("INFO", "default")));
      return [...fields]
        .filter(([name]) => !volatile.test(name) && !name.startsWith("errorstat"))
        .filter(([name]) => !/saves?_time|changes|connected|reads|writes|error_repl/.test(name))
        .map(([name, value]) => `${name}:${value}`)
        .join("\n");
    };
    const [ours, theirs] = await both(stable);
    expect(ours).toBe(theirs);
  });
});
