/**
 * What the parser keeps for a client between reads: its query buffer, the list of arguments read so far, and the
 * allocation that a large argument is written to.
 */
import { ClientFlag, Region, Stat } from "../abi";
import { ClientState } from "../base/client";
import { inputPointer, Settings } from "../base/frame";
import { alloc, free, makeRoomFor, resize, usableSize } from "../base/memory";
import { Stats } from "../base/stats";
import { Setting } from "../settings";
import { replyError } from "./reply";

export enum Parse {
  /** `argv` holds a command. */
  Command = 0,
  /** More input is needed. */
  Incomplete = 1,
  /** An error was replied: close. */
  Broken = 2,
  /** Nothing to run (empty line, empty array). */
  Empty = 3,
}

/** PROTO_INLINE_MAX_SIZE: the longest line. */
export const LINE_MAX: u32 = 65536;

/** Bytes that a client may send before it has authenticated. */
const UNAUTHENTICATED_QUERY: f64 = 1048576;

/** A raw string begins with its length; see keyspace/entry.ts. */
export const RAW_HEADER: usize = 4;

/** Where the host writes the next `length` bytes of input; 0: too much, close. */
export function inputReserve(ptr: usize, length: u32): usize {
  const client = ClientState.at(ptr);
  if (client.bulk != 0) {
    const left = <u32>client.bulkLength + 2 - client.bulkFilled;
    if (length <= left) return client.bulk + RAW_HEADER + client.bulkFilled;
  }
  if (client.query == 0) return length <= <u32>Region.Input ? inputPointer : 0;
  compactQuery(client);
  if (!growQuery(client, length)) return 0;
  return client.query + client.queryLength;
}

/** Takes note of `length` bytes that the host has written where `inputReserve` said. False: out of memory. */
export function inputArrived(client: ClientState, length: u32): bool {
  if (client.bulk == 0) {
    client.queryLength += length;
    return true;
  }
  const left = <u32>client.bulkLength + 2 - client.bulkFilled;
  if (length <= left) {
    client.bulkFilled += length;
    return true;
  }
  // The end of the bulk came together with what follows it: it went to the query buffer or the region.
  let source = client.query == 0 ? inputPointer : client.query + client.queryLength;
  memory.copy(client.bulk + RAW_HEADER + client.bulkFilled, source, left);
  client.bulkFilled += left;
  const rest = length - left;
  if (client.query == 0) return adoptQuery(client, source + left, rest);
  memory.copy(source, source + left, rest);
  client.queryLength += rest;
  return true;
}

/** Gives the client a query buffer of its own holding `length` bytes from `source`. */
export function adoptQuery(client: ClientState, source: usize, length: u32): bool {
  const wanted = max<usize>(<usize>length + 1024, 4096);
  if (!makeRoomFor(wanted)) return false;
  const query = alloc(wanted);
  const capacity = usableSize(query);
  memory.copy(query, source, length);
  client.query = query;
  client.queryCapacity = <u32>capacity;
  client.queryLength = length;
  client.position = 0;
  client.commandStart = 0;
  Stats.add(Stat.ClientMemory, <f64>capacity);
  return true;
}

/** Gives back the query buffer and the list of arguments; no command may be in hand. */
export function dropQuery(client: ClientState): void {
  free(client.parsed);
  client.parsed = 0;
  client.parsedCapacity = 0;
  if (client.query == 0) return;
  Stats.add(Stat.ClientMemory, -(<f64>client.queryCapacity));
  free(client.query);
  client.query = 0;
  client.queryLength = 0;
  client.queryCapacity = 0;
  client.position = 0;
  client.commandStart = 0;
}

/** Moves the parsed arguments that point into the query buffer by `distance`. */
function rebase(client: ClientState, oldBase: usize, oldLength: u32, distance: isize): void {
  let pair = client.parsed;
  for (let i: u32 = 0; i < client.parsedCount; i++) {
    const ptr = load<usize>(pair);
    if (ptr - oldBase <= <usize>oldLength) store<usize>(pair, <usize>(<isize>ptr + distance));
    pair += 8;
  }
}

/** Drops the bytes of commands that have run. */
function compactQuery(client: ClientState): void {
  const start = client.commandStart;
  if (start == 0) return;
  const left = client.queryLength - start;
  rebase(client, client.query, client.queryLength, -(<isize>start));
  memory.copy(client.query, client.query + start, left);
  client.queryLength = left;
  client.position -= start;
  client.commandStart = 0;
}

/** Whether the query buffer may hold `bytes`; what MULTI has queued counts too (readQueryFromClient). */
function mayHold(client: ClientState, bytes: u64): bool {
  if ((client.flags & ClientFlag.Primary) != 0) return true;
  const total = <f64>bytes + <f64>client.queuedBytes;
  if (total > UNAUTHENTICATED_QUERY && (client.flags & ClientFlag.NeedsAuth) != 0) return false;
  return total <= Settings.value(Setting.QueryBufferLimit);
}

function growQuery(client: ClientState, length: u32): bool {
  const wanted = <u64>client.queryLength + <u64>length;
  if (!mayHold(client, wanted)) return false;
  if (wanted <= <u64>client.queryCapacity) return true;
  const size = <usize>max<u64>(wanted, min<u64>(wanted * 2, wanted + (16 << 20)));
  if (!makeRoomFor(size)) return false;
  const old = client.query;
  const query = resize(old, client.queryLength, size);
  const capacity = <u32>usableSize(query);
  Stats.add(Stat.ClientMemory, <f64>capacity - <f64>client.queryCapacity);
  if (query != old) rebase(client, old, client.queryLength, <isize>query - <isize>old);
  client.query = query;
  client.queryCapacity = capacity;
  return true;
}

export function pushArgument(client: ClientState, ptr: usize, length: u32): bool {
  if (client.parsedCount == client.parsedCapacity) {
    const capacity = max<u32>(16, client.parsedCapacity << 1);
    if (!makeRoomFor((<usize>capacity) << 3)) return false;
    client.parsed =
      client.parsed == 0
        ? alloc((<usize>capacity) << 3)
        : resize(client.parsed, (<usize>client.parsedCount) << 3, (<usize>capacity) << 3);
    client.parsedCapacity = capacity;
  }
  const pair = client.parsed + ((<usize>client.parsedCount) << 3);
  store<usize>(pair, ptr);
  store<u32>(pair, length, 4);
  client.parsedCount++;
  client.argumentsLeft--;
  client.bulkLength = -1;
  return true;
}

/** If the argument at `ptr` came as an allocation of its own, hands it over: the caller owns it then. */
export function takeOwned(client: ClientState, ptr: usize): usize {
  let link = <usize>0;
  let node = client.owned;
  while (node != 0) {
    const allocation = load<usize>(node, 4);
    const next = load<usize>(node);
    if (allocation + RAW_HEADER == ptr) {
      if (link == 0) client.owned = next;
      else store<usize>(link, next);
      free(node);
      return allocation;
    }
    link = node;
    node = next;
  }
  return 0;
}

/** After a command: frees what it did not keep. */
export function releaseOwned(client: ClientState): void {
  let node = client.owned;
  while (node != 0) {
    const next = load<usize>(node);
    free(load<usize>(node, 4));
    free(node);
    node = next;
  }
  client.owned = 0;
}

/** Frees everything the parser holds for the client. */
export function releaseParser(client: ClientState): void {
  releaseOwned(client);
  free(client.bulk);
  client.bulk = 0;
  dropQuery(client);
}

export function broken(text: string): Parse {
  replyError(text);
  return Parse.Broken;
}
