import { boolean, refine } from "zod/mini";
import { lazily } from "../directive.ts";
import {
  enumeration,
  integer,
  memory,
  memoryOrPercent,
  natural,
  natural64,
  positive,
  positive64,
  range,
  unsigned64,
  yesOrNo,
} from "../kinds.ts";
import { int64Max } from "../numbers.ts";
import { bufferLimit, bufferLimits } from "../special.ts";

const mebibyte = 1024 * 1024;

/** Limits of memory, eviction, expiry, client buffers and lazy freeing. */
export const memoryDirectives = {
  maxmemory: memory(0, unsigned64),
  "maxmemory-policy": enumeration("noeviction", [
    "volatile-lru",
    "volatile-lfu",
    "volatile-random",
    "volatile-ttl",
    "allkeys-lru",
    "allkeys-lfu",
    "allkeys-random",
    "noeviction",
  ]),
  "maxmemory-samples": integer(5, positive, "count"),
  "maxmemory-eviction-tenacity": integer(10, range(0n, 100n), "percent"),
  "maxmemory-clients": memoryOrPercent(0),
  "lfu-log-factor": integer(10, natural, "count"),
  "lfu-decay-time": integer(1, natural, "minutes"),
  "active-expire-effort": integer(1, range(1n, 10n), "count"),
  activerehashing: yesOrNo(true),
  "client-query-buffer-limit": memory(1024 * mebibyte, range(BigInt(mebibyte), int64Max)),
  "client-output-buffer-limit": bufferLimits({
    normal: bufferLimit(0n, 0n, 0n),
    slave: bufferLimit(BigInt(256 * mebibyte), BigInt(64 * mebibyte), 60n),
    pubsub: bufferLimit(BigInt(32 * mebibyte), BigInt(8 * mebibyte), 60n),
  }),
  "proto-max-bulk-len": memory(512 * mebibyte, range(BigInt(mebibyte), int64Max)),
  "tracking-table-max-keys": integer(1_000_000, natural64, "count"),
  "lazyfree-lazy-eviction": yesOrNo(false),
  "lazyfree-lazy-expire": yesOrNo(false),
  "lazyfree-lazy-server-del": yesOrNo(false),
  "lazyfree-lazy-user-del": yesOrNo(false),
  "lazyfree-lazy-user-flush": yesOrNo(false),
  activedefrag: yesOrNo(false, {
    schema: lazily(() => boolean().check(refine((value) => !value, { error: "active-defrag" }))),
  }),
  "active-defrag-ignore-bytes": memory(100 * mebibyte, positive64),
  "active-defrag-threshold-lower": integer(10, range(0n, 1000n), "percent"),
  "active-defrag-threshold-upper": integer(100, range(0n, 1000n), "percent"),
  "active-defrag-cycle-min": integer(1, range(1n, 99n), "percent"),
  "active-defrag-cycle-max": integer(25, range(1n, 99n), "percent"),
  "active-defrag-max-scan-fields": integer(1000, positive64, "count"),
};
