/**
 * How a replica replaces its failed primary: it waits a moment (longer the more siblings have more
 * data), takes a new epoch, asks all primaries for their vote, and with the majority behind it
 * claims the slots under that epoch. A primary votes once per epoch, and the vote is on disk before
 * it is sent: so at most one replica wins an epoch, whatever crashes.
 * Source: Redis Cluster Specification, "Replica election and promotion".
 */
import { type BusMessage, MessageFlag, NodeFlag, SLOT_COUNT } from "./bus-message.ts";
import type { CannotFailover, ClusterContext } from "./context.ts";
import { broadcastPong } from "./gossip.ts";
import {
  cannotFailoverQuietMs,
  cannotFailoverRelogMs,
  electionDelayMs,
  electionDelayPerRankMs,
  electionDelayRandomMs,
  electionTimeoutMinMs,
  electionTimeoutNodeTimeouts,
  votePauseNodeTimeouts,
} from "./limits.ts";
import { resetManualFailover } from "./manual-failover.ts";
import { becomePrimary } from "./roles.ts";
import { hasSlot } from "./slot-bitmap.ts";
import type { ClusterNode } from "./state.ts";

/** One step of the replica's side: schedules, starts or wins an election, or says why not. */
export function advanceElection(context: ClusterContext): void {
  context.due.failover = false;
  const { election, manual, nowMs, options } = context;
  const manualReady = manual.endMs !== 0 && manual.canStart;
  if (!mayReplacePrimary(context, manualReady)) {
    election.cannot = "none";
    return;
  }
  if (!manualReady && dataTooOld(context)) {
    explainDelay(context, "dataAge");
    return;
  }
  const timeoutMs = Math.max(
    options.nodeTimeoutMs * electionTimeoutNodeTimeouts,
    electionTimeoutMinMs,
  );
  const ageMs = nowMs - election.startMs;
  if (ageMs > timeoutMs * 2) {
    scheduleElection(context);
    return;
  }
  followRank(context);
  if (nowMs < election.startMs) explainDelay(context, "waitingDelay");
  else if (ageMs > timeoutMs) explainDelay(context, "expired");
  else if (!election.requested) requestVotes(context);
  else if (election.votes >= context.state.quorum) winElection(context);
  else explainDelay(context, "waitingVotes");
}

function mayReplacePrimary(context: ClusterContext, manualReady: boolean): boolean {
  const { myself, options, facts } = context;
  const { primary } = myself;
  // Data that is still being read from disk is no data to serve.
  if (facts.loading) return false;
  if (!myself.isReplica || primary === null || primary.slotCount === 0) return false;
  return manualReady || (primary.isFailed && !options.replicaNoFailover);
}

/**
 * Older than the validity factor allows; the node timeout that detecting the failure took is free.
 */
function dataTooOld(context: ClusterContext): boolean {
  const { nodeTimeoutMs, replicaValidityFactor, replicaPingPeriodMs } = context.options;
  if (replicaValidityFactor === 0) return false;
  let ageMs = context.nowMs - context.facts.lastContactMs;
  if (ageMs > nodeTimeoutMs) ageMs -= nodeTimeoutMs;
  return ageMs > replicaPingPeriodMs + nodeTimeoutMs * replicaValidityFactor;
}

function scheduleElection(context: ClusterContext): void {
  const { election, manual, nowMs } = context;
  election.votes = 0;
  election.requested = false;
  if (manual.endMs !== 0) {
    election.rank = 0;
    election.startMs = nowMs;
    context.due.failover = true;
  } else {
    election.rank = rankAmongSiblings(context);
    const randomMs = context.prng.below(electionDelayRandomMs);
    election.startMs = nowMs + electionDelayMs + randomMs + election.rank * electionDelayPerRankMs;
  }
  context.log(
    "warning",
    `Start of election delayed for ${election.startMs - nowMs} milliseconds ` +
      `(rank #${election.rank}, offset ${context.facts.offset}).`,
  );
  // Siblings learn our offset, and wait longer if theirs is smaller.
  broadcastPong(context, "shardReplicas");
}

/** How many siblings that may win have more data than we. */
function rankAmongSiblings({ myself, facts }: ClusterContext): number {
  let rank = 0;
  for (const replica of myself.primary?.replicas ?? []) {
    if (replica === myself || replica.is(NodeFlag.noFailover)) continue;
    if (replica.replicationOffset > facts.offset) rank++;
  }
  return rank;
}

/** A sibling's better offset came in after the delay was set: wait longer, never shorter. */
function followRank(context: ClusterContext): void {
  const { election, manual } = context;
  if (election.requested || manual.endMs !== 0) return;
  const rank = rankAmongSiblings(context);
  if (rank <= election.rank) return;
  const addedMs = (rank - election.rank) * electionDelayPerRankMs;
  election.startMs += addedMs;
  election.rank = rank;
  context.log(
    "warning",
    `Replica rank updated to #${rank}, added ${addedMs} milliseconds of delay.`,
  );
}

