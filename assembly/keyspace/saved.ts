/** What a running snapshot has saved of a slot that it has marked, and what takes long to save. See saving.ts. */
import { Encoding, Interest, ValueType } from "../abi";
import { Database } from "./database";
import { Entry } from "./entry";
import { Saving } from "./saving";
import { Hash } from "./slot-table";
import { valueCount, valueSize } from "./value";

/** Elements and bytes from which a value is big: it is saved in slices. A small one takes less than a millisecond. */
const BIG_COUNT: u32 = 4096;
const BIG_BYTES: usize = 256 << 10;
/** Longer strings are not compressed in files, as that cannot be done in slices. */
const BIG_STRING: u32 = 1 << 20;
const SAMPLES: u32 = 4;

/** Whether the snapshot need not look at an entry of a marked slot any more. */
export function isSaved(database: Database, slot: u32, e: usize): bool {
  if (Entry.mark(e) == Saving.mark) return true;
  if (slot != Saving.slot || changetype<usize>(database) != Saving.database) return false;
  if (Saving.hash == 0) return false;
  return Hash.of(Entry.keyPtr(e), Entry.keyLength(e)) < Saving.hash;
}

/** Whether saving the value takes too long to be done in one go. */
export function isBig(e: usize): bool {
  const encoding = Entry.encoding(e);
  switch (encoding) {
    case Encoding.Raw:
      return load<u32>(Entry.pointer(e)) > BIG_STRING;
    case Encoding.HashTable:
    case Encoding.HashTableEx:
    case Encoding.SkipList:
    case Encoding.Quicklist:
    case Encoding.Stream:
      break;
    default:
      return false;
  }
  const type = Entry.type(e);
  const ptr = Entry.pointer(e);
  // Lists and streams are saved listpack by listpack.
  const packed = type == <u32>ValueType.List || type == <u32>ValueType.Stream;
  if (!packed && valueCount(type, encoding, ptr) > BIG_COUNT) return true;
  return valueSize(type, encoding, ptr, SAMPLES) > BIG_BYTES;
}

/** Whether a snapshot runs that has not saved the entry, whose value is big: now is no time to change it. */
export function isAwaited(database: Database, slot: u32, e: usize): bool {
  if ((database.table(slot).interest & Interest.Snapshot) == 0) return false;
  return !isSaved(database, slot, e) && isBig(e);
}
