/**
 * PING, PONG and MEET: what this node tells of others, and what it learns from what they tell.
 *
 * Each message carries a few random nodes (a tenth of all, at least three) and every node that we
 * suspect. With a tenth per message, and at least four messages between any two nodes within a node
 * timeout, most primaries' opinions about a failing node arrive while reports are still valid.
 */
import { type GossipEntry, NodeFlag, type PingBody, type PingExtensions } from "./bus-message.ts";
import type { ClusterContext } from "./context.ts";
import {
  addFailReport,
  failReportCount,
  markFailingIfAgreed,
  removeFailReport,
} from "./failure.ts";
import {
  busPortIncrement,
  gossipClockToleranceMs,
  gossipEntriesMin,
  gossipNodesFraction,
  nodesMax,
} from "./limits.ts";
import { closeLink } from "./links.ts";
import { ClusterNode, type Link, roleFlag } from "./state.ts";

export function sendPing(context: ClusterContext, link: Link, type: PingBody["type"]): void {
  if (!link.inbound && type === "ping" && link.node !== null) {
    link.node.pingSentMs = context.nowMs;
  }
  const extensions: PingExtensions = {};
  if (context.myself.hostname !== "") extensions.hostname = context.myself.hostname;
  const gossip = pickGossip(context).map(gossipEntry);
  context.send(link, context.message({ type, gossip, extensions }));
}

/** A PONG that nobody asked for: news about this node, to all or to the replicas of its shard. */
export function broadcastPong(context: ClusterContext, target: "all" | "shardReplicas"): void {
  const { myself } = context;
  for (const node of context.state.nodes.values()) {
    if (node.link === null || node === myself || node.inHandshake) continue;
    const inShard =
      node.isReplica &&
      node.primary !== null &&
      (node.primary === myself || node.primary === myself.primary);
    if (target === "all" || inShard) sendPing(context, node.link, "pong");
  }
}

function gossipEntry(node: ClusterNode): GossipEntry {
  return {
    nodeId: node.id,
    pingSentSeconds: Math.floor(node.pingSentMs / 1000),
    pongReceivedSeconds: Math.floor(node.pongReceivedMs / 1000),
    ip: node.ip,
    port: node.port,
    busPort: node.busPort,
    flags: node.flags,
    plainPort: node.plainPort,
  };
}

function pickGossip(context: ClusterContext): ClusterNode[] {
  const { state, myself, prng } = context;
  const known = [...state.nodes.values()];
  // Neither ourselves nor the receiver are news.
  let fresh = known.length - 2;
  const wanted = Math.min(
    Math.max(Math.floor(known.length / gossipNodesFraction), gossipEntriesMin),
    fresh,
  );
  const picked = new Set<ClusterNode>();
  for (let tries = wanted * 3; tries > 0 && fresh > 0 && picked.size < wanted; tries--) {
    const node = prng.pick(known);
    if (node === myself || node.isSuspected || picked.has(node)) continue;
    const unfit =
      node.is(NodeFlag.handshake | NodeFlag.noAddress) ||
      (node.link === null && node.slotCount === 0);
    fresh--;
    if (!unfit) picked.add(node);
  }
  let suspectedLeft = state.suspectedCount;
  for (const node of known) {
    if (suspectedLeft <= 0) break;
    if (!node.isSuspected || node.is(NodeFlag.handshake | NodeFlag.noAddress)) continue;
    picked.add(node);
    suspectedLeft--;
  }
  return [...picked];
}

/** `sender` is null for a MEET of a stranger: then only nodes known already are looked at. */
export function learnFromGossip(
  context: ClusterContext,
  entries: readonly GossipEntry[],
  sender: ClusterNode | null,
): void {
  for (const entry of entries) {
    const node = context.state.find(entry.nodeId);
    if (node === null) learnNewNode(context, entry, sender);
    else learnKnownNode(context, entry, sender, node);
  }
}

function learnKnownNode(
  context: ClusterContext,
  entry: GossipEntry,
  sender: ClusterNode | null,
  node: ClusterNode,
): void {
  const reportedDown = (entry.flags & (NodeFlag.fail | NodeFlag.pfail)) !== 0;
  if (sender?.isPrimary === true && node !== context.myself) {
    if (reportedDown) {
      if (addFailReport(context, node, sender)) {
        context.log("verbose", `Node ${sender.id} reported node ${node.id} as not reachable.`);
      }
      markFailingIfAgreed(context, node);
    } else if (removeFailReport(context, node, sender)) {
      context.log("verbose", `Node ${sender.id} reported node ${node.id} is back online.`);
    }
  }
  // Another's younger pong spares us a ping of our own, if all agree that the node is well.
  if (!reportedDown && node.pingSentMs === 0 && failReportCount(context, node) === 0) {
    const pongMs = entry.pongReceivedSeconds * 1000;
    if (pongMs <= context.nowMs + gossipClockToleranceMs && pongMs > node.pongReceivedMs) {
      node.pongReceivedMs = pongMs;
    }
  }
  // We cannot reach it but the sender can, at another address: follow.
  const busPort = entry.busPort || entry.port + busPortIncrement;
  const moved = node.ip !== entry.ip || node.port !== entry.port || node.busPort !== busPort;
  const addressed = (entry.flags & NodeFlag.noAddress) === 0;
  if (node.is(NodeFlag.fail | NodeFlag.pfail) && addressed && !reportedDown && moved) {
    if (node === context.myself) return;
    if (node.link !== null) closeLink(context, node.link);
    node.ip = entry.ip;
    node.port = entry.port;
    node.plainPort = entry.plainPort;
    node.busPort = busPort;
    node.flags &= ~NodeFlag.noAddress;
  }
}

/** What is believed of a node that others introduce, beside its role. */
const introducedFlags = NodeFlag.pfail | NodeFlag.fail | NodeFlag.noFailover | NodeFlag.migrateTo;

/**
 * Only members of our cluster may introduce nodes, or two clusters could grow together by accident.
 */
function learnNewNode(
  context: ClusterContext,
  entry: GossipEntry,
  sender: ClusterNode | null,
): void {
  const { state, nowMs } = context;
  if (sender === null || (entry.flags & NodeFlag.noAddress) !== 0) return;
  if (isBlacklisted(context, entry.nodeId)) return;
  if (state.nodes.size >= nodesMax) return;
  const flags = roleFlag(entry.flags) | (entry.flags & introducedFlags);
  const node = new ClusterNode(entry.nodeId, flags, nowMs);
  node.ip = entry.ip;
  node.port = entry.port;
  node.plainPort = entry.plainPort;
  node.busPort = entry.busPort || entry.port + busPortIncrement;
  state.add(node);
}

function isBlacklisted(context: ClusterContext, nodeId: string): boolean {
  const { blacklist } = context.state;
  for (const [id, untilMs] of blacklist) {
    if (untilMs < context.nowMs) blacklist.delete(id);
  }
  return blacklist.has(nodeId);
}
