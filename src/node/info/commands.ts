import { CommandStat } from "../../../assembly/abi.ts";
import { doubleText } from "../../base/reply.ts";
import type { CommandRow } from "../../commands/row.ts";
import { statIndex } from "../../commands/table.ts";
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
  const known = node.modules.commands.rows.flatMap((row) => [row, ...row.subcommands]);
  return known
    .map((row) => (row.host ? hostRow(node, row) : engineRow(node, row)))
    .filter(({ calls, rejected, failed }) => calls + rejected + failed > 0);
}

function engineRow(node: Node, row: CommandRow): Row {
  const index = statIndex(row);
  const stat = (field: CommandStat): number => node.engine.counters.commandStat(index, field);
  return {
    name: row.fullName,
    calls: stat(CommandStat.Calls),
    microseconds: Math.round(stat(CommandStat.Microseconds)),
    rejected: stat(CommandStat.Rejected),
    failed: stat(CommandStat.Failed),
    latency: node.latencies.get(index),
  };
}

/** What the engine refused the host has not seen. */
function hostRow(node: Node, row: CommandRow): Row {
  const stat = node.commandStats.of(row.fullName);
  const refused = node.engine.counters.commandStat(statIndex(row), CommandStat.Rejected);
  const microseconds = Math.round(stat.microseconds);
  return { ...stat, name: row.fullName, microseconds, rejected: stat.rejected + refused };
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
