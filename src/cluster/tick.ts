/**
 * Ten times a second: links, pings, failure detection, and what a replica owes its shard
 * (clusterCron).
 */
import { NodeFlag } from "./bus-message.ts";
import type { ClusterContext } from "./context.ts";
import { advanceElection } from "./election.ts";
import { suspectIfOverdue } from "./failure.ts";
import { sendPing } from "./gossip.ts";
import { handshakeExpired } from "./handshake.ts";
import { randomPingCandidates, ticksPerRandomPing } from "./limits.ts";
import { closeLink, openLink } from "./links.ts";
import { advanceManualFailover, expireManualFailover } from "./manual-failover.ts";
import { deleteNode } from "./members.ts";
import { countShard, migrateIfSpare, type ShardCensus } from "./migration.ts";
import { replicate } from "./roles.ts";
import type { ClusterNode } from "./state.ts";

export function onTick(context: ClusterContext): void {
  const { state, myself } = context;
  context.tickCount++;
  connectNodes(context);
  if (context.tickCount % ticksPerRandomPing === 0) pingOldest(context);
  const census: ShardCensus = { orphanedPrimaries: 0, replicasMax: 0, ownReplicas: 0 };
  for (const node of [...state.nodes.values()]) {
    if (node.is(NodeFlag.myself | NodeFlag.noAddress | NodeFlag.handshake)) continue;
    countShard(context, node, census);
    watchNode(context, node);
  }
  if (myself.isReplica && context.replicating === null && myself.primary !== null) {
    replicate(context, myself.primary);
  }
  expireManualFailover(context);
  if (myself.isReplica) {
    advanceManualFailover(context);
    advanceElection(context);
    // The election may have made us a primary.
    if (myself.isReplica) migrateIfSpare(context, census);
  }
  if (state.state === "fail") context.due.updateHealth = true;
}

function connectNodes(context: ClusterContext): void {
  const { state } = context;
  state.suspectedCount = 0;
  for (const node of [...state.nodes.values()]) {
    if (node.is(NodeFlag.myself | NodeFlag.noAddress)) continue;
    if (node.isSuspected) state.suspectedCount++;
    if (handshakeExpired(context, node)) deleteNode(context, node);
    else if (node.link === null) openLink(context, node);
  }
}

/** Of a few random peers, the one not heard for longest: everybody gets a ping now and then. */
function pingOldest(context: ClusterContext): void {
  const nodes = [...context.state.nodes.values()];
  let oldest: ClusterNode | null = null;
  for (let i = 0; i < randomPingCandidates; i++) {
    const node = context.prng.pick(nodes);
    if (node.link === null || node.pingSentMs !== 0) continue;
    if (node.is(NodeFlag.myself | NodeFlag.handshake)) continue;
    if (oldest === null || node.pongReceivedMs < oldest.pongReceivedMs) oldest = node;
  }
  if (oldest?.link == null) return;
  context.log("debug", `Pinging node ${oldest.id}`);
  sendPing(context, oldest.link, "ping");
}

function watchNode(context: ClusterContext, node: ClusterNode): void {
  const { nowMs, options, manual, myself } = context;
  const halfTimeoutMs = options.nodeTimeoutMs / 2;
  // Half the timeout without a sign: perhaps only the connection is broken.
  if (
    node.link !== null &&
    nowMs - node.link.createdMs > options.nodeTimeoutMs &&
    node.pingSentMs !== 0 &&
    nowMs - node.pingSentMs > halfTimeoutMs &&
    nowMs - node.dataReceivedMs > halfTimeoutMs
  ) {
    closeLink(context, node.link);
  }
  if (node.link !== null) {
    const overdue = node.pingSentMs === 0 && nowMs - node.pongReceivedMs > halfTimeoutMs;
    // A replica that takes over from us needs our offset as soon as it can have it.
    const awaited = manual.endMs !== 0 && myself.isPrimary && manual.replica === node;
    if (overdue || awaited) {
      sendPing(context, node.link, "ping");
      return;
    }
  }
  suspectIfOverdue(context, node);
}
