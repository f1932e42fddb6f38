/**
 * What SORT sorts: a row for each element, with the weight it is sorted by. Texts are copied, as looking up weights and
 * values may delete keys that have expired, and the target may be the key that is sorted.
 */
import { copyBytes } from "../base/bytes";
import { alloc, canAllocate, free } from "../base/memory";

/** Memory that is given back as a whole: chunks, each with the address of the one before in front. */
export class Arena {
  private static chunk: usize = 0;
  private static at: usize = 0;
  private static end: usize = 0;

  /** 8-aligned bytes, or 0 when memory is short. */
  static take(bytes: usize): usize {
    const size = (bytes + 7) & ~7;
    if (size > Arena.end - Arena.at || Arena.chunk == 0) {
      const wanted = max(size + 8, CHUNK_BYTES);
      if (!canAllocate(wanted)) return 0;
      const chunk = alloc(wanted);
      store<usize>(chunk, Arena.chunk);
      Arena.chunk = chunk;
      Arena.at = chunk + 8;
      Arena.end = chunk + wanted;
    }
    const taken = Arena.at;
    Arena.at += size;
    return taken;
  }

  /** A copy of the bytes, at an address that is not 0; or 0 when memory is short. */
  static copy(ptr: usize, length: u32): usize {
    const taken = Arena.take(max<usize>(length, 1));
    if (taken != 0) copyBytes(taken, ptr, length);
    return taken;
  }

  static release(): void {
    while (Arena.chunk != 0) {
      const chunk = Arena.chunk;
      Arena.chunk = load<usize>(chunk);
      free(chunk);
    }
    Arena.at = 0;
    Arena.end = 0;
  }
}

const CHUNK_BYTES: usize = 4096;

/*
 *  Row, 24 bytes
 */
@unmanaged
export class Row {
  ptr: usize;
  length: u32;
  /** The weight as a number. */
  score: f64;
  /** The weight as text; 0: there is none. */
  weightPtr: usize;
  weightLength: u32;

  @inline static at(ptr: usize): Row {
    return changetype<Row>(ptr);
  }
}
if (offsetof<Row>() != 24) ERROR("Row must be 24 bytes");

export class Rows {
  /** Addresses of the rows, in their order. */
  static order: usize = 0;
  static count: u32 = 0;
  /** Memory did not suffice. */
  static failed: bool = false;
  private static rows: usize = 0;

  /** Makes room for `count` rows. */
  static begin(count: u32): bool {
    Rows.count = 0;
    Rows.failed = false;
    Rows.rows = 0;
    Rows.order = 0;
    const bytes = <u64>count * 28;
    if (bytes > 0x7fffffff) return false;
    Rows.rows = Arena.take(<usize>count * offsetof<Row>());
    Rows.order = Arena.take((<usize>count) << 2);
    return Rows.rows != 0 && Rows.order != 0;
  }

  static add(ptr: usize, length: u32): void {
    const address = Rows.rows + <usize>Rows.count * offsetof<Row>();
    const row = Row.at(address);
    row.ptr = Arena.copy(ptr, length);
    row.length = length;
    row.score = 0;
    row.weightPtr = 0;
    row.weightLength = 0;
    if (row.ptr == 0) Rows.failed = true;
    store<usize>(Rows.order + ((<usize>Rows.count) << 2), address);
    Rows.count++;
  }

  @inline static at(index: u32): Row {
    return Row.at(load<usize>(Rows.order + ((<usize>index) << 2)));
  }
}
