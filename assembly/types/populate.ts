/** DEBUG POPULATE. Behaviour: Redis 7.0 debug.c. */
import { Encoding, ValueType } from "../abi";
import { copyBytes, writeText } from "../base/bytes";
import { publish, scratchPointer, setNow } from "../base/frame";
import { alloc, canAllocate } from "../base/memory";
import { databaseAt, databaseBytes, databaseExists, find } from "../keyspace/database";
import { Entry, INLINE_MAX, RAW_HEADER } from "../keyspace/entry";
import { addEntry, refreshClock } from "../keyspace/keyspace";
import { keySlot } from "../protocol/crc16";
import { writeUint64 } from "../protocol/number";

/** Redis builds the keys in a buffer of 128 bytes, one of which ends the text. */
const KEY_MAX: u32 = 127;

const keyBuffer: usize = memory.data(192, 16);
const valueBuffer: usize = memory.data(32, 16);

/**
 * Adds keys `prefix:0` ... to a database, the prefix standing in the scratch region. Values are `value:N`, or with a
 * `size` above 0 that text cut or padded with zero bytes. Keys that exist stay. Answers 0 when memory is short.
 */
export function populate(index: u32, count: f64, prefixLength: u32, size: u32, nowMs: f64): i32 {
  if (!databaseExists(index) && !canAllocate(databaseBytes())) return 0;
  setNow(<i64>nowMs);
  refreshClock();
  const database = databaseAt(index);
  const prefix = min<u32>(prefixLength, KEY_MAX);
  copyBytes(keyBuffer, scratchPointer, prefix);
  store<u8>(keyBuffer + prefix, 58);
  const digitsAt = writeText(valueBuffer, "value:");
  for (let number: u64 = 0; number < <u64>count; number++) {
    const digits = <u32>writeUint64(keyBuffer + prefix + 1, number);
    const keyLength = min<u32>(prefix + 1 + digits, KEY_MAX);
    const slot = keySlot(keyBuffer, <i32>keyLength);
    if (find(database, slot, keyBuffer, keyLength) != 0) continue;
    const textLength = digitsAt + <u32>writeUint64(valueBuffer + digitsAt, number);
    const length = size == 0 ? textLength : size;
    const table = database.table(slot);
    if (!canAllocate(<usize>length + <usize>table.allBuckets * 96 + 1024)) return 0;
    const inline = length <= INLINE_MAX;
    const encoding: u32 = inline ? Encoding.Inline : Encoding.Raw;
    const e = addEntry(
      database,
      slot,
      keyBuffer,
      keyLength,
      ValueType.String,
      encoding,
      -1,
      inline ? length : 0,
    );
    let ptr = Entry.inlinePtr(e);
    if (!inline) {
      const raw = alloc(<usize>length + RAW_HEADER);
      store<u32>(raw, length);
      store<usize>(Entry.payload(e), raw);
      ptr = raw + RAW_HEADER;
    }
    const shown = min<u32>(textLength, length);
    copyBytes(ptr, valueBuffer, shown);
    memory.fill(ptr + shown, 0, length - shown);
  }
  publish();
  return 1;
}
