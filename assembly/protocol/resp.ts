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
import { ClientFlag, Region } from "../abi";
import { ClientState } from "../base/client";
import { argv, Settings, setArguments } from "../base/frame";
import { alloc, makeRoomFor } from "../base/memory";
import { Setting } from "../settings";
import { parseInline } from "./inline";
import { parsedInt64, parseInt64 } from "./number";
import { broken, LINE_MAX, Parse, pushArgument, RAW_HEADER } from "./query";
import { beginError, endError, errorBytes, errorText } from "./reply";

const ARGUMENTS_MAX: u32 = 1024;
const argumentsPointer: usize = memory.data(8192, 16);

/** What a client may send before it has authenticated. */
const UNAUTHENTICATED_ARGUMENTS: i64 = 10;
const UNAUTHENTICATED_BULK: i64 = 16384;

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
  if (!makeRoomFor(size)) return broken("OOM query buffer");
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
