/**
 * Request parser: RESP arrays of bulk strings, and inline commands.
 *
 * Two paths. `parseWhole` reads one command that lies complete in a buffer, with no state: the hot path.
 * When it gives up (incomplete, inline, or anything unusual) the bytes move to the client's own query buffer and
 * `parseStep` goes on from there; it keeps its place between reads, so that a command that arrives in a
 * thousand packets is still looked at once. A bulk of 32 KiB or more that is not all here gets its final
 * allocation at once and the host writes the rest of it straight there.
 *
 * Limits and texts: Redis 7.0 networking.c, processInlineBuffer and processMultibulkBuffer.
 */
import { ClientFlag, Region, Setting, Stat } from "../abi";
import { ClientState } from "../base/client";
import { argv, inputPointer, Settings, setArguments } from "../base/frame";
import { alloc, canAllocate, free, resize, usableSize } from "../base/memory";
import { Stats } from "../base/stats";
import { parsedInt64, parseInt64 } from "./number";
import { beginError, endError, errorBytes, errorText, replyError } from "./reply";

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

const ARGUMENTS_MAX: u32 = 1024;
const argumentsPointer: usize = memory.data(8192, 16);
/** PROTO_INLINE_MAX_SIZE: the longest line. */
const LINE_MAX: u32 = 65536;
/** What a client may send before it has authenticated. */
const UNAUTHENTICATED_ARGUMENTS: i64 = 10;
const UNAUTHENTICATED_BULK: i64 = 16384;
const UNAUTHENTICATED_QUERY: f64 = 1048576;
/** A raw string begins with its length; see keyspace/entry.ts. */
const RAW_HEADER: usize = 4;

/** Arguments of the command that `parseInto` read last. */
export let parsedCount: u32 = 0;

/** Puts the command at `start` in hand; answers the address behind it, or 0 when the slow path must look. */
export function parseWhole(start: usize, end: usize): usize {
  const behind = parseInto(start, end, argumentsPointer, argumentsPointer + (ARGUMENTS_MAX << 3));
  if (behind != 0) setArguments(parsedCount, argumentsPointer);
  return behind;
}

/** Reads the command at `start` into the pairs from `pairs` to `pairsLimit`; as `parseWhole` otherwise. */
export function parseInto(start: usize, end: usize, pairs: usize, pairsLimit: usize): usize {
  let at = start;
  if (end - at < 4) return 0;
  let word = load<u32>(at);
  if ((word & 0xff) != 42) return 0;
  let count: u32;
  if ((word & 0xffff0000) == 0x0a0d0000) {
    count = ((word >> 8) & 0xff) - 48;
    if (count - 1 > 8) return 0;
    at += 4;
  } else {
    count = 0;
    let digit = <u32>load<u8>(at + 1) - 48;
    if (digit - 1 > 8) return 0;
    at += 1;
    do {
      count = count * 10 + digit;
      at++;
      if (at >= end || count > ARGUMENTS_MAX) return 0;
      digit = <u32>load<u8>(at) - 48;
    } while (digit <= 9);
    if (end - at < 2 || load<u16>(at) != 0x0a0d || count > ARGUMENTS_MAX) return 0;
    at += 2;
  }
  let pair = pairs;
  const pairsEnd = pair + ((<usize>count) << 3);
  if (pairsEnd > pairsLimit) return 0;
  while (pair < pairsEnd) {
    if (end - at < 5) return 0;
    word = load<u32>(at);
    let length: u32;
    if ((word & 0xffff00ff) == 0x0a0d0024) {
      length = ((word >> 8) & 0xff) - 48;
      if (length > 9) return 0;
      at += 4;
    } else {
      if ((word & 0xff) != 36) return 0;
      let digit = ((word >> 8) & 0xff) - 48;
      if (digit - 1 > 8) return 0;
      length = 0;
      at += 1;
      do {
        length = length * 10 + digit;
        at++;
        if (at >= end || length > 999999) return 0;
        digit = <u32>load<u8>(at) - 48;
      } while (digit <= 9);
      if (end - at < 2 || load<u16>(at) != 0x0a0d) return 0;
      at += 2;
    }
    if (end - at < <usize>length + 2) return 0;
    store<usize>(pair, at);
    store<u32>(pair, length, 4);
    pair += 8;
    at += <usize>length + 2;
  }
  parsedCount = count;
  return at;
}

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
  if (!canAllocate(wanted)) return false;
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
  if (!canAllocate(size)) return false;
  const old = client.query;
  const query = resize(old, client.queryLength, size);
  const capacity = <u32>usableSize(query);
  Stats.add(Stat.ClientMemory, <f64>capacity - <f64>client.queryCapacity);
  if (query != old) rebase(client, old, client.queryLength, <isize>query - <isize>old);
  client.query = query;
  client.queryCapacity = capacity;
  return true;
}

