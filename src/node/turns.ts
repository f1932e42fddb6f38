/** How long turns of the event loop take: DEBUG TURN-LENGTH. */
import { array, bulk, integer, ok, type ReplyValue } from "../base/reply.ts";
import { type HostCall, syntaxError } from "./call.ts";

export interface TurnReport {
  readonly turns: number;
  /** By the clock on the wall, milliseconds. */
  readonly longestMs: number;
  /** Processor time of the thread, milliseconds. */
  readonly longestCpuMs: number;
}

export interface TurnMeter {
  /** Begins anew. The loop does not wait from now on: it takes a whole processor. */
  start(): void;
  stop(): TurnReport;
}

/**
 * DEBUG TURN-LENGTH START | STOP, a subcommand of our own. STOP answers the number of turns since START and the
 * longest one in microseconds, of wall time and of processor time.
 */
export function debugTurnLength(call: HostCall): ReplyValue {
  const { turnMeter } = call.node.modules.system;
  if (turnMeter === undefined) return syntaxError;
  if (call.word(2) === "start") {
    turnMeter.start();
    return ok;
  }
  if (call.word(2) !== "stop") return syntaxError;
  const { turns, longestMs, longestCpuMs } = turnMeter.stop();
  return array([
    bulk("turns"),
    integer(turns),
    bulk("longest-us"),
    integer(Math.round(longestMs * 1000)),
    bulk("longest-cpu-us"),
    integer(Math.round(longestCpuMs * 1000)),
  ]);
}
