import { ClientFlag } from "../../../assembly/abi.ts";
import {
  bulk,
  error,
  integer,
  nullValue,
  ok,
  type ReplyValue,
  verbatim,
} from "../../base/reply.ts";
import { helpReply } from "../../commands/introspect.ts";
import {
  container,
  type Handler,
  type HostCall,
  notAnInteger,
  parseNumber,
  subcommandSyntaxError,
  syntaxError,
} from "../call.ts";
import type { Client, ClientKind } from "../client.ts";
import { type HostReply, silent } from "../host-reply.ts";
import { badClientName, isClientName } from "./client-name.ts";

export const clientHandler: Handler = container({
  id: (call) => integer(call.client.id),
  info: (call) => verbatim(`${describe(call, call.client)}\n`),
  list,
  kill,
  setname: setName,
  getname: (call) => (call.client.name === "" ? nullValue : bulk(call.client.name)),
  setinfo: setInfo,
  reply: replyMode,
  "no-evict": (call) => switchFlag(call, ClientFlag.NoEvict),
  "no-touch": (call) => switchFlag(call, ClientFlag.NoTouch),
  pause,
  unpause,
  unblock,
  help: (call) => helpReply(call.node.modules.commands.lookup("client")!) ?? syntaxError,
});

function list(call: HostCall): ReplyValue {
  const { clients } = call.node;
  let chosen: Client[] = [...clients];
  if (call.count === 4 && call.word(2) === "type") {
    const kind = kindOf(call.word(3));
    if (kind === undefined) return error(`ERR Unknown client type '${call.text(3)}'`);
    chosen = chosen.filter((client) => client.kind === kind);
  } else if (call.count > 3 && call.word(2) === "id") {
    chosen = [];
    for (let at = 3; at < call.count; at++) {
      const id = call.integer(at);
      if (id === undefined) return error("ERR Invalid client ID");
      const client = clients.get(id);
      if (client !== undefined) chosen.push(client);
    }
  } else if (call.count !== 2) {
    return syntaxError;
  }
  const lines = chosen.map((client) => `${describe(call, client)}\n`);
  return verbatim(lines.join(""));
}

function describe(call: HostCall, client: Client): string {
  return call.node.clients.describe(client, call.nowMs, client === call.client ? call.argv : []);
}

function kindOf(word: string): ClientKind | undefined {
  switch (word) {
    case "normal":
    case "replica":
    case "pubsub":
    case "master":
      return word;
    case "slave":
      return "replica";
    default:
      return undefined;
  }
}

interface KillFilter {
  id?: number;
  address?: string;
  localAddress?: string;
  kind?: ClientKind;
  user?: string;
  skipMe: boolean;
}

function kill(call: HostCall): ReplyValue {
  // CLIENT KILL addr:port, the form before filters: one client, ourselves too.
  if (call.count === 3) {
    const killed = killMatching(call, { address: call.text(2), skipMe: false });
    return killed > 0 ? ok : error("ERR No such client");
  }
  const filter = killFilter(call);
  return "kind" in filter && filter.kind === "error"
    ? filter
    : integer(killMatching(call, filter as KillFilter));
}

function killFilter(call: HostCall): KillFilter | (ReplyValue & { readonly kind: "error" }) {
  const failed = (text: string) => ({ kind: "error", text }) as const;
  const filter: KillFilter = { skipMe: true };
  for (let at = 2; at < call.count; at += 2) {
    if (at + 1 >= call.count) return failed("ERR syntax error");
    const value = call.text(at + 1);
    switch (call.word(at)) {
      case "id": {
        const id = parseNumber(value);
        if (id === undefined || id < 1) return failed("ERR client-id should be greater than 0");
        filter.id = id;
        break;
      }
      case "type": {
        const kind = kindOf(value.toLowerCase());
        if (kind === undefined) return failed(`ERR Unknown client type '${value}'`);
        filter.kind = kind;
        break;
      }
      case "addr":
        filter.address = value;
        break;
      case "laddr":
        filter.localAddress = value;
        break;
      case "user":
        if (value !== "default") return failed(`ERR No such user '${value}'`);
        filter.user = value;
        break;
      case "skipme": {
        const word = value.toLowerCase();
        if (word !== "yes" && word !== "no") return failed("ERR syntax error");
        filter.skipMe = word === "yes";
        break;
      }
      default:
        return failed("ERR syntax error");
    }
  }
  return filter;
}

