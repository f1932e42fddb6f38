/**
 * Replica migration: where one primary has replicas to spare and another, which used to have some,
 * is left without, the spare replica with the smallest ID moves over.
 * Source: Redis Cluster Specification, "Replica migration algorithm".
 */
import { NodeFlag } from "./bus-message.ts";
import type { ClusterContext } from "./context.ts";
import { migrationDelayMs } from "./limits.ts";
import { setPrimary } from "./roles.ts";
import type { ClusterNode } from "./state.ts";

/** What a tick has seen of the shards. */
export interface ShardCensus {
  orphanedPrimaries: number;
  /** Working replicas of the primary that has most. */
  replicasMax: number;
  /** Working replicas of our own primary. */
  ownReplicas: number;
}

/** Adds one node to the census of a replica. */
export function countShard(context: ClusterContext, node: ClusterNode, census: ShardCensus): void {
  if (!context.myself.isReplica || !node.isPrimary || node.isFailed) return;
  const working = node.workingReplicaCount;
  if (working === 0 && node.slotCount > 0 && node.is(NodeFlag.migrateTo)) {
    census.orphanedPrimaries++;
  }
  census.replicasMax = Math.max(census.replicasMax, working);
  if (context.myself.primary === node) census.ownReplicas = working;
}

export function migrateIfSpare(context: ClusterContext, census: ShardCensus): void {
  const { state, myself, options, nowMs } = context;
  const { orphanedPrimaries, replicasMax, ownReplicas } = census;
  if (!options.allowReplicaMigration || orphanedPrimaries === 0) return;
  if (replicasMax < 2 || ownReplicas !== replicasMax || state.state !== "ok") return;
  const siblings = myself.primary?.replicas ?? [];
  const reachable = siblings.filter((replica) => !replica.is(NodeFlag.fail | NodeFlag.pfail));
  if (reachable.length <= options.migrationBarrier) return;

  let target: ClusterNode | null = null;
  let candidate: ClusterNode = myself;
  for (const node of state.nodes.values()) {
    const working = node.isPrimary ? node.workingReplicaCount : 0;
    const wantsReplicas = !node.isReplica && !node.isFailed && node.is(NodeFlag.migrateTo);
    if (wantsReplicas && working === 0) {
      if (target === null && node.slotCount > 0) target = node;
      if (node.orphanedMs === 0) node.orphanedMs = nowMs;
    } else {
      node.orphanedMs = 0;
    }
    if (working !== replicasMax) continue;
    for (const replica of node.replicas) if (replica.id < candidate.id) candidate = replica;
  }
  // During a failover, the primary's own replicas get the time to come back to it.
  if (target === null || candidate !== myself) return;
  if (nowMs - target.orphanedMs <= migrationDelayMs) return;
  context.log("warning", `Migrating to orphaned master ${target.id}`);
  setPrimary(context, target);
}
