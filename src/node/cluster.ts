import { RedirectKind } from "../../assembly/abi.ts";
import { Gate, Setting } from "../../assembly/settings.ts";
import { assert, unreachable } from "../base/assert.ts";
import { Prng } from "../base/prng.ts";
import type { BusMessage } from "../cluster/bus-message.ts";
import { ClusterCore } from "../cluster/core.ts";
import type { AdminReply, ClusterEffect, LinkId, LogLevel } from "../cluster/effects.ts";
import type { AdminCommand, ClusterEvent, ReplicationFacts } from "../cluster/events.ts";
import type { ClusterConfig } from "../cluster/nodes-conf.ts";
import type { Client } from "./client.ts";
import type {
  BusEvents,
  ClusterBus,
  ClusterReplication,
  ClusterStore,
  LinkBuffers,
} from "./cluster-io.ts";
import { clusterDirectives, clusterOptions } from "./cluster-options.ts";
import { publishSlots, redirectBlocked } from "./cluster-slots.ts";
import type { ClusterHooks } from "./hooks.ts";
import type { Node } from "./node.ts";
import { SlotDeletions } from "./slot-deletions.ts";

export interface ClusterModules {
  readonly bus: ClusterBus;
  readonly store: ClusterStore;
  readonly replication: ClusterReplication;
  /** Ends the process with this exit code. */
  readonly exit: (code: number) => never;
}

/** clusterCron's period, and how early a timer may come. */
const tickPeriodMs = 100;
const tickToleranceMs = 5;

/** One node's cluster: carries events to the core and performs its effects, strictly in order. */
export class ClusterRuntime implements ClusterHooks, BusEvents {
  readonly core: ClusterCore;
  readonly slotDeletions: SlotDeletions;
  private readonly queue: ClusterEvent[] = [];
  private handling = false;
  private lastFacts: ReplicationFacts = { offset: -1, lastContactMs: -1, loading: false };
  private adminReply: AdminReply | undefined;
  private lastTickMs = 0;

  constructor(
    readonly node: Node,
    config: ClusterConfig | null,
    private readonly modules: ClusterModules,
  ) {
    const { system, clock } = node.modules;
    this.slotDeletions = new SlotDeletions(node);
    const seed = Number.parseInt(system.randomHex(8), 16);
    this.core = new ClusterCore(
      { directives: clusterOptions(node.configuration), config, nowMs: clock.nowMs() },
      { prng: new Prng(seed), makeNodeId: () => system.randomHex(40) },
    );
  }

  /** To be called once, before the first client: tells engine and disk what was loaded. */
  start(): void {
    const { node } = this;
    node.engine.set(Setting.ClusterEnabled, 1);
    this.allowReads();
    node.configuration.onChange(clusterDirectives, () => {
      this.allowReads();
      this.tell({ kind: "configured", options: clusterOptions(node.configuration) });
      return undefined;
    });
    this.tell({ kind: "start" });
  }

  private allowReads(): void {
    const { engine, configuration } = this.node;
    const allowed = configuration.get("cluster-allow-reads-when-down");
    engine.set(Setting.ClusterAllowReadsWhenDown, allowed ? 1 : 0);
  }

  /** After the data set was loaded from disk: which slots hold keys. */
  dataLoaded(): void {
    const slotsWithKeys: number[] = [];
    for (let slot = 0; slot < 16384; slot++) {
      if (this.node.engine.countKeysInSlot(slot) > 0) slotsWithKeys.push(slot);
    }
    this.tell({ kind: "dataLoaded", slotsWithKeys });
  }

  // Events.

  /** Hands an event to the core; one that comes about while effects are performed waits its turn. */
  tell(event: ClusterEvent): void {
    this.queue.push(event);
    if (this.handling) return;
    // Held writes that an effect lets go on do so when the engine knows where their slots are now.
    this.node.asTurn(() => {
      this.handling = true;
      try {
        for (let next = this.queue.shift(); next !== undefined; next = this.queue.shift()) {
          this.handle(next);
        }
      } finally {
        this.handling = false;
      }
    });
  }

  private handle(event: ClusterEvent): void {
    const nowMs = this.node.modules.clock.nowMs();
    if (event.kind === "tick" || event.kind === "message" || event.kind === "admin") {
      this.tellReplication(nowMs);
    }
    this.perform(this.core.handle(event, nowMs));
  }

  private tellReplication(nowMs: number): void {
    const { offset, lastContactMs, loading } = this.modules.replication;
    const last = this.lastFacts;
    const same =
      last.offset === offset && last.lastContactMs === lastContactMs && last.loading === loading;
    if (same) return;
    this.lastFacts = { offset, lastContactMs, loading };
    this.perform(this.core.handle({ kind: "replication", facts: this.lastFacts }, nowMs));
  }

  /** Runs a CLUSTER subcommand that changes state. */
  admin(command: AdminCommand): AdminReply {
    assert(!this.handling, "an admin command comes from a client, not from an effect");
    this.adminReply = undefined;
    this.tell({ kind: "admin", requestId: 1, command });
    const reply: AdminReply | undefined = this.adminReply;
    assert(reply !== undefined, `the core did not answer ${command.kind}`);
    return reply;
  }

  onLinkOpened(linkId: LinkId, localIp: string, remoteIp: string): void {
    this.tell({ kind: "linkOpened", linkId, localIp, remoteIp });
  }

