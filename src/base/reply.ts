/**
 * A host command's reply as plain data, and its bytes under RESP2 and RESP3. Data commands never
 * come this way: the engine writes their replies itself.
 *
 * Encodings follow the RESP specification and, where RESP2 has no such type, Redis's fall-backs
 * (networking.c's addReply family): map -> flat array, set and push -> array, double, big number and
 * verbatim -> bulk, boolean -> integer, null -> `$-1`, null array -> `*-1`.
 */
import { assert, unreachable } from "./assert.ts";
import { utf8 } from "./bytes.ts";

/** The protocol a connection speaks: 2 until HELLO says 3. */
export type Protocol = 2 | 3;

/** JS strings are sent as UTF-8, byte arrays as they are. */
export type Text = string | Uint8Array;

export type ReplyValue =
  | { readonly kind: "simple"; readonly text: Text }
  | { readonly kind: "error"; readonly text: Text }
  | { readonly kind: "bulk"; readonly text: Text }
  | { readonly kind: "verbatim"; readonly format: string; readonly text: Text }
  | { readonly kind: "integer"; readonly value: number | bigint }
  | { readonly kind: "bignumber"; readonly value: bigint }
  | { readonly kind: "double"; readonly value: number }
  | { readonly kind: "boolean"; readonly value: boolean }
  | { readonly kind: "null" }
  | { readonly kind: "nullArray" }
  | { readonly kind: "array"; readonly items: readonly ReplyValue[] }
  | { readonly kind: "set"; readonly items: readonly ReplyValue[] }
  /** Told in front of `value`; RESP2 has only that. */
  | {
      readonly kind: "attribute";
      readonly pairs: readonly (readonly [ReplyValue, ReplyValue])[];
      readonly value: ReplyValue;
    }
  | { readonly kind: "push"; readonly items: readonly ReplyValue[] }
  | { readonly kind: "map"; readonly pairs: readonly (readonly [ReplyValue, ReplyValue])[] };

/** A status line such as `+OK`. Must hold no CR or LF. */
export const simple = (text: Text): ReplyValue => ({ kind: "simple", text });

/** An error with its code (`ERR ...`, `MOVED ...`) and without the leading `-`. */
export const error = (text: Text): ReplyValue => ({ kind: "error", text });

export const bulk = (text: Text): ReplyValue => ({ kind: "bulk", text });

/** `format` is three characters, `txt` or `mkd`. */
export const verbatim = (text: Text, format = "txt"): ReplyValue => {
  assert(format.length === 3, `verbatim format of three characters, not "${format}"`);
  return { kind: "verbatim", format, text };
};

/** A whole number in the signed 64-bit range. */
export const integer = (value: number | bigint): ReplyValue => ({ kind: "integer", value });

/** A whole number of any size; `(` in RESP3. */
export const bigNumber = (value: bigint): ReplyValue => ({ kind: "bignumber", value });

export const double = (value: number): ReplyValue => ({ kind: "double", value });
export const boolean = (value: boolean): ReplyValue => ({ kind: "boolean", value });
export const array = (items: readonly ReplyValue[]): ReplyValue => ({ kind: "array", items });
export const set = (items: readonly ReplyValue[]): ReplyValue => ({ kind: "set", items });
export const push = (items: readonly ReplyValue[]): ReplyValue => ({ kind: "push", items });
export const map = (pairs: readonly (readonly [ReplyValue, ReplyValue])[]): ReplyValue => ({
  kind: "map",
  pairs,
});

export const ok: ReplyValue = simple("OK");
export const nullValue: ReplyValue = { kind: "null" };
export const nullArray: ReplyValue = { kind: "nullArray" };
export const emptyArray: ReplyValue = array([]);

/** An array of bulk strings. */
export const bulks = (texts: readonly Text[]): ReplyValue => array(texts.map(bulk));

/** A map whose keys are bulk strings, in the order of the entries. */
export const bulkMap = (entries: readonly (readonly [Text, ReplyValue])[]): ReplyValue =>
  map(entries.map(([key, value]) => [bulk(key), value] as const));

/** Encodes one reply; the result is a fresh array of exactly its length. */
export function encodeReply(value: ReplyValue, protocol: Protocol): Uint8Array {
  const sink = new Sink();
  write(sink, value, protocol);
  return sink.bytes();
}

/**
 * The shortest text that reads back as the same double, in Redis 7.2's layout (fpconv): plain
 * unless that takes seven zeros or more, then `1.5e+30`; `inf`, `-inf` and `nan` by name.
 */
