/** Counters that the host reads: `Stat`, `CommandStat` and the error codes of INFO errorstats. */
import { CommandStat } from "../abi";

const statsPointer: usize = memory.data(32 * 8, 16);
const commandStatsPointer: usize = memory.data(512 * 32, 16);
/**
 * Error codes met: 64 records of 32 bytes: u32 length, 20 bytes of code, f64 count. Redis stops counting
 * new codes at 128; a record that is never freed is bounded likewise here.
 */
const errorsPointer: usize = memory.data(64 * 32, 16);
const ERROR_RECORDS: u32 = 64;
const ERROR_CODE_MAX: u32 = 20;

export class Stats {
  @inline static add(stat: u32, amount: f64): void {
    const ptr = statsPointer + ((<usize>stat) << 3);
    store<f64>(ptr, load<f64>(ptr) + amount);
  }
  @inline static set(stat: u32, value: f64): void {
    store<f64>(statsPointer + ((<usize>stat) << 3), value);
  }
  @inline static get(stat: u32): f64 {
    return load<f64>(statsPointer + ((<usize>stat) << 3));
  }
  @inline static addCommand(id: u32, stat: u32): void {
    const ptr = commandStatsPointer + <usize>id * (CommandStat.Size << 3) + ((<usize>stat) << 3);
    store<f64>(ptr, load<f64>(ptr) + 1);
  }

  /** Counts the error reply that begins at `ptr` ("-CODE ...") under its code. */
  static countError(ptr: usize): void {
    let length: u32 = 0;
    const code = ptr + 1;
    while (length < ERROR_CODE_MAX && load<u8>(code + length) > 32) length++;
    for (let index: u32 = 0; index < ERROR_RECORDS; index++) {
      const record = errorsPointer + ((<usize>index) << 5);
      const known = load<u32>(record);
      if (known == 0) {
        store<u32>(record, length);
        memory.copy(record + 4, code, length);
        store<f64>(record, 1, 24);
        return;
      }
      if (known == length && memory.compare(record + 4, code, length) == 0) {
        store<f64>(record, load<f64>(record, 24) + 1, 24);
        return;
      }
    }
  }
}

export function statsPtr(): usize {
  return statsPointer;
}
export function commandStatsPtr(): usize {
  return commandStatsPointer;
}
export function errorStatsPtr(): usize {
  return errorsPointer;
}
/** CONFIG RESETSTAT: forgets the counts of errors. */
export function resetErrorStats(): void {
  memory.fill(errorsPointer, 0, (<usize>ERROR_RECORDS) << 5);
}
