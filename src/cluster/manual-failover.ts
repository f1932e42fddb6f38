/**
 * CLUSTER FAILOVER, the orderly one: the replica tells its primary (MFSTART), the primary pauses
 * its writers and flags its headers PAUSED, the replica waits until it has processed all that the
 * paused primary had written, then holds an election that needs no FAIL (FORCEACK). No write is
 * lost. Both sides give up after five seconds.
 */
import { type BusMessage, MessageFlag } from "./bus-message.ts";
import type { ClusterContext } from "./context.ts";
import { sendPing } from "./gossip.ts";
import { manualFailoverPauseTimeouts, manualFailoverTimeoutMs } from "./limits.ts";
import type { ClusterNode, Link } from "./state.ts";

/** Ends a manual failover, whether done or given up. */
export function resetManualFailover(context: ClusterContext): void {
  const { manual } = context;
  if (manual.replica !== null) context.act({ kind: "resumeWrites" });
  manual.endMs = 0;
  manual.canStart = false;
  manual.replica = null;
  manual.primaryOffset = -1;
}

export function expireManualFailover(context: ClusterContext): void {
  const { manual } = context;
  if (manual.endMs === 0 || manual.endMs >= context.nowMs) return;
  context.log("warning", "Manual failover timed out.");
  resetManualFailover(context);
}

/** A replica of ours asks us to step down. */
export function onManualFailoverStart(
  context: ClusterContext,
  sender: ClusterNode,
  link: Link,
): void {
  if (sender.primary !== context.myself) return;
  resetManualFailover(context);
  const { manual, nowMs } = context;
  manual.endMs = nowMs + manualFailoverTimeoutMs;
  manual.replica = sender;
  const untilMs = nowMs + manualFailoverTimeoutMs * manualFailoverPauseTimeouts;
  context.act({ kind: "pauseWrites", untilMs });
  context.log("warning", `Manual failover requested by replica ${sender.id}.`);
  // This PING's header carries the flag PAUSED and our offset.
  sendPing(context, link, "ping");
}

/** Looks for the paused primary's offset in a header that came from it. */
export function notePausedOffset(
  context: ClusterContext,
  sender: ClusterNode,
  message: BusMessage,
): void {
  const { manual, myself } = context;
  const paused = (message.messageFlags & MessageFlag.paused) !== 0;
  if (manual.endMs === 0 || !myself.isReplica || myself.primary !== sender || !paused) return;
  if (manual.primaryOffset !== -1) return;
  manual.primaryOffset = sender.replicationOffset;
  context.due.manualFailover = true;
  context.log(
    "warning",
    `Received replication offset for paused master manual failover: ${manual.primaryOffset}`,
  );
}

/** Lets the election begin once our data is complete. */
export function advanceManualFailover(context: ClusterContext): void {
  context.due.manualFailover = false;
  const { manual } = context;
  if (manual.endMs === 0 || manual.canStart || manual.primaryOffset === -1) return;
  if (manual.primaryOffset !== context.facts.offset) return;
  manual.canStart = true;
  context.due.failover = true;
  context.log("warning", "All master replication stream processed, manual failover can start.");
}
