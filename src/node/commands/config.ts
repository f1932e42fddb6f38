import { Stat } from "../../../assembly/abi.ts";
import { Gate } from "../../../assembly/settings.ts";
import { latin1, latin1Text } from "../../base/bytes.ts";
import { bulk, bulkMap, error, ok, type ReplyValue } from "../../base/reply.ts";
import { helpReply } from "../../commands/introspect.ts";
import { statCount } from "../../commands/table.ts";
import { setFailureText } from "../../config/errors.ts";
import { rewriteConfiguration } from "../../config/rewrite.ts";
import { container, type Handler, type HostCall, syntaxError } from "../call.ts";
import { isLocal } from "../client.ts";

export const configHandler: Handler = container({
  get,
  set,
  rewrite,
  resetstat: resetStatistics,
  help: (call) => helpReply(call.node.modules.commands.lookup("config")!) ?? syntaxError,
});

function get(call: HostCall): ReplyValue {
  const pairs = call.node.configuration.show(call.argv.slice(2).map(latin1Text));
  return bulkMap(pairs.map(([name, value]) => [latin1(name), bulk(latin1(value))] as const));
}

function set(call: HostCall): ReplyValue {
  const { configuration, engine, log } = call.node;
  const outcome = configuration.set(call.argv.slice(2).map(latin1Text), {
    loading: call.node.hasGate(Gate.Loading),
    local: isLocal(call.client),
  });
  if (!outcome.ok) return error(latin1(setFailureText(outcome.error)));
  const limit = configuration.get("maxmemory");
  if (outcome.value.includes("maxmemory") && limit > 0 && limit < engine.usedMemory) {
    log.warning(
      `WARNING: the new maxmemory value set via CONFIG SET (${limit}) is smaller than the current ` +
        `memory usage (${engine.usedMemory}). This will result in key eviction and/or the inability to ` +
        "accept new write commands depending on the maxmemory-policy.",
    );
  }
  return ok;
}

function rewrite(call: HostCall): ReplyValue {
  const { configuration, log } = call.node;
  const { configFile, replaceFile } = call.node.modules.system;
  if (configFile === "") return error("ERR The server is running without a config file");
  const old = configuration.environment.readFile(configFile);
  const text = rewriteConfiguration(old.ok ? old.value : "", configuration);
  const failure = replaceFile(configFile, text);
  if (failure !== undefined) {
    log.warning(`CONFIG REWRITE failed: ${failure}`);
    return error(`ERR Rewriting config file: ${failure}`);
  }
  log.warning("CONFIG REWRITE executed with success.");
  return ok;
}

function resetStatistics(call: HostCall): ReplyValue {
  const { engine, stats, latencies, commandStats } = call.node;
  stats.reset();
  latencies.reset();
  commandStats.reset();
  engine.counters.resetCommandStats(statCount);
  engine.counters.resetErrorCounts();
  for (const stat of resetStats) engine.counters.resetStat(stat);
  return ok;
}

const resetStats = [
  Stat.Commands,
  Stat.KeyspaceHits,
  Stat.KeyspaceMisses,
  Stat.ExpiredKeys,
  Stat.EvictedKeys,
  Stat.ErrorReplies,
  Stat.LazyfreedKeys,
  Stat.ExpireCycles,
];
