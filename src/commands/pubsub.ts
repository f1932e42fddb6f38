/** Messages to whoever listens. */
import { family } from "./row.ts";

export const pubSubCommands = family({ group: "pubsub", categories: "pubsub", host: true }, []);
