import { Stat } from "../../assembly/abi.ts";
import { Gate } from "../../assembly/settings.ts";
import { saveRetryDelayMs, startLoadSliceMs } from "../base/limits.ts";
import {
  type DatasetLoader,
  historyOf,
  type LoadFailure,
  type LoadOutcome,
} from "./dataset-loader.ts";
import type { PersistenceFacts, PersistenceHooks, ReloadRefusal, ReloadRequest } from "./hooks.ts";
import type { Node } from "./node.ts";
import type { ShutdownRequest } from "./shutdown.ts";
import type { SnapshotFile, SnapshotFiles } from "./snapshot-files.ts";
import { type SavedHistory, snapshotHeader } from "./snapshot-header.ts";
import type { SnapshotSink, Snapshots } from "./snapshots.ts";

/** What persistence must know of replication, and tell it. */
export interface SavedReplication {
  historyToSave(): SavedHistory | null;
  /** No snapshot for replicas can be started now, or again can. */
  blockSnapshots(blocked: boolean): void;
}

/** Why BGSAVE or SAVE cannot begin. */
export type SaveRefusal = "busy" | "failed";

/** The image could not be loaded: lines for the log, in order; the process must end with exit code 1. */
export interface LoadFault {
  readonly lines: readonly string[];
}

/**
 * The RDB file: SAVE, BGSAVE, save points, the last save before the end, loading at start. A file is written
 * under a temporary name, synced and then renamed, so a crash leaves the old one or the new one.
 */
export class Persistence implements PersistenceHooks {
  private dirtyAtSave: number;
  /** `Stat.Dirty` when the snapshot in hand began. */
  private dirtyAtStart = 0;
  private savingSinceMs = 0;
  private saving = false;
  /** What the background save writes. */
  private file: SnapshotFile | undefined;
  /** The background save holds data that FLUSHALL has removed. */
  private outdated = false;
  private flushedSaveDue = false;
  private lastOk = true;
  private lastTryMs = 0;
  private lastSeconds = -1;
  /** SAVE and BGSAVE, tried. */
  private saves = 0;
  private loadedKeys = 0;
  private loadedExpired = 0;

  constructor(
    private readonly node: Node,
    private readonly modules: {
      readonly files: SnapshotFiles;
      readonly snapshots: Snapshots;
      readonly loader: DatasetLoader;
      readonly replication: SavedReplication;
    },
  ) {
    this.dirtyAtSave = this.dirty;
    node.configuration.onChange(["save", "stop-writes-on-bgsave-error"], () => {
      this.applyGate();
      return undefined;
    });
  }

  get facts(): PersistenceFacts {
    const { loader } = this.modules;
    const nowMs = this.node.modules.clock.nowMs();
    return {
      loading: loader.loading,
      load: loader.loading ? loader.progress : undefined,
      saving: this.saving,
      dirtyAtSave: this.dirtyAtSave,
      lastSaveOk: this.lastOk,
      lastSaveSeconds: this.lastSeconds,
      currentSaveSeconds: this.saving ? Math.floor((nowMs - this.savingSinceMs) / 1000) : -1,
      saves: this.saves,
      loadedKeys: this.loadedKeys,
      loadedExpired: this.loadedExpired,
    };
  }

  private get dirty(): number {
    return this.node.engine.counters.stat(Stat.Dirty);
  }

  // Saving.

  /** SAVE: blocks until the file is there. */
  saveNow(): SaveRefusal | undefined {
    if (this.saving || this.modules.snapshots.running) return "busy";
    this.saves++;
    return this.writeOrSay() ? undefined : "failed";
  }

  /** BGSAVE: the file comes about between turns of the event loop. */
  saveInBackground(): SaveRefusal | undefined {
    const { node, modules } = this;
    if (this.saving || modules.snapshots.running) return "busy";
    this.saves++;
    this.lastTryMs = node.modules.clock.nowMs();
    const file = modules.files.create("bgsave");
    if (typeof file === "string") {
      this.fail(`Failed opening the temp RDB file for saving: ${file}`);
      return "failed";
    }
    this.dirtyAtStart = this.dirty;
    this.savingSinceMs = this.lastTryMs;
    if (!modules.snapshots.start(this.header(), this.sinkOf(file))) {
      file.discard();
      return "busy";
    }
    this.saving = true;
    this.file = file;
    modules.replication.blockSnapshots(true);
    node.log.notice(`Background saving started by pid ${node.modules.system.pid}`);
    return undefined;
  }

