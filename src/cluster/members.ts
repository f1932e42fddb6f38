/** Nodes that leave, and the IDs that may not come back yet. */
import type { ClusterContext } from "./context.ts";
import { blacklistMs } from "./limits.ts";
import { closeLink } from "./links.ts";
import { resetManualFailover } from "./manual-failover.ts";
import type { ClusterNode } from "./state.ts";

/** Removes a node from all tables, and its links with it. */
export function deleteNode(context: ClusterContext, node: ClusterNode): void {
  if (node.link !== null) closeLink(context, node.link);
  if (node.inboundLink !== null) closeLink(context, node.inboundLink);
  if (context.manual.replica === node) resetManualFailover(context);
  context.state.remove(node);
}

/** CLUSTER FORGET: deleted, and for a minute nobody's gossip brings it back. */
export function forgetNode(context: ClusterContext, node: ClusterNode): void {
  context.state.blacklist.set(node.id, context.nowMs + blacklistMs);
  deleteNode(context, node);
}
