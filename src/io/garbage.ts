/** Connections that may come and go before what they leave in the host's heap is collected. */
const connectionsPerCollection = 5000;

/**
 * Collects the host's garbage when many connections have come since the last time. The runtime
 * counts the engine's memory as part of that heap, so that a kilobyte per closed connection looks small to it
 * and a hundred megabytes of them may pile up before it collects by itself.
 */
export class GarbageWatch {
  private collectedAt = 0;

  /** `connectionCount`: all connections ever, of any kind. */
  constructor(private readonly connectionCount: () => number) {}

  /** To be called now and then. */
  check(): void {
    const count = this.connectionCount();
    if (count - this.collectedAt < connectionsPerCollection) return;
    this.collectedAt = count;
    // Some milliseconds, so no more often than that; the runtime's own gentler kind leaves it all in place.
    Bun.gc(true);
  }
}
