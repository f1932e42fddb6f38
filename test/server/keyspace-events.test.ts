/** Keyspace notifications: the same commands bring the same events in the same order as from redis-server. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { describeWithTools } from "../support/oracle.ts";
import type { Reply, RespClient } from "../support/resp-client.ts";
import { startServer, type TestServer, until } from "../support/server.ts";
import { RawConnection } from "./raw-connection.ts";

/** Each line is a command; `~ n` waits n milliseconds. */
const lines = `
DEBUG SET-ACTIVE-EXPIRE 0
SET a 1
SET a 2
SET a 3 EX 100
SET a 4 KEEPTTL
SET a 5 NX
SET b 5 XX
SET b 5 NX GET
SET b 6 GET PX 100000
SETNX a 1
SETNX c 1
SETEX c 100 x
PSETEX d 100000 x
GETSET a z
GETSET e z
GET none
GET a
MGET a none b gone
STRLEN none
GETRANGE none 0 1
LCS a none
GETDEL none
GETDEL e
GETEX none
GETEX a
GETEX a EX 100
GETEX a PERSIST
GETEX a PERSIST
GETEX a EXAT 1
MSET a 1 m1 2 m2 3
MSETNX m1 1 m9 1
MSETNX m3 1 m4 1
INCR n
DECR n
INCRBY n 5
DECRBY n2 5
INCRBYFLOAT n 1.5
INCRBYFLOAT n3 1.5
INCR m9x
INCR c
APPEND p x
APPEND p y
SETRANGE p 4 z
SETRANGE q 4 z
SETRANGE r 0
EXISTS a none
TYPE none
TTL none
PTTL a
EXPIRETIME none
TOUCH none a
OBJECT ENCODING none
OBJECT ENCODING a
DUMP none
EXPIRE none 10
EXPIRE a 100
EXPIRE a 50 GT
PEXPIRE a 100000
EXPIREAT a 9999999999
PEXPIREAT a 9999999999000
PERSIST a
PERSIST a
EXPIRE m1 -1
PEXPIREAT m2 1
RENAME a b
RENAME none b
RENAMENX b c
RENAMENX b fresh
RENAME fresh fresh
COPY fresh copy
COPY fresh copy
COPY fresh copy REPLACE
COPY none copy REPLACE
COPY fresh other DB 3
MOVE copy 3
MOVE copy 3
SELECT 3
MOVE other 0
SET in3 1 PX 100000
DEL in3 none copy
SELECT 0
UNLINK other fresh none
DEL none
RESTORE rest 0 \\x00\\x01x\\x0a\\x00XXXXXXXX
MULTI
SET t 1
GET none
INCR t
DEL t
EXEC
SET lazy v PX 1
~ 20
GET lazy
SET lazy v PX 1
~ 20
SET lazy w
SET lazy v PX 1
~ 20
DEL lazy
SET lazy v PX 1
~ 20
EXISTS lazy
SET l1 v PX 1
SET l2 v
~ 20
RENAME l2 l1
SET l3 v PX 1
~ 20
COPY l3 l4
RANDOMKEY
KEYS l*
FLUSHDB
FLUSHALL
SET s 1
SWAPDB 0 1
CONFIG SET notify-keyspace-events K$
SET k1 v EX 100
DEL k1
CONFIG SET notify-keyspace-events Egx
SET k1 v EX 100
DEL k1
CONFIG SET notify-keyspace-events gx$
SET k1 v EX 100
CONFIG SET notify-keyspace-events KEn
SET k1 v EX 100
SET k2 v EX 100
RENAME k2 k3
CONFIG SET notify-keyspace-events KEm
GET none
SET k1 v
CONFIG SET notify-keyspace-events KEA
SET k4 v
GET none
DEBUG SET-ACTIVE-EXPIRE 1
CONFIG SET notify-keyspace-events KEAmn
`
  .trim()
  .split("\n");

