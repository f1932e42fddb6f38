/**
 * Loading an RDB file that arrives in chunks cut anywhere. Only whole records are decoded (an opcode with its
 * operands, or a type with key and value); what is left waits for more. Keys go straight into the
 * databases, which the host has emptied before. Any input is survived: damage ends in a `LoadStatus`.
 */
import { LoadStatus } from "../abi";
import { copyBytes } from "../base/bytes";
import { ByteStream, isReplica, publish, Settings, Streams, setNow } from "../base/frame";
import { alloc, canAllocate, free, resize } from "../base/memory";
import {
  countDatabases,
  Database,
  databaseAt,
  databaseBytes,
  databaseExists,
  find,
  insertSearched,
  removeFound,
} from "../keyspace/database";
import { freeEntry } from "../keyspace/entry";
import { beforeAddition, beforeRemoval } from "../keyspace/watch";
import { keySlot } from "../protocol/crc16";
import { Setting } from "../settings";
import { crc64 } from "./crc64";
import { beginValue, continueValue, dropLoading, loadedEmpty } from "./loading";
import { Loading } from "./loading-state";
import { Opcode, RDB_VERSION_CHECKSUM, RDB_VERSION_MAX, RdbType } from "./rdb-format";
import { RdbReader, Text } from "./rdb-read";
import { knowsRdbType, loadedEntry, readEntry, restoredClock } from "./rdb-read-entry";

/** What comes next in the file. */
enum Part {
  Signature = 0,
  Records = 1,
  Checksum = 2,
  /** Elements of a value. */
  Value = 3,
}

const SIGNATURE_BYTES: usize = 9;
/** Auxiliary fields kept for the host; the rest is read and dropped. */
const AUX_BYTES_MAX: usize = 65536;
const BUFFER_START: usize = 65536;
const BUFFER_MAX: u64 = 3 << 30;
/** "REDI" and "S". */
const SIGNATURE_HEAD: u32 = 0x49444552;
const SIGNATURE_TAIL: u32 = 0x53;

const auxPointer: usize = memory.data(16, 16);

let buffer: usize = 0;
let capacity: usize = 0;
/** The bytes not decoded yet: from `start` to `filled`. */
let start: usize = 0;
let filled: usize = 0;
let status: LoadStatus = LoadStatus.Done;
let part: Part = Part.Signature;
let version: u32 = 0;
let checksum: u64 = 0;
let loadNow: i64 = 0;
/** A key that is there already gives way to the one in the image. */
let replaces: bool = false;
let consumed: f64 = 0;
let keys: u32 = 0;
let expiredKeys: u32 = 0;
let database: usize = 0;
// What was said about the next key.
let expireAt: i64 = -1;
let hasExpiry: bool = false;
let idle: i64 = -1;
let frequency: i32 = -1;

/**
 * Begins a load. `nowMs`: keys that expired before it are left out, unless this node is a replica. `merging`: 1 when keys
 * of the image take the place of those that are there; else such a key is an error.
 */
export function loadBegin(nowMs: f64, merging: u32): void {
  loadEnd();
  start = 0;
  filled = 0;
  status = LoadStatus.More;
  part = Part.Signature;
  checksum = 0;
  loadNow = <i64>nowMs;
  replaces = merging != 0;
  consumed = 0;
  keys = 0;
  expiredKeys = 0;
  database = 0;
  changetype<ByteStream>(auxPointer).clear();
  forgetKeyFacts();
}

/** Where the host writes the next `length` bytes; 0 when memory cannot grow. */
export function loadReserve(length: u32): usize {
  if (start > 0) {
    memory.copy(buffer, buffer + start, filled - start);
    filled -= start;
    start = 0;
  }
  const wanted = <u64>filled + <u64>length;
  if (wanted > <u64>capacity && !growBuffer(wanted)) return 0;
  return buffer + filled;
}

function growBuffer(wanted: u64): bool {
  let size = <u64>max<usize>(BUFFER_START, capacity);
  // Doubling for small records, an eighth more for large ones, so that these need not fit memory twice over.
  while (size < wanted) size += size < 32 << 20 ? size : size >> 3;
  if (size > BUFFER_MAX || !canAllocate(<usize>size)) return false;
  buffer = buffer == 0 ? alloc(<usize>size) : resize(buffer, filled, <usize>size);
  capacity = <usize>size;
  return true;
}

