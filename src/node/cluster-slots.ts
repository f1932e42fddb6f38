/** What a change of slots does to engine and clients. */
import { ClientFlag, SlotState as SlotBit } from "../../assembly/abi.ts";
import { CommandFlag } from "../../assembly/command-ids.ts";
import { Gate } from "../../assembly/settings.ts";
import { error } from "../base/reply.ts";
import type { SlotState } from "../cluster/effects.ts";
import type { Client } from "./client.ts";
import type { Node } from "./node.ts";
import type { SlotDeletions } from "./slot-deletions.ts";

const ownerBits = SlotBit.Owned | SlotBit.OfPrimary | SlotBit.Unbound;

/** A slot's state as the engine's byte. */
function slotBits(state: SlotState): number {
  const owner = {
    none: SlotBit.Unbound,
    mine: SlotBit.Owned,
    replicated: SlotBit.OfPrimary,
    other: 0,
  }[state.owner];
  const migrating = state.migratingTo === null ? 0 : SlotBit.Migrating;
  const importing = state.importingFrom === null ? 0 : SlotBit.Importing;
  return owner | migrating | importing;
}

/** Tells the engine whose the slots are now; subscribers of shard channels that leave are let go. */
export function publishSlots(
  node: Node,
  slots: readonly SlotState[],
  deletions: SlotDeletions,
): void {
  const { engine, publisher } = node;
  const bytes = engine.slotStatesView();
  const left = new Set<number>();
  for (const state of slots) {
    const bits = slotBits(state);
    if ((bits & (SlotBit.Owned | SlotBit.Importing)) !== 0) deletions.finish(state.slot);
    // As in Redis also when the slot goes to our replica or our primary (clusterDelSlot).
    if ((((bytes[state.slot] as number) ^ bits) & ownerBits) !== 0) left.add(state.slot);
    bytes[state.slot] = bits;
  }
  if (left.size > 0) publisher.leaveSlots(left);
}

/**
 * Whoever waits for a key that will not come to be here any more is told so: its slot has left, or the cluster is
 * down (clusterRedirectBlockedClientIfNeeded). All keys of a command are in one slot.
 */
export function redirectBlocked(node: Node, moved: (slot: number, client: Client) => string): void {
  for (const { client, argv, firstKey, command } of [...node.blocked]) {
    if (node.hasGate(Gate.ClusterDown)) {
      node.unblock(client, error("CLUSTERDOWN The cluster is down"));
      continue;
    }
    const slot = node.engine.slotOfKey(argv[firstKey] as Uint8Array);
    const state = node.engine.slotStatesView()[slot] as number;
    if ((state & (SlotBit.Owned | SlotBit.Importing)) !== 0) continue;
    const writes = ((node.rowOf(command)?.flags ?? 0) & CommandFlag.Write) !== 0;
    const readsReplica = (node.engine.clientFlags(client.handle) & ClientFlag.ReadOnly) !== 0;
    if (readsReplica && !writes && (state & SlotBit.OfPrimary) !== 0) continue;
    node.unblock(client, error(moved(slot, client)));
  }
}
