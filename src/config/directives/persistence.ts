import {
  enumeration,
  integer,
  memory,
  natural,
  natural64,
  range,
  text,
  textWhere,
  yesOrNo,
} from "../kinds.ts";
import { int32Max, int32Min } from "../numbers.ts";
import { savePoints } from "../special.ts";

const isFileName = (name: string) => !name.includes("/");
const isNotEmpty = (name: string) => name !== "";

/** Snapshots and the append-only file. */
export const persistenceDirectives = {
  save: savePoints([
    { seconds: 3600, changes: 1 },
    { seconds: 300, changes: 100 },
    { seconds: 60, changes: 10000 },
  ]),
  "stop-writes-on-bgsave-error": yesOrNo(true),
  rdbcompression: yesOrNo(true),
  rdbchecksum: yesOrNo(true, { immutable: true }),
  "sanitize-dump-payload": enumeration("no", ["no", "yes", "clients"]),
  dbfilename: text("dump.rdb", {
    protected: true,
    schema: textWhere([isFileName, "dbfilename-path"]),
  }),
  "rdb-del-sync-files": yesOrNo(false),
  "rdb-save-incremental-fsync": yesOrNo(true),
  "rdb-key-save-delay": integer(0, range(int32Min, int32Max), "microseconds", { hidden: true }),
  "loading-process-events-interval-bytes": integer(
    2 * 1024 * 1024,
    range(1024n, int32Max),
    "bytes",
    { hidden: true },
  ),
  appendonly: yesOrNo(false, { denyLoading: true }),
  appendfilename: text("appendonly.aof", {
    immutable: true,
    schema: textWhere([isNotEmpty, "appendfilename-empty"], [isFileName, "appendfilename-path"]),
  }),
  appenddirname: text("appendonlydir", {
    immutable: true,
    schema: textWhere([isNotEmpty, "appenddirname-empty"], [isFileName, "appenddirname-path"]),
  }),
  appendfsync: enumeration("everysec", ["everysec", "always", "no"]),
  "no-appendfsync-on-rewrite": yesOrNo(false),
  "auto-aof-rewrite-percentage": integer(100, natural, "percent"),
  "auto-aof-rewrite-min-size": memory(64 * 1024 * 1024, natural64),
  "aof-load-truncated": yesOrNo(true),
  "aof-use-rdb-preamble": yesOrNo(true),
  "aof-timestamp-enabled": yesOrNo(false),
  "aof-rewrite-incremental-fsync": yesOrNo(true),
  "aof-disable-auto-gc": yesOrNo(false),
};