/** Decodes what is whole, now that `length` bytes more are there. */
export function loadChunk(length: u32): LoadStatus {
  if (status != LoadStatus.More) return status;
  setNow(loadNow);
  filled += length;
  RdbReader.begin(buffer + start, filled - start);
  const from = RdbReader.at;
  let recordStart = from;
  let summed = from;
  while (part != Part.Checksum) {
    if (!readNext()) {
      RdbReader.at = recordStart;
      status = RdbReader.status;
      break;
    }
    recordStart = RdbReader.at;
  }
  checksum = crc64(checksum, summed, <i32>(recordStart - summed));
  if (part == Part.Checksum) readChecksum();
  consumed += <f64>(RdbReader.at - from);
  start = RdbReader.at - buffer;
  publish();
  return status;
}

function readNext(): bool {
  if (part == Part.Signature) return readSignature();
  return part == Part.Value ? readElement() : readRecord();
}

function refuse(reason: LoadStatus): bool {
  RdbReader.status = reason;
  return false;
}

function readSignature(): bool {
  if (!RdbReader.need(SIGNATURE_BYTES)) return false;
  const at = RdbReader.at;
  if (load<u32>(at) != SIGNATURE_HEAD || <u32>load<u8>(at, 4) != SIGNATURE_TAIL) {
    return refuse(LoadStatus.BadSignature);
  }
  version = 0;
  for (let i: usize = 5; i < SIGNATURE_BYTES; i++) {
    const digit = <u32>load<u8>(at + i) - 48;
    if (digit > 9) return refuse(LoadStatus.BadVersion);
    version = version * 10 + digit;
  }
  if (version < 1 || version > RDB_VERSION_MAX) return refuse(LoadStatus.BadVersion);
  part = Part.Records;
  return RdbReader.skip(SIGNATURE_BYTES);
}

/** One record. Whatever it stores is stored only once all its bytes are there. */
function readRecord(): bool {
  if (!RdbReader.need(1)) return false;
  const code = <u32>load<u8>(RdbReader.at);
  RdbReader.at += 1;
  const operand = RdbReader.at;
  switch (code) {
    case Opcode.ExpireTime:
      if (!RdbReader.skip(4)) return false;
      return noteExpiry(<i64>load<i32>(operand) * 1000);
    case Opcode.ExpireTimeMs:
      if (!RdbReader.skip(8)) return false;
      return noteExpiry(load<i64>(operand));
    case Opcode.Freq:
      if (!RdbReader.skip(1)) return false;
      frequency = load<u8>(operand);
      return true;
    case Opcode.Idle:
      if (!RdbReader.length()) return false;
      idle = <i64>(RdbReader.value & <u64>i64.MAX_VALUE);
      return true;
    case Opcode.Eof:
      part = Part.Checksum;
      return true;
    case Opcode.SelectDb:
      return RdbReader.length() && selectDatabase(RdbReader.value);
    case Opcode.ResizeDb:
      return RdbReader.length() && RdbReader.length();
    case Opcode.SlotInfo:
      return RdbReader.length() && RdbReader.length() && RdbReader.length();
    case Opcode.Aux:
      return readAux();
    case Opcode.ModuleAux:
      return RdbReader.skipModuleAux();
    case Opcode.Function2:
      return RdbReader.skipString();
    default:
      return readKey(code);
  }
}

function noteExpiry(at: i64): bool {
  expireAt = at;
  hasExpiry = true;
  return true;
}

function forgetKeyFacts(): void {
  expireAt = -1;
  hasExpiry = false;
  idle = -1;
  frequency = -1;
}

function selectDatabase(index: u64): bool {
  if (index >= <u64>countDatabases()) return RdbReader.corrupt();
  if (!databaseExists(<u32>index) && !canAllocate(databaseBytes())) {
    return refuse(LoadStatus.OutOfMemory);
  }
  database = changetype<usize>(databaseAt(<u32>index));
  return true;
}

/** A key of the type: a string with its value, anything else with the beginning of its value. */
function readKey(type: u32): bool {
  if (!knowsRdbType(type)) return false;
  if (database == 0 && !selectDatabase(0)) return false;
  if (!RdbReader.string(0)) return false;
  const key = Text.ptr;
  const length = Text.length;
  const owned = Text.owned;
  let done: bool;
  if (type == RdbType.String) {
    const e = readEntry(type, key, length, expiryToStore(), restoredClock(frequency, idle));
    done = e != 0 && putEntry(key, length, e);
  } else {
    done = keepKey(key, length) && beginValue(type);
    if (done) part = Part.Value;
    else dropKey();
  }
  free(owned);
  return done;
}

/** A time before 1970 has passed as well, but an entry cannot hold it. */
function expiryToStore(): i64 {
  return hasExpiry ? max<i64>(expireAt, 0) : -1;
}

/** Key of the value that is being read: the buffer it came in moves on meanwhile. */
let keptKey: usize = 0;
let keptLength: u32 = 0;

