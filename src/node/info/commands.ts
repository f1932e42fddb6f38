import { Command, CommandStat } from "../../../assembly/abi.ts";
import { doubleText } from "../../base/reply.ts";
import type { Node } from "../node.ts";
import type { Histogram } from "../stats.ts";
import { safeName } from "./format.ts";

interface Row {
  readonly name: string;
  readonly calls: number;
  readonly microseconds: number;
  readonly rejected: number;
  readonly failed: number;
  readonly latency: Histogram | undefined;
}

/** Counters of engine and host commands alike, of those that were called or refused at least once. */
function rows(node: Node): Row[] {
  const { engine } = node;
  const list: Row[] = [];
  for (let id = 1; id < Command.Count; id++) {
    const row = node.rowOf(id);
    if (row === undefined || row.host) continue;
    const stat = (field: CommandStat): number => engine.commandStat(id, field);
    const calls = stat(CommandStat.Calls);
    const rejected = stat(CommandStat.Rejected);
    const failed = stat(CommandStat.Failed);
    if (calls + rejected + failed === 0) continue;
    const latency = node.latencies.get(id);
    const microseconds = Math.round(stat(CommandStat.Microseconds));
    list.push({ name: row.fullName, calls, microseconds, rejected, failed, latency });
  }
  for (const [name, stat] of node.commandStats.entries()) {
    const row = node.modules.commands.lookup(name);
    // What the engine refused before the host saw it counts for the command as a whole.
    const id = row !== undefined && !name.includes("|") ? node.idOf(name) : Command.None;
    const refused = id === Command.None ? 0 : engine.commandStat(id, CommandStat.Rejected);
    const microseconds = Math.round(stat.microseconds);
    list.push({ ...stat, name, microseconds, rejected: stat.rejected + refused });
  }
  return list;
}

export function commandStatistics(node: Node): string[] {
  return rows(node).map(({ name, calls, microseconds, rejected, failed }) => {
    const each = calls === 0 ? 0 : microseconds / calls;
    return (
      `cmdstat_${safeName(name)}:calls=${calls},usec=${microseconds},` +
      `usec_per_call=${each.toFixed(2)},rejected_calls=${rejected},failed_calls=${failed}`
    );
  });
}

export function errorStatistics(node: Node): string[] {
  return node.errorCounts().map(([code, count]) => `errorstat_${safeName(code)}:count=${count}`);
}

export function latencyStatistics(node: Node): string[] {
  const percentiles = node.configuration.get("latency-tracking-info-percentiles");
  return rows(node).flatMap(({ name, latency }) => {
    if (latency === undefined || latency.total === 0) return [];
    const values = percentiles.map((percentile) => {
      const microseconds = latency.percentile(percentile);
      return `p${doubleText(percentile)}=${microseconds.toFixed(3)}`;
    });
    return [`latency_percentiles_usec_${safeName(name)}:${values.join(",")}`];
  });
}
