/**
 * Failure detection. A peer that does not answer within the node timeout is suspected (PFAIL, our
 * opinion alone). When the majority of slot-serving primaries reported the same within two node
 * timeouts, it is FAIL: we say so to all, and every node that hears it agrees. The agreement is
 * weak (opinions of different moments), but a FAIL without a majority behind it leads to no
 * promotion, and is taken back when the node is seen again.
 * Source: Redis Cluster Specification, "Failure detection".
 */
import { assert } from "../base/assert.ts";
import { NodeFlag } from "./bus-message.ts";
import type { ClusterContext } from "./context.ts";
import { failReportNodeTimeouts, failUndoNodeTimeouts } from "./limits.ts";
import type { ClusterNode } from "./state.ts";

/** True when this reporter is a new one. */
export function addFailReport(
  context: ClusterContext,
  failing: ClusterNode,
  reporter: ClusterNode,
): boolean {
  const isNew = !failing.failReports.has(reporter);
  failing.failReports.set(reporter, context.nowMs);
  return isNew;
}

/** True when there was a report of this reporter. */
export function removeFailReport(
  context: ClusterContext,
  node: ClusterNode,
  reporter: ClusterNode,
): boolean {
  if (!node.failReports.delete(reporter)) return false;
  dropOldReports(context, node);
  return true;
}

export function failReportCount(context: ClusterContext, node: ClusterNode): number {
  dropOldReports(context, node);
  return node.failReports.size;
}

function dropOldReports(context: ClusterContext, node: ClusterNode): void {
  const ageMaxMs = context.options.nodeTimeoutMs * failReportNodeTimeouts;
  for (const [reporter, reportedMs] of node.failReports) {
    if (context.nowMs - reportedMs > ageMaxMs) node.failReports.delete(reporter);
  }
}

/** PFAIL -> FAIL, if we suspect the node ourselves and the majority of primaries agrees. */
export function markFailingIfAgreed(context: ClusterContext, node: ClusterNode): void {
  if (!node.isSuspected || node.isFailed) return;
  const ownOpinion = context.myself.isPrimary ? 1 : 0;
  if (failReportCount(context, node) + ownOpinion < context.state.quorum) return;
  context.log("notice", `Marking node ${node.id} as failing (quorum reached).`);
  setFailed(context, node);
  context.broadcast(context.message({ type: "fail", nodeId: node.id }));
}

export function onFail(
  context: ClusterContext,
  sender: ClusterNode | null,
  senderId: string,
  failedId: string,
): void {
  if (sender === null) {
    const text = `Ignoring FAIL message from unknown node ${senderId} about ${failedId}`;
    context.log("notice", text);
    return;
  }
  const node = context.state.find(failedId);
  if (node === null || node.is(NodeFlag.fail | NodeFlag.myself)) return;
  context.log("notice", `FAIL message received from ${senderId} about ${failedId}`);
  setFailed(context, node);
}

function setFailed(context: ClusterContext, node: ClusterNode): void {
  node.flags = (node.flags & ~NodeFlag.pfail) | NodeFlag.fail;
  node.failedMs = context.nowMs;
  context.due.save = true;
  context.due.updateHealth = true;
}

/**
 * A PONG came: the node is no longer suspected; a FAIL is taken back where nothing speaks against
 * it.
 */
export function onNodeReachable(context: ClusterContext, node: ClusterNode): void {
  if (node.isSuspected) {
    node.flags &= ~NodeFlag.pfail;
    context.due.save = true;
    context.due.updateHealth = true;
  } else if (node.isFailed) {
    clearFailureIfAllowed(context, node);
  }
}

function clearFailureIfAllowed(context: ClusterContext, node: ClusterNode): void {
  assert(node.isFailed, "only a FAIL can be taken back");
  const clear = (): void => {
    node.flags &= ~NodeFlag.fail;
    context.due.save = true;
    context.due.updateHealth = true;
  };
  if (node.isReplica || node.slotCount === 0) {
    const what = node.isReplica ? "replica" : "master without slots";
    context.log("notice", `Clear FAIL state for node ${node.id}: ${what} is reachable again.`);
    clear();
    return;
  }
  // A primary that still owns its slots after this long was not replaced: nobody else will serve
  // them.
  const quietMs = context.options.nodeTimeoutMs * failUndoNodeTimeouts;
  if (node.isPrimary && context.nowMs - node.failedMs > quietMs) {
    context.log(
      "notice",
      `Clear FAIL state for node ${node.id}: is reachable again and nobody is serving its slots ` +
        "after some time.",
    );
    clear();
  }
}

/** PFAIL for a peer whose pong is overdue, unless it sent other things meanwhile. */
export function suspectIfOverdue(context: ClusterContext, node: ClusterNode): void {
  if (node.pingSentMs === 0 || node.is(NodeFlag.pfail | NodeFlag.fail)) return;
  const silentMs = context.nowMs - Math.max(node.pingSentMs, node.dataReceivedMs);
  if (silentMs <= context.options.nodeTimeoutMs) return;
  context.log("debug", `*** NODE ${node.id} possibly failing`);
  node.flags |= NodeFlag.pfail;
  context.due.updateHealth = true;
}
