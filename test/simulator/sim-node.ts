/**
 * One virtual machine: a core, a disk that survives crashes, and a replication offset that stands
 * for data.
 */
import type { Prng } from "../../src/base/prng.ts";
import { decodeMessage } from "../../src/cluster/bus-decode.ts";
import { encodeMessage } from "../../src/cluster/bus-encode.ts";
import { ClusterCore } from "../../src/cluster/core.ts";
import type { AdminReply, ClusterEffect, LinkId } from "../../src/cluster/effects.ts";
import type { AdminCommand, ClusterEvent } from "../../src/cluster/events.ts";
import { parseClusterConfig, serializeClusterConfig } from "../../src/cluster/nodes-conf.ts";
import { type ClusterOptions, defaultClusterOptions } from "../../src/cluster/options.ts";
import type { Invariants } from "./checks.ts";
import type { Host, Network, Socket } from "./network.ts";

/** Changes a core's effects before they are performed: how a canary is broken. */
export type Sabotage = (effects: readonly ClusterEffect[]) => readonly ClusterEffect[];

export interface World {
  readonly nowMs: number;
  readonly network: Network;
  readonly invariants: Invariants;
  readonly prng: Prng;
  readonly nodes: readonly SimNode[];
  readonly sabotage: Sabotage;
  /** Probability that the machine dies between two effects of one event. */
  crashBetweenEffects: number;
  note(line: string): void;
  after(delayMs: number, run: () => void): void;
  onVote(voter: SimNode): void;
}

const tickMs = 100;

export class SimNode implements Host {
  up = false;
  core!: ClusterCore;
  id = "";
  readonly port: number;
  readonly busPort: number;
  /** nodes.conf as it would be found after a crash. */
  disk: Uint8Array | null = null;
  offset = 1;
  lastContactMs = 0;
  deletedSlots = 0;
  flushed = 0;
  paused = false;
  readonly published: string[] = [];
  options: ClusterOptions;
  private life = 0;
  private replicatingPort = 0;
  private nextInbound = -1;
  private nextRequest = 1;
  private readonly sockets = new Map<LinkId, Socket>();
  private readonly linkIds = new Map<Socket, LinkId>();
  private readonly replies = new Map<number, AdminReply>();

  constructor(
    readonly name: string,
    index: number,
    private readonly world: World,
    options: Partial<ClusterOptions>,
  ) {
    this.port = 7000 + index;
    this.busPort = this.port + 10_000;
    const { port, busPort } = this;
    this.options = { ...defaultClusterOptions, ...options, port, busPort };
  }

  start(): void {
    const { world, options } = this;
    this.up = true;
    this.life++;
    this.paused = false;
    const nowMs = world.nowMs;
    const parsed = this.disk === null ? null : parseClusterConfig(this.disk);
    if (parsed !== null && "reason" in parsed) throw new Error(`${this.name}: ${parsed.reason}`);
    const config = parsed?.config ?? null;
    const makeNodeId = (): string => world.prng.hex(40);
    this.core = new ClusterCore(
      { directives: options, config, nowMs },
      { prng: world.prng, makeNodeId },
    );
    this.handle({ kind: "start" });
    this.id = this.core.queries.myId;
    const { life } = this;
    const tick = (): void => {
      if (!this.up || this.life !== life) return;
      this.replicate();
      this.handle({ kind: "tick" });
      world.after(tickMs, tick);
    };
    world.after(world.prng.below(tickMs), tick);
  }

  crash(): void {
    if (!this.up) return;
    this.world.note(`${this.name} CRASH`);
    this.up = false;
    this.sockets.clear();
    this.linkIds.clear();
    this.replicatingPort = 0;
    this.lastContactMs = 0;
    this.world.network.dropHost(this);
  }

  admin(command: AdminCommand): AdminReply {
    const requestId = this.nextRequest++;
    this.handle({ kind: "admin", requestId, command });
    const reply = this.replies.get(requestId);
    if (reply === undefined) throw new Error(`${this.name}: no reply to ${command.kind}`);
    return reply;
  }

  configure(options: Partial<ClusterOptions>): void {
    this.options = { ...this.options, ...options };
    this.handle({ kind: "configured", options: this.options });
  }

