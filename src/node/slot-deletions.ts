import { slotDeletionMs } from "../base/limits.ts";
import type { Node } from "./node.ts";

/**
 * Deletes the keys of slots that have gone to others, with a DEL for each in the journal (delKeysInSlot). Redis does it
 * in one go. Here very many keys go in slices between commands: no client gets at them, as their slot is not ours any
 * more, and before it may be ours again, or this node follows another one, the rest is deleted at once.
 */
export class SlotDeletions {
  private readonly slots = new Set<number>();
  private scheduled = false;

  constructor(private readonly node: Node) {}

  /** The keys of these slots are to go. */
  add(slots: readonly number[]): void {
    for (const slot of slots) this.slots.add(slot);
    this.slice();
  }

  /** What a client may know of: keys of the slot that are not on their way out. */
  countKeys(slot: number): number {
    return this.slots.has(slot) ? 0 : this.node.engine.countKeysInSlot(slot);
  }

  /** Deletes what is left of one slot's keys. */
  finish(slot: number): void {
    if (!this.slots.has(slot)) return;
    while (this.deleteSome(slot));
  }

  finishAll(): void {
    for (const slot of [...this.slots]) this.finish(slot);
  }

  private slice(): void {
    const { clock, system } = this.node.modules;
    const endMs = clock.monotonicMs() + slotDeletionMs;
    for (const slot of this.slots) {
      while (this.deleteSome(slot)) {
        if (clock.monotonicMs() >= endMs) break;
      }
      if (clock.monotonicMs() >= endMs) break;
    }
    this.node.takeEvents();
    if (this.slots.size === 0 || this.scheduled) return;
    this.scheduled = true;
    system.soon(() => {
      this.scheduled = false;
      this.slice();
    });
  }

  /** False when the slot is empty, or nothing could be deleted. */
  private deleteSome(slot: number): boolean {
    const { engine, modules } = this.node;
    const deleted = engine.deleteKeysInSlot(slot, modules.clock.nowMs());
    // Taking the journal out makes room in it.
    this.node.takeJournal();
    if (deleted > 0 && engine.countKeysInSlot(slot) > 0) return true;
    this.slots.delete(slot);
    return false;
  }
}
