import { bigint, boolean, enum as choice, gte, lte, refine, safeParse, string } from "zod/mini";
import { parseInteger } from "../base/integer.ts";
import {
  checked,
  type Directive,
  type DirectiveFlags,
  failure,
  lazily,
  type Parsed,
  type Schema,
  success,
  type Unit,
} from "./directive.ts";
import type { PlainCode } from "./errors.ts";
import { formatMemory, int32Max, int64Max, parseMemory, parseOctal, uint64Max } from "./numbers.ts";
import { quote } from "./quoting.ts";

/** The kinds most directives are of. Each function makes one row of the table. */

export interface Range {
  readonly minimum: bigint;
  readonly maximum: bigint;
  schema(): Schema<bigint>;
}

/** Both ends belong to it. */
export function range(minimum: bigint, maximum: bigint): Range {
  const schema = lazily(() => bigint().check(gte(minimum), lte(maximum)));
  return { minimum, maximum, schema };
}

function within({ minimum, maximum, schema }: Range, value: bigint, octal = false): Parsed<bigint> {
  if (safeParse(schema(), value).success) return success(value);
  return failure({ code: "out-of-range", minimum, maximum, octal });
}

/** 0 to 2^31 - 1. */
export const natural = range(0n, int32Max);
/** 1 to 2^31 - 1. */
export const positive = range(1n, int32Max);
/** 0 to 2^63 - 1. */
export const natural64 = range(0n, int64Max);
/** 1 to 2^63 - 1. */
export const positive64 = range(1n, int64Max);
/** 0 to 2^64 - 1. */
export const unsigned64 = range(0n, uint64Max);
export const portNumber = range(0n, 65535n);

const yesNo = lazily(() => boolean());

export function yesOrNo(
  initial: boolean,
  flags: DirectiveFlags & { readonly schema?: () => Schema<boolean> } = {},
): Directive<boolean> {
  const schema = flags.schema ?? yesNo;
  return {
    kind: "boolean",
    flags,
    unit: undefined,
    initial,
    schema,
    multiple: false,
    parse(words) {
      const word = words[0]!.toLowerCase();
      if (word !== "yes" && word !== "no") return failure({ code: "not-yes-or-no" });
      return checked(schema(), word === "yes");
    },
    format: (value) => (value ? "yes" : "no"),
    read: (value) => value,
    rewrite: (value) => [{ text: value ? "yes" : "no", forced: value !== initial }],
    settle: (value) => value,
  };
}

interface NumberOptions extends DirectiveFlags {
  readonly settle?: (value: bigint) => bigint;
}

/** A whole number; read as a JavaScript number, so beyond 2^53 to the nearest one. */
export function integer(
  initial: number,
  bounds: Range,
  unit: Unit,
  options: NumberOptions = {},
): Directive<bigint, number> {
  return {
    kind: "integer",
    flags: options,
    unit,
    initial: BigInt(initial),
    schema: bounds.schema,
    multiple: false,
    parse(words) {
      const value = parseInteger(words[0]!);
      return value === undefined ? failure({ code: "not-an-integer" }) : within(bounds, value);
    },
    format: (value) => value.toString(),
    read: Number,
    rewrite: (value) => [{ text: value.toString(), forced: value !== BigInt(initial) }],
    settle: options.settle ?? ((value) => value),
  };
}

/** Bytes, with the units of `parseMemory`. */
export function memory(
  initial: number,
  bounds: Range,
  options: NumberOptions = {},
): Directive<bigint, number> {
  return {
    ...integer(initial, bounds, "bytes", options),
    kind: "memory",
    parse(words) {
      const value = parseMemory(words[0]!);
      return value === undefined ? failure({ code: "not-memory" }) : within(bounds, value);
    },
    rewrite: (value) => [{ text: formatMemory(value), forced: value !== BigInt(initial) }],
  };
}

export type MemoryOrPercent = { readonly bytes: number } | { readonly percent: number };

