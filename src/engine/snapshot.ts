import type { EngineExports } from "./exports.ts";
import type { EngineMemory } from "./memory.ts";
import type { OutputRegion } from "./output.ts";

/** A forkless snapshot, one at a time: the data as it was at `begin`. `docs/engine.md` tells how it goes. */
export class Snapshot {
  private readonly scratch: number;
  private lost = false;

  constructor(
    private readonly modules: {
      readonly wasm: EngineExports;
      readonly memory: EngineMemory;
      readonly output: OutputRegion;
    },
  ) {
    this.scratch = modules.wasm.scratchPtr() >>> 0;
  }

  /**
   * `header`: the bytes before the first database (signature and auxiliary fields), at most 64 KiB. False when
   * a snapshot is being taken already.
   */
  begin(header: Uint8Array, nowMs: number): boolean {
    const { wasm, memory } = this.modules;
    memory.write(this.scratch, header);
    return wasm.snapshotBegin(header.length, nowMs) === 1;
  }

  /**
   * Encodes until about `budget` bytes wait; `view` shows them, or the first of them. True while more is to come; false
   * when the image is complete or, as `failed` tells, lost.
   */
  next(budget: number): boolean {
    return this.outcome(this.modules.wasm.snapshotNext(budget));
  }

  /** As `next`, however much waits: for a client that waits until a value is saved. */
  hurry(budget: number): boolean {
    return this.outcome(this.modules.wasm.snapshotHurry(budget));
  }

  /** A client waits until a value is saved: its last call ended with `Yield.Paused`. */
  get awaited(): boolean {
    return this.modules.wasm.snapshotAwaited() === 1;
  }

  private outcome(code: number): boolean {
    this.lost = code < 0;
    return code === 1;
  }

  /** Memory ran out, for the last `next` or a write before it: end the snapshot, what was taken is useless. */
  get failed(): boolean {
    return this.lost;
  }

  /** What is to be taken next, also what writes have added since `next`. Good until the next call. */
  view(): Uint8Array {
    this.modules.wasm.snapshotPeek();
    return this.modules.output.view();
  }

  taken(): void {
    this.modules.wasm.snapshotTaken();
  }

  /** Ends the snapshot, finished or not. */
  end(): void {
    this.modules.wasm.snapshotEnd();
  }
}
