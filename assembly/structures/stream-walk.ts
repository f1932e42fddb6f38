/** Walks over the entries of a stream, in either direction. `stream-node.ts` tells how they lie. */
import { replyArray } from "../protocol/reply";
import { At, treeFirst, treeNext, treePrevious, treeSeekBack } from "./id-tree";
import { lpFirst, lpLast, lpNext, lpPrev } from "./listpack";
import { replyElement } from "./listpack-element";
import { Stream } from "./stream";
import { replyId } from "./stream-id";
import { EntryFlag, integerAt } from "./stream-node";

/** The entry that a walk has come to, and where the walk is. */
export class Entries {
  static ms: u64 = 0;
  static seq: u64 = 0;
  static fields: u32 = 0;
  static flags: u32 = 0;
  static lp: usize = 0;
  /** Its first element: the flags. */
  static start: usize = 0;
  /** Its first field, or its first value where the fields are the master's. */
  static body: usize = 0;
  /** Key of the listpack. */
  static masterMs: u64 = 0;
  static masterSeq: u64 = 0;
  static masterFields: u32 = 0;
  /** First field of the master, or the element behind where it has none. */
  static masterBody: usize = 0;
  /** The next entry, forwards; the end of the one before, backwards; 0: the listpack is done. */
  static next: usize = 0;
  static leaf: usize = 0;
  static index: u32 = 0;
  static reverse: bool = false;
  static tombstones: bool = false;
  static fromMs: u64 = 0;
  static fromSeq: u64 = 0;
  static toMs: u64 = 0;
  static toSeq: u64 = 0;

  /** Begins a walk over the entries from one identifier to another, both included; `step` goes to the first. */
  static begin(
    stream: Stream,
    fromMs: u64,
    fromSeq: u64,
    toMs: u64,
    toSeq: u64,
    reverse: bool,
  ): void {
    Entries.reverse = reverse;
    Entries.tombstones = false;
    Entries.fromMs = fromMs;
    Entries.fromSeq = fromSeq;
    Entries.toMs = toMs;
    Entries.toSeq = toSeq;
    Entries.next = 0;
    const nodes = stream.nodes;
    const found = reverse
      ? treeSeekBack(nodes, toMs, toSeq)
      : treeSeekBack(nodes, fromMs, fromSeq) || treeFirst(nodes);
    if (found) Entries.enter();
    else Entries.leaf = 0;
  }

  /** Enters the listpack that `At` is at. */
  static enter(): void {
    Entries.leaf = At.leaf;
    Entries.index = At.index;
    Entries.masterMs = At.high;
    Entries.masterSeq = At.low;
    const lp = At.value;
    Entries.lp = lp;
    let p = lpNext(lp, lpNext(lp, lpFirst(lp)));
    const fields = <u32>integerAt(p);
    Entries.masterFields = fields;
    p = lpNext(lp, p);
    Entries.masterBody = p;
    if (Entries.reverse) {
      Entries.next = lpLast(lp);
      return;
    }
    for (let i: u32 = 0; i < fields; i++) p = lpNext(lp, p);
    Entries.next = lpNext(lp, p);
  }

  static nextNode(): bool {
    if (Entries.leaf == 0) return false;
    At.leaf = Entries.leaf;
    At.index = Entries.index;
    if (!(Entries.reverse ? treePrevious() : treeNext())) {
      Entries.leaf = 0;
      return false;
    }
    Entries.enter();
    return true;
  }

  /** Goes to the next entry. False: there is none. */
  static step(): bool {
    while (Entries.leaf != 0) {
      if (!Entries.decode()) {
        if (!Entries.nextNode()) return false;
        continue;
      }
      if ((Entries.flags & EntryFlag.Deleted) != 0 && !Entries.tombstones) continue;
      const ms = Entries.ms;
      const seq = Entries.seq;
      const early = ms < Entries.fromMs || (ms == Entries.fromMs && seq < Entries.fromSeq);
      const late = ms > Entries.toMs || (ms == Entries.toMs && seq > Entries.toSeq);
      if (!early && !late) return true;
      if (early == Entries.reverse) {
        Entries.leaf = 0;
        return false;
      }
    }
    return false;
  }

  /** Reads the entry at `next` and moves that on. False: the listpack has no more. */
  static decode(): bool {
    const lp = Entries.lp;
    let p = Entries.next;
    if (p == 0) return false;
    if (Entries.reverse) {
      // `p` is the count of elements behind an entry, or the zero behind the master's fields.
      let elements = integerAt(p);
      if (elements == 0) return false;
      while (elements-- > 0) p = lpPrev(lp, p);
      Entries.next = lpPrev(lp, p);
    }
    Entries.start = p;
    const flags = <u32>integerAt(p);
    p = lpNext(lp, p);
    Entries.flags = flags;
    Entries.ms = Entries.masterMs + <u64>integerAt(p);
    p = lpNext(lp, p);
    Entries.seq = Entries.masterSeq + <u64>integerAt(p);
    p = lpNext(lp, p);
    let elements = Entries.masterFields;
    if ((flags & EntryFlag.SameFields) == 0) {
      elements = <u32>integerAt(p);
      p = lpNext(lp, p);
      Entries.fields = elements;
      elements <<= 1;
    } else Entries.fields = elements;
    Entries.body = p;
    if (Entries.reverse) return true;
    for (; elements > 0; elements--) p = lpNext(lp, p);
    Entries.next = lpNext(lp, p);
    return true;
  }

  /** The field in hand and its value, between `fieldsBegin` and `fieldsNext`. */
  static field: usize = 0;
  static value: usize = 0;

  static fieldsBegin(): void {
    const same = (Entries.flags & EntryFlag.SameFields) != 0;
    Entries.field = same ? Entries.masterBody : Entries.body;
    Entries.value = same || Entries.fields == 0 ? Entries.body : lpNext(Entries.lp, Entries.body);
  }

  static fieldsNext(): void {
    const lp = Entries.lp;
    const next = lpNext(lp, Entries.value);
    if ((Entries.flags & EntryFlag.SameFields) != 0) {
      Entries.field = lpNext(lp, Entries.field);
      Entries.value = next;
    } else {
      Entries.field = next;
      Entries.value = lpNext(lp, next);
    }
  }

  /** Replies the entry: its identifier, and an array of fields and values. */
  static reply(): void {
    replyArray(2);
    replyId(Entries.ms, Entries.seq);
    replyArray((<i64>Entries.fields) << 1);
    Entries.fieldsBegin();
    for (let i: u32 = 0; i < Entries.fields; i++) {
      replyElement(Entries.field);
      replyElement(Entries.value);
      Entries.fieldsNext();
    }
  }
}

/** Whether there is such an entry; a walk is then at it. */
export function findEntry(stream: Stream, ms: u64, seq: u64): bool {
  Entries.begin(stream, ms, seq, ms, seq, false);
  return Entries.step();
}

/** Goes to the first or last entry of all. False: there is none. */
export function edgeEntry(stream: Stream, first: bool, tombstones: bool): bool {
  Entries.begin(stream, 0, 0, u64.MAX_VALUE, u64.MAX_VALUE, !first);
  Entries.tombstones = tombstones;
  return Entries.step();
}
