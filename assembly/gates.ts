/**
 * What stands between a parsed command and its body: the checks of Redis 7.0's processCommand, in its order. All of
 * them hide behind one test of `clientFlags | gates` in dispatch, except slot ownership, which cluster mode asks
 * for each command.
 */
import {
  ClientFlag,
  Command,
  CommandFlag,
  CommandStat,
  Frame,
  Gate,
  RedirectKind,
  Setting,
  SlotState,
} from "./abi";
import { compareBytes } from "./base/bytes";
import { ClientState } from "./base/client";
import {
  Arg,
  argc,
  argv,
  changeFlags,
  client,
  clientFlags,
  gates,
  resp3,
  Settings,
  setArguments,
  setFrame,
} from "./base/frame";
import { canAllocate } from "./base/memory";
import { Stats } from "./base/stats";
import { CommandRow } from "./commands";
import { Keys } from "./keys";
import { databaseAt, find } from "./keyspace/database";
import { Evicted, evict } from "./keyspace/eviction";
import { isExpired, slotOf } from "./keyspace/keyspace";
import {
  discardTransaction,
  QueuedCommand,
  queueCommand,
  queuedSize,
} from "./keyspace/transaction";
import { beginError, endError, errorText, replyError, replySimple } from "./protocol/reply";

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

const slotStatesPointer: usize = memory.data(16384, 16);

export function slotStatesPtr(): usize {
  return slotStatesPointer;
}

/** Flags of the command, and for EXEC also of what it is about to run. */
function effectiveFlags(row: CommandRow): u32 {
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

// Slot ownership.

/** What the keys looked at so far have in common. */
let firstSlot: i32 = -1;
let firstKey: usize = 0;
let firstKeyLength: u32 = 0;
/** Not all are the same key. */
let severalKeys: bool = false;
let keysSeen: u32 = 0;
let keysMissing: u32 = 0;
let crossSlot: bool = false;
/** The keys are shard channels: they belong to slots as keys do, but no slot misses them. Not so inside EXEC. */
let onChannels: bool = false;

/** Adds the keys of the command in hand. */
function addKeys(row: CommandRow): void {
  Keys.of(row);
  for (let i = Keys.first; i > 0 && i <= Keys.last; i += Keys.step) addKey(i);
  if (Keys.extra > 0) addKey(Keys.extra);
}

function addKey(index: i32): void {
  const key = Arg.ptr(index);
  const length = Arg.length(index);
  const slot = <i32>slotOf(key, length);
  if (firstSlot < 0) {
    firstSlot = slot;
    firstKey = key;
    firstKeyLength = length;
  } else if (firstSlot != slot) crossSlot = true;
  else if (compareBytes(firstKey, firstKeyLength, key, length) != 0) severalKeys = true;
  keysSeen++;
  const state = <u32>load<u8>(slotStatesPointer + slot);
  if ((state & (SlotState.Migrating | SlotState.Importing)) == 0 || onChannels) return;
  const database = databaseAt(ClientState.at(client).database);
  // An expired key stays where it is until a command runs on it.
  const e = find(database, slot, key, length);
  if (e == 0 || isExpired(e)) keysMissing++;
}

/** For EXEC: the keys of everything that is queued. */
function addQueuedKeys(): void {
  const count = argc;
  const pairs = argv;
  let ptr = ClientState.at(client).queueFirst;
  while (ptr != 0) {
    const queued = QueuedCommand.at(ptr);
    setArguments(queued.count, queued.pairs);
    addKeys(changetype<CommandRow>(queued.row));
    ptr = queued.next;
  }
  setArguments(count, pairs);
}

/**
 * Whether this node may run the command, as Redis 7.0's getNodeByQuery decides. Called only where the slot of the
 * first key is not plainly ours, or there are several keys, or the cluster is down.
 */
export function checkOwnership(row: CommandRow): Verdict {
  firstSlot = -1;
  keysSeen = 0;
  keysMissing = 0;
  severalKeys = false;
  crossSlot = false;
  onChannels = row.firstKey > 0 && (row.flags & CommandFlag.PubSub) != 0;
  if (row.id == Command.Exec) {
    if ((clientFlags & ClientFlag.Multi) == 0) return Verdict.Run;
    addQueuedKeys();
  } else addKeys(row);
  if (firstSlot < 0) return Verdict.Run;
  const state = <u32>load<u8>(slotStatesPointer + firstSlot);
  if ((state & SlotState.Unbound) != 0) {
    return refuseSlot(row, "CLUSTERDOWN Hash slot not served");
  }
  if (crossSlot) return refuseSlot(row, "CROSSSLOT Keys in request don't hash to the same slot");
  const isWrite = (effectiveFlags(row) & CommandFlag.Write) != 0;
  if ((gates & Gate.ClusterDown) != 0) {
    const setting = onChannels
      ? Setting.ClusterAllowPubSubWhenDown
      : Setting.ClusterAllowReadsWhenDown;
    if (!Settings.on(setting)) return refuseSlot(row, "CLUSTERDOWN The cluster is down");
    if (!onChannels && (row.flags & CommandFlag.Write) != 0) {
      return refuseSlot(row, "CLUSTERDOWN The cluster is down and only accepts read commands");
    }
  }
  // A slot may be marked as migrating and yet be another node's by now.
  const leaving = SlotState.Migrating | SlotState.Owned;
  const migrating = (state & leaving) == leaving;
  if (migrating && keysMissing > 0) {
    if (keysMissing < keysSeen) return refuseUnstable(row);
    return redirect(row, firstSlot, RedirectKind.Ask);
  }
  const asking = (clientFlags & ClientFlag.Asking) != 0 || (row.flags & CommandFlag.Asking) != 0;
  if (!migrating && (state & SlotState.Importing) != 0 && asking) {
    return severalKeys && keysMissing > 0 ? refuseUnstable(row) : Verdict.Run;
  }
  if ((state & SlotState.Owned) != 0) return Verdict.Run;
  const reads = onChannels || (clientFlags & ClientFlag.ReadOnly) != 0;
  if ((state & SlotState.OfPrimary) != 0 && reads && !isWrite) return Verdict.Run;
  return redirect(row, firstSlot, RedirectKind.Moved);
}

function refuseUnstable(row: CommandRow): Verdict {
  return refuseSlot(row, "TRYAGAIN Multiple keys request during rehashing of slot");
}

function refuseSlot(row: CommandRow, text: string): Verdict {
  leaveTransaction(row);
  replyError(text);
  return Verdict.Answered;
}

function redirect(row: CommandRow, slot: i32, kind: RedirectKind): Verdict {
  leaveTransaction(row);
  setFrame(Frame.RedirectSlot, slot);
  setFrame(Frame.RedirectKind, kind);
  return Verdict.Redirect;
}

/** EXEC that may not run here drops its transaction; a command that may not be queued dooms it. */
function leaveTransaction(row: CommandRow): void {
  Stats.addCommand(row.stat, CommandStat.Rejected);
  if (row.id == Command.Exec) discardTransaction();
  else if ((clientFlags & ClientFlag.Multi) != 0) changeFlags(0, ClientFlag.DirtyExec);
}
