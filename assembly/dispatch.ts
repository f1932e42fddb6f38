/**
 * The main loop: parse, look up, check, run; until the input is used up or the host is needed. See docs/engine.md.
 */
import {
  ClientFlag,
  Command,
  CommandFlag,
  CommandStat,
  Frame,
  Gate,
  Region,
  Setting,
  SlotState,
  Stat,
  Yield,
} from "./abi";
import { ClientState } from "./base/client";
import {
  Arg,
  argc,
  changeFlags,
  clearLost,
  client,
  clientFlags,
  clusterEnabled,
  commandId,
  dropReply,
  failed,
  gates,
  journalOn,
  markReply,
  publish,
  replyAt,
  replyBase,
  replyLost,
  Settings,
  Streams,
  setClient,
  setCommand,
  setFrame,
  setNow,
  setSlot,
  slot,
} from "./base/frame";
import { canAllocate, notePeak, peakMemory, usedMemory } from "./base/memory";
import { Stats } from "./base/stats";
import { CommandRow, findCommand, findSubcommand } from "./commands";
import {
  checkOwnership,
  noteRejected,
  passGates,
  queue,
  reject,
  slotStatesPtr,
  Verdict,
} from "./gates";
import { dropOthers, dropRegion, inputLeft, parseNext, putBack, takeInput } from "./input";
import { beginUnit, endUnit, Journal } from "./journal";
import { lastKeyOf } from "./keys";
import {
  again,
  blocked,
  clearBlocked,
  clearReadyTold,
  readyTold,
  releaseWaits,
  setAgain,
} from "./keyspace/blocking";
import { Known, largestTable } from "./keyspace/database";
import { reclaim } from "./keyspace/flush";
import { refreshClock } from "./keyspace/keyspace";
import { beginExec, discard, multi, nextQueued, unwatch, watch } from "./keyspace/transaction";
import { keySlot } from "./protocol/crc16";
import { Parse, releaseOwned } from "./protocol/query";
import { replyError, replyOk } from "./protocol/reply";
import { isHttp, replyArity, replyUnknown, replyUnknownSubcommand } from "./refusals";
import { run } from "./run";

/** Commands since the host's call, for its statistics. */
let commandCount: u32 = 0;
/** Where the command in hand is counted. */
let commandStat: u32 = 0;

const WATCHED_FLAGS: u32 =
  ClientFlag.NeedsAuth |
  ClientFlag.Multi |
  ClientFlag.Primary |
  ClientFlag.Replica |
  ClientFlag.Subscribed |
  ClientFlag.Restricted;
/** Flags that change what happens after a command. */
const AFTER_FLAGS: u32 =
  ClientFlag.Asking |
  ClientFlag.Primary |
  ClientFlag.ReplyOff |
  ClientFlag.ReplySkip |
  ClientFlag.ReplySkipNext |
  ClientFlag.Closing;

const SILENT: u32 = ClientFlag.Primary | ClientFlag.ReplyOff | ClientFlag.ReplySkip;

/** Takes `length` bytes of input for the client and runs what is whole. */
export function execute(ptr: usize, length: u32, nowMs: f64): i32 {
  begin(ptr, nowMs);
  const state = ClientState.at(ptr);
  if (!takeInput(ptr, length)) {
    markReply();
    replyError("OOM query buffer");
    return finish(Yield.Close);
  }
  return finish(loop(state));
}

/** Goes on after a yield: the command in hand, where there is one, is done. */
export function resume(ptr: usize, nowMs: f64): i32 {
  begin(ptr, nowMs);
  const state = ClientState.at(ptr);
  dropOthers(ptr);
  const yielded = state.yielded;
  state.yielded = Yield.Idle;
  if (yielded == Yield.Host || yielded == Yield.Redirect) {
    setCommand(state.heldCommand);
    commandStat = state.heldCommand;
    const keep = yielded == Yield.Host ? afterCommand(state) : afterRefusal(state);
    if (!keep) return finish(Yield.Close);
  } else if ((clientFlags & ClientFlag.Closing) != 0) return finish(Yield.Close);
  if (replyAt != replyBase && hearsItself()) return finish(Yield.Flush);
  return finish(loop(state));
}

