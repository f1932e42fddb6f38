/** Connection commands, authentication, and how the server treats bad input and slow readers. */
import { describe, expect, test } from "bun:test";
import { connect } from "node:net";
import { networkInterfaces } from "node:os";
import { ReplyError, RespClient } from "../support/resp-client.ts";
import { startServer, until } from "../support/server.ts";
import { Shared } from "./support.ts";

const shared = new Shared();

describe("PING, ECHO, HELLO, RESET, QUIT", () => {
  test("answer in RESP2 as Redis does", async () => {
    const client = await shared.server.connect();
    expect(await client.rawCall("PING")).toBe("+PONG\r\n");
    expect(await client.rawCall("PING", "hi")).toBe("$2\r\nhi\r\n");
    expect(await client.rawCall("PING", "a", "b")).toBe(
      "-ERR wrong number of arguments for 'ping' command\r\n",
    );
    expect(await client.rawCall("ECHO", "x\r\ny")).toBe("$4\r\nx\r\ny\r\n");
    client.close();
  });

  test("inline commands, quotes and empty lines", async () => {
    const client = await shared.server.connect();
    client.send('PING\r\n\r\nECHO "a b"\nPING\r\n');
    expect([await client.next(), await client.next(), await client.next()]).toEqual([
      "PONG",
      "a b",
      "PONG",
    ]);
    client.close();
  });

  test("HELLO switches protocols and tells about the server", async () => {
    const client = await shared.server.connect();
    const greeting = (await client.call("HELLO", "3", "SETNAME", "me")) as Map<string, unknown>;
    expect([...greeting.keys()]).toEqual([
      "server",
      "version",
      "proto",
      "id",
      "mode",
      "role",
      "modules",
    ]);
    expect(greeting.get("server")).toBe("redis");
    expect(greeting.get("version")).toBe("7.0.15");
    expect(greeting.get("proto")).toBe(3);
    expect(greeting.get("mode")).toBe("standalone");
    expect(greeting.get("role")).toBe("master");
    expect(await client.call("CLIENT", "GETNAME")).toBe("me");
    expect(await client.rawCall("CLIENT", "SETNAME", "")).toBe("+OK\r\n");
    expect(await client.rawCall("CLIENT", "GETNAME")).toBe("_\r\n");
    expect(await client.rawCall("HELLO", "4")).toBe("-NOPROTO unsupported protocol version\r\n");
    expect(await client.rawCall("HELLO", "x")).toBe(
      "-ERR Protocol version is not an integer or out of range\r\n",
    );
    expect(await client.rawCall("HELLO", "2", "NOPE")).toBe(
      "-ERR Syntax error in HELLO option 'NOPE'\r\n",
    );
    expect(await client.rawCall("RESET")).toBe("+RESET\r\n");
    expect(await client.rawCall("CLIENT", "GETNAME")).toBe("$-1\r\n");
    client.close();
  });

  test("QUIT answers and closes; what follows is not executed", async () => {
    const client = await shared.server.connect();
    client.send("QUIT\r\nECHO late\r\n");
    expect(await client.next()).toBe("OK");
    await client.untilClosed();
    expect(client.leftover).toBe("");
  });
});

describe("authentication", () => {
  test("requirepass: NOAUTH, WRONGPASS, AUTH, HELLO AUTH", async () => {
    const server = await startServer({ args: ["--requirepass", "secret"] });
    const client = await server.connect();
    expect(await client.rawCall("PING")).toBe("-NOAUTH Authentication required.\r\n");
    expect(await client.rawCall("AUTH", "nope")).toBe(
      "-WRONGPASS invalid username-password pair or user is disabled.\r\n",
    );
    expect(await client.rawCall("HELLO", "3")).toStartWith("-NOAUTH HELLO must be called with");
    expect(await client.rawCall("AUTH", "a", "b", "c")).toBe("-ERR syntax error\r\n");
    expect(await client.rawCall("AUTH", "other", "secret")).toStartWith("-WRONGPASS");
    expect(await client.rawCall("AUTH", "secret")).toBe("+OK\r\n");
    expect(await client.rawCall("PING")).toBe("+PONG\r\n");
    expect(await client.rawCall("RESET")).toBe("+RESET\r\n");
    expect(await client.rawCall("PING")).toBe("-NOAUTH Authentication required.\r\n");
    expect(await client.call("HELLO", "3", "AUTH", "default", "secret")).toBeInstanceOf(Map);
    const known = await server.connect();
    expect(await known.call("AUTH", "default", "secret")).toBe("OK");
    expect(await known.call("CONFIG", "SET", "requirepass", "")).toBe("OK");
    const free = await server.connect();
    expect(await free.call("PING")).toBe("PONG");
    await server.stop();
  });

  test("AUTH without a password set", async () => {
    expect(await shared.fails("AUTH", "x")).toBe(
      "ERR AUTH <password> called without any password configured for the default user. " +
        "Are you sure your configuration is correct?",
    );
  });
});

