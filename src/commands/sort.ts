/** SORT, over lists, sets and sorted sets. */
import { family } from "./row.ts";

export const sortCommands = family(
  { group: "generic", categories: "set sortedset list", host: false },
  [],
);
