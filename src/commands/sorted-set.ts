/** Sorted sets. */
import { family } from "./row.ts";

export const sortedSetCommands = family(
  { group: "sorted-set", categories: "sortedset", host: false },
  [],
);
