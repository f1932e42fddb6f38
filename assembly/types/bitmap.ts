/** Bitmap commands. Behaviour: Redis 7.0 bitops.c. */

export function runBitmap(_id: u32): void {
  unreachable();
}
