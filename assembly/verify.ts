/** What only tests may call, in the two test builds: structures by themselves, and their invariant walks. */

import { Dict } from "./structures/dict-layout";
import { At } from "./structures/id-tree";

export { hash32, setHashSeed } from "./base/hash";
export {
  alloc,
  canAllocate,
  checkMemory,
  free,
  resize,
  usableSize,
  usedMemory,
} from "./base/memory";
export { initMemory, limitMemory } from "./base/pages";
export { sha1Final, sha1Init, sha1Update } from "./base/sha1";
export { arcSine, cosine, sine } from "./base/trigonometry";
export { VERIFY } from "./config";
export { checkDatabases } from "./keyspace/check";
export { crc16, keySlot } from "./protocol/crc16";
export { parseDouble, parsedDouble, writeDouble, writeDouble17 } from "./protocol/double";
export { globMatch } from "./protocol/glob";
export { incrByFloatText, isLongDouble, writeHumanDouble } from "./protocol/long-double";
export { int64Length, parsedInt64, parseInt64, textOfEight, writeInt64 } from "./protocol/number";
export { crc64 } from "./snapshot/crc64";
export { lzfCompress, lzfDecompress } from "./snapshot/lzf";
export {
  dictBytes,
  dictFind,
  dictFree,
  dictInsertSearched,
  dictNew,
  dictRemoveFound,
  dictReplaceFound,
  dictTakeAny,
} from "./structures/dict";
export { checkDict } from "./structures/dict-check";
export { dictCount } from "./structures/dict-layout";
export { dictRandom } from "./structures/dict-random";
export { dictNext, dictScan } from "./structures/dict-walk";
export { countNameUses } from "./structures/field-names";
export {
  checkListpack,
  lpAppend,
  lpAppendInteger,
  lpBytes,
  lpCount,
  lpDelete,
  lpFind,
  lpFirst,
  lpInsert,
  lpLast,
  lpNext,
  lpPrepend,
  lpPrev,
  lpReplaceInteger,
  lpSeek,
  lpValid,
  newListpack,
} from "./structures/listpack";
export { lpEntryBytes, lpEquals } from "./structures/listpack-element";

/** High half of the identifier that the last search or step in a tree has come to. */
export function treeHigh(): u64 {
  return At.high;
}

/** Where `dictNext` and `dictScan` go on. */
export function dictAt(): u64 {
  return Dict.at;
}
export function dictCursor(): u64 {
  return Dict.cursor;
}
/** Counted in the build with assertions only. */
export function dictPlaced(): u32 {
  return Dict.placed;
}

export {
  treeCount,
  treeFind,
  treeInit,
  treeNext,
  treeSeek,
  treeSeekBack,
} from "./structures/id-tree";
export { treeInsert, treePop, treeRemove } from "./structures/id-tree-change";
export { checkTree } from "./structures/id-tree-check";
