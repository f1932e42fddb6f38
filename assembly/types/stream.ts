/** Stream commands. Behaviour: Redis 7.0 t_stream.c. */
import { Command } from "../command-ids";
import { xAdd, xTrim } from "./stream/add";
import { xAutoClaim, xClaim, xPending } from "./stream/claim";
import { xDel, xLen, xRange, xSetId } from "./stream/entries";
import { xAck, xGroup } from "./stream/groups";
import { xInfo } from "./stream/info";
import { xRead } from "./stream/read";

export function runStream(id: u32): void {
  switch (id) {
    case Command.XAck:
      return xAck();
    case Command.XAdd:
      return xAdd();
    case Command.XAutoClaim:
      return xAutoClaim();
    case Command.XClaim:
      return xClaim();
    case Command.XDel:
      return xDel();
    case Command.XGroup:
      return xGroup();
    case Command.XInfo:
      return xInfo();
    case Command.XLen:
      return xLen();
    case Command.XPending:
      return xPending();
    case Command.XRange:
      return xRange(false);
    case Command.XRead:
    case Command.XReadGroup:
      return xRead();
    case Command.XRevRange:
      return xRange(true);
    case Command.XSetId:
      return xSetId();
    case Command.XTrim:
      return xTrim();
    default:
      unreachable();
  }
}
