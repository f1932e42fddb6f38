/** The invariants of a hash value, for tests. */
import { Encoding } from "../abi";
import { free, usableSize } from "../base/memory";
import { checkDict } from "./dict-check";
import { Dict } from "./dict-layout";
import { dictNext } from "./dict-walk";
import { countNameUses } from "./field-names";
import { isPacked, Packed, plainListpack, widthOf } from "./hash-packed";
import { FieldRecord } from "./hash-record";
import { ExpiringTable, NEVER } from "./hash-table";
import { dictOf } from "./hash-value";
import { checkListpack, lpBytes, lpCount, lpFirst } from "./listpack";
import { nameAt } from "./listpack-element";

export function checkHash(encoding: u32, ptr: usize): bool {
  if (isPacked(encoding)) return checkPacked(encoding, ptr);
  const dict = dictOf(encoding, ptr);
  if (!checkDict(dict)) return false;
  let expiring: u32 = 0;
  let soonest: i64 = NEVER;
  for (let record = dictNext(dict, 0); record != 0; record = dictNext(dict, Dict.at)) {
    if (!FieldRecord.expires(record)) continue;
    expiring++;
    soonest = min(soonest, FieldRecord.expireAt(record));
  }
  if (encoding == <u32>Encoding.HashTable) return expiring == 0;
  const table = ExpiringTable.at(ptr);
  return table.expiring == expiring && table.next <= soonest;
}

/** Names that the listpacks seen so far use. */
let namesSeen: i32 = 0;

export function beginHashes(): void {
  namesSeen = 0;
}

/** Whether there are at least as many uses of names as the hashes have shown; more have values on their way out. */
export function checkNames(): bool {
  return countNameUses() >= namesSeen;
}

/** Whether the listpack is sound with its names written out. */
function checkNamed(lp: usize, width: u32): bool {
  if (lpBytes(lp) > usableSize(lp)) return false;
  for (let p = lpFirst(lp); p != 0; p = Packed.next(lp, p, width)) {
    if (nameAt(p) != 0) namesSeen++;
  }
  const plain = plainListpack(lp, width);
  const sound = checkListpack(plain);
  free(plain);
  return sound;
}

function checkPacked(encoding: u32, lp: usize): bool {
  const width = widthOf(encoding);
  if (!checkNamed(lp, width) || lpCount(lp) == 0 || lpCount(lp) % width != 0) return false;
  if (width == 2) return true;
  let last: i64 = 1;
  for (let p = lpFirst(lp); p != 0; p = Packed.next(lp, p, 3)) {
    const at = Packed.expiry(lp, p);
    if (last == 0 ? at != 0 : at != 0 && at < last) return false;
    last = at;
  }
  return true;
}
