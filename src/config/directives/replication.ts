import {
  enumeration,
  integer,
  memory,
  natural,
  natural64,
  optionalText,
  portNumber,
  positive,
  positive64,
  yesOrNo,
} from "../kinds.ts";
import { primaryAddress } from "../special.ts";

/** A smaller backlog is made this large when CONFIG SET gives it, as Redis does. */
const backlogBytesMin = 16n * 1024n;

/** Primary and replicas. */
export const replicationDirectives = {
  replicaof: primaryAddress({ alias: "slaveof", immutable: true }),
  masterauth: optionalText({ sensitive: true, binary: true }),
  masteruser: optionalText({ sensitive: true }),
  "replica-serve-stale-data": yesOrNo(true, { alias: "slave-serve-stale-data" }),
  "replica-read-only": yesOrNo(true, { alias: "slave-read-only" }),
  "replica-lazy-flush": yesOrNo(false, { alias: "slave-lazy-flush" }),
  "replica-ignore-maxmemory": yesOrNo(true, { alias: "slave-ignore-maxmemory" }),
  "replica-ignore-disk-write-errors": yesOrNo(false),
  "replica-priority": integer(100, natural, "count", { alias: "slave-priority" }),
  "replica-announced": yesOrNo(true),
  "replica-announce-ip": optionalText({ alias: "slave-announce-ip" }),
  "replica-announce-port": integer(0, portNumber, "port", { alias: "slave-announce-port" }),
  "repl-diskless-sync": yesOrNo(true),
  "repl-diskless-sync-delay": integer(5, natural, "seconds"),
  "repl-diskless-sync-max-replicas": integer(0, natural, "count"),
  "repl-diskless-load": enumeration("disabled", ["disabled", "on-empty-db", "swapdb"], {
    denyLoading: true,
  }),
  "repl-ping-replica-period": integer(10, positive, "seconds", {
    alias: "repl-ping-slave-period",
  }),
  "repl-timeout": integer(60, positive, "seconds"),
  "repl-disable-tcp-nodelay": yesOrNo(false),
  "repl-backlog-size": memory(1024 * 1024, positive64, {
    settle: (bytes) => (bytes < backlogBytesMin ? backlogBytesMin : bytes),
  }),
  "repl-backlog-ttl": integer(3600, natural64, "seconds"),
  "min-replicas-to-write": integer(0, natural, "count", { alias: "min-slaves-to-write" }),
  "min-replicas-max-lag": integer(10, natural, "seconds", { alias: "min-slaves-max-lag" }),
};
