/**
 * Config epochs order the claims on slots. They come from elections; only an operator's commands
 * and the repair of a collision make one without asking anybody.
 * Source: Redis Cluster Specification, "Configuration epoch" and "configEpoch conflicts
 * resolution".
 */
import type { ClusterContext } from "./context.ts";
import type { ClusterNode } from "./state.ts";

/** Takes a new epoch unless ours is the greatest already; true if it did. */
export function bumpEpochWithoutConsensus(context: ClusterContext): boolean {
  const { state, myself } = context;
  if (myself.configEpoch !== 0 && myself.configEpoch === state.maxEpoch) return false;
  state.currentEpoch = state.maxEpoch + 1;
  myself.configEpoch = state.currentEpoch;
  context.due.save = true;
  context.log("warning", `New configEpoch set to ${myself.configEpoch}`);
  return true;
}

/**
 * Two primaries with one epoch: the one with the smaller ID moves on to a fresh one, so that of any
 * number of them all end up apart.
 */
export function resolveEpochCollision(context: ClusterContext, sender: ClusterNode): void {
  const { state, myself } = context;
  if (sender.configEpoch !== myself.configEpoch) return;
  if (!sender.isPrimary || !myself.isPrimary || sender.id <= myself.id) return;
  state.currentEpoch++;
  myself.configEpoch = state.currentEpoch;
  context.due.save = true;
  context.log(
    "verbose",
    `WARNING: configEpoch collision with node ${sender.id}. ` +
      `configEpoch set to ${myself.configEpoch}`,
  );
}
