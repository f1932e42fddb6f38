/**
 * `cluster_state`: ok when all slots are covered (if asked for) and we are with the majority of
 * primaries. A primary becomes ok only after a delay, at start and after a time in the minority, so
 * that news of its replacement reach it before it takes a write that would be lost.
 */
import { NodeFlag, SLOT_COUNT } from "./bus-message.ts";
import type { ClusterContext } from "./context.ts";
import { rejoinDelayMaxMs, rejoinDelayMinMs, writableDelayMs } from "./limits.ts";

export function updateHealth(context: ClusterContext): void {
  context.due.updateHealth = false;
  const { state, myself, health, nowMs } = context;
  if (health.firstLookMs === 0) health.firstLookMs = nowMs;
  const starting = nowMs - health.firstLookMs < writableDelayMs;
  if (myself.isPrimary && state.state === "fail" && starting) return;

  const inMajority = countPrimaries(context);
  if (!inMajority) health.minorityMs = nowMs;
  const covered = !context.options.requireFullCoverage || allSlotsServed(context);
  const next = inMajority && covered ? "ok" : "fail";
  if (next === state.state) return;

  const rejoinDelayMs = Math.min(
    Math.max(context.options.nodeTimeoutMs, rejoinDelayMinMs),
    rejoinDelayMaxMs,
  );
  const rejoining = nowMs - health.minorityMs < rejoinDelayMs;
  if (next === "ok" && myself.isPrimary && rejoining) return;
  context.log("warning", `Cluster state changed: ${next}`);
  state.state = next;
  context.act({ kind: "stateChanged", state: next });
}

/**
 * A primary that stood still for a node timeout may have been replaced meanwhile, and could not hear of it:
 * as after a time in the minority, it takes no write before the others had a chance to tell. Redis takes
 * what waits in its sockets first, and loses those writes.
 */
export function onStalled(context: ClusterContext): void {
  const { state, myself, health, nowMs } = context;
  if (!myself.isPrimary || myself.slotCount === 0 || state.size < 2) return;
  health.minorityMs = nowMs;
  if (state.state === "fail") return;
  context.log("warning", "Stood still for longer than the node timeout.");
  context.log("warning", "Cluster state changed: fail");
  state.state = "fail";
  context.act({ kind: "stateChanged", state: "fail" });
}

/** Counts the primaries with slots; true when most of them are not suspected by us. */
export function countPrimaries(context: ClusterContext): boolean {
  const { state } = context;
  let size = 0;
  let reachable = 0;
  for (const node of state.nodes.values()) {
    if (!node.isPrimary || node.slotCount === 0) continue;
    size++;
    if (!node.is(NodeFlag.fail | NodeFlag.pfail)) reachable++;
  }
  state.size = size;
  return reachable >= state.quorum;
}

function allSlotsServed(context: ClusterContext): boolean {
  const { owners } = context.state;
  for (let slot = 0; slot < SLOT_COUNT; slot++) {
    const owner = owners[slot] ?? null;
    if (owner === null || owner.isFailed) return false;
  }
  return true;
}