/**
 * Runs the command of a blocked client again, as the key at argument `argument` is ready. `Flush`: it has replied, and
 * `resume` goes on with what follows. `Blocked`: it goes on waiting.
 */
export function serveBlocked(ptr: usize, nowMs: f64, argument: u32): i32 {
  begin(ptr, nowMs);
  const state = ClientState.at(ptr);
  dropOthers(ptr);
  state.yielded = Yield.Idle;
  if ((clientFlags & ClientFlag.Closing) != 0) return finish(Yield.Close);
  const hits = Stats.get(Stat.KeyspaceHits);
  const misses = Stats.get(Stat.KeyspaceMisses);
  setAgain(true, argument);
  const parsed = parseNext(state);
  let outcome = parsed == Parse.Command ? process(state) : <i32>Yield.Flush;
  setAgain(false, 0);
  // It has looked before.
  Stats.set(Stat.KeyspaceHits, hits);
  Stats.set(Stat.KeyspaceMisses, misses);
  if (outcome == Yield.Blocked) return finish(outcome);
  releaseWaits(state);
  clearReadyTold();
  return finish(outcome == Yield.Idle ? <i32>Yield.Flush : outcome);
}

/** A blocked client goes on behind its command, which the host has answered. */
export function skipBlocked(ptr: usize, nowMs: f64): i32 {
  begin(ptr, nowMs);
  const state = ClientState.at(ptr);
  dropOthers(ptr);
  state.yielded = Yield.Idle;
  releaseWaits(state);
  if ((clientFlags & ClientFlag.Closing) != 0) return finish(Yield.Close);
  if (parseNext(state) == Parse.Command) {
    setCommand(state.heldCommand);
    if (!afterRefusal(state)) return finish(Yield.Close);
  }
  return finish(loop(state));
}

function begin(ptr: usize, nowMs: f64): void {
  setNow(<i64>nowMs);
  setClient(ptr);
  refreshClock();
  commandCount = 0;
}

function finish(outcome: i32): i32 {
  const state = ClientState.at(client);
  state.yielded = outcome;
  state.heldCommand = commandId;
  // What stands behind the last command of a client is nobody else's input.
  if (outcome == Yield.Close) dropRegion();
  setFrame(Frame.CommandCount, commandCount);
  const insideExec = (clientFlags & ClientFlag.Executing) != 0;
  setFrame(Frame.InsideExec, insideExec ? 1 : 0);
  refreshStats();
  publish();
  return outcome;
}

export function refreshStats(): void {
  notePeak();
  Stats.set(Stat.UsedMemory, <f64>usedMemory());
  Stats.set(Stat.PeakMemory, <f64>peakMemory());
  Stats.set(Stat.MemoryPages, <f64>(<u32>memory.size()));
}

function loop(state: ClientState): i32 {
  while (true) {
    let row: usize;
    if (state.execNext != 0 || (clientFlags & ClientFlag.Executing) != 0) {
      row = nextQueued();
      if (row == 0) {
        if (!endOfExec(state)) return Yield.Close;
        if (readyTold) return flushReady();
        continue;
      }
      const outcome = runQueued(state, changetype<CommandRow>(row));
      if (outcome != Yield.Idle) return outcome;
      continue;
    }
    const parsed = parseNext(state);
    if (parsed == Parse.Incomplete) return Yield.Idle;
    if (parsed == Parse.Broken) {
      if ((clientFlags & SILENT) != 0) dropReply();
      return Yield.Close;
    }
    if (parsed == Parse.Empty) continue;
    const outcome = process(state);
    if (outcome != Yield.Idle) return outcome;
    if (readyTold && (clientFlags & ClientFlag.Executing) == 0) return flushReady();
    if (
      replyAt - replyBase > <usize>Region.FlushAt ||
      Streams.journal.length > <usize>Region.FlushAt
    ) {
      return Yield.Flush;
    }
    if (hearsItself()) return Yield.Flush;
  }
}

