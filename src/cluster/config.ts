/** The state as nodes.conf keeps it, there and back. */
import { assert } from "../base/assert.ts";
import { NodeFlag, SLOT_COUNT } from "./bus-message.ts";
import type { NodeRecord, SlotMove } from "./node-line.ts";
import type { ClusterConfig } from "./nodes-conf.ts";
import { hasSlot } from "./slot-bitmap.ts";
import { ClusterNode, ClusterState } from "./state.ts";

export function toConfig(state: ClusterState): ClusterConfig {
  const nodes: NodeRecord[] = [];
  for (const node of state.nodes.values()) {
    if (!node.inHandshake) nodes.push(toRecord(state, node, node.port));
  }
  return { nodes, currentEpoch: state.currentEpoch, lastVoteEpoch: state.lastVoteEpoch };
}

/** `port` is the client port to show. */
export function toRecord(state: ClusterState, node: ClusterNode, port: number): NodeRecord {
  const isMyself = node === state.myself;
  const moves = (map: ReadonlyMap<number, ClusterNode>): SlotMove[] =>
    isMyself ? [...map].map(([slot, { id }]) => ({ slot, nodeId: id })) : [];
  // A replica is shown under its primary's epoch.
  const { configEpoch } = node.isReplica ? (node.primary ?? node) : node;
  return {
    id: node.id,
    ip: node.ip,
    port,
    busPort: node.busPort,
    hostname: node.hostname,
    flags: node.flags,
    primaryId: node.primary?.id ?? "",
    pingSentMs: node.pingSentMs,
    pongReceivedMs: node.pongReceivedMs,
    configEpoch,
    connected: isMyself || node.link !== null,
    slots: node.slots.slice(),
    migrating: moves(state.migratingTo),
    importing: moves(state.importingFrom),
  };
}

/**
 * A fresh state from a checked file: exactly one record is marked myself, no slot has two owners.
 */
export function fromConfig(config: ClusterConfig, nowMs: number): ClusterState {
  const own = config.nodes.find((record) => (record.flags & NodeFlag.myself) !== 0);
  assert(own !== undefined, "a configuration names its own node");
  const state = new ClusterState(fromRecord(own, nowMs));
  for (const record of config.nodes) if (record !== own) state.add(fromRecord(record, nowMs));
  for (const record of config.nodes) relate(state, record, nowMs);
  state.currentEpoch = config.currentEpoch;
  state.lastVoteEpoch = config.lastVoteEpoch;
  state.currentEpoch = state.maxEpoch;
  return state;
}

function fromRecord(record: NodeRecord, nowMs: number): ClusterNode {
  const node = new ClusterNode(record.id, record.flags, nowMs);
  node.ip = record.ip;
  node.port = record.port;
  node.busPort = record.busPort;
  node.hostname = record.hostname;
  if (node.isFailed) node.failedMs = nowMs;
  // Times of a former life say nothing about now, but that there was a ping under way does.
  if (record.pingSentMs !== 0) node.pingSentMs = nowMs;
  if (record.pongReceivedMs !== 0) node.pongReceivedMs = nowMs;
  const isReplica = node.isReplica && record.primaryId !== "";
  node.configEpoch = isReplica ? 0 : record.configEpoch;
  return node;
}

function relate(state: ClusterState, record: NodeRecord, nowMs: number): void {
  const node = findOrAdd(state, record.id, nowMs);
  if (node.isReplica && record.primaryId !== "" && record.primaryId !== record.id) {
    state.attachReplica(findOrAdd(state, record.primaryId, nowMs), node);
  }
  for (let slot = 0; slot < SLOT_COUNT; slot++) {
    if (hasSlot(record.slots, slot)) state.assign(slot, node);
  }
  for (const { slot, nodeId } of record.migrating) {
    state.setMigrating(slot, findOrAdd(state, nodeId, nowMs));
  }
  for (const { slot, nodeId } of record.importing) {
    state.setImporting(slot, findOrAdd(state, nodeId, nowMs));
  }
}

/** A node that is named but not described waits for someone to tell its address. */
function findOrAdd(state: ClusterState, id: string, nowMs: number): ClusterNode {
  const known = state.find(id);
  if (known !== null) return known;
  const node = new ClusterNode(id, NodeFlag.noAddress, nowMs);
  state.add(node);
  return node;
}
