import { Command } from "../../../assembly/command-ids.ts";
import { Setting } from "../../../assembly/settings.ts";
import {
  array,
  bigNumber,
  boolean,
  bulk,
  double,
  error,
  integer,
  map,
  nullValue,
  ok,
  push,
  type ReplyValue,
  set,
  simple,
  verbatim,
} from "../../base/reply.ts";
import { helpReply } from "../../commands/introspect.ts";
import { parseMemory } from "../../config/numbers.ts";
import { type HostCall, notAnInteger, subcommandSyntaxError, syntaxError } from "../call.ts";
import { isLocal } from "../client.ts";
import { debugDigestValue, debugListpack, debugObject, debugQuicklist } from "./debug-keys.ts";
import { debugTurnLength } from "./debug-turns.ts";

/**
 * DEBUG. Its subcommands are no rows of the command table (in Redis neither): each says here how many
 * arguments it takes, with DEBUG and its own name; 0 stands for any number.
 */
export function debug(call: HostCall): ReplyValue {
  const allowed = call.node.configuration.get("enable-debug-command");
  if (allowed === "no" || (allowed === "local" && !isLocal(call.client))) return notAllowed;
  const entry = subcommands.get(call.word(1));
  if (entry === undefined) return subcommandSyntaxError(call);
  const [minimum, maximum, handler] = entry;
  if (call.count < minimum || call.count > maximum) return subcommandSyntaxError(call);
  return handler(call);
}

type DebugCommand = readonly [
  minimum: number,
  maximum: number,
  handler: (call: HostCall) => ReplyValue,
];

const notAllowed = error(
  'ERR DEBUG command not allowed. If the enable-debug-command option is set to "local", you can run it ' +
    "from a local connection, otherwise you need to set this option in the configuration file, and then " +
    "restart the server.",
);

const subcommands: ReadonlyMap<string, DebugCommand> = new Map<string, DebugCommand>([
  ["help", [2, 2, help]],
  ["sleep", [3, 3, sleep]],
  ["segfault", [2, 2, crashWith("SIGSEGV")]],
  ["panic", [2, 2, crashWith("SIGABRT")]],
  ["assert", [2, 2, crashWith("SIGABRT")]],
  ["oom", [2, 2, crashWith("SIGABRT")]],
  ["error", [3, 3, (call) => error(call.bytes(2))]],
  ["log", [3, 3, log]],
  ["leak", [3, 3, () => ok]],
  ["object", [3, 3, debugObject]],
  ["listpack", [3, 3, debugListpack]],
  ["quicklist", [3, 4, debugQuicklist]],
  ["digest-value", [2, Number.POSITIVE_INFINITY, debugDigestValue]],
  ["digest", [2, 2, (call) => simple(call.node.engine.digest())]],
  ["populate", [3, 5, populate]],
  ["quicklist-packed-threshold", [3, 3, setPackedThreshold]],
  ["set-active-expire", [3, 3, setActiveExpire]],
  ["reload", [2, Number.POSITIVE_INFINITY, reload]],
  ["change-repl-id", [2, 2, changeReplicationId]],
  ["pause-cron", [3, 3, pauseCron]],
  ["turn-length", [3, 3, debugTurnLength]],
  ["protocol", [3, 3, protocol]],
  ["htstats", [3, 4, tableStatistics]],
]);

function help(call: HostCall): ReplyValue {
  const row = call.node.rowOf(Command.Debug);
  return (row && helpReply(row)) ?? syntaxError;
}

function sleep(call: HostCall): ReplyValue {
  // strtod: what cannot be read is zero.
  const seconds = Number.parseFloat(call.text(2));
  if (!(seconds > 0)) return ok;
  // What clients were told a moment ago must not sleep as well.
  call.node.replication.flushReplicas();
  call.node.modules.system.sleepSync(seconds * 1000);
  return ok;
}

/** Dies as a crashing server does, without any of the orderly end. */
function crashWith(signal: "SIGSEGV" | "SIGABRT"): (call: HostCall) => ReplyValue {
  return (call) => {
    const { system } = call.node.modules;
    call.node.log.warning(`Crashing by ${signal} on request`);
    system.signalSelf(signal);
    // The runtime may catch the signal; nothing catches this one.
    system.sleepSync(20);
    system.signalSelf("SIGKILL");
    return ok;
  };
}

