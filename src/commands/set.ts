/** Sets. */
import { family } from "./row.ts";

export const setCommands = family({ group: "set", categories: "set", host: false }, []);
