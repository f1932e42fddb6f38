/** Slots: which one a command is about, and whether this node may serve it (Redis 7.0 cluster.c, getNodeByQuery). */
import { ClientFlag, CommandStat, Frame, RedirectKind, SlotState } from "./abi";
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
  Settings,
  setArguments,
  setFrame,
  slot,
} from "./base/frame";
import { Stats } from "./base/stats";
import { Command, CommandFlag } from "./command-ids";
import { CommandRow } from "./commands";
import { effectiveFlags, Verdict } from "./gates";
import { Keys, lastKeyOf } from "./keys";
import { databaseAt, find, Known } from "./keyspace/database";
import { isExpired, slotOf } from "./keyspace/keyspace";
import { discardTransaction, QueuedCommand } from "./keyspace/transaction";
import { keySlot } from "./protocol/crc16";
import { replyError } from "./protocol/reply";
import { Gate, Setting } from "./settings";

const slotStatesPointer: usize = memory.data(16384, 16);

export function slotStatesPtr(): usize {
  return slotStatesPointer;
}

export function slotOfArgument(index: u32): u32 {
  const key = Arg.ptr(index);
  return key == Known.key ? Known.slot : keySlot(key, <i32>Arg.length(index));
}

/** One key, whose slot is ours and stable, and the cluster is up: no more to ask. */
export function plainlyOurs(row: CommandRow): bool {
  if ((gates & Gate.ClusterDown) != 0) return false;
  const last = lastKeyOf(row);
  if (last != row.firstKey) return false;
  return load<u8>(slotStatesPointer + slot) == SlotState.Owned;
}

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
