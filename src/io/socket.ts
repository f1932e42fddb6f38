/** What listeners and links of all kinds need to know of the runtime's sockets. */
import type { Socket } from "bun";

/**
 * A connection that its peer reset before we came to accept it. Its addresses are undefined, whatever their
 * type says, and there is nobody to talk to.
 */
export function isGone(socket: Socket<never> | Socket<unknown>): boolean {
  const remoteAddress: string | undefined = socket.remoteAddress;
  return remoteAddress === undefined;
}

/** Brings an exception out of a callback that would swallow it, to the process's last handler. */
export function throwLater(reason: unknown): void {
  queueMicrotask(() => {
    throw reason;
  });
}
