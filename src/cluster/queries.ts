/**
 * What the CLUSTER subcommands that only ask show: plain data in the order of Redis 7.0's replies.
 */
import {
  MESSAGE_TYPE_LABELS,
  MessageType,
  type MessageTypeName,
  SLOT_COUNT,
} from "./bus-message.ts";
import { toConfig, toRecord } from "./config.ts";
import type { ClusterContext } from "./context.ts";
import type { AdminReply, LinkId, SlotState } from "./effects.ts";
import { failReportCount } from "./failure.ts";
import { nodeLine } from "./node-line.ts";
import type { ClusterConfig } from "./nodes-conf.ts";
import { slotRanges } from "./slot-bitmap.ts";
import { slotState } from "./slots.ts";
import type { ClusterNode } from "./state.ts";

/** Where to send a client: `MOVED slot host:port`. `host` may be "" (unknown-endpoint) or "?". */
export interface Endpoint {
  readonly host: string;
  readonly port: number;
}

/**
 * One node in CLUSTER SLOTS: endpoint (null: RESP null), port, ID, then a map of what else is
 * known.
 */
export interface SlotsNode {
  readonly endpoint: string | null;
  readonly port: number;
  readonly id: string;
  readonly metadata: readonly (readonly [name: string, value: string])[];
}

export interface SlotsRange {
  readonly start: number;
  readonly end: number;
  /** The primary first, then its replicas that have data. */
  readonly nodes: readonly SlotsNode[];
}

/** One node in CLUSTER SHARDS: a map; numbers are integers, texts bulk strings. */
export type ShardNode = readonly (readonly [name: string, value: string | number])[];

export interface Shard {
  /** Start and end of each range in turns. */
  readonly slots: readonly number[];
  readonly nodes: readonly ShardNode[];
}

/**
 * One link in CLUSTER LINKS. The reply's map is direction, node, create-time, events,
 * send-buffer-allocated, send-buffer-used; the last three are the shell's, by linkId.
 */
export interface LinkDescription {
  readonly linkId: LinkId;
  readonly direction: "to" | "from";
  readonly nodeId: string;
  readonly createdMs: number;
}

const messageTypes = Object.keys(MessageType) as MessageTypeName[];

/** `plainClient`: the client is not on TLS; in a TLS cluster it is shown plain ports. */
export class ClusterQueries {
  constructor(private readonly context: ClusterContext) {}

  get myId(): string {
    return this.context.myself.id;
  }

  get state(): "ok" | "fail" {
    return this.context.state.state;
  }

  /** Node ID of the primary that we replicate; null: we are a primary, or know none. */
  get primaryId(): string | null {
    return this.context.myself.primary?.id ?? null;
  }

  get isPrimary(): boolean {
    return this.context.myself.isPrimary;
  }

  /**
   * What this node claims for itself: nothing, while it is a replica. The bitmap must not be
   * written.
   */
  get claim(): { readonly configEpoch: number; readonly slots: Uint8Array } | null {
    const { myself } = this.context;
    return myself.isPrimary ? { configEpoch: myself.configEpoch, slots: myself.slots } : null;
  }

  /** Everything that nodes.conf keeps. */
  config(): ClusterConfig {
    return toConfig(this.context.state);
  }

  /** Primaries that serve slots. */
  get size(): number {
    return this.context.state.size;
  }

  slot(slot: number): SlotState {
    return slotState(this.context, slot);
  }

  /** CLUSTER INFO: lines ended by CR LF; a verbatim text in RESP3. */
  info(): string {
    const { state, myself, stats } = this.context;
    const counts = { ok: 0, pfail: 0, fail: 0 };
    for (const owner of state.owners) {
      if (owner === null) continue;
      if (owner.isFailed) counts.fail++;
      else if (owner.isSuspected) counts.pfail++;
      else counts.ok++;
    }
    const shown = myself.isReplica ? (myself.primary ?? myself) : myself;
    const lines: [string, string | number][] = [
      ["cluster_state", state.state],
      ["cluster_slots_assigned", counts.ok + counts.pfail + counts.fail],
      ["cluster_slots_ok", counts.ok],
      ["cluster_slots_pfail", counts.pfail],
      ["cluster_slots_fail", counts.fail],
      ["cluster_known_nodes", state.nodes.size],
      ["cluster_size", state.size],
      ["cluster_current_epoch", state.currentEpoch],
      ["cluster_my_epoch", shown.configEpoch],
    ];
    for (const direction of ["sent", "received"] as const) {
      let total = 0;
      for (const type of messageTypes) {
        const count = stats[direction][type];
        total += count;
        const name = `cluster_stats_messages_${MESSAGE_TYPE_LABELS[type]}_${direction}`;
        if (count > 0) lines.push([name, count]);
      }
      lines.push([`cluster_stats_messages_${direction}`, total]);
    }
    lines.push(["total_cluster_links_buffer_limit_exceeded", stats.sendBuffersExceeded]);
    return lines.map(([name, value]) => `${name}:${value}\r\n`).join("");
  }

  /** CLUSTER NODES: lines ended by LF; a verbatim text in RESP3. */
  nodes(plainClient: boolean): string {
    let text = "";
    for (const node of this.context.state.nodes.values()) {
      text += `${this.line(node, plainClient)}\n`;
    }
    return text;
  }

