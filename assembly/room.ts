/** Memory that is set aside before a write runs, so that it need not ask for each little allocation. */

import { Arg, argc } from "./base/frame";
import { canAllocate } from "./base/memory";
import { Command } from "./command-ids";
import { CommandRow } from "./commands";
import { Journal } from "./journal";
import { reclaimSome } from "./keyspace/flush";
import { largestTable } from "./keyspace/slot-table";

const MEMORY_MAX: u64 = 0xf0000000;
/** An entry that is rewritten, and a small string that becomes a raw one. */
const ENTRY_BYTES: u64 = 16384;

/** Commands that only remove: they must work when memory has run out. */
function onlyFrees(id: u32): bool {
  return (
    id == Command.Del ||
    id == Command.Unlink ||
    id == Command.GetDel ||
    id == Command.HDel ||
    id == Command.SRem ||
    id == Command.SPop ||
    id == Command.FlushDb ||
    id == Command.FlushAll
  );
}

/**
 * Room that a write may need without saying so: for each argument itself, an entry and a bucket, for the table that
 * may have to grow, and in the journal for the arguments and for a DEL of each that has expired.
 */
function enoughMemory(row: CommandRow): bool {
  let bytes: u64 = (<u64>argc) << 7;
  for (let i: u32 = 1; i < argc; i++) bytes += (<u64>Arg.length(i)) << 1;
  if (bytes > MEMORY_MAX || !Journal.reserve(<usize>bytes)) return false;
  bytes += ((<u64>largestTable) << 1) + ENTRY_BYTES;
  if (bytes <= MEMORY_MAX && canAllocate(<usize>bytes)) return true;
  return onlyFrees(row.id);
}

/** What waits to be freed in slices is freed now, where a write has no room otherwise. */
export function makeRoom(row: CommandRow): bool {
  while (!enoughMemory(row)) {
    if (!reclaimSome()) return enoughMemory(row);
  }
  return true;
}
