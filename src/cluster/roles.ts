/** Changes of role: who is a primary, who replicates whom, ourselves included. */
import { assert } from "../base/assert.ts";
import { NodeFlag } from "./bus-message.ts";
import type { ClusterContext } from "./context.ts";
import { resetManualFailover } from "./manual-failover.ts";
import type { ClusterNode } from "./state.ts";

export function setNodeAsPrimary(context: ClusterContext, node: ClusterNode): void {
  if (node.isPrimary) return;
  if (node.primary !== null) {
    context.state.detachReplica(node);
    // A primary that replaced one with replicas should get replicas again.
    if (node !== context.myself) node.flags |= NodeFlag.migrateTo;
  }
  node.flags = (node.flags & ~NodeFlag.replica) | NodeFlag.primary;
  context.due.save = true;
  context.due.updateHealth = true;
}

/**
 * A peer says that it is a replica. `primary` is null when we do not know the node that it names.
 */
export function setNodeAsReplica(
  context: ClusterContext,
  node: ClusterNode,
  primary: ClusterNode | null,
): void {
  const { state } = context;
  if (node.isPrimary) {
    state.unassignAll(node);
    node.flags &= ~(NodeFlag.primary | NodeFlag.migrateTo);
    node.flags |= NodeFlag.replica;
    context.due.save = true;
    context.due.updateHealth = true;
  }
  if (primary !== null && primary !== node && node.primary !== primary) {
    state.attachReplica(primary, node);
    context.due.save = true;
  }
}

/** Makes this node a replica of another; it must be no owner of slots (those left are given up). */
export function setPrimary(context: ClusterContext, primary: ClusterNode): void {
  const { state, myself } = context;
  assert(primary !== myself, "a node does not replicate itself");
  state.unassignAll(myself);
  if (myself.isPrimary) {
    myself.flags &= ~(NodeFlag.primary | NodeFlag.migrateTo);
    myself.flags |= NodeFlag.replica;
    state.closeAllSlots();
  }
  state.attachReplica(primary, myself);
  context.replicating = null;
  replicate(context, primary);
  resetManualFailover(context);
  context.due.save = true;
  context.due.updateHealth = true;
}

/** (Re)starts replication if the address is known and is not the one replicated already. */
export function replicate(context: ClusterContext, primary: ClusterNode): void {
  const { ip, port } = primary;
  if (!primary.hasAddress || ip === "" || port === 0) return;
  const { replicating } = context;
  if (replicating !== null && replicating.ip === ip && replicating.port === port) return;
  context.replicating = { ip, port };
  context.act({ kind: "replicate", primaryId: primary.id, ip, port });
}

/** Stops replicating; the data stays. */
export function becomePrimary(context: ClusterContext): void {
  setNodeAsPrimary(context, context.myself);
  context.replicating = null;
  context.act({ kind: "becomePrimary" });
}
