/**
 * CLUSTER ADDSLOTS, DELSLOTS, their RANGE forms, FLUSHSLOTS and SETSLOT, with Redis 7.0's texts.
 */

import { parseInteger } from "../base/integer.ts";
import { SLOT_COUNT } from "./bus-message.ts";
import type { ClusterContext } from "./context.ts";
import type { AdminReply } from "./effects.ts";
import { bumpEpochWithoutConsensus } from "./epochs.ts";
import type { AdminCommand } from "./events.ts";
import { broadcastPong } from "./gossip.ts";
import { followNewOwner } from "./slots.ts";
import type { ClusterNode } from "./state.ts";

export const okReply: AdminReply = { kind: "ok", text: "OK" };
export const refuse = (text: string): AdminReply => ({ kind: "error", text: `ERR ${text}` });

const badSlot = refuse("Invalid or out of range slot");

function parseSlot(text: string): number | null {
  const value = parseInteger(text);
  return value !== undefined && value >= 0n && value < SLOT_COUNT ? Number(value) : null;
}

/** All arguments are read first; then each slot is looked at in the order given. */
export function changeSlots(
  context: ClusterContext,
  texts: readonly string[],
  change: "add" | "delete",
): AdminReply {
  const ranges: (readonly [number, number])[] = [];
  for (const text of texts) {
    const slot = parseSlot(text);
    if (slot === null) return badSlot;
    ranges.push([slot, slot]);
  }
  const slots = new Set<number>();
  for (const range of ranges) {
    const refusal = collect(context, slots, range, change);
    if (refusal !== null) return refusal;
  }
  return apply(context, slots, change);
}

/** Each range is read and looked at before the next. */
export function changeSlotRanges(
  context: ClusterContext,
  bounds: readonly string[],
  change: "add" | "delete",
): AdminReply {
  const slots = new Set<number>();
  for (let i = 0; i < bounds.length; i += 2) {
    const start = parseSlot(bounds[i] ?? "");
    if (start === null) return badSlot;
    const end = parseSlot(bounds[i + 1] ?? "");
    if (end === null) return badSlot;
    if (start > end) {
      return refuse(`start slot number ${start} is greater than end slot number ${end}`);
    }
    const refusal = collect(context, slots, [start, end], change);
    if (refusal !== null) return refusal;
  }
  return apply(context, slots, change);
}

function collect(
  context: ClusterContext,
  slots: Set<number>,
  [start, end]: readonly [number, number],
  change: "add" | "delete",
): AdminReply | null {
  for (let slot = start; slot <= end; slot++) {
    const owned = context.state.owners[slot] !== null;
    if (change === "delete" && !owned) return refuse(`Slot ${slot} is already unassigned`);
    if (change === "add" && owned) return refuse(`Slot ${slot} is already busy`);
    if (slots.has(slot)) return refuse(`Slot ${slot} specified multiple times`);
    slots.add(slot);
  }
  return null;
}

function apply(
  context: ClusterContext,
  slots: ReadonlySet<number>,
  change: "add" | "delete",
): AdminReply {
  const { state, myself } = context;
  for (const slot of slots) {
    state.setImporting(slot, null);
    if (change === "add") state.assign(slot, myself);
    else state.unassign(slot);
  }
  context.due.save = true;
  context.due.updateHealth = true;
  return okReply;
}

export function flushSlots(context: ClusterContext, dbEmpty: boolean): AdminReply {
  if (!dbEmpty) return refuse("DB must be empty to perform CLUSTER FLUSHSLOTS.");
  context.state.unassignAll(context.myself);
  context.due.save = true;
  context.due.updateHealth = true;
  return okReply;
}

type SetSlot = Extract<AdminCommand, { kind: "setSlot" }>;

export function setSlot(context: ClusterContext, command: SetSlot): AdminReply {
  const { state, myself } = context;
  if (myself.isReplica) return refuse("Please use SETSLOT only with masters.");
  const slot = parseSlot(command.slot);
  if (slot === null) return badSlot;
  const [action = "", nodeId, ...more] = command.action;
  const form = `${action.toLowerCase()} ${more.length + (nodeId === undefined ? 0 : 1)}`;
  const refusal = ((): AdminReply | null => {
    switch (form) {
      case "migrating 1":
        return setMigrating(context, slot, nodeId ?? "");
      case "importing 1":
        return setImporting(context, slot, nodeId ?? "");
      case "stable 0":
        state.setImporting(slot, null);
        state.setMigrating(slot, null);
        return null;
      case "node 1":
        return setOwner(context, slot, nodeId ?? "", command.keysInSlot);
      default:
        return refuse("Invalid CLUSTER SETSLOT action or number of arguments. Try CLUSTER HELP");
    }
  })();
  if (refusal !== null) return refusal;
  context.due.save = true;
  context.due.updateHealth = true;
  return okReply;
}

const targetNotPrimary = refuse("Target node is not a master");

function setMigrating(context: ClusterContext, slot: number, nodeId: string): AdminReply | null {
  const { state, myself } = context;
  if (state.owners[slot] !== myself) return refuse(`I'm not the owner of hash slot ${slot}`);
  const node = state.find(nodeId);
  if (node === null) return refuse(`I don't know about node ${nodeId}`);
  if (node.isReplica) return targetNotPrimary;
  state.setMigrating(slot, node);
  return null;
}

function setImporting(context: ClusterContext, slot: number, nodeId: string): AdminReply | null {
  const { state, myself } = context;
  if (state.owners[slot] === myself) return refuse(`I'm already the owner of hash slot ${slot}`);
  const node = state.find(nodeId);
  if (node === null) return refuse(`I don't know about node ${nodeId}`);
  if (node.isReplica) return targetNotPrimary;
  state.setImporting(slot, node);
  return null;
}

function setOwner(
  context: ClusterContext,
  slot: number,
  nodeId: string,
  keysInSlot: number,
): AdminReply | null {
  const { state, myself } = context;
  const node = state.find(nodeId);
  if (node === null) return refuse(`Unknown node ${nodeId}`);
  if (node.isReplica) return targetNotPrimary;
  const wasMine = state.owners[slot] === myself;
  if (wasMine && node !== myself && keysInSlot > 0) {
    return refuse(
      `Can't assign hashslot ${slot} to a different node while I still hold keys ` +
        "for this hash slot.",
    );
  }
  if (keysInSlot === 0) state.setMigrating(slot, null);
  state.unassign(slot);
  state.assign(slot, node);
  leaveIfEmptied(context, node, wasMine);
  if (node === myself && state.importingFrom.has(slot)) finishImport(context, slot);
  return null;
}

/** Our last slot was given away: we follow it. */
function leaveIfEmptied(context: ClusterContext, node: ClusterNode, wasMine: boolean): void {
  const { myself, options } = context;
  if (!wasMine || node === myself || myself.slotCount > 0) return;
  if (options.allowReplicaMigration) followNewOwner(context, node);
}

/**
 * The moved slot needs an epoch that beats the old owner's claim, and everybody should hear of it.
 */
function finishImport(context: ClusterContext, slot: number): void {
  if (bumpEpochWithoutConsensus(context)) {
    context.log("warning", `configEpoch updated after importing slot ${slot}`);
  }
  context.state.setImporting(slot, null);
  broadcastPong(context, "all");
}
