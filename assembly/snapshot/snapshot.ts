/**
 * Forkless snapshot: the whole data set as it was at `snapshotBegin`, as an RDB file, made in slices between
 * event-loop turns.
 *
 * At the start every slot that holds keys is marked. `snapshotNext` goes through them, key by key, and inside big values
 * member by member (`snapshot-hand.ts`); `saving.ts` knows what it has saved. An entry that is to change and is not saved yet
 * is saved first (`saveBeforeChange`), so that what is saved is always the state at the start. Nothing is copied ahead
 * of time.
 *
 * Databases are remembered by address: SWAPDB moves them and FLUSHALL detaches them, but `holdGarbage` keeps a
 * detached one until the end. Entries saved out of order may need another SELECTDB; RDB allows any number of them.
 *
 * The bytes gather until the host takes them out (`snapshot-output.ts`). When memory is short, the snapshot fails
 * and gives its memory back; the command that ran into it goes on.
 */
import { Frame, Interest, ValueType } from "../abi";
import {
  Arg,
  argc,
  publish,
  Settings,
  scratchPointer,
  setFrame,
  setNow,
  setOwnGate,
} from "../base/frame";
import { canAllocate } from "../base/memory";
import { Database, SLOT_COUNT } from "../keyspace/database";
import { Entry } from "../keyspace/entry";
import { holdGarbage, onDatabaseGone } from "../keyspace/flush";
import { isBig } from "../keyspace/saved";
import { Saving } from "../keyspace/saving";
import { stringLength } from "../keyspace/string-value";
import { SCAN_MAX, SlotWalk, scanBucket, scanNext } from "../keyspace/walk";
import { onSnapshotWrite } from "../keyspace/watch";
import { Gate, Setting } from "../settings";
import { Dict } from "../structures/dict-layout";
import { At } from "../structures/id-tree";
import { Opcode } from "./rdb-format";
import { RdbWriter } from "./rdb-write";
import { Pace } from "./save-cursor";
import { SavedDatabase, SavedDatabases } from "./saved-databases";
import { Records } from "./snapshot-hand";
import { SnapshotOutput } from "./snapshot-output";

/** Room that a command may count on although something is saved in the middle of it. */
const COMMAND_RESERVE: usize = 4 << 20;
const ARGUMENTS_RESERVE_MAX: usize = 1 << 30;
/** Elements that a slice may do for each byte of its budget, so that it ends where there is little to write. */
const BYTES_PER_ELEMENT: u32 = 8;
/** A step goes on for so many budgets, as what it has collected must be collected again when it ends early. */
const ROW_BUDGETS: usize = 3;
/** A slot whose table has so few buckets is saved in one step, in the order in which its keys lie. */
const SMALL_TABLE: u32 = 64;
/** Snapshots that may be given up, one after the other, until marks must be looked for: an entry has four bits. */
const MARKS: u32 = 15;

let running: bool = false;
let failed: bool = false;
/** End mark and checksum are written. */
let finished: bool = false;
/** The database being walked, and the next slot of it to look at. */
let position: u32 = 0;
let nextSlot: u32 = 0;
/** Elements that the slice may still do. */
let fuel: u32 = 0;
/** Bytes that may wait before a step ends in the middle of its keys. */
let rowEnd: usize = 0;
/** Snapshots since the last complete one that have left marks on entries. */
let leftMarks: u32 = 0;

const cells: usize = memory.data(4096 * 4, 16);
if (SCAN_MAX != 4096) ERROR("cells must hold what scanBucket reports");

/**
 * Starts a snapshot. `headerLength` bytes in the scratch region are the start of the file: signature, auxiliary
 * fields, functions. Answers 0 when one is running or memory is short.
 */
export function snapshotBegin(headerLength: u32, nowMs: f64): i32 {
  if (running) return 0;
  if (!canAllocate(SavedDatabases.bytes() + <usize>headerLength)) return 0;
  setNow(<i64>nowMs);
  SavedDatabases.begin();
  running = true;
  failed = false;
  finished = false;
  position = 0;
  nextSlot = 0;
  if (leftMarks == MARKS) {
    SavedDatabases.clearMarks();
    leftMarks = 0;
  }
  Saving.mark = leftMarks + 1;
  Saving.marked = false;
  Saving.database = 0;
  Records.begin();
  SnapshotOutput.begin();
  RdbWriter.begin(SnapshotOutput.main);
  RdbWriter.bytes(scratchPointer, headerLength);
  holdGarbage(true);
  onSnapshotWrite(saveBeforeChange, keepBeforeRemoval);
  onDatabaseGone(databaseGone);
  setOwnGate(Gate.Saving, true);
  snapshotPeek();
  return 1;
}