describe("protected mode", () => {
  const outside = Object.values(networkInterfaces())
    .flatMap((list) => list ?? [])
    .find(({ family, internal }) => family === "IPv4" && !internal)?.address;

  test.skipIf(outside === undefined)("refuses strangers while there is no password", async () => {
    const server = await startServer();
    const address = { port: server.port, host: outside ?? "" };
    const stranger = await RespClient.connect(address);
    expect(String(await stranger.next())).toStartWith(
      "ReplyError: DENIED Redis is running in protected mode because protected mode is enabled",
    );
    await stranger.untilClosed();
    const local = await server.connect();
    expect(await local.call("CONFIG", "SET", "protected-mode", "no")).toBe("OK");
    expect(await (await RespClient.connect(address)).call("PING")).toBe("PONG");
    await server.stop();
  });
});

describe("bad input", () => {
  const cases: readonly (readonly [string, string])[] = [
    ["*1\r\n$x\r\n", "-ERR Protocol error: invalid bulk length\r\n"],
    ["*abc\r\n", "-ERR Protocol error: invalid multibulk length\r\n"],
    ["*1\r\nPING\r\n", "-ERR Protocol error: expected '$', got 'P'\r\n"],
    ['ECHO "a\r\n', "-ERR Protocol error: unbalanced quotes in request\r\n"],
    ["*99999999999\r\n", "-ERR Protocol error: invalid multibulk length\r\n"],
  ];
  for (const [input, output] of cases) {
    test(`${JSON.stringify(input)} ends the connection with Redis's error`, async () => {
      const client = await shared.server.connect();
      client.send(input);
      expect(await client.nextRaw()).toBe(output);
      await client.untilClosed();
    });
  }

  test("random bytes on the port leave the server well", async () => {
    const seed = Math.floor(Math.random() * 0x7fffffff);
    for (let round = 0; round < 20; round++) {
      const client = await shared.server.connect();
      const bytes = Buffer.alloc(2000);
      for (let i = 0; i < bytes.length; i++) {
        bytes[i] = Math.imul(seed + round * 4099 + i, 0x9e3779b1) >>> 24;
      }
      client.send(bytes);
      client.close();
    }
    const pong = await shared.call("PING");
    expect(`seed ${seed}: ${pong}`).toBe(`seed ${seed}: PONG`);
  });

  test("unknown commands and subcommands", async () => {
    expect(await shared.fails("NOSUCH", "a", "b")).toBe(
      "ERR unknown command 'NOSUCH', with args beginning with: 'a' 'b' ",
    );
    expect(await shared.fails("CLIENT", "NOSUCH")).toBe(
      "ERR unknown subcommand 'NOSUCH'. Try CLIENT HELP.",
    );
    expect(await shared.fails("CONFIG", "GET")).toBe(
      "ERR wrong number of arguments for 'config|get' command",
    );
  });
});