  /** The last save, when SHUTDOWN or a signal asks for it or save points are set; a text is why it failed. */
  saveAtEnd(request: ShutdownRequest): string | undefined {
    const { node, modules } = this;
    modules.snapshots.fail("the server is shutting down");
    const wanted =
      request.save === "save" ||
      (request.save === "default" && node.configuration.get("save").length > 0);
    // Half a data set must never take the place of the whole one in the file.
    if (!wanted || modules.loader.loading) return undefined;
    node.log.notice("Saving the final RDB snapshot before exiting.");
    const failure = this.writeNow();
    if (failure === undefined) return undefined;
    return `Error trying to save the DB, can't exit: ${failure}`;
  }

  hurry(): void {
    this.modules.snapshots.hurry();
  }

  /** Save points (serverCron): enough changes, enough time, and not right after a failure. */
  cron(nowMs: number): void {
    if (this.saving || this.modules.loader.loading) return;
    if (this.flushedSaveDue) this.saveFlushed();
    const changes = this.dirty - this.dirtyAtSave;
    if (changes <= 0) return;
    const seconds = (nowMs - this.node.lastSaveMs) / 1000;
    if (!this.lastOk && nowMs - this.lastTryMs <= saveRetryDelayMs) return;
    for (const point of this.node.configuration.get("save")) {
      if (changes < point.changes || seconds <= point.seconds) continue;
      if (this.modules.snapshots.running) return;
      this.node.log.notice(`${point.changes} changes in ${point.seconds} seconds. Saving...`);
      this.saveInBackground();
      return;
    }
  }

  private header(): Uint8Array {
    return snapshotHeader({
      nowMs: this.node.modules.clock.nowMs(),
      usedMemory: this.node.engine.usedMemory,
      history: this.modules.replication.historyToSave(),
    });
  }

  private get path(): string {
    return this.node.configuration.get("dbfilename");
  }

  private writeNow(): string | undefined {
    const file = this.modules.files.create("save");
    if (typeof file === "string") return file;
    this.dirtyAtStart = this.dirty;
    let failure: string | undefined;
    const begun = this.modules.snapshots.takeNow(this.header(), {
      ready: true,
      write: (bytes) => file.write(bytes),
      end: () => {
        failure = file.commitNow(this.path);
      },
      failed: (reason) => {
        file.discard();
        failure = reason;
      },
    });
    if (!begun) {
      file.discard();
      return "a snapshot is being taken already";
    }
    if (failure === undefined) this.succeed();
    return failure;
  }

  private sinkOf(file: SnapshotFile): SnapshotSink {
    return {
      ready: true,
      write: (bytes) => file.write(bytes),
      end: () => file.commit(this.path, (failure) => this.endBackground(failure)),
      failed: (reason) => {
        file.discard();
        this.endBackground(reason);
      },
    };
  }

  private endBackground(failure: string | undefined): void {
    const { node, modules } = this;
    const { outdated } = this;
    this.saving = false;
    this.outdated = false;
    this.file = undefined;
    this.lastSeconds = Math.floor((node.modules.clock.nowMs() - this.savingSinceMs) / 1000);
    if (failure === undefined) {
      this.succeed();
      node.log.notice("Background saving terminated with success");
    } else if (outdated) {
      node.log.notice("Background saving given up: all data was flushed");
    } else {
      this.fail(`Write error saving DB on disk: ${failure}`);
      node.log.warning("Background saving error");
    }
    modules.replication.blockSnapshots(false);
  }

  /**
   * FLUSHALL: a file that is being written in the background would bring the data back, and with save points the file
   * that is there would too (flushAllDataAndResetRDB).
   */
  onFlushed(): void {
    if (this.saving) {
      this.outdated = true;
      this.modules.snapshots.fail("all data was flushed");
      this.file?.discard();
    }
    if (this.node.configuration.get("save").length > 0) this.saveFlushed();
  }

