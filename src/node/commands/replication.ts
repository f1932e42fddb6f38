import { Command } from "../../../assembly/abi.ts";
import type { Handler } from "../call.ts";
import type { NodeReplication } from "../replication.ts";

/** REPLICAOF SLAVEOF REPLCONF PSYNC SYNC. */
export function replicationHandlers(replication: NodeReplication): ReadonlyMap<Command, Handler> {
  return new Map<Command, Handler>([
    [Command.ReplicaOf, (call) => replication.replicaof(call)],
    [Command.SlaveOf, (call) => replication.replicaof(call)],
    [Command.ReplConf, (call) => replication.replconf(call)],
    [Command.PSync, (call) => replication.psync(call)],
    [Command.Sync, (call) => replication.syncCommand(call)],
  ]);
}
