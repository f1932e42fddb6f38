/** Counting what is different. */
import { key, keysFrom } from "./key-specs.ts";
import { family } from "./row.ts";

export const hyperLogLogCommands = family(
  { group: "hyperloglog", categories: "hyperloglog", host: false },
  [
    {
      name: "pfadd",
      arity: -2,
      flags: "write denyoom fast",
      keys: [key(1, "RW insert")],
      since: "2.8.9",
      complexity: "O(1) for each element",
      summary: "Adds elements to a HyperLogLog, which is created if missing",
      syntax: "key#0 [element...]",
    },
    {
      name: "pfcount",
      arity: -2,
      flags: "readonly may_replicate",
      keys: [keysFrom(1, "RW access", 1, "The count that is kept in the value may be renewed")],
      since: "2.8.9",
      complexity: "O(1) for one key, O(N) for N keys, each of them costly",
      summary: "Estimates how many different elements were added to HyperLogLogs",
      syntax: "key#0...",
    },
    {
      name: "pfdebug",
      arity: 3,
      flags: "write denyoom admin",
      keys: [key(2, "RW access")],
      since: "2.8.9",
      complexity: "N/A",
      summary: "Shows the inside of a HyperLogLog",
      system: true,
      syntax: "subcommand key#0",
    },
    {
      name: "pfmerge",
      arity: -2,
      flags: "write denyoom",
      keys: [key(1, "RW access insert"), keysFrom(2, "RO access")],
      since: "2.8.9",
      complexity: "O(N) for N HyperLogLogs, each of them costly",
      summary: "Merges HyperLogLogs into one",
      syntax: "destkey#0 sourcekey#1...",
    },
    {
      name: "pfselftest",
      arity: 1,
      flags: "admin",
      since: "2.8.9",
      complexity: "N/A",
      summary: "Tests the HyperLogLog implementation",
      system: true,
    },
  ],
);
