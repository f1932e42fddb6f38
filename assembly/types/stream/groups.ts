/** XGROUP and XACK. Behaviour: Redis 7.0 t_stream.c. */
import { Notify, ValueType } from "../../abi";
import { equalsWord } from "../../base/bytes";
import { Arg, argc, now, slot } from "../../base/frame";
import { Journal } from "../../journal";
import { signalReady } from "../../keyspace/blocking";
import { Database } from "../../keyspace/database";
import { currentDatabase, lookupWrite } from "../../keyspace/keyspace";
import { notify } from "../../keyspace/notify";
import { beforeQuietWrite, beforeQuietWriteTo } from "../../keyspace/watch";
import { parsedInt64 } from "../../protocol/number";
import { replyArray, replyError, replyInt, replyOk, replySimple } from "../../protocol/reply";
import {
  addConsumer,
  addGroup,
  Consumer,
  ENTRIES_READ_UNKNOWN,
  findConsumer,
  findGroup,
  Group,
  removeConsumer,
  removeGroup,
  removeNack,
  Stream,
} from "../../structures/stream";
import { Writes } from "../writes";
import { createStream } from "./add";
import { Id, isMark, parseAnyId, parseId } from "./ids";
import {
  checkStreamType,
  groupOf,
  parseInteger,
  refused,
  replyNoGroup,
  replyWrongSubcommand,
  streamOf,
} from "./lookup";

enum Sub {
  Create = 0,
  SetId = 1,
  Destroy = 2,
  CreateConsumer = 3,
  DelConsumer = 4,
}

const DOLLAR: u32 = 36;

let makeStream: bool = false;
let entriesRead: i64 = -1;

function subcommand(): Sub {
  const ptr = Arg.ptr(1);
  const length = Arg.length(1);
  if (equalsWord(ptr, length, "create")) return Sub.Create;
  if (equalsWord(ptr, length, "setid")) return Sub.SetId;
  if (equalsWord(ptr, length, "destroy")) return Sub.Destroy;
  if (equalsWord(ptr, length, "createconsumer")) return Sub.CreateConsumer;
  return Sub.DelConsumer;
}

/** Reads what stands behind the identifier; false: an error was replied. */
function parseOptions(sub: Sub): bool {
  makeStream = false;
  entriesRead = ENTRIES_READ_UNKNOWN;
  for (let i: u32 = 5; i < argc; i++) {
    const ptr = Arg.ptr(i);
    const length = Arg.length(i);
    if (sub == Sub.Create && equalsWord(ptr, length, "mkstream")) makeStream = true;
    else if (sub <= Sub.SetId && i + 1 < argc && equalsWord(ptr, length, "entriesread")) {
      if (!parseInteger(++i)) return false;
      entriesRead = parsedInt64();
      if (entriesRead < 0 && entriesRead != ENTRIES_READ_UNKNOWN) {
        replyError("ERR value for ENTRIESREAD must be positive or -1");
        return false;
      }
    } else {
      replyWrongSubcommand("XGROUP");
      return false;
    }
  }
  return true;
}

export function xGroup(): void {
  if (equalsWord(Arg.ptr(1), Arg.length(1), "help")) {
    help();
    return;
  }
  const sub = subcommand();
  if (!parseOptions(sub)) return;
  const database = currentDatabase();
  const e = lookupWrite(database, slot, Arg.ptr(2), Arg.length(2));
  if (e != 0 && !checkStreamType(e)) return;
  let group: usize = 0;
  if (!makeStream) {
    if (e == 0) {
      replyError(
        "ERR The XGROUP subcommand requires the key to exist. Note that for CREATE you may want to use the MKSTREAM option to create an empty stream automatically.",
      );
      return;
    }
    group = findGroup(streamOf(e), Arg.ptr(3), Arg.length(3));
    if (group == 0 && sub != Sub.Create && sub != Sub.Destroy) {
      replyNoGroup(2, 3);
      return;
    }
  }
  if (e != 0) beforeQuietWrite(database, slot, e);
  switch (sub) {
    case Sub.Create:
      create(database, e);
      return;
    case Sub.SetId:
      setId(database, streamOf(e), Group.at(group));
      return;
    case Sub.Destroy:
      destroy(database, streamOf(e), group);
      return;
    case Sub.CreateConsumer:
      createConsumer(database, Group.at(group));
      return;
    default:
      deleteConsumer(database, Group.at(group));
  }
}

