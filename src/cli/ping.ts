/** `atoll ping`: asks a server whether it is well; what a container's health check runs. */
import { parseArgs } from "node:util";
import { RespClient } from "./resp-client.ts";
import { ReplyError } from "./resp-decode.ts";

const TIMEOUT_MS = 3_000;

const HELP = `usage: atoll ping [-h host] [-p port] [-a password]

Sends PING. Exit code 0 when the server answers PONG, 1 when it does not.
Without -p the port is that of ATOLL_PORT in the environment, or 6379; without -a the password is
that of REDISCLI_AUTH.
`;

/** Exit code: 0 after PONG, else 1 with one line on standard error. */
export async function ping(argv: readonly string[]): Promise<number> {
  let values: ReturnType<typeof parse>;
  try {
    values = parse(argv);
  } catch (error) {
    process.stderr.write(`atoll ping: ${messageOf(error)}\n${HELP}`);
    return 1;
  }
  if (values.help) {
    process.stdout.write(HELP);
    return 0;
  }
  const port = Number(values.port);
  if (!Number.isInteger(port) || port < 1 || port > 65_535) {
    process.stderr.write(`atoll ping: not a port: "${values.port}"\n`);
    return 1;
  }
  const problem = await ask(values.host, port, values.password ?? process.env["REDISCLI_AUTH"]);
  if (problem === undefined) {
    process.stdout.write("PONG\n");
    return 0;
  }
  process.stderr.write(`atoll ping: ${problem}\n`);
  return 1;
}

function parse(argv: readonly string[]) {
  return parseArgs({
    args: [...argv],
    options: {
      host: { type: "string", short: "h", default: "127.0.0.1" },
      port: { type: "string", short: "p", default: process.env["ATOLL_PORT"] ?? "6379" },
      password: { type: "string", short: "a" },
      help: { type: "boolean" },
    },
  }).values;
}

async function ask(
  host: string,
  port: number,
  password: string | undefined,
): Promise<string | undefined> {
  let client: RespClient | undefined;
  try {
    client = await RespClient.connect({ host, port, timeoutMs: TIMEOUT_MS });
    if (password !== undefined && password !== "") await client.call("AUTH", password);
    const reply = await client.send(["PING"]);
    if (reply instanceof ReplyError) return reply.message;
    return reply === "PONG" ? undefined : "not a PONG";
  } catch (error) {
    return messageOf(error);
  } finally {
    client?.close();
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
