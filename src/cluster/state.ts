/**
 * What one node knows of its cluster: the nodes, the owner of each slot, the epochs. Only
 * bookkeeping lives here (both directions of each relation stay in step); decisions are made in the
 * files beside.
 */
import { assert } from "../base/assert.ts";
import { NodeFlag, SLOT_BITMAP_BYTES, SLOT_COUNT } from "./bus-message.ts";
import type { LinkId } from "./effects.ts";
import { addSlot, removeSlot } from "./slot-bitmap.ts";

/** The role among the flags that a peer sent, one at most: nodes.conf with both would not load. */
export function roleFlag(flags: number): number {
  return (flags & NodeFlag.primary) !== 0 ? NodeFlag.primary : flags & NodeFlag.replica;
}

/** One TCP connection of the bus. */
export interface Link {
  readonly id: LinkId;
  readonly inbound: boolean;
  readonly createdMs: number;
  /** Outbound: the node we connect to. Inbound: the sender, once a message named a known one. */
  node: ClusterNode | null;
  /** False while an outbound link is still connecting. */
  open: boolean;
  localIp: string;
  remoteIp: string;
}

/** A node of the cluster, ourselves included. Times are milliseconds; 0 means never. */
export class ClusterNode {
  ip = "";
  /** Client port; the TLS one when the cluster talks TLS. */
  port = 0;
  plainPort = 0;
  busPort = 0;
  hostname = "";
  configEpoch = 0;
  readonly slots = new Uint8Array(SLOT_BITMAP_BYTES);
  slotCount = 0;
  primary: ClusterNode | null = null;
  readonly replicas: ClusterNode[] = [];
  /** When the ping was sent that still has no pong; 0: none under way. */
  pingSentMs = 0;
  pongReceivedMs = 0;
  /** When any message last came from it. */
  dataReceivedMs = 0;
  failedMs = 0;
  /** When we last voted for a replica of this primary. */
  votedMs = 0;
  /** Since when this primary has no working replica. */
  orphanedMs = 0;
  replicationOffset = 0;
  link: Link | null = null;
  inboundLink: Link | null = null;
  /** Who reported it as failing, and when. */
  readonly failReports = new Map<ClusterNode, number>();

  constructor(
    public id: string,
    public flags: number,
    public readonly createdMs: number,
  ) {}

  is(flag: number): boolean {
    return (this.flags & flag) !== 0;
  }

  get isPrimary(): boolean {
    return this.is(NodeFlag.primary);
  }

  get isReplica(): boolean {
    return this.is(NodeFlag.replica);
  }

  get inHandshake(): boolean {
    return this.is(NodeFlag.handshake);
  }

  /** PFAIL: we alone suspect it. */
  get isSuspected(): boolean {
    return this.is(NodeFlag.pfail);
  }

  get isFailed(): boolean {
    return this.is(NodeFlag.fail);
  }

  get hasAddress(): boolean {
    return !this.is(NodeFlag.noAddress);
  }

  get workingReplicaCount(): number {
    let count = 0;
    for (const replica of this.replicas) if (!replica.isFailed) count++;
    return count;
  }
}

export class ClusterState {
  readonly nodes = new Map<string, ClusterNode>();
  readonly links = new Map<LinkId, Link>();
  readonly owners: (ClusterNode | null)[] = new Array(SLOT_COUNT).fill(null);
  /** Change these through `setMigrating` and `setImporting`. */
  readonly migratingTo = new Map<number, ClusterNode>();
  readonly importingFrom = new Map<number, ClusterNode>();
  /** Counts changes of what the engine must know about slots. */
  slotRevision = 0;
  /** Node IDs that gossip must not bring back, and until when (milliseconds). */
  readonly blacklist = new Map<string, number>();
  currentEpoch = 0;
  lastVoteEpoch = 0;
  state: "ok" | "fail" = "fail";
  /** Primaries that serve at least one slot, as of the last look at the cluster's health. */
  size = 1;
  /** PFAIL nodes, as counted by the last tick; gossip carries all of them. */
  suspectedCount = 0;

