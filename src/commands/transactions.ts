/** Transactions. */
import { keysFrom } from "./key-specs.ts";
import { family } from "./row.ts";

const defaults = { group: "transactions", categories: "transaction", host: false };

export const transactionCommands = family(defaults, [
  {
    name: "multi",
    arity: 1,
    flags: "noscript loading stale fast allow_busy not_queued",
    since: "1.2.0",
    complexity: "O(1)",
    summary: "Opens a transaction: commands are queued from here on",
  },
  {
    name: "exec",
    arity: 1,
    flags: "noscript loading stale skip_slowlog not_queued",
    since: "1.2.0",
    complexity: "Depends on commands in the transaction",
    summary: "Runs the queued commands of a transaction",
  },
  {
    name: "discard",
    arity: 1,
    flags: "noscript loading stale fast allow_busy not_queued",
    since: "2.0.0",
    complexity: "O(N), when N is the number of queued commands",
    summary: "Drops the queued commands of a transaction",
  },
  {
    name: "watch",
    arity: -2,
    flags: "noscript loading stale fast allow_busy not_queued",
    keys: [keysFrom(1, "RO")],
    since: "2.2.0",
    complexity: "O(1) for every key.",
    summary: "Lets the next transaction fail if one of the keys changes before it",
    syntax: "key#0...",
  },
  {
    name: "unwatch",
    arity: 1,
    flags: "noscript loading stale fast allow_busy",
    since: "2.2.0",
    complexity: "O(1)",
    summary: "Forgets the watched keys",
  },
]);
