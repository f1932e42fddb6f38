import { BulkReceiver } from "./bulk-receiver.ts";
import type { ReplicationContext } from "./context.ts";
import type { ReplicationHistory } from "./events.ts";
import { PENDING_STREAM_BYTES_MAX } from "./limits.ts";

/**
 * A data set on its way from the primary: its image goes to the shell as it arrives, and the commands that follow are
 * held until the shell has loaded that.
 */
export class DatasetTransfer {
  readonly bulk = new BulkReceiver();
  /** The shell knows of the image. */
  begun = false;
  /** The image is complete, the shell loads it. */
  loading = false;
  /** The link broke after the image was complete. */
  lost = false;
  /** Commands behind the image. */
  readonly held: Uint8Array[] = [];
  private heldBytes = 0;

  /** `history`: what +FULLRESYNC told; null when the primary only knows SYNC. */
  constructor(
    private readonly context: ReplicationContext,
    private readonly linkId: number,
    readonly history: ReplicationHistory | null,
  ) {}

  /** Takes bytes of the primary. False: it goes wrong, as the log tells. */
  push(bytes: Uint8Array): boolean {
    if (this.loading) return this.hold(bytes);
    const { context, linkId } = this;
    const outcome = this.bulk.push(bytes, {
      keepAlive: () => undefined,
      begin: (length) => {
        this.begun = true;
        context.emit({ kind: "rdbBegin", linkId, length });
      },
      chunk: (part) => context.emit({ kind: "rdbChunk", linkId, bytes: part }),
    });
    switch (outcome.kind) {
      case "more":
        return true;
      case "failed":
        context.log("warning", outcome.text);
        return false;
      case "complete":
        this.loading = true;
        context.emit({ kind: "rdbEnd", linkId });
        return outcome.rest.length === 0 || this.hold(outcome.rest);
    }
  }

  private hold(bytes: Uint8Array): boolean {
    this.heldBytes += bytes.length;
    if (this.heldBytes > PENDING_STREAM_BYTES_MAX) {
      this.context.log("warning", "Too many bytes from the MASTER while loading, starting anew");
      return false;
    }
    this.held.push(bytes.slice());
    return true;
  }

  /** Nothing comes of it. */
  abort(): void {
    if (this.begun) this.context.emit({ kind: "rdbAbort", linkId: this.linkId });
  }
}
