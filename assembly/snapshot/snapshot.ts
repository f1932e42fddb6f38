/**
 * Forkless snapshot: the whole data set as it was at `snapshotBegin`, as an RDB file, made slot by slot between
 * event-loop turns.
 *
 * At the start every slot that holds keys is marked with `Interest.Snapshot`. `snapshotNext` goes through the marked
 * slots in order, saves each and takes its mark away. A write to a slot that is still marked first saves the slot
 * (`saveBeforeWrite`), so that what is saved is always the state at the start; new keys in unmarked slots are never
 * looked at. Nothing is copied ahead of time, and a turn costs at most one slot more than its budget.
 *
 * Databases are remembered by address: SWAPDB moves them and FLUSHALL detaches them, but `holdGarbage` keeps a
 * detached one until the end. Slots saved out of order may need another SELECTDB; RDB allows any number of them.
 *
 * The bytes gather in a stream of their own until the host takes them out. When it cannot grow, the snapshot fails
 * and gives its memory back; the command that ran into it goes on.
 */
import { Frame, Interest, ValueType } from "../abi";
import {
  Arg,
  argc,
  ByteStream,
  publish,
  Settings,
  scratchPointer,
  setFrame,
  setNow,
} from "../base/frame";
import { alloc, canAllocate, free } from "../base/memory";
import {
  countDatabases,
  Database,
  databaseAt,
  databaseExists,
  SLOT_COUNT,
} from "../keyspace/database";
import { Entry } from "../keyspace/entry";
import { holdGarbage, onDatabaseGone } from "../keyspace/flush";
import { stringLength } from "../keyspace/string-value";
import { nextOccupied, SlotWalk } from "../keyspace/walk";
import { onSnapshotWrite } from "../keyspace/watch";
import { Setting } from "../settings";
import { crc64 } from "./crc64";
import { Opcode } from "./rdb-format";
import { RdbWriter } from "./rdb-write";
import { writeRecord } from "./rdb-write-entry";

/*
 *  SavedDatabase, 20 bytes: a database that held keys at the start
 */
@unmanaged
class SavedDatabase {
  database: usize;
  index: u32;
  keys: u32;
  expires: u32;
  /** 1 once its sizes were written. */
  announced: u32;

  @inline static at(position: u32): SavedDatabase {
    return changetype<SavedDatabase>(list + <usize>position * SAVED_BYTES);
  }
}
const SAVED_BYTES: usize = 20;
if (offsetof<SavedDatabase>() != SAVED_BYTES) ERROR("SavedDatabase must be 20 bytes");

const streamPointer: usize = memory.data(16, 16);
/** Room that a command may count on although a slot is saved in the middle of it. */
const COMMAND_RESERVE: usize = 4 << 20;
const ARGUMENTS_RESERVE_MAX: usize = 1 << 30;

let running: bool = false;
let failed: bool = false;
/** End mark and checksum are written. */
let finished: bool = false;
let list: usize = 0;
let listCount: u32 = 0;
/** The database being walked, and the next slot of it to look at. */
let position: u32 = 0;
let nextSlot: u32 = 0;
/** The database that the file stands in; -1: none was named yet. */
let selected: i32 = -1;
let checksum: u64 = 0;
/** Bytes of the stream that the checksum has seen. */
let summed: usize = 0;

class Region {
  @inline static get stream(): ByteStream {
    return changetype<ByteStream>(streamPointer);
  }
}

/**
 * Starts a snapshot. `headerLength` bytes in the scratch region are the start of the file: signature, auxiliary
 * fields, functions. Answers 0 when one is running or memory is short.
 */
export function snapshotBegin(headerLength: u32, nowMs: f64): i32 {
  if (running) return 0;
  const listBytes = <usize>countDatabases() * SAVED_BYTES;
  if (!canAllocate(listBytes + <usize>headerLength)) return 0;
  setNow(<i64>nowMs);
  list = alloc(listBytes);
  listCount = 0;
  for (let index: u32 = 0; index < countDatabases(); index++) {
    if (!databaseExists(index)) continue;
    const database = databaseAt(index);
    if (database.keys > 0) addDatabase(database);
  }
  running = true;
  failed = false;
  finished = false;
  position = 0;
  nextSlot = 0;
  selected = -1;
  checksum = 0;
  summed = 0;
  RdbWriter.begin(Region.stream);
  RdbWriter.bytes(scratchPointer, headerLength);
  holdGarbage(true);
  onSnapshotWrite(saveBeforeWrite);
  onDatabaseGone(databaseGone);
  snapshotPeek();
  return 1;
}

function addDatabase(database: Database): void {
  const saved = SavedDatabase.at(listCount);
  listCount++;
  saved.database = changetype<usize>(database);
  saved.index = database.index;
  saved.keys = database.keys;
  saved.expires = database.expires;
  saved.announced = 0;
  let slot = nextOccupied(database, 0);
  while (slot < SLOT_COUNT) {
    database.table(slot).interest |= Interest.Snapshot;
    slot = nextOccupied(database, slot + 1);
  }
}

/**
 * Saves slots until about `budget` bytes wait to be taken, and shows them in the frame's output words. Answers 1
 * while more is to come, 0 when the file is complete, -1 when the snapshot has failed.
 */
export function snapshotNext(budget: u32): i32 {
  if (!running) return -1;
  while (!failed && !finished && Region.stream.length < <usize>max<u32>(budget, 1)) {
    if (position < listCount) advance();
    else finish();
  }
  snapshotPeek();
  if (failed) return -1;
  return finished ? 0 : 1;
}

