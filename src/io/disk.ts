import {
  close,
  closeSync,
  fsync,
  fsyncSync,
  openSync,
  readFileSync,
  renameSync,
  unlinkSync,
  writeSync,
} from "node:fs";
import { dirname } from "node:path";
import { getSystemErrorMap } from "node:util";
import { latin1Text } from "../base/bytes.ts";
import type { ConfigEnvironment } from "../config/directive.ts";
import { failure, type Outcome, success } from "../config/directive.ts";

/** The C library's text for a failed system call: `No such file or directory`. */
export function systemErrorText(reason: unknown): string {
  const { code, message } = reason as { readonly code?: string; readonly message?: string };
  return code === undefined ? (message ?? String(reason)) : errorCodeText(code);
}

export function errorCodeText(code: string): string {
  for (const [, [name, text]] of getSystemErrorMap()) {
    if (name === code) return text.charAt(0).toUpperCase() + text.slice(1);
  }
  return code;
}

/** The text for an error number of the system's. */
export function errorNumberText(errno: number): string {
  const [name] = getSystemErrorMap().get(-errno) ?? [`error ${errno}`];
  return errorCodeText(name);
}

export function readText(path: string): Outcome<string, string> {
  try {
    return success(latin1Text(readFileSync(path)));
  } catch (reason) {
    return failure(systemErrorText(reason));
  }
}

/**
 * Replaces a file as a whole: temporary file beside it, fsync, rename, fsync of the directory. After a
 * crash either the old or the new content is there. Answers the reason when it cannot be done.
 */
export function replaceFile(path: string, content: Uint8Array): string | undefined {
  const temporary = `${path}.tmp-${process.pid}`;
  try {
    const file = openSync(temporary, "w", 0o644);
    try {
      for (let at = 0; at < content.length; ) at += writeSync(file, content, at);
      fsyncSync(file);
    } finally {
      closeSync(file);
    }
    renameSync(temporary, path);
    syncDirectory(dirname(path));
    return undefined;
  } catch (reason) {
    try {
      unlinkSync(temporary);
    } catch {
      // It was never made.
    }
    return systemErrorText(reason);
  }
}

/** Makes a rename or a new name in the directory last. */
export function syncDirectory(path: string): void {
  const directory = openSync(path, "r");
  try {
    fsyncSync(directory);
  } finally {
    closeSync(directory);
  }
}

/** As `syncDirectory` without blocking; a text is why it failed. */
export function syncDirectoryLater(
  path: string,
  done: (failure: string | undefined) => void,
): void {
  let directory: number;
  try {
    directory = openSync(path, "r");
  } catch (reason) {
    done(systemErrorText(reason));
    return;
  }
  fsync(directory, (reason) => {
    closeLater(directory);
    done(reason === null || reason === undefined ? undefined : systemErrorText(reason));
  });
}

/**
 * Closes a file in the background. When it has no name any more its pages go then, which takes milliseconds for some
 * hundred megabytes.
 */
export function closeLater(descriptor: number): void {
  close(descriptor, () => undefined);
}

/** Renames a file over another one, which is let go of in the background. */
export function renameOver(from: string, to: string): void {
  let old: number | undefined;
  try {
    old = openSync(to, "r");
  } catch {
    // There is none, or it cannot be read: then it goes at once.
  }
  try {
    renameSync(from, to);
  } finally {
    if (old !== undefined) closeLater(old);
  }
}

/** The outside world as reading a configuration needs it. */
export function configEnvironment(isCommand: (name: string) => boolean): ConfigEnvironment {
  return {
    readFile: readText,
    expandPattern: (pattern) => [...new Bun.Glob(pattern).scanSync({ dot: true })].sort(),
    changeDirectory: (path) => {
      try {
        process.chdir(path);
        return success(process.cwd());
      } catch (reason) {
        return failure(systemErrorText(reason));
      }
    },
    logFileFault: (path) => {
      try {
        closeSync(openSync(path, "a"));
        return undefined;
      } catch (reason) {
        return systemErrorText(reason);
      }
    },
    isCommand,
    userFault: () => undefined,
  };
}
