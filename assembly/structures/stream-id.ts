/** Identifiers of stream entries: `ms` and `seq`, compared in this order. */
import { writeUint64 } from "../protocol/number";
import { replyBulk } from "../protocol/reply";

export function idBelow(ms: u64, seq: u64, otherMs: u64, otherSeq: u64): bool {
  return ms < otherMs || (ms == otherMs && seq < otherSeq);
}

export const ID_TEXT_MAX: u32 = 41;
const idText: usize = memory.data(48, 16);

/** Writes an identifier as text; answers its length. */
export function writeId(at: usize, ms: u64, seq: u64): u32 {
  let length = <u32>writeUint64(at, ms);
  store<u8>(at + length, 45);
  length += 1;
  return length + <u32>writeUint64(at + length, seq);
}

export function replyId(ms: u64, seq: u64): void {
  replyBulk(idText, writeId(idText, ms, seq));
}
