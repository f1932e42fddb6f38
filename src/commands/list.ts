/** Lists. */
import { family } from "./row.ts";

export const listCommands = family({ group: "list", categories: "list", host: false }, []);
