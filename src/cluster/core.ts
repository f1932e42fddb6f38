/**
 * The cluster core: one node's part in the Redis Cluster protocol as a pure state machine. It knows
 * no sockets, files, clocks or randomness but what is given to it; so the simulator runs the same
 * code as the server.
 */
import { unreachable } from "../base/assert.ts";
import type { Prng } from "../base/prng.ts";
import { onAdmin } from "./admin.ts";
import { NodeFlag } from "./bus-message.ts";
import { fromConfig } from "./config.ts";
import { ClusterContext, noStats } from "./context.ts";
import type { ClusterEffect } from "./effects.ts";
import { advanceElection } from "./election.ts";
import type { ClusterEvent } from "./events.ts";
import { onLinkOpened } from "./handshake.ts";
import { countPrimaries, onStalled, updateHealth } from "./health.ts";
import { applyIdentity } from "./identity.ts";
import { followUpRoundsMax } from "./limits.ts";
import { onInboundOpened, onLinkClosed, onSendBufferExceeded } from "./links.ts";
import { advanceManualFailover } from "./manual-failover.ts";
import type { ClusterConfig } from "./nodes-conf.ts";
import type { ClusterOptions } from "./options.ts";
import { publish, sendModule } from "./pubsub.ts";
import { ClusterQueries } from "./queries.ts";
import { onMessage } from "./receive.ts";
import { onDataLoaded, SlotPublisher } from "./slots.ts";
import { ClusterNode, ClusterState } from "./state.ts";
import { onTick } from "./tick.ts";

export interface ClusterCoreOptions {
  readonly directives: ClusterOptions;
  /** What nodes.conf held; null: there is none yet, and the node makes up an ID. */
  readonly config: ClusterConfig | null;
  /** The time of construction, milliseconds since 1970. */
  readonly nowMs: number;
}

export interface ClusterCoreModules {
  /** Gossip choices and election delays. */
  readonly prng: Prng;
  /** 40 random hexadecimal digits; the shell's come from a source fit for names. */
  readonly makeNodeId: () => string;
}

export class ClusterCore {
  readonly queries: ClusterQueries;
  private readonly context: ClusterContext;
  private readonly slotPublisher = new SlotPublisher();
  private publishedRevision = -1;

  constructor(
    private readonly options: ClusterCoreOptions,
    { prng, makeNodeId }: ClusterCoreModules,
  ) {
    const { config, nowMs, directives } = options;
    const state = config === null ? newState(makeNodeId(), nowMs) : fromConfig(config, nowMs);
    this.context = new ClusterContext(directives, prng, makeNodeId, state);
    this.context.nowMs = nowMs;
    this.queries = new ClusterQueries(this.context);
  }

  /** Times are milliseconds since 1970 (they go over the wire) and must not run backwards. */
  handle(event: ClusterEvent, nowMs: number): ClusterEffect[] {
    this.context.nowMs = nowMs;
    this.dispatch(event);
    this.followUp();
    this.publishSlots();
    return this.context.takeEffects();
  }

  private dispatch(event: ClusterEvent): void {
    const { context } = this;
    switch (event.kind) {
      case "start":
        this.onStart();
        return;
      case "tick":
        onTick(context);
        return;
      case "stalled":
        onStalled(context);
        return;
      case "linkOpened":
        onLinkOpened(context, event.linkId, event.localIp, event.remoteIp);
        return;
      case "inboundOpened":
        onInboundOpened(context, event.linkId, event.localIp, event.remoteIp);
        return;
      case "linkClosed":
        onLinkClosed(context, event.linkId, event.reason);
        return;
      case "message":
        onMessage(context, event.linkId, event.message);
        return;
      case "sendBufferExceeded":
        onSendBufferExceeded(context, event.linkId, event.bytes);
        return;
      case "replication":
        context.facts = event.facts;
        context.due.manualFailover = context.manual.endMs !== 0;
        return;
      case "configured":
        this.onConfigured(event.options);
        return;
      case "dataLoaded":
        onDataLoaded(context, event.slotsWithKeys);
        return;
      case "publish":
        publish(context, event);
        return;
      case "sendModule":
        sendModule(context, event);
        return;
      case "resetStats":
        context.stats = noStats();
        return;
      case "shutdown":
        context.due.save = true;
        return;
      case "admin":
        onAdmin(context, event.requestId, event.command);
        return;
      default:
        unreachable(event);
    }
  }

  private onStart(): void {
    const { context, options } = this;
    const isNew = options.config === null;
    const what = isNew ? "No cluster configuration found" : "Node configuration loaded";
    context.log("notice", `${what}, I'm ${context.myself.id}`);
    applyIdentity(context.myself, context.options, null);
    context.due.save = isNew;
    // A quorum must be known before anything is decided: one that is too small would be no quorum.
    countPrimaries(context);
    context.act({ kind: "stateChanged", state: context.state.state });
  }

  private onConfigured(options: ClusterOptions): void {
    const { context } = this;
    const previous = context.options;
    context.options = options;
    if (applyIdentity(context.myself, options, previous)) context.due.save = true;
    context.due.updateHealth = true;
  }

  /** What the event made due: a step of a failover may make the next one due. */
  private followUp(): void {
    const { context } = this;
    const { due, myself } = context;
    for (let round = 0; round < followUpRoundsMax; round++) {
      if (!due.manualFailover && !due.failover) break;
      if (due.manualFailover && myself.isReplica) advanceManualFailover(context);
      due.manualFailover = false;
      if (due.failover) advanceElection(context);
    }
    if (due.updateHealth) updateHealth(context);
  }

  private publishSlots(): void {
    const { slotRevision } = this.context.state;
    if (slotRevision === this.publishedRevision) return;
    this.publishedRevision = slotRevision;
    const slots = this.slotPublisher.changes(this.context);
    if (slots.length > 0) this.context.act({ kind: "slotsChanged", slots });
  }
}

function newState(id: string, nowMs: number): ClusterState {
  return new ClusterState(new ClusterNode(id, NodeFlag.myself | NodeFlag.primary, nowMs));
}
