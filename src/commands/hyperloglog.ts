/** Counting what is different. */
import { family } from "./row.ts";

export const hyperLogLogCommands = family(
  { group: "hyperloglog", categories: "hyperloglog", host: false },
  [],
);