  /** Again by `cron` while the engine takes a snapshot for a replica. */
  private saveFlushed(): void {
    this.flushedSaveDue = this.modules.snapshots.running;
    if (!this.flushedSaveDue) this.writeOrSay();
  }

  /** False: it failed, as the log says. */
  private writeOrSay(): boolean {
    const failure = this.writeNow();
    if (failure !== undefined) this.node.log.warning(`Error trying to save the DB: ${failure}`);
    return failure === undefined;
  }

  private succeed(): void {
    this.node.log.notice("DB saved on disk");
    this.dirtyAtSave = this.dirtyAtStart;
    this.node.lastSaveMs = this.node.modules.clock.nowMs();
    this.lastOk = true;
    this.applyGate();
  }

  private fail(line: string): void {
    this.node.log.warning(line);
    this.lastOk = false;
    this.applyGate();
  }

  private applyGate(): void {
    const { configuration } = this.node;
    const refuse =
      !this.lastOk &&
      configuration.get("stop-writes-on-bgsave-error") &&
      configuration.get("save").length > 0;
    this.node.setGate(Gate.DiskError, refuse);
  }

  // Loading.

  /** Loads the file of the start. `done` gets what went wrong, or where the data stood in a stream. */
  load(done: (fault: LoadFault | undefined, history: SavedHistory | null) => void): void {
    const { node, modules } = this;
    const source = modules.files.open(this.path);
    if (source === undefined) {
      done(undefined, null);
      return;
    }
    if (typeof source === "string") {
      const lines = [`Fatal error: can't open the RDB file ${this.path} for reading: ${source}`];
      done({ lines }, null);
      return;
    }
    const startedMs = node.modules.clock.monotonicMs();
    node.setGate(Gate.Loading, true);
    const prepare = (): void => {};
    const finish = (outcome: LoadOutcome): void => {
      if (!outcome.ok) {
        done({ lines: faultLines(outcome) }, null);
        return;
      }
      const seconds = (node.modules.clock.monotonicMs() - startedMs) / 1000;
      node.log.notice(`DB loaded from disk: ${seconds.toFixed(3)} seconds`);
      node.setGate(Gate.Loading, false);
      this.noteLoaded(outcome);
      done(undefined, historyOf(outcome.aux));
    };
    modules.loader.load(source, prepare, finish, startLoadSliceMs);
  }

  private noteLoaded({ keys, expired }: { readonly keys: number; readonly expired: number }): void {
    this.loadedKeys = keys;
    this.loadedExpired = expired;
    this.dirtyAtSave = this.dirty;
  }

  reload({ save, flush, merge }: ReloadRequest): ReloadRefusal | undefined {
    const { node, modules } = this;
    if (save && this.saveNow() !== undefined) return "save";
    const source = modules.files.open(this.path);
    if (source === undefined || typeof source === "string") {
      node.log.warning(`Can't open the RDB file ${this.path} for reading: ${source ?? "none"}`);
      return "load";
    }
    if (flush) node.engine.flush(-1, false);
    const outcome = modules.loader.loadNow(source, merge);
    if (!outcome.ok) {
      for (const line of faultLines(outcome)) node.log.warning(line);
      return "load";
    }
    this.noteLoaded(outcome);
    node.log.warning("DB reloaded by DEBUG RELOAD");
    return undefined;
  }
}

/** Redis's lines for an image that does not load (rdb.c and server.c). */
function faultLines({ reason, detail }: Extract<LoadOutcome, { ok: false }>): string[] {
  const internal = `Internal error in RDB reading -> ${detail}`;
  const lines: Record<LoadFailure, readonly string[]> = {
    signature: [detail, "Fatal error loading the DB: Invalid argument. Exiting."],
    version: [detail, "Fatal error loading the DB: Invalid argument. Exiting."],
    short: ["Short read or OOM loading DB. Unrecoverable error, aborting now.", internal],
    memory: ["Short read or OOM loading DB. Unrecoverable error, aborting now.", internal],
    checksum: ["Wrong RDB checksum. Aborting now.", internal],
    corrupt: [internal],
  };
  return [...lines[reason]];
}
