/**
 * What each message of the bus does. The decoder has checked its form; here it is checked for
 * sense.
 */
import { unreachable } from "../base/assert.ts";
import { type BusMessage, isPing, NodeFlag, type PingBody } from "./bus-message.ts";
import type { ClusterContext } from "./context.ts";
import type { LinkId } from "./effects.ts";
import { onVote, onVoteRequest } from "./election.ts";
import { resolveEpochCollision } from "./epochs.ts";
import { onFail, onNodeReachable } from "./failure.ts";
import { learnFromGossip, sendPing } from "./gossip.ts";
import {
  completeHandshake,
  learnOwnAddress,
  onMeetOfStranger,
  onWrongNode,
  updateAddress,
} from "./handshake.ts";
import { senderOf } from "./links.ts";
import { notePausedOffset, onManualFailoverStart } from "./manual-failover.ts";
import { setNodeAsPrimary, setNodeAsReplica } from "./roles.ts";
import { adoptClaim, correctStaleClaim, onUpdate } from "./slots.ts";
import type { ClusterNode, Link } from "./state.ts";

export function onMessage(context: ClusterContext, linkId: LinkId, message: BusMessage): void {
  const link = context.state.links.get(linkId);
  if (link === undefined) return;
  const { body } = message;
  context.stats.received[body.type]++;
  const target = link.inbound ? null : link.node;
  if (isPing(body) && target !== null && !target.inHandshake && target.id !== message.sender) {
    onWrongNode(context, link, target);
    return;
  }
  const sender = senderOf(context, link, message);
  if (sender !== null) noteHeader(context, sender, message);
  switch (body.type) {
    case "ping":
    case "pong":
    case "meet":
      onPing(context, link, sender, message, body);
      return;
    case "fail":
      onFail(context, sender, message.sender, body.nodeId);
      return;
    case "publish":
    case "publishShard":
      if (sender === null) return;
      context.act({
        kind: "deliverPublish",
        channel: body.channel,
        message: body.message,
        sharded: body.type === "publishShard",
      });
      return;
    case "failoverAuthRequest":
      if (sender !== null) onVoteRequest(context, sender, message);
      return;
    case "failoverAuthAck":
      if (sender !== null) onVote(context, sender, message);
      return;
    case "mfStart":
      if (sender !== null) onManualFailoverStart(context, sender, link);
      return;
    case "update":
      if (sender !== null) onUpdate(context, body);
      return;
    case "module":
      if (sender === null) return;
      context.act({
        kind: "deliverModule",
        senderId: sender.id,
        moduleId: body.moduleId,
        type: body.moduleType,
        payload: body.payload,
      });
      return;
    default:
      unreachable(body);
  }
}

/** What every header of a member tells: that it lives, its epochs, its offset. */
function noteHeader(context: ClusterContext, sender: ClusterNode, message: BusMessage): void {
  const { state, myself } = context;
  sender.dataReceivedMs = context.nowMs;
  if (sender.inHandshake || sender === myself) return;
  state.currentEpoch = Math.max(state.currentEpoch, message.currentEpoch);
  if (message.configEpoch > sender.configEpoch) {
    sender.configEpoch = message.configEpoch;
    context.due.save = true;
  }
  sender.replicationOffset = message.replicationOffset;
  notePausedOffset(context, sender, message);
}

function onPing(
  context: ClusterContext,
  link: Link,
  sender: ClusterNode | null,
  message: BusMessage,
  body: PingBody,
): void {
  if (body.type !== "pong") {
    learnOwnAddress(context, link, body.type === "meet");
    if (sender === null && body.type === "meet") {
      onMeetOfStranger(context, link, message);
      learnFromGossip(context, body.gossip, null);
    }
    sendPing(context, link, "pong");
  }
  const target = link.inbound ? null : link.node;
  if (target?.inHandshake === true) {
    if (!completeHandshake(context, link, target, sender, message)) return;
  }
  if (target !== null && body.type === "pong") {
    target.pongReceivedMs = context.nowMs;
    target.pingSentMs = 0;
  }
  if (sender === null || sender === context.myself) {
    if (target !== null && body.type === "pong") onNodeReachable(context, target);
    return;
  }
  // The sender knows best whether it may replace its primary; ranks are computed from it.
  sender.flags &= ~NodeFlag.noFailover;
  sender.flags |= message.flags & NodeFlag.noFailover;
  if (body.type === "ping" && !sender.inHandshake) updateAddress(context, sender, link, message);
  if (target !== null && body.type === "pong") onNodeReachable(context, target);
  noteRole(context, sender, message);
  noteSlots(context, sender, message);
  learnFromGossip(context, body.gossip, sender);
  noteHostname(context, sender, body.extensions.hostname ?? "");
}

function noteRole(context: ClusterContext, sender: ClusterNode, message: BusMessage): void {
  if (message.primaryId === "") setNodeAsPrimary(context, sender);
  else setNodeAsReplica(context, sender, context.state.find(message.primaryId));
}

/** After the role, for only a primary's claim counts. */
function noteSlots(context: ClusterContext, sender: ClusterNode, message: BusMessage): void {
  const shardPrimary = sender.isPrimary ? sender : sender.primary;
  if (shardPrimary !== null && !sameSlots(shardPrimary.slots, message.slots)) {
    if (sender.isPrimary) adoptClaim(context, sender, message.configEpoch, message.slots);
    correctStaleClaim(context, sender, message);
  }
  if (message.configEpoch === context.myself.configEpoch) resolveEpochCollision(context, sender);
}

function sameSlots(left: Uint8Array, right: Uint8Array): boolean {
  for (let i = 0; i < left.length; i++) if (left[i] !== right[i]) return false;
  return true;
}

/** A sender that announces no host name has none. */
function noteHostname(context: ClusterContext, sender: ClusterNode, hostname: string): void {
  if (sender.hostname === hostname) return;
  sender.hostname = hostname;
  context.due.save = true;
}
