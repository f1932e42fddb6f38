/** What a stream knows of the entries that it has had: for the lag of groups. Behaviour: Redis 7.0 t_stream.c. */
import { Stream } from "./stream";
import { idBelow } from "./stream-id";

/** Whether there are entries deleted by XDEL in the range from the identifier on (streamRangeHasTombstones). */
export function hasTombstones(stream: Stream, ms: u64, seq: u64): bool {
  const deletedAt = stream.maxDeletedMs;
  const deletedSeqAt = stream.maxDeletedSeq;
  if (stream.length == 0 || (deletedAt == 0 && deletedSeqAt == 0)) return false;
  if (idBelow(deletedAt, deletedSeqAt, stream.firstMs, stream.firstSeq)) return false;
  return !idBelow(deletedAt, deletedSeqAt, ms, seq);
}

/** How many entries were ever added up to the identifier; -1: cannot be told (streamEstimateDistanceFromFirstEverEntry). */
export function entriesUpTo(stream: Stream, ms: u64, seq: u64): i64 {
  const added = <i64>stream.entriesAdded;
  if (added == 0) return 0;
  const isLast = ms == stream.lastMs && seq == stream.lastSeq;
  const future = idBelow(stream.lastMs, stream.lastSeq, ms, seq);
  if (stream.length == 0 && !future) return added;
  if (isLast) return added;
  if (future) return -1;
  const deletedAt = stream.maxDeletedMs;
  const deletedSeqAt = stream.maxDeletedSeq;
  const whole =
    (deletedAt == 0 && deletedSeqAt == 0) ||
    idBelow(deletedAt, deletedSeqAt, stream.firstMs, stream.firstSeq);
  if (!whole) return -1;
  if (idBelow(ms, seq, stream.firstMs, stream.firstSeq)) return added - <i64>stream.length;
  if (ms == stream.firstMs && seq == stream.firstSeq) return added - <i64>stream.length + 1;
  return -1;
}