  /** CLUSTER REPLICAS: one line per replica, or the error. */
  replicas(nodeId: string, plainClient: boolean): readonly string[] | AdminReply {
    const node = this.context.state.find(nodeId);
    if (node === null) return unknownNode(nodeId);
    if (node.isReplica) return { kind: "error", text: "ERR The specified node is not a master" };
    return node.replicas.map((replica) => this.line(replica, plainClient));
  }

  /** CLUSTER COUNT-FAILURE-REPORTS: reports that are still valid, or the error. */
  countFailureReports(nodeId: string): number | AdminReply {
    const node = this.context.state.find(nodeId);
    return node === null ? unknownNode(nodeId) : failReportCount(this.context, node);
  }

  /** CLUSTER SLOTS, by rising slot. */
  slots(plainClient: boolean): SlotsRange[] {
    const { owners } = this.context.state;
    const ranges: SlotsRange[] = [];
    let start = 0;
    for (let slot = 1; slot <= SLOT_COUNT; slot++) {
      if (slot < SLOT_COUNT && owners[slot] === owners[start]) continue;
      const owner = owners[start] ?? null;
      if (owner !== null) {
        const available = owner.replicas.filter((replica) => this.hasData(replica));
        const nodes = [owner, ...available].map((node) => this.slotsNode(node, plainClient));
        ranges.push({ start, end: slot - 1, nodes });
      }
      start = slot;
    }
    return ranges;
  }

  /** CLUSTER SHARDS: one per node that is no replica, with slots or without. */
  shards(): Shard[] {
    const shards: Shard[] = [];
    for (const node of this.context.state.nodes.values()) {
      if (node.isReplica) continue;
      const nodes = [node, ...node.replicas].map((member) => this.shardNode(member));
      shards.push({ slots: slotRanges(node.slots).flat(), nodes });
    }
    return shards;
  }

  /** CLUSTER LINKS: links that belong to a known node, outbound before inbound. */
  links(): LinkDescription[] {
    const found: LinkDescription[] = [];
    for (const node of this.context.state.nodes.values()) {
      for (const link of [node.link, node.inboundLink]) {
        if (link === null) continue;
        const direction = link.inbound ? "from" : "to";
        const { id: linkId, createdMs } = link;
        found.push({ linkId, direction, nodeId: node.id, createdMs });
      }
    }
    return found;
  }

  /** The node to redirect to for a slot; null: nobody serves it. */
  endpointOfSlot(slot: number, plainClient: boolean): Endpoint | null {
    const owner = this.context.state.owners[slot] ?? null;
    return owner === null ? null : this.endpoint(owner, plainClient);
  }

  /** For ASK: the node that a slot moves to. */
  endpointOfNode(nodeId: string, plainClient: boolean): Endpoint | null {
    const node = this.context.state.find(nodeId);
    return node === null ? null : this.endpoint(node, plainClient);
  }

  private endpoint(node: ClusterNode, plainClient: boolean): Endpoint {
    return { host: this.preferredName(node) ?? "", port: this.portFor(node, plainClient) };
  }

  /** null: the client is to use the address that it knows. */
  private preferredName(node: ClusterNode): string | null {
    switch (this.context.options.preferredEndpointType) {
      case "ip":
        return node.ip;
      case "hostname":
        return node.hostname === "" ? "?" : node.hostname;
      case "unknown-endpoint":
        return null;
    }
  }

  private portFor(node: ClusterNode, plainClient: boolean): number {
    const plain = this.context.options.tls && plainClient && node.plainPort !== 0;
    return plain ? node.plainPort : node.port;
  }

  private line(node: ClusterNode, plainClient: boolean): string {
    return nodeLine(toRecord(this.context.state, node, this.portFor(node, plainClient)));
  }

  private slotsNode(node: ClusterNode, plainClient: boolean): SlotsNode {
    const { preferredEndpointType } = this.context.options;
    const metadata: [string, string][] = [];
    if (preferredEndpointType !== "ip") metadata.push(["ip", node.ip]);
    if (preferredEndpointType !== "hostname" && node.hostname !== "") {
      metadata.push(["hostname", node.hostname]);
    }
    const port = this.portFor(node, plainClient);
    return { endpoint: this.preferredName(node), port, id: node.id, metadata };
  }

  private shardNode(node: ClusterNode): ShardNode {
    const { tls } = this.context.options;
    const plainPort = tls ? node.plainPort : node.port;
    const fields: [string, string | number][] = [["id", node.id]];
    if (plainPort !== 0) fields.push(["port", plainPort]);
    if (tls && node.port !== 0) fields.push(["tls-port", node.port]);
    fields.push(["ip", node.ip], ["endpoint", this.preferredName(node) ?? ""]);
    if (node.hostname !== "") fields.push(["hostname", node.hostname]);
    const offset = this.offsetOf(node);
    const loading = node.isReplica && offset === 0;
    fields.push(
      ["role", node.isReplica ? "replica" : "master"],
      ["replication-offset", offset],
      ["health", node.isFailed ? "fail" : loading ? "loading" : "online"],
    );
    return fields;
  }

  private hasData(replica: ClusterNode): boolean {
    return !replica.isFailed && this.offsetOf(replica) !== 0;
  }

  private offsetOf(node: ClusterNode): number {
    const { myself, facts } = this.context;
    return node === myself ? facts.offset : node.replicationOffset;
  }
}

const unknownNode = (nodeId: string): AdminReply => ({
  kind: "error",
  text: `ERR Unknown node ${nodeId}`,
});
