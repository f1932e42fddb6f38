/**
 * The active expiry's walks through a slot, bucket by bucket, which may take several slices: one for keys, one for fields
 * of hashes. The soonest expiry is that of what the walk has met and of what was written meanwhile. When the table is
 * resized at once the walk begins anew.
 */

/*
 *  ExpiryWalk, 24 bytes
 */
@unmanaged
export class ExpiryWalk {
  /** `SlotFacts` and `SlotTable` of the slot; 0: no walk is under way. */
  facts: usize;
  table: usize;
  /** The next bucket, in the numbers of `SlotTable.bucketAt`. */
  index: u32;
  /** The soonest expiry (ms). */
  next: f64;

  goOn(facts: usize, table: usize): void {
    if (this.facts == facts) return;
    this.facts = facts;
    this.table = table;
    this.index = 0;
    this.next = Infinity;
  }

  forget(): void {
    this.facts = 0;
    this.table = 0;
  }

  note(facts: usize, at: f64): void {
    if (this.facts == facts && at < this.next) this.next = at;
  }

  /** The first buckets are gone; what the walk had not met of them stands in the others, which it has not come to. */
  skip(count: u32): void {
    this.index = this.index < count ? 0 : this.index - count;
  }
}

const walks: usize = memory.data(48, 8);
if (offsetof<ExpiryWalk>() != 24) ERROR("ExpiryWalk must be 24 bytes");

export class Walks {
  @inline static get keys(): ExpiryWalk {
    return changetype<ExpiryWalk>(walks);
  }
  @inline static get fields(): ExpiryWalk {
    return changetype<ExpiryWalk>(walks + 24);
  }

  /** The table's buckets are others now. */
  static forget(table: usize): void {
    if (Walks.keys.table == table) Walks.keys.forget();
    if (Walks.fields.table == table) Walks.fields.forget();
  }

  static skip(table: usize, count: u32): void {
    if (Walks.keys.table == table) Walks.keys.skip(count);
    if (Walks.fields.table == table) Walks.fields.skip(count);
  }

  static forgetAll(): void {
    Walks.keys.forget();
    Walks.fields.forget();
  }
}