/**
 * The client may get the notifications that its own commands cause: as they go out before what the region holds, it
 * may hold no more than the reply of one command.
 */
function hearsItself(): bool {
  const flags = clientFlags & (ClientFlag.Subscribed | ClientFlag.Executing);
  return flags == ClientFlag.Subscribed && Settings.on(Setting.NotifyEvents);
}

/** Clients that wait for keys which are ready now come first, before the next command. */
function flushReady(): i32 {
  clearReadyTold();
  return Yield.Flush;
}

/** Looks the command up, checks it and runs it or hands it out. */
function process(state: ClientState): i32 {
  markReply();
  const found = findCommand(Arg.ptr(0), Arg.length(0));
  if (found == 0) {
    setCommand(Command.None);
    if (isHttp()) return Yield.Close;
    replyUnknown();
    if ((clientFlags & ClientFlag.Multi) != 0) changeFlags(0, ClientFlag.DirtyExec);
    return refuse(state);
  }
  let row = changetype<CommandRow>(found);
  setCommand(row.id);
  if (row.firstChild != 0 && argc > 1) {
    const child = findSubcommand(row, Arg.ptr(1), Arg.length(1));
    if (child == 0) {
      replyUnknownSubcommand(row);
      if ((clientFlags & ClientFlag.Multi) != 0) changeFlags(0, ClientFlag.DirtyExec);
      return refuse(state);
    }
    row = changetype<CommandRow>(child);
  }
  commandStat = row.stat;
  const arity = row.arity;
  if ((arity > 0 && <i32>argc != arity) || <i32>argc < -arity) {
    replyArity(row);
    noteRejected(row);
    return refuse(state);
  }
  if (again) {
    // All checks were passed before it blocked.
    if (row.firstKey > 0 && row.firstKey < <i32>argc) setSlot(slotOfArgument(row.firstKey));
  } else if (clusterEnabled || ((clientFlags & WATCHED_FLAGS) | gates) != 0) {
    const outcome = checkAll(row);
    if (outcome == Verdict.Answered) return refuse(state);
    if (outcome == Verdict.Redirect) return Yield.Redirect;
    if (outcome == Verdict.Paused) {
      state.lastCommand = commandId;
      putBack(state);
      return Yield.Paused;
    }
  } else if (row.firstKey > 0 && row.firstKey < <i32>argc) {
    setSlot(slotOfArgument(row.firstKey));
  }
  if ((row.flags & CommandFlag.Host) != 0) return Yield.Host;
  return call(state, row);
}

function slotOfArgument(index: u32): u32 {
  const key = Arg.ptr(index);
  return key == Known.key ? Known.slot : keySlot(key, <i32>Arg.length(index));
}

/** Every check, with slot ownership where Redis has it: after authentication, before the node's conditions. */
function checkAll(row: CommandRow): Verdict {
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

/** One key, whose slot is ours and stable, and the cluster is up: no more to ask. */
function plainlyOurs(row: CommandRow): bool {
  if ((gates & Gate.ClusterDown) != 0) return false;
  const last = lastKeyOf(row);
  if (last != row.firstKey) return false;
  return load<u8>(slotStatesPtr() + slot) == SlotState.Owned;
}

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
  if (onlyFrees(row.id)) return true;
  bytes += ((<u64>largestTable) << 1) + ENTRY_BYTES;
  return bytes <= MEMORY_MAX && canAllocate(<usize>bytes);
}

const MEMORY_MAX: u64 = 0xf0000000;
/** An entry that is rewritten, and a small string that becomes a raw one. */
const ENTRY_BYTES: u64 = 16384;

/** What waits to be freed in slices is freed now, where a write has no room otherwise. */
function makeRoom(row: CommandRow): bool {
  while (true) {
    if (enoughMemory(row)) return true;
    if (reclaim(4096) == 0) return enoughMemory(row);
  }
}

