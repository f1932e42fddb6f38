/** Strings as arrays of bits. */
import { latin1Text } from "../base/bytes.ts";
import { key, keysFrom } from "./key-specs.ts";
import { family } from "./row.ts";

const unit = "index_unit(BYTE | BIT)@7.0.0";

export const bitmapCommands = family({ group: "bitmap", categories: "bitmap", host: false }, [
  {
    name: "bitcount",
    arity: -2,
    flags: "readonly",
    keys: [key(1, "RO access")],
    since: "2.6.0",
    complexity: "O(N)",
    summary: "Counts the ones in a string, or in part of it",
    history: ["7.0.0: `BYTE` and `BIT`."],
    syntax: `key#0 [index(start:integer end:integer [${unit}])]`,
  },
  {
    name: "bitfield",
    arity: -2,
    flags: "write denyoom",
    keys: [key(1, "RW access update variable_flags", "Only reads where all operations are `GET`")],
    keyFlags: bitFieldKeyFlags,
    since: "3.2.0",
    complexity: "O(1) for each operation",
    summary: "Reads and writes integers of any width inside a string",
    syntax: `key#0
      [operation(
        GET encoding_offset(encoding offset:integer) |
        write(
          [OVERFLOW wrap_sat_fail(WRAP | SAT | FAIL)]
          write_operation(
            SET encoding_offset_value(encoding offset:integer value:integer) |
            INCRBY encoding_offset_increment(encoding offset:integer increment:integer))))...]`,
  },
  {
    name: "bitfield_ro",
    arity: -2,
    flags: "readonly fast",
    keys: [key(1, "RO access")],
    since: "6.0.0",
    complexity: "O(1) for each operation",
    summary: "Reads integers of any width inside a string",
    syntax: "key#0 [GET encoding_offset(encoding offset:integer)....]",
  },
  {
    name: "bitop",
    arity: -4,
    flags: "write denyoom",
    keys: [key(2, "OW update"), keysFrom(3, "RO access")],
    since: "2.6.0",
    complexity: "O(N)",
    summary: "Stores the AND, OR, XOR or NOT of strings",
    syntax: "operation destkey#0 key#1...",
  },
  {
    name: "bitpos",
    arity: -3,
    flags: "readonly",
    keys: [key(1, "RO access")],
    since: "2.8.7",
    complexity: "O(N)",
    summary: "Finds the first one or the first zero in a string",
    history: ["7.0.0: `BYTE` and `BIT`."],
    syntax: `key#0 bit:integer
      [index(start:integer [end_index(end:integer [${unit}])])]`,
  },
  {
    name: "getbit",
    arity: 3,
    flags: "readonly fast",
    keys: [key(1, "RO access")],
    since: "2.2.0",
    complexity: "O(1)",
    summary: "Answers one bit of a string",
    syntax: "key#0 offset:integer",
  },
  {
    name: "setbit",
    arity: 4,
    flags: "write denyoom",
    keys: [key(1, "RW access update")],
    since: "2.2.0",
    complexity: "O(1)",
    summary: "Sets or clears one bit of a string, which grows as needed",
    syntax: "key#0 offset:integer value:integer",
  },
]);

/** Operations that only read leave the key alone; so does OVERFLOW by itself (bitfieldGetKeys in db.c). */
function bitFieldKeyFlags(argv: readonly Uint8Array[]): readonly string[] {
  const reads = ["RO", "access"];
  const writes = ["RW", "access", "update"];
  for (let at = 2; at < argv.length; ) {
    const left = argv.length - at - 1;
    const word = latin1Text(argv[at] ?? new Uint8Array()).toLowerCase();
    if (word === "get" && left >= 2) at += 3;
    else if (word === "overflow" && left >= 1) at += 2;
    else return writes;
  }
  return reads;
}
