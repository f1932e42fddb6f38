import type { InputRegion } from "../engine/memory.ts";

/** What a client's connection needs of a socket, whoever polls it: the runtime, or our own loop. */
export interface ClientSocket {
  readonly fd: number;
  /** Answers how much was taken; what was not is offered again after `onDrain`. */
  write(bytes: Uint8Array, offset: number, length: number): number;
  pause(): void;
  resume(): void;
  setNoDelay(on: boolean): void;
  setKeepAlive(on: boolean, milliseconds: number): void;
  /** Sends what was taken, then closes. */
  end(): void;
}

/** Events of a socket, for its connection. */
export interface ClientSocketEvents {
  /** A view that is good during the call. */
  onData(chunk: Uint8Array): void;
  onDrain(): void;
  onClose(): void;
  /** While reading is paused: the peer sends nothing behind what is there already. */
  onPeerDone(): void;
  /**
   * Where bytes may be read to without a detour: `directInput.bytes` from `offset` on, at most `lengthMax`.
   * Undefined: they come by `onData`.
   */
  readonly directInput: InputRegion | undefined;
  /** So many bytes are there. */
  onDirectInput(length: number): void;
}
