/** What XDEL and XTRIM have in common. Behaviour: Redis 7.0 t_stream.c. */
import { Notify } from "../../abi";
import { Arg, slot } from "../../base/frame";
import { currentDatabase, lookupWrite, willChange } from "../../keyspace/keyspace";
import { notify } from "../../keyspace/notify";
import { replyInt } from "../../protocol/reply";
import { Writes } from "../writes";
import { checkStreamType } from "./lookup";

/** The entry of the stream that the command takes from; 0: what there was to say was replied. */
export function lookupRemoval(): usize {
  const e = lookupWrite(currentDatabase(), slot, Arg.ptr(1), Arg.length(1));
  if (e == 0) {
    replyInt(0);
    return 0;
  }
  return checkStreamType(e) ? e : 0;
}

/** Tells everybody but the journal that `deleted` entries (above 0) are gone. */
export function noteRemoval(e: usize, deleted: u32, event: string): void {
  const database = currentDatabase();
  willChange(database, slot, e);
  notify(Notify.Stream, event, database.index, Arg.ptr(1), Arg.length(1));
  Writes.many(deleted);
}