const typedLines = `
DEBUG SET-ACTIVE-EXPIRE 0
ZADD z 1 a 2 b
ZADD z 1 a
ZADD z XX 3 a
ZADD z CH 4 a
ZADD z INCR 1 a
ZADD z NX INCR 1 a
ZADD none XX 1 a
ZINCRBY z 1 a
ZRANGE none 0 -1
ZRANGESTORE zr z 0 -1
ZRANGESTORE zr none 0 -1
ZRANGESTORE zr none 0 -1
ZUNIONSTORE zu 2 z none
ZUNIONSTORE zu 1 none
ZINTERSTORE zi 2 z z
ZDIFFSTORE zd 2 z none
ZDIFFSTORE zd 2 none z
ZREM z none
ZREM z a
ZREMRANGEBYRANK z 5 6
ZREMRANGEBYRANK z 0 -1
ZADD z 1 a 2 b 3 c
ZREMRANGEBYSCORE z 1 1
ZREMRANGEBYLEX z [b [b
ZPOPMIN z
ZADD z 1 a 2 b 3 c
ZPOPMAX z 2
ZMPOP 2 none z MIN COUNT 5
ZPOPMIN none
ZSCORE none a
ZRANK none a
ZCARD none
XADD x NOMKSTREAM 1-1 f v
XADD x 1-1 f v
XADD x MAXLEN = 1 1-2 f v
XADD x 0-1 f v
XTRIM x MAXLEN 0
XTRIM x MAXLEN 0
XADD x 2-1 f v
XADD x 2-2 f v
XGROUP CREATE x g 0
XGROUP CREATE new g $ MKSTREAM
XGROUP CREATECONSUMER x g c
XGROUP CREATECONSUMER x g c
XREADGROUP GROUP g d COUNT 1 STREAMS x >
XREADGROUP GROUP g d COUNT 1 STREAMS x 0
XREADGROUP GROUP g e NOACK STREAMS x >
XCLAIM x g f 0 2-1
XAUTOCLAIM x g h 0 0
XACK x g 2-1
XGROUP SETID x g 0
XGROUP DELCONSUMER x g d
XGROUP DELCONSUMER x g d
XGROUP DESTROY x g
XGROUP DESTROY x g
XDEL x 9-9
XDEL x 2-1
XSETID x 5-5
XLEN none
XRANGE none - +
XREAD STREAMS none 0
XINFO STREAM none
XPENDING none g
SORT none
SORT z STORE none
RPUSH l 3 1 2
SORT l STORE l2
SORT none STORE l2
RENAME x y
COPY z z2
DEL y
DEBUG SET-ACTIVE-EXPIRE 1
`
  .trim()
  .split("\n");

