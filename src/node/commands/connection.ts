import { timingSafeEqual } from "node:crypto";
import { ClientFlag, Client as Field } from "../../../assembly/abi.ts";
import { Command } from "../../../assembly/command-ids.ts";
import { utf8 } from "../../base/bytes.ts";
import {
  array,
  bulk,
  bulkMap,
  emptyArray,
  error,
  integer,
  ok,
  type ReplyValue,
  simple,
} from "../../base/reply.ts";
import { redisVersion } from "../../base/version.ts";
import { type Handler, type HostCall, parseNumber, syntaxError } from "../call.ts";
import { clientHandler } from "./client.ts";
import { badClientName, isClientName } from "./client-name.ts";

/** PING ECHO AUTH HELLO QUIT RESET CLIENT. */
export const connectionHandlers: ReadonlyMap<Command, Handler> = new Map<Command, Handler>([
  [Command.Ping, ping],
  [Command.Echo, (call) => bulk(call.bytes(1))],
  [Command.Auth, auth],
  [Command.Hello, hello],
  [Command.Quit, quit],
  [Command.Reset, reset],
  [Command.Client, clientHandler],
]);

function ping(call: HostCall): ReplyValue {
  if (call.count > 2) return error("ERR wrong number of arguments for 'ping' command");
  // In subscribed mode a RESP2 client could not tell +PONG from a message.
  if (call.hasFlag(ClientFlag.Subscribed) && call.protocol === 2) {
    return array([bulk("pong"), bulk(call.bytes(1))]);
  }
  return call.count === 1 ? simple("PONG") : bulk(call.bytes(1));
}

function auth(call: HostCall): ReplyValue {
  if (call.count > 3) return syntaxError;
  if (call.count === 2) {
    if (call.node.configuration.get("requirepass") === "") return noPassword;
    return logIn(call, "default", call.text(1)) ? ok : wrongPassword;
  }
  return logIn(call, call.text(1), call.text(2)) ? ok : wrongPassword;
}

const noPassword = error(
  "ERR AUTH <password> called without any password configured for the default user. " +
    "Are you sure your configuration is correct?",
);
const wrongPassword = error("WRONGPASS invalid username-password pair or user is disabled.");

/** True when the password fits; the client is then authenticated. */
function logIn(call: HostCall, user: string, password: string): boolean {
  const required = call.node.configuration.get("requirepass");
  if (user !== "default") return false;
  if (required !== "" && !sameText(required, password)) return false;
  call.client.user = user;
  call.client.authenticated = true;
  call.node.engine.setClientFlag(call.client.handle, ClientFlag.NeedsAuth, false);
  return true;
}

/** In a time that tells nothing about where two passwords differ. */
function sameText(left: string, right: string): boolean {
  const [a, b] = [utf8(left), utf8(right)];
  if (a.length !== b.length) return false;
  return timingSafeEqual(a, b);
}

function hello(call: HostCall): ReplyValue {
  let version: number | undefined;
  if (call.count >= 2) {
    version = parseNumber(call.text(1));
    if (version === undefined)
      return error("ERR Protocol version is not an integer or out of range");
    if (version !== 2 && version !== 3) return error("NOPROTO unsupported protocol version");
  }
  for (let at = 2; at < call.count; at++) {
    const left = call.count - 1 - at;
    const option = call.word(at);
    if (option === "auth" && left >= 2) {
      if (!logIn(call, call.text(at + 1), call.text(at + 2))) return wrongPassword;
      at += 2;
    } else if (option === "setname" && left >= 1) {
      const name = call.text(at + 1);
      if (!isClientName(name)) return badClientName;
      call.client.name = name;
      at += 1;
    } else {
      return error(`ERR Syntax error in HELLO option '${call.text(at)}'`);
    }
  }
  if (call.hasFlag(ClientFlag.NeedsAuth)) return helloNeedsAuth;
  const { engine } = call.node;
  if (version !== undefined) engine.setClientWord(call.client.handle, Field.Protocol, version);
  return greeting(call);
}

const helloNeedsAuth = error(
  "NOAUTH HELLO must be called with the client already authenticated, otherwise the " +
    "HELLO AUTH <user> <pass> option can be used to authenticate the client and select the " +
    "RESP protocol version at the same time",
);

function greeting(call: HostCall): ReplyValue {
  const { node, client } = call;
  return bulkMap([
    ["server", bulk("redis")],
    ["version", bulk(redisVersion)],
    ["proto", integer(call.protocol)],
    ["id", integer(client.id)],
    ["mode", bulk(node.configuration.get("cluster-enabled") ? "cluster" : "standalone")],
    ["role", bulk(node.replication.isReplica ? "replica" : "master")],
    ["modules", emptyArray],
  ]);
}

function quit(call: HostCall): ReplyValue {
  call.client.closeAfterReply = true;
  return ok;
}

function reset(call: HostCall): ReplyValue {
  const { client, node } = call;
  if (client.kind !== "normal" && client.kind !== "pubsub") {
    return error("ERR can only reset normal client connections");
  }
  node.engine.resetClient(client.handle);
  client.name = "";
  node.publisher.forget(client);
  client.kind = "normal";
  client.user = "default";
  client.authenticated = node.configuration.get("requirepass") === "";
  const { handle } = client;
  node.engine.setClientFlag(handle, ClientFlag.NeedsAuth, !client.authenticated);
  for (const flag of [ClientFlag.ReplyOff, ClientFlag.ReplySkip, ClientFlag.ReplySkipNext]) {
    node.engine.setClientFlag(handle, flag, false);
  }
  return simple("RESET");
}
