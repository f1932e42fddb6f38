import { Command } from "../../../assembly/command-ids.ts";
import { latin1Text } from "../../base/bytes.ts";
import { error, type ReplyValue } from "../../base/reply.ts";
import type { Handler, HostCall } from "../call.ts";
import { type HostReply, silent } from "../host-reply.ts";
import type { NodeReplication } from "../replication.ts";

/** REPLICAOF SLAVEOF REPLCONF PSYNC SYNC. The core writes their replies. */
export function replicationHandlers(replication: NodeReplication): ReadonlyMap<Command, Handler> {
  return new Map<Command, Handler>([
    [Command.ReplicaOf, (call) => replicaof(replication, call)],
    [Command.SlaveOf, (call) => replicaof(replication, call)],
    [Command.ReplConf, (call) => replconf(replication, call)],
    [Command.PSync, (call) => psync(replication, call)],
    [Command.Sync, (call) => sync(replication, call, null)],
  ]);
}

function replicaof(replication: NodeReplication, call: HostCall): HostReply {
  const { node } = call;
  const waiting = node.blocked.size + node.waits.size;
  const reply = replication.onCall(call, {
    kind: "replicaof",
    clientId: call.client.id,
    host: call.text(1),
    port: call.text(2),
    clientInfo: node.clients.describe(call.client, call.nowMs),
  });
  // Clients that waited were let go with an error.
  if (node.blocked.size + node.waits.size < waiting) call.countFailure();
  return reply;
}

function replconf(replication: NodeReplication, call: HostCall): HostReply {
  if (replication.isFromPrimary(call.client)) {
    if (call.word(1) === "getack") replication.acknowledge();
    return silent;
  }
  const args = call.argv.slice(1).map(latin1Text);
  return replication.onCall(call, { kind: "replconf", clientId: call.client.id, args });
}

function psync(replication: NodeReplication, call: HostCall): HostReply {
  if (call.count > 3 && call.word(3) === "failover") {
    const refusal = takeOver(replication, call);
    if (refusal !== undefined) return refusal;
  }
  return sync(replication, call, { replid: call.text(1), offset: call.text(2) });
}

function sync(
  replication: NodeReplication,
  call: HostCall,
  request: { readonly replid: string; readonly offset: string } | null,
): HostReply {
  const { link, id } = call.client;
  const peerIp = link.remoteAddress.replace(/:\d+$/, "").replace(/^\[(.*)\]$/, "$1");
  const pendingOutput = link.pendingBytes > 0;
  return replication.onCall(call, { kind: "sync", clientId: id, peerIp, pendingOutput, request });
}

/** PSYNC ... FAILOVER: our primary hands its role to us (FAILOVER of Redis 6.2). */
function takeOver(replication: NodeReplication, call: HostCall): ReplyValue | undefined {
  if (!replication.isReplica) return error("ERR PSYNC FAILOVER can't be sent to a master.");
  if (call.word(1) !== replication.id) {
    return error("ERR PSYNC FAILOVER replid must match my replid.");
  }
  call.node.log.warning(`Failover request received for replid ${call.word(1)}.`);
  replication.becomePrimary();
  return undefined;
}