/** Bytes or a share of `maxmemory`, 0% to 100%. Stored as in Redis: a negative number is a percentage. */
export function memoryOrPercent(
  initial: number,
  flags: DirectiveFlags = {},
): Directive<bigint, MemoryOrPercent> {
  const { schema } = range(-100n, int64Max);
  return {
    kind: "memory-or-percent",
    flags,
    unit: undefined,
    initial: BigInt(initial),
    schema,
    multiple: false,
    parse(words) {
      const bytes = parseMemory(words[0]!);
      // Redis keeps both in one signed number, so bytes from 2^63 on turn into a percentage.
      const value = bytes === undefined ? parsePercent(words[0]!) : BigInt.asIntN(64, bytes);
      if (value === undefined) return failure({ code: "not-memory-or-percent" });
      if (value < -100n) return failure({ code: "percent-too-high", maximum: 100n });
      return success(value);
    },
    format: (value) => (value < 0n ? `${-value}%` : value.toString()),
    read: (value) => (value < 0n ? { percent: Number(-value) } : { bytes: Number(value) }),
    rewrite(value) {
      const text = value < 0n ? `${-value}%` : formatMemory(value);
      return [{ text, forced: value !== BigInt(initial) }];
    },
    settle: (value) => value,
  };
}

/** The share as a negative number. */
function parsePercent(text: string): bigint | undefined {
  const share = text.endsWith("%") ? parseInteger(text.slice(0, -1)) : undefined;
  return share === undefined || share < 0n ? undefined : -share;
}

/** File permission bits, written in octal. */
export function permissions(
  initial: number,
  flags: DirectiveFlags = {},
): Directive<bigint, number> {
  const bounds = range(0n, 0o777n);
  return {
    ...integer(initial, bounds, "count", flags),
    kind: "octal",
    unit: undefined,
    parse(words) {
      const value = parseOctal(words[0]!);
      return value === undefined ? failure({ code: "not-octal" }) : within(bounds, value, true);
    },
    format: (value) => value.toString(8),
    rewrite: (value) => [{ text: value.toString(8), forced: value !== BigInt(initial) }],
  };
}

interface EnumerationOptions<Choice extends string> extends DirectiveFlags {
  /** A second spelling of a value: what is read and shown is the first. */
  readonly synonyms?: Readonly<Partial<Record<Choice, Choice>>>;
}

/** One of several words, in any case. */
export function enumeration<const Choice extends string>(
  initial: NoInfer<Choice>,
  choices: readonly [Choice, ...Choice[]],
  options: EnumerationOptions<NoInfer<Choice>> = {},
): Directive<Choice> {
  const schema = lazily(() => choice(choices) as Schema<Choice>);
  return {
    kind: "enumeration",
    flags: options,
    unit: undefined,
    initial,
    schema,
    multiple: false,
    parse(words) {
      const result = checked(schema(), words[0]!.toLowerCase());
      if (!result.ok) return result;
      return success(options.synonyms?.[result.value] ?? result.value);
    },
    format: (value) => value,
    read: (value) => value,
    rewrite: (value) => [{ text: value, forced: value !== initial }],
    settle: (value) => value,
  };
}

interface TextOptions extends DirectiveFlags {
  readonly schema?: () => Schema<string>;
  /** May hold any byte; other texts end at a zero byte, as C strings do. */
  readonly binary?: boolean;
}

const anyText = lazily(() => string());

/** Text with a default. */
export function text(initial: string, options: TextOptions = {}): Directive<string> {
  const schema = options.schema ?? anyText;
  return {
    kind: "string",
    flags: options,
    unit: undefined,
    initial,
    schema,
    multiple: false,
    parse(words) {
      const word = words[0]!;
      const end = options.binary === true ? -1 : word.indexOf("\0");
      return checked(schema(), end < 0 ? word : word.slice(0, end));
    },
    format: (value) => value,
    read: (value) => value,
    rewrite: (value) => [{ text: quote(value), forced: value !== initial }],
    settle: (value) => value,
  };
}

/** Text that is absent by default; the empty text means absent, and CONFIG REWRITE then writes no line. */
export function optionalText(options: TextOptions = {}): Directive<string> {
  return {
    ...text("", options),
    rewrite: (value) => (value === "" ? [] : [{ text: quote(value), forced: true }]),
  };
}

/** A schema of texts that pass a test; `code` names the error of those that do not. */
export function textWhere(
  ...rules: readonly (readonly [test: (value: string) => boolean, code: PlainCode])[]
): () => Schema<string> {
  return lazily(() =>
    string().check(
      ...rules.map(([test, code]) => refine<string>(test, { error: code, abort: true })),
    ),
  );
}