/** Parses on in the client's query buffer. */
export function parseStep(client: ClientState): Parse {
  if (client.argumentsLeft == 0 && client.bulk == 0) {
    client.commandStart = client.position;
    if (client.position >= client.queryLength) return Parse.Incomplete;
    const start = client.query + client.position;
    if (load<u8>(start) != 42) return parseInline(client);
    if ((client.flags & ClientFlag.NeedsAuth) == 0) {
      const behind = parseWhole(start, client.query + client.queryLength);
      if (behind != 0) {
        client.position = <u32>(behind - client.query);
        return Parse.Command;
      }
    }
    const begun = beginArray(client);
    if (begun != Parse.Command) return begun;
  }
  return readArguments(client);
}

/** Address of the `\r` of a line that has its `\n` too, or 0: as Redis's strchr, a zero byte hides what follows. */
function findLineEnd(from: usize, end: usize): usize {
  for (let at = from; at + 1 < end; at++) {
    const byte = load<u8>(at);
    if (byte == 13) return at;
    if (byte == 0) return 0;
  }
  return 0;
}

function beginArray(client: ClientState): Parse {
  const start = client.query + client.position;
  const end = client.query + client.queryLength;
  const lineEnd = findLineEnd(start, end);
  if ((lineEnd == 0 ? end : lineEnd) - start > LINE_MAX) {
    return broken("ERR Protocol error: too big mbulk count string");
  }
  if (lineEnd == 0) return Parse.Incomplete;
  const valid = parseInt64(start + 1, <i32>(lineEnd - start - 1));
  const count = parsedInt64();
  if (!valid || count > i32.MAX_VALUE) {
    return broken("ERR Protocol error: invalid multibulk length");
  }
  if (count > UNAUTHENTICATED_ARGUMENTS && (client.flags & ClientFlag.NeedsAuth) != 0) {
    return broken("ERR Protocol error: unauthenticated multibulk length");
  }
  client.position = <u32>(lineEnd - client.query) + 2;
  client.parsedCount = 0;
  client.bulkLength = -1;
  if (count <= 0) return Parse.Empty;
  client.argumentsLeft = <i32>count;
  return Parse.Command;
}

function readArguments(client: ClientState): Parse {
  while (client.argumentsLeft > 0) {
    if (client.bulkLength < 0) {
      const begun = beginBulk(client);
      if (begun != Parse.Command) return begun;
    }
    const length = <u32>client.bulkLength;
    if (client.bulk != 0) {
      if (client.bulkFilled < length + 2) return Parse.Incomplete;
      if (!finishLargeBulk(client, length)) return broken("OOM query buffer");
      continue;
    }
    const available = client.queryLength - client.position;
    if (available < length + 2) return Parse.Incomplete;
    if (!pushArgument(client, client.query + client.position, length)) {
      return broken("OOM query buffer");
    }
    client.position += length + 2;
  }
  client.argumentsLeft = 0;
  setArguments(client.parsedCount, client.parsed);
  return Parse.Command;
}

/**
 * Makes `parseStep` give the same command once more. One that lies whole in the buffer is read again; the
 * arguments of any other one are still there, and -1 says so.
 */
export function unreadCommand(client: ClientState): void {
  if (argv == argumentsPointer) client.position = client.commandStart;
  else client.argumentsLeft = -1;
}

function beginBulk(client: ClientState): Parse {
  const start = client.query + client.position;
  const end = client.query + client.queryLength;
  const lineEnd = start < end ? findLineEnd(start, end) : 0;
  if ((lineEnd == 0 ? end : lineEnd) - start > LINE_MAX) {
    return broken("ERR Protocol error: too big bulk count string");
  }
  if (lineEnd == 0) return Parse.Incomplete;
  if (load<u8>(start) != 36) {
    beginError();
    errorText("ERR Protocol error: expected '$', got '");
    errorBytes(start, 1);
    errorText("'");
    endError();
    return Parse.Broken;
  }
  const valid = parseInt64(start + 1, <i32>(lineEnd - start - 1));
  const length = parsedInt64();
  const isPrimary = (client.flags & ClientFlag.Primary) != 0;
  if (
    !valid ||
    length < 0 ||
    (!isPrimary && <f64>length > Settings.value(Setting.ProtoMaxBulkLength)) ||
    length > i32.MAX_VALUE
  ) {
    return broken("ERR Protocol error: invalid bulk length");
  }
  if (length > UNAUTHENTICATED_BULK && (client.flags & ClientFlag.NeedsAuth) != 0) {
    return broken("ERR Protocol error: unauthenticated bulk length");
  }
  client.position = <u32>(lineEnd - client.query) + 2;
  client.bulkLength = <i32>length;
  const available = client.queryLength - client.position;
  if (length >= Region.BigArgument && available < <u32>length + 2) {
    return beginLargeBulk(client, <u32>length, available);
  }
  return Parse.Command;
}

function beginLargeBulk(client: ClientState, length: u32, available: u32): Parse {
  const size = <usize>length + RAW_HEADER + 2;
  if (!canAllocate(size)) return broken("OOM query buffer");
  const bulk = alloc(size);
  store<u32>(bulk, length);
  memory.copy(bulk + RAW_HEADER, client.query + client.position, available);
  client.position += available;
  client.bulk = bulk;
  client.bulkFilled = available;
  client.pendingBulk = length;
  return Parse.Command;
}

