/** Places on earth, kept in sorted sets. */
import { family } from "./row.ts";

export const geoCommands = family({ group: "geo", categories: "geo", host: false }, []);
