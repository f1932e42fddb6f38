import { Client as Field } from "../../../assembly/abi.ts";
import { array, bulk, integer, ok, type ReplyValue } from "../../base/reply.ts";
import type { ClientHandle } from "../../engine/engine.ts";
import { type HostCall, syntaxError } from "../call.ts";
import type { Node } from "../node.ts";
import type { TurnMeter, TurnReport } from "../turns.ts";

/** Parts of the longest turn that are named. */
const partsMax = 6;

/**
 * DEBUG TURN-LENGTH START | STOP, a subcommand of our own. STOP answers the number of turns since START and the
 * longest one in microseconds, of wall time and of processor time, and what the latter was spent on: calls into the
 * engine by name, commands with theirs; the rest is the host's.
 */
export function debugTurnLength(call: HostCall): ReplyValue {
  const { node } = call;
  const { turnMeter } = node.modules.system;
  if (turnMeter === undefined) return syntaxError;
  if (call.word(2) === "start") {
    turnMeter.start();
    observeEngine(node, turnMeter);
    return ok;
  }
  if (call.word(2) !== "stop") return syntaxError;
  node.engine.observe(undefined);
  const report = turnMeter.stop();
  return array([
    bulk("turns"),
    integer(report.turns),
    bulk("longest-us"),
    integer(Math.round(report.longestMs * 1000)),
    bulk("longest-cpu-us"),
    integer(Math.round(report.longestCpuMs * 1000)),
    bulk("spent-on"),
    bulk(spentOn(report)),
  ]);
}

function observeEngine(node: Node, meter: TurnMeter): void {
  const runs = new Set(["execute", "resume", "serveBlocked", "skipBlocked"]);
  node.engine.observe({
    clockMs: () => meter.cpuMs(),
    onCall: (name, first, elapsedMs) => {
      meter.note(runs.has(name) ? lastCommand(node, Number(first)) : name, elapsedMs);
    },
  });
}

function lastCommand(node: Node, client: ClientHandle): string {
  return node.rowOf(node.engine.clientWord(client, Field.LastCommandId))?.name ?? "?";
}

/** As `sadd x7 5120 us, ..., host 700 us, 12 page faults`. */
function spentOn(report: TurnReport): string {
  const inEngine = report.parts.reduce((sum, part) => sum + part.cpuMs, 0);
  const texts = report.parts
    .slice(0, partsMax)
    .map(({ name, count, cpuMs }) => `${name} x${count} ${microseconds(cpuMs)}`);
  texts.push(`host ${microseconds(report.longestCpuMs - inEngine)}`);
  texts.push(`${report.pageFaults} page faults`);
  if (report.collected) texts.push("garbage collected");
  return texts.join(", ");
}

function microseconds(milliseconds: number): string {
  return `${Math.round(milliseconds * 1000)} us`;
}