/**
 * Saves until about `budget` bytes wait to be taken, or as much is done; shows the first of them in the frame's output
 * words. Answers 1 while more is to come, 0 when what is shown completes the file, -1 when the snapshot has failed.
 */
export function snapshotNext(budget: u32): i32 {
  if (!running) return -1;
  return produce(budget, <usize>max<u32>(budget, 1));
}

/** As `snapshotNext`, whatever waits already: somebody waits for a value to be saved. */
export function snapshotHurry(budget: u32): i32 {
  if (!running) return -1;
  return produce(budget, SnapshotOutput.waiting + <usize>max<u32>(budget, 1));
}

function produce(budget: u32, until: usize): i32 {
  fuel = max<u32>(budget / BYTES_PER_ELEMENT, 1);
  rowEnd = until + <usize>budget * ROW_BUDGETS;
  while (!failed && !finished && fuel > 0 && SnapshotOutput.waiting < until) {
    if (!step(until)) break;
  }
  snapshotPeek();
  if (failed) return -1;
  return finished ? 0 : 1;
}

/** False: nothing can be done before the host has taken what waits. */
function step(until: usize): bool {
  if (Records.pending) {
    Pace.fuel = fuel;
    const done = Records.goOn(fuel, until);
    fuel = Pace.fuel - 1;
    if (!done) fail();
  } else if (position < SavedDatabases.count) advance();
  else if (SnapshotOutput.hasBlocks) return false;
  else finish();
  return true;
}

// The walk.

/** Saves the next keys of the slot in turn, or goes on to the next slot or database. */
function advance(): void {
  const saved = SavedDatabase.at(position);
  const database = changetype<Database>(saved.database);
  for (; nextSlot < SLOT_COUNT; nextSlot++) {
    const table = database.table(nextSlot);
    if ((table.interest & Interest.Snapshot) == 0) continue;
    if (table.bucketCount != 0) {
      saveKeys(saved, database);
      return;
    }
    table.interest &= ~(<u32>Interest.Snapshot);
  }
  position++;
  nextSlot = 0;
}

function saveKeys(saved: SavedDatabase, database: Database): void {
  const table = database.table(nextSlot);
  if (Saving.slot != nextSlot || Saving.database != changetype<usize>(database)) {
    Saving.database = changetype<usize>(database);
    Saving.slot = nextSlot;
    Saving.hash = 0;
  }
  let count: u32 = 0;
  let next: u32 = 0;
  if (Saving.hash == 0 && table.bucketCount <= SMALL_TABLE) {
    SlotWalk.start(table);
    for (let e = SlotWalk.next(); e != 0; e = SlotWalk.next()) {
      store<usize>(cells + ((<usize>count) << 2), e);
      count++;
    }
  } else {
    count = scanBucket(table, Saving.hash, cells);
    next = scanNext;
  }
  fuel -= min<u32>(fuel, count + 1);
  for (let i: u32 = 0; i < count; i++) {
    const e = load<usize>(cells + ((<usize>i) << 2));
    if (Entry.mark(e) == Saving.mark || !isBig(e)) continue;
    if (!Records.take(e, position)) fail();
    return;
  }
  Records.open(false);
  for (let i: u32 = 0; i < count && !RdbWriter.failed; i++) {
    const e = load<usize>(cells + ((<usize>i) << 2));
    const mark = Entry.mark(e);
    if (mark != 0) Entry.setMark(e, 0);
    if (mark == Saving.mark) continue;
    Records.add(saved, e);
    if (SnapshotOutput.waiting < rowEnd || i + 1 == count) continue;
    markSaved(i + 1);
    if (!Records.close(false)) fail();
    return;
  }
  if (!Records.close(false)) {
    fail();
    return;
  }
  Saving.hash = next;
  if (next != 0) return;
  table.interest &= ~(<u32>Interest.Snapshot);
  nextSlot++;
}

