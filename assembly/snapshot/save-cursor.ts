/**
 * Where the saving of one value has got to. A value is saved in steps, as far as `Pace` lets it; between two steps it
 * must not change. Each type's file has the walk (`saveSet` and so on): it goes on from the cursor and answers whether
 * the value is saved whole.
 */
import { ByteStream } from "../base/frame";
import { RdbWriter } from "./rdb-write";

/*
 *  SaveCursor, 48 bytes
 */
@unmanaged
export class SaveCursor {
  /** Place in a dict. */
  at: u64;
  /** Of a hash with expiring fields: the soonest expiry. */
  soonest: i64;
  /** Type, encoding and pointer of the value's entry. */
  ptr: usize;
  type: u32;
  encoding: u32;
  /** What comes next; 0: nothing is saved yet. */
  step: u32;
  /** Place in a tree or a list: a node, and an index in it. */
  node: usize;
  index: u32;
  /** Group of a stream, and consumer of it. */
  group: u32;
  consumer: u32;

  static at(ptr: usize): SaveCursor {
    return changetype<SaveCursor>(ptr);
  }

  begin(type: u32, encoding: u32, ptr: usize): void {
    memory.fill(changetype<usize>(this), 0, offsetof<SaveCursor>());
    this.type = type;
    this.encoding = encoding;
    this.ptr = ptr;
  }
}
export const SAVE_CURSOR_BYTES: usize = 56;
if (offsetof<SaveCursor>() > SAVE_CURSOR_BYTES) ERROR("a SaveCursor must fit in its place");

/** How much one step may do. */
export class Pace {
  /** Elements. */
  static fuel: u32 = 0;
  /** Length of the stream from which on it is enough. */
  static until: usize = 0;

  static set(fuel: u32, until: usize): void {
    Pace.fuel = fuel;
    Pace.until = until;
  }

  /** All in one go. */
  static free(): void {
    Pace.set(u32.MAX_VALUE, usize.MAX_VALUE);
  }

  /** One more element is done. True: no more now. */
  static isOver(): bool {
    if (Pace.fuel <= 1) return true;
    Pace.fuel--;
    if (RdbWriter.failed) return true;
    return changetype<ByteStream>(RdbWriter.stream).length >= Pace.until;
  }
}
