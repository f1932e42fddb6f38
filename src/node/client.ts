import type { ClientHandle } from "../engine/engine.ts";
import { HeldInput } from "./held-input.ts";

/**
 * The transport under a client, as the node uses it. `src/io/connection.ts` is one over a socket; a
 * client without a transport (loading, tests) has one that swallows everything.
 */
export interface ClientLink {
  /** `ip:port`, `[ip6]:port` or `path:0`; empty when there is no peer. */
  readonly remoteAddress: string;
  readonly localAddress: string;
  /** -1: none. */
  readonly fileDescriptor: number;
  readonly unixSocket: boolean;
  /** Bytes accepted from us that the transport has not taken yet. */
  readonly pendingBytes: number;
  /** How many pieces those bytes lie in. */
  readonly pendingCount: number;
  /** Takes `length` bytes at `offset` of `memory` at once: what cannot be sent is copied. */
  send(memory: Uint8Array, offset: number, length: number): void;
  /** Gives the transport what it takes right now and answers how many bytes that was; nothing is kept. */
  offer(memory: Uint8Array, offset: number, length: number): number;
  pauseReading(): void;
  resumeReading(): void;
  /** Closes when everything accepted is sent. */
  closeAfterSending(): void;
  /** Closes at once, without sending what is pending. */
  destroy(): void;
}

/** Classes of client for `client-output-buffer-limit`, CLIENT LIST TYPE and CLIENT KILL TYPE. */
export type ClientKind = "normal" | "replica" | "pubsub" | "master";

/** Why input of a client is not being executed right now. */
export enum ClientState {
  /** Input is executed as it arrives. */
  Ready = 0,
  /** CLIENT PAUSE or a failover holds its next command. */
  Paused = 1,
  /** A host command answers later (WAIT). */
  Blocked = 2,
  /** Its replies are not taken by the peer, or others had to wait for it too long: no more commands for a while. */
  Congested = 3,
  /** Replies are on their way out, then the connection ends. */
  Closing = 4,
  Closed = 5,
}

/** What the host knows of one client beside the engine's own record at `handle`. */
export class Client {
  state: ClientState = ClientState.Ready;
  /** The engine keeps the rest of its input, to be gone on with by `resume`. */
  parked = false;
  kind: ClientKind = "normal";
  name = "";
  /** Authenticated as this user. */
  user = "default";
  authenticated = false;
  /** CLIENT SETINFO. */
  libraryName = "";
  libraryVersion = "";
  /** Wall clock of the last command or reply, milliseconds. */
  lastActiveMs: number;
  /** Bytes received so far. */
  inputBytes = 0;
  /** `cmd=` of CLIENT LIST when the last command ran in the host: `client|list`; else empty. */
  hostCommand = "";
  /** Bytes of the replication stream that are kept for it, for its output limit. */
  streamBytes = 0;
  /** Since when the output is over the soft limit, milliseconds; 0: it is not. */
  overSoftLimitSinceMs = 0;
  /** What the command took before it blocked; it counts again when that is over (`duration` in Redis). */
  blockedMicroseconds = 0;
  /** Input that arrived while it could not be worked on; executed before anything newer. */
  readonly held = new HeldInput();
  /** Set by the host command in hand, or by what ends a waiting: end the connection once the reply is sent. */
  closeAfterReply = false;
  /** Parked behind a command that the host has answered: 1; it is none of those that the engine runs next. */
  answered = 0;
  /** Called once when the connection ends, whoever ended it. */
  onClosed: (() => void) | undefined;
  /** Called when input has been worked on that had to wait for a later turn. */
  onWentOn: (() => void) | undefined;

  constructor(
    readonly id: number,
    readonly handle: ClientHandle,
    readonly link: ClientLink,
    readonly createdMs: number,
  ) {
    this.lastActiveMs = createdMs;
  }

  get closed(): boolean {
    return this.state === ClientState.Closed;
  }
}

/** Connected from this host: what `local` means in `enable-debug-command` (connIsLocal in Redis). */
export function isLocal(client: Client): boolean {
  const { link } = client;
  return link.unixSocket || /^(?:127\.|\[::1\])/.test(link.remoteAddress);
}