function killMatching(call: HostCall, filter: KillFilter): number {
  let killed = 0;
  for (const client of [...call.node.clients]) {
    const { link } = client;
    if (filter.address !== undefined && link.remoteAddress !== filter.address) continue;
    if (filter.localAddress !== undefined && link.localAddress !== filter.localAddress) continue;
    if (filter.id !== undefined && client.id !== filter.id) continue;
    if (filter.kind !== undefined && client.kind !== filter.kind) continue;
    if (filter.user !== undefined && !(client.authenticated && client.user === filter.user))
      continue;
    if (client === call.client && filter.skipMe) continue;
    // Our own reply still has to go out.
    if (client === call.client) client.closeAfterReply = true;
    else call.node.drop(client);
    killed++;
  }
  return killed;
}

function setName(call: HostCall): ReplyValue {
  const name = call.text(2);
  if (!isClientName(name)) return badClientName;
  call.client.name = name;
  return ok;
}

/** From Redis 7.2: libraries tell their name and version. */
function setInfo(call: HostCall): ReplyValue {
  const attribute = call.word(2);
  if (attribute !== "lib-name" && attribute !== "lib-ver") {
    return error(`ERR Unrecognized option '${call.text(2)}'`);
  }
  const value = call.text(3);
  if (!isClientName(value)) {
    return error(`ERR ${attribute} cannot contain spaces, newlines or special characters.`);
  }
  if (attribute === "lib-name") call.client.libraryName = value;
  else call.client.libraryVersion = value;
  return ok;
}

function replyMode(call: HostCall): HostReply {
  const { engine } = call.node;
  const { handle } = call.client;
  switch (call.word(2)) {
    case "on":
      engine.setClientFlag(handle, ClientFlag.ReplyOff, false);
      engine.setClientFlag(handle, ClientFlag.ReplySkip, false);
      return ok;
    case "off":
      engine.setClientFlag(handle, ClientFlag.ReplyOff, true);
      return silent;
    case "skip":
      if (!call.hasFlag(ClientFlag.ReplyOff)) {
        engine.setClientFlag(handle, ClientFlag.ReplySkipNext, true);
      }
      return silent;
    default:
      return syntaxError;
  }
}

function switchFlag(call: HostCall, flag: ClientFlag): ReplyValue {
  const word = call.word(2);
  if (word !== "on" && word !== "off") return syntaxError;
  call.node.engine.setClientFlag(call.client.handle, flag, word === "on");
  return ok;
}

function pause(call: HostCall): ReplyValue {
  const word = call.word(3);
  if (call.count > 4) return syntaxError;
  if (call.count === 4 && word !== "write" && word !== "all") {
    return error("ERR CLIENT PAUSE mode must be WRITE or ALL");
  }
  const timeoutMs = call.integer(2);
  if (timeoutMs === undefined) return error("ERR timeout is not an integer or out of range");
  if (timeoutMs < 0) return error("ERR timeout is negative");
  const { node } = call;
  node.pauses.begin("client", word === "write" ? "write" : "all", call.nowMs + timeoutMs);
  node.applyPauses(call.nowMs);
  node.modules.system.after(Math.min(timeoutMs + 1, 0x7fffffff), () => {
    node.applyPauses(node.modules.clock.nowMs());
  });
  return ok;
}

function unpause(call: HostCall): ReplyValue {
  call.node.pauses.end("client");
  call.node.applyPauses(call.nowMs);
  return ok;
}

function unblock(call: HostCall): ReplyValue {
  const word = call.word(3);
  if (call.count > 4) return subcommandSyntaxError(call);
  if (call.count === 4 && word !== "timeout" && word !== "error") {
    return error("ERR CLIENT UNBLOCK reason should be TIMEOUT or ERROR");
  }
  const id = call.integer(2);
  if (id === undefined) return notAnInteger;
  const client = call.node.clients.get(id);
  if (client === undefined) return integer(0);
  const fails = word === "error";
  if (!call.node.unblockAsked(client, fails ? unblocked : undefined)) return integer(0);
  // The error that the other client gets counts as one of this command (incrCommandStatsOnError).
  if (fails) call.countFailure();
  return integer(1);
}

const unblocked = error("UNBLOCKED client unblocked via CLIENT UNBLOCK");
