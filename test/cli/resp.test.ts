import { describe, expect, test } from "bun:test";
import { RespClient } from "../../src/cli/resp-client.ts";
import { decodeReply, encodeCommand, ReplyError } from "../../src/cli/resp-decode.ts";

const samples: readonly (readonly [string, unknown])[] = [
  ["+OK\r\n", "OK"],
  [":-42\r\n", -42],
  ["$5\r\nhe\r\nl\r\n", "he\r\nl"],
  ["$0\r\n\r\n", ""],
  ["$-1\r\n", null],
  ["*-1\r\n", null],
  ["*0\r\n", []],
  ["*3\r\n$1\r\na\r\n*2\r\n:1\r\n$-1\r\n+x\r\n", ["a", [1, null], "x"]],
];

describe("decodeReply", () => {
  test.each(samples)("%j", (text, value) => {
    const bytes = Buffer.from(text);
    expect(decodeReply(bytes, 0)).toEqual({ value: value as never, next: bytes.length });
    for (let cut = 0; cut < bytes.length; cut += 1) {
      expect(decodeReply(bytes.subarray(0, cut), 0)).toBeUndefined();
    }
  });

  test("gives errors as values, with their code", () => {
    const error = decodeReply(Buffer.from("-MOVED 1 a:1\r\n"), 0)?.value;
    expect(error).toBeInstanceOf(ReplyError);
    expect(error).toMatchObject({ message: "MOVED 1 a:1", code: "MOVED" });
  });

  test.each(["!x\r\n", "$99999999999\r\n", "*x\r\n", `${"*1\r\n".repeat(40)}:1\r\n`])(
    "refuses %j",
    (text) => expect(() => decodeReply(Buffer.from(text), 0)).toThrow("RESP"),
  );
});

test("encodeCommand counts bytes, not characters", () => {
  expect(encodeCommand(["SET", "é"])).toBe("*2\r\n$3\r\nSET\r\n$2\r\né\r\n");
});

describe("RespClient", () => {
  /** A server that answers each packet it gets with the next of the texts, byte by byte. */
  function listen(...answers: string[]): { port: number; stop: () => void } {
    const listener = Bun.listen({
      hostname: "127.0.0.1",
      port: 0,
      socket: {
        async data(socket) {
          for (const byte of Buffer.from(answers.shift() ?? "")) {
            socket.write(new Uint8Array([byte]));
            await Bun.sleep(0);
          }
        },
      },
    });
    return { port: listener.port, stop: () => listener.stop(true) };
  }

  test("hands replies out in order", async () => {
    const server = listen("+one\r\n$3\r\ntwo\r\n-ERR three\r\n");
    const client = await RespClient.connect({ host: "127.0.0.1", port: server.port });
    const replies = await Promise.all(["A", "B", "C"].map((name) => client.send([name])));
    expect(replies.slice(0, 2)).toEqual(["one", "two"]);
    expect(replies[2]).toBeInstanceOf(ReplyError);
    client.close();
    expect(client.isOpen).toBe(false);
    expect(client.send(["D"])).rejects.toThrow("closed");
    server.stop();
  });

  test("names the server and the command in an error", async () => {
    const server = listen("-ERR no\r\n");
    const client = await RespClient.connect({ host: "127.0.0.1", port: server.port });
    expect(client.call("CLUSTER", "MEET", "x")).rejects.toThrow(
      `127.0.0.1:${server.port} answered CLUSTER MEET: ERR no`,
    );
    await Bun.sleep(20);
    client.close();
    server.stop();
  });

  test("gives up on a server that keeps silent, and on one that is not there", async () => {
    const server = listen();
    const client = await RespClient.connect({
      host: "127.0.0.1",
      port: server.port,
      timeoutMs: 50,
    });
    expect(client.send(["PING"])).rejects.toThrow("did not answer PING in 50 ms");
    await Bun.sleep(80);
    server.stop();
    expect(RespClient.connect({ host: "127.0.0.1", port: server.port })).rejects.toThrow(
      "cannot connect",
    );
  });
});
