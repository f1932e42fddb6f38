import { LoadStatus } from "../../assembly/abi.ts";
import { latin1Text } from "../base/bytes.ts";
import { loadChunkBytes, loadSliceMs, loadStepBytes } from "../base/limits.ts";
import type { Logger } from "../base/log.ts";
import type { Engine } from "../engine/engine.ts";
import type { Clock } from "./clock.ts";
import type { SnapshotSource } from "./snapshot-files.ts";

export type LoadOutcome =
  | {
      readonly ok: true;
      readonly keys: number;
      /** Keys left out because their time was over. */
      readonly expired: number;
      /** Auxiliary fields by name. */
      readonly aux: ReadonlyMap<string, string>;
    }
  | { readonly ok: false; readonly reason: LoadFailure; readonly detail: string };

export type LoadFailure = "signature" | "version" | "short" | "memory" | "checksum" | "corrupt";

/** How far a load is, for INFO. */
export interface LoadProgress {
  readonly startedMs: number;
  readonly totalBytes: number;
  readonly loadedBytes: number;
  /** `used-mem` of the image. */
  readonly memoryThen: number;
}

/**
 * Reads an RDB into the engine, whose databases must be empty. Either a source is read in slices between
 * turns of the event loop (`load`), or chunks are pushed as they arrive (`begin`, `push`, `finish`).
 */
export class DatasetLoader {
  private startedMs = 0;
  private totalBytes = 0;
  private loadedBytes = 0;
  private active = false;
  /** Grows with each load, so that slices of one that was given up stop. */
  private generation = 0;
  private status = LoadStatus.More;
  private aux: ReadonlyMap<string, string> | undefined;
  /** The four digits behind `REDIS`. */
  private version = "";

  constructor(
    private readonly modules: {
      readonly engine: Engine;
      readonly clock: Clock;
      readonly log: Logger;
      readonly soon: (action: () => void) => void;
    },
  ) {}

  get loading(): boolean {
    return this.active;
  }

  get progress(): LoadProgress {
    return {
      startedMs: this.startedMs,
      totalBytes: this.totalBytes,
      loadedBytes: this.loadedBytes,
      memoryThen: Number(this.aux?.get("used-mem") ?? 0),
    };
  }

  begin(totalBytes: number, merging = false): void {
    this.expect(totalBytes);
    this.modules.engine.imageReader.begin(this.startedMs, merging);
  }

  private expect(totalBytes: number): void {
    this.generation++;
    this.startedMs = this.modules.clock.nowMs();
    this.totalBytes = totalBytes;
    this.loadedBytes = 0;
    this.status = LoadStatus.More;
    this.aux = undefined;
    this.active = true;
  }

  /** False when the image is at its end or broken: `finish` tells. */
  push(chunk: Uint8Array): boolean {
    if (this.status !== LoadStatus.More) return false;
    if (this.loadedBytes === 0) this.version = latin1Text(chunk.subarray(5, 9));
    this.loadedBytes += chunk.length;
    this.status = this.modules.engine.imageReader.push(chunk);
    if (this.aux === undefined) this.describe();
    return this.status === LoadStatus.More;
  }

  /** No more bytes will come. What a broken image has left in the databases is for the caller to flush. */
  finish(): LoadOutcome {
    const { engine, log } = this.modules;
    const { status } = this;
    const aux = engine.imageReader.aux();
    const keys = engine.imageReader.keys;
    const expired = engine.imageReader.expiredKeys;
    engine.imageReader.end();
    this.active = false;
    if (status !== LoadStatus.Done) return failureOf(status, this.version);
    log.notice(`Done loading RDB, keys loaded: ${keys}, keys expired: ${expired}.`);
    return { ok: true, keys, expired, aux };
  }

  /** Gives the load in hand up. */
  abort(): void {
    if (!this.active) return;
    this.generation++;
    this.active = false;
    this.modules.engine.imageReader.end();
  }

