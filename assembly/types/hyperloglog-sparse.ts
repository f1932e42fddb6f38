/** Runs of registers: one register changed in place, all of them merged or made dense. */

import { Settings } from "../base/frame";
import { alloc, free } from "../base/memory";
import { RAW_HEADER } from "../keyspace/entry";
import { Setting } from "../settings";
import {
  DENSE_BYTES,
  densePut,
  HEADER_BYTES,
  LAYOUT_AT,
  Layout,
  REGISTER_COUNT,
  Run,
} from "./hyperloglog-format";

/** Most registers in a short run of zeros, and in a run of others. */
const SHORT_ZEROS_MAX: i32 = 64;
const VALUES_MAX: i32 = 4;
/** Larger values exist in dense registers only. */
const SPARSE_VALUE_MAX: u32 = 32;
/** How many runs from the one before the change on are looked at for neighbours to be joined. */
const RUNS_JOINED: u32 = 5;

export enum Change {
  /** The register had this value or a larger one. */
  None = 0,
  Done = 1,
  /** Only dense registers can hold the value. */
  TooLarge = 2,
  Corrupt = 3,
  NoMemory = 4,
}

/** The run that holds a register, found by `findRun`. */
class Found {
  static at: usize = 0;
  static previous: usize = 0;
  /** Its first register. */
  static first: i32 = 0;
}

function findRun(start: usize, end: usize, index: i32): bool {
  let first: i32 = 0;
  let previous: usize = 0;
  for (let at = start; at < end; at += Run.bytes) {
    Run.read(at, end);
    if (index < first + Run.registers) {
      Found.at = at;
      Found.previous = previous;
      Found.first = first;
      return true;
    }
    previous = at;
    first += Run.registers;
  }
  return false;
}

/** Whether `sparsePut` would change something, and how. Leaves the place where in `Found` and `Run`. */
export function sparseLook(ptr: usize, length: u32, index: i32, value: u32): Change {
  if (value > SPARSE_VALUE_MAX) return Change.TooLarge;
  if (!findRun(ptr + HEADER_BYTES, ptr + length, index)) return Change.Corrupt;
  return Run.value != 0 && Run.value >= value ? Change.None : Change.Done;
}

/** The runs that take the place of the one found. */
const sequence: usize = memory.data(8, 8);
let sequenceLength: u32 = 0;

function addZeros(count: i32): void {
  if (count <= 0) return;
  const at = sequence + sequenceLength;
  if (count <= SHORT_ZEROS_MAX) {
    store<u8>(at, <u8>(count - 1));
    sequenceLength++;
    return;
  }
  store<u8>(at, <u8>(((count - 1) >> 8) | 64));
  store<u8>(at, <u8>(count - 1), 1);
  sequenceLength += 2;
}

function addValues(value: u32, count: i32): void {
  if (count <= 0) return;
  store<u8>(sequence + sequenceLength, valueRun(value, count));
  sequenceLength++;
}

function valueRun(value: u32, count: i32): u8 {
  return <u8>(((value - 1) << 2) | <u32>(count - 1) | 128);
}

/**
 * Raises a register after `sparseLook` has said that this is a change. The string of `length` bytes has room for
 * eight more bytes behind it. Answers its new length, or 0 where it would get too long: then nothing has changed.
 */
export function sparsePut(ptr: usize, length: u32, index: i32, value: u32): u32 {
  const at = Found.at;
  const end = ptr + length;
  const oldBytes = Run.bytes;
  const before = index - Found.first;
  const behind = Found.first + Run.registers - 1 - index;
  sequenceLength = 0;
  if (Run.value == 0) {
    addZeros(before);
    addValues(value, 1);
    addZeros(behind);
  } else {
    addValues(Run.value, before);
    addValues(value, 1);
    addValues(Run.value, behind);
  }
  const longer = <i32>sequenceLength - <i32>oldBytes;
  const total = length + longer;
  if (longer > 0 && <f64>total > Settings.value(Setting.HllSparseMaxBytes)) return 0;
  const next = at + oldBytes;
  if (longer != 0 && next < end) memory.copy(next + longer, next, end - next);
  memory.copy(at, sequence, sequenceLength);
  return join(ptr, total);
}

/** Joins neighbours of the same value around the change; answers the new length. */
function join(ptr: usize, length: u32): u32 {
  let end = ptr + length;
  let at = Found.previous != 0 ? Found.previous : ptr + HEADER_BYTES;
  for (let left = RUNS_JOINED; left > 0 && at < end; left--) {
    Run.read(at, end);
    const value = Run.value;
    if (value == 0) {
      at += Run.bytes;
      continue;
    }
    const count = Run.registers;
    if (at + 1 < end) {
      Run.read(at + 1, end);
      const both = count + Run.registers;
      if (Run.value == value && both <= VALUES_MAX) {
        // The joined run is looked at once more, for a neighbour behind it.
        store<u8>(at + 1, valueRun(value, both));
        memory.copy(at, at + 1, end - at - 1);
        end--;
        continue;
      }
    }
    at++;
  }
  return <u32>(end - ptr);
}

/** Raises each of the 16 384 bytes at `registers` to the value's; false where that does not cover all registers. */
export function mergeSparse(registers: usize, ptr: usize, length: u32): bool {
  const end = ptr + length;
  let index: i32 = 0;
  for (let at = ptr + HEADER_BYTES; at < end; at += Run.bytes) {
    Run.read(at, end);
    // Nothing behind the last register can be right.
    if (index + Run.registers > REGISTER_COUNT) return false;
    if (Run.value != 0) {
      for (let i = index; i < index + Run.registers; i++) {
        if (Run.value > <u32>load<u8>(registers + i)) store<u8>(registers + i, <u8>Run.value);
      }
    }
    index += Run.registers;
  }
  return index == REGISTER_COUNT;
}

/** The value made dense, as an allocation {u32 length, bytes}; 0 where it does not cover all registers. */
export function denseOf(ptr: usize, length: u32): usize {
  const raw = alloc(<usize>DENSE_BYTES + RAW_HEADER + 2);
  const made = raw + RAW_HEADER;
  const registers = made + HEADER_BYTES;
  store<u32>(raw, DENSE_BYTES);
  memory.copy(made, ptr, HEADER_BYTES);
  store<u8>(made + LAYOUT_AT, <u8>Layout.Dense);
  memory.fill(registers, 0, DENSE_BYTES - HEADER_BYTES + 2);
  const end = ptr + length;
  let index: i32 = 0;
  for (let at = ptr + HEADER_BYTES; at < end; at += Run.bytes) {
    Run.read(at, end);
    index += Run.registers;
    if (index > REGISTER_COUNT) break;
    if (Run.value == 0) continue;
    for (let i = index - Run.registers; i < index; i++) densePut(registers, i, Run.value);
  }
  if (index == REGISTER_COUNT) return raw;
  free(raw);
  return 0;
}
