/**
 * The conditions of client and node between a parsed command and its body: the checks of Redis 7.0's processCommand, in
 * its order. `checks.ts` asks them, and `ownership.ts` for the slots, where a client, the time or cluster mode needs it.
 */
import { ClientFlag, CommandStat } from "./abi";
import { mustWait } from "./awaiting";
import { ClientState } from "./base/client";
import { changeFlags, client, clientFlags, gates, resp3 } from "./base/frame";
import { canAllocate } from "./base/memory";
import { Stats } from "./base/stats";
import { Command, CommandFlag } from "./command-ids";
import { CommandRow } from "./commands";
import { Evicted, evict } from "./keyspace/eviction";
import { discardTransaction, queueCommand, queuedSize } from "./keyspace/transaction";
import { beginError, endError, errorText, replyError, replySimple } from "./protocol/reply";
import { Gate } from "./settings";

/** What a check says. */
export enum Verdict {
  Run = 0,
  /** An error (or QUEUED) was replied. */
  Answered = 1,
  /** The host must write a redirect. */
  Redirect = 2,
  /** Wait until a pause ends. */
  Paused = 3,
}

/** Flags of the command, and for EXEC also of what it is about to run. */
export function effectiveFlags(row: CommandRow): u32 {
  if (row.id != Command.Exec) return row.flags;
  return row.flags | ClientState.at(client).queuedFlagsAny;
}

/** Whether the command has the flag, and for EXEC also all that it is about to run. */
function allHave(row: CommandRow, flag: u32): bool {
  if ((row.flags & flag) == 0) return false;
  if (row.id != Command.Exec) return true;
  const state = ClientState.at(client);
  return state.queuedCount == 0 || (state.queuedFlagsAll & flag) != 0;
}

/** Refuses the command in hand; inside MULTI that also dooms the transaction, and EXEC is answered as aborted. */
export function reject(row: CommandRow, text: string): Verdict {
  noteRejected(row);
  if (row.id != Command.Exec) {
    replyError(text);
    return Verdict.Answered;
  }
  discardTransaction();
  beginError();
  errorText("EXECABORT Transaction discarded because of: ");
  // Redis leaves the error code out only where it is the generic one.
  errorText(text);
  endError();
  return Verdict.Answered;
}

/** Counts a refusal, and marks a transaction that is being queued. */
export function noteRejected(row: CommandRow): void {
  Stats.addCommand(row.stat, CommandStat.Rejected);
  if ((clientFlags & ClientFlag.Multi) != 0) changeFlags(0, ClientFlag.DirtyExec);
}

/** Runs all rare checks for a command of a client or a time with special conditions. */
export function passGates(row: CommandRow): Verdict {
  const flags = effectiveFlags(row);
  const obey = (clientFlags & (ClientFlag.Primary | ClientFlag.Internal)) != 0;
  if ((clientFlags & ClientFlag.NeedsAuth) != 0 && (row.flags & CommandFlag.NoAuth) == 0) {
    return reject(row, "NOAUTH Authentication required.");
  }
  const inMulti = (clientFlags & ClientFlag.Multi) != 0;
  if (inMulti && (row.flags & CommandFlag.NoMulti) != 0) {
    return reject(row, "ERR Command not allowed inside a transaction");
  }
  if (!obey) {
    const refused = passNodeGates(row, flags, inMulti);
    if (refused != Verdict.Run) return refused;
  }
  if ((clientFlags & ClientFlag.Replica) != 0) {
    const touches = CommandFlag.Write | CommandFlag.ReadOnly | CommandFlag.MayReplicate;
    if ((flags & touches) != 0) {
      return reject(row, "ERR Replica can't interact with the keyspace");
    }
  } else if ((gates & (Gate.PauseAll | Gate.PauseWrites)) != 0 && !obey) {
    const writes = (flags & (CommandFlag.Write | CommandFlag.MayReplicate)) != 0;
    if ((gates & Gate.PauseAll) != 0 || writes) return Verdict.Paused;
  }
  const internal = (clientFlags & ClientFlag.Internal) != 0;
  if ((gates & Gate.Saving) != 0 && !internal && mustWait(row)) return Verdict.Paused;
  return Verdict.Run;
}

/** Conditions of the whole node; the link to our primary is above them. */
function passNodeGates(row: CommandRow, flags: u32, inMulti: bool): Verdict {
  const isWrite = (flags & CommandFlag.Write) != 0;
  if ((gates & Gate.MaxMemory) != 0 && evict() == Evicted.Nothing) {
    // Queueing costs memory too; only what ends the transaction may pass.
    const queues =
      inMulti &&
      row.id != Command.Exec &&
      row.id != Command.Discard &&
      row.id != Command.Quit &&
      row.id != Command.Reset;
    if (queues || (flags & CommandFlag.DenyOom) != 0) {
      return reject(row, "OOM command not allowed when used memory > 'maxmemory'.");
    }
  }
  if ((gates & Gate.DiskError) != 0 && (isWrite || row.id == Command.Ping)) {
    return reject(
      row,
      "MISCONF Redis is configured to save RDB snapshots, but it's currently unable to persist to disk. Commands that may modify the data set are disabled, because this instance is configured to report errors during writes if RDB snapshotting fails (stop-writes-on-bgsave-error option). Please check the Redis logs for details about the RDB error.",
    );
  }
  if ((gates & Gate.AofError) != 0 && (isWrite || row.id == Command.Ping)) {
    return reject(row, "MISCONF Errors writing to the AOF file: No space left on device");
  }
  if ((gates & Gate.NoReplicas) != 0 && isWrite) {
    return reject(row, "NOREPLICAS Not enough good replicas to write.");
  }
  if ((gates & Gate.ReadOnlyReplica) != 0 && isWrite) {
    return reject(row, "READONLY You can't write against a read only replica.");
  }
  if (
    (clientFlags & ClientFlag.Subscribed) != 0 &&
    !resp3 &&
    (row.flags & CommandFlag.Subscriber) == 0
  ) {
    return rejectSubscribed(row);
  }
  if ((gates & Gate.MasterDown) != 0 && !allHave(row, CommandFlag.Stale)) {
    return reject(
      row,
      "MASTERDOWN Link with MASTER is down and replica-serve-stale-data is set to 'no'.",
    );
  }
  if ((gates & Gate.Loading) != 0 && !allHave(row, CommandFlag.Loading)) {
    return reject(row, "LOADING Redis is loading the dataset in memory");
  }
  return Verdict.Run;
}

function rejectSubscribed(row: CommandRow): Verdict {
  noteRejected(row);
  beginError();
  if (row.id == Command.Exec) {
    discardTransaction();
    errorText("EXECABORT Transaction discarded because of: ");
  } else errorText("ERR ");
  errorText("Can't execute '");
  row.writeName();
  errorText(
    "': only (P|S)SUBSCRIBE / (P|S)UNSUBSCRIBE / PING / QUIT / RESET are allowed in this context",
  );
  endError();
  return Verdict.Answered;
}

/** Between MULTI and EXEC: keeps the command and answers QUEUED. */
export function queue(row: CommandRow): Verdict {
  if ((clientFlags & (ClientFlag.DirtyExec | ClientFlag.DirtyCas)) != 0) {
    // EXEC will not run it, nor look at its keys.
    replySimple("QUEUED");
    return Verdict.Answered;
  }
  if (!canAllocate(queuedSize())) {
    return reject(row, "OOM command not allowed when used memory > 'maxmemory'.");
  }
  queueCommand(changetype<usize>(row), row.flags);
  replySimple("QUEUED");
  return Verdict.Answered;
}
