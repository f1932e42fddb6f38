/** The CLUSTER subcommands that change state, with the texts of Redis 7.0's clusterCommand. */
import { unreachable } from "../base/assert.ts";
import { parseInteger } from "../base/integer.ts";
import {
  changeSlotRanges,
  changeSlots,
  flushSlots,
  okReply,
  refuse,
  setSlot,
} from "./admin-slots.ts";
import type { ClusterContext } from "./context.ts";
import type { AdminReply, RequestId } from "./effects.ts";
import { replacePrimary } from "./election.ts";
import { bumpEpochWithoutConsensus } from "./epochs.ts";
import type { AdminCommand } from "./events.ts";
import { startHandshake } from "./handshake.ts";
import { busPortIncrement, manualFailoverTimeoutMs } from "./limits.ts";
import { resetManualFailover } from "./manual-failover.ts";
import { deleteNode, forgetNode } from "./members.ts";
import { becomePrimary, setPrimary } from "./roles.ts";

export function onAdmin(
  context: ClusterContext,
  requestId: RequestId,
  command: AdminCommand,
): void {
  context.tell({ kind: "reply", requestId, reply: run(context, command) });
}

function run(context: ClusterContext, command: AdminCommand): AdminReply {
  switch (command.kind) {
    case "meet":
      return meet(context, command);
    case "forget":
      return forget(context, command.nodeId);
    case "replicate":
      return replicateNode(context, command.nodeId, command.dbEmpty);
    case "failover":
      return failover(context, command.mode);
    case "reset":
      return reset(context, command.hard, command.dbEmpty);
    case "addSlots":
      return changeSlots(context, command.slots, "add");
    case "delSlots":
      return changeSlots(context, command.slots, "delete");
    case "addSlotsRange":
      return changeSlotRanges(context, command.bounds, "add");
    case "delSlotsRange":
      return changeSlotRanges(context, command.bounds, "delete");
    case "flushSlots":
      return flushSlots(context, command.dbEmpty);
    case "setSlot":
      return setSlot(context, command);
    case "setConfigEpoch":
      return setConfigEpoch(context, command.epoch);
    case "bumpEpoch": {
      const word = bumpEpochWithoutConsensus(context) ? "BUMPED" : "STILL";
      return { kind: "ok", text: `${word} ${context.myself.configEpoch}` };
    }
    case "saveConfig":
      context.due.save = true;
      return okReply;
    default:
      return unreachable(command);
  }
}

function meet(
  context: ClusterContext,
  { ip, port, busPort }: Extract<AdminCommand, { kind: "meet" }>,
): AdminReply {
  const base = parseInteger(port);
  if (base === undefined) return refuse(`Invalid TCP base port specified: ${port}`);
  const bus = busPort === null ? base + BigInt(busPortIncrement) : parseInteger(busPort);
  if (bus === undefined) return refuse(`Invalid TCP bus port specified: ${busPort}`);
  if (!startHandshake(context, ip, Number(base), Number(bus))) {
    return refuse(`Invalid node address specified: ${ip}:${port}`);
  }
  return okReply;
}

function forget(context: ClusterContext, nodeId: string): AdminReply {
  const { state, myself } = context;
  const node = state.find(nodeId);
  if (node === null) return refuse(`Unknown node ${nodeId}`);
  if (node === myself) return refuse("I tried hard but I can't forget myself...");
  if (myself.isReplica && myself.primary === node) return refuse("Can't forget my master!");
  forgetNode(context, node);
  context.due.save = true;
  context.due.updateHealth = true;
  return okReply;
}

function replicateNode(context: ClusterContext, nodeId: string, dbEmpty: boolean): AdminReply {
  const { state, myself } = context;
  const node = state.find(nodeId);
  if (node === null) return refuse(`Unknown node ${nodeId}`);
  if (node === myself) return refuse("Can't replicate myself");
  if (node.isReplica) return refuse("I can only replicate a master, not a replica.");
  if (myself.isPrimary && (myself.slotCount !== 0 || !dbEmpty)) {
    return refuse("To set a master the node must be empty and without assigned slots.");
  }
  setPrimary(context, node);
  return okReply;
}

function failover(context: ClusterContext, mode: "normal" | "force" | "takeover"): AdminReply {
  const { myself, manual, nowMs } = context;
  const { primary } = myself;
  if (myself.isPrimary) return refuse("You should send CLUSTER FAILOVER to a replica");
  if (primary === null) return refuse("I'm a replica but my master is unknown to me");
  if (mode === "normal" && (primary.isFailed || primary.link === null)) {
    return refuse("Master is down or failed, please use CLUSTER FAILOVER FORCE");
  }
  resetManualFailover(context);
  manual.endMs = nowMs + manualFailoverTimeoutMs;
  // An operator does not wait for the end of an earlier try.
  context.election.startMs = 0;
  if (mode === "takeover") {
    // Nobody is asked: for an operator who knows that the majority is gone.
    context.log("warning", "Taking over the master (user request).");
    bumpEpochWithoutConsensus(context);
    replacePrimary(context);
  } else if (mode === "force") {
    context.log("warning", "Forced failover user request accepted.");
    manual.canStart = true;
    context.due.failover = true;
  } else {
    context.log("warning", "Manual failover user request accepted.");
    if (primary.link !== null) context.send(primary.link, context.message({ type: "mfStart" }));
  }
  return okReply;
}

function reset(context: ClusterContext, hard: boolean, dbEmpty: boolean): AdminReply {
  const { state, myself } = context;
  if (myself.isPrimary && !dbEmpty) {
    return refuse("CLUSTER RESET can't be called with master nodes containing keys");
  }
  if (myself.isReplica) {
    becomePrimary(context);
    context.act({ kind: "flushData" });
  }
  state.closeAllSlots();
  resetManualFailover(context);
  for (const node of [...state.nodes.values()]) {
    state.unassignAll(node);
    if (node !== myself) deleteNode(context, node);
  }
  if (hard) {
    state.currentEpoch = 0;
    myself.configEpoch = 0;
    state.lastVoteEpoch = 0;
    context.log("warning", "configEpoch set to 0 via CLUSTER RESET HARD");
    state.rename(myself, context.makeNodeId());
    context.log("warning", `Node hard reset, now I'm ${myself.id}`);
  }
  context.due.save = true;
  context.due.updateHealth = true;
  return okReply;
}

function setConfigEpoch(context: ClusterContext, text: string): AdminReply {
  const { state, myself } = context;
  const epoch = parseInteger(text);
  if (epoch === undefined || epoch > BigInt(Number.MAX_SAFE_INTEGER)) {
    return refuse("value is not an integer or out of range");
  }
  if (epoch < 0n) return refuse(`Invalid config epoch specified: ${epoch}`);
  if (state.nodes.size > 1) {
    return refuse(
      "The user can assign a config epoch only when the node does not know any other node.",
    );
  }
  if (myself.configEpoch !== 0) return refuse("Node config epoch is already non-zero");
  myself.configEpoch = Number(epoch);
  state.currentEpoch = Math.max(state.currentEpoch, myself.configEpoch);
  context.log("warning", `configEpoch set to ${epoch} via CLUSTER SET-CONFIG-EPOCH`);
  context.due.save = true;
  context.due.updateHealth = true;
  return okReply;
}
