/**
 * Writes that must wait: while a snapshot runs, a big value that it has not saved whole must not change. The client is
 * held as in a pause, and the snapshot saves that value next. Readers go on, and so do removals of whole keys, as the
 * snapshot keeps what is removed.
 */
import { ClientFlag } from "./abi";
import { ClientState } from "./base/client";
import { Arg, argc, argv, client, clientFlags, setArguments } from "./base/frame";
import { Command, CommandFlag } from "./command-ids";
import { CommandRow } from "./commands";
import { Keys } from "./keys";
import { Database, databaseAt, databaseExists, find } from "./keyspace/database";
import { slotOf } from "./keyspace/keyspace";
import { isAwaited } from "./keyspace/saved";
import { QueuedCommand } from "./keyspace/transaction";
import { awaitSaved } from "./snapshot/snapshot";

/** Whether the command, or what EXEC is about to run, would change a big value that is not saved. */
export function mustWait(row: CommandRow): bool {
  const index = ClientState.at(client).database;
  if (!databaseExists(index)) return false;
  const database = databaseAt(index);
  if (row.id != Command.Exec) {
    return (clientFlags & ClientFlag.Multi) == 0 && wouldChange(row, database);
  }
  if ((clientFlags & (ClientFlag.DirtyCas | ClientFlag.DirtyExec)) != 0) return false;
  const count = argc;
  const pairs = argv;
  let waits = false;
  let ptr = ClientState.at(client).queueFirst;
  while (ptr != 0 && !waits) {
    const queued = QueuedCommand.at(ptr);
    setArguments(queued.count, queued.pairs);
    waits = wouldChange(changetype<CommandRow>(queued.row), database);
    ptr = queued.next;
  }
  setArguments(count, pairs);
  return waits;
}

function wouldChange(row: CommandRow, database: Database): bool {
  if ((row.flags & CommandFlag.Write) == 0) return false;
  if (row.id == Command.Del || row.id == Command.Unlink) return false;
  Keys.of(row);
  if (Keys.extra > 0) return waitsFor(database, Keys.extra);
  // What they store, if anything, is the extra key.
  if (row.id == Command.Sort || row.id == Command.GeoRadius) return false;
  if (row.id == Command.GeoRadiusByMember) return false;
  for (let i = Keys.first; i > 0 && i <= Keys.last; i += Keys.step) {
    if (waitsFor(database, i)) return true;
  }
  return false;
}

function waitsFor(database: Database, index: i32): bool {
  const key = Arg.ptr(index);
  const length = Arg.length(index);
  const slot = slotOf(key, length);
  const e = find(database, slot, key, length);
  return e != 0 && isAwaited(database, slot, e) && awaitSaved(database, e);
}
