/** CLIENT and its subcommands. */
import { describe, expect, test } from "bun:test";
import { ReplyError, type RespClient } from "../support/resp-client.ts";
import { until } from "../support/server.ts";
import { Shared } from "./support.ts";

const shared = new Shared();

async function idOf(client: RespClient): Promise<number> {
  return (await client.must("CLIENT", "ID")) as number;
}

describe("CLIENT", () => {
  test("ID, SETNAME, GETNAME, SETINFO, INFO", async () => {
    const client = await shared.server.connect();
    const id = await idOf(client);
    expect(id).toBeGreaterThan(0);
    expect(await client.call("CLIENT", "GETNAME")).toBeNull();
    expect(await client.call("CLIENT", "SETNAME", "worker")).toBe("OK");
    expect(await client.call("CLIENT", "SETNAME", "a b")).toEqual(
      new ReplyError("ERR Client names cannot contain spaces, newlines or special characters."),
    );
    expect(await client.call("CLIENT", "SETINFO", "lib-name", "test")).toBe("OK");
    expect(await client.call("CLIENT", "SETINFO", "LIB-VER", "1.0")).toBe("OK");
    expect(await client.call("CLIENT", "SETINFO", "what", "1.0")).toEqual(
      new ReplyError("ERR Unrecognized option 'what'"),
    );
    await client.call("SELECT", "3");
    const line = String(await client.call("CLIENT", "INFO"));
    expect(line).toStartWith(`id=${id} addr=127.0.0.1:`);
    expect(line).toContain(` laddr=127.0.0.1:${shared.server.port} fd=`);
    expect(line).toContain(" name=worker age=0 idle=0 flags=N db=3 sub=0 psub=0 ssub=0 multi=-1 ");
    expect(line).toEndWith(
      " events=r cmd=client|info user=default redir=-1 resp=2 lib-name=test lib-ver=1.0\n",
    );
    client.close();
  });

  test("the fields of CLIENT LIST come in Redis's order", async () => {
    const line = String(await shared.call("CLIENT", "LIST")).split("\n")[0] ?? "";
    expect(line.split(" ").map((field) => field.split("=")[0])).toEqual([
      ..."id addr laddr fd name age idle flags db sub psub ssub multi qbuf qbuf-free".split(" "),
      ..."argv-mem multi-mem rbs rbp obl oll omem tot-mem events cmd user redir resp".split(" "),
      "lib-name",
      "lib-ver",
    ]);
  });

  test("LIST by type and by id", async () => {
    const own = await idOf(shared.client);
    const other = await shared.server.connect();
    const second = await idOf(other);
    const both = String(await shared.call("CLIENT", "LIST", "ID", own, second, 99_999));
    expect(both.trim().split("\n")).toHaveLength(2);
    expect(String(await shared.call("CLIENT", "LIST", "TYPE", "normal"))).toContain(`id=${own} `);
    expect(await shared.call("CLIENT", "LIST", "TYPE", "replica")).toBe("");
    expect(await shared.fails("CLIENT", "LIST", "TYPE", "x")).toBe("ERR Unknown client type 'x'");
    expect(await shared.fails("CLIENT", "LIST", "ID", "x")).toBe("ERR Invalid client ID");
    expect(await shared.fails("CLIENT", "LIST", "WHAT")).toBe("ERR syntax error");
    other.close();
  });

  test("KILL, old form and filters", async () => {
    const victims = [await shared.server.connect(), await shared.server.connect()];
    const [first, second] = victims as [RespClient, RespClient];
    const info = String(await first.call("CLIENT", "INFO"));
    const address = /addr=(\S+)/.exec(info)?.[1] ?? "";
    expect(await shared.fails("CLIENT", "KILL", "1.2.3.4:5")).toBe("ERR No such client");
    expect(await shared.call("CLIENT", "KILL", address)).toBe("OK");
    await first.untilClosed();
    const id = await idOf(second);
    expect(await shared.call("CLIENT", "KILL", "ID", id, "TYPE", "replica")).toBe(0);
    expect(await shared.call("CLIENT", "KILL", "ID", id)).toBe(1);
    await second.untilClosed();
    expect(await shared.fails("CLIENT", "KILL", "ID", "0")).toBe(
      "ERR client-id should be greater than 0",
    );
    expect(await shared.fails("CLIENT", "KILL", "USER", "nobody")).toBe(
      "ERR No such user 'nobody'",
    );
    expect(await shared.fails("CLIENT", "KILL", "ID", "1", "TYPE")).toBe("ERR syntax error");
  });

  test("KILL SKIPME no ends the caller after its reply", async () => {
    const client = await shared.server.connect();
    const id = await idOf(client);
    expect(await client.call("CLIENT", "KILL", "ID", id, "SKIPME", "yes")).toBe(0);
    expect(await client.call("CLIENT", "KILL", "ID", id, "SKIPME", "no")).toBe(1);
    await client.untilClosed();
  });

  test("REPLY OFF, SKIP and ON", async () => {
    const client = await shared.server.connect();
    client.send("CLIENT REPLY OFF\r\nPING\r\nSET a b\r\nCLIENT REPLY ON\r\n");
    expect(await client.next()).toBe("OK");
    client.send("CLIENT REPLY SKIP\r\nECHO lost\r\nECHO kept\r\n");
    expect(await client.next()).toBe("kept");
    expect(client.leftover).toBe("");
    client.close();
  });

  test("NO-EVICT", async () => {
    const client = await shared.server.connect();
    expect(await client.call("CLIENT", "NO-EVICT", "on")).toBe("OK");
    expect(String(await client.call("CLIENT", "INFO"))).toContain(" flags=e ");
    expect(await client.call("CLIENT", "NO-EVICT", "maybe")).toBeInstanceOf(ReplyError);
    client.close();
  });

  test("PAUSE WRITE holds what tells replicas something without being a write", async () => {
    await shared.call("PFADD", "pf", "a");
    expect(await shared.call("CLIENT", "PAUSE", "10000", "WRITE")).toBe("OK");
    const commands = [
      ["PFCOUNT", "pf"],
      ["PUBLISH", "channel", "message"],
      ["SPUBLISH", "channel", "message"],
    ];
    const clients = await Promise.all(commands.map(() => shared.server.connect()));
    const replies = clients.map((client, at) => client.call(...(commands[at] as string[])));
    await until(async () => (await shared.info("clients")).get("blocked_clients") === "3");
    await shared.call("CLIENT", "UNPAUSE");
    expect(await Promise.all(replies)).toEqual([1, 0, 0]);
    for (const client of clients) client.close();
  });

  test("a reply beyond client-output-buffer-limit closes the client instead", async () => {
    await shared.call("SETRANGE", "long", 200_000, "x");
    await shared.call("CONFIG", "SET", "client-output-buffer-limit", "normal 100000 0 0");
    const client = await shared.server.connect();
    expect(await client.call("GETRANGE", "long", "0", "10")).toBe("\0".repeat(11));
    expect(await client.call("GET", "long").catch(String)).toContain("closed");
    await shared.call("CONFIG", "SET", "client-output-buffer-limit", "normal 0 0 0");
    await shared.server.untilLogged(
      "scheduled to be closed ASAP for overcoming of output buffer limits",
    );
    await shared.call("DEL", "long");
  });

  test("PAUSE WRITE holds writes only; UNPAUSE lets them go on in order", async () => {
    const writer = await shared.server.connect();
    expect(await shared.call("CLIENT", "PAUSE", "10000", "WRITE")).toBe("OK");
    let done = false;
    const writing = writer
      .pipeline([
        ["SET", "paused", "1"],
        ["INCR", "paused"],
      ])
      .then((replies) => {
        done = true;
        return replies;
      });
    expect(await shared.call("GET", "nothing")).toBeNull();
    await Bun.sleep(50);
    expect(done).toBe(false);
    expect(await shared.call("CLIENT", "UNPAUSE")).toBe("OK");
    expect(await writing).toEqual(["OK", 2]);
    writer.close();
  });

  test("UNPAUSE twice in one pipeline does not let a client go on that waits again", async () => {
    const writer = await shared.server.connect();
    await shared.call("CLIENT", "PAUSE", "10000", "WRITE");
    const writing = writer.pipeline([["SET", "paused", "1"], ["WAIT", "1", "300"], ["PING"]]);
    await Bun.sleep(50);
    const unpause = ["CLIENT", "UNPAUSE"];
    expect(await shared.client.pipeline([unpause, unpause])).toEqual(["OK", "OK"]);
    expect(await writing).toEqual(["OK", 0, "PONG"]);
    writer.close();
  });

  test("PAUSE ends by itself", async () => {
    const started = Date.now();
    expect(await shared.call("CLIENT", "PAUSE", "120")).toBe("OK");
    expect(await shared.call("PING")).toBe("PONG");
    expect(Date.now() - started).toBeGreaterThanOrEqual(115);
    expect(await shared.fails("CLIENT", "PAUSE", "x")).toBe(
      "ERR timeout is not an integer or out of range",
    );
    expect(await shared.fails("CLIENT", "PAUSE", "1", "SOME")).toBe(
      "ERR CLIENT PAUSE mode must be WRITE or ALL",
    );
  });

  test("who is killed still gets the replies that were sent before", async () => {
    const reader = await shared.server.connect();
    const id = await idOf(reader);
    await shared.call("SETRANGE", "big", 1_500_000, "x");
    reader.pause();
    const reading = reader.call("GET", "big");
    await Bun.sleep(50);
    expect(await shared.call("CLIENT", "KILL", "ID", id)).toBe(1);
    reader.resume();
    expect(String(await reading)).toHaveLength(1_500_001);
    await shared.call("DEL", "big");
  });

  test("a paused client that leaves is forgotten", async () => {
    const writer = await shared.server.connect();
    const id = await idOf(writer);
    await shared.call("CLIENT", "PAUSE", "5000", "WRITE");
    writer.send("SET x y\r\n");
    await Bun.sleep(30);
    expect(await shared.call("CLIENT", "KILL", "ID", id)).toBe(1);
    await shared.call("CLIENT", "UNPAUSE");
    await until(async () => !String(await shared.call("CLIENT", "LIST")).includes(`id=${id} `));
    expect(await shared.call("EXISTS", "x")).toBe(0);
  });

  test("HELP", async () => {
    const lines = (await shared.call("CLIENT", "HELP")) as string[];
    expect(lines[0]).toBe("CLIENT <subcommand> [<arg> [value] [opt] ...]. Subcommands are:");
    expect(lines.at(-1)).toBe("    Prints this help.");
  });
});
