/** What can be done with the value behind an entry's pointer, whatever its type: a switch to each type's own file. */
import { Encoding, ValueType } from "../abi";
import { alloc, canAllocate, free, usableSize } from "../base/memory";
import { hashBytes, hashCopy, hashCount, hashFreeSome } from "../structures/hash-value";
import { listBytes, listCopy, listCount, listFreeSome } from "../structures/list-value";
import { setBytes, setCopy, setCount, setFreeSome } from "../structures/set-value";
import {
  sortedSetBytes,
  sortedSetCopy,
  sortedSetCount,
  sortedSetFreeSome,
} from "../structures/sorted-set-value";
import { streamBytes, streamCopy, streamCount, streamFreeSome } from "../structures/stream-value";

/** Elements of the value; 1 for a string. */
export function valueCount(type: u32, encoding: u32, ptr: usize): u32 {
  if (type == <u32>ValueType.String) return 1;
  switch (type) {
    case ValueType.List:
      return listCount(encoding, ptr);
    case ValueType.Set:
      return setCount(encoding, ptr);
    case ValueType.SortedSet:
      return sortedSetCount(encoding, ptr);
    case ValueType.Hash:
      return hashCount(encoding, ptr);
    case ValueType.Stream:
      return streamCount(encoding, ptr);
    default:
      return unreachable();
  }
}

/** Bytes allocated for the value; of large ones an estimate from `samples` elements (0: all). */
export function valueSize(type: u32, encoding: u32, ptr: usize, samples: u32): usize {
  if (type == <u32>ValueType.String) return encoding == <u32>Encoding.Raw ? usableSize(ptr) : 0;
  switch (type) {
    case ValueType.List:
      return listBytes(encoding, ptr, samples);
    case ValueType.Set:
      return setBytes(encoding, ptr, samples);
    case ValueType.SortedSet:
      return sortedSetBytes(encoding, ptr, samples);
    case ValueType.Hash:
      return hashBytes(encoding, ptr, samples);
    case ValueType.Stream:
      return streamBytes(encoding, ptr, samples);
    default:
      return unreachable();
  }
}

/** Frees up to `budget` elements; answers how many. Fewer than `budget`: all is freed. */
export function freeSomeOf(type: u32, encoding: u32, ptr: usize, budget: u32): u32 {
  if (type == <u32>ValueType.String) {
    free(ptr);
    return 1;
  }
  switch (type) {
    case ValueType.List:
      return listFreeSome(encoding, ptr, budget);
    case ValueType.Set:
      return setFreeSome(encoding, ptr, budget);
    case ValueType.SortedSet:
      return sortedSetFreeSome(encoding, ptr, budget);
    case ValueType.Hash:
      return hashFreeSome(encoding, ptr, budget);
    case ValueType.Stream:
      return streamFreeSome(encoding, ptr, budget);
    default:
      return unreachable();
  }
}

/** A deep copy of the value, or 0 where memory does not suffice. */
export function copyOf(type: u32, encoding: u32, ptr: usize): usize {
  if (type == <u32>ValueType.String) {
    const size = usableSize(ptr);
    if (!canAllocate(size)) return 0;
    const copy = alloc(size);
    memory.copy(copy, ptr, size);
    return copy;
  }
  switch (type) {
    case ValueType.List:
      return listCopy(encoding, ptr);
    case ValueType.Set:
      return setCopy(encoding, ptr);
    case ValueType.SortedSet:
      return sortedSetCopy(encoding, ptr);
    case ValueType.Hash:
      return hashCopy(encoding, ptr);
    case ValueType.Stream:
      return streamCopy(encoding, ptr);
    default:
      return unreachable();
  }
}
