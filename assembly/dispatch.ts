/**
 * The main loop: parse, look up, check, run; until the input is used up or the host is needed. See docs/engine.md.
 */
import { ClientFlag, Frame, Region, Stat, Yield } from "./abi";
import {
  afterCommand,
  afterRefusal,
  answerLost,
  clearCommandCount,
  commandCount,
  countAs,
  countCall,
  SILENT,
} from "./after";
import { ClientState } from "./base/client";
import {
  Arg,
  argc,
  changeFlags,
  client,
  clientFlags,
  clusterEnabled,
  commandId,
  dropReply,
  gates,
  journalOn,
  markReply,
  notifyEvents,
  publish,
  replyAt,
  replyBase,
  replyLost,
  Streams,
  setClient,
  setCommand,
  setFrame,
  setNow,
  setSlot,
} from "./base/frame";
import { notePeak, peakMemory, usedMemory } from "./base/memory";
import { Stats } from "./base/stats";
import { checkAll, WATCHED_FLAGS } from "./checks";
import { Command, CommandFlag } from "./command-ids";
import { CommandRow, findCommand, findSubcommand } from "./commands";
import { noteRejected, Verdict } from "./gates";
import { dropOthers, dropRegion, parseNext, putBack, takeInput } from "./input";
import { beginUnit, endUnit } from "./journal";
import {
  again,
  blocked,
  clearBlocked,
  clearReadyTold,
  readyTold,
  releaseWaits,
  setAgain,
} from "./keyspace/blocking";
import { refreshClock } from "./keyspace/keyspace";
import { beginExec, nextQueued } from "./keyspace/transaction";
import { slotOfArgument } from "./ownership";
import { keySlot } from "./protocol/crc16";
import { Parse } from "./protocol/query";
import { replyError } from "./protocol/reply";
import { isHttp, replyArity, replyUnknown, replyUnknownSubcommand } from "./refusals";
import { makeRoom } from "./room";
import { run } from "./run";
import { Slices } from "./slices";

/** Takes `length` bytes of input for the client and runs what is whole. */
export function execute(ptr: usize, length: u32, nowMs: f64): i32 {
  begin(ptr, nowMs);
  Slices.forget();
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
  if (yielded == Yield.Slice) Slices.widen();
  if (yielded == Yield.Host || yielded == Yield.Redirect) {
    setCommand(state.heldCommand);
    countAs(state.heldCommand);
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
  clearCommandCount();
  Slices.begin();
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
    if (isExecuting(state)) {
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
    if (Slices.isOver(argc) && !isExecuting(state)) return Yield.Slice;
  }
}

/** The commands of a transaction go on until its end, as nobody may come between them. */
function isExecuting(state: ClientState): bool {
  return state.execNext != 0 || (clientFlags & ClientFlag.Executing) != 0;
}

/**
 * The client may get the notifications that its own commands cause: as they go out before what the region holds, it
 * may hold no more than the reply of one command.
 */
function hearsItself(): bool {
  const flags = clientFlags & (ClientFlag.Subscribed | ClientFlag.Executing);
  return flags == ClientFlag.Subscribed && notifyEvents != 0;
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
  countAs(row.stat);
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
    run(row.id);
    endUnit();
  } else run(row.id);
  if ((row.flags & CommandFlag.Heavy) != 0) Slices.addHeavy();
  if (blocked) return block(state);
  return close(state);
}

/** The command waits for a key: it will be run again. Redis counts it as a call when it blocks. */
function block(state: ClientState): i32 {
  clearBlocked();
  countCall();
  state.lastCommand = commandId;
  putBack(state);
  return Yield.Blocked;
}

function close(state: ClientState): i32 {
  return afterCommand(state) ? Yield.Idle : Yield.Close;
}

/** A command that was refused or queued: not counted as a call. */
function refuse(state: ClientState): i32 {
  if (replyLost) answerLost();
  return afterRefusal(state) ? Yield.Idle : Yield.Close;
}

/** Runs one command of EXEC's queue. */
function runQueued(state: ClientState, row: CommandRow): i32 {
  markReply();
  setCommand(row.id);
  countAs(row.stat);
  const first = row.firstKey;
  if (first > 0 && first < <i32>argc) setSlot(keySlot(Arg.ptr(first), <i32>Arg.length(first)));
  if ((row.flags & CommandFlag.Host) != 0) return Yield.Host;
  const write = (row.flags & CommandFlag.Write) != 0;
  if (write && !makeRoom(row)) {
    replyError("OOM command not allowed when used memory > 'maxmemory'.");
  } else run(row.id);
  return close(state);
}

/** EXEC itself is over. False: the client said goodbye. */
function endOfExec(state: ClientState): bool {
  setCommand(Command.Exec);
  countAs(Command.Exec);
  return afterCommand(state);
}
