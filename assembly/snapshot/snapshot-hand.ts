/**
 * The records that a snapshot writes: whole ones, and the one of a big value, which is in hand for many slices. In a file
 * its count stands in front, so it must not change before it is saved whole, and no other record may come between its
 * members. What must be saved meanwhile is written at the side (`SnapshotOutput`).
 *
 * Who is to change a big value that is not saved waits if he can (`awaiting.ts`), and that value is next in hand. One whose
 * key is deleted is kept for the snapshot, which frees it when it is saved.
 */
import { alloc, canAllocate, free } from "../base/memory";
import { Database } from "../keyspace/database";
import { Entry, freeEntry, valueBytes } from "../keyspace/entry";
import { Saving } from "../keyspace/saving";
import { RdbWriter } from "./rdb-write";
import { writeHeader, writeRecord, writeSome } from "./rdb-write-entry";
import { Pace, SaveCursor } from "./save-cursor";
import { SavedDatabase, SavedDatabases, select } from "./saved-databases";
import { SnapshotOutput } from "./snapshot-output";

/*
 *  Kept, 24 bytes: an entry that was deleted before it was saved
 */
@unmanaged
class Kept {
  bytes: f64;
  next: usize;
  entry: usize;
  position: u32;

  @inline static at(ptr: usize): Kept {
    return changetype<Kept>(ptr);
  }
}

/** Elements that the size of a value is estimated from. */
const SAMPLES: u32 = 4;

const cursorPointer: usize = memory.data(64, 16);

/** The database that the file stands in, also that of what gathers at the side; -1: none was named yet. */
let selected: i32 = -1;
let sideSelected: i32 = -1;
/** The entry whose value is in hand, or 0. */
let hand: usize = 0;
/** `Kept`, where the entry in hand has been deleted since. */
let handKept: usize = 0;
/** The entry whose value somebody waits for, or 0. */
let awaited: usize = 0;
let awaitedPosition: u32 = 0;
let keptFirst: usize = 0;
let keptLast: usize = 0;

/** All that can run out of memory answers false then, and the snapshot has failed. */
export class Records {
  static begin(): void {
    selected = -1;
    sideSelected = -1;
  }

  /** Frees what only the snapshot has kept. */
  static drop(): void {
    if (handKept != 0) dropKept(handKept);
    handKept = 0;
    hand = 0;
    awaited = 0;
    while (keptFirst != 0) {
      const next = Kept.at(keptFirst).next;
      dropKept(keptFirst);
      keptFirst = next;
    }
    keptLast = 0;
  }

  @inline static isInHand(e: usize): bool {
    return hand == e;
  }

  /** Whether a value is in hand, or one should be before the walk goes on. */
  @inline static get pending(): bool {
    return hand != 0 || awaited != 0 || keptFirst != 0;
  }

  /** Whether somebody waits. */
  @inline static get isAwaited(): bool {
    return awaited != 0;
  }

  /** Begins a row of records that `add` then writes. */
  static open(aside: bool): void {
    RdbWriter.begin(aside ? SnapshotOutput.side : SnapshotOutput.main);
  }

  /** Writes the record of an entry in one go. */
  static add(saved: SavedDatabase, e: usize): void {
    selected = select(saved, selected);
    writeRecord(e);
  }

  static close(aside: bool): bool {
    return !RdbWriter.failed && SnapshotOutput.written(aside);
  }

  /** Saves an entry before it changes. */
  static addNow(database: Database, e: usize): bool {
    if (e == hand) return finishHand();
    const aside = hand != 0;
    const saved = SavedDatabase.at(SavedDatabases.positionOf(database));
    Records.open(aside);
    if (aside) {
      sideSelected = select(saved, sideSelected);
      writeRecord(e);
    } else Records.add(saved, e);
    if (awaited == e) awaited = 0;
    Saving.note(e);
    return Records.close(aside);
  }

  /** Begins with a big value. */
  static take(e: usize, position: u32): bool {
    hand = e;
    Records.open(false);
    selected = select(SavedDatabase.at(position), selected);
    writeHeader(e);
    SaveCursor.at(cursorPointer).begin(Entry.type(e), Entry.encoding(e), Entry.pointer(e));
    return Records.close(false);
  }

  /** Goes on with what is `pending`, until so many bytes wait or `Pace.fuel` elements are done. */
  static goOn(fuel: u32, until: usize): bool {
    if (hand == 0) {
      if (awaited != 0) return Records.take(awaited, awaitedPosition);
      handKept = keptFirst;
      const kept = Kept.at(handKept);
      keptFirst = kept.next;
      if (keptFirst == 0) keptLast = 0;
      return Records.take(kept.entry, kept.position);
    }
    Records.open(false);
    Pace.set(fuel, SnapshotOutput.main.length + until - SnapshotOutput.waiting);
    const done = writeSome(SaveCursor.at(cursorPointer));
    return Records.close(false) && (!done || putDown());
  }

  /** An entry is to be deleted. True: it is the snapshot's from now on; else it must be saved. */
  static keep(database: Database, e: usize): bool {
    if (!canAllocate(offsetof<Kept>())) return false;
    const ptr = alloc(offsetof<Kept>());
    const kept = Kept.at(ptr);
    kept.next = 0;
    kept.entry = e;
    kept.position = SavedDatabases.positionOf(database);
    kept.bytes = <f64>valueBytes(e, SAMPLES);
    Saving.keptBytes += kept.bytes;
    if (awaited == e) awaited = 0;
    if (e == hand) handKept = ptr;
    else {
      if (keptFirst == 0) keptFirst = ptr;
      else Kept.at(keptLast).next = ptr;
      keptLast = ptr;
    }
    return true;
  }

  /** Somebody waits for an entry. Of several the first: who waits for another asks again when this one is saved. */
  static awaitSaved(database: Database, e: usize): void {
    if (awaited != 0) return;
    awaited = e;
    awaitedPosition = SavedDatabases.positionOf(database);
  }
}

/** Saves what is left of the value in hand in one go. */
function finishHand(): bool {
  Records.open(false);
  Pace.free();
  while (!writeSome(SaveCursor.at(cursorPointer)) && !RdbWriter.failed);
  return Records.close(false) && putDown();
}

/** The value in hand is saved whole. */
function putDown(): bool {
  const e = hand;
  hand = 0;
  if (awaited == e) awaited = 0;
  if (handKept == 0) Saving.note(e);
  else dropKept(handKept);
  handKept = 0;
  if (sideSelected >= 0) selected = -1;
  sideSelected = -1;
  return SnapshotOutput.join();
}

function dropKept(ptr: usize): void {
  Saving.keptBytes -= Kept.at(ptr).bytes;
  freeEntry(Kept.at(ptr).entry);
  free(ptr);
}
