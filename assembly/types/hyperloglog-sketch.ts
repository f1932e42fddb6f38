/** HyperLogLog values under keys: told apart from other strings, and opened for registers to be raised. */
import { Encoding, ValueType } from "../abi";
import { alloc, free } from "../base/memory";
import { Database, find } from "../keyspace/database";
import { Entry, RAW_HEADER } from "../keyspace/entry";
import { addEntry, isString, willChange } from "../keyspace/keyspace";
import { ownRaw, stringLength, View, view } from "../keyspace/string-value";
import { replyError, replyWrongType } from "../protocol/reply";
import {
  DENSE_BYTES,
  denseGet,
  densePut,
  HEADER_BYTES,
  LAYOUT_AT,
  Layout,
  MAGIC,
  STALE,
  STALE_AT,
} from "./hyperloglog-format";
import { Change, denseOf, sparseLook, sparsePut } from "./hyperloglog-sparse";

/** Room behind the value while it is changed: runs get longer, and a dense one is read two bytes at a time. */
const SPARE_BYTES: u32 = 8;
/** A fresh value: one run of 16 384 zeros. */
const EMPTY_BYTES: u32 = 16 + 2;
const ALL_ZEROS: u16 = 0xff7f;

/** Whether the entry holds a HyperLogLog, as far as its header tells; `View` then has its bytes. Else replies why not. */
export function viewSketch(e: usize): bool {
  if (!isString(e)) {
    replyWrongType();
    return false;
  }
  const length = stringLength(e);
  if (Entry.encoding(e) != Encoding.Int && length >= HEADER_BYTES) {
    view(e, 0);
    const layout = <u32>load<u8>(View.ptr, LAYOUT_AT);
    const known = layout == Layout.Sparse || (layout == Layout.Dense && length == DENSE_BYTES);
    if (load<u32>(View.ptr) == MAGIC && known) return true;
  }
  replyError("WRONGTYPE Key is not a valid HyperLogLog string value.");
  return false;
}

export function replyCorrupt(): void {
  replyError("INVALIDOBJ Corrupted HLL object detected");
}

/** The value that is being changed. */
export class Sketch {
  private static database: Database = changetype<Database>(0);
  private static slot: u32 = 0;
  private static entry: usize = 0;
  /** Its allocation {u32 length, bytes}. */
  private static raw: usize = 0;
  /** Those who wait for a change of the key know. */
  private static told: bool = false;

  /** Opens what `lookupWrite` has just found under the key. False: memory is short. */
  static open(database: Database, slot: u32, key: usize, keyLength: u32, e: usize): bool {
    Sketch.raw = ownRaw(database, slot, e, SPARE_BYTES);
    if (Sketch.raw == 0) return false;
    Sketch.set(database, slot, find(database, slot, key, keyLength), false);
    return true;
  }

  /** A new, empty value under a key that `lookupWrite` has just missed. */
  static create(database: Database, slot: u32, key: usize, keyLength: u32): void {
    const e = addEntry(database, slot, key, keyLength, ValueType.String, Encoding.Raw, -1, 0);
    const raw = alloc(RAW_HEADER + EMPTY_BYTES + SPARE_BYTES);
    store<u32>(raw, EMPTY_BYTES);
    const ptr = raw + RAW_HEADER;
    memory.fill(ptr, 0, HEADER_BYTES);
    store<u32>(ptr, MAGIC);
    store<u8>(ptr, <u8>Layout.Sparse, LAYOUT_AT);
    store<u16>(ptr, ALL_ZEROS, HEADER_BYTES);
    store<usize>(Entry.payload(e), raw);
    Sketch.raw = raw;
    Sketch.set(database, slot, e, true);
  }

  private static set(database: Database, slot: u32, e: usize, told: bool): void {
    Sketch.database = database;
    Sketch.slot = slot;
    Sketch.entry = e;
    Sketch.told = told;
  }

  @inline static get ptr(): usize {
    return Sketch.raw + RAW_HEADER;
  }

  @inline static get length(): u32 {
    return load<u32>(Sketch.raw);
  }

  static get isDense(): bool {
    return <u32>load<u8>(Sketch.ptr, LAYOUT_AT) == Layout.Dense;
  }

  static willWrite(): void {
    if (!Sketch.told) willChange(Sketch.database, Sketch.slot, Sketch.entry);
    Sketch.told = true;
  }

  /** Marks the cardinality in the header as out of date. */
  static invalidate(): void {
    Sketch.willWrite();
    const at = Sketch.ptr + STALE_AT;
    store<u8>(at, <u8>(<u32>load<u8>(at) | STALE));
  }

  /** Raises a register to `value` at least. */
  static raise(index: i32, value: u32): Change {
    if (Sketch.isDense) return Sketch.raiseDense(index, value);
    const look = sparseLook(Sketch.ptr, Sketch.length, index, value);
    if (look == Change.None || look == Change.Corrupt) return look;
    if (look == Change.Done) {
      Sketch.willWrite();
      const length = sparsePut(Sketch.ptr, Sketch.length, index, value);
      if (length != 0) {
        store<u32>(Sketch.raw, length);
        Sketch.invalidate();
        return Sketch.keepRoom() ? Change.Done : Change.NoMemory;
      }
    }
    return Sketch.makeDense() ? Sketch.raiseDense(index, value) : Change.Corrupt;
  }

  private static raiseDense(index: i32, value: u32): Change {
    const registers = Sketch.ptr + HEADER_BYTES;
    if (denseGet(registers, index) >= value) return Change.None;
    Sketch.willWrite();
    densePut(registers, index, value);
    return Change.Done;
  }

  private static keepRoom(): bool {
    const raw = ownRaw(Sketch.database, Sketch.slot, Sketch.entry, SPARE_BYTES);
    if (raw == 0) return false;
    Sketch.raw = raw;
    return true;
  }

  /** Gives it dense registers. False: its runs are corrupt, and it stays as it is. */
  static makeDense(): bool {
    if (Sketch.isDense) return true;
    const dense = denseOf(Sketch.ptr, Sketch.length);
    if (dense == 0) return false;
    free(Sketch.raw);
    Sketch.raw = dense;
    store<usize>(Entry.payload(Sketch.entry), dense);
    return true;
  }
}
