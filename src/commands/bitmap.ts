/** Strings as arrays of bits. */
import { family } from "./row.ts";

export const bitmapCommands = family({ group: "bitmap", categories: "bitmap", host: false }, []);