function log(call: HostCall): ReplyValue {
  call.node.log.warning(`DEBUG LOG: ${call.text(2)}`);
  return ok;
}

function populate(call: HostCall): ReplyValue {
  const count = call.integer(2);
  const size = call.count === 5 ? call.integer(4) : 0;
  if (count === undefined || size === undefined || count < 0 || size < 0) {
    return error("ERR value is out of range, must be positive");
  }
  const prefix = call.count > 3 ? call.text(3) : "key";
  const done = call.node.engine.populate(call.database, count, prefix, size, call.nowMs);
  return done ? ok : error("OOM command not allowed when used memory > 'maxmemory'.");
}

function setActiveExpire(call: HostCall): ReplyValue {
  call.node.cron.activeExpire = Number.parseInt(call.text(2), 10) !== 0;
  return ok;
}

/** From which length on an element of a list has a node of its own; 0: as usual. */
function setPackedThreshold(call: HostCall): ReplyValue {
  const size = parseMemory(call.text(2));
  if (size === undefined || size > packedThresholdMax) {
    return error("ERR argument must be a memory value bigger than 1 and smaller than 4gb");
  }
  call.node.engine.set(Setting.QuicklistPackedThreshold, Number(size));
  return ok;
}

/** 4 GiB less 1 MiB: quicklistisSetPackedThreshold in Redis's quicklist.c. */
const packedThresholdMax = 2n ** 32n - 2n ** 20n;

function reload(call: HostCall): ReplyValue {
  const request = { save: true, flush: true, merge: false };
  for (let at = 2; at < call.count; at++) {
    const option = call.word(at);
    if (option === "merge") request.merge = true;
    else if (option === "noflush") request.flush = false;
    else if (option === "nosave") request.save = false;
    else return error("ERR DEBUG RELOAD only supports the MERGE, NOFLUSH and NOSAVE options.");
  }
  switch (call.node.persistence.reload(request)) {
    case "save":
      return error("ERR");
    case "load":
      return error("ERR Error trying to load the RDB dump");
    case undefined:
      return ok;
  }
}

function changeReplicationId(call: HostCall): ReplyValue {
  call.node.log.notice("Changing replication IDs after receiving change-repl-id");
  call.node.replication.changeId();
  return ok;
}

function pauseCron(call: HostCall): ReplyValue {
  call.node.cron.paused = Number.parseInt(call.text(2), 10) !== 0;
  return ok;
}

function tableStatistics(call: HostCall): ReplyValue {
  const database = call.integer(2);
  if (database === undefined) return notAnInteger;
  if (database < 0 || database >= call.node.configuration.get("databases")) {
    return error("ERR Out of range database");
  }
  const { engine } = call.node;
  return verbatim(
    `[Dictionary HT]\nkeys: ${engine.keyCount(database)}\n` +
      `[Expires HT]\nkeys: ${engine.expiresCount(database)}\n`,
  );
}

/** A test value of each RESP type, for the authors of clients. */
function protocol(call: HostCall): ReplyValue {
  const three = [integer(0), integer(1), integer(2)];
  switch (call.word(2)) {
    case "string":
      return bulk("Hello World");
    case "integer":
      return integer(12345);
    case "double":
      // biome-ignore lint/suspicious/noApproximativeNumericConstant: the test value that Redis answers.
      return double(3.141);
    case "null":
      return nullValue;
    case "array":
      return array(three);
    case "set":
      return set(three);
    case "map":
      return map(three.map((item, index) => [item, boolean(index === 1)] as const));
    case "bignum":
      return bigNumber(1234567999999999999999999999999999999n);
    case "attrib":
      return {
        kind: "attribute",
        pairs: [[bulk("key-popularity"), array([bulk("key:123"), integer(90)])]],
        value: bulk("Some real reply following the attribute"),
      };
    case "push":
      return push([bulk("server-cpu-usage"), integer(42)]);
    case "verbatim":
      return verbatim("This is a verbatim\nstring");
    case "true":
      return boolean(true);
    case "false":
      return boolean(false);
    default:
      return error(
        "ERR Wrong protocol type name. Please use one of the following: " +
          "string|integer|double|bignum|null|array|set|map|attrib|push|verbatim|true|false",
      );
  }
}