export function doubleText(value: number): string {
  if (Number.isNaN(value)) return "nan";
  if (!Number.isFinite(value)) return value > 0 ? "inf" : "-inf";
  if (value === 0) return Object.is(value, -0) ? "-0" : "0";
  const [mantissa = "", exponentText = "0"] = Math.abs(value).toExponential().split("e");
  const digits = mantissa.replace(".", "");
  const exponent = Number(exponentText);
  const sign = value < 0 ? "-" : "";
  // The value is digits * 10^scale.
  const scale = exponent - (digits.length - 1);
  if (scale >= 0 && exponent < digits.length + 7) return sign + digits + "0".repeat(scale);
  if (scale < 0 && (scale > -7 || Math.abs(exponent) < 4)) {
    const whole = digits.length + scale;
    if (whole <= 0) return `${sign}0.${"0".repeat(-whole)}${digits}`;
    return `${sign}${digits.slice(0, whole)}.${digits.slice(whole)}`;
  }
  return `${sign}${mantissa}e${exponent < 0 ? "-" : "+"}${Math.abs(exponent)}`;
}

function write(sink: Sink, value: ReplyValue, protocol: Protocol): void {
  const modern = protocol === 3;
  switch (value.kind) {
    case "simple":
      sink.line("+", value.text);
      break;
    case "error":
      sink.line("-", oneLine(value.text));
      break;
    case "bulk":
      sink.blob("$", value.text);
      break;
    case "verbatim":
      if (modern) sink.blob("=", value.text, `${value.format}:`);
      else sink.blob("$", value.text);
      break;
    case "integer":
      sink.line(":", String(value.value));
      break;
    case "bignumber":
      writeNumber(sink, "(", String(value.value), modern);
      break;
    case "double":
      writeNumber(sink, ",", doubleText(value.value), modern);
      break;
    case "boolean":
      if (modern) sink.line("#", value.value ? "t" : "f");
      else sink.line(":", value.value ? "1" : "0");
      break;
    case "null":
      sink.line(modern ? "_" : "$", modern ? "" : "-1");
      break;
    case "nullArray":
      sink.line(modern ? "_" : "*", modern ? "" : "-1");
      break;
    case "array":
      writeItems(sink, "*", value.items, protocol);
      break;
    case "set":
      writeItems(sink, modern ? "~" : "*", value.items, protocol);
      break;
    case "push":
      writeItems(sink, modern ? ">" : "*", value.items, protocol);
      break;
    case "map":
      sink.line(modern ? "%" : "*", String(modern ? value.pairs.length : 2 * value.pairs.length));
      writePairs(sink, value.pairs, protocol);
      break;
    case "attribute":
      if (modern) {
        sink.line("|", String(value.pairs.length));
        writePairs(sink, value.pairs, protocol);
      }
      write(sink, value.value, protocol);
      break;
    default:
      unreachable(value);
  }
}

/** Numbers that RESP2 has no type for are bulk strings there. */
function writeNumber(sink: Sink, mark: string, text: string, modern: boolean): void {
  if (modern) sink.line(mark, text);
  else sink.blob("$", text);
}

function writeItems(
  sink: Sink,
  mark: string,
  items: readonly ReplyValue[],
  protocol: Protocol,
): void {
  sink.line(mark, String(items.length));
  for (const item of items) write(sink, item, protocol);
}

function writePairs(
  sink: Sink,
  pairs: readonly (readonly [ReplyValue, ReplyValue])[],
  protocol: Protocol,
): void {
  for (const [key, item] of pairs) {
    write(sink, key, protocol);
    write(sink, item, protocol);
  }
}

/** As Redis does, line breaks in an error's text become spaces: they would break the protocol. */
function oneLine(text: Text): Text {
  if (typeof text === "string") return text.replace(/[\r\n]/g, " ");
  return text.map((byte) => (byte === 0x0a || byte === 0x0d ? 0x20 : byte));
}

/** A byte buffer that doubles when full. */
class Sink {
  private buffer = new Uint8Array(256);
  private length = 0;

  line(mark: string, text: Text): void {
    this.append(mark);
    this.append(text);
    this.append("\r\n");
  }

  blob(mark: string, text: Text, prefix = ""): void {
    const body = typeof text === "string" ? utf8(text) : text;
    this.line(mark, String(prefix.length + body.length));
    this.append(prefix);
    this.append(body);
    this.append("\r\n");
  }

  bytes(): Uint8Array {
    return this.buffer.slice(0, this.length);
  }

  private append(text: Text): void {
    const bytes = typeof text === "string" ? utf8(text) : text;
    const end = this.length + bytes.length;
    if (end > this.buffer.length) {
      const larger = new Uint8Array(Math.max(end, 2 * this.buffer.length));
      larger.set(this.buffer.subarray(0, this.length));
      this.buffer = larger;
    }
    this.buffer.set(bytes, this.length);
    this.length = end;
  }
}