describeWithTools(["redis-server"], "keyspace notifications equal redis-server's", () => {
  const servers: TestServer[] = [];

  beforeAll(async () => {
    const args = ["--notify-keyspace-events", "KEAmn", "--enable-debug-command", "yes"];
    servers.push(await startServer({ args }), await startServer({ real: true, args }));
  });
  afterAll(async () => {
    for (const server of servers) await server.stop();
  });

  test("of the commands on strings and on keys of any type", async () => {
    const [ours, theirs] = await Promise.all(servers.map((server) => eventsOf(server, lines)));
    for (const [index, line] of lines.entries()) {
      expect(`${line}: ${ours?.[index]}`).toBe(`${line}: ${theirs?.[index]}`);
    }
  });

  test("of the commands on sorted sets and streams", async () => {
    const [ours, theirs] = await Promise.all(servers.map((server) => eventsOf(server, typedLines)));
    for (const [index, line] of typedLines.entries()) {
      expect(`${line}: ${ours?.[index]}`).toBe(`${line}: ${theirs?.[index]}`);
    }
  });

  test("of RESTORE", async () => {
    const [ours, theirs] = await Promise.all(
      servers.map(async (server) => {
        const client = await server.connect({ binary: true });
        await client.must("SET", "source", "value");
        const payload = (await client.must("DUMP", "source")) as Uint8Array;
        const listener = await Events.open(server);
        await listener.take();
        await client.must("RESTORE", "target", 0, payload);
        await client.must("RESTORE", "target", 100_000, payload, "REPLACE");
        await client.must("RESTORE", "target", 1, payload, "REPLACE", "ABSTTL");
        await client.must("RESTORE", "target", 1, payload, "REPLACE", "ABSTTL");
        const events = await listener.take();
        listener.close();
        client.close();
        return events;
      }),
    );
    expect(ours).toBe(theirs as string);
    expect(ours).toContain("restore");
  });

  test("of keys that expire with nobody asking for them", async () => {
    const [ours, theirs] = await Promise.all(
      servers.map(async (server) => {
        const listener = await Events.open(server);
        const client = await server.connect();
        await client.must("SELECT", 5);
        await client.must("SET", "soon", "v", "PX", 5);
        await Bun.sleep(400);
        const events = await listener.take();
        listener.close();
        client.close();
        return events;
      }),
    );
    expect(ours).toBe(theirs as string);
    expect(ours).toContain("__keyevent@5__:expired soon");
  });

  test("of clients that were blocked", async () => {
    const scripts = [
      ["BLPOP k 0", "RPUSH k a b"],
      ["BRPOP none k 0", "LPUSH k a"],
      ["BLMOVE k to LEFT RIGHT 0", "RPUSH k a b"],
      ["BRPOPLPUSH k to 0", "MULTI", "RPUSH k a", "RPUSH k b", "SET x 1", "EXEC"],
      ["BLMPOP 0 2 none k LEFT COUNT 2", "RPUSH k a b c"],
      ["BZPOPMIN k 0", "ZADD k 1 a"],
      ["BZPOPMAX none k 0", "ZADD k 1 a 2 b"],
      ["BZMPOP 0 1 k MIN COUNT 2", "ZADD k 1 a 2 b 3 c"],
      ["XREAD BLOCK 0 STREAMS k $", "XADD k 1-1 f v"],
      ["BLPOP k 0", "RPUSH other a", "RENAME other k"],
      ["BLPOP k 0.5", "SET x 2"],
    ];
    const [ours, theirs] = await Promise.all(
      servers.map(async (server) => {
        const listener = await Events.open(server);
        const client = await server.connect();
        const told: string[] = [];
        for (const [waits = "", ...lines] of scripts) {
          const blocked = await server.connect();
          const reply = blocked.call(...waits.split(" "));
          await until(async () =>
            String(await client.must("INFO", "clients")).includes("blocked_clients:1"),
          );
          for (const line of lines) await client.call(...line.split(" "));
          await reply;
          told.push(`${waits}: ${await listener.take()}`);
          await client.must("DEL", "k", "to", "x", "other");
          await listener.take();
          blocked.close();
        }
        listener.close();
        client.close();
        return told;
      }),
    );
    expect(ours).toEqual(theirs as string[]);
  }, 20_000);

  test("a subscriber hears of its own commands in order with their replies", async () => {
    const heard = await Promise.all(
      servers.map(async (server) => {
        const client = new RawConnection();
        await client.open(server.port);
        await client.say("HELLO 3");
        const own = [
          "PSUBSCRIBE __key*",
          "SET x 1",
          "GET x",
          "PING",
          "INCR x",
          "GET none",
          "DEL x",
        ];
        const text = await client.sayAll([...own, "PUNSUBSCRIBE", "SET x 1", "DEL x"]);
        client.close();
        return text.replaceAll("\r\n", "|");
      }),
    );
    expect(heard[0]).toBe(heard[1] as string);
  });

  test("which commands tell a subscriber of themselves behind their reply", async () => {
    const script = `
      SET a 1; SET a 1 GET; SET new 1 GET; GETSET a 2; GETSET fresh 1; APPEND a x; GETEX a EX 100; GETEX a PERSIST;
      GETEX a EXAT 1; GETDEL new; SETEX a 9 1; MSET a 1 b 2; INCR n; INCRBYFLOAT n 1.5; SETBIT bits 1 1;
      BITFIELD bits SET u8 0 1; BITFIELD field SET u8 0 1; EXPIRE a 100; PEXPIREAT a 99999999999999; PERSIST a;
      EXPIREAT a 1; RENAME b c; COPY c d; DEL c d; RPUSH l 1 2 3 4 5 6 7 8 9; LPUSH l 0; LPUSHX l 0; RPUSHX l 9;
      LINSERT l BEFORE 5 4; LSET l 0 x; LTRIM l 0 8; LREM l 1 3; LPOP l; RPOP l 2; LMPOP 1 l LEFT; LMOVE l m LEFT RIGHT;
      RPOPLPUSH l m; BLMOVE l m LEFT LEFT 0; BRPOPLPUSH l m 0; BLPOP m 0; BRPOP m 0; BLMPOP 0 1 m LEFT; LPOP m;
      RPUSH one 1; LMOVE one one LEFT LEFT; LPOP one; SADD s 1; SPOP s; SADD s 1 2 3; SMOVE s t 1; SREM s 2;
      SINTERSTORE u s s; SUNIONSTORE u s t; SDIFFSTORE u s t; SINTERSTORE u s none; SPOP s 9; HSET h a 1 b 2;
      HSETNX h c 3; HMSET h d 4; HINCRBY h a 1; HINCRBYFLOAT h a 1.5; HDEL h a b c d; ZADD z 1 a 2 b 3 c;
      ZADD z INCR 1 a; ZINCRBY z 1 a; ZREM z a; ZREMRANGEBYRANK z 0 0; ZADD y 1 a; ZUNIONSTORE x 1 y;
      ZINTERSTORE x 2 y z; ZDIFFSTORE x 1 y; ZRANGESTORE x y 0 -1;
      ZRANGESTORE x none 0 -1; SORT t STORE x; SORT none STORE x; ZUNIONSTORE x 1 y; ZDIFFSTORE x 1 none; GEOADD g 1 1 a;
      GEOSEARCHSTORE f none FROMLONLAT 1 1 BYRADIUS 9 km;
      GEOSEARCHSTORE f g FROMMEMBER a BYRADIUS 9 km; PFADD p a; XADD xs 1-1 a 1; XADD xs MAXLEN 1 2-1 a 1;
      XGROUP CREATE xs gr 0; XGROUP CREATE new gr 0 MKSTREAM; XGROUP CREATECONSUMER xs gr c; XGROUP SETID xs gr 0;
      XGROUP DELCONSUMER xs gr c; XGROUP DESTROY xs gr; XSETID xs 9-1; XDEL xs 2-1; XTRIM xs MAXLEN 0; FLUSHDB`;
    const heard = await Promise.all(
      servers.map(async (server) => {
        const control = await server.connect();
        await control.must("FLUSHALL");
        const settings = String(await control.must("CONFIG", "GET", "notify-keyspace-events"));
        await control.must("CONFIG", "SET", "notify-keyspace-events", "AKEn");
        const client = new RawConnection();
        await client.open(server.port);
        await client.say("HELLO 3");
        await client.say("PSUBSCRIBE __keyevent*");
        const text = await client.sayAll(script.split(";").map((line) => line.trim()));
        client.close();
        await control.must("CONFIG", "SET", "notify-keyspace-events", settings.split(",")[1] ?? "");
        control.close();
        return text.replaceAll("\r\n", "|").replaceAll(">4|", "\n>4|").split("\n");
      }),
    );
    expect(heard[0]).toEqual(heard[1] as string[]);
    expect(heard[0]?.length).toBeGreaterThan(100);
  });
});

