import {
  snapshotAwaitedSliceMs,
  snapshotSliceBytes,
  snapshotSliceBytesMin,
  snapshotSliceMs,
  snapshotStepMs,
} from "../base/limits.ts";
import type { Engine } from "../engine/engine.ts";
import type { Clock } from "./clock.ts";

/** Where the bytes of a snapshot go. */
export interface SnapshotSink {
  /** False: no more for now; `Snapshots.wake` tells when there may be. */
  readonly ready: boolean;
  /** Takes bytes that are valid during the call only; a text is why it cannot, and ends the snapshot. */
  write(bytes: Uint8Array): string | undefined;
  /** The image is complete. */
  end(): void;
  failed(reason: string): void;
}

/**
 * Forkless snapshots, one at a time: slices of about a millisecond between turns of the event loop. The image is the data
 * as it was at `start`: what is written to is saved first. A client that would change a value too big for that waits
 * until the snapshot has saved it; slices are longer then, and do not wait for the sink.
 */
export class Snapshots {
  private sink: SnapshotSink | undefined;
  private scheduled = false;
  /** A client waits, as far as is known here. */
  private awaited = false;
  /** About so many bytes are encoded in a step, as many as are quickly done. */
  private stepBytes = snapshotSliceBytesMin;

  constructor(
    private readonly modules: {
      readonly engine: Engine;
      readonly clock: Clock;
      readonly soon: (action: () => void) => void;
      /** Clients that waited for a value to be saved may go on. */
      readonly onSaved: () => void;
    },
  ) {}

  get running(): boolean {
    return this.sink !== undefined;
  }

  /** Takes the data as it is now. False when a snapshot is being taken already. */
  start(header: Uint8Array, sink: SnapshotSink): boolean {
    const { engine, clock } = this.modules;
    if (this.sink !== undefined || !engine.snapshot.begin(header, clock.nowMs())) return false;
    this.sink = sink;
    this.schedule();
    return true;
  }

  /** As `start`, but the image is complete when this returns. The sink is not asked whether it is ready. */
  takeNow(header: Uint8Array, sink: SnapshotSink): boolean {
    if (!this.start(header, sink)) return false;
    while (this.sink === sink) this.step();
    return true;
  }

  /** The sink takes bytes again. */
  wake(): void {
    if (this.sink?.ready === true) this.schedule();
  }

  /** A client has come to wait for a value that is not saved. */
  hurry(): void {
    if (this.sink === undefined) return;
    this.awaited = true;
    this.schedule();
  }

  /** Drops the snapshot in hand; its sink hears nothing more. */
  abort(): void {
    if (this.sink === undefined) return;
    this.sink = undefined;
    this.modules.engine.snapshot.end();
    this.letGo();
  }

  /** As `abort`, but the sink is told. */
  fail(reason: string): void {
    const { sink } = this;
    this.abort();
    sink?.failed(reason);
  }

  private schedule(): void {
    if (this.scheduled) return;
    this.scheduled = true;
    this.modules.soon(() => {
      this.scheduled = false;
      this.slice();
    });
  }

  private slice(): void {
    const { clock, engine } = this.modules;
    const { snapshot } = engine;
    const until = clock.monotonicMs() + (this.awaited ? snapshotAwaitedSliceMs : snapshotSliceMs);
    while (this.sink !== undefined && clock.monotonicMs() < until) {
      if (this.sink.ready) this.step();
      else if (!snapshot.awaited) break;
      else this.paced(() => snapshot.hurry(this.stepBytes));
    }
    this.letGo();
    if (this.sink !== undefined && (this.sink.ready || snapshot.awaited)) this.schedule();
  }

  private step(): void {
    const { engine } = this.modules;
    const { sink } = this;
    if (sink === undefined) return;
    const more = this.paced(() => engine.snapshot.next(this.stepBytes));
    const view = engine.snapshot.view();
    let failure = engine.snapshot.failed ? "out of memory" : undefined;
    if (failure === undefined && view.length > 0) failure = sink.write(view);
    engine.snapshot.taken();
    // Writing may have closed the last connection that wanted it.
    if (this.sink !== sink || (more && failure === undefined)) return;
    this.sink = undefined;
    engine.snapshot.end();
    if (failure === undefined) sink.end();
    else sink.failed(failure);
    this.letGo();
  }

  /** A step, by whose time the next one is measured. */
  private paced<Result>(step: () => Result): Result {
    const { clock } = this.modules;
    const began = clock.monotonicMs();
    const result = step();
    const tookMs = clock.monotonicMs() - began;
    if (tookMs < snapshotStepMs) this.stepBytes = Math.min(2 * this.stepBytes, snapshotSliceBytes);
    else if (tookMs > snapshotSliceMs) {
      this.stepBytes = Math.max(this.stepBytes / 2, snapshotSliceBytesMin);
    }
    return result;
  }

  /** Nobody waits any more: those who did go on. */
  private letGo(): void {
    if (!this.awaited || this.modules.engine.snapshot.awaited) return;
    this.awaited = false;
    this.modules.onSaved();
  }
}
