/** The sections of INFO: titles, names and order of the fields as redis-server 7.0.15 prints them. */
import { Stat } from "../../../assembly/abi.ts";
import { atollVersion, redisVersion } from "../../base/version.ts";
import type { LoadProgress } from "../dataset-loader.ts";
import type { Node } from "../node.ts";
import { commandStatistics, errorStatistics, latencyStatistics } from "./commands.ts";
import { memory } from "./memory.ts";
import { statistics } from "./statistics.ts";

export interface Section {
  readonly name: string;
  readonly title: string;
  /** Part of a plain INFO. */
  readonly byDefault: boolean;
  readonly lines: (node: Node, nowMs: number) => readonly string[];
}

export const sections: readonly Section[] = [
  { name: "server", title: "Server", byDefault: true, lines: server },
  { name: "clients", title: "Clients", byDefault: true, lines: clients },
  { name: "memory", title: "Memory", byDefault: true, lines: memory },
  { name: "persistence", title: "Persistence", byDefault: true, lines: persistence },
  { name: "stats", title: "Stats", byDefault: true, lines: statistics },
  {
    name: "replication",
    title: "Replication",
    byDefault: true,
    lines: (node) => node.replication.infoLines(),
  },
  { name: "cpu", title: "CPU", byDefault: true, lines: cpu },
  { name: "modules", title: "Modules", byDefault: true, lines: () => [] },
  {
    name: "commandstats",
    title: "Commandstats",
    byDefault: false,
    lines: commandStatistics,
  },
  { name: "errorstats", title: "Errorstats", byDefault: true, lines: errorStatistics },
  {
    name: "latencystats",
    title: "Latencystats",
    byDefault: false,
    lines: latencyStatistics,
  },
  { name: "cluster", title: "Cluster", byDefault: true, lines: cluster },
  { name: "keyspace", title: "Keyspace", byDefault: true, lines: keyspace },
];

function server(node: Node, nowMs: number): string[] {
  const { configuration, modules } = node;
  const { system, clock } = modules;
  const uptimeSeconds = Math.max(0, Math.floor((nowMs - node.startedMs) / 1000));
  const hz = configuration.get("hz");
  return [
    `redis_version:${redisVersion}`,
    "redis_git_sha1:00000000",
    "redis_git_dirty:0",
    "redis_build_id:0",
    `redis_mode:${configuration.get("cluster-enabled") ? "cluster" : "standalone"}`,
    `os:${system.operatingSystem}`,
    "arch_bits:64",
    "monotonic_clock:POSIX clock_gettime",
    "multiplexing_api:epoll",
    "atomicvar_api:c11-builtin",
    "gcc_version:0.0.0",
    `process_id:${system.pid}`,
    `process_supervised:${configuration.get("supervised")}`,
    `run_id:${node.runId}`,
    `tcp_port:${configuration.get("port")}`,
    `server_time_usec:${Math.floor(clock.nowMs() * 1000)}`,
    `uptime_in_seconds:${uptimeSeconds}`,
    `uptime_in_days:${Math.floor(uptimeSeconds / 86400)}`,
    `hz:${Math.round(1000 / node.cron.intervalMs)}`,
    `configured_hz:${hz}`,
    // Seconds, 24 bits of them, as in an object's header.
    `lru_clock:${Math.floor(nowMs / 1000) & 0xffffff}`,
    `executable:${system.executable}`,
    `config_file:${system.configFile}`,
    "io_threads_active:0",
    `atoll_version:${atollVersion}`,
  ];
}

function clients(node: Node, nowMs: number): string[] {
  const { stats } = node;
  return [
    `connected_clients:${node.clients.size - node.clients.count("replica")}`,
    `cluster_connections:${node.cluster?.linkCount ?? 0}`,
    `maxclients:${node.configuration.get("maxclients")}`,
    `client_recent_max_input_buffer:${stats.inputPeak.at(nowMs)}`,
    `client_recent_max_output_buffer:${stats.outputPeak.at(nowMs)}`,
    `blocked_clients:${node.clients.blockedCount}`,
    "tracking_clients:0",
    `clients_in_timeout_table:${node.waits.size + node.blocked.timedCount}`,
  ];
}

