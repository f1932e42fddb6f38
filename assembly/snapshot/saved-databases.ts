/** The databases of a snapshot: those that held keys at its start, by address, as SWAPDB moves them. */
import { Interest } from "../abi";
import { alloc, free } from "../base/memory";
import {
  countDatabases,
  Database,
  databaseAt,
  databaseExists,
  SLOT_COUNT,
} from "../keyspace/database";
import { Entry } from "../keyspace/entry";
import { nextOccupied, SlotWalk } from "../keyspace/walk";
import { Opcode } from "./rdb-format";
import { RdbWriter } from "./rdb-write";

/*
 *  SavedDatabase, 20 bytes: a database that held keys at the start
 */
@unmanaged
export class SavedDatabase {
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

let list: usize = 0;
let listCount: u32 = 0;

export class SavedDatabases {
  @inline static get count(): u32 {
    return listCount;
  }

  /** Bytes that `begin` allocates. */
  static bytes(): usize {
    return <usize>countDatabases() * SAVED_BYTES;
  }

  /** Remembers all databases that hold keys, and marks their slots. */
  static begin(): void {
    list = alloc(SavedDatabases.bytes());
    listCount = 0;
    for (let index: u32 = 0; index < countDatabases(); index++) {
      if (!databaseExists(index)) continue;
      const database = databaseAt(index);
      if (database.keys > 0) add(database);
    }
  }

  /** Takes the marks of slots off, and forgets all. */
  static end(): void {
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
  }

  static positionOf(database: Database): u32 {
    for (let each: u32 = 0; each < listCount; each++) {
      if (SavedDatabase.at(each).database == changetype<usize>(database)) return each;
    }
    return unreachable();
  }

  /** Takes the marks of entries off that snapshots have left which were given up. */
  static clearMarks(): void {
    for (let each: u32 = 0; each < listCount; each++) {
      const database = changetype<Database>(SavedDatabase.at(each).database);
      let slot = nextOccupied(database, 0);
      while (slot < SLOT_COUNT) {
        SlotWalk.start(database.table(slot));
        for (let e = SlotWalk.next(); e != 0; e = SlotWalk.next()) Entry.setMark(e, 0);
        slot = nextOccupied(database, slot + 1);
      }
    }
  }
}

function add(database: Database): void {
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

/** Names the database where it is another one than before, and once its sizes: a hint for the reader's tables. */
export function select(saved: SavedDatabase, before: i32): i32 {
  if (before == <i32>saved.index) return before;
  RdbWriter.byte(Opcode.SelectDb);
  RdbWriter.length(saved.index);
  if (saved.announced == 0) {
    saved.announced = 1;
    RdbWriter.byte(Opcode.ResizeDb);
    RdbWriter.length(saved.keys);
    RdbWriter.length(saved.expires);
  }
  return <i32>saved.index;
}
