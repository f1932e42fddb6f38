/** How a new cluster is laid out: which nodes are primaries, which slots they own, who replicates whom. */

/** CLUSTER KEYSLOT's range: 0 to 16383. */
export const SLOT_COUNT = 16_384;

/** Fewer primaries cannot agree on a failover; redis-cli refuses them too. */
export const PRIMARIES_MIN = 3;

export interface PrimaryPlan {
  /** Index of the node, in the order the nodes were given. */
  readonly node: number;
  readonly firstSlot: number;
  /** Inclusive. */
  readonly lastSlot: number;
}

export interface ReplicaPlan {
  readonly node: number;
  /** Index of the node it replicates. */
  readonly primary: number;
}

export interface ClusterPlan {
  readonly primaries: readonly PrimaryPlan[];
  readonly replicas: readonly ReplicaPlan[];
}

export type PlanResult =
  | { readonly ok: true; readonly plan: ClusterPlan }
  | { readonly ok: false; readonly reason: string };

/**
 * The layout of `redis-cli --cluster create` (7.0, clusterManagerCommandCreate) for nodes on one host: the first
 * nodes are primaries with equal shares of the slots, rounded to the nearest; the others are dealt out as
 * replicas, and what is left over after the even share goes round once more.
 */
export function planCluster(nodeCount: number, replicasPerPrimary: number): PlanResult {
  const primaryCount = Math.floor(nodeCount / (replicasPerPrimary + 1));
  if (primaryCount < PRIMARIES_MIN) {
    const needed = PRIMARIES_MIN * (replicasPerPrimary + 1);
    return {
      ok: false,
      reason:
        `${nodeCount} nodes with ${replicasPerPrimary} replicas for each primary make ` +
        `${primaryCount} primaries; a cluster needs ${PRIMARIES_MIN}, so at least ${needed} nodes`,
    };
  }
  const primaries = slotShares(primaryCount).map((share, node) => ({ node, ...share }));
  const replicas: ReplicaPlan[] = [];
  for (let node = primaryCount; node < nodeCount; node += 1) {
    replicas.push({ node, primary: (node - primaryCount) % primaryCount });
  }
  return { ok: true, plan: { primaries, replicas } };
}

function slotShares(primaryCount: number): { firstSlot: number; lastSlot: number }[] {
  const share = SLOT_COUNT / primaryCount;
  const shares: { firstSlot: number; lastSlot: number }[] = [];
  let firstSlot = 0;
  for (let index = 0; index < primaryCount; index += 1) {
    const isLast = index === primaryCount - 1;
    const lastSlot = isLast ? SLOT_COUNT - 1 : Math.round(share * (index + 1) - 1);
    shares.push({ firstSlot, lastSlot });
    firstSlot = lastSlot + 1;
  }
  return shares;
}
