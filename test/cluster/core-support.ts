/** A core and what is told to it: the tests of its single decisions share it. */
import { Prng } from "../../src/base/prng.ts";
import {
  type BusMessage,
  type GossipEntry,
  type MessageBody,
  NodeFlag,
} from "../../src/cluster/bus-message.ts";
import { ClusterCore } from "../../src/cluster/core.ts";
import type { ClusterEffect, LinkId } from "../../src/cluster/effects.ts";
import type { AdminCommand, ClusterEvent } from "../../src/cluster/events.ts";
import type { NodeRecord } from "../../src/cluster/node-line.ts";
import type { ClusterConfig } from "../../src/cluster/nodes-conf.ts";
import { type ClusterOptions, defaultClusterOptions } from "../../src/cluster/options.ts";
import { addSlot } from "../../src/cluster/slot-bitmap.ts";

export const me = "1".repeat(40);
export const [a, b, c, replica, rival] = ["a", "b", "c", "d", "e"].map((digit) =>
  digit.repeat(40),
) as [string, string, string, string, string];

export function slotsOf(...ranges: readonly (readonly [number, number])[]): Uint8Array {
  const slots = new Uint8Array(2048);
  for (const [first, last] of ranges) {
    for (let slot = first; slot <= last; slot++) addSlot(slots, slot);
  }
  return slots;
}

export function record(id: string, changes: Partial<NodeRecord>): NodeRecord {
  return {
    id,
    ip: "10.0.0.1",
    port: 7000,
    busPort: 17_000,
    hostname: "",
    flags: NodeFlag.primary,
    primaryId: "",
    pingSentMs: 0,
    pongReceivedMs: 1,
    configEpoch: 0,
    connected: true,
    slots: new Uint8Array(2048),
    migrating: [],
    importing: [],
    ...changes,
  };
}

/** Three primaries, of which we are one; A has two replicas. */
export function threePrimaries(): ClusterConfig {
  const nodes = [
    record(me, {
      flags: NodeFlag.myself | NodeFlag.primary,
      configEpoch: 1,
      slots: slotsOf([0, 99]),
    }),
    record(a, { configEpoch: 2, slots: slotsOf([100, 199]), port: 7001, busPort: 17_001 }),
    record(b, { configEpoch: 3, slots: slotsOf([200, 16_383]), port: 7002, busPort: 17_002 }),
    record(replica, { flags: NodeFlag.replica, primaryId: a, port: 7003, busPort: 17_003 }),
    record(rival, { flags: NodeFlag.replica, primaryId: a, port: 7004, busPort: 17_004 }),
  ];
  return { nodes, currentEpoch: 5, lastVoteEpoch: 0 };
}

export class Teller {
  core!: ClusterCore;
  nowMs = 1_700_000_000_000;
  offset = 100;
  readonly links = new Map<string, LinkId>();
  private readonly inbound = new Map<string, LinkId>();

  constructor(config: ClusterConfig | null, options: Partial<ClusterOptions> = {}) {
    const prng = new Prng(3);
    const directives = { ...defaultClusterOptions, nodeTimeoutMs: 1000, ...options };
    this.core = new ClusterCore(
      { directives, config, nowMs: this.nowMs },
      { prng, makeNodeId: () => prng.hex(40) },
    );
  }

  /** Starts, connects all links. */
  connect(): this {
    this.handle({ kind: "start" });
    for (const effect of this.tick()) {
      if (effect.kind !== "openLink") continue;
      this.links.set(effect.nodeId, effect.linkId);
      const { linkId } = effect;
      this.handle({ kind: "linkOpened", linkId, localIp: "10.0.0.9", remoteIp: effect.ip });
    }
    return this;
  }

  handle(event: ClusterEvent): ClusterEffect[] {
    return this.core.handle(event, this.nowMs);
  }

  tick(): ClusterEffect[] {
    return this.handle({ kind: "tick" });
  }

  /** Ticks through so much time. */
  wait(durationMs: number): ClusterEffect[] {
    const effects: ClusterEffect[] = [];
    for (const endMs = this.nowMs + durationMs; this.nowMs < endMs; ) {
      this.nowMs += 100;
      effects.push(...this.tick());
    }
    return effects;
  }

  admin(command: AdminCommand): ClusterEffect[] {
    return this.handle({ kind: "admin", requestId: 1, command });
  }

  /** A message from a node, over the link that it opened to us. */
  hear(sender: string, body: MessageBody, changes: Partial<BusMessage> = {}): ClusterEffect[] {
    let linkId = this.inbound.get(sender);
    if (linkId === undefined) {
      linkId = -1 - this.inbound.size;
      this.inbound.set(sender, linkId);
      this.handle({ kind: "inboundOpened", linkId, localIp: "10.0.0.9", remoteIp: "10.0.0.1" });
    }
    return this.handle({ kind: "message", linkId, message: this.message(sender, body, changes) });
  }

  /** Its answer to our PING, over the link that we opened. */
  pong(sender: string, changes: Partial<BusMessage> = {}): ClusterEffect[] {
    const linkId = this.links.get(sender) ?? 0;
    const body = ping("pong");
    return this.handle({ kind: "message", linkId, message: this.message(sender, body, changes) });
  }

  private message(sender: string, body: MessageBody, changes: Partial<BusMessage>): BusMessage {
    const known = this.core.queries.config().nodes.find(({ id }) => id === sender);
    const shown =
      this.core.queries.config().nodes.find(({ id }) => id === known?.primaryId) ?? known;
    return {
      sender,
      currentEpoch: 5,
      configEpoch: shown?.configEpoch ?? 0,
      replicationOffset: 50,
      slots: shown?.slots ?? new Uint8Array(2048),
      primaryId: known?.primaryId ?? "",
      myIp: "",
      port: known?.port ?? 7009,
      plainPort: 0,
      busPort: known?.busPort ?? 17_009,
      flags: known?.flags ?? NodeFlag.primary,
      state: "ok",
      messageFlags: 0,
      body,
      ...changes,
    };
  }
}

export function ping(
  type: "ping" | "pong" | "meet",
  gossip: readonly GossipEntry[] = [],
): MessageBody {
  return { type, gossip, extensions: {} };
}

export function about(nodeId: string, flags: number): GossipEntry {
  const place = { ip: "10.0.0.1", port: 7001, busPort: 17_001, plainPort: 0 };
  return { nodeId, pingSentSeconds: 0, pongReceivedSeconds: 0, flags, ...place };
}

export const kinds = (effects: readonly ClusterEffect[]): string[] =>
  effects
    .filter(({ kind }) => kind !== "log")
    .map((effect) => (effect.kind === "send" ? `send ${effect.message.body.type}` : effect.kind));

export const logs = (effects: readonly ClusterEffect[]): string[] =>
  effects.flatMap((effect) =>
    effect.kind === "log" && effect.level !== "debug" ? [effect.text] : [],
  );
