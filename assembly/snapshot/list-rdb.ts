/** List values in RDB files and in digests. Formats: Redis 7.0 rdb.c; digest: debug.c. */
import { Encoding, LoadStatus } from "../abi";
import { canAllocate, free } from "../base/memory";
import { lpBytes, lpCount, lpFirst, lpNext, lpValid } from "../structures/listpack";
import { Lp, lpRead } from "../structures/listpack-element";
import { appendWhole, newQuicklist, pushTail, Quicklist } from "../structures/quicklist";
import { packed, QuickNode } from "../structures/quicklist-node";
import { mix } from "./digest-sum";
import { Loading } from "./loading-state";
import { RdbType } from "./rdb-format";
import { RdbReader, Text } from "./rdb-read";
import { RdbWriter } from "./rdb-write";
import { Pace, SaveCursor } from "./save-cursor";
import { listpackOfZiplist } from "./ziplist";

/** What a node of QUICKLIST_2 holds: one element, or a listpack of them. */
enum Container {
  Plain = 1,
  Packed = 2,
}

/** The type byte that announces the value. */
export function listRdbType(_encoding: u32, _ptr: usize): u32 {
  return RdbType.ListQuicklist2;
}

/** Goes on writing the value with `RdbWriter`; see `SaveCursor`. */
export function saveList(cursor: SaveCursor): bool {
  if (cursor.step == 0) {
    cursor.step = 1;
    const head = Quicklist.at(cursor.ptr).head;
    let nodes: u32 = 0;
    for (let at = head; at != 0; at = QuickNode.at(at).next) nodes++;
    RdbWriter.length(nodes);
    cursor.node = head;
  }
  while (cursor.node != 0) {
    const node = QuickNode.at(cursor.node);
    cursor.node = node.next;
    RdbWriter.length(node.plain ? Container.Plain : Container.Packed);
    RdbWriter.string(node.plain ? node.listpack : packed(node), node.bytes);
    if (Pace.isOver()) return false;
  }
  return true;
}

/** Begins to read a value of the RDB type: see `Loading` in loading.ts. */
export function beginList(type: u32): bool {
  if (type == RdbType.ListZiplist) return loadZiplist();
  if (!RdbReader.length()) return false;
  return beginElements(RdbReader.value);
}

function beginElements(count: u64): bool {
  if (!canAllocate(4096)) return outOfMemory();
  Loading.left = count;
  Loading.ptr = newQuicklist();
  Loading.encoding = Encoding.Quicklist;
  return true;
}

function outOfMemory(): bool {
  RdbReader.status = LoadStatus.OutOfMemory;
  return false;
}

/** Reads one more element, or one more node. */
export function continueList(): bool {
  let container = Container.Packed;
  if (Loading.rdbType == RdbType.ListQuicklist2) {
    if (!RdbReader.length()) return false;
    if (RdbReader.value == <u64>Container.Plain) container = Container.Plain;
    else if (RdbReader.value != <u64>Container.Packed) return RdbReader.corrupt();
  }
  if (!RdbReader.string(1)) return false;
  const owned = Text.owned;
  const taken = takeText(container == Container.Plain);
  free(owned);
  return taken;
}

/** Adds what `Text` holds: an element, a plain node, a listpack or a ziplist. */
function takeText(plain: bool): bool {
  const ptr = Text.ptr;
  const length = Text.length;
  if (!canAllocate(<usize>length * 3 + 65536)) return outOfMemory();
  if (Loading.rdbType == RdbType.List) pushTail(Loading.ptr, ptr, length);
  else if (plain) appendWhole(Loading.ptr, ptr, length, 1, true);
  else if (Loading.rdbType == RdbType.ListQuicklist) {
    const lp = listpackOfZiplist(ptr, length);
    if (lp == 0) return RdbReader.corrupt();
    if (lpCount(lp) != 0) appendWhole(Loading.ptr, lp, <u32>lpBytes(lp), lpCount(lp), false);
    free(lp);
  } else {
    if (!lpValid(ptr, length, true)) return RdbReader.corrupt();
    if (lpCount(ptr) != 0) appendWhole(Loading.ptr, ptr, length, lpCount(ptr), false);
  }
  return true;
}

/** A list that was one ziplist: its elements, pushed one after the other. */
function loadZiplist(): bool {
  if (!RdbReader.string(1)) return false;
  const owned = Text.owned;
  const read = takeZiplist();
  free(owned);
  return read;
}

function takeZiplist(): bool {
  if (!canAllocate(<usize>Text.length * 4 + 65536)) return outOfMemory();
  const lp = listpackOfZiplist(Text.ptr, Text.length);
  if (lp == 0) return RdbReader.corrupt();
  beginElements(0);
  for (let p = lpFirst(lp); p != 0; p = lpNext(lp, p)) {
    lpRead(p);
    pushTail(Loading.ptr, Lp.ptr, Lp.length);
  }
  free(lp);
  return true;
}

/** Mixes the elements into the digest at `sum`. */
export function digestList(sum: usize, _encoding: u32, ptr: usize): void {
  for (let at = Quicklist.at(ptr).head; at != 0; at = QuickNode.at(at).next) {
    const node = QuickNode.at(at);
    if (node.plain) {
      mix(sum, node.listpack, node.bytes);
      continue;
    }
    const lp = packed(node);
    for (let p = lpFirst(lp); p != 0; p = lpNext(lp, p)) {
      lpRead(p);
      mix(sum, Lp.ptr, Lp.length);
    }
  }
}
