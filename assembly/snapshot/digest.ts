/**
 * DEBUG DIGEST and DEBUG DIGEST-VALUE: a hash of the data that does not depend on the order of keys, equal to the one
 * redis-server 7.0 computes (debug.c), so that two servers can be compared. `digest-sum.ts`
 * adds up; each type's file says what of a value counts.
 */
import { Encoding, ValueType } from "../abi";
import { writeText } from "../base/bytes";
import { publish, Streams } from "../base/frame";
import { countDatabases, databaseAt, databaseExists, find, SLOT_COUNT } from "../keyspace/database";
import { Entry, RAW_HEADER } from "../keyspace/entry";
import { nextOccupied, SlotWalk } from "../keyspace/walk";
import { keySlot } from "../protocol/crc16";
import { writeInt64 } from "../protocol/number";
import { mix, xor } from "./digest-sum";
import { digestHash } from "./hash-rdb";
import { digestList } from "./list-rdb";
import { digestSet } from "./set-rdb";
import { digestSortedSet } from "./sorted-set-rdb";
import { digestStream } from "./stream-rdb";

const keyDigest: usize = memory.data(32, 16);
const totalDigest: usize = memory.data(32, 16);
const scratch: usize = memory.data(32, 16);

function mixNumber(sum: usize, value: u32): void {
  store<u32>(scratch, bswap<u32>(value));
  mix(sum, scratch, 4);
}

/** Mixes type, value and whether there is an expiry. */
function mixValue(sum: usize, e: usize): void {
  mixNumber(sum, Entry.type(e));
  switch (Entry.type(e)) {
    case ValueType.String:
      mixString(sum, e);
      break;
    case ValueType.List:
      digestList(sum, Entry.encoding(e), Entry.pointer(e));
      break;
    case ValueType.Set:
      digestSet(sum, Entry.encoding(e), Entry.pointer(e));
      break;
    case ValueType.SortedSet:
      digestSortedSet(sum, Entry.encoding(e), Entry.pointer(e));
      break;
    case ValueType.Hash:
      digestHash(sum, Entry.encoding(e), Entry.pointer(e));
      break;
    case ValueType.Stream:
      digestStream(sum, Entry.encoding(e), Entry.pointer(e));
      break;
    default:
      unreachable();
  }
  if (Entry.expires(e)) xor(sum, scratch, writeText(scratch, "!!expire!!"));
}

function mixString(sum: usize, e: usize): void {
  const encoding = Entry.encoding(e);
  if (encoding == Encoding.Int) mix(sum, scratch, writeInt64(scratch, Entry.integer(e)));
  else if (encoding == Encoding.Raw) {
    const raw = Entry.pointer(e);
    mix(sum, raw + RAW_HEADER, load<u32>(raw));
  } else mix(sum, Entry.inlinePtr(e), Entry.inlineLength(e));
}

function publishDigest(sum: usize): void {
  const output = Streams.output;
  output.length = 0;
  memory.copy(output.room(20), sum, 20);
  output.length = 20;
  publish();
}

/** The digest of all databases, 20 bytes, into the output region. Keys that have expired count. */
export function digest(): i32 {
  memory.fill(totalDigest, 0, 20);
  for (let index: u32 = 0; index < countDatabases(); index++) {
    if (!databaseExists(index)) continue;
    const database = databaseAt(index);
    if (database.keys == 0) continue;
    mixNumber(totalDigest, index);
    let slot = nextOccupied(database, 0);
    while (slot < SLOT_COUNT) {
      SlotWalk.start(database.table(slot));
      for (let e = SlotWalk.next(); e != 0; e = SlotWalk.next()) {
        memory.fill(keyDigest, 0, 20);
        mix(keyDigest, Entry.keyPtr(e), Entry.keyLength(e));
        mixValue(keyDigest, e);
        xor(totalDigest, keyDigest, 20);
      }
      slot = nextOccupied(database, slot + 1);
    }
  }
  publishDigest(totalDigest);
  return 20;
}

/** The digest of one key's value, 20 bytes, into the output region: zeros when there is no such key. */
export function digestValue(index: u32, key: usize, length: u32): i32 {
  memory.fill(keyDigest, 0, 20);
  let e: usize = 0;
  if (databaseExists(index)) e = find(databaseAt(index), keySlot(key, <i32>length), key, length);
  if (e != 0) mixValue(keyDigest, e);
  publishDigest(keyDigest);
  return e != 0 ? 1 : 0;
}