/** Saves the next marked slot, or goes on to the next database. */
function advance(): void {
  const saved = SavedDatabase.at(position);
  const database = changetype<Database>(saved.database);
  let slot = nextOccupied(database, nextSlot);
  while (slot < SLOT_COUNT) {
    const table = database.table(slot);
    if ((table.interest & Interest.Snapshot) != 0) {
      table.interest &= ~(<u32>Interest.Snapshot);
      saveSlot(saved, database, slot);
      nextSlot = slot + 1;
      return;
    }
    slot = nextOccupied(database, slot + 1);
  }
  position++;
  nextSlot = 0;
}

function saveSlot(saved: SavedDatabase, database: Database, slot: u32): void {
  RdbWriter.begin(Region.stream);
  select(saved);
  SlotWalk.start(database.table(slot));
  for (let e = SlotWalk.next(); e != 0 && !RdbWriter.failed; e = SlotWalk.next()) {
    writeRecord(e);
  }
  if (RdbWriter.failed) fail();
}

/** Names the database where it is another one than before, and once its sizes: a hint for the reader's tables. */
function select(saved: SavedDatabase): void {
  if (selected == <i32>saved.index) return;
  selected = <i32>saved.index;
  RdbWriter.byte(Opcode.SelectDb);
  RdbWriter.length(saved.index);
  if (saved.announced != 0) return;
  saved.announced = 1;
  RdbWriter.byte(Opcode.ResizeDb);
  RdbWriter.length(saved.keys);
  RdbWriter.length(saved.expires);
}

function finish(): void {
  RdbWriter.begin(Region.stream);
  RdbWriter.byte(Opcode.Eof);
  if (!RdbWriter.failed) sumUp();
  RdbWriter.u64(Settings.on(Setting.RdbChecksum) ? checksum : 0);
  finished = true;
  if (RdbWriter.failed) fail();
}

/** Brings the checksum up to the end of the stream. */
function sumUp(): void {
  const stream = Region.stream;
  checksum = crc64(checksum, stream.base + summed, <i32>(stream.length - summed));
  summed = stream.length;
}

/** The snapshot cannot go on; its memory goes back at once, as somebody is short of it. */
function fail(): void {
  failed = true;
  dropStream();
}

function dropStream(): void {
  const stream = Region.stream;
  free(stream.base);
  stream.base = 0;
  stream.length = 0;
  stream.capacity = 0;
  summed = 0;
}

/** Called before a key of a marked slot changes; the mark is gone already. The walk of others is left as it was. */
function saveBeforeWrite(database: Database, slot: u32): void {
  if (!running || failed) return;
  const buckets = SlotWalk.buckets;
  const bucketCount = SlotWalk.bucketCount;
  const index = SlotWalk.index;
  const bits = SlotWalk.bits;
  const rest = SlotWalk.rest;
  for (let each: u32 = 0; each < listCount; each++) {
    const saved = SavedDatabase.at(each);
    if (saved.database != changetype<usize>(database)) continue;
    saveSlot(saved, database, slot);
    break;
  }
  // The command has asked for its memory already: what it may need must still be there.
  if (!failed && !canAllocate(commandReserve(database, slot))) fail();
  SlotWalk.buckets = buckets;
  SlotWalk.bucketCount = bucketCount;
  SlotWalk.index = index;
  SlotWalk.bits = bits;
  SlotWalk.rest = rest;
}

/** What the command in hand may be about to allocate: a copy of a value of the slot, and its arguments twice. */
function commandReserve(database: Database, slot: u32): usize {
  let largest: usize = 0;
  SlotWalk.start(database.table(slot));
  for (let e = SlotWalk.next(); e != 0; e = SlotWalk.next()) {
    if (Entry.type(e) == ValueType.String) largest = max<usize>(largest, stringLength(e));
  }
  let given: usize = 0;
  for (let i: u32 = 1; i < argc && given < ARGUMENTS_RESERVE_MAX; i++) {
    given += min<usize>((<usize>Arg.length(i)) << 1, ARGUMENTS_RESERVE_MAX);
  }
  return COMMAND_RESERVE + largest + min<usize>(given, ARGUMENTS_RESERVE_MAX);
}

/** A flushed database is freed although garbage is held (too much of it, or no memory): is it still needed? */
function databaseGone(database: Database): void {
  for (let each: u32 = 0; each < listCount; each++) {
    if (SavedDatabase.at(each).database != changetype<usize>(database)) continue;
    if (running && !finished && !failed && each >= position) fail();
    // The marks of a database that is no more need no clearing.
    SavedDatabase.at(each).database = 0;
  }
}

/** Shows what waits to be taken in the frame's output words: also what writes have added since `snapshotNext`. */
export function snapshotPeek(): u32 {
  publish();
  const stream = Region.stream;
  setFrame(Frame.OutputPtr, <u32>stream.base);
  setFrame(Frame.OutputLength, <u32>stream.length);
  return <u32>stream.length;
}

/** The host has taken the bytes it saw. */
export function snapshotTaken(): void {
  if (running && !failed && !finished) sumUp();
  Region.stream.clear();
  summed = 0;
  publish();
}

/** Ends the snapshot, complete or not: clears the marks that are left and lets flushed databases go. */
export function snapshotEnd(): void {
  if (!running) return;
  running = false;
  for (let each: u32 = 0; each < listCount; each++) {
    const ptr = SavedDatabase.at(each).database;
    if (ptr == 0) continue;
    const database = changetype<Database>(ptr);
    for (let slot: u32 = 0; slot < SLOT_COUNT; slot++) {
      database.table(slot).interest &= ~(<u32>Interest.Snapshot);
    }
  }
  free(list);
  list = 0;
  listCount = 0;
  dropStream();
  holdGarbage(false);
  publish();
}
