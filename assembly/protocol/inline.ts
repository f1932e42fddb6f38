/** Inline commands: a line split into words. Behaviour: Redis 7.0, processInlineBuffer in networking.c. */
import { ClientFlag } from "../abi";
import { ClientState } from "../base/client";
import { setArguments } from "../base/frame";
import { broken, LINE_MAX, Parse, pushArgument } from "./query";

/** One line, split as Redis's sdssplitargs; the arguments are unescaped in place. */
export function parseInline(client: ClientState): Parse {
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