/** Runs an engine command. */
function call(state: ClientState, row: CommandRow): i32 {
  const write = (row.flags & CommandFlag.Write) != 0;
  if (write && !makeRoom(row)) {
    replyError("OOM command not allowed when used memory > 'maxmemory'.");
    return close(state);
  }
  if (row.id == Command.Exec) {
    if (beginExec()) {
      if ((clientFlags & SILENT) != 0) dropReply();
      return Yield.Idle;
    }
    return close(state);
  }
  if (write && journalOn && (clientFlags & ClientFlag.Executing) == 0) {
    beginUnit();
    body(row.id);
    endUnit();
  } else body(row.id);
  if (blocked) return block(state);
  return close(state);
}

/** The command waits for a key: it will be run again. Redis counts it as a call when it blocks. */
function block(state: ClientState): i32 {
  clearBlocked();
  if (!again) {
    Stats.addCommand(commandStat, CommandStat.Calls);
    Stats.add(Stat.Commands, 1);
  }
  state.lastCommand = commandId;
  putBack(state);
  return Yield.Blocked;
}

function body(id: u32): void {
  switch (id) {
    case Command.Multi:
      multi();
      return;
    case Command.Discard:
      discard();
      return;
    case Command.Watch:
      watch();
      return;
    case Command.Unwatch:
      unwatch();
      return;
    case Command.Asking:
      asking();
      return;
    case Command.ReadOnly:
      readOnly(true);
      return;
    case Command.ReadWrite:
      readOnly(false);
      return;
    default:
      run(id);
  }
}

function asking(): void {
  if (!clusterEnabled) {
    replyError("ERR This instance has cluster support disabled");
    return;
  }
  changeFlags(0, ClientFlag.Asking);
  replyOk();
}

function readOnly(on: bool): void {
  if (!clusterEnabled) {
    replyError("ERR This instance has cluster support disabled");
    return;
  }
  if (on) changeFlags(0, ClientFlag.ReadOnly);
  else changeFlags(ClientFlag.ReadOnly, 0);
  replyOk();
}

function close(state: ClientState): i32 {
  return afterCommand(state) ? Yield.Idle : Yield.Close;
}

/** A command that was refused or queued: not counted as a call. */
function refuse(state: ClientState): i32 {
  if (replyLost) answerLost();
  return afterRefusal(state) ? Yield.Idle : Yield.Close;
}

/** Counts the command, drops what may not be replied, frees what it left. False: the client said goodbye. */
function afterCommand(state: ClientState): bool {
  commandCount++;
  if (!again) {
    Stats.addCommand(commandStat, CommandStat.Calls);
    Stats.add(Stat.Commands, 1);
  }
  if (failed) {
    Stats.addCommand(commandStat, CommandStat.Failed);
    if (replyLost) answerLost();
  }
  return afterRefusal(state);
}

/** A reply that memory could not hold becomes an error; where not even that fits, the connection ends. */
function answerLost(): void {
  if (clearLost()) replyError("OOM command not allowed when used memory > 'maxmemory'.");
  else changeFlags(0, ClientFlag.Closing);
}

function afterRefusal(state: ClientState): bool {
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

/** Runs one command of EXEC's queue. */
function runQueued(state: ClientState, row: CommandRow): i32 {
  markReply();
  setCommand(row.id);
  commandStat = row.stat;
  const first = row.firstKey;
  if (first > 0 && first < <i32>argc) setSlot(keySlot(Arg.ptr(first), <i32>Arg.length(first)));
  if ((row.flags & CommandFlag.Host) != 0) return Yield.Host;
  const write = (row.flags & CommandFlag.Write) != 0;
  if (write && !makeRoom(row)) {
    replyError("OOM command not allowed when used memory > 'maxmemory'.");
  } else body(row.id);
  return close(state);
}

/** EXEC itself is over. False: the client said goodbye. */
function endOfExec(state: ClientState): bool {
  setCommand(Command.Exec);
  commandStat = Command.Exec;
  return afterCommand(state);
}