  onInboundOpened(linkId: LinkId, localIp: string, remoteIp: string): void {
    this.tell({ kind: "inboundOpened", linkId, localIp, remoteIp });
  }

  onLinkClosed(linkId: LinkId, reason: string): void {
    this.tell({ kind: "linkClosed", linkId, reason });
  }

  onMessage(linkId: LinkId, message: BusMessage): void {
    this.tell({ kind: "message", linkId, message });
  }

  onBadMessage(linkId: LinkId, reason: string): void {
    this.node.log.debug(`Ignored a message on cluster link ${linkId}: ${reason}`);
  }

  onSendBufferExceeded(linkId: LinkId, bytes: number): void {
    this.tell({ kind: "sendBufferExceeded", linkId, bytes });
  }

  sendBufferLimit(): number {
    return this.node.configuration.get("cluster-link-sendbuf-limit");
  }

  // Effects.

  private perform(effects: readonly ClusterEffect[]): void {
    for (const effect of effects) this.performOne(effect);
  }

  private performOne(effect: ClusterEffect): void {
    const { node, modules } = this;
    switch (effect.kind) {
      case "saveConfig":
        this.save(effect.config);
        return;
      case "openLink":
        modules.bus.open(effect.linkId, effect.ip, effect.busPort);
        return;
      case "closeLink":
        modules.bus.closeLink(effect.linkId);
        return;
      case "send":
        modules.bus.send(effect.linkId, effect.message);
        return;
      case "slotsChanged":
        publishSlots(node, effect.slots, this.slotDeletions);
        return;
      case "stateChanged":
        node.setGate(Gate.ClusterDown, effect.state === "fail");
        return;
      case "replicate":
        // What the journal still has to say of them belongs to the history that ends here.
        this.slotDeletions.finishAll();
        modules.replication.startReplicating(effect.ip, effect.port);
        return;
      case "becomePrimary":
        modules.replication.becomePrimary();
        return;
      case "pauseWrites":
        node.pauses.begin("failover", "write", effect.untilMs);
        node.applyPauses(node.modules.clock.nowMs());
        return;
      case "resumeWrites":
        node.pauses.end("failover");
        node.applyPauses(node.modules.clock.nowMs());
        return;
      case "deleteSlotKeys":
        this.slotDeletions.add(effect.slots);
        return;
      case "flushData":
        node.engine.flush(-1, false);
        return;
      case "deliverPublish":
        if (effect.sharded) node.publisher.publishToShard(effect.channel, effect.message);
        else node.publisher.publish(effect.channel, effect.message);
        return;
      case "deliverModule":
        // No module of ours speaks over the bus.
        return;
      case "reply":
        this.adminReply = effect.reply;
        return;
      case "log":
        this.say(effect.level, effect.text);
        return;
      default:
        unreachable(effect);
    }
  }

  private say(level: LogLevel, text: string): void {
    this.node.log[level](text);
  }

  /** What was not saved must not be said: a node that cannot save ends. */
  private save(config: ClusterConfig): void {
    const failure = this.modules.store.save(config);
    if (failure === undefined) return;
    this.node.log.warning(`Could not write the cluster configuration: ${failure}`);
    this.node.log.warning("Fatal: can't update cluster config file.");
    this.modules.exit(1);
  }

  // What the node asks.

  redirect(slot: number, kind: RedirectKind, _client: Client): string {
    const { queries } = this.core;
    if (kind === RedirectKind.Ask) {
      const { migratingTo } = queries.slot(slot);
      const target = migratingTo === null ? null : queries.endpointOfNode(migratingTo, true);
      if (target !== null) return `ASK ${slot} ${target.host}:${target.port}`;
    }
    const owner = queries.endpointOfSlot(slot, true);
    if (owner === null) return "CLUSTERDOWN Hash slot not served";
    return `MOVED ${slot} ${owner.host}:${owner.port}`;
  }

  publish(channel: Uint8Array, message: Uint8Array, sharded: boolean): void {
    this.tell({ kind: "publish", channel, message, sharded });
  }

  get linkCount(): number {
    return this.modules.bus.linkCount;
  }

  get linkBytes(): number {
    return this.modules.bus.heldBytes;
  }

  buffersOf(linkId: LinkId): LinkBuffers {
    return this.modules.bus.buffersOf(linkId);
  }

  /** The node's cron comes `hz` times a second; the core's clock ticks ten times. */
  cron(nowMs: number): void {
    const elapsedMs = nowMs - this.lastTickMs;
    if (elapsedMs >= 0 && elapsedMs < tickPeriodMs - tickToleranceMs) return;
    this.lastTickMs = nowMs;
    const { node } = this;
    const monotonicMs = node.modules.clock.monotonicMs();
    if (monotonicMs > node.stallDeadlineMs) this.onStalled();
    node.stallDeadlineMs = monotonicMs + node.configuration.get("cluster-node-timeout");
    this.tell({ kind: "tick" });
    redirectBlocked(node, (slot, client) => this.redirect(slot, RedirectKind.Moved, client));
  }

  onStalled(): void {
    const { node } = this;
    // The next tick sets it anew.
    node.stallDeadlineMs = Number.POSITIVE_INFINITY;
    if (!node.cron.paused) this.tell({ kind: "stalled" });
  }

  onShutdown(): void {
    this.tell({ kind: "shutdown" });
    this.modules.bus.close();
    this.modules.store.close();
  }
}
