import { Region } from "../../assembly/abi.ts";

/** Up to here a loop, which is compiled in place, beats the call into the runtime that `set` is. */
const loopBytesMax = 64;

/**
 * Views over the engine's linear memory. `memory.grow` detaches every view, so this is the only file that
 * makes them; callers ask again after each call into the engine.
 */
export class EngineMemory {
  private heldBytes: Uint8Array;
  private heldWords: Uint32Array;
  private heldFloats: Float64Array;

  constructor(private readonly memory: WebAssembly.Memory) {
    this.heldBytes = new Uint8Array(memory.buffer);
    this.heldWords = new Uint32Array(memory.buffer);
    this.heldFloats = new Float64Array(memory.buffer);
  }

  private renew(): void {
    this.heldBytes = new Uint8Array(this.memory.buffer);
    this.heldWords = new Uint32Array(this.memory.buffer);
    this.heldFloats = new Float64Array(this.memory.buffer);
  }

  /** All of memory as bytes. A detached view has length 0. */
  get bytes(): Uint8Array {
    if (this.heldBytes.length === 0) this.renew();
    return this.heldBytes;
  }

  /** All of memory as little-endian u32 words: index is address / 4. */
  get words(): Uint32Array {
    if (this.heldWords.length === 0) this.renew();
    return this.heldWords;
  }

  get floats(): Float64Array {
    if (this.heldFloats.length === 0) this.renew();
    return this.heldFloats;
  }

  /** A copy of `length` bytes at `address`. */
  copy(address: number, length: number): Uint8Array {
    const start = address >>> 0;
    return this.bytes.slice(start, start + length);
  }

  /** A view of `length` bytes at `address`, good until the next call into the engine. */
  view(address: number, length: number): Uint8Array {
    const start = address >>> 0;
    return this.bytes.subarray(start, start + length);
  }

  write(address: number, bytes: Uint8Array): void {
    const target = address >>> 0;
    const memory = this.bytes;
    const { length } = bytes;
    if (length > loopBytesMax) {
      memory.set(bytes, target);
      return;
    }
    for (let at = 0; at < length; at++) memory[target + at] = bytes[at] as number;
  }
}

/** The region of the engine's memory that input is written to: at most `lengthMax` bytes at `offset` of `bytes`. */
export class InputRegion {
  readonly lengthMax = Region.Input;

  constructor(
    private readonly memory: EngineMemory,
    readonly offset: number,
  ) {}

  /** To be asked for again after each call into the engine. */
  get bytes(): Uint8Array {
    return this.memory.bytes;
  }

  /** The first `length` bytes of it. */
  view(length: number): Uint8Array {
    return this.memory.view(this.offset, length);
  }
}
