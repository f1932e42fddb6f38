/** Slot bitmaps as headers and `nodes.conf` carry them: slot `s` is bit `s & 7` of byte `s >> 3`. */
import { SLOT_BITMAP_BYTES, SLOT_COUNT } from "./bus-message.ts";

export function emptySlots(): Uint8Array {
  return new Uint8Array(SLOT_BITMAP_BYTES);
}

/** `slot` in 0..16383, here and below. */
export function hasSlot(slots: Uint8Array, slot: number): boolean {
  return ((slots[slot >> 3] ?? 0) & (1 << (slot & 7))) !== 0;
}

export function addSlot(slots: Uint8Array, slot: number): void {
  slots[slot >> 3] = (slots[slot >> 3] ?? 0) | (1 << (slot & 7));
}

export function removeSlot(slots: Uint8Array, slot: number): void {
  slots[slot >> 3] = (slots[slot >> 3] ?? 0) & ~(1 << (slot & 7));
}

export function countSlots(slots: Uint8Array): number {
  let count = 0;
  for (let byte of slots) for (; byte !== 0; byte &= byte - 1) count++;
  return count;
}

/** First and last slot of each run, ascending. */
export function slotRanges(slots: Uint8Array): [first: number, last: number][] {
  const ranges: [number, number][] = [];
  let first = -1;
  for (let slot = 0; slot < SLOT_COUNT; slot++) {
    if (first < 0 && (slot & 7) === 0 && slots[slot >> 3] === 0) {
      slot += 7;
    } else if (hasSlot(slots, slot)) {
      if (first < 0) first = slot;
    } else if (first >= 0) {
      ranges.push([first, slot - 1]);
      first = -1;
    }
  }
  if (first >= 0) ranges.push([first, SLOT_COUNT - 1]);
  return ranges;
}

/** `0-5460 5462 6000-6001`; "" for none. */
export function slotRangesText(slots: Uint8Array): string {
  return slotRanges(slots)
    .map(([first, last]) => (first === last ? `${first}` : `${first}-${last}`))
    .join(" ");
}
