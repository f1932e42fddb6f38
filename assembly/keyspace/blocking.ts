/**
 * Keys that clients are blocked on (blocked.c). The engine knows which keys are waited for and tells the host when one
 * may serve somebody; the host keeps who waits, in which order and until when.
 */

/**
 * To be called whenever a key may serve a client that is blocked on it: a list, sorted set or stream came to be under
 * it (also by RENAME, COPY, RESTORE, MOVE, SWAPDB, SORT STORE), or a stream has got an entry.
 */
export function signalReady(_database: u32, _key: usize, _length: u32): void {
  // Nobody can block yet.
}