/** The change is done: counted, told and journalled. The event is a literal. */
function done(database: Database, event: string): void {
  Writes.one();
  notify(Notify.Stream, event, database.index, Arg.ptr(2), Arg.length(2));
  Journal.verbatim(database.index);
}

function create(database: Database, e: usize): void {
  if (argc > 8) {
    replyWrongSubcommand("XGROUP");
    return;
  }
  if (isMark(4, DOLLAR)) {
    if (e == 0) Id.set(0, 0);
    else Id.set(streamOf(e).lastMs, streamOf(e).lastSeq);
  } else if (!parseId(4)) return;
  const stream = e != 0 ? streamOf(e) : createStream(database, Arg.ptr(2), Arg.length(2));
  if (findGroup(stream, Arg.ptr(3), Arg.length(3)) != 0) {
    replyError("BUSYGROUP Consumer Group name already exists");
    return;
  }
  addGroup(stream, Arg.ptr(3), Arg.length(3), Id.ms, Id.seq, entriesRead);
  replyOk();
  done(database, "xgroup-create");
  if (e == 0) signalReady(database.index, ValueType.Stream, Arg.ptr(2), Arg.length(2));
}

function setId(database: Database, stream: Stream, group: Group): void {
  if (argc != 5 && argc != 7) {
    replyWrongSubcommand("XGROUP");
    return;
  }
  if (isMark(4, DOLLAR)) Id.set(stream.lastMs, stream.lastSeq);
  else if (!parseAnyId(4)) return;
  group.lastMs = Id.ms;
  group.lastSeq = Id.seq;
  group.entriesRead = entriesRead;
  replyOk();
  done(database, "xgroup-setid");
}

function destroy(database: Database, stream: Stream, group: usize): void {
  if (group == 0) {
    replyInt(0);
    return;
  }
  removeGroup(stream, Group.at(group));
  replyInt(1);
  done(database, "xgroup-destroy");
  // Who waits for the group must hear that it is gone.
  signalReady(database.index, ValueType.Stream, Arg.ptr(2), Arg.length(2));
}

function createConsumer(database: Database, group: Group): void {
  if (findConsumer(group, Arg.ptr(4), Arg.length(4)) != 0) {
    replyInt(0);
    return;
  }
  addConsumer(group, Arg.ptr(4), Arg.length(4), now);
  replyInt(1);
  done(database, "xgroup-createconsumer");
}

function deleteConsumer(database: Database, group: Group): void {
  const found = findConsumer(group, Arg.ptr(4), Arg.length(4));
  if (found == 0) {
    replyInt(0);
    return;
  }
  replyInt(Consumer.at(found).pendingCount);
  removeConsumer(group, Consumer.at(found));
  done(database, "xgroup-delconsumer");
}

export function xAck(): void {
  const database = currentDatabase();
  const group = groupOf(database);
  if (group == 0) {
    if (!refused) replyInt(0);
    return;
  }
  for (let i: u32 = 3; i < argc; i++) {
    if (!parseId(i)) return;
  }
  beforeQuietWriteTo(database, slot, Arg.ptr(1), Arg.length(1));
  let count: u32 = 0;
  for (let i: u32 = 3; i < argc; i++) {
    parseId(i);
    if (removeNack(Group.at(group), Id.ms, Id.seq)) count++;
  }
  if (count > 0) {
    Writes.many(count);
    Journal.verbatim(database.index);
  }
  replyInt(count);
}

function help(): void {
  replyArray(17);
  replySimple("XGROUP <subcommand> [<arg> [value] [opt] ...]. Subcommands are:");
  replySimple("CREATE <key> <groupname> <id|$> [option]");
  replySimple("    Create a new consumer group. Options are:");
  replySimple("    * MKSTREAM");
  replySimple("      Create the empty stream if it does not exist.");
  replySimple("    * ENTRIESREAD entries_read");
  replySimple("      Set the group's entries_read counter (internal use).");
  replySimple("CREATECONSUMER <key> <groupname> <consumer>");
  replySimple("    Create a new consumer in the specified group.");
  replySimple("DELCONSUMER <key> <groupname> <consumer>");
  replySimple("    Remove the specified consumer.");
  replySimple("DESTROY <key> <groupname>");
  replySimple("    Remove the specified group.");
  replySimple("SETID <key> <groupname> <id|$> [ENTRIESREAD entries_read]");
  replySimple("    Set the current group ID and entries_read counter.");
  replySimple("HELP");
  replySimple("    Prints this help.");
}
