/**
 * The cardinality estimate of Otmar Ertl, "New cardinality estimation algorithms for HyperLogLog sketches"
 * (arXiv:1702.01284), from how many registers have each value.
 */
import {
  COUNTED_BITS,
  DENSE_BYTES,
  denseGet,
  HEADER_BYTES,
  LAYOUT_AT,
  Layout,
  REGISTER_COUNT,
  Run,
} from "./hyperloglog-format";

/** How many registers have each value. */
const histogram: usize = memory.data(64 * 4, 16);
const ALPHA_INFINITY: f64 = 0.72134752044448170368;

function add(value: u32, count: i32): void {
  const at = histogram + ((<usize>value) << 2);
  store<i32>(at, load<i32>(at) + count);
}

function registersOf(value: u32): f64 {
  return <f64>load<i32>(histogram + ((<usize>value) << 2));
}

/** The count of the value [ptr, ptr + length), or -1 where it does not cover all registers. */
export function countOf(ptr: usize, length: u32): i64 {
  memory.fill(histogram, 0, 256);
  const registers = ptr + HEADER_BYTES;
  if (<u32>load<u8>(ptr + LAYOUT_AT) == Layout.Dense) {
    if (length != DENSE_BYTES) return -1;
    for (let i: i32 = 0; i < REGISTER_COUNT; i++) add(denseGet(registers, i), 1);
    return estimate();
  }
  const end = ptr + length;
  let covered: i64 = 0;
  for (let at = registers; at < end; at += Run.bytes) {
    Run.read(at, end);
    covered += <i64>Run.registers;
    add(Run.value, Run.registers);
  }
  return covered == <i64>REGISTER_COUNT ? estimate() : -1;
}

/** The count of registers that stand in a byte each. */
export function countOfBytes(registers: usize): i64 {
  memory.fill(histogram, 0, 256);
  for (let i: usize = 0; i < <usize>REGISTER_COUNT; i++) add(load<u8>(registers + i), 1);
  return estimate();
}

function estimate(): i64 {
  const m = <f64>REGISTER_COUNT;
  let z = m * tau((m - registersOf(COUNTED_BITS + 1)) / m);
  for (let value = COUNTED_BITS; value >= 1; value--) z = (z + registersOf(value)) * 0.5;
  z += m * sigma(registersOf(0) / m);
  const cardinality = (ALPHA_INFINITY * m * m) / z;
  // What no integer holds becomes the least one, as the processors of Redis's servers have it.
  if (!(cardinality < 9223372036854775807.0)) return i64.MIN_VALUE;
  const whole = Math.floor(cardinality);
  return <i64>whole + (cardinality - whole >= 0.5 ? 1 : 0);
}

function sigma(x: f64): f64 {
  if (x == 1.0) return Infinity;
  let weight: f64 = 1.0;
  let z = x;
  while (true) {
    x *= x;
    const before = z;
    z += x * weight;
    weight += weight;
    if (z == before) return z;
  }
}

function tau(x: f64): f64 {
  if (x == 0.0 || x == 1.0) return 0.0;
  let weight: f64 = 1.0;
  let z = 1.0 - x;
  while (true) {
    x = Math.sqrt(x);
    const before = z;
    weight *= 0.5;
    z -= (1.0 - x) * (1.0 - x) * weight;
    if (z == before) return z / 3.0;
  }
}
