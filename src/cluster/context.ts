/**
 * What every part of the core works on: the state, the clock and randomness of this event, and the
 * effects so far.
 *
 * The order of effects is made here, once: first the save of nodes.conf (if anything durable
 * changed in this event), then what changes this node itself, then what others get to see. So no
 * message, and no reply to a client, ever goes out before the state that it speaks of is on disk.
 */
import type { Prng } from "../base/prng.ts";
import {
  type BusMessage,
  type MessageBody,
  MessageFlag,
  type MessageTypeName,
} from "./bus-message.ts";
import { toConfig } from "./config.ts";
import type { ClusterEffect, LinkId, LogLevel } from "./effects.ts";
import type { ReplicationFacts } from "./events.ts";
import { announcedPorts } from "./identity.ts";
import type { ClusterOptions } from "./options.ts";
import type { ClusterNode, ClusterState, Link } from "./state.ts";

/** Why an election does not go forward; the log tells a reason once, then every five minutes. */
export type CannotFailover = "none" | "dataAge" | "waitingDelay" | "expired" | "waitingVotes";

/** A replica's try to replace its primary. */
export interface Election {
  /** When votes are asked for; 0: never tried. */
  startMs: number;
  requested: boolean;
  votes: number;
  rank: number;
  epoch: number;
  cannot: CannotFailover;
  cannotLoggedMs: number;
}

/** CLUSTER FAILOVER, seen from the replica that was asked or from its primary. */
export interface ManualFailover {
  /** When it is given up; 0: none under way. */
  endMs: number;
  /** Replica: all data of the paused primary is here. */
  canStart: boolean;
  /** Primary: the replica that asked; writes are paused for it. */
  replica: ClusterNode | null;
  /** Replica: where the paused primary stands, bytes; -1: not told yet. */
  primaryOffset: number;
}

type MessageCounts = Record<MessageTypeName, number>;

export interface ClusterStats {
  sent: MessageCounts;
  received: MessageCounts;
  sendBuffersExceeded: number;
}

/** Work that an event made due and that is done once, at its end. */
interface DueWork {
  save: boolean;
  updateHealth: boolean;
  manualFailover: boolean;
  failover: boolean;
}

const noCounts = (): MessageCounts => ({
  ping: 0,
  pong: 0,
  meet: 0,
  fail: 0,
  publish: 0,
  failoverAuthRequest: 0,
  failoverAuthAck: 0,
  update: 0,
  mfStart: 0,
  module: 0,
  publishShard: 0,
});

export const noStats = (): ClusterStats => ({
  sent: noCounts(),
  received: noCounts(),
  sendBuffersExceeded: 0,
});

export class ClusterContext {
  nowMs = 0;
  facts: ReplicationFacts = { offset: 0, lastContactMs: 0, loading: false };
  stats = noStats();
  tickCount = 0;
  /** The address that the shell was last told to replicate; null: none. */
  replicating: { readonly ip: string; readonly port: number } | null = null;
  readonly election: Election = {
    startMs: 0,
    requested: false,
    votes: 0,
    rank: 0,
    epoch: 0,
    cannot: "none",
    cannotLoggedMs: 0,
  };
  readonly manual: ManualFailover = {
    endMs: 0,
    canStart: false,
    replica: null,
    primaryOffset: -1,
  };
  /** When the cluster's health was first looked at, and when we were last in a minority. */
  readonly health = { firstLookMs: 0, minorityMs: 0 };
  readonly due: DueWork = {
    save: false,
    updateHealth: false,
    manualFailover: false,
    failover: false,
  };
  private nextLinkId: LinkId = 1;
  private local: ClusterEffect[] = [];
  private outgoing: ClusterEffect[] = [];

  constructor(
    public options: ClusterOptions,
    readonly prng: Prng,
    /** 40 hexadecimal digits that nobody else has. */
    readonly makeNodeId: () => string,
    readonly state: ClusterState,
  ) {}

  get myself(): ClusterNode {
    return this.state.myself;
  }

  log(level: LogLevel, text: string): void {
    this.local.push({ kind: "log", level, text });
  }

  /** An effect on this node itself. */
  act(effect: ClusterEffect): void {
    this.local.push(effect);
  }

  /** An effect that others see: links, messages, replies. */
  tell(effect: ClusterEffect): void {
    this.outgoing.push(effect);
  }

  /** Ends the event: the ordered effects. */
  takeEffects(): ClusterEffect[] {
    const effects: ClusterEffect[] = [];
    if (this.due.save) effects.push({ kind: "saveConfig", config: toConfig(this.state) });
    this.due.save = false;
    effects.push(...this.local, ...this.outgoing);
    this.local = [];
    this.outgoing = [];
    return effects;
  }

  freshLinkId(): LinkId {
    return this.nextLinkId++;
  }

  /** One message, with the header that describes this node now. */
  message(body: MessageBody, messageFlags = 0): BusMessage {
    const { myself, options, state } = this;
    // A replica shows its primary's slots and epoch: it stands for the same data.
    const shown = myself.isReplica ? (myself.primary ?? myself) : myself;
    const ports = announcedPorts(options);
    const paused = myself.isPrimary && this.manual.endMs !== 0 ? MessageFlag.paused : 0;
    return {
      sender: myself.id,
      currentEpoch: state.currentEpoch,
      configEpoch: shown.configEpoch,
      replicationOffset: this.facts.offset,
      slots: shown.slots.slice(),
      primaryId: myself.primary?.id ?? "",
      myIp: options.announceIp,
      port: ports.port,
      plainPort: ports.plainPort,
      busPort: ports.busPort,
      flags: myself.flags,
      state: state.state,
      messageFlags: messageFlags | paused,
      body,
    };
  }

  send(link: Link, message: BusMessage): void {
    this.stats.sent[message.body.type]++;
    this.tell({ kind: "send", linkId: link.id, message });
  }

  /** To every known node that has an outbound link, handshakes left out. */
  broadcast(message: BusMessage): void {
    for (const node of this.state.nodes.values()) {
      if (node.link === null || node === this.myself || node.inHandshake) continue;
      this.send(node.link, message);
    }
  }
}
