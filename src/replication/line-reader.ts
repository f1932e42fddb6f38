import { latin1Text } from "../base/bytes.ts";

/** Cuts lines ending in `\n` (a `\r` before it is dropped) out of bytes that come in any pieces. */
export class LineReader {
  private held = "";

  constructor(private readonly lengthMax: number) {}

  /**
   * The first line of `bytes` behind what was held, and the bytes after it. `line` null: not
   * complete yet, everything is held. "tooLong" when it exceeds the limit.
   */
  take(bytes: Uint8Array): { line: string | null; rest: Uint8Array } | "tooLong" {
    const end = bytes.indexOf(10);
    const part = latin1Text(
      end < 0 ? bytes.subarray(0, this.lengthMax + 1) : bytes.subarray(0, end),
    );
    const line = this.held + part;
    if (line.length > this.lengthMax) return "tooLong";
    if (end < 0) {
      this.held = line;
      return { line: null, rest: bytes.subarray(bytes.length) };
    }
    this.held = "";
    return {
      line: line.endsWith("\r") ? line.slice(0, -1) : line,
      rest: bytes.subarray(end + 1),
    };
  }
}
