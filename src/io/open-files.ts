import { readFileSync } from "node:fs";
import type { Logger } from "../base/log.ts";
import type { Configuration } from "../config/configuration.ts";

/** Descriptors for files, listeners and the runtime (CONFIG_MIN_RESERVED_FDS). */
const reserved = 32;

/**
 * Keeps `maxclients` below what the process may open (adjustOpenFilesLimit in Redis's server.c), so that
 * clients never take the descriptors that nodes.conf and snapshots need. The runtime has raised the soft
 * limit to the hard one by now. False when even one client would not fit (the reason is logged).
 */
export function fitClientsIntoLimit(configuration: Configuration, log: Logger): boolean {
  const limit = openFilesMax();
  const room = limit - reserved;
  if (room < 1) {
    log.warning(
      `Your current 'ulimit -n' of ${limit} is not enough for the server to start. Exiting.`,
    );
    return false;
  }
  const wanted = configuration.get("maxclients");
  if (wanted > room) {
    configuration.overwrite("maxclients", BigInt(room));
    log.warning(
      `Current maximum open files is ${limit}. maxclients has been reduced from ${wanted} to ${room} ` +
        "to compensate for low ulimit. If you need higher maxclients increase 'ulimit -n'.",
    );
  }
  configuration.onChange(["maxclients"], () =>
    configuration.get("maxclients") <= room
      ? undefined
      : "The operating system is not able to handle the specified number of clients, " +
        `try with ${room}`,
  );
  return true;
}

/** Infinity where the system does not tell. */
function openFilesMax(): number {
  try {
    const soft = /^Max open files +(\d+)/m.exec(readFileSync("/proc/self/limits", "latin1"))?.[1];
    return soft === undefined ? Number.POSITIVE_INFINITY : Number(soft);
  } catch {
    return Number.POSITIVE_INFINITY;
  }
}