/** The step ends: of the keys that it has collected, those before `end` are saved, or need not be. */
function markSaved(end: u32): void {
  for (let i: u32 = 0; i < end; i++) Saving.note(load<usize>(cells + ((<usize>i) << 2)));
}

function finish(): void {
  RdbWriter.begin(SnapshotOutput.main);
  RdbWriter.byte(Opcode.Eof);
  if (!RdbWriter.failed) SnapshotOutput.end();
  RdbWriter.u64(Settings.on(Setting.RdbChecksum) ? SnapshotOutput.checksum : 0);
  finished = true;
  if (RdbWriter.failed) fail();
}

// Writes in between.

/** Called before an entry changes that is not saved. What the command in hand iterates over is left as it was. */
function saveBeforeChange(database: Database, e: usize): void {
  if (!running || failed) return;
  const at = Dict.at;
  const leaf = At.leaf;
  const index = At.index;
  if (!Records.addNow(database, e)) fail();
  // The command has asked for its memory already: what it may need must still be there.
  if (!failed && !canAllocate(commandReserve(e))) fail();
  Dict.at = at;
  At.leaf = leaf;
  At.index = index;
}

/** Called before an entry is deleted that is not saved. True: the entry is kept, and freed when it is saved. */
function keepBeforeRemoval(database: Database, e: usize): bool {
  if (!running || failed) return false;
  if ((Records.isInHand(e) || isBig(e)) && Records.keep(database, e)) return true;
  saveBeforeChange(database, e);
  return false;
}

/** What the command in hand may be about to allocate: a copy of the value, and its arguments twice. */
function commandReserve(e: usize): usize {
  const length: u32 = Entry.type(e) == ValueType.String ? stringLength(e) : 0;
  let given: usize = 0;
  for (let i: u32 = 1; i < argc && given < ARGUMENTS_RESERVE_MAX; i++) {
    given += min<usize>((<usize>Arg.length(i)) << 1, ARGUMENTS_RESERVE_MAX);
  }
  return COMMAND_RESERVE + length + min<usize>(given, ARGUMENTS_RESERVE_MAX);
}

/** Somebody waits until the big value of an entry that is not saved may change. False: it may, nobody will save it. */
export function awaitSaved(database: Database, e: usize): bool {
  if (!running || failed) return false;
  Records.awaitSaved(database, e);
  return true;
}

/** Whether somebody waits. */
export function snapshotAwaited(): i32 {
  return Records.isAwaited ? 1 : 0;
}

/** A flushed database is freed although garbage is held (too much of it, or no memory): is it still needed? */
function databaseGone(database: Database): void {
  for (let each: u32 = 0; each < SavedDatabases.count; each++) {
    if (SavedDatabase.at(each).database != changetype<usize>(database)) continue;
    if (running && !finished && !failed && each >= position) fail();
    // The marks of a database that is no more need no clearing.
    SavedDatabase.at(each).database = 0;
  }
}

/**
 * Shows what waits to be taken, or the first part of it, in the frame's output words: also what writes have added since
 * `snapshotNext`.
 */
export function snapshotPeek(): u32 {
  publish();
  setFrame(Frame.OutputPtr, <u32>SnapshotOutput.base);
  setFrame(Frame.OutputLength, <u32>SnapshotOutput.length);
  return <u32>SnapshotOutput.length;
}

/** The host has taken the bytes it saw. */
export function snapshotTaken(): void {
  SnapshotOutput.taken();
  publish();
}

/** The snapshot cannot go on; its memory goes back at once, as somebody is short of it. */
function fail(): void {
  failed = true;
  Records.drop();
  SnapshotOutput.drop();
}

/** Ends the snapshot, complete or not: clears the marks that are left and lets flushed databases go. */
export function snapshotEnd(): void {
  if (!running) return;
  running = false;
  Records.drop();
  SnapshotOutput.drop();
  SavedDatabases.end();
  // The walk has taken off all marks, also old ones, where it came to its end.
  if (finished && !failed) leftMarks = 0;
  else if (Saving.marked) leftMarks++;
  Saving.mark = 0;
  Saving.database = 0;
  setOwnGate(Gate.Saving, false);
  holdGarbage(false);
  publish();
}
