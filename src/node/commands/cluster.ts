import { Command } from "../../../assembly/command-ids.ts";
import { latin1Text } from "../../base/bytes.ts";
import {
  array,
  bulk,
  bulks,
  error,
  integer,
  map,
  nullValue,
  type ReplyValue,
  simple,
  verbatim,
} from "../../base/reply.ts";
import type { AdminReply } from "../../cluster/effects.ts";
import type { AdminCommand } from "../../cluster/events.ts";
import type { LinkDescription, Shard, SlotsNode, SlotsRange } from "../../cluster/queries.ts";
import { helpReply } from "../../commands/introspect.ts";
import {
  container,
  type Handler,
  type HostCall,
  notAnInteger,
  subcommandSyntaxError,
  syntaxError,
} from "../call.ts";
import type { ClusterRuntime } from "../cluster.ts";

const slotCount = 16384;

/** Subcommands of CLUSTER: they translate between arguments, the core, and reply shapes. */
type ClusterHandler = (cluster: ClusterRuntime, call: HostCall) => ReplyValue;

/** The handler of CLUSTER; `cluster` is undefined on a node without cluster mode. */
export function clusterHandlers(
  cluster: ClusterRuntime | undefined,
): ReadonlyMap<Command, Handler> {
  const subcommands: Record<string, Handler> = {};
  for (const [name, handler] of Object.entries(handlers)) {
    subcommands[name] = (call) => (cluster === undefined ? disabled : handler(cluster, call));
  }
  subcommands["help"] = (call) =>
    cluster === undefined
      ? disabled
      : (helpReply(call.node.modules.commands.lookup("cluster")!) ?? syntaxError);
  return new Map([[Command.Cluster, container(subcommands)]]);
}

const disabled = error("ERR This instance has cluster support disabled");

const handlers: Readonly<Record<string, ClusterHandler>> = {
  // Looking.
  info: (cluster) => verbatim(cluster.core.queries.info()),
  myid: (cluster) => bulk(cluster.core.queries.myId),
  nodes: (cluster) => verbatim(cluster.core.queries.nodes(true)),
  slots: (cluster) => array(cluster.core.queries.slots(true).map(slotsRange)),
  shards: (cluster) => array(cluster.core.queries.shards().map(shard)),
  links: (cluster) => array(cluster.core.queries.links().map((link) => linkReply(cluster, link))),
  replicas,
  slaves: replicas,
  "count-failure-reports": (cluster, call) => {
    const answer = cluster.core.queries.countFailureReports(call.text(2));
    return typeof answer === "number" ? integer(answer) : adminReply(answer);
  },
  keyslot: (_cluster, call) => integer(call.node.engine.slotOfKey(call.bytes(2))),
  countkeysinslot: (cluster, call) => {
    const slot = call.integer(2);
    if (slot === undefined) return notAnInteger;
    if (slot < 0 || slot >= slotCount) return error("ERR Invalid slot");
    return integer(cluster.slotDeletions.countKeys(slot));
  },
  getkeysinslot: (cluster, call) => {
    const slot = call.integer(2);
    const count = slot === undefined ? undefined : call.integer(3);
    if (slot === undefined || count === undefined) return notAnInteger;
    if (slot < 0 || slot >= slotCount || count < 0) {
      return error("ERR Invalid slot or number of keys");
    }
    const { engine } = call.node;
    return bulks(engine.keysInSlot(slot, Math.min(count, cluster.slotDeletions.countKeys(slot))));
  },
  // Changing.
  meet: (cluster, call) => {
    if (call.count !== 4 && call.count !== 5) return subcommandSyntaxError(call);
    const busPort = call.count === 5 ? call.text(4) : null;
    return admin(cluster, { kind: "meet", ip: call.text(2), port: call.text(3), busPort });
  },
  forget: (cluster, call) => admin(cluster, { kind: "forget", nodeId: call.text(2) }),
  replicate: (cluster, call) =>
    admin(cluster, { kind: "replicate", nodeId: call.text(2), dbEmpty: isEmpty(cluster) }),
  failover,
  reset,
  addslots: (cluster, call) => admin(cluster, { kind: "addSlots", slots: texts(call, 2) }),
  delslots: (cluster, call) => admin(cluster, { kind: "delSlots", slots: texts(call, 2) }),
  addslotsrange: (cluster, call) => ranges(cluster, call, "addSlotsRange"),
  delslotsrange: (cluster, call) => ranges(cluster, call, "delSlotsRange"),
  flushslots: (cluster) => admin(cluster, { kind: "flushSlots", dbEmpty: isEmpty(cluster) }),
  setslot: (cluster, call) => {
    const slot = call.integer(2);
    const valid = slot !== undefined && slot >= 0 && slot < slotCount;
    const keysInSlot = valid ? cluster.slotDeletions.countKeys(slot) : 0;
    const action = texts(call, 3);
    return admin(cluster, { kind: "setSlot", slot: call.text(2), action, keysInSlot });
  },
  "set-config-epoch": (cluster, call) =>
    admin(cluster, { kind: "setConfigEpoch", epoch: call.text(2) }),
  bumpepoch: (cluster) => admin(cluster, { kind: "bumpEpoch" }),
  saveconfig: (cluster) => admin(cluster, { kind: "saveConfig" }),
};

