import type { Engine } from "../../engine/engine.ts";
import type { Client } from "../client.ts";
import type { Surroundings } from "./surroundings.ts";

/** What the engine has in hand: one client at a time, and of its input one chunk. */
export class Hand {
  client: Client | undefined;
  /** The client in hand whose command made keys ready, while those that waited for them are served. */
  outer: Client | undefined;
  /** Wall clock, as commands see it. */
  nowMs: number;
  /** Monotonic clock at the beginning of the engine's last stretch of work. */
  segmentStartMs = 0;
  /** The chunk in hand; undefined: it lies in the engine's input region. */
  chunk: Uint8Array | undefined;
  inputLength = 0;
  /** Commands of the chunk that have run. */
  chunkCommands = 0;
  private readonly engine: Engine;

  constructor(node: Surroundings) {
    this.engine = node.engine;
    this.nowMs = node.startedMs;
  }

  /** The engine works for this client right now: its record must not be freed under it. */
  holds(client: Client): boolean {
    return client === this.client || client === this.outer;
  }

  /** What was read, as long as the client is in hand. */
  input(): Uint8Array {
    return this.chunk ?? this.engine.inputView(this.inputLength);
  }

  clear(): void {
    this.client = undefined;
    this.chunk = undefined;
    this.inputLength = 0;
  }
}
