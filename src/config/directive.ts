import { type core, safeParse } from "zod/mini";
import { type ConfigError, isPlainCode } from "./errors.ts";

/** The outside world, for the few directives that cannot be checked without it. */
export interface ConfigEnvironment {
  /** Latin-1 text of a file, or the operating system's reason (`No such file or directory`). */
  readFile(path: string): Outcome<string, string>;
  /** Paths that match a shell pattern, sorted; empty when none does. */
  expandPattern(pattern: string): readonly string[];
  /** Enters a directory and answers its absolute path, or the reason why not. */
  changeDirectory(path: string): Outcome<string, string>;
  /** The reason why a log file cannot be opened for appending, or undefined. */
  logFileFault(path: string): string | undefined;
  /** True for a name of the command table, in lower case. */
  isCommand(name: string): boolean;
  /** What is wrong with a `user` line, whose words (with `user`) these are. */
  userFault(words: readonly string[]): { argument: string; reason: string } | undefined;
}

export type Outcome<Value, Fault> =
  | { readonly ok: true; readonly value: Value }
  | { readonly ok: false; readonly error: Fault };

export function success<Value>(value: Value): { readonly ok: true; readonly value: Value } {
  return { ok: true, value };
}

export function failure<Fault>(error: Fault): { readonly ok: false; readonly error: Fault } {
  return { ok: false, error };
}

export type Parsed<Stored> = Outcome<Stored, ConfigError>;

export interface ParseContext<Stored> {
  readonly previous: Stored;
  /** Reading a file or the command line, where several lines of one directive may add up. */
  readonly loading: boolean;
  /** This directive stood in an earlier line of the same start-up configuration. */
  readonly seen: boolean;
  readonly environment: ConfigEnvironment;
}

/** One line that CONFIG REWRITE should leave, without the directive's name. */
export interface RewriteLine {
  readonly text: string;
  /** Append the line even if the old file has none for this directive. */
  readonly forced: boolean;
}

export interface DirectiveFlags {
  readonly alias?: string;
  /** CONFIG SET refuses it. */
  readonly immutable?: boolean;
  /** Its value is kept out of SLOWLOG, MONITOR and logs. */
  readonly sensitive?: boolean;
  /** CONFIG GET shows it for its exact name only. */
  readonly hidden?: boolean;
  /** CONFIG SET needs `enable-protected-configs`. */
  readonly protected?: boolean;
  /** CONFIG SET answers LOADING while a dataset is being loaded. */
  readonly denyLoading?: boolean;
}

export type Unit =
  | "bytes"
  | "milliseconds"
  | "microseconds"
  | "seconds"
  | "minutes"
  | "percent"
  | "port"
  | "count";

/**
 * One directive of redis.conf. `Stored` is exact (bigint for numbers, since several go up to 2^64 - 1) and
 * is what CONFIG GET and CONFIG REWRITE show; `Read` is what the rest of the program works with.
 */
export interface Directive<Stored, Read = Stored> {
  readonly kind: string;
  readonly flags: DirectiveFlags;
  readonly unit: Unit | undefined;
  readonly initial: Stored;
  /**
   * What a stored value must be; also checks values that do not come as text. Built when first asked for:
   * two hundred schemas at start-up would cost more time than reading the configuration.
   */
  schema(): Schema<Stored>;
  /** Takes several words per line; CONFIG SET splits its one value at spaces. */
  readonly multiple: boolean;
  parse(words: readonly string[], context: ParseContext<Stored>): Parsed<Stored>;
  /** The value as CONFIG GET shows it. */
  format(value: Stored): string;
  read(value: Stored): Read;
  /** No line at all means that lines of the old file are removed. */
  rewrite(value: Stored): readonly RewriteLine[];
  /** Brings an accepted value into its effective range, where Redis does so silently. */
  settle(value: Stored): Stored;
}

export type Schema<Value> = core.$ZodType<Value>;

/** Builds the schema on the first call. */
export function lazily<Value>(build: () => Schema<Value>): () => Schema<Value> {
  let schema: Schema<Value> | undefined;
  return () => {
    schema ??= build();
    return schema;
  };
}

export type AnyDirective = Directive<unknown, unknown>;

/** Checks a candidate; the first thing zod has against it becomes the error. */
export function checked<Stored>(schema: Schema<Stored>, candidate: unknown): Parsed<Stored> {
  const result = safeParse(schema, candidate);
  return result.success ? success(result.data) : failure(errorOfIssue(result.error.issues[0]!));
}

function errorOfIssue(issue: core.$ZodIssue): ConfigError {
  if (issue.code === "invalid_value") {
    return { code: "not-one-of", choices: issue.values.map(String) };
  }
  return isPlainCode(issue.message) ? { code: issue.message } : { code: "wrong-type" };
}
