/** The invariant walk of sorted sets, for tests. */
import { ValueType } from "../abi";
import { countDatabases, databaseAt, databaseExists, SLOT_COUNT } from "../keyspace/database";
import { Entry } from "../keyspace/entry";
import { nextOccupied, SlotWalk } from "../keyspace/walk";
import { checkSortedSet, sortedSetCount } from "../structures/sorted-set-value";

/** Whether every sorted set is sound and has members. */
export function checkSortedSets(): bool {
  for (let index: u32 = 0; index < countDatabases(); index++) {
    if (!databaseExists(index)) continue;
    const database = databaseAt(index);
    if (database.keys == 0) continue;
    for (let slot = nextOccupied(database, 0); slot < SLOT_COUNT; ) {
      SlotWalk.start(database.table(slot));
      for (let e = SlotWalk.next(); e != 0; e = SlotWalk.next()) {
        if (Entry.type(e) != <u32>ValueType.SortedSet) continue;
        const encoding = Entry.encoding(e);
        const ptr = Entry.pointer(e);
        if (sortedSetCount(encoding, ptr) == 0 || !checkSortedSet(encoding, ptr)) return false;
      }
      slot = nextOccupied(database, slot + 1);
    }
  }
  return true;
}