  constructor(public readonly myself: ClusterNode) {
    this.nodes.set(myself.id, myself);
  }

  find(id: string): ClusterNode | null {
    return this.nodes.get(id) ?? null;
  }

  add(node: ClusterNode): void {
    assert(!this.nodes.has(node.id), `node ${node.id} is known already`);
    this.nodes.set(node.id, node);
  }

  rename(node: ClusterNode, id: string): void {
    assert(!this.nodes.has(id), `node ${id} is known already`);
    this.nodes.delete(node.id);
    node.id = id;
    this.nodes.set(id, node);
    this.slotRevision++;
  }

  /** Takes a node and its traces out of the tables; its links must be closed already. */
  remove(node: ClusterNode): void {
    assert(node !== this.myself, "a node stays in its own table");
    for (const [slot, target] of this.migratingTo) {
      if (target === node) this.setMigrating(slot, null);
    }
    for (const [slot, source] of this.importingFrom) {
      if (source === node) this.setImporting(slot, null);
    }
    this.unassignAll(node);
    for (const other of this.nodes.values()) other.failReports.delete(node);
    for (const replica of node.replicas) replica.primary = null;
    node.replicas.length = 0;
    this.detachReplica(node);
    this.nodes.delete(node.id);
  }

  /**
   * A primary with a replica becomes a target of replica migration if it ever loses all of them.
   */
  attachReplica(primary: ClusterNode, replica: ClusterNode): void {
    assert(primary !== replica, "a node does not replicate itself");
    this.detachReplica(replica);
    replica.primary = primary;
    primary.replicas.push(replica);
    primary.flags |= NodeFlag.migrateTo;
    this.slotRevision++;
  }

  detachReplica(replica: ClusterNode): void {
    const { primary } = replica;
    if (primary === null) return;
    const index = primary.replicas.indexOf(replica);
    if (index >= 0) primary.replicas.splice(index, 1);
    if (primary.replicas.length === 0) primary.flags &= ~NodeFlag.migrateTo;
    replica.primary = null;
    this.slotRevision++;
  }

  /** The slot must have no owner. A primary's first slot makes it a target of replica migration. */
  assign(slot: number, node: ClusterNode): void {
    assert(this.owners[slot] === null, `slot ${slot} has an owner`);
    this.owners[slot] = node;
    addSlot(node.slots, slot);
    node.slotCount++;
    this.slotRevision++;
    if (node.slotCount === 1 && this.anyPrimaryHasReplicas()) node.flags |= NodeFlag.migrateTo;
  }

  unassign(slot: number): void {
    const owner = this.owners[slot] ?? null;
    if (owner === null) return;
    removeSlot(owner.slots, slot);
    owner.slotCount--;
    this.owners[slot] = null;
    this.slotRevision++;
  }

  unassignAll(node: ClusterNode): void {
    if (node.slotCount === 0) return;
    for (let slot = 0; slot < SLOT_COUNT; slot++) {
      if (this.owners[slot] === node) this.unassign(slot);
    }
  }

  setMigrating(slot: number, target: ClusterNode | null): void {
    if (target === null) this.migratingTo.delete(slot);
    else this.migratingTo.set(slot, target);
    this.slotRevision++;
  }

  setImporting(slot: number, source: ClusterNode | null): void {
    if (source === null) this.importingFrom.delete(slot);
    else this.importingFrom.set(slot, source);
    this.slotRevision++;
  }

  closeAllSlots(): void {
    this.migratingTo.clear();
    this.importingFrom.clear();
    this.slotRevision++;
  }

  /** The greatest epoch that this node has seen anywhere. */
  get maxEpoch(): number {
    let max = this.currentEpoch;
    for (const node of this.nodes.values()) max = Math.max(max, node.configEpoch);
    return max;
  }

  /** Votes that decide an election or a FAIL. */
  get quorum(): number {
    return Math.floor(this.size / 2) + 1;
  }

  private anyPrimaryHasReplicas(): boolean {
    for (const node of this.nodes.values()) {
      if (!node.isReplica && node.replicas.length > 0) return true;
    }
    return false;
  }
}
