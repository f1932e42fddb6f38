/**
 * A broken assertion is a bug of ours, never an operating error: it stays on in release builds and
 * ends the process with the message (the shell's last handler logs it).
 */
export class AssertionError extends Error {
  override name = "AssertionError";
}

export function assert(condition: boolean, message: string): asserts condition {
  if (!condition) throw new AssertionError(message);
}

/** The default branch of an exhaustive switch. */
export function unreachable(value: never): never {
  throw new AssertionError(`unreachable: ${String(value)}`);
}