/** The allocation becomes an argument that a command may keep as it is (`takeOwned`). */
function finishLargeBulk(client: ClientState, length: u32): bool {
  const node = alloc(8);
  store<usize>(node, client.owned);
  store<usize>(node, client.bulk, 4);
  client.owned = node;
  const bulk = client.bulk;
  client.bulk = 0;
  client.bulkFilled = 0;
  client.pendingBulk = 0;
  return pushArgument(client, bulk + RAW_HEADER, length);
}

function pushArgument(client: ClientState, ptr: usize, length: u32): bool {
  if (client.parsedCount == client.parsedCapacity) {
    const capacity = max<u32>(16, client.parsedCapacity << 1);
    if (!canAllocate((<usize>capacity) << 3)) return false;
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

function broken(text: string): Parse {
  replyError(text);
  return Parse.Broken;
}

/** One line, split as Redis's sdssplitargs; the arguments are unescaped in place. */
function parseInline(client: ClientState): Parse {
  const start = client.query + client.position;
  const end = client.query + client.queryLength;
  let lineEnd = start;
  // A zero byte hides the end of the line, as from Redis's strchr.
  while (lineEnd < end && load<u8>(lineEnd) != 10 && load<u8>(lineEnd) != 0) lineEnd++;
  const hidden = lineEnd == end || load<u8>(lineEnd) == 0;
  // A whole line is measured as well, so that it does not matter how it was cut.
  if ((hidden ? end : lineEnd) - start > LINE_MAX) {
    return broken("ERR Protocol error: too big inline request");
  }
  if (hidden) return Parse.Incomplete;
  client.position = <u32>(lineEnd - client.query) + 1;
  if (lineEnd > start && load<u8>(lineEnd - 1) == 13) lineEnd--;
  client.parsedCount = 0;
  if (!splitLine(client, start, lineEnd)) {
    client.argumentsLeft = 0;
    return broken("ERR Protocol error: unbalanced quotes in request");
  }
  client.argumentsLeft = 0;
  if (client.parsedCount == 0) return Parse.Empty;
  // A primary sends arrays: anything else means that the stream was lost.
  if ((client.flags & ClientFlag.Primary) != 0) {
    return broken("ERR Protocol error: Master using the inline protocol. Desync?");
  }
  setArguments(client.parsedCount, client.parsed);
  return Parse.Command;
}

function isBlank(byte: u32): bool {
  return byte == 32 || (byte >= 9 && byte <= 13);
}

function hexDigit(byte: u32): i32 {
  if (byte >= 48 && byte <= 57) return <i32>byte - 48;
  const lower = byte | 32;
  return lower >= 97 && lower <= 102 ? <i32>lower - 87 : -1;
}

function splitLine(client: ClientState, start: usize, end: usize): bool {
  let at = start;
  while (true) {
    while (at < end && isBlank(load<u8>(at))) at++;
    if (at == end) return true;
    const word = at;
    let out = at;
    let quote: u32 = 0;
    while (true) {
      if (at == end) {
        if (quote != 0) return false;
        break;
      }
      const byte = <u32>load<u8>(at);
      if (quote == 0) {
        // Vertical tab and form feed separate only where a word could begin, as in sdssplitargs.
        if (isBlank(byte) && byte != 11 && byte != 12) break;
        at++;
        if (byte == 34 || byte == 39) quote = byte;
        else store<u8>(out++, <u8>byte);
        continue;
      }
      if (byte == quote) {
        // A closing quote must be followed by a blank or by nothing.
        at++;
        if (at < end && !isBlank(load<u8>(at))) return false;
        break;
      }
      if (byte == 92 && at + 1 < end) {
        at = unescape(at, end, out, quote);
        out++;
        continue;
      }
      store<u8>(out++, <u8>byte);
      at++;
    }
    if (!pushArgument(client, word, <u32>(out - word))) return false;
  }
}

/** Writes the byte that the escape at `at` stands for; answers the address behind the escape. */
function unescape(at: usize, end: usize, out: usize, quote: u32): usize {
  const next = <u32>load<u8>(at + 1);
  if (quote == 39) {
    // Between single quotes only \' is an escape.
    if (next == 39) {
      store<u8>(out, 39);
      return at + 2;
    }
    store<u8>(out, 92);
    return at + 1;
  }
  if (next == 120 && at + 3 < end) {
    const high = hexDigit(load<u8>(at + 2));
    const low = hexDigit(load<u8>(at + 3));
    if (high >= 0 && low >= 0) {
      store<u8>(out, <u8>((high << 4) | low));
      return at + 4;
    }
  }
  let byte = next;
  if (next == 110) byte = 10;
  else if (next == 114) byte = 13;
  else if (next == 116) byte = 9;
  else if (next == 98) byte = 8;
  else if (next == 97) byte = 7;
  store<u8>(out, <u8>byte);
  return at + 2;
}
