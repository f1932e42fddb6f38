/** All that a command is asked before it runs, for clients and times with special conditions, and in cluster mode. */
import { ClientFlag } from "./abi";
import { argc, clientFlags, clusterEnabled, gates, setSlot } from "./base/frame";
import { Command, CommandFlag } from "./command-ids";
import { CommandRow } from "./commands";
import { passGates, queue, reject, Verdict } from "./gates";
import { checkOwnership, plainlyOurs, slotOfArgument } from "./ownership";
import { Gate } from "./settings";

/** Flags of clients whose commands need `checkAll`. */
export const WATCHED_FLAGS: u32 =
  ClientFlag.NeedsAuth |
  ClientFlag.Multi |
  ClientFlag.Primary |
  ClientFlag.Replica |
  ClientFlag.Subscribed |
  ClientFlag.Restricted;

/** Every check, with slot ownership where Redis has it: after authentication, before the node's conditions. */
export function checkAll(row: CommandRow): Verdict {
  const watched = (clientFlags & WATCHED_FLAGS) != 0;
  const obey = (clientFlags & (ClientFlag.Primary | ClientFlag.Internal)) != 0;
  if ((clientFlags & ClientFlag.NeedsAuth) != 0 && (row.flags & CommandFlag.NoAuth) == 0) {
    return reject(row, "NOAUTH Authentication required.");
  }
  const first = row.firstKey;
  const hasKeys = first > 0 && first < <i32>argc;
  if (hasKeys) setSlot(slotOfArgument(first));
  if (clusterEnabled && !obey) {
    const exec = row.id == Command.Exec;
    const movable = (row.flags & CommandFlag.MovableKeys) != 0;
    if (exec || movable || (hasKeys && !plainlyOurs(row))) {
      const verdict = checkOwnership(row);
      if (verdict != Verdict.Run) return verdict;
    }
  }
  if (watched || (gates & ~(<u32>Gate.ClusterDown)) != 0) {
    const verdict = passGates(row);
    if (verdict != Verdict.Run) return verdict;
    if ((clientFlags & ClientFlag.Multi) != 0 && (row.flags & CommandFlag.NotQueued) == 0) {
      return queue(row);
    }
  }
  return Verdict.Run;
}