describe("limits", () => {
  test("maxclients", async () => {
    const server = await startServer({ args: ["--maxclients", "2"] });
    const kept = [await server.connect(), await server.connect()];
    await until(async () => (await kept[0]?.call("PING")) === "PONG");
    const refused = await server.connect();
    expect(String(await refused.next())).toContain("ERR max number of clients reached");
    await refused.untilClosed();
    expect(await kept[0]?.call("INFO", "stats")).toMatch(/rejected_connections:[1-9]/);
    await server.stop();
  });

  test("timeout closes idle clients", async () => {
    const server = await startServer({ args: ["--timeout", "1"] });
    const client = await server.connect();
    expect(await client.call("PING")).toBe("PONG");
    await client.untilClosed(4000);
    await server.stop();
  });

  test("a client that does not read is stopped, not fed without end; others go on", async () => {
    const server = await startServer({ args: ["--enable-debug-command", "yes"] });
    const slow = await server.connect();
    const other = await server.connect();
    const value = "v".repeat(100_000);
    slow.pause();
    const wanted = 2000;
    // 200 MB of replies to 2000 requests that fit one packet.
    slow.send(Buffer.from(`*2\r\n$4\r\nECHO\r\n$100000\r\n${value}\r\n`));
    await other.must("SET", "big", value);
    slow.send("GET big\r\n".repeat(wanted));
    await Bun.sleep(300);
    const listed = String(await other.call("CLIENT", "LIST"));
    const held = Math.max(...[...listed.matchAll(/omem=(\d+)/g)].map((match) => Number(match[1])));
    expect(held).toBeGreaterThan(0);
    expect(held).toBeLessThan(20_000_000);
    slow.resume();
    let got = 0;
    for (let i = 0; i < wanted + 1; i++) {
      if (String(await slow.next()).length === value.length) got++;
    }
    expect(got).toBe(wanted + 1);
    await server.stop();
  }, 20_000);

  test("a client may send a long pipeline before it reads the first reply", async () => {
    const server = await startServer();
    const other = await server.connect();
    await other.must("SET", "k", "v".repeat(1000));
    const count = 100_000;
    const socket = connect({ host: "127.0.0.1", port: server.port });
    socket.pause();
    // 100 MB of replies, far more than all buffers on the way.
    const request = "*2\r\n$3\r\nGET\r\n$1\r\nk\r\n".repeat(count);
    await new Promise((sent) => socket.write(request, sent));
    expect(await other.call("PING")).toBe("PONG");
    let left = count * ("$1000\r\n\r\n".length + 1000);
    await new Promise<void>((done) => {
      socket.on("data", (chunk) => {
        left -= chunk.length;
        if (left <= 0) done();
      });
      socket.resume();
    });
    expect(left).toBe(0);
    socket.destroy();
    await server.stop();
  }, 30_000);

  test("and is let go when it sends more than client-query-buffer-limit meanwhile", async () => {
    const server = await startServer({ args: ["--client-query-buffer-limit", "1mb"] });
    const other = await server.connect();
    await other.must("SET", "k", "v".repeat(1_000_000));
    const socket = connect({ host: "127.0.0.1", port: server.port });
    socket.on("error", () => undefined);
    socket.pause();
    socket.write("GET k\r\n".repeat(1_000_000));
    await server.untilLogged("Closing client that reached max query buffer length", 10_000);
    expect(await other.call("PING")).toBe("PONG");
    socket.destroy();
    await server.stop();
  }, 30_000);

  test("client-output-buffer-limit closes with Redis's log line", async () => {
    const server = await startServer({
      args: ["--client-output-buffer-limit", "normal", "100000", "0", "0"],
    });
    const client = await server.connect();
    await client.must("SET", "big", "v".repeat(90_000));
    client.pause();
    client.send("GET big\r\n".repeat(200));
    await server.untilLogged("scheduled to be closed ASAP for overcoming of output buffer limits.");
    expect(server.log).toMatch(/# Client id=\d+ addr=127\.0\.0\.1:\d+ .*closed ASAP/);
    await server.stop();
  });

  test("client-query-buffer-limit", async () => {
    const server = await startServer({ args: ["--client-query-buffer-limit", "1mb"] });
    const client = await server.connect();
    // Many arguments of a command that is never whole.
    client.send(`*5000\r\n${`$1000\r\n${"x".repeat(1000)}\r\n`.repeat(2000)}`);
    await client.untilClosed();
    await server.untilLogged("reached max query buffer length");
    await server.stop();
  });

  test("a command larger than one read", async () => {
    const value = "z".repeat(3_000_000);
    expect(await shared.call("ECHO", value)).toBe(value);
  });
});

describe("pipelines", () => {
  test("host and engine commands keep their order", async () => {
    const replies = await shared.client.pipeline([
      ["SET", "a", "1"],
      ["PING"],
      ["INCR", "a"],
      ["CLIENT", "GETNAME"],
      ["GET", "a"],
      ["ECHO", "end"],
    ]);
    expect(replies).toEqual(["OK", "PONG", 2, null, "2", "end"]);
  });

  test("host commands inside MULTI", async () => {
    const replies = await shared.client.pipeline([
      ["MULTI"],
      ["SET", "b", "1"],
      ["PING"],
      ["CONFIG", "GET", "maxclients"],
      ["CLIENT", "SETNAME", "a b"],
      ["INCR", "b"],
      ["EXEC"],
    ]);
    const last = replies.at(-1) as unknown[];
    expect(last.slice(0, 3)).toEqual(["OK", "PONG", ["maxclients", "10000"]]);
    expect(last[3]).toBeInstanceOf(ReplyError);
    expect(last[4]).toBe(2);
  });

  test("WAIT inside and outside of MULTI", async () => {
    expect(await shared.call("WAIT", "0", "10")).toBe(0);
    const started = Date.now();
    const other = await shared.server.connect();
    const waiting = other.pipeline([["WAIT", "1", "150"], ["PING"]]);
    expect(await shared.call("PING")).toBe("PONG");
    expect(await waiting).toEqual([0, "PONG"]);
    expect(Date.now() - started).toBeGreaterThanOrEqual(145);
    const replies = await other.pipeline([["MULTI"], ["WAIT", "1", "0"], ["EXEC"]]);
    expect(replies.at(-1)).toEqual([0]);
    expect(await shared.fails("WAIT", "1", "-1")).toBe("ERR timeout is negative");
    other.close();
  });
});

test("many connections at once", async () => {
  const clients: RespClient[] = [];
  for (let i = 0; i < 100; i++) clients.push(await shared.server.connect());
  const replies = await Promise.all(clients.map((client, i) => client.call("ECHO", i)));
  expect(replies).toEqual(clients.map((_, i) => String(i)));
  for (const client of clients) client.close();
});
