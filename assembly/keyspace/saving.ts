/**
 * Which entries a running snapshot has saved, so that those who change entries know whether it must save one first.
 *
 * At its start the snapshot marks every slot that holds keys (`Interest.Snapshot`), then it goes through them in order,
 * and through the keys of a slot in order of their hash, which stays what it is when a table is resized. In a marked slot
 * that is not its turn yet, and behind the place in the one that is, an entry is saved, or was not there at the start,
 * where it bears the number of the snapshot (`Entry.mark`); the walk takes the numbers off when it comes by. A slot
 * that is done loses its mark. Snapshots that are given up leave numbers behind: see `snapshotBegin`.
 */
import { Entry } from "./entry";

export class Saving {
  /** Number of the snapshot that runs, 1 to 15; 0: none runs. */
  static mark: u32 = 0;
  /** Any entry bears it. */
  static marked: bool = false;
  /** The slot whose turn it is, and the hash below which its keys are saved. */
  static database: usize = 0;
  static slot: u32 = 0;
  static hash: u32 = 0;
  /** Bytes, about, of values that are gone but for the snapshot. */
  static keptBytes: f64 = 0;

  /** Whether the place in the slot, which is marked, is still to come. */
  static isAhead(database: usize, slot: u32, hash: u32): bool {
    if (slot != Saving.slot || database != Saving.database) return true;
    return hash >= Saving.hash;
  }

  /** An entry is new in a marked slot. */
  static noteNew(database: usize, slot: u32, e: usize, hash: u32): void {
    if (Saving.isAhead(database, slot, hash)) Saving.note(e);
  }

  /** An entry that is still to come needs no saving any more. */
  static note(e: usize): void {
    Entry.setMark(e, Saving.mark);
    Saving.marked = true;
  }
}
