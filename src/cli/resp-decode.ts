/** RESP2 replies as plain data, for the tools that talk to a server; see the RESP specification. */

/** An error reply: its text without the leading `-`. */
export class ReplyError extends Error {
  /** The first word, such as `ERR`, `MOVED` or `LOADING`. */
  get code(): string {
    return this.message.split(" ", 1)[0] ?? "";
  }
}

export type Reply = string | number | null | ReplyError | readonly Reply[];

/** A reply nested deeper than this is not one of ours. */
const DEPTH_MAX = 32;

/** One whole reply and the offset after it; undefined when bytes are missing. Throws on what is not RESP2. */
export function decodeReply(
  bytes: Buffer,
  offset: number,
  depth = 0,
): { readonly value: Reply; readonly next: number } | undefined {
  const end = bytes.indexOf("\r\n", offset, "latin1");
  if (end < 0) return undefined;
  const type = String.fromCharCode(bytes[offset] ?? 0);
  const line = bytes.toString("utf8", offset + 1, end);
  const next = end + 2;
  switch (type) {
    case "+":
      return { value: line, next };
    case "-":
      return { value: new ReplyError(line), next };
    case ":":
      return { value: Number(line), next };
    case "$":
      return decodeBulk(bytes, wholeNumber(line), next);
    case "*":
      return decodeItems(bytes, wholeNumber(line), next, depth);
    default:
      throw new Error(`not a RESP reply: ${JSON.stringify(type + line.slice(0, 40))}`);
  }
}

function wholeNumber(text: string): number {
  if (!/^(?:-1|\d{1,9})$/.test(text)) throw new Error(`not a RESP length: ${JSON.stringify(text)}`);
  return Number(text);
}

function decodeBulk(bytes: Buffer, length: number, start: number): ReturnType<typeof decodeReply> {
  if (length < 0) return { value: null, next: start };
  if (bytes.length < start + length + 2) return undefined;
  return { value: bytes.toString("utf8", start, start + length), next: start + length + 2 };
}

function decodeItems(
  bytes: Buffer,
  count: number,
  start: number,
  depth: number,
): ReturnType<typeof decodeReply> {
  if (count < 0) return { value: null, next: start };
  if (depth >= DEPTH_MAX) throw new Error("a RESP reply is nested too deep");
  const items: Reply[] = [];
  let next = start;
  for (let index = 0; index < count; index += 1) {
    const item = decodeReply(bytes, next, depth + 1);
    if (item === undefined) return undefined;
    items.push(item.value);
    next = item.next;
  }
  return { value: items, next };
}

/** A command as an array of bulk strings. */
export function encodeCommand(args: readonly string[]): string {
  const bulks = args.map((arg) => `$${Buffer.byteLength(arg)}\r\n${arg}\r\n`);
  return `*${args.length}\r\n${bulks.join("")}`;
}
