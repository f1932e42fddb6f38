import { integer, memory, natural, natural64, range } from "../kinds.ts";
import { int32Max, int32Min } from "../numbers.ts";
import { eventClasses } from "../special.ts";

/** Encodings of the data types, and key events. */
export const typeDirectives = {
  "hash-max-listpack-entries": integer(512, natural64, "count", {
    alias: "hash-max-ziplist-entries",
  }),
  "hash-max-listpack-value": memory(64, natural64, { alias: "hash-max-ziplist-value" }),
  "list-max-listpack-size": integer(-2, range(int32Min, int32Max), "count", {
    alias: "list-max-ziplist-size",
  }),
  "list-compress-depth": integer(0, natural, "count"),
  "set-max-intset-entries": integer(512, natural64, "count"),
  "zset-max-listpack-entries": integer(128, natural64, "count", {
    alias: "zset-max-ziplist-entries",
  }),
  "zset-max-listpack-value": memory(64, natural64, { alias: "zset-max-ziplist-value" }),
  "hll-sparse-max-bytes": memory(3000, natural64),
  "stream-node-max-bytes": memory(4096, natural64),
  "stream-node-max-entries": integer(100, natural64, "count"),
  "notify-keyspace-events": eventClasses(),
};
