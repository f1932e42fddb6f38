import { concat, latin1 } from "../base/bytes.ts";
import { redisVersion } from "../base/version.ts";

/** Where a data set stands in a replication stream. */
export interface SavedHistory {
  /** `repl-id`, 40 hexadecimal digits. */
  readonly replid: string;
  /** `repl-offset`, bytes. */
  readonly offset: number;
  /** `repl-stream-db`: the database that the stream has selected. */
  readonly database: number;
}

/** RDB_VERSION of Redis 7.0. */
const rdbVersion = "0010";
const auxOpcode = 0xfa;

/**
 * The bytes of an RDB before the first database: signature and auxiliary fields, in the order and encoding
 * of rdbSaveInfoAuxFields in Redis 7.0's rdb.c.
 */
export function snapshotHeader(facts: {
  readonly nowMs: number;
  readonly usedMemory: number;
  readonly history: SavedHistory | null;
}): Uint8Array {
  const { history } = facts;
  const parts: Uint8Array[] = [latin1(`REDIS${rdbVersion}`)];
  const add = (name: string, value: string | number): void => {
    const text = String(value);
    parts.push(
      Uint8Array.of(auxOpcode),
      stringBytes(name),
      integerBytes(text) ?? stringBytes(text),
    );
  };
  add("redis-ver", redisVersion);
  add("redis-bits", 64);
  add("ctime", Math.floor(facts.nowMs / 1000));
  add("used-mem", facts.usedMemory);
  if (history !== null) {
    add("repl-stream-db", history.database);
    add("repl-id", history.replid);
    add("repl-offset", history.offset);
  }
  add("aof-base", 0);
  return concat(parts);
}

/** A text of less than 64 bytes: its length in six bits, then itself. */
function stringBytes(text: string): Uint8Array {
  return concat([Uint8Array.of(text.length), latin1(text)]);
}

/** RDB_ENC_INT8, _INT16 and _INT32, for decimal texts that read back the same. */
function integerBytes(text: string): Uint8Array | undefined {
  const value = Number(text);
  if (text.length > 11 || !Number.isInteger(value) || String(value) !== text) return undefined;
  if (value >= -0x80 && value < 0x80) return Uint8Array.of(0xc0, value);
  const bytes = new Uint8Array(5);
  const view = new DataView(bytes.buffer);
  if (value >= -0x8000 && value < 0x8000) {
    bytes[0] = 0xc1;
    view.setInt16(1, value, true);
    return bytes.subarray(0, 3);
  }
  if (value < -0x80000000 || value > 0x7fffffff) return undefined;
  bytes[0] = 0xc2;
  view.setInt32(1, value, true);
  return bytes;
}