function loadLines(load: LoadProgress, nowMs: number): string[] {
  const { startedMs, totalBytes, loadedBytes } = load;
  const seconds = (nowMs - startedMs) / 1000;
  const share = totalBytes > 0 ? loadedBytes / totalBytes : 0;
  return [
    `loading_start_time:${Math.floor(startedMs / 1000)}`,
    `loading_total_bytes:${totalBytes}`,
    `loading_rdb_used_mem:${load.memoryThen}`,
    `loading_loaded_bytes:${loadedBytes}`,
    `loading_loaded_perc:${(share * 100).toFixed(2)}`,
    `loading_eta_seconds:${share > 0 ? Math.floor((seconds * (1 - share)) / share) : 1}`,
  ];
}

function persistence(node: Node, nowMs: number): string[] {
  const { facts } = node.persistence;
  return [
    `loading:${facts.loading ? 1 : 0}`,
    "async_loading:0",
    "current_cow_peak:0",
    "current_cow_size:0",
    "current_cow_size_age:0",
    "current_fork_perc:0.00",
    "current_save_keys_processed:0",
    "current_save_keys_total:0",
    `rdb_changes_since_last_save:${node.engine.counters.stat(Stat.Dirty) - facts.dirtyAtSave}`,
    `rdb_bgsave_in_progress:${facts.saving ? 1 : 0}`,
    `rdb_last_save_time:${Math.floor(node.lastSaveMs / 1000)}`,
    `rdb_last_bgsave_status:${facts.lastSaveOk ? "ok" : "err"}`,
    `rdb_last_bgsave_time_sec:${facts.lastSaveSeconds}`,
    `rdb_current_bgsave_time_sec:${facts.currentSaveSeconds}`,
    `rdb_saves:${facts.saves}`,
    "rdb_last_cow_size:0",
    `rdb_last_load_keys_expired:${facts.loadedExpired}`,
    `rdb_last_load_keys_loaded:${facts.loadedKeys}`,
    "aof_enabled:0",
    "aof_rewrite_in_progress:0",
    "aof_rewrite_scheduled:0",
    "aof_last_rewrite_time_sec:-1",
    "aof_current_rewrite_time_sec:-1",
    "aof_last_bgrewrite_status:ok",
    "aof_rewrites:0",
    "aof_rewrites_consecutive_failures:0",
    "aof_last_write_status:ok",
    "aof_last_cow_size:0",
    "module_fork_in_progress:0",
    "module_fork_last_cow_size:0",
    ...(facts.load === undefined ? [] : loadLines(facts.load, nowMs)),
  ];
}

function cpu(node: Node): string[] {
  const usage = node.modules.system.usage();
  const seconds = (value: number): string => value.toFixed(6);
  return [
    `used_cpu_sys:${seconds(usage.systemSeconds)}`,
    `used_cpu_user:${seconds(usage.userSeconds)}`,
    "used_cpu_sys_children:0.000000",
    "used_cpu_user_children:0.000000",
    `used_cpu_sys_main_thread:${seconds(usage.mainSystemSeconds)}`,
    `used_cpu_user_main_thread:${seconds(usage.mainUserSeconds)}`,
  ];
}

function cluster(node: Node): string[] {
  return [`cluster_enabled:${node.configuration.get("cluster-enabled") ? 1 : 0}`];
}

function keyspace(node: Node): string[] {
  const lines: string[] = [];
  for (let database = 0; database < node.configuration.get("databases"); database++) {
    const keys = node.engine.keyCount(database);
    if (keys === 0) continue;
    const expires = node.engine.expiresCount(database);
    const ttl = Math.floor(node.engine.averageTtl(database));
    lines.push(`db${database}:keys=${keys},expires=${expires},avg_ttl=${ttl}`);
  }
  return lines;
}

/** Kept here so that a test can say which fields Atoll adds. */
export const addedFields: readonly string[] = ["atoll_version"];
