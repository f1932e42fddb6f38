import {
  enumeration,
  integer,
  natural,
  optionalText,
  positive,
  range,
  text,
  textWhere,
  yesOrNo,
} from "../kinds.ts";
import { int32Max, int32Min, int64Max } from "../numbers.ts";
import { exitModifiers, oomScores, percentiles, workingDirectory } from "../special.ts";
import { isTitleTemplate } from "../title-template.ts";

/** Frequencies above are cut to this, as Redis does, so that the timers keep to whole milliseconds. */
const hzMax = 500n;

/** The process: start-up, logging, shutdown, operating system. */
export const generalDirectives = {
  daemonize: yesOrNo(false, { immutable: true }),
  supervised: enumeration("no", ["upstart", "systemd", "auto", "no"], { immutable: true }),
  pidfile: optionalText({ immutable: true }),
  loglevel: enumeration("notice", ["debug", "verbose", "notice", "warning"]),
  logfile: text("", { immutable: true }),
  "syslog-enabled": yesOrNo(false, { immutable: true }),
  "syslog-ident": text("redis", { immutable: true }),
  "syslog-facility": enumeration(
    "local0",
    ["user", "local0", "local1", "local2", "local3", "local4", "local5", "local6", "local7"],
    { immutable: true },
  ),
  "crash-log-enabled": yesOrNo(true),
  "crash-memcheck-enabled": yesOrNo(true),
  "use-exit-on-panic": yesOrNo(false, { hidden: true }),
  databases: integer(16, positive, "count", { immutable: true }),
  "always-show-logo": yesOrNo(false, { immutable: true }),
  "set-proc-title": yesOrNo(true, { immutable: true }),
  "proc-title-template": text("{title} {listen-addr} {server-mode}", {
    schema: textWhere([isTitleTemplate, "title-template"]),
  }),
  dir: workingDirectory({ protected: true, denyLoading: true }),
  hz: integer(10, natural, "count", {
    settle: (hz) => (hz < 1n ? 1n : hz > hzMax ? hzMax : hz),
  }),
  "dynamic-hz": yesOrNo(true),
  "shutdown-timeout": integer(10, natural, "seconds"),
  "shutdown-on-sigint": exitModifiers(),
  "shutdown-on-sigterm": exitModifiers(),
  "oom-score-adj": enumeration("no", ["no", "yes", "relative", "absolute"], {
    synonyms: { relative: "yes" },
  }),
  "oom-score-adj-values": oomScores([0, 200, 800]),
  "disable-thp": yesOrNo(true, { immutable: true }),
  "ignore-warnings": text(""),
  "jemalloc-bg-thread": yesOrNo(true),
  server_cpulist: optionalText({ immutable: true }),
  bio_cpulist: optionalText({ immutable: true }),
  aof_rewrite_cpulist: optionalText({ immutable: true }),
  bgsave_cpulist: optionalText({ immutable: true }),
  "watchdog-period": integer(0, natural, "milliseconds", { hidden: true }),
};

/** Scripts, slow log, latency and what else watches the running server. */
export const observationDirectives = {
  "busy-reply-threshold": integer(5000, range(0n, int64Max), "milliseconds", {
    alias: "lua-time-limit",
  }),
  "slowlog-log-slower-than": integer(10000, range(-1n, int64Max), "microseconds"),
  "slowlog-max-len": integer(128, range(0n, int64Max), "count"),
  "latency-monitor-threshold": integer(0, range(0n, int64Max), "milliseconds"),
  "latency-tracking": yesOrNo(true),
  "latency-tracking-info-percentiles": percentiles([50, 99, 99.9]),
  "key-load-delay": integer(0, range(int32Min, int32Max), "microseconds", { hidden: true }),
  "propagation-error-behavior": enumeration("ignore", ["ignore", "panic", "panic-on-replicas"]),
};
