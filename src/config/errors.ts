/**
 * What can be wrong with a directive, as data; the texts of Redis 7.0.15 are made here and nowhere else.
 */
import { untilZero } from "../base/bytes.ts";

export type ConfigError =
  | { readonly code: PlainCode }
  | { readonly code: "not-one-of"; readonly choices: readonly string[] }
  | {
      readonly code: "out-of-range";
      readonly minimum: bigint;
      readonly maximum: bigint;
      readonly octal: boolean;
    }
  | { readonly code: "percent-too-high"; readonly maximum: bigint }
  | { readonly code: "user-declaration"; readonly argument: string; readonly reason: string }
  | { readonly code: "log-file"; readonly reason: string }
  /** The operating system, or the part of the server that applies the value, said no. */
  | { readonly code: "refused"; readonly reason: string };

const plainTexts = {
  "bad-directive": "Bad directive or wrong number of arguments",
  "argument-count": "wrong number of arguments",
  "unbalanced-quotes": "Unbalanced quotes in configuration line",
  "not-yes-or-no": "argument must be 'yes' or 'no'",
  "not-an-integer": "argument couldn't be parsed into an integer",
  "not-octal": "argument couldn't be parsed as an octal number",
  "not-memory": "argument must be a memory value",
  "not-memory-or-percent": "argument must be a memory or percent value",
  "save-parameters": "Invalid save parameters",
  "buffer-limit-count": "Wrong number of arguments in buffer limit configuration.",
  "buffer-limit-class": "Invalid client class specified in buffer limit configuration.",
  "buffer-limit-value":
    "Error in hard, soft or soft_seconds setting in buffer limit configuration.",
  "oom-score-values": "Invalid oom-score-adj-values, elements must be between -2000 and 2000.",
  "event-class": "Invalid event class character. Use 'Ag$lshzxeKEtmdn'.",
  "too-many-addresses": "Too many bind addresses specified.",
  "master-port": "Invalid master port",
  "save-and-nosave": "shutdown options SAVE and NOSAVE can't be used simultaneously",
  percentiles: "Invalid latency-tracking-info-percentiles parameters",
  "percentiles-range":
    "latency-tracking-info-percentiles parameters should sit between [0.0,100.0]",
  "active-defrag":
    "Active defragmentation cannot be enabled: it requires a Redis server compiled with a modified " +
    "Jemalloc like the one shipped by default with the Redis source distribution",
  "dbfilename-path": "dbfilename can't be a path, just a filename",
  "appendfilename-empty": "appendfilename can't be empty",
  "appendfilename-path": "appendfilename can't be a path, just a filename",
  "appenddirname-empty": "appenddirname can't be empty",
  "appenddirname-path": "appenddirname can't be a path, just a dirname",
  "hostname-length": "Hostnames must be less than 256 characters",
  "hostname-characters": "Hostnames may only contain alphanumeric characters, hyphens or dots",
  "title-template": "template format is invalid or contains unknown variables",
  "rename-unknown": "No such command in rename-command",
  "rename-taken": "Target command name already exists",
  "module-setting": "Module config specified without value",
  "sentinel-mode": "sentinel directive while not in sentinel mode",
  "replica-in-cluster": "replicaof directive not allowed in cluster mode",
  "include-depth": "Too many nested include directives",
  "wrong-type": "value of a wrong type",
  immutable: "can't set immutable config",
  protected: "can't set protected config",
  duplicate: "duplicate parameter",
} as const;

export type PlainCode = keyof typeof plainTexts;

export function isPlainCode(text: string): text is PlainCode {
  return Object.hasOwn(plainTexts, text);
}

/** Redis's text for the error, as it ends the fatal message and the reply of CONFIG SET. */
export function configErrorText(error: ConfigError): string {
  switch (error.code) {
    case "not-one-of":
      return `argument(s) must be one of the following: ${error.choices.join(", ")}`;
    case "out-of-range": {
      const base = error.octal ? 8 : 10;
      const [low, high] = [error.minimum.toString(base), error.maximum.toString(base)];
      return `argument must be between ${low} and ${high} inclusive`;
    }
    case "percent-too-high":
      return `percentage argument must be less or equal to ${error.maximum}`;
    case "user-declaration":
      return `Error in user declaration '${error.argument}': ${error.reason}`;
    case "log-file":
      return `Can't open the log file: ${error.reason}`;
    case "refused":
      return error.reason;
    default:
      return plainTexts[error.code];
  }
}

/** Why a start-up configuration was not taken. */
export type LoadFailure =
  | {
      readonly code: "line";
      /** From 1, in the file (or in the file with standard input and options appended). */
      readonly lineNumber: number;
      readonly line: string;
      readonly error: ConfigError;
    }
  /** Every line is fine, the whole is not. */
  | { readonly code: "whole"; readonly error: ConfigError }
  | { readonly code: "unreadable"; readonly path: string; readonly reason: string };

/**
 * What Redis 7.0.15 says before it exits with 1. An unreadable file is a log line of level warning
 * (`log`), everything else a block on standard error.
 */
export function loadFailureText(failure: LoadFailure): {
  readonly sink: "stderr" | "log";
  readonly text: string;
} {
  if (failure.code === "unreadable") {
    const text = `Fatal error, can't open config file '${failure.path}': ${failure.reason}`;
    return { sink: "log", text };
  }
  let text = "\n*** FATAL CONFIG FILE ERROR (Redis 7.0.15) ***\n";
  if (failure.code === "line") {
    text += `Reading the configuration file, at line ${failure.lineNumber}\n`;
    text += `>>> '${failure.line}'\n`;
  }
  return { sink: "stderr", text: `${text}${configErrorText(failure.error)}\n` };
}

/** Why CONFIG SET changed nothing. */
export type SetFailure =
  | { readonly code: "odd-arguments" }
  | { readonly code: "unknown-option"; readonly name: string }
  | { readonly code: "loading" }
  | { readonly code: "failed"; readonly name: string; readonly error: ConfigError };

/** The RESP error of CONFIG SET, with its first word and without the leading `-`. */
export function setFailureText(failure: SetFailure): string {
  switch (failure.code) {
    case "odd-arguments":
      return "ERR syntax error";
    case "unknown-option":
      return `ERR Unknown option or number of arguments for CONFIG SET - '${untilZero(failure.name)}'`;
    case "loading":
      return "LOADING Redis is loading the dataset in memory";
    case "failed": {
      const cause = configErrorText(failure.error);
      return `ERR CONFIG SET failed (possibly related to argument '${failure.name}') - ${cause}`;
    }
  }
}
