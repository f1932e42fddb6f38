/** The invariant walk of streams, for tests. */
import { ValueType } from "../abi";
import { countDatabases, databaseAt, databaseExists, SLOT_COUNT } from "../keyspace/database";
import { Entry } from "../keyspace/entry";
import { nextOccupied, SlotWalk } from "../keyspace/walk";
import { checkStream } from "../structures/stream-value";

/** Whether every stream is sound. */
export function checkStreams(): bool {
  for (let index: u32 = 0; index < countDatabases(); index++) {
    if (!databaseExists(index)) continue;
    const database = databaseAt(index);
    if (database.keys == 0) continue;
    for (let slot = nextOccupied(database, 0); slot < SLOT_COUNT; ) {
      SlotWalk.start(database.table(slot));
      for (let e = SlotWalk.next(); e != 0; e = SlotWalk.next()) {
        if (Entry.type(e) != ValueType.Stream) continue;
        if (!checkStream(Entry.pointer(e))) return false;
      }
      slot = nextOccupied(database, slot + 1);
    }
  }
  return true;
}
