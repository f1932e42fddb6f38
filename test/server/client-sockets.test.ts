/** Clients' sockets under both loops: our own, and the runtime's where ours cannot be had. */

import { describe, expect, test } from "bun:test";
import { readdirSync, readlinkSync } from "node:fs";
import { connect, type Socket } from "node:net";
import { until } from "../support/server.ts";
import { Shared } from "./support.ts";

function tests(shared: Shared): void {
  async function clientCount(): Promise<number> {
    return String(await shared.call("CLIENT", "LIST"))
      .trim()
      .split("\n").length;
  }

  /** Opens a connection, sends `text`, and answers what comes until the end. */
  function exchange(text: string): { readonly socket: Socket; readonly all: Promise<string> } {
    const socket = connect({ port: shared.server.port, host: "127.0.0.1", allowHalfOpen: true });
    const parts: string[] = [];
    socket.setEncoding("latin1");
    socket.on("data", (part: string) => parts.push(part));
    const all = new Promise<string>((resolve, reject) => {
      socket.on("end", () => {
        socket.end();
        resolve(parts.join(""));
      });
      socket.on("error", reject);
    });
    socket.write(text);
    return { socket, all };
  }

  test("large values in both directions", async () => {
    const value = "0123456789abcdef".repeat(1 << 19);
    expect(await shared.call("SET", "large", value)).toBe("OK");
    expect(await shared.call("GET", "large")).toBe(value);
    await shared.call("DEL", "large");
  });

  test("a long pipeline, and replies that nobody reads for a while", async () => {
    const { client } = shared;
    await client.call("SET", "wide", "w".repeat(10_000));
    const replies = client.pipeline(Array.from({ length: 2000 }, () => ["GET", "wide"]));
    client.pause();
    await Bun.sleep(50);
    client.resume();
    expect(new Set(await replies)).toEqual(new Set(["w".repeat(10_000)]));
  });

  test("QUIT behind a large reply", async () => {
    await shared.call("SET", "wide", "w".repeat(3_000_000));
    const { all } = exchange("GET wide\r\nQUIT\r\nPING\r\n");
    expect((await all).length).toBe("$3000000\r\n\r\n+OK\r\n".length + 3_000_000);
  });

  test("the end of the input comes with commands", async () => {
    const { socket, all } = exchange("PING\r\n".repeat(1000));
    socket.end();
    expect(await all).toBe("+PONG\r\n".repeat(1000));
  });

  test("a client that is killed, and one that waits for a key until its time is over", async () => {
    const { all, socket } = exchange("CLIENT ID\r\n");
    const id = await new Promise<string>((resolve) => socket.once("data", resolve));
    const waiting = exchange("BLPOP nothing 0.05\r\nQUIT\r\n");
    expect(await waiting.all).toBe("*-1\r\n+OK\r\n");
    expect(await shared.call("CLIENT", "KILL", "ID", id.slice(1).trim())).toBe(1);
    expect(await all).toBe(id);
  });

  for (const command of ["WAIT 1 0", "BLPOP nothing 0"]) {
    test(`the connection of a client in ${command} ends`, async () => {
      const before = await clientCount();
      const { socket } = exchange(`${command}\r\n`);
      await untilCount(before + 1);
      socket.destroy();
      await untilCount(before);
    });
  }

  test("the connection of a client that CLIENT PAUSE holds up ends", async () => {
    const before = await clientCount();
    await shared.call("CLIENT", "PAUSE", "60000", "WRITE");
    const { socket } = exchange("SET held up\r\n");
    await untilCount(before + 1);
    socket.destroy();
    await untilCount(before);
    await shared.call("CLIENT", "UNPAUSE");
    expect(await shared.call("EXISTS", "held")).toBe(0);
  });

  async function untilCount(wanted: number): Promise<void> {
    let count = -1;
    const reached = async (): Promise<boolean> => {
      count = await clientCount();
      return count === wanted;
    };
    await until(reached, 3000, () => `${wanted} clients; there are ${count}`);
  }
}

/** A server with a loop of its own waits in two epoll instances. */
function epollCount(pid: number): number {
  const links = readdirSync(`/proc/${pid}/fd`).map((name) => {
    try {
      return readlinkSync(`/proc/${pid}/fd/${name}`);
    } catch {
      return "";
    }
  });
  return links.filter((link) => link === "anon_inode:[eventpoll]").length;
}

describe("in our own loop", () => {
  const shared = new Shared();
  test("there is one", () => expect(epollCount(shared.server.pid)).toBe(2));
  tests(shared);

  test("a client that waits ends though much of its input is not read", async () => {
    const socket = connect({ port: shared.server.port, host: "127.0.0.1" });
    socket.write(`BLPOP nothing 0\r\n${"PING\r\n".repeat(30_000)}`);
    const blocked = async (): Promise<boolean> =>
      String(await shared.call("INFO", "clients")).includes("blocked_clients:1");
    await until(blocked, 3000, () => "the client waits");
    socket.end();
    await until(
      async () => !(await blocked()),
      3000,
      () => "the client has gone",
    );
  });
});

describe("in the runtime's loop", () => {
  const shared = new Shared({ preload: `${import.meta.dir}/runtime-loop.ts` });
  test("there is no other", () => expect(epollCount(shared.server.pid)).toBe(1));
  tests(shared);
});
