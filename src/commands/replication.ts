/** Replication between servers. */
import { family } from "./row.ts";

export const replicationCommands = family({ group: "server", categories: "", host: true }, [
  {
    name: "psync",
    arity: -3,
    flags: "admin noscript no_async_loading no_multi",
    since: "2.8.0",
    summary: "Asks a master for its replication stream from an offset on",
    syntax: "replicationid offset:integer",
  },
  {
    name: "replconf",
    arity: -1,
    flags: "admin noscript loading stale allow_busy",
    since: "3.0.0",
    complexity: "O(1)",
    summary: "Exchanges settings and offsets between master and replica",
    system: true,
  },
  {
    name: "replicaof",
    arity: 3,
    flags: "admin noscript stale no_async_loading",
    since: "5.0.0",
    complexity: "O(1)",
    summary: "Makes the server a replica of another, or a master again",
    syntax: "args(host-port(host port:integer) | no-one(NO ONE))",
  },
  {
    name: "slaveof",
    arity: 3,
    flags: "admin noscript stale no_async_loading",
    since: "1.0.0",
    complexity: "O(1)",
    summary: "Makes the server a replica of another, or a master again",
    deprecated: ["5.0.0", "`REPLICAOF`"],
    syntax: "args(host-port(host port:integer) | no-one(NO ONE))",
  },
  {
    name: "sync",
    arity: 1,
    flags: "admin noscript no_async_loading no_multi",
    since: "1.0.0",
    summary: "Asks a master for its data and replication stream",
  },
]);
