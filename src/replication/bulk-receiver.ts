import { equal, latin1 } from "../base/bytes.ts";
import { HANDSHAKE_LINE_BYTES_MAX, REPLID_LENGTH } from "./limits.ts";
import { LineReader } from "./line-reader.ts";

/** Told as the parts of a snapshot arrive; `chunk` bytes are valid during the call only. */
export interface BulkSink {
  /** An empty line: the primary lives and prepares the snapshot. */
  keepAlive(): void;
  /** `length` in bytes; null when an EOF mark tells the end. */
  begin(length: number | null): void;
  chunk(bytes: Uint8Array): void;
}

export type BulkOutcome =
  | { readonly kind: "more" }
  /** The image is whole; `rest` is what came behind it: the stream. */
  | { readonly kind: "complete"; readonly rest: Uint8Array }
  /** `text`: the whole log line, as readSyncBulkPayload writes it. */
  | { readonly kind: "failed"; readonly text: string };

const more: BulkOutcome = { kind: "more" };

/**
 * Receives a snapshot in one of two forms: `$<length>\r\n<image>`, or `$EOF:<mark>\r\n<image><mark>`
 * with a random mark of 40 digits. A primary sends nothing behind the mark before our first ACK, so
 * the mark is looked for at the end of what has arrived only; the last 40 bytes are held back until
 * it is known that they are not the mark.
 */
export class BulkReceiver {
  /** `master_sync_total_bytes`: -1 before the header, 0 when the length is not known. */
  totalBytes = -1;
  readBytes = 0;
  private readonly header = new LineReader(HANDSHAKE_LINE_BYTES_MAX);
  private mark: Uint8Array | null = null;
  private readonly held = new Uint8Array(REPLID_LENGTH);
  private heldCount = 0;

  push(bytes: Uint8Array, sink: BulkSink): BulkOutcome {
    let rest = bytes;
    while (this.totalBytes < 0) {
      if (rest.length === 0) return more;
      const taken = this.header.take(rest);
      if (taken === "tooLong") return badHeader("a line without end");
      rest = taken.rest;
      if (taken.line === null) return more;
      const text = this.onHeader(taken.line, sink);
      if (text !== null) return { kind: "failed", text };
    }
    return this.mark === null ? this.pushCounted(rest, sink) : this.pushMarked(rest, sink);
  }

  private onHeader(line: string, sink: BulkSink): string | null {
    if (line === "") {
      sink.keepAlive();
      return null;
    }
    if (line.startsWith("-")) {
      return `MASTER aborted replication with an error: ${line.slice(1)}`;
    }
    if (line.startsWith("$EOF:") && line.length >= 5 + REPLID_LENGTH) {
      this.mark = latin1(line.slice(5, 5 + REPLID_LENGTH));
      this.totalBytes = 0;
      sink.begin(null);
      return null;
    }
    if (!/^\$[0-9]{1,15}$/.test(line)) return badHeader(line).text;
    this.totalBytes = Number(line.slice(1));
    sink.begin(this.totalBytes);
    return null;
  }

  private pushCounted(bytes: Uint8Array, sink: BulkSink): BulkOutcome {
    const count = Math.min(bytes.length, this.totalBytes - this.readBytes);
    this.readBytes += count;
    if (count > 0) sink.chunk(bytes.subarray(0, count));
    if (this.readBytes < this.totalBytes) return more;
    return { kind: "complete", rest: bytes.subarray(count) };
  }

  private pushMarked(bytes: Uint8Array, sink: BulkSink): BulkOutcome {
    this.readBytes += bytes.length;
    const surplus = Math.max(0, this.heldCount + bytes.length - REPLID_LENGTH);
    const fromHeld = Math.min(surplus, this.heldCount);
    if (fromHeld > 0) sink.chunk(this.held.slice(0, fromHeld));
    const fromBytes = surplus - fromHeld;
    if (fromBytes > 0) sink.chunk(bytes.subarray(0, fromBytes));
    this.held.copyWithin(0, fromHeld, this.heldCount);
    this.heldCount -= fromHeld;
    this.held.set(bytes.subarray(fromBytes), this.heldCount);
    this.heldCount += bytes.length - fromBytes;
    const atMark =
      this.heldCount === REPLID_LENGTH && this.mark !== null && equal(this.held, this.mark);
    return atMark ? { kind: "complete", rest: bytes.subarray(bytes.length) } : more;
  }
}

function badHeader(line: string): { kind: "failed"; text: string } {
  return {
    kind: "failed",
    text:
      `Bad protocol from MASTER, the first byte is not '$' (we received '${line}'), ` +
      "are you sure the host and port are right?",
  };
}