  /**
   * Reads the whole source, later: first `prepare` is called, then the first slice is read in the same turn, so
   * that no command is answered with -LOADING for an image that fits in one slice; in the end `done` is called.
   * Closes the source, also when the load is given up.
   */
  load(
    source: SnapshotSource,
    prepare: () => void,
    done: (outcome: LoadOutcome) => void,
    firstSliceMs = loadSliceMs,
  ): void {
    this.expect(source.length);
    const { generation } = this;
    const slice = (): void => {
      if (generation !== this.generation) {
        source.close();
        return;
      }
      if (this.loadedBytes === 0) {
        prepare();
        this.modules.engine.imageReader.begin(this.startedMs);
      }
      const sliceMs = this.loadedBytes === 0 ? firstSliceMs : loadSliceMs;
      if (this.readSlice(source, sliceMs)) {
        this.modules.soon(slice);
        return;
      }
      source.close();
      done(this.finish());
    };
    this.modules.soon(slice);
  }

  /** Reads the whole source at once. `merging`: into databases that have keys. */
  loadNow(source: SnapshotSource, merging: boolean): LoadOutcome {
    this.begin(source.length, merging);
    for (;;) {
      const chunk = source.read(this.loadedBytes, loadChunkBytes);
      if (chunk.length === 0 || !this.push(chunk)) break;
    }
    source.close();
    return this.finish();
  }

  /** False at the end. */
  private readSlice(source: SnapshotSource, sliceMs: number): boolean {
    const { clock } = this.modules;
    const until = clock.monotonicMs() + sliceMs;
    do {
      const chunk = source.read(this.loadedBytes, loadStepBytes);
      if (chunk.length === 0 || !this.push(chunk)) return false;
    } while (clock.monotonicMs() < until);
    return true;
  }

  /** What Redis logs about the image when it meets these fields. */
  private describe(): void {
    const { engine, log } = this.modules;
    const aux = engine.imageReader.aux();
    const version = aux.get("redis-ver");
    if (version === undefined && this.status === LoadStatus.More) return;
    this.aux = aux;
    if (version !== undefined) log.notice(`Loading RDB produced by version ${version}`);
    const created = Number(aux.get("ctime"));
    if (aux.has("ctime")) {
      const age = Math.floor(this.startedMs / 1000) - created;
      log.notice(`RDB age ${Math.max(0, age)} seconds`);
    }
    const memory = Number(aux.get("used-mem"));
    if (aux.has("used-mem")) {
      log.notice(`RDB memory usage when created ${(memory / 1048576).toFixed(2)} Mb`);
    }
  }
}

function failureOf(status: LoadStatus, version: string): Extract<LoadOutcome, { ok: false }> {
  const fail = (reason: LoadFailure, detail: string) => ({ ok: false, reason, detail }) as const;
  switch (status) {
    case LoadStatus.More:
      return fail("short", "Unexpected EOF reading RDB file");
    case LoadStatus.BadSignature:
      return fail("signature", "Wrong signature trying to load DB from file");
    case LoadStatus.BadVersion:
      return fail("version", `Can't handle RDB format version ${Number(version)}`);
    case LoadStatus.BadChecksum:
      return fail("checksum", "RDB CRC error");
    case LoadStatus.UnknownType:
      return fail("corrupt", "Unknown RDB encoding type");
    case LoadStatus.DuplicateKey:
      return fail("corrupt", "RDB has duplicated key");
    case LoadStatus.OutOfMemory:
      return fail("memory", "out of memory");
    default:
      return fail("corrupt", "Invalid or corrupted RDB data");
  }
}

/** Where the loaded data stood in a replication stream, when the image tells. */
export function historyOf(
  aux: ReadonlyMap<string, string>,
): { readonly replid: string; readonly offset: number; readonly database: number } | null {
  const replid = aux.get("repl-id") ?? "";
  const offset = Number(aux.get("repl-offset") ?? Number.NaN);
  if (!/^[0-9a-f]{40}$/.test(replid) || !Number.isSafeInteger(offset) || offset < 0) return null;
  return { replid, offset, database: Number(aux.get("repl-stream-db") ?? 0) };
}
