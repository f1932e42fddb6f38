/** XADD and XTRIM. Behaviour: Redis 7.0 t_stream.c. */
import { ClientFlag, Encoding, Notify, ValueType } from "../../abi";
import { equalsWord } from "../../base/bytes";
import { Arg, argc, clientFlags, now, Settings, slot } from "../../base/frame";
import { canAllocate } from "../../base/memory";
import { Journal } from "../../journal";
import { signalReady } from "../../keyspace/blocking";
import { Database } from "../../keyspace/database";
import { Entry } from "../../keyspace/entry";
import { addEntry, currentDatabase, lookupWrite, willChange } from "../../keyspace/keyspace";
import { notify } from "../../keyspace/notify";
import { beforeQuietWrite } from "../../keyspace/watch";
import { parsedInt64 } from "../../protocol/number";
import {
  replyError,
  replyInt,
  replyNull,
  replyOutOfMemory,
  replySyntaxError,
} from "../../protocol/reply";
import { Setting } from "../../settings";
import { newStream, Stream } from "../../structures/stream";
import { appendEntry, tailBytes } from "../../structures/stream-append";
import { idBelow, replyId } from "../../structures/stream-id";
import { NODE_BYTES_MAX } from "../../structures/stream-node";
import { Trim, trimStream } from "../../structures/stream-trim";
import { Entries, edgeEntry } from "../../structures/stream-walk";
import { Writes } from "../writes";
import { journalId } from "./effects";
import { ID_MAX, Id, isMark, parseId, parseNewId } from "./ids";
import { checkStreamType, parseInteger, streamOf } from "./lookup";
import { lookupRemoval, noteRemoval } from "./removal";

const STAR: u32 = 42;
const TILDE: u32 = 126;
const EQUALS: u32 = 61;

/** Listpacks up to this long are covered by what every write has reserved. */
const RESERVED_BYTES: usize = 4096;

// Options, as the last parse has left them.

let noMakeStream: bool = false;
let idGiven: bool = false;
let trims: bool = false;
/** Argument with the trim's threshold. */
let trimArgument: u32 = 0;

/** Reads the options from argument 2 on; answers the identifier's argument (XADD) or `argc`, 0 after an error. */
function parseOptions(adds: bool): u32 {
  noMakeStream = false;
  idGiven = false;
  trims = false;
  Trim.approximate = false;
  Trim.limit = 0;
  let limitGiven = false;
  let i: u32 = 2;
  for (; i < argc; i++) {
    const ptr = Arg.ptr(i);
    const length = Arg.length(i);
    const more = i + 1 < argc;
    if (adds && length == 1 && isMark(i, STAR)) break;
    if (more && equalsWord(ptr, length, "maxlen")) {
      i = parseThreshold(i, true);
      if (i == 0) return 0;
    } else if (more && equalsWord(ptr, length, "minid")) {
      i = parseThreshold(i, false);
      if (i == 0) return 0;
    } else if (more && equalsWord(ptr, length, "limit")) {
      if (!parseInteger(++i)) return 0;
      Trim.limit = parsedInt64();
      if (Trim.limit < 0) return refuse("ERR The LIMIT argument must be >= 0.");
      limitGiven = true;
    } else if (adds && equalsWord(ptr, length, "nomkstream")) noMakeStream = true;
    else if (adds) {
      if (!parseNewId(i)) return 0;
      idGiven = true;
      break;
    } else {
      replySyntaxError();
      return 0;
    }
  }
  return limitIsSound(adds, limitGiven) ? i : 0;
}

function refuse(text: string): u32 {
  replyError(text);
  return 0;
}

/** Reads MAXLEN or MINID at argument `i`; answers the last argument that belongs to it, 0 after an error. */
function parseThreshold(i: u32, byLength: bool): u32 {
  if (trims) {
    return refuse("ERR syntax error, MAXLEN and MINID options at the same time are not compatible");
  }
  Trim.approximate = false;
  if (i + 2 < argc) {
    if (isMark(i + 1, TILDE)) {
      Trim.approximate = true;
      i++;
    } else if (isMark(i + 1, EQUALS)) i++;
  }
  i++;
  if (byLength) {
    if (!parseInteger(i)) return 0;
    if (parsedInt64() < 0) return refuse("ERR The MAXLEN argument must be >= 0.");
    Trim.lengthMax = <u64>parsedInt64();
  } else {
    if (!parseId(i)) return 0;
    Trim.ms = Id.ms;
    Trim.seq = Id.seq;
  }
  trims = true;
  Trim.byLength = byLength;
  trimArgument = i;
  return i;
}

/** Checks LIMIT, and sets it where it was not given. False: an error was replied. */
function limitIsSound(adds: bool, given: bool): bool {
  if (Trim.limit != 0 && !trims) {
    replyError("ERR syntax error, LIMIT cannot be used without specifying a trimming strategy");
    return false;
  }
  if (!adds && !trims) {
    replyError("ERR syntax error, XTRIM must be called with at least one trimming strategy");
    return false;
  }
  if ((clientFlags & ClientFlag.Primary) != 0) {
    Trim.limit = 0;
    return true;
  }
  if (given) {
    if (Trim.approximate) return true;
    replyError("ERR syntax error, LIMIT cannot be used without the special ~ option");
    return false;
  }
  if (!Trim.approximate) return true;
  const perNode = <i64>Settings.value(Setting.StreamNodeMaxEntries);
  Trim.limit = perNode <= 0 ? 10000 : min<i64>(perNode * 100, 1000000);
  return true;
}

