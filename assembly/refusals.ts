/** What a command that cannot run is told. Texts: Redis 7.0 server.c, processCommand. */

import { equalsWord } from "./base/bytes";
import { Arg, argc, replyAt } from "./base/frame";
import { Command } from "./command-ids";
import { CommandRow } from "./commands";
import { discardTransaction } from "./keyspace/transaction";
import { beginError, cTextLength, endError, errorBytes, errorText } from "./protocol/reply";

/** A browser talks to us on behalf of some web page: hang up without a word, as Redis does. */
export function isHttp(): bool {
  const name = Arg.ptr(0);
  const length = Arg.length(0);
  return equalsWord(name, length, "post") || equalsWord(name, length, "host:");
}

/** A wrong number of arguments to EXEC ends the transaction too, and its error has no code of its own. */
export function replyArity(row: CommandRow): void {
  beginError();
  if (row.id == Command.Exec) {
    discardTransaction();
    errorText("EXECABORT Transaction discarded because of: ");
  } else errorText("ERR ");
  errorText("wrong number of arguments for '");
  row.writeName();
  errorText("' command");
  endError();
}

/** The container's name in capitals, as Redis writes it here. */
export function replyUnknownSubcommand(container: CommandRow): void {
  beginError();
  errorText("ERR unknown subcommand '");
  errorBytes(Arg.ptr(1), cTextLength(Arg.ptr(1), min<u32>(Arg.length(1), 128)));
  errorText("'. Try ");
  const from = replyAt;
  container.writeName();
  for (let at = from; at < replyAt; at++) {
    const byte = load<u8>(at);
    if (byte >= 97 && byte <= 122) store<u8>(at, byte - 32);
  }
  errorText(" HELP.");
  endError();
}

/** Redis shows at most 128 bytes of the name, and of the arguments as many as begin within 128 bytes. */
export function replyUnknown(): void {
  beginError();
  errorText("ERR unknown command '");
  errorBytes(Arg.ptr(0), cTextLength(Arg.ptr(0), min<u32>(Arg.length(0), 128)));
  errorText("', with args beginning with: ");
  let shown: u32 = 0;
  for (let i: u32 = 1; i < argc && shown < 128; i++) {
    const length = cTextLength(Arg.ptr(i), min<u32>(Arg.length(i), 128 - shown));
    errorText("'");
    errorBytes(Arg.ptr(i), length);
    errorText("' ");
    shown += length + 3;
  }
  endError();
}