/** What each line brought to a client that listens to everything. */
async function eventsOf(server: TestServer, commands: readonly string[]): Promise<string[]> {
  const client = await server.connect();
  const listener = await Events.open(server);
  const told: string[] = [];
  for (const line of commands) {
    const words = line.split(" ");
    if (words[0] === "~") await Bun.sleep(Number(words[1]));
    else await client.call(...words);
    told.push(await listener.take());
  }
  client.close();
  listener.close();
  return told;
}

class Events {
  private marks = 0;

  private constructor(
    private readonly client: RespClient,
    private readonly publisher: RespClient,
  ) {}

  static async open(server: TestServer): Promise<Events> {
    const client = await server.connect();
    await client.must("PSUBSCRIBE", "__key*__:*");
    return new Events(client, await server.connect());
  }

  /** Everything up to now. */
  async take(): Promise<string> {
    const mark = String(++this.marks);
    await this.publisher.must("PUBLISH", "__key__:mark", mark);
    const events: string[] = [];
    for (;;) {
      const [, , channel, message] = (await this.client.next()) as Reply[];
      if (channel === "__key__:mark") {
        if (message === mark) return events.join(", ");
      } else events.push(`${channel} ${message}`);
    }
  }

  close(): void {
    this.client.close();
    this.publisher.close();
  }
}
