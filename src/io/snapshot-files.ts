import {
  closeSync,
  fstatSync,
  fsync,
  fsyncSync,
  openSync,
  readSync,
  renameSync,
  unlinkSync,
  writeSync,
} from "node:fs";
import { dirname, resolve } from "node:path";
import { loadChunkBytes } from "../base/limits.ts";
import type { SnapshotFile, SnapshotFiles, SnapshotSource } from "../node/snapshot-files.ts";
import { syncDirectory, systemErrorText } from "./disk.ts";

/** Snapshot files on disk; temporary ones lie in the working directory (`dir`), as Redis's do. */
export class DiskSnapshotFiles implements SnapshotFiles {
  private count = 0;

  create(purpose: string): SnapshotFile | string {
    const path = resolve(`temp-${purpose}-${process.pid}.${++this.count}.rdb`);
    try {
      return new TemporaryFile(path, openSync(path, "w+", 0o644));
    } catch (reason) {
      return systemErrorText(reason);
    }
  }

  open(path: string): SnapshotSource | string | undefined {
    try {
      return new FileSource(openSync(path, "r"), () => undefined);
    } catch (reason) {
      const { code } = reason as { readonly code?: string };
      return code === "ENOENT" ? undefined : systemErrorText(reason);
    }
  }
}

class TemporaryFile implements SnapshotFile {
  length = 0;

  constructor(
    private readonly path: string,
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
      return this.rename(path);
    } catch (reason) {
      this.discard();
      return systemErrorText(reason);
    }
  }

  commit(path: string, done: (failure: string | undefined) => void): void {
    fsync(this.descriptor, (reason) => {
      if (reason === null || reason === undefined) {
        done(this.rename(path));
        return;
      }
      this.discard();
      done(systemErrorText(reason));
    });
  }

  reread(): SnapshotSource {
    return new FileSource(this.descriptor, () => unlinkSync(this.path));
  }

  discard(): void {
    try {
      closeSync(this.descriptor);
      unlinkSync(this.path);
    } catch {
      // It is gone already.
    }
  }

  private rename(path: string): string | undefined {
    try {
      closeSync(this.descriptor);
      renameSync(this.path, path);
      syncDirectory(dirname(resolve(path)));
      return undefined;
    } catch (reason) {
      return systemErrorText(reason);
    }
  }
}

class FileSource implements SnapshotSource {
  readonly length: number;
  private buffer = new Uint8Array(loadChunkBytes);
  private closed = false;

  constructor(
    private readonly descriptor: number,
    private readonly onClose: () => void,
  ) {
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
    closeSync(this.descriptor);
    this.onClose();
  }
}
