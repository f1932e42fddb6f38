/** How stream commands find streams, groups and consumers, and what they say when there are none. */
import { Notify, ValueType } from "../../abi";
import { Arg, now, slot } from "../../base/frame";
import { Database } from "../../keyspace/database";
import { Entry } from "../../keyspace/entry";
import { lookupRead } from "../../keyspace/keyspace";
import { notify } from "../../keyspace/notify";
import { parsedInt64, parseInt64 } from "../../protocol/number";
import {
  beginError,
  cTextLength,
  endError,
  errorBytes,
  errorText,
  replyError,
  replyNotInteger,
  replyWrongType,
} from "../../protocol/reply";
import {
  addConsumer,
  Consumer,
  findConsumer,
  findGroup,
  Group,
  Stream,
} from "../../structures/stream";
import { Writes } from "../writes";

export function streamOf(e: usize): Stream {
  return Stream.at(Entry.pointer(e));
}

/** Whether the entry is a stream; false: an error was replied. */
export function checkStreamType(e: usize): bool {
  if (Entry.type(e) == <u32>ValueType.Stream) return true;
  replyWrongType();
  return false;
}

/** A group that `groupOf` looked for is not there, and an error was replied. */
export let refused: bool = false;

/** The group named by argument 2 of the stream at argument 1; 0: there is none, or (`refused`) an error was replied. */
export function groupOf(database: Database): usize {
  refused = false;
  const e = lookupRead(database, slot, Arg.ptr(1), Arg.length(1));
  if (e == 0) return 0;
  if (!checkStreamType(e)) {
    refused = true;
    return 0;
  }
  return findGroup(streamOf(e), Arg.ptr(2), Arg.length(2));
}

/** An argument inside an error, as Redis's `%s` shows it. */
export function errorArgument(index: u32): void {
  errorBytes(Arg.ptr(index), cTextLength(Arg.ptr(index), Arg.length(index)));
}

export function replyNoKeyOrGroup(key: u32, group: u32, end: string): void {
  beginError();
  errorText("NOGROUP No such key '");
  errorArgument(key);
  errorText("' or consumer group '");
  errorArgument(group);
  errorText("'");
  errorText(end);
  endError();
}

export function replyNoGroup(key: u32, group: u32): void {
  beginError();
  errorText("NOGROUP No such consumer group '");
  errorArgument(group);
  errorText("' for key name '");
  errorArgument(key);
  errorText("'");
  endError();
}

export function replyWrongSubcommand(help: string): void {
  beginError();
  errorText("ERR unknown subcommand or wrong number of arguments for '");
  errorBytes(Arg.ptr(1), min(cTextLength(Arg.ptr(1), Arg.length(1)), 128));
  errorText("'. Try ");
  errorText(help);
  errorText(" HELP.");
  endError();
}

/** The argument as an integer, left for `parsedInt64`; false: an error was replied. */
export function parseInteger(index: u32): bool {
  if (parseInt64(Arg.ptr(index), <i32>Arg.length(index))) return true;
  replyNotInteger();
  return false;
}

/** As `parseInteger` with an error of its own. */
export function parseIntegerOr(index: u32, text: string): bool {
  if (parseInt64(Arg.ptr(index), <i32>Arg.length(index))) return true;
  replyError(text);
  return false;
}

/** As `parseInteger`; what is below 0 counts as 0. */
export function parseCount(index: u32): bool {
  return parseInteger(index);
}

export function parsedCount(): i64 {
  return max<i64>(parsedInt64(), 0);
}

/** The consumer's name was not known before `consumerOf`. */
export let consumerCreated: bool = false;

/** The consumer named by an argument, seen now; created where there is none. */
export function consumerOf(
  database: Database,
  group: Group,
  index: u32,
  key: usize,
  keyLength: u32,
): Consumer {
  const ptr = Arg.ptr(index);
  const length = Arg.length(index);
  const found = findConsumer(group, ptr, length);
  consumerCreated = found == 0;
  if (found != 0) {
    Consumer.at(found).seenTime = now;
    return Consumer.at(found);
  }
  const consumer = addConsumer(group, ptr, length, now);
  Writes.one();
  notify(Notify.Stream, "xgroup-createconsumer", database.index, key, keyLength);
  return consumer;
}
