/** Removing entries of a stream: one by one, and from the front. `stream-node.ts` tells how they lie. */
import { free } from "../base/memory";
import { At, treeFind, treeFirst } from "./id-tree";
import { treeRemove } from "./id-tree-change";
import { lpFirst, lpLast, lpNext, lpPrev, lpReplaceInteger } from "./listpack";
import { Stream } from "./stream";
import { idBelow } from "./stream-id";
import { EntryFlag, integerAt, setCounts } from "./stream-node";
import { Entries, edgeEntry } from "./stream-walk";

/** Removes the entry where the walk is; the walk is over then. */
export function removeWalked(stream: Stream): void {
  let lp = Entries.lp;
  const first = lpFirst(lp);
  const entries = integerAt(first);
  stream.length--;
  if (entries == 1) {
    dropNode(stream, Entries.masterMs, Entries.masterSeq, lp);
    return;
  }
  const start = Entries.start - lp;
  lp = lpReplaceInteger(lp, lp + start, <i64>(Entries.flags | EntryFlag.Deleted));
  lp = setCounts(lp, entries - 1, integerAt(lpNext(lp, lpFirst(lp))) + 1);
  if (lp != Entries.lp) replaceNode(stream, Entries.masterMs, Entries.masterSeq, lp);
}

function replaceNode(stream: Stream, ms: u64, seq: u64, lp: usize): void {
  treeFind(stream.nodes, ms, seq);
  At.setValue(lp);
  stream.tail = 0;
}

function dropNode(stream: Stream, ms: u64, seq: u64, lp: usize): void {
  treeRemove(stream.nodes, ms, seq);
  stream.tail = 0;
  free(lp);
}

/** The first identifier again, after entries were removed from the front. */
export function refreshFirst(stream: Stream): void {
  const found = stream.length != 0 && edgeEntry(stream, true, false);
  stream.firstMs = found ? Entries.ms : 0;
  stream.firstSeq = found ? Entries.seq : 0;
}

/** What a trim goes by. */
export class Trim {
  static byLength: bool = false;
  static lengthMax: u64 = 0;
  static ms: u64 = 0;
  static seq: u64 = 0;
  /** Only whole listpacks go. */
  static approximate: bool = false;
  /** At most so many entries go; 0: no limit. */
  static limit: i64 = 0;
}

/** Removes what is too much from the front; answers how many entries. */
export function trimStream(stream: Stream): i64 {
  let deleted: i64 = 0;
  while (treeFirst(stream.nodes)) {
    if (Trim.byLength && stream.length <= Trim.lengthMax) break;
    const lp = At.value;
    const ms = At.high;
    const seq = At.low;
    const entries = integerAt(lpFirst(lp));
    if (Trim.limit != 0 && deleted + entries > Trim.limit) break;
    if (wholeGoes(stream, lp, ms, seq, entries)) {
      dropNode(stream, ms, seq, lp);
      stream.length -= <u64>entries;
      deleted += entries;
      continue;
    }
    if (!Trim.approximate) deleted += trimNode(stream, entries);
    break;
  }
  if (stream.length == 0 || deleted > 0) refreshFirst(stream);
  return deleted;
}

/** Whether a listpack goes as a whole. */
function wholeGoes(stream: Stream, lp: usize, ms: u64, seq: u64, entries: i64): bool {
  if (Trim.byLength) return stream.length - <u64>entries >= Trim.lengthMax;
  let p = lpLast(lp);
  for (let elements = integerAt(p); elements > 0; elements--) p = lpPrev(lp, p);
  p = lpNext(lp, p);
  const lastMs = ms + <u64>integerAt(p);
  p = lpNext(lp, p);
  return idBelow(lastMs, seq + <u64>integerAt(p), Trim.ms, Trim.seq);
}

/** Flags entries at the front of the first listpack as deleted; answers how many. */
function trimNode(stream: Stream, entries: i64): i64 {
  Entries.begin(stream, 0, 0, u64.MAX_VALUE, u64.MAX_VALUE, false);
  Entries.tombstones = true;
  const ms = Entries.masterMs;
  const seq = Entries.masterSeq;
  let lp = Entries.lp;
  let deleted: i64 = 0;
  while (Entries.decode()) {
    const stop = Trim.byLength
      ? stream.length <= Trim.lengthMax
      : !idBelow(Entries.ms, Entries.seq, Trim.ms, Trim.seq);
    if (stop) break;
    if ((Entries.flags & EntryFlag.Deleted) != 0) continue;
    // Flags are below 128, so the element keeps its size and nothing moves.
    store<u8>(Entries.start, <u8>(Entries.flags | EntryFlag.Deleted));
    deleted++;
    stream.length--;
  }
  const gone = integerAt(lpNext(lp, lpFirst(lp))) + deleted;
  const target = setCounts(lp, entries - deleted, gone);
  if (target != lp) replaceNode(stream, ms, seq, target);
  return deleted;
}