function requestVotes(context: ClusterContext): void {
  const { election, manual, state } = context;
  state.currentEpoch++;
  election.epoch = state.currentEpoch;
  election.requested = true;
  context.log("warning", `Starting a failover election for epoch ${election.epoch}.`);
  const flags = manual.endMs !== 0 ? MessageFlag.forceAck : 0;
  context.broadcast(context.message({ type: "failoverAuthRequest" }, flags));
  context.due.save = true;
  context.due.updateHealth = true;
}

function winElection(context: ClusterContext): void {
  const { election, myself } = context;
  context.log("warning", "Failover election won: I'm the new master.");
  if (myself.configEpoch < election.epoch) {
    myself.configEpoch = election.epoch;
    context.log("warning", `configEpoch set to ${election.epoch} after successful failover`);
  }
  replacePrimary(context);
}

/** Takes the primary's slots. The caller has given us a config epoch that beats the primary's. */
export function replacePrimary(context: ClusterContext): void {
  const { state, myself } = context;
  const old = myself.primary;
  if (myself.isPrimary || old === null) return;
  becomePrimary(context);
  for (let slot = 0; slot < SLOT_COUNT; slot++) {
    if (state.owners[slot] !== old) continue;
    state.unassign(slot);
    state.assign(slot, myself);
  }
  context.due.save = true;
  context.due.updateHealth = true;
  // Every node hears the new claim at once.
  broadcastPong(context, "all");
  resetManualFailover(context);
}

/** A vote for us counts if it comes from a primary with slots and is of our epoch or later. */
export function onVote(context: ClusterContext, sender: ClusterNode, message: BusMessage): void {
  const { election } = context;
  const counts = sender.isPrimary && sender.slotCount > 0;
  if (!counts || message.currentEpoch < election.epoch) return;
  election.votes++;
  context.due.failover = true;
}

/**
 * A replica asks for our vote: granted if every rule allows it, else the first refusal is logged.
 */
export function onVoteRequest(
  context: ClusterContext,
  sender: ClusterNode,
  request: BusMessage,
): void {
  const { state, myself, nowMs } = context;
  // Only primaries with slots are the electorate.
  if (!myself.isPrimary || myself.slotCount === 0) return;
  const refusal = whyNoVote(context, sender, request);
  if (refusal !== null) {
    context.log("warning", `Failover auth denied to ${sender.id}: ${refusal}`);
    return;
  }
  state.lastVoteEpoch = state.currentEpoch;
  if (sender.primary !== null) sender.primary.votedMs = nowMs;
  // The save stands before the send: a vote that could be forgotten could be given twice.
  context.due.save = true;
  if (sender.link !== null) {
    context.send(sender.link, context.message({ type: "failoverAuthAck" }));
  }
  context.log("warning", `Failover auth granted to ${sender.id} for epoch ${state.currentEpoch}`);
}

function whyNoVote(
  context: ClusterContext,
  sender: ClusterNode,
  request: BusMessage,
): string | null {
  const { state, nowMs, options } = context;
  const { currentEpoch } = state;
  if (request.currentEpoch < currentEpoch) {
    return `reqEpoch (${request.currentEpoch}) < curEpoch(${currentEpoch})`;
  }
  if (state.lastVoteEpoch === currentEpoch) return `already voted for epoch ${currentEpoch}`;
  if (!sender.isReplica) return "it is a master node";
  const { primary } = sender;
  if (primary === null) return "I don't know its master";
  const forced = (request.messageFlags & MessageFlag.forceAck) !== 0;
  if (!primary.isFailed && !forced) return "its master is up";
  const pauseMs = options.nodeTimeoutMs * votePauseNodeTimeouts;
  const sinceVoteMs = nowMs - primary.votedMs;
  if (sinceVoteMs < pauseMs) {
    return `can't vote about this master before ${pauseMs - sinceVoteMs} milliseconds`;
  }
  for (let slot = 0; slot < SLOT_COUNT; slot++) {
    if (!hasSlot(request.slots, slot)) continue;
    const owner = state.owners[slot] ?? null;
    if (owner === null || owner.configEpoch <= request.configEpoch) continue;
    return `slot ${slot} epoch (${owner.configEpoch}) > reqEpoch (${request.configEpoch})`;
  }
  return null;
}

const explanations: Record<Exclude<CannotFailover, "none">, string> = {
  dataAge:
    "Disconnected from master for longer than allowed. Please check the " +
    "'cluster-replica-validity-factor' configuration option.",
  waitingDelay: "Waiting the delay before I can start a new failover.",
  expired: "Failover attempt expired.",
  waitingVotes: "Waiting for votes, but majority still not reached.",
};

/** Said when the reason changes, then every five minutes; never while a failure is still young. */
function explainDelay(context: ClusterContext, reason: Exclude<CannotFailover, "none">): void {
  const { election, nowMs, myself, options } = context;
  const recent = nowMs - election.cannotLoggedMs < cannotFailoverRelogMs;
  if (reason === election.cannot && recent) return;
  election.cannot = reason;
  const { primary } = myself;
  const quietMs = options.nodeTimeoutMs + cannotFailoverQuietMs;
  if (primary?.isFailed === true && nowMs - primary.failedMs < quietMs) return;
  election.cannotLoggedMs = nowMs;
  context.log("warning", `Currently unable to failover: ${explanations[reason]}`);
}
