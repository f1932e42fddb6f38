/** What comes after a command: it is counted, its replies are dropped where nobody wants them, its leavings freed. */
import { ClientFlag, CommandStat, Stat } from "./abi";
import { ClientState } from "./base/client";
import {
  changeFlags,
  clearLost,
  client,
  clientFlags,
  commandId,
  dropReply,
  failed,
  replyLost,
  setClient,
} from "./base/frame";
import { Stats } from "./base/stats";
import { Command } from "./command-ids";
import { inputLeft } from "./input";
import { again } from "./keyspace/blocking";
import { releaseOwned } from "./protocol/query";
import { replyError } from "./protocol/reply";

/** Commands since the host's call, for its statistics. */
export let commandCount: u32 = 0;
/** Where the command in hand is counted. */
let commandStat: u32 = 0;

/** Flags that change what happens after a command. */
const AFTER_FLAGS: u32 =
  ClientFlag.Asking |
  ClientFlag.Primary |
  ClientFlag.ReplyOff |
  ClientFlag.ReplySkip |
  ClientFlag.ReplySkipNext |
  ClientFlag.Closing;

/** No replies are wanted. */
export const SILENT: u32 = ClientFlag.Primary | ClientFlag.ReplyOff | ClientFlag.ReplySkip;

export function clearCommandCount(): void {
  commandCount = 0;
}

/** `stat`: index of the command's counters. */
export function countAs(stat: u32): void {
  commandStat = stat;
}

/** A command that was blocked and runs again has been counted before. */
export function countCall(): void {
  if (again) return;
  Stats.addCommand(commandStat, CommandStat.Calls);
  Stats.add(Stat.Commands, 1);
}

/** Counts the command, drops what may not be replied, frees what it left. False: the client said goodbye. */
export function afterCommand(state: ClientState): bool {
  commandCount++;
  countCall();
  if (failed) {
    Stats.addCommand(commandStat, CommandStat.Failed);
    if (replyLost) answerLost();
  }
  return afterRefusal(state);
}

/** A reply that memory could not hold becomes an error; where not even that fits, the connection ends. */
export function answerLost(): void {
  if (clearLost()) replyError("OOM command not allowed when used memory > 'maxmemory'.");
  else changeFlags(0, ClientFlag.Closing);
}

export function afterRefusal(state: ClientState): bool {
  const id = commandId;
  state.lastCommand = id;
  if (state.owned != 0) releaseOwned(state);
  // The host may have changed the flags while it ran its command.
  setClient(client);
  if ((clientFlags & AFTER_FLAGS) == 0) return true;
  return afterSpecial(state, id);
}

/** The primary's stream is counted at the ends of commands, and of transactions as a whole. */
function countConsumed(state: ClientState): void {
  if ((clientFlags & (ClientFlag.Multi | ClientFlag.Executing)) != 0) return;
  state.consumed = state.received - <f64>inputLeft(state);
}

function afterSpecial(state: ClientState, id: u32): bool {
  const flags = clientFlags;
  if ((flags & ClientFlag.Primary) != 0) countConsumed(state);
  if ((flags & SILENT) != 0) dropReply();
  // What holds for one command holds for all that EXEC runs.
  if ((flags & ClientFlag.Executing) != 0) return true;
  let clear: u32 = 0;
  let set: u32 = 0;
  if ((flags & ClientFlag.Multi) == 0 && id != Command.Asking) clear |= ClientFlag.Asking;
  clear |= ClientFlag.ReplySkip;
  if ((flags & ClientFlag.ReplySkipNext) != 0) {
    clear |= ClientFlag.ReplySkipNext;
    set = ClientFlag.ReplySkip;
  }
  changeFlags(clear, set);
  return (flags & ClientFlag.Closing) == 0;
}
