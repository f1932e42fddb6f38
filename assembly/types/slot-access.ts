/** ASKING, READONLY, READWRITE: which slots of others a client may reach. Behaviour: Redis 7.0 cluster.c. */
import { ClientFlag } from "../abi";
import { changeFlags, clusterEnabled } from "../base/frame";
import { replyError, replyOk } from "../protocol/reply";

export function asking(): void {
  if (!clusterEnabled) {
    replyError("ERR This instance has cluster support disabled");
    return;
  }
  changeFlags(0, ClientFlag.Asking);
  replyOk();
}

export function readOnly(on: bool): void {
  if (!clusterEnabled) {
    replyError("ERR This instance has cluster support disabled");
    return;
  }
  if (on) changeFlags(0, ClientFlag.ReadOnly);
  else changeFlags(ClientFlag.ReadOnly, 0);
  replyOk();
}