function keepKey(key: usize, length: u32): bool {
  if (!canAllocate(length)) return refuse(LoadStatus.OutOfMemory);
  keptKey = alloc(length);
  keptLength = length;
  copyBytes(keptKey, key, length);
  return true;
}

function dropKey(): void {
  free(keptKey);
  keptKey = 0;
}

/** One more element of the value in hand, or the end of it. */
function readElement(): bool {
  if (Loading.left > 0) {
    if (!continueValue()) return false;
    Loading.left--;
    return true;
  }
  part = Part.Records;
  let stored = true;
  if (loadedEmpty()) {
    // Redis skips keys without elements, which older versions could leave behind.
    dropLoading();
    forgetKeyFacts();
  } else {
    const e = loadedEntry(keptKey, keptLength, expiryToStore(), restoredClock(frequency, idle));
    stored = e != 0 && putEntry(keptKey, keptLength, e);
  }
  dropKey();
  return stored;
}

/** Puts a whole entry into its database, unless its time is over. */
function putEntry(key: usize, length: u32, e: usize): bool {
  let stored = true;
  if (hasExpiry && expireAt < loadNow && !isReplica) {
    freeEntry(e);
    expiredKeys++;
  } else stored = insert(changetype<Database>(database), key, length, e);
  if (stored) forgetKeyFacts();
  return stored;
}

function insert(target: Database, key: usize, length: u32, e: usize): bool {
  const slot = keySlot(key, <i32>length);
  const table = target.table(slot);
  let reason = LoadStatus.More;
  const known = find(target, slot, key, length);
  if (known != 0 && !replaces) reason = LoadStatus.DuplicateKey;
  else if (!canAllocate(<usize>table.allBuckets * 96 + 128)) reason = LoadStatus.OutOfMemory;
  if (reason != LoadStatus.More) {
    freeEntry(e);
    return refuse(reason);
  }
  if (known != 0) {
    const kept = beforeRemoval(target, slot, known, false);
    removeFound(target, slot);
    if (!kept) freeEntry(known);
    find(target, slot, key, length);
  } else if (table.interest != 0) beforeAddition(target, slot, key, length);
  insertSearched(target, slot, e);
  keys++;
  return true;
}

function readAux(): bool {
  if (!RdbReader.string(0)) return false;
  const name = Text.ptr;
  const nameLength = Text.length;
  const nameOwned = Text.owned;
  if (!RdbReader.string(1)) {
    free(nameOwned);
    return false;
  }
  const aux = changetype<ByteStream>(auxPointer);
  const size = <u64>nameLength + <u64>Text.length + 8;
  if (<u64>aux.length + size <= <u64>AUX_BYTES_MAX && aux.canRoom(<usize>size)) {
    const at = aux.room(<usize>size);
    store<u32>(at, nameLength);
    copyBytes(at + 4, name, nameLength);
    store<u32>(at + 4 + nameLength, Text.length);
    copyBytes(at + 8 + nameLength, Text.ptr, Text.length);
    aux.length += <usize>size;
  }
  free(nameOwned);
  free(Text.owned);
  return true;
}

/** The end: eight bytes, zero when the writer made no checksum. */
function readChecksum(): void {
  if (version >= RDB_VERSION_CHECKSUM) {
    const at = RdbReader.at;
    if (!RdbReader.skip(8)) return;
    const wanted = load<u64>(at);
    if (wanted != 0 && wanted != checksum && Settings.on(Setting.RdbChecksum)) {
      status = LoadStatus.BadChecksum;
      return;
    }
  }
  status = LoadStatus.Done;
}

/** The auxiliary fields met so far, into the output region. Answers their bytes. */
export function loadAux(): u32 {
  const aux = changetype<ByteStream>(auxPointer);
  const output = Streams.output;
  output.length = 0;
  copyBytes(output.room(aux.length), aux.base, <u32>aux.length);
  output.length = aux.length;
  publish();
  return <u32>output.length;
}

/** Gives the buffer back; the counts and the auxiliary fields stay until the next load. */
export function loadEnd(): void {
  dropLoading();
  dropKey();
  free(buffer);
  buffer = 0;
  capacity = 0;
  start = 0;
  filled = 0;
  status = LoadStatus.Done;
}

export function loadedKeys(): u32 {
  return keys;
}

/** Keys left out because they had expired. */
export function loadedExpiredKeys(): u32 {
  return expiredKeys;
}

/** Bytes decoded: after `Done`, the length of the file. What was handed over beyond that is not part of it. */
export function loadedBytes(): f64 {
  return consumed;
}