export function xAdd(): void {
  const idArgument = parseOptions(true);
  if (idArgument == 0) return;
  const first = idArgument + 1;
  if (first + 2 > argc || ((argc - first) & 1) != 0) {
    replyError("ERR wrong number of arguments for 'xadd' command");
    return;
  }
  if (idGiven && Id.seqGiven && Id.ms == 0 && Id.seq == 0) {
    replyError("ERR The ID specified in XADD must be greater than 0-0");
    return;
  }
  const database = currentDatabase();
  const key = Arg.ptr(1);
  const keyLength = Arg.length(1);
  const e = lookupWrite(database, slot, key, keyLength);
  if (e != 0 && !checkStreamType(e)) return;
  if (e == 0 && noMakeStream) {
    replyNull();
    return;
  }
  let bytes: u64 = 0;
  for (let i = first; i < argc; i++) bytes += Arg.length(i);
  if (!chooseId(e) || !entryFits(e, bytes)) return;
  const stream = e != 0 ? streamOf(e) : createStream(database, key, keyLength);
  if (e != 0) willChange(database, slot, e);
  appendEntry(stream, Id.ms, Id.seq, first, (argc - first) >> 1, bytes);
  replyId(Id.ms, Id.seq);
  notify(Notify.Stream, "xadd", database.index, key, keyLength);
  Writes.one();
  if (trims && trimStream(stream) > 0) {
    notify(Notify.Stream, "xtrim", database.index, key, keyLength);
  }
  const autoId = !idGiven || !Id.seqGiven;
  journalTrimming(database, stream, autoId ? idArgument : 0);
  signalReady(database.index, ValueType.Stream, key, keyLength);
}

/** Settles the new entry's identifier in `Id`; false: an error was replied. */
function chooseId(e: usize): bool {
  let lastMs: u64 = 0;
  let lastSeq: u64 = 0;
  if (e != 0) {
    lastMs = streamOf(e).lastMs;
    lastSeq = streamOf(e).lastSeq;
  }
  if (lastMs == ID_MAX && lastSeq == ID_MAX) {
    replyError("ERR The stream has exhausted the last possible ID, unable to add more items");
    return false;
  }
  let fits = true;
  if (!idGiven) {
    if (<u64>now > lastMs) Id.set(<u64>now, 0);
    else {
      Id.set(lastMs, lastSeq);
      Id.increment();
    }
  } else if (!Id.seqGiven && Id.ms == lastMs) {
    fits = lastSeq != ID_MAX;
    Id.seq = lastSeq + 1;
  }
  if (fits && idBelow(lastMs, lastSeq, Id.ms, Id.seq)) return true;
  replyError("ERR The ID specified in XADD is equal or smaller than the target stream top item");
  return false;
}

/** Whether an entry can be stored whose fields and values have `bytes` bytes; false: an error was replied. */
function entryFits(e: usize, bytes: u64): bool {
  if (bytes > NODE_BYTES_MAX) {
    replyError("ERR Elements are too large to be stored");
    return false;
  }
  const tail: usize = e == 0 ? 0 : tailBytes(streamOf(e));
  if (tail + <usize>bytes <= RESERVED_BYTES) return true;
  const wanted = (<u64>tail + bytes + ((<u64>argc) << 4)) << 1;
  if (wanted < 0xf0000000 && canAllocate(<usize>wanted)) return true;
  replyOutOfMemory();
  return false;
}

/** A new stream under a key that a lookup has just missed. */
export function createStream(database: Database, key: usize, length: u32): Stream {
  const stream = newStream();
  const e = addEntry(database, slot, key, length, ValueType.Stream, Encoding.Stream, -1, 0);
  store<usize>(Entry.payload(e), changetype<usize>(stream));
  return stream;
}

/**
 * The command in hand with what it has really done: the identifier that was chosen (argument `idArgument`, 0: as it
 * is), and an exact trim in place of an approximate one.
 */
function journalTrimming(database: Database, stream: Stream, idArgument: u32): void {
  const rewrites = trims && Trim.approximate;
  if (!rewrites && idArgument == 0) {
    Journal.verbatim(database.index);
    return;
  }
  // Looking for the first entry uses `Entries` only: `Id` stays.
  let ms: u64 = ID_MAX;
  let seq: u64 = ID_MAX;
  if (rewrites && !Trim.byLength && edgeEntry(stream, true, true)) {
    ms = Entries.ms;
    seq = Entries.seq;
  }
  if (!Journal.begin(database.index, argc)) return;
  for (let i: u32 = 0; i < argc; i++) {
    if (i == idArgument && i != 0) journalId(Id.ms, Id.seq);
    else if (rewrites && i == trimArgument - 1) Journal.word("=");
    else if (rewrites && i == trimArgument) {
      if (Trim.byLength) Journal.int(<i64>stream.length);
      else journalId(ms, seq);
    } else Journal.bytes(Arg.ptr(i), Arg.length(i));
  }
}

export function xTrim(): void {
  if (parseOptions(false) == 0) return;
  const e = lookupRemoval();
  if (e == 0) return;
  // Whether something goes is only known afterwards, and WATCH counts nothing else.
  const database = currentDatabase();
  beforeQuietWrite(database, slot, e);
  const stream = streamOf(e);
  const deleted = trimStream(stream);
  if (deleted > 0) {
    noteRemoval(e, <u32>deleted, "xtrim");
    journalTrimming(database, stream, 0);
  }
  replyInt(deleted);
}
