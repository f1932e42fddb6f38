/** What the node does and says as a primary or as a replica. */
import { Gate, Setting } from "../../assembly/settings.ts";
import { array, bulk, error, integer, type ReplyValue } from "../base/reply.ts";
import type { ReplicationCore } from "../replication/core.ts";
import type { RoleReply } from "../replication/info.ts";
import type { Node } from "./node.ts";

/** Redis's last answer to clients that wait while their server becomes a replica (disconnectAllBlockedClients). */
const unblocked = error(
  "UNBLOCKED force unblock from blocking operation, instance state changed (master -> replica?)",
);

/** Brings the node in line with a role that may be new. */
export function applyRole(node: Node, core: ReplicationCore): void {
  const replica = core.isReplica;
  node.log.role = replica ? "S" : "M";
  node.engine.set(Setting.Replica, replica ? 1 : 0);
  if (replica) {
    node.waits.endAll(unblocked);
    for (const { client } of [...node.blocked]) {
      client.closeAfterReply = true;
      node.unblock(client, unblocked);
    }
  }
  // What CONFIG GET replicaof shows and CONFIG REWRITE writes.
  if (!node.configuration.get("cluster-enabled")) {
    node.configuration.overwrite("replicaof", core.primaryAddress ?? undefined);
  }
}

/** Opens and closes the gates that depend on replicas and on the primary's link. */
export function applyGates(node: Node, core: ReplicationCore, goodReplicas: number): void {
  const { configuration } = node;
  const least = configuration.get("min-replicas-to-write");
  const guarded = !core.isReplica && least > 0 && configuration.get("min-replicas-max-lag") > 0;
  node.setGate(Gate.NoReplicas, guarded && goodReplicas < least);
  const down = core.isReplica && !core.linkUp;
  node.setGate(Gate.MasterDown, down && !configuration.get("replica-serve-stale-data"));
  node.setGate(Gate.ReadOnlyReplica, core.isReplica && configuration.get("replica-read-only"));
}

/** The answer to ROLE. */
export function roleReply(role: RoleReply): ReplyValue {
  if (role.role === "slave") {
    const { host, port, state, offset } = role;
    return array([bulk("slave"), bulk(host), integer(port), bulk(state), integer(offset)]);
  }
  const replicas = role.replicas.map(({ ip, port, offset }) =>
    array([bulk(ip), bulk(String(port)), bulk(String(offset))]),
  );
  return array([bulk("master"), integer(role.offset), array(replicas)]);
}
