/**
 * The active expiry's walk through one slot, bucket by bucket, which may take several slices. The soonest expiry is that
 * of what the walk has met and of what was written meanwhile. When the table is resized at once the walk begins anew.
 */
export class ExpiryWalk {
  /** `SlotFacts` and `SlotTable` of the slot; 0: no walk is under way. */
  static facts: usize = 0;
  static table: usize = 0;
  /** The next bucket, in the numbers of `SlotTable.bucketAt`. */
  static index: u32 = 0;
  static next: f64 = 0;

  static goOn(facts: usize, table: usize): void {
    if (ExpiryWalk.facts == facts) return;
    ExpiryWalk.facts = facts;
    ExpiryWalk.table = table;
    ExpiryWalk.index = 0;
    ExpiryWalk.next = Infinity;
  }

  static forget(): void {
    ExpiryWalk.facts = 0;
    ExpiryWalk.table = 0;
  }

  /** The first buckets are gone; what the walk had not met of them stands in the others, which it has not come to. */
  static skip(count: u32): void {
    ExpiryWalk.index = ExpiryWalk.index < count ? 0 : ExpiryWalk.index - count;
  }

  static note(facts: usize, at: f64): void {
    if (ExpiryWalk.facts == facts && at < ExpiryWalk.next) ExpiryWalk.next = at;
  }
}
