/** Hashes. */
import { family } from "./row.ts";

export const hashCommands = family({ group: "hash", categories: "hash", host: false }, []);
