import { Stat } from "../../../assembly/abi.ts";
import type { Node } from "../node.ts";
import { humanBytes, percent, ratio } from "./format.ts";

/** What the memory section and MEMORY STATS report, bytes. */
export interface MemoryFacts {
  readonly used: number;
  readonly peak: number;
  readonly startup: number;
  readonly overhead: number;
  readonly dataset: number;
  readonly resident: number;
  /** Pages that the engine has got from the system: its allocator's active memory. */
  readonly active: number;
  readonly clients: number;
  readonly replicas: number;
  /** Of the replication stream, for backlog and replicas together; and what is the backlog's. */
  readonly stream: number;
  readonly backlog: number;
}

export function memoryFacts(node: Node): MemoryFacts {
  const { engine } = node;
  let clients = 0;
  let replicas = 0;
  let backlogMax = Number.POSITIVE_INFINITY;
  for (const client of node.clients) {
    const bytes = node.clients.memoryBytes(client);
    if (client.kind === "replica") {
      replicas += bytes;
      backlogMax = node.configuration.get("repl-backlog-size");
    } else clients += bytes;
  }
  // One buffer for both: while there are replicas, what is more than the backlog's size is theirs (object.c).
  const stream = node.replication.bufferBytes;
  const backlog = Math.min(stream, backlogMax);
  const used = engine.counters.stat(Stat.UsedMemory) + node.clientMemory.bytes + stream;
  const startup = engine.counters.stat(Stat.StartupMemory);
  const overhead =
    startup +
    Math.max(0, engine.counters.stat(Stat.TableMemory) - node.startupTableBytes) +
    engine.counters.stat(Stat.ClientMemory) +
    node.clientMemory.bytes +
    stream;
  return {
    used,
    peak: Math.max(used, engine.counters.stat(Stat.PeakMemory)),
    startup,
    overhead,
    dataset: Math.max(0, used - overhead),
    resident: node.modules.system.usage().residentBytes,
    active: engine.counters.stat(Stat.MemoryPages) * 65536,
    clients,
    replicas: replicas + stream - backlog,
    stream,
    backlog,
  };
}

export function memory(node: Node): string[] {
  const facts = memoryFacts(node);
  const { used, peak, overhead, startup, dataset, resident, active, stream } = facts;
  const total = node.modules.system.usage().totalMemoryBytes;
  const maximum = node.configuration.get("maxmemory");
  return [
    `used_memory:${used}`,
    `used_memory_human:${humanBytes(used)}`,
    `used_memory_rss:${resident}`,
    `used_memory_rss_human:${humanBytes(resident)}`,
    `used_memory_peak:${peak}`,
    `used_memory_peak_human:${humanBytes(peak)}`,
    `used_memory_peak_perc:${percent(used, peak)}`,
    `used_memory_overhead:${overhead}`,
    `used_memory_startup:${startup}`,
    `used_memory_dataset:${dataset}`,
    `used_memory_dataset_perc:${percent(dataset, Math.max(1, used - startup))}`,
    `allocator_allocated:${used}`,
    `allocator_active:${active}`,
    `allocator_resident:${active}`,
    `total_system_memory:${total}`,
    `total_system_memory_human:${humanBytes(total)}`,
    "used_memory_lua:0",
    "used_memory_vm_eval:0",
    "used_memory_lua_human:0B",
    "used_memory_scripts_eval:0",
    "number_of_cached_scripts:0",
    "number_of_functions:0",
    "number_of_libraries:0",
    "used_memory_vm_functions:0",
    "used_memory_vm_total:0",
    "used_memory_vm_total_human:0B",
    "used_memory_functions:0",
    "used_memory_scripts:0",
    "used_memory_scripts_human:0B",
    `maxmemory:${maximum}`,
    `maxmemory_human:${humanBytes(maximum)}`,
    `maxmemory_policy:${node.configuration.get("maxmemory-policy")}`,
    `allocator_frag_ratio:${ratio(active, used)}`,
    `allocator_frag_bytes:${active - used}`,
    "allocator_rss_ratio:1.00",
    "allocator_rss_bytes:0",
    `rss_overhead_ratio:${ratio(resident, active)}`,
    `rss_overhead_bytes:${resident - active}`,
    `mem_fragmentation_ratio:${ratio(resident, used)}`,
    `mem_fragmentation_bytes:${resident - used}`,
    `mem_not_counted_for_evict:${stream}`,
    `mem_replication_backlog:${facts.backlog}`,
    `mem_total_replication_buffers:${stream}`,
    `mem_clients_slaves:${facts.replicas}`,
    `mem_clients_normal:${facts.clients}`,
    `mem_cluster_links:${node.cluster?.linkBytes ?? 0}`,
    "mem_aof_buffer:0",
    "mem_allocator:atoll",
    "active_defrag_running:0",
    `lazyfree_pending_objects:${node.engine.counters.stat(Stat.LazyfreePending)}`,
    `lazyfreed_objects:${node.engine.counters.stat(Stat.LazyfreedKeys)}`,
  ];
}
