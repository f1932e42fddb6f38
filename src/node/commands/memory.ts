import { Command } from "../../../assembly/command-ids.ts";
import {
  bulkMap,
  double,
  error,
  integer,
  nullValue,
  ok,
  type ReplyValue,
  verbatim,
} from "../../base/reply.ts";
import { helpReply } from "../../commands/introspect.ts";
import { container, type Handler, type HostCall, notAnInteger, syntaxError } from "../call.ts";
import { humanBytes } from "../info/format.ts";
import { type MemoryFacts, memoryFacts } from "../info/memory.ts";

/** MEMORY. */
export const memoryHandlers: ReadonlyMap<Command, Handler> = new Map<Command, Handler>([
  [
    Command.Memory,
    container({
      usage,
      stats,
      doctor: (call) => verbatim(diagnosis(call)),
      "malloc-stats": (call) => verbatim(allocatorText(memoryFacts(call.node))),
      purge,
      help: (call) => helpReply(call.node.modules.commands.lookup("memory")!) ?? syntaxError,
    }),
  ],
]);

/** The engine knows the size of each allocation of a string; of other values it looks at so many elements. */
function usage(call: HostCall): ReplyValue {
  let samples = samplesByDefault;
  for (let at = 3; at < call.count; at += 2) {
    if (call.word(at) !== "samples" || at + 1 >= call.count) return syntaxError;
    const given = call.integer(at + 1);
    if (given === undefined) return notAnInteger;
    if (given < 0) return error("ERR syntax error");
    samples = Math.min(given, 0xffffffff);
  }
  const facts = call.node.engine.inspect(2, { samples });
  return facts === undefined ? nullValue : integer(facts.bytes);
}

/** OBJ_COMPUTE_SIZE_DEF_SAMPLES. */
const samplesByDefault = 5;

function stats(call: HostCall): ReplyValue {
  const { node } = call;
  const { engine } = node;
  const facts = memoryFacts(node);
  const { used, peak, startup, overhead, dataset, resident, active } = facts;
  const databases: [string, ReplyValue][] = [];
  let keys = 0;
  for (let index = 0; index < node.configuration.get("databases"); index++) {
    const count = engine.keyCount(index);
    if (count === 0) continue;
    keys += count;
    databases.push([`db.${index}`, databaseStats(engine.tableBytes(index))]);
  }
  const net = Math.max(0, used - startup);
  return bulkMap([
    ["peak.allocated", integer(peak)],
    ["total.allocated", integer(used)],
    ["startup.allocated", integer(startup)],
    ["replication.backlog", integer(facts.backlog)],
    ["clients.slaves", integer(facts.replicas)],
    ["clients.normal", integer(facts.clients)],
    ["cluster.links", integer(node.cluster?.linkBytes ?? 0)],
    ["aof.buffer", integer(0)],
    ["lua.caches", integer(0)],
    ["functions.caches", integer(0)],
    ...databases,
    ["overhead.total", integer(overhead)],
    ["keys.count", integer(keys)],
    ["keys.bytes-per-key", integer(keys === 0 ? 0 : Math.trunc(net / keys))],
    ["dataset.bytes", integer(dataset)],
    ["dataset.percentage", double(net === 0 ? 0 : (dataset * 100) / net)],
    ["peak.percentage", double((used * 100) / peak)],
    ["allocator.allocated", integer(used)],
    ["allocator.active", integer(active)],
    ["allocator.resident", integer(active)],
    ["allocator-fragmentation.ratio", double(active / used)],
    ["allocator-fragmentation.bytes", integer(active - used)],
    ["allocator-rss.ratio", double(1)],
    ["allocator-rss.bytes", integer(0)],
    ["rss-overhead.ratio", double(resident / active)],
    ["rss-overhead.bytes", integer(resident - active)],
    ["fragmentation", double(resident / used)],
    ["fragmentation.bytes", integer(resident - used)],
  ]);
}

/** Expiries stand in the entries, and the tables go by slot: they have no tables of their own. */
function databaseStats(tableBytes: number): ReplyValue {
  return bulkMap([
    ["overhead.hashtable.main", integer(tableBytes)],
    ["overhead.hashtable.expires", integer(0)],
    ["overhead.hashtable.slot-to-keys", integer(0)],
  ]);
}

/** What stands out, by the thresholds of Redis's getMemoryDoctorReport, in words of our own. */
function diagnosis(call: HostCall): string {
  const { node } = call;
  const facts = memoryFacts(node);
  if (facts.used < worthALook) {
    return "Less than 5 MB are in use: too little to tell anything from.";
  }
  const found: string[] = [];
  if (facts.peak / facts.used > 1.5) {
    found.push(
      `Peak: ${humanBytes(facts.peak)} were in use once, ${humanBytes(facts.used)} are now. ` +
        "The engine gives free pages back to the system within seconds; MEMORY PURGE does it now.",
    );
  }
  const spare = facts.active - facts.used;
  if (facts.active / facts.used > 1.1 && spare > considerable) {
    found.push(
      `Fragmentation: the engine holds ${humanBytes(spare)} more than live data takes, ` +
        "in pages that are partly free. New data of the same sizes will fill them.",
    );
  }
  const clients = [...node.clients].filter((client) => client.kind === "normal").length;
  if (clients > 0 && facts.clients / clients > 200 * 1024) {
    found.push(
      `Clients: ${humanBytes(facts.clients / clients)} per client on average. ` +
        "Long pipelines, large requests or slow readers do that; see CLIENT LIST.",
    );
  }
  if (found.length === 0) return "Nothing stands out in the use of memory.";
  return found.join("\n");
}

const worthALook = 5 * 1024 * 1024;
const considerable = 10 * 1024 * 1024;

function allocatorText(facts: MemoryFacts): string {
  const { used, active, peak, resident } = facts;
  return [
    `allocated: ${used} (${humanBytes(used)})`,
    `pages: ${active / 65536} of 64 KiB (${humanBytes(active)})`,
    `peak: ${peak} (${humanBytes(peak)})`,
    `resident, whole process: ${resident} (${humanBytes(resident)})`,
  ].join("\n");
}

function purge(call: HostCall): ReplyValue {
  const { engine, modules } = call.node;
  const { releaseMemory } = modules.system;
  if (releaseMemory !== undefined) engine.purge(Number.POSITIVE_INFINITY, releaseMemory);
  return ok;
}
