/**
 * Hash values. A small hash is a listpack of fields and values, where fields that many hashes have are names
 * (field-names.ts); with `ListpackEx` of field, value and expiry (0: none),
 * the soonest first and those without at the end. A large one is a dict of records (hash-record.ts), and with
 * `HashTableEx` a table that knows the dict and when its fields expire. A hash that has become large stays so.
 * `Hash` (hash-fields.ts) reads and changes one; here stands what every value of a type can do.
 */
import { Encoding } from "../abi";
import { canAllocate, free, usableSize } from "../base/memory";
import { dictBytes, dictFind, dictFree, dictInsertSearched, dictNew, dictTakeAny } from "./dict";
import { Dict, dictCount } from "./dict-layout";
import { dictNext } from "./dict-walk";
import { copyPacked, freePacked, isPacked, Packed, widthOf } from "./hash-packed";
import { FieldRecord, freeRecord, newRecord, RECORD_FIELD, recordBytes } from "./hash-record";
import { ExpiringTable, NEVER } from "./hash-table";
import { lpBytes, lpCount, lpFirst } from "./listpack";

export function dictOf(encoding: u32, ptr: usize): usize {
  return encoding == <u32>Encoding.HashTableEx ? ExpiringTable.at(ptr).dict : ptr;
}

/** Whether fields of the value may expire. */
export function hashExpires(encoding: u32): bool {
  return encoding == <u32>Encoding.ListpackEx || encoding == <u32>Encoding.HashTableEx;
}

/** A time before which no field of the value expires; `NEVER`: none does. */
export function hashNextExpiry(encoding: u32, ptr: usize): i64 {
  if (encoding == <u32>Encoding.HashTableEx) return ExpiringTable.at(ptr).next;
  if (encoding != <u32>Encoding.ListpackEx) return NEVER;
  const first = lpFirst(ptr);
  if (first == 0) return NEVER;
  const at = Packed.expiry(ptr, first);
  return at == 0 ? NEVER : at;
}

/** Elements of the value. */
export function hashCount(encoding: u32, ptr: usize): u32 {
  if (isPacked(encoding)) return lpCount(ptr) / widthOf(encoding);
  return dictCount(dictOf(encoding, ptr));
}

/** Bytes allocated for the value; of large ones an estimate from the first `samples` elements (0: all). */
export function hashBytes(encoding: u32, ptr: usize, samples: u32): usize {
  if (isPacked(encoding)) return usableSize(ptr);
  const dict = dictOf(encoding, ptr);
  const count = dictCount(dict);
  let bytes: f64 = 0;
  let looked: u32 = 0;
  let at: u64 = 0;
  while (samples == 0 || looked < samples) {
    const record = dictNext(dict, at);
    if (record == 0) break;
    at = Dict.at;
    bytes += <f64>recordBytes(record);
    looked++;
  }
  if (looked > 0) bytes *= <f64>count / <f64>looked;
  const head = encoding == <u32>Encoding.HashTableEx ? usableSize(ptr) : 0;
  return dictBytes(dict) + head + <usize>bytes;
}

/** Frees up to `budget` elements; answers how many. Fewer than `budget`: nothing is left, the value itself is freed. */
export function hashFreeSome(encoding: u32, ptr: usize, budget: u32): u32 {
  if (isPacked(encoding)) {
    freePacked(ptr, widthOf(encoding));
    return 0;
  }
  const dict = dictOf(encoding, ptr);
  for (let freed: u32 = 0; freed < budget; freed++) {
    const record = dictTakeAny(dict);
    if (record == 0) {
      dictFree(dict);
      if (dict != ptr) free(ptr);
      return freed;
    }
    freeRecord(record);
  }
  return budget;
}

/** A deep copy, or 0 where memory does not suffice (nothing is left behind then). */
export function hashCopy(encoding: u32, ptr: usize): usize {
  if (isPacked(encoding)) {
    return canAllocate(lpBytes(ptr)) ? copyPacked(ptr, widthOf(encoding)) : 0;
  }
  const bytes = hashBytes(encoding, ptr, 0);
  if (!canAllocate(bytes + (bytes >> 1))) return 0;
  const source = dictOf(encoding, ptr);
  const dict = dictNew(RECORD_FIELD);
  let record = dictNext(source, 0);
  while (record != 0) {
    const at = Dict.at;
    const field = FieldRecord.fieldPtr(record);
    dictFind(dict, field, FieldRecord.fieldLength(record));
    const copy = newRecord(
      field,
      FieldRecord.fieldLength(record),
      FieldRecord.valuePtr(record),
      FieldRecord.valueLength(record),
      FieldRecord.expireAt(record),
    );
    dictInsertSearched(dict, copy);
    record = dictNext(source, at);
  }
  if (encoding != <u32>Encoding.HashTableEx) return dict;
  const table = ExpiringTable.of(dict);
  table.expiring = ExpiringTable.at(ptr).expiring;
  table.note(ExpiringTable.at(ptr).next);
  return changetype<usize>(table);
}
