import { Command } from "../../../assembly/command-ids.ts";
import { latin1Text } from "../../base/bytes.ts";
import { bulks, error, integer, ok, type ReplyValue } from "../../base/reply.ts";
import {
  commandCount,
  commandDocs,
  commandGetKeys,
  commandGetKeysAndFlags,
  commandInfo,
  commandList,
  helpReply,
} from "../../commands/introspect.ts";
import {
  container,
  type Handler,
  type HostCall,
  subcommandSyntaxError,
  syntaxError,
} from "../call.ts";
import type { HostReply } from "../host-reply.ts";
import type { ShutdownRequest } from "../shutdown.ts";
import { configHandler } from "./config.ts";
import { debug } from "./debug.ts";
import { info } from "./info.ts";
import { lolwut } from "./lolwut.ts";

/** COMMAND CONFIG DEBUG INFO TIME ROLE WAIT LASTSAVE LOLWUT SHUTDOWN SLOWLOG. */
export const serverHandlers: ReadonlyMap<Command, Handler> = new Map<Command, Handler>([
  [Command.Command, commandHandler()],
  [Command.Config, configHandler],
  [Command.Debug, debug],
  [Command.Info, info],
  [Command.Time, time],
  [Command.Role, (call) => call.node.replication.role()],
  [Command.Wait, wait],
  [Command.LastSave, (call) => integer(Math.floor(call.node.lastSaveMs / 1000))],
  [Command.Lolwut, lolwut],
  [Command.Shutdown, shutdown],
  [Command.SlowLog, slowlogHandler()],
]);

function commandHandler(): Handler {
  const subcommands = container({
    count: (call) => commandCount(call.node.modules.commands),
    docs: (call) => commandDocs(call.node.modules.commands, texts(call, 2)),
    getkeys: (call) => commandGetKeys(call.node.modules.commands, call.argv.slice(2)),
    getkeysandflags: (call) =>
      commandGetKeysAndFlags(call.node.modules.commands, call.argv.slice(2)),
    info: (call) => commandInfo(call.node.modules.commands, texts(call, 2)),
    list: (call) => commandList(call.node.modules.commands, texts(call, 2)),
    help: (call) => helpReply(call.node.modules.commands.lookup("command")!) ?? syntaxError,
  });
  return (call) =>
    call.count === 1 ? commandInfo(call.node.modules.commands, []) : subcommands(call);
}

function texts(call: HostCall, from: number): string[] {
  return call.argv.slice(from).map(latin1Text);
}

function time(call: HostCall): ReplyValue {
  const { clock } = call.node.modules;
  // The wall clock has whole milliseconds; the monotonic one gives the rest.
  const micros = Math.floor((clock.monotonicMs() % 1) * 1000);
  const nowMs = clock.nowMs();
  const microseconds = (nowMs % 1000) * 1000 + micros;
  return bulks([String(Math.floor(nowMs / 1000)), String(microseconds)]);
}

function wait(call: HostCall): HostReply {
  const { node } = call;
  if (node.replication.isReplica) {
    return error(
      "ERR WAIT cannot be used with replica instances. Please also note that since Redis 4.0 if a " +
        "replica is configured to be writable (which is not the default) writes to replicas are just " +
        "local and are not propagated.",
    );
  }
  const replicas = call.integer(1);
  if (replicas === undefined) return error("ERR value is not an integer or out of range");
  const timeoutMs = call.integer(2);
  if (timeoutMs === undefined) return error("ERR timeout is not an integer or out of range");
  if (timeoutMs < 0) return error("ERR timeout is negative");
  const { offset } = node.replication;
  const acknowledged = node.replication.acknowledgedBy(offset);
  if (acknowledged >= replicas || call.insideExec) return integer(acknowledged);
  const untilMs = timeoutMs === 0 ? Infinity : call.nowMs + timeoutMs;
  return {
    kind: "later",
    begin: (answer) => {
      node.waits.add({ replicas, offset, untilMs, answer, client: call.client });
      node.replication.requestAcknowledgements();
      if (untilMs < Infinity) {
        const check = () => node.waits.check(node.replication, node.modules.clock.nowMs());
        node.modules.system.after(Math.min(timeoutMs + 1, 0x7fffffff), check);
      }
    },
  };
}

function shutdown(call: HostCall): HostReply {
  const request = parseShutdown(call);
  if (request === undefined) return syntaxError;
  const { shutdown: control } = call.node;
  if (control === undefined) return shutdownFailed;
  if (request === "abort") {
    return control.abort() ? ok : error("ERR No shutdown in progress.");
  }
  let abort: (() => void) | undefined;
  const start = control.begin(request, () => abort?.());
  switch (start.kind) {
    case "failed":
      return shutdownFailed;
    case "ending":
      return { kind: "silent" };
    case "waiting":
      return {
        kind: "later",
        begin: (answer) => {
          abort = () => answer(shutdownFailed);
        },
      };
  }
}

const shutdownFailed = error("ERR Errors trying to SHUTDOWN. Check logs.");

function slowlogHandler(): Handler {
  return container({
    get: (call) => {
      const count = call.count === 2 ? 10 : call.integer(2);
      if (call.count > 3) return subcommandSyntaxError(call);
      if (count === undefined || count < -1) {
        return error("ERR count should be greater than or equal to -1");
      }
      return call.node.slowlog.reply(count);
    },
    len: (call) => integer(call.node.slowlog.length),
    reset: (call) => {
      call.node.slowlog.reset();
      return ok;
    },
    help: (call) => helpReply(call.node.modules.commands.lookup("slowlog")!) ?? syntaxError,
  });
}

/** The words of `SHUTDOWN [NOSAVE|SAVE] [NOW] [FORCE]`, or `abort`; undefined for a syntax error. */
function parseShutdown(call: HostCall): ShutdownRequest | "abort" | undefined {
  let save: ShutdownRequest["save"] = "default";
  let now = false;
  let force = false;
  let abort = false;
  for (let at = 1; at < call.count; at++) {
    const word = call.word(at);
    if (word === "nosave" && save !== "save") save = "nosave";
    else if (word === "save" && save !== "nosave") save = "save";
    else if (word === "now") now = true;
    else if (word === "force") force = true;
    else if (word === "abort") abort = true;
    else return undefined;
  }
  if (!abort) return { save, now, force };
  return call.count === 2 ? "abort" : undefined;
}
