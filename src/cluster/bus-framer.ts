/**
 * Cuts the bytes that arrive on one bus link into whole messages.
 *
 * The first 8 bytes of a message tell whether it is one (clusterReadHandler in Redis): a wrong
 * signature, or a length below the header's, ends the link. Memory follows what really arrived: a
 * message that announces its bound does not reserve it.
 */
import { HEADER_BYTES, Header, SIGNATURE } from "./bus-layout.ts";

/** A message above it ends the link; only PUBLISH and module messages can come near. Bytes. */
export const busMessageBytesMax = 64 * 1024 * 1024;

/** Enough to tell where the message ends. */
const PREFIX_BYTES = 8;
/** A link's buffer starts at this size. */
const bufferBytesMin = 4096;

export interface Frames {
  /** Whole messages in order, valid until the next `push`: decode at once or copy. */
  frames: Uint8Array[];
  /** Why the link must be closed, once `frames` are handled; push no more. */
  reason?: string;
}

export class BusFramer {
  /** The start of a message whose end has not arrived. */
  private held = new Uint8Array(0);
  private heldBytes = 0;

  constructor(private readonly messageBytesMax: number = busMessageBytesMax) {}

  /** Bytes this link holds memory for. */
  get bufferBytes(): number {
    return this.held.length;
  }

  push(chunk: Uint8Array): Frames {
    const frames: Uint8Array[] = [];
    let at = 0;
    while (this.heldBytes > 0 && at < chunk.length) {
      const wanted = this.wantedBytes();
      if (typeof wanted === "string") return { frames, reason: wanted };
      const taken = Math.min(wanted - this.heldBytes, chunk.length - at);
      this.hold(chunk.subarray(at, at + taken), wanted);
      at += taken;
      const complete = this.takeComplete();
      if (complete !== undefined) frames.push(complete);
    }
    while (chunk.length - at >= PREFIX_BYTES) {
      const length = this.messageLength(chunk, at);
      if (typeof length === "string") return { frames, reason: length };
      if (length > chunk.length - at) break;
      frames.push(chunk.subarray(at, at + length));
      at += length;
    }
    if (at < chunk.length) this.hold(chunk.subarray(at), bufferBytesMin);
    if (this.heldBytes < PREFIX_BYTES) return { frames };
    const length = this.messageLength(this.held, 0);
    return typeof length === "string" ? { frames, reason: length } : { frames };
  }

  /** How many bytes the held part must grow to before the next decision. */
  private wantedBytes(): number | string {
    return this.heldBytes < PREFIX_BYTES ? PREFIX_BYTES : this.messageLength(this.held, 0);
  }

  /** The held message when it is whole; the buffer then starts afresh. */
  private takeComplete(): Uint8Array | undefined {
    if (this.heldBytes < HEADER_BYTES) return undefined;
    if (this.heldBytes !== this.messageLength(this.held, 0)) return undefined;
    const frame = this.held.subarray(0, this.heldBytes);
    // The frame is a view on it, and the chunk at hand may end with the start of another message.
    this.held = new Uint8Array(0);
    this.heldBytes = 0;
    return frame;
  }

  private messageLength(bytes: Uint8Array, at: number): number | string {
    for (let i = 0; i < SIGNATURE.length; i++) {
      if (bytes[at + i] !== SIGNATURE.charCodeAt(i)) return "no RCmb signature";
    }
    const start = at + Header.totalLength.offset;
    let length = 0;
    for (let i = 0; i < 4; i++) length = length * 256 + (bytes[start + i] ?? 0);
    if (length < HEADER_BYTES) return `a message length of ${length} is below the header's`;
    if (length > this.messageBytesMax) {
      return `a message length of ${length} is above ${this.messageBytesMax}`;
    }
    return length;
  }

  /** Appends to the held part; its buffer at least doubles when it must grow. */
  private hold(part: Uint8Array, wanted: number): void {
    const needed = this.heldBytes + part.length;
    if (needed > this.held.length) {
      const doubled = Math.max(needed, this.held.length * 2, bufferBytesMin);
      const bound = Math.max(needed, wanted, bufferBytesMin);
      const grown = new Uint8Array(Math.min(doubled, bound));
      grown.set(this.held.subarray(0, this.heldBytes));
      this.held = grown;
    }
    this.held.set(part, this.heldBytes);
    this.heldBytes = needed;
  }
}
