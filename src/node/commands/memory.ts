import { Command } from "../../../assembly/abi.ts";
import { helpReply } from "../../commands/introspect.ts";
import { container, type Handler, syntaxError } from "../call.ts";

/** MEMORY, as far as the host runs it: what looks at a key is the engine's. */
export const memoryHandlers: ReadonlyMap<Command, Handler> = new Map<Command, Handler>([
  [
    Command.Memory,
    container({
      help: (call) => helpReply(call.node.modules.commands.lookup("memory")!) ?? syntaxError,
    }),
  ],
]);
