/** Sorted set values in RDB files and in digests. Formats: Redis 7.0 rdb.c; digest: debug.c. */
import { Encoding, LoadStatus, Setting } from "../abi";
import { Settings } from "../base/frame";
import { alloc, canAllocate, free } from "../base/memory";
import { parseDouble, parsedDouble, writeDouble17 } from "../protocol/double";
import { lpBytes, lpCopy, lpCount, lpFirst, lpNext, lpRead, lpSafeToAdd, lpValid, Lp } from "../structures/listpack";
import { Walk, Z } from "../structures/sorted-set";
import { isScore } from "../structures/sorted-set-listpack";
import { newBig, roomForMember } from "../structures/sorted-set-value";
import { mix, xor } from "./digest";
import { Loading } from "./loading-state";
import { RdbType } from "./rdb-format";
import { RdbReader, Text } from "./rdb-read";
import { RdbWriter } from "./rdb-write";

/** The type byte that announces the value. */
export function sortedSetRdbType(encoding: u32, _ptr: usize): u32 {
  return encoding == <u32>Encoding.Listpack ? <u32>RdbType.ZSetListpack : <u32>RdbType.ZSet2;
}
