/** Files for snapshots, as the node sees them; `src/io/snapshot-files.ts` provides them. */
export interface SnapshotFiles {
  /** A new temporary file in the working directory; a text is why it cannot be made. */
  create(purpose: string): SnapshotFile | string;
  /** The same without a name, so that nothing is left when the process dies; it cannot be committed. */
  createUnnamed(purpose: string): SnapshotFile | string;
  /** Undefined: there is no such file. */
  open(path: string): SnapshotSource | string | undefined;
}

/** A temporary file being written. */
export interface SnapshotFile {
  /** Bytes written so far. */
  readonly length: number;
  /** A text is why it failed. */
  write(bytes: Uint8Array): string | undefined;
  /** Makes it last and gives it its name: fsync, rename, fsync of the directory. Blocks. */
  commitNow(path: string): string | undefined;
  /** The same without blocking. */
  commit(path: string, done: (failure: string | undefined) => void): void;
  /** What was written, to be read from the start; an unnamed file goes away when the source is closed. */
  reread(): SnapshotSource;
  /** Drops it, also while `commit` is under way: then that fails. */
  discard(): void;
}

/** A file being read, or bytes that take its place. */
export interface SnapshotSource {
  readonly length: number;
  /** At most `max` bytes from `position` on, good until the next call; empty at the end. Throws on errors. */
  read(position: number, max: number): Uint8Array;
  close(): void;
}
