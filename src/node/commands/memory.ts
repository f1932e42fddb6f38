import { Command } from "../../../assembly/abi.ts";
import { error, integer, nullValue, type ReplyValue } from "../../base/reply.ts";
import { helpReply } from "../../commands/introspect.ts";
import { container, type Handler, type HostCall, notAnInteger, syntaxError } from "../call.ts";

/** MEMORY. */
export const memoryHandlers: ReadonlyMap<Command, Handler> = new Map<Command, Handler>([
  [
    Command.Memory,
    container({
      usage,
      help: (call) => helpReply(call.node.modules.commands.lookup("memory")!) ?? syntaxError,
    }),
  ],
]);

/** The engine knows the size of each allocation, so SAMPLES is checked and has nothing to sample. */
function usage(call: HostCall): ReplyValue {
  for (let at = 3; at < call.count; at += 2) {
    if (call.word(at) !== "samples" || at + 1 >= call.count) return syntaxError;
    const samples = call.integer(at + 1);
    if (samples === undefined) return notAnInteger;
    if (samples < 0) return error("ERR syntax error");
  }
  const facts = call.node.engine.inspect(2);
  return facts === undefined ? nullValue : integer(facts.bytes);
}
