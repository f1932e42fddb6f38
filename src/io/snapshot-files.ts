import {
  closeSync,
  fstatSync,
  fsync,
  fsyncSync,
  openSync,
  readSync,
  unlinkSync,
  writeSync,
} from "node:fs";
import { dirname, resolve } from "node:path";
import { assert } from "../base/assert.ts";
import { loadChunkBytes } from "../base/limits.ts";
import type { SnapshotFile, SnapshotFiles, SnapshotSource } from "../node/snapshot-files.ts";
import {
  closeLater,
  renameOver,
  syncDirectory,
  syncDirectoryLater,
  systemErrorText,
} from "./disk.ts";

/** Snapshot files on disk; temporary ones lie in the working directory (`dir`), as Redis's do. */
export class DiskSnapshotFiles implements SnapshotFiles {
  private count = 0;

  create(purpose: string): SnapshotFile | string {
    const path = this.freshPath(purpose);
    try {
      return new TemporaryFile(path, openSync(path, "w+", 0o644));
    } catch (reason) {
      return systemErrorText(reason);
    }
  }

  createUnnamed(purpose: string): SnapshotFile | string {
    const path = this.freshPath(purpose);
    try {
      const descriptor = openSync(path, "w+", 0o600);
      unlinkSync(path);
      return new TemporaryFile(undefined, descriptor);
    } catch (reason) {
      return systemErrorText(reason);
    }
  }

  private freshPath(purpose: string): string {
    return resolve(`temp-${purpose}-${process.pid}.${++this.count}.rdb`);
  }

  open(path: string): SnapshotSource | string | undefined {
    try {
      const descriptor = openSync(path, "r");
      if (fstatSync(descriptor).isFile()) return new FileSource(descriptor);
      closeSync(descriptor);
      return "Not a regular file";
    } catch (reason) {
      const { code } = reason as { readonly code?: string };
      return code === "ENOENT" ? undefined : systemErrorText(reason);
    }
  }
}

class TemporaryFile implements SnapshotFile {
  length = 0;
  /** From `commit` on; the descriptor is in use, and afterwards closed. */
  private committing = false;
  private unwanted = false;

  constructor(
    /** Undefined: it has none. */
    private readonly path: string | undefined,
    private readonly descriptor: number,
  ) {}

  write(bytes: Uint8Array): string | undefined {
    try {
      for (let at = 0; at < bytes.length; ) at += writeSync(this.descriptor, bytes, at);
      this.length += bytes.length;
      return undefined;
    } catch (reason) {
      return systemErrorText(reason);
    }
  }

  commitNow(path: string): string | undefined {
    try {
      fsyncSync(this.descriptor);
      assert(this.path !== undefined, "a file without a name cannot be committed");
      renameOver(this.path, path);
      syncDirectory(dirname(resolve(path)));
      closeLater(this.descriptor);
      return undefined;
    } catch (reason) {
      this.discard();
      return systemErrorText(reason);
    }
  }

  commit(path: string, done: (failure: string | undefined) => void): void {
    this.committing = true;
    fsync(this.descriptor, (reason) => {
      if ((reason === null || reason === undefined) && !this.unwanted) {
        this.rename(path, done);
        return;
      }
      this.committing = false;
      this.discard();
      done(this.unwanted ? "it is not wanted any more" : systemErrorText(reason));
    });
  }

  reread(): SnapshotSource {
    return new FileSource(this.descriptor);
  }

  discard(): void {
    this.unwanted = true;
    if (this.committing) return;
    try {
      if (this.path !== undefined) unlinkSync(this.path);
    } catch {
      // It is gone already.
    }
    closeLater(this.descriptor);
  }

  private rename(path: string, done: (failure: string | undefined) => void): void {
    assert(this.path !== undefined, "a file without a name cannot be committed");
    try {
      renameOver(this.path, path);
    } catch (reason) {
      this.committing = false;
      this.discard();
      done(systemErrorText(reason));
      return;
    }
    closeLater(this.descriptor);
    syncDirectoryLater(dirname(resolve(path)), done);
  }
}

class FileSource implements SnapshotSource {
  readonly length: number;
  private buffer = new Uint8Array(loadChunkBytes);
  private closed = false;

  constructor(private readonly descriptor: number) {
    this.length = fstatSync(descriptor).size;
  }

  read(position: number, max: number): Uint8Array {
    if (max > this.buffer.length) this.buffer = new Uint8Array(max);
    const count = readSync(this.descriptor, this.buffer, 0, max, position);
    return this.buffer.subarray(0, count);
  }

  close(): void {
    if (this.closed) return;
    this.closed = true;
    closeLater(this.descriptor);
  }
}
