/** What the engine knows is off by less than this, bytes. */
const toldBytesStep = 32 * 1024;

/**
 * What the host holds for clients outside of the engine's memory: replies that are not sent and input that waits. It
 * counts for `maxmemory`, but for what replicas get, as in Redis (freeMemoryGetNotCountedMemory).
 */
export class ClientMemory {
  bytes = 0;
  private told = 0;

  constructor(private readonly tell: (bytes: number) => void) {}

  /** Below 0 for what is given back. */
  add(bytes: number): void {
    this.bytes += bytes;
    if (Math.abs(this.bytes - this.told) < toldBytesStep) return;
    this.told = this.bytes;
    this.tell(this.bytes);
  }
}
