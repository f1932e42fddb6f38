import { ClientFlag, Notify } from "../../assembly/abi.ts";
import { Gate, MaxMemoryPolicy, Setting } from "../../assembly/settings.ts";
import type { DirectiveName } from "../config/directives.ts";
import type { Node } from "./node.ts";

/** Engine settings that are a directive's value, yes-or-no as 1 and 0. */
const engineSettings = [
  ["maxmemory", Setting.MaxMemory],
  ["maxmemory-samples", Setting.MaxMemorySamples],
  ["proto-max-bulk-len", Setting.ProtoMaxBulkLength],
  ["client-query-buffer-limit", Setting.QueryBufferLimit],
  ["lazyfree-lazy-expire", Setting.LazyExpire],
  ["lazyfree-lazy-user-flush", Setting.LazyUserFlush],
  ["rdbcompression", Setting.RdbCompression],
  ["rdbchecksum", Setting.RdbChecksum],
  ["lfu-log-factor", Setting.LfuLogFactor],
  ["lfu-decay-time", Setting.LfuDecayTime],
  ["cluster-enabled", Setting.ClusterEnabled],
  ["cluster-allow-reads-when-down", Setting.ClusterAllowReadsWhenDown],
  ["cluster-allow-pubsubshard-when-down", Setting.ClusterAllowPubSubWhenDown],
  ["maxmemory-eviction-tenacity", Setting.EvictionTenacity],
  ["lazyfree-lazy-eviction", Setting.LazyEviction],
  ["replica-ignore-maxmemory", Setting.ReplicaIgnoreMaxMemory],
  ["hash-max-listpack-entries", Setting.HashMaxListpackEntries],
  ["hash-max-listpack-value", Setting.HashMaxListpackValue],
  ["list-max-listpack-size", Setting.ListMaxListpackSize],
  ["set-max-intset-entries", Setting.SetMaxIntsetEntries],
  ["zset-max-listpack-entries", Setting.ZsetMaxListpackEntries],
  ["zset-max-listpack-value", Setting.ZsetMaxListpackValue],
  ["stream-node-max-bytes", Setting.StreamNodeMaxBytes],
  ["stream-node-max-entries", Setting.StreamNodeMaxEntries],
  ["hll-sparse-max-bytes", Setting.HllSparseMaxBytes],
] as const satisfies readonly (readonly [DirectiveName, Setting])[];

const policies: Readonly<Record<string, MaxMemoryPolicy>> = {
  noeviction: MaxMemoryPolicy.NoEviction,
  "allkeys-lru": MaxMemoryPolicy.AllKeysLru,
  "allkeys-lfu": MaxMemoryPolicy.AllKeysLfu,
  "allkeys-random": MaxMemoryPolicy.AllKeysRandom,
  "volatile-lru": MaxMemoryPolicy.VolatileLru,
  "volatile-lfu": MaxMemoryPolicy.VolatileLfu,
  "volatile-random": MaxMemoryPolicy.VolatileRandom,
  "volatile-ttl": MaxMemoryPolicy.VolatileTtl,
};

const notifyLetters: Readonly<Record<string, Notify>> = {
  K: Notify.Keyspace,
  E: Notify.Keyevent,
  g: Notify.Generic,
  $: Notify.String,
  l: Notify.List,
  s: Notify.Set,
  h: Notify.Hash,
  z: Notify.SortedSet,
  x: Notify.Expired,
  e: Notify.Evicted,
  t: Notify.Stream,
  m: Notify.KeyMiss,
  d: Notify.Module,
  n: Notify.New,
};

/**
 * Hands the configuration to the engine and to what is read on every call, now and after each CONFIG SET.
 * Directives that belong to a socket, to replication or to the cluster have listeners where those live.
 */
export function applySettings(node: Node): void {
  const { configuration, engine } = node;
  const listen = (names: readonly DirectiveName[], apply: () => void): void => {
    apply();
    configuration.onChange(names, () => {
      apply();
      return undefined;
    });
  };

  for (const [name, setting] of engineSettings) {
    listen([name], () => engine.set(setting, Number(configuration.get(name))));
  }
  listen(["maxmemory"], () => node.setGate(Gate.MaxMemory, configuration.get("maxmemory") > 0));
  listen(["maxmemory-policy"], () => {
    const policy = policies[configuration.get("maxmemory-policy")];
    engine.set(Setting.MaxMemoryPolicy, policy ?? MaxMemoryPolicy.NoEviction);
  });

  listen(["slowlog-log-slower-than", "slowlog-max-len", "latency-tracking"], () => {
    node.tuning.slowlogMicroseconds = configuration.get("slowlog-log-slower-than");
    node.tuning.slowlogLengthMax = configuration.get("slowlog-max-len");
    node.tuning.trackLatency = configuration.get("latency-tracking");
    node.slowlog.trim(node.tuning.slowlogLengthMax);
  });
  listen(["client-output-buffer-limit"], () => {
    const { hardBytes } = configuration.get("client-output-buffer-limit").normal;
    node.tuning.replyBytesMax = hardBytes === 0 ? Number.POSITIVE_INFINITY : hardBytes;
  });
  listen(["client-query-buffer-limit"], () => {
    node.tuning.queryBytesMax = configuration.get("client-query-buffer-limit");
  });
  listen(["notify-keyspace-events"], () => {
    let wanted = 0;
    for (const letter of configuration.get("notify-keyspace-events")) {
      wanted |= notifyLetters[letter] ?? 0;
    }
    // Without a channel to publish to, nothing is noted either.
    if ((wanted & (Notify.Keyspace | Notify.Keyevent)) === 0) wanted = 0;
    node.tuning.notifyEvents = wanted;
    engine.set(Setting.NotifyEvents, wanted);
  });
  listen(["loglevel"], () => {
    node.log.level = configuration.get("loglevel");
  });
  configuration.onChange(["requirepass"], () => {
    onPasswordChange(node);
    return undefined;
  });
}

/** Taking the password away lets everybody in; a new one asks only those who come later, as in Redis. */
function onPasswordChange(node: Node): void {
  if (node.configuration.get("requirepass") !== "") return;
  for (const client of node.clients) {
    client.authenticated = true;
    node.engine.setClientFlag(client.handle, ClientFlag.NeedsAuth, false);
  }
}
