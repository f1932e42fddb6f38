/** The client's input, command by command: from the shared region, or from the client's own query buffer. */
import { ClientFlag } from "./abi";
import { ClientState } from "./base/client";
import { clientFlags, inputPointer, markReply } from "./base/frame";
import { databaseAt } from "./keyspace/database";
import { Lookahead } from "./keyspace/lookahead";
import { adoptQuery, dropQuery, inputArrived, Parse } from "./protocol/query";
import { replyError } from "./protocol/reply";
import { parseStep, parseWhole, unreadCommand } from "./protocol/resp";
import { Slices } from "./slices";

/** Input in the shared region that is not parsed yet, and whose it is. */
let regionAt: usize = 0;
let regionEnd: usize = 0;
let regionOwner: usize = 0;
/** Where the command in hand begins in the region; 0: it came from the client's own query buffer. */
let commandFrom: usize = 0;

const UNAUTHENTICATED: u32 = ClientFlag.NeedsAuth;

/** Takes note of `length` bytes of input that the host has written for the client. False: out of memory. */
export function takeInput(ptr: usize, length: u32): bool {
  Lookahead.reset();
  const state = ClientState.at(ptr);
  state.received += <f64>length;
  if (state.query == 0 && state.bulk == 0) {
    regionAt = inputPointer;
    regionEnd = inputPointer + length;
    regionOwner = ptr;
    return true;
  }
  dropRegion();
  return inputArrived(state, length);
}

/** Forgets the input in the shared region. */
export function dropRegion(): void {
  regionAt = 0;
  regionEnd = 0;
  regionOwner = 0;
}

/** Drops input that is not of the client at `ptr`. */
export function dropOthers(ptr: usize): void {
  if (regionOwner != ptr) dropRegion();
}

/** Bytes of the client's input that are not parsed yet. */
export function inputLeft(state: ClientState): u32 {
  return regionAt < regionEnd ? <u32>(regionEnd - regionAt) : state.queryLength - state.position;
}

/**
 * Keeps what is left of the input with the client, as the host is about to run another one. Where memory is too
 * short for it, the client is marked: `resume` closes it.
 */
export function park(ptr: usize): void {
  Slices.forget();
  if (regionOwner != ptr) return;
  const state = ClientState.at(ptr);
  if (regionAt < regionEnd && !adoptQuery(state, regionAt, <u32>(regionEnd - regionAt))) {
    state.flags |= ClientFlag.Closing;
  }
  dropRegion();
}

/** Puts the next command in hand. */
export function parseNext(state: ClientState): Parse {
  if (regionAt < regionEnd) {
    commandFrom = regionAt;
    let behind = Lookahead.take(regionAt);
    if (behind != 0) {
      regionAt = behind;
      return Parse.Command;
    }
    if ((clientFlags & UNAUTHENTICATED) == 0) {
      behind = parseWhole(regionAt, regionEnd);
      if (behind != 0) {
        regionAt = behind;
        Lookahead.reset();
        if (behind < regionEnd) Lookahead.fill(behind, regionEnd, databaseAt(state.database));
        return Parse.Command;
      }
    }
    Lookahead.reset();
    // Incomplete or unusual: the client gets a buffer of its own.
    const left = <u32>(regionEnd - regionAt);
    const adopted = adoptQuery(state, regionAt, left);
    dropRegion();
    if (!adopted) {
      markReply();
      replyError("OOM query buffer");
      return Parse.Broken;
    }
  }
  commandFrom = 0;
  if (state.query == 0) return Parse.Incomplete;
  markReply();
  const parsed = parseStep(state);
  if (parsed == Parse.Incomplete && state.position == state.queryLength) {
    // Nothing is left but perhaps a large argument on its way: the buffer is not needed.
    if (state.argumentsLeft == 0 && state.bulk == 0) dropQuery(state);
  }
  return parsed;
}

/** The command in hand is to be run again by `resume`: from its bytes, or from its arguments where they were taken apart. */
export function putBack(state: ClientState): void {
  if (commandFrom != 0) regionAt = commandFrom;
  else unreadCommand(state);
}
