import {
  closeSync,
  fstatSync,
  fsyncSync,
  openSync,
  readFileSync,
  renameSync,
  statSync,
  unlinkSync,
  writeSync,
} from "node:fs";
import { dirname } from "node:path";
import {
  type ClusterConfig,
  parseClusterConfig,
  serializeClusterConfig,
} from "../cluster/nodes-conf.ts";
import { syncDirectory, systemErrorText } from "./disk.ts";
import { type FileLock, loadFileLock } from "./file-lock.ts";

/** What opening the file came to: the cluster it tells of (null: none yet), or why the node cannot start. */
export type OpenedClusterFile =
  | { readonly config: ClusterConfig | null }
  | { readonly failure: string };

/**
 * `nodes.conf` on disk. It is locked (flock) from start to end, so that two nodes never share one. Each save writes
 * a temporary file, locks and fsyncs it, renames it over the old one and fsyncs the directory: at any
 * moment the name stands for a whole, locked file.
 */
export class ClusterFile {
  private descriptor = -1;
  private readonly lock: FileLock | undefined = loadFileLock();
  private lastText = "";

  constructor(private readonly path: string) {}

  /** Locks the file, making an empty one where there is none, and reads it. */
  open(): OpenedClusterFile {
    const failure = this.openLocked();
    if (failure !== undefined) return { failure };
    const bytes = new Uint8Array(readFileSync(this.path));
    if (bytes.length === 0) return { config: null };
    const parsed = parseClusterConfig(bytes);
    if ("config" in parsed) return { config: parsed.config };
    return {
      failure:
        "Unrecoverable error: corrupted cluster config file. " +
        `(${this.path}, line ${parsed.line}: ${parsed.reason})`,
    };
  }

  private openLocked(): string | undefined {
    // The file may be replaced between opening and locking: then the lock is on a file without a name.
    for (let attempt = 0; attempt < 100; attempt++) {
      try {
        this.descriptor = openSync(this.path, "a+", 0o644);
      } catch (reason) {
        return `Can't open ${this.path} in order to acquire a lock: ${systemErrorText(reason)}`;
      }
      if (this.lock !== undefined && !this.lock(this.descriptor)) {
        this.close();
        return (
          `Sorry, the cluster configuration file ${this.path} is already used by a different Redis ` +
          "Cluster node. Please make sure that different nodes use different cluster configuration " +
          "files."
        );
      }
      if (this.isCurrent()) return undefined;
      this.close();
    }
    return `Can't lock ${this.path}: it is being replaced all the time`;
  }

  private isCurrent(): boolean {
    try {
      return statSync(this.path).ino === fstatSync(this.descriptor).ino;
    } catch {
      return false;
    }
  }

  /** Saves the cluster's state; when this returns undefined it lasts. A text is why it could not be saved. */
  save(config: ClusterConfig): string | undefined {
    const content = serializeClusterConfig(config);
    const text = Buffer.from(content.buffer, content.byteOffset, content.length).toString("latin1");
    if (text === this.lastText) return undefined;
    // One name for all: the lock keeps others out, and what a killed process left is written over.
    const temporary = `${this.path}.tmp`;
    let descriptor = -1;
    try {
      descriptor = openSync(temporary, "w", 0o644);
      this.lock?.(descriptor);
      for (let at = 0; at < content.length; ) at += writeSync(descriptor, content, at);
      fsyncSync(descriptor);
      renameSync(temporary, this.path);
      syncDirectory(dirname(this.path));
    } catch (reason) {
      this.discard(descriptor, temporary);
      return systemErrorText(reason);
    }
    this.close();
    this.descriptor = descriptor;
    this.lastText = text;
    return undefined;
  }

  private discard(descriptor: number, temporary: string): void {
    try {
      if (descriptor >= 0) closeSync(descriptor);
      unlinkSync(temporary);
    } catch {
      // It was never made.
    }
  }

  /** Lets go of the lock. */
  close(): void {
    if (this.descriptor >= 0) closeSync(this.descriptor);
    this.descriptor = -1;
  }
}