function texts(call: HostCall, from: number): string[] {
  return call.argv.slice(from).map(latin1Text);
}

function isEmpty(cluster: ClusterRuntime): boolean {
  cluster.slotDeletions.finishAll();
  return cluster.node.engine.keyCount(0) === 0;
}

function admin(cluster: ClusterRuntime, command: AdminCommand): ReplyValue {
  return adminReply(cluster.admin(command));
}

function adminReply(reply: AdminReply): ReplyValue {
  return reply.kind === "ok" ? simple(reply.text) : error(reply.text);
}

function ranges(
  cluster: ClusterRuntime,
  call: HostCall,
  kind: "addSlotsRange" | "delSlotsRange",
): ReplyValue {
  if (call.count % 2 === 1) {
    return error(`ERR wrong number of arguments for '${call.row.fullName}' command`);
  }
  return admin(cluster, { kind, bounds: texts(call, 2) });
}

function failover(cluster: ClusterRuntime, call: HostCall): ReplyValue {
  if (call.count > 3) return subcommandSyntaxError(call);
  const option = call.word(2);
  if (call.count === 2) return admin(cluster, { kind: "failover", mode: "normal" });
  if (option !== "force" && option !== "takeover") return syntaxError;
  return admin(cluster, { kind: "failover", mode: option });
}

function reset(cluster: ClusterRuntime, call: HostCall): ReplyValue {
  if (call.count > 3) return subcommandSyntaxError(call);
  const option = call.word(2);
  if (call.count === 3 && option !== "hard" && option !== "soft") return syntaxError;
  return admin(cluster, { kind: "reset", hard: option === "hard", dbEmpty: isEmpty(cluster) });
}

function replicas(cluster: ClusterRuntime, call: HostCall): ReplyValue {
  const answer = cluster.core.queries.replicas(call.text(2), true);
  return "kind" in answer ? adminReply(answer) : bulks(answer);
}

// Reply shapes.

function slotsRange({ start, end, nodes }: SlotsRange): ReplyValue {
  return array([integer(start), integer(end), ...nodes.map(slotsNode)]);
}

function slotsNode(node: SlotsNode): ReplyValue {
  const metadata = node.metadata.map(([name, value]) => [bulk(name), bulk(value)] as const);
  return array([
    node.endpoint === null ? nullValue : bulk(node.endpoint),
    integer(node.port),
    bulk(node.id),
    map(metadata),
  ]);
}

function shard({ slots, nodes }: Shard): ReplyValue {
  const members = nodes.map((fields) =>
    map(
      fields.map(
        ([name, value]) =>
          [bulk(name), typeof value === "number" ? integer(value) : bulk(value)] as const,
      ),
    ),
  );
  return map([
    [bulk("slots"), array(slots.map((slot) => integer(slot)))],
    [bulk("nodes"), array(members)],
  ]);
}

function linkReply(cluster: ClusterRuntime, link: LinkDescription): ReplyValue {
  const buffers = cluster.buffersOf(link.linkId);
  return map([
    [bulk("direction"), bulk(link.direction)],
    [bulk("node"), bulk(link.nodeId)],
    [bulk("create-time"), integer(link.createdMs)],
    [bulk("events"), bulk(buffers.usedBytes > 0 ? "rw" : "r")],
    [bulk("send-buffer-allocated"), integer(buffers.allocatedBytes)],
    [bulk("send-buffer-used"), integer(buffers.usedBytes)],
  ]);
}
