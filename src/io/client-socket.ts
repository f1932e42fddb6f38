import type { InputRegion } from "../engine/memory.ts";

/** What a client's connection needs of a socket, whoever polls it: the runtime, or our own loop. */
export interface ClientSocket {
  readonly fd: number;
  /** Answers how much was taken; what was not is offered again after `onDrain`. */
  write(bytes: Uint8Array, offset: number, length: number): number;
  /**
   * As `write` for a few bytes, which go out soon, together with those of other sockets. False: not now. Only sockets in
   * our own loop can do that; what the system does not take then comes back by `onReturned`.
   */
  writeSoon?(bytes: Uint8Array, offset: number, length: number): boolean;
  /** Sends what `writeSoon` took. */
  sendNow?(): void;
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
  /** These of the bytes written are unsent, and good during the call; they are to be offered again after `onDrain`. */
  onReturned(bytes: Uint8Array, offset: number, length: number): void;
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
