/**
 * Who owns which slot. Each primary claims its slots under its config epoch, in every message; for
 * each slot the claim with the greatest epoch wins, wherever it is heard first. Whoever hears an
 * older claim answers with an UPDATE that carries the newer one.
 * Source: Redis Cluster Specification, "Hash slots configuration propagation" and "UPDATE
 * messages".
 */
import { type BusMessage, SLOT_COUNT, type UpdateBody } from "./bus-message.ts";
import type { ClusterContext } from "./context.ts";
import type { SlotOwner, SlotState } from "./effects.ts";
import { setNodeAsPrimary, setPrimary } from "./roles.ts";
import { hasSlot } from "./slot-bitmap.ts";
import type { ClusterNode } from "./state.ts";

/** Takes over a claim: `claimant` serves `claimed` under `configEpoch`. */
export function adoptClaim(
  context: ClusterContext,
  claimant: ClusterNode,
  configEpoch: number,
  claimed: Uint8Array,
): void {
  const { state, myself } = context;
  if (claimant === myself) {
    context.log("warning", "Discarding UPDATE message about myself.");
    return;
  }
  // The primary of our shard, whose losses decide whom we follow.
  const shardPrimary = myself.isPrimary ? myself : myself.primary;
  const lostSlots: number[] = [];
  let claimedCount = 0;
  let takenFromShard = 0;
  for (let slot = 0; slot < SLOT_COUNT; slot++) {
    if (!hasSlot(claimed, slot)) continue;
    claimedCount++;
    const owner = state.owners[slot] ?? null;
    // A slot that we import changes hands by SETSLOT NODE only.
    if (owner === claimant || state.importingFrom.has(slot)) continue;
    if (owner !== null && owner.configEpoch >= configEpoch) continue;
    if (owner === myself) lostSlots.push(slot);
    if (owner !== null && owner === shardPrimary) takenFromShard++;
    state.unassign(slot);
    state.assign(slot, claimant);
    context.due.save = true;
    context.due.updateHealth = true;
  }
  const wholeShardMoved = claimedCount === takenFromShard;
  const mayFollow = context.options.allowReplicaMigration || wholeShardMoved;
  if (takenFromShard > 0 && shardPrimary?.slotCount === 0 && mayFollow) {
    followNewOwner(context, claimant);
    return;
  }
  const grandPrimary = myself.primary?.primary ?? null;
  if (grandPrimary !== null && grandPrimary !== myself) {
    context.log(
      "warning",
      `I'm a sub-replica! Reconfiguring myself as a replica of grandmaster ${grandPrimary.id}`,
    );
    setPrimary(context, grandPrimary);
    return;
  }
  // Still a primary with other slots: keys of lost ones must not come back if the slots do.
  if (lostSlots.length > 0) context.act({ kind: "deleteSlotKeys", slots: lostSlots });
}

/** Our last slot (or our primary's) went to this node: it leads our shard now. */
export function followNewOwner(context: ClusterContext, owner: ClusterNode): void {
  context.log(
    "warning",
    `Configuration change detected. Reconfiguring myself as a replica of ${owner.id}`,
  );
  setPrimary(context, owner);
}

/** The sender claims a slot that we know under a greater epoch: tell it. One UPDATE per message. */
export function correctStaleClaim(
  context: ClusterContext,
  sender: ClusterNode,
  message: BusMessage,
): void {
  const { owners } = context.state;
  for (let slot = 0; slot < SLOT_COUNT; slot++) {
    if (!hasSlot(message.slots, slot)) continue;
    const owner = owners[slot] ?? null;
    if (owner === null || owner === sender || owner.configEpoch <= message.configEpoch) continue;
    context.log(
      "verbose",
      `Node ${sender.id} has old slots configuration, sending an UPDATE message about ${owner.id}`,
    );
    sendUpdate(context, sender, owner);
    return;
  }
}

function sendUpdate(context: ClusterContext, target: ClusterNode, about: ClusterNode): void {
  if (target.link === null) return;
  const body: UpdateBody = {
    type: "update",
    nodeId: about.id,
    configEpoch: about.configEpoch,
    slots: about.slots.slice(),
  };
  context.send(target.link, context.message(body));
}

export function onUpdate(context: ClusterContext, body: UpdateBody): void {
  const node = context.state.find(body.nodeId);
  if (node === null || node.configEpoch >= body.configEpoch) return;
  if (node === context.myself) {
    context.log("warning", "Discarding UPDATE message about myself.");
    return;
  }
  if (node.isReplica) setNodeAsPrimary(context, node);
  node.configEpoch = body.configEpoch;
  context.due.save = true;
  adoptClaim(context, node, body.configEpoch, body.slots);
}

/**
 * Keys were found on disk. Redis's verifyClusterConfigWithData: keys of unowned slots make us the
 * owner; keys of others' slots are kept, the slot shown as importing so that an operator sees it.
 */
export function onDataLoaded(context: ClusterContext, slotsWithKeys: readonly number[]): void {
  const { state, myself } = context;
  if (myself.isReplica) return;
  for (const slot of slotsWithKeys) {
    const owner = state.owners[slot] ?? null;
    if (owner === myself || state.importingFrom.has(slot)) continue;
    if (owner === null) {
      context.log(
        "warning",
        `I have keys for unassigned slot ${slot}. Taking responsibility for it.`,
      );
      state.assign(slot, myself);
    } else {
      context.log(
        "warning",
        `I have keys for slot ${slot}, but the slot is assigned to another node. ` +
          "Setting it to importing state.",
      );
      state.setImporting(slot, owner);
    }
    context.due.save = true;
    context.due.updateHealth = true;
  }
}

/** Remembers what the engine was told about slots, and finds what changed since. */
export class SlotPublisher {
  private readonly owners: SlotOwner[] = new Array(SLOT_COUNT).fill("none");
  private readonly moves = new Map<number, string>();
  private told = false;

  /** The slots whose state differs from the last call's; all of them the first time. */
  changes(context: ClusterContext): SlotState[] {
    const changed: SlotState[] = [];
    const { owners, migratingTo, importingFrom } = context.state;
    const anyMoves = migratingTo.size + importingFrom.size + this.moves.size > 0;
    for (let slot = 0; slot < SLOT_COUNT; slot++) {
      const owner = ownerOf(context, owners[slot] ?? null);
      const sameMove = !anyMoves || !this.noteMove(context, slot);
      if (this.told && sameMove && owner === this.owners[slot]) continue;
      this.owners[slot] = owner;
      changed.push(slotState(context, slot));
    }
    this.told = true;
    return changed;
  }

  /** True when the slot's migrating or importing state is another than before. */
  private noteMove({ state }: ClusterContext, slot: number): boolean {
    const target = state.migratingTo.get(slot)?.id ?? "";
    const source = state.importingFrom.get(slot)?.id ?? "";
    const move = `${target}<${source}`;
    if (move === (this.moves.get(slot) ?? "<")) return false;
    if (move === "<") this.moves.delete(slot);
    else this.moves.set(slot, move);
    return true;
  }
}

export function slotState(context: ClusterContext, slot: number): SlotState {
  const { state } = context;
  return {
    slot,
    owner: ownerOf(context, state.owners[slot] ?? null),
    migratingTo: state.migratingTo.get(slot)?.id ?? null,
    importingFrom: state.importingFrom.get(slot)?.id ?? null,
  };
}

function ownerOf({ myself }: ClusterContext, owner: ClusterNode | null): SlotOwner {
  if (owner === null) return "none";
  if (owner === myself) return "mine";
  return owner === myself.primary ? "replicated" : "other";
}
