/** Streams. */
import { family } from "./row.ts";

export const streamCommands = family({ group: "stream", categories: "stream", host: false }, []);
