import { Command } from "../../../assembly/command-ids.ts";
import { error, ok, type ReplyValue, simple } from "../../base/reply.ts";
import { type Handler, type HostCall, syntaxError } from "../call.ts";
import type { Persistence } from "../persistence.ts";

/** SAVE BGSAVE. */
export function persistenceHandlers(persistence: Persistence): ReadonlyMap<Command, Handler> {
  return new Map<Command, Handler>([
    [Command.Save, () => save(persistence)],
    [Command.BgSave, (call) => backgroundSave(persistence, call)],
  ]);
}

function save(persistence: Persistence): ReplyValue {
  switch (persistence.saveNow()) {
    case "busy":
      return busy;
    case "failed":
      return error("ERR");
    case undefined:
      return ok;
  }
}

function backgroundSave(persistence: Persistence, call: HostCall): ReplyValue {
  if (call.count > 2 || (call.count === 2 && call.word(1) !== "schedule")) return syntaxError;
  switch (persistence.saveInBackground()) {
    case "busy":
      return busy;
    case "failed":
      return error("ERR");
    case undefined:
      return simple("Background saving started");
  }
}

const busy = error("ERR Background save already in progress");