  handle(event: ClusterEvent): void {
    const { world, core } = this;
    if (!this.up) return;
    const facts = { offset: this.offset, lastContactMs: this.lastContactMs, loading: false };
    this.perform(core.handle({ kind: "replication", facts }, world.nowMs));
    if (!this.up) return;
    this.perform(core.handle(event, world.nowMs));
  }

  onInbound(socket: Socket): void {
    const linkId = this.nextInbound--;
    this.sockets.set(linkId, socket);
    this.linkIds.set(socket, linkId);
    this.handle({ kind: "inboundOpened", linkId, localIp: "127.0.0.1", remoteIp: socket.peerIp });
  }

  onOpened(socket: Socket): void {
    const linkId = this.linkIds.get(socket);
    if (linkId === undefined) return;
    this.handle({ kind: "linkOpened", linkId, localIp: "127.0.0.1", remoteIp: socket.peerIp });
  }

  onBytes(socket: Socket, bytes: Uint8Array): void {
    const linkId = this.linkIds.get(socket);
    if (linkId === undefined) return;
    const decoded = decodeMessage(bytes);
    if ("reason" in decoded) throw new Error(`${this.name} cannot read: ${decoded.reason}`);
    this.handle({ kind: "message", linkId, message: decoded.message });
  }

  onClosed(socket: Socket, reason: string): void {
    const linkId = this.linkIds.get(socket);
    if (linkId === undefined) return;
    this.linkIds.delete(socket);
    this.sockets.delete(linkId);
    this.handle({ kind: "linkClosed", linkId, reason });
  }

  private perform(effects: readonly ClusterEffect[]): void {
    const { world, life } = this;
    for (const effect of world.sabotage(effects)) {
      if (world.crashBetweenEffects > 0 && world.prng.chance(world.crashBetweenEffects)) {
        this.crash();
      }
      if (!this.up || this.life !== life) return;
      this.performOne(effect);
    }
    if (!this.up) return;
    const { claim, myId } = this.core.queries;
    if (claim !== null) world.invariants.noteClaim(myId, claim.configEpoch, claim.slots);
  }

  private performOne(effect: ClusterEffect): void {
    const { world } = this;
    switch (effect.kind) {
      case "saveConfig":
        this.disk = serializeClusterConfig(effect.config);
        return;
      case "openLink": {
        const socket = world.network.connect(this, effect.busPort);
        this.sockets.set(effect.linkId, socket);
        this.linkIds.set(socket, effect.linkId);
        return;
      }
      case "closeLink": {
        const socket = this.sockets.get(effect.linkId);
        this.sockets.delete(effect.linkId);
        if (socket === undefined) return;
        this.linkIds.delete(socket);
        socket.close();
        return;
      }
      case "send": {
        this.sockets.get(effect.linkId)?.send(encodeMessage(effect.message));
        const { body, sender, currentEpoch } = effect.message;
        if (body.type !== "failoverAuthAck") return;
        world.invariants.noteVote(sender, currentEpoch, `link ${effect.linkId}`);
        world.onVote(this);
        return;
      }
      case "replicate":
        this.replicatingPort = effect.port;
        return;
      case "becomePrimary":
        this.replicatingPort = 0;
        return;
      case "pauseWrites":
        this.paused = true;
        return;
      case "resumeWrites":
        this.paused = false;
        return;
      case "deleteSlotKeys":
        this.deletedSlots += effect.slots.length;
        return;
      case "flushData":
        this.flushed++;
        return;
      case "deliverPublish":
        this.published.push(new TextDecoder().decode(effect.message));
        return;
      case "reply":
        this.replies.set(effect.requestId, effect.reply);
        return;
      case "log":
        if (effect.level !== "debug") world.note(`${this.name} ${effect.text}`);
        return;
      case "stateChanged":
      case "slotsChanged":
      case "deliverModule":
        return;
    }
  }

  /** Primaries write; replicas that reach their primary have all that it wrote. */
  private replicate(): void {
    const { world } = this;
    const { isPrimary, state } = this.core.queries;
    if (isPrimary) {
      if (state === "ok" && !this.paused) this.offset += 10;
      return;
    }
    const primary = world.nodes.find((node) => node.port === this.replicatingPort);
    if (primary === undefined || !primary.up || !world.network.connected(this, primary)) return;
    this.offset = primary.offset;
    this.lastContactMs = world.nowMs;
  }
}
