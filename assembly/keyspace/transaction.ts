/**
 * MULTI, EXEC, DISCARD, WATCH. Queued commands are copied into one block each: header, argument pairs, bytes. EXEC
 * sets `execNext` to the first block, and the main loop takes its commands from there instead of the input,
 * so that host commands inside a transaction are answered in their place.
 */
import { ClientFlag, Stat } from "../abi";
import { copyBytes } from "../base/bytes";
import { ClientState } from "../base/client";
import { Arg, argc, changeFlags, client, clientFlags, setArguments, slot } from "../base/frame";
import { alloc, canAllocate, free, usableSize } from "../base/memory";
import { Stats } from "../base/stats";
import { beginUnit, endUnit } from "../journal";
import {
  replyArray,
  replyError,
  replyNullArray,
  replyOk,
  replyOutOfMemory,
} from "../protocol/reply";
import { slotOf } from "./keyspace";
import { unwatchAll, watchedExpired, watchKey } from "./watch";

/*
 *  QueuedCommand, 16 bytes, followed by `count` pairs of address and length, then the argument bytes
 */
@unmanaged
export class QueuedCommand {
  next: usize;
  row: usize;
  count: u32;
  unused: u32;

  @inline static at(ptr: usize): QueuedCommand {
    return changetype<QueuedCommand>(ptr);
  }
  @inline get pairs(): usize {
    return changetype<usize>(this) + 16;
  }
}
if (offsetof<QueuedCommand>() != 16) ERROR("QueuedCommand must be 16 bytes");

/** Bytes that queueing the command in hand needs. */
export function queuedSize(): usize {
  let bytes: usize = 16 + ((<usize>argc) << 3);
  for (let i: u32 = 0; i < argc; i++) bytes += Arg.length(i);
  return bytes;
}

/** Keeps the command in hand for EXEC. */
export function queueCommand(row: usize, flags: u32): void {
  const state = ClientState.at(client);
  const ptr = alloc(queuedSize());
  const queued = QueuedCommand.at(ptr);
  queued.next = 0;
  queued.row = row;
  queued.count = argc;
  let bytes = queued.pairs + ((<usize>argc) << 3);
  for (let i: u32 = 0; i < argc; i++) {
    const length = Arg.length(i);
    copyBytes(bytes, Arg.ptr(i), length);
    store<usize>(queued.pairs + ((<usize>i) << 3), bytes);
    store<u32>(queued.pairs + ((<usize>i) << 3), length, 4);
    bytes += length;
  }
  if (state.queueLast != 0) QueuedCommand.at(state.queueLast).next = ptr;
  else state.queueFirst = ptr;
  state.queueLast = ptr;
  state.queuedFlagsAll = state.queuedCount == 0 ? flags : state.queuedFlagsAll & flags;
  state.queuedFlagsAny |= flags;
  state.queuedCount++;
  const size = <u32>usableSize(ptr);
  state.queuedBytes += size;
  Stats.add(Stat.ClientMemory, size);
}

export function freeQueue(state: ClientState): void {
  let ptr = state.queueFirst;
  while (ptr != 0) {
    const next = QueuedCommand.at(ptr).next;
    free(ptr);
    ptr = next;
  }
  Stats.add(Stat.ClientMemory, -(<f64>state.queuedBytes));
  state.queueFirst = 0;
  state.queueLast = 0;
  state.execNext = 0;
  state.queuedCount = 0;
  state.queuedBytes = 0;
  state.queuedFlagsAny = 0;
  state.queuedFlagsAll = 0;
}

const TRANSACTION_FLAGS: u32 =
  ClientFlag.Multi |
  ClientFlag.DirtyExec |
  ClientFlag.DirtyCas |
  ClientFlag.Executing |
  ClientFlag.Watching;

/** Leaves the transaction of the client in hand: queue, flags and watches. */
export function discardTransaction(): void {
  freeQueue(ClientState.at(client));
  unwatchAll(client);
  changeFlags(TRANSACTION_FLAGS, 0);
}

export function multi(): void {
  if ((clientFlags & ClientFlag.Multi) != 0) {
    replyError("ERR MULTI calls can not be nested");
    return;
  }
  changeFlags(0, ClientFlag.Multi);
  replyOk();
}

export function discard(): void {
  if ((clientFlags & ClientFlag.Multi) == 0) {
    replyError("ERR DISCARD without MULTI");
    return;
  }
  discardTransaction();
  replyOk();
}

export function watch(): void {
  if ((clientFlags & ClientFlag.Multi) != 0) {
    replyError("ERR WATCH inside MULTI is not allowed");
    return;
  }
  if (!canAllocate(queuedSize() + ((<usize>argc) << 6))) {
    replyOutOfMemory();
    return;
  }
  if ((clientFlags & ClientFlag.DirtyCas) == 0) {
    for (let i: u32 = 1; i < argc; i++) {
      const key = Arg.ptr(i);
      const length = Arg.length(i);
      watchKey(i == 1 ? slot : slotOf(key, length), key, length);
    }
  }
  replyOk();
}

export function unwatch(): void {
  unwatchAll(client);
  changeFlags(ClientFlag.DirtyCas, 0);
  replyOk();
}

/** EXEC. Answers true when the queue is to be run now. */
export function beginExec(): bool {
  if ((clientFlags & ClientFlag.Multi) == 0) {
    replyError("ERR EXEC without MULTI");
    return false;
  }
  if (watchedExpired(client)) changeFlags(0, ClientFlag.DirtyCas);
  if ((clientFlags & (ClientFlag.DirtyCas | ClientFlag.DirtyExec)) != 0) {
    if ((clientFlags & ClientFlag.DirtyExec) != 0) {
      replyError("EXECABORT Transaction discarded because of previous errors.");
    } else replyNullArray();
    discardTransaction();
    return false;
  }
  unwatchAll(client);
  const state = ClientState.at(client);
  replyArray(state.queuedCount);
  if (state.queueFirst == 0) {
    discardTransaction();
    return false;
  }
  changeFlags(0, ClientFlag.Executing);
  state.execNext = state.queueFirst;
  beginUnit();
  return true;
}

/** Puts the next queued command in hand; answers its row, or 0 at the end of the queue. */
export function nextQueued(): usize {
  const state = ClientState.at(client);
  const ptr = state.execNext;
  if (ptr == 0) {
    endUnit();
    discardTransaction();
    return 0;
  }
  const queued = QueuedCommand.at(ptr);
  state.execNext = queued.next;
  setArguments(queued.count, queued.pairs);
  return queued.row;
}
