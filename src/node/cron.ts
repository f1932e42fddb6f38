import { Client as Field, Stat } from "../../assembly/abi.ts";
import {
  clientsCronMin,
  expireSliceKeys,
  expireSliceMs,
  moveSliceBuckets,
  purgePeriodMs,
  purgeSliceMs,
  reclaimSliceKeys,
} from "../base/limits.ts";
import type { Logger } from "../base/log.ts";
import type { Configuration } from "../config/configuration.ts";
import type { Engine } from "../engine/engine.ts";
import { type Client, ClientState } from "./client.ts";
import type { ClientRegistry } from "./clients.ts";
import type { Clock } from "./clock.ts";
import type { ClusterHooks, PersistenceHooks, ReplicationHooks } from "./hooks.ts";
import type { PauseControl } from "./pause.ts";
import type { Shutdown } from "./shutdown.ts";
import type { ServerStats } from "./stats.ts";
import type { Waits } from "./waits.ts";

/** What of the node the cron keeps going. */
export interface CronNode {
  readonly engine: Engine;
  readonly configuration: Configuration;
  readonly log: Logger;
  readonly modules: { readonly clock: Clock; readonly system: CronSystem };
  readonly clients: ClientRegistry;
  readonly stats: ServerStats;
  readonly pauses: PauseControl;
  readonly waits: Waits;
  readonly replication: ReplicationHooks;
  readonly persistence: PersistenceHooks;
  readonly cluster: ClusterHooks | undefined;
  readonly shutdown: Shutdown | undefined;
  applyPauses(nowMs: number): void;
  takeJournal(): void;
  takeEvents(): void;
  checkOutput(client: Client): void;
  drop(client: Client): void;
}

export interface CronSystem {
  after(milliseconds: number, action: () => void): void;
  /** Gives pages of the engine's memory back to the system; undefined where that is impossible. */
  readonly releaseMemory?:
    | ((memory: Uint8Array, address: number, length: number) => boolean)
    | undefined;
}

/**
 * What happens by itself, `hz` times a second: expiry, lazy freeing, idle clients, metrics.
 *
 * Active expiry follows Redis's slow cycle (expire.c): at most 25 % of the CPU at effort 1, 43 % at effort
 * 10, and only while a good part of the keys looked at had expired. Other than in Redis, the time is not
 * spent in one go: slices of a millisecond alternate with the clients' commands.
 */
export class Cron {
  /** DEBUG PAUSE-CRON. */
  paused = false;
  /** DEBUG SET-ACTIVE-EXPIRE. */
  activeExpire = true;
  private clientQueue: Client[] = [];
  private lastMetricMs = 0;
  private lastPurgeMs = 0;
  private sliceScheduled = false;

  constructor(private readonly node: CronNode) {}

  /** Milliseconds between two calls, from `hz`; with dynamic-hz more clients mean more calls. */
  get intervalMs(): number {
    const { configuration, clients } = this.node;
    let hz = configuration.get("hz");
    if (configuration.get("dynamic-hz")) {
      while (clients.size / hz > clientsPerCall && hz < hzMax) hz *= 2;
    }
    return 1000 / Math.min(hz, hzMax);
  }

  tick(): void {
    const { node } = this;
    const { clock } = node.modules;
    clock.resync();
    if (this.paused) return;
    const nowMs = clock.nowMs();
    if (nowMs - this.lastMetricMs >= 100) this.sampleMetrics(nowMs);
    const pauseEndMs = node.pauses.nextEndMs;
    if (pauseEndMs !== undefined && pauseEndMs <= nowMs) node.applyPauses(nowMs);
    this.visitClients(nowMs);
    node.replication.cron(nowMs);
    node.persistence.cron(nowMs);
    node.cluster?.cron(nowMs);
    node.waits.check(node.replication, nowMs);
    node.shutdown?.tick(nowMs);
    this.beginExpiry();
    this.beginReclaim();
    this.beginEviction();
    this.moveKeys();
    node.takeEvents();
    if (nowMs - this.lastPurgeMs >= purgePeriodMs) this.purge(nowMs);
  }

  /**
   * Free runs of a megabyte and more go back to the system, as an allocator in C would give them: a slice of them with
   * each call until none is left, then again after a while.
   */
  private purge(nowMs: number): void {
    const { modules, engine } = this.node;
    const { releaseMemory } = modules.system;
    const started = modules.clock.monotonicMs();
    while (releaseMemory !== undefined && engine.purge(1, releaseMemory) > 0) {
      if (modules.clock.monotonicMs() - started > purgeSliceMs) return;
    }
    this.lastPurgeMs = nowMs;
  }

  private sampleMetrics(nowMs: number): void {
    const { stats, engine } = this.node;
    this.lastMetricMs = nowMs;
    stats.operations.sample(engine.counters.stat(Stat.Commands), nowMs);
    stats.input.sample(stats.netInputBytes, nowMs);
    stats.output.sample(stats.netOutputBytes, nowMs);
  }

  /** Looks at enough clients to see each once a second (clientsCron). */
  private visitClients(nowMs: number): void {
    const { clients, configuration } = this.node;
    const timeoutMs = configuration.get("timeout") * 1000;
    let left = Math.max(clientsCronMin, Math.ceil(clients.size / configuration.get("hz")));
    if (this.clientQueue.length === 0) this.clientQueue = [...clients];
    while (left-- > 0) {
      const client = this.clientQueue.pop();
      if (client === undefined) return;
      if (client.closed) continue;
      const { engine, stats } = this.node;
      stats.inputPeak.note(engine.clientWord(client.handle, Field.QueryCapacity), nowMs);
      stats.outputPeak.note(client.link.pendingBytes, nowMs);
      if (client.link.pendingBytes > 0) this.node.checkOutput(client);
      if (timeoutMs > 0) this.closeIdle(client, nowMs, timeoutMs);
    }
  }

  private closeIdle(client: Client, nowMs: number, timeoutMs: number): void {
    const waits = client.state === ClientState.Blocked || client.state === ClientState.Paused;
    const exempt = client.kind !== "normal" || waits;
    // Redis counts in whole seconds and closes once the number is exceeded.
    if (exempt || client.closed || nowMs - client.lastActiveMs <= timeoutMs) return;
    this.node.log.verbose("Closing idle client");
    this.node.drop(client);
  }

  // Expiry: a budget per call, spent in slices.

  private beginExpiry(): void {
    const { node } = this;
    if (!this.activeExpire || this.sliceScheduled) return;
    // A replica's primary decides what has expired; a paused primary changes nothing.
    if (node.replication.isReplica || node.pauses.holding) return;
    const effort = node.configuration.get("active-expire-effort") - 1;
    const share = (cpuShareBase + 2 * effort) / 100;
    const acceptable = (acceptableStaleBase - effort) / 100;
    this.expireSlice(this.intervalMs * share, acceptable);
  }

  private expireSlice(budgetMs: number, acceptable: number): void {
    const { node } = this;
    const { clock } = node.modules;
    const started = clock.monotonicMs();
    const nowMs = clock.nowMs();
    let isStale = false;
    let elapsed = 0;
    do {
      const expired = node.engine.expireCycle(nowMs, expireSliceKeys);
      isStale = expired > node.engine.expireCycleLooked * acceptable;
      elapsed = clock.monotonicMs() - started;
    } while (isStale && elapsed < Math.min(expireSliceMs, budgetMs));
    node.stats.expireCycleMs += elapsed;
    node.takeJournal();
    node.takeEvents();
    const leftMs = budgetMs - elapsed;
    if (!isStale) return;
    if (leftMs <= 0) {
      node.stats.expireTimeCapReached++;
      return;
    }
    this.sliceScheduled = true;
    node.modules.system.after(0, () => {
      this.sliceScheduled = false;
      this.expireSlice(leftMs, acceptable);
    });
  }

  private evictionScheduled = false;

  /** Commands evict a little each; what is left goes between turns. */
  private beginEviction(): void {
    const { node } = this;
    if (this.evictionScheduled || node.configuration.get("maxmemory") === 0) return;
    const isUnfinished = node.engine.evictMore(node.modules.clock.nowMs());
    node.takeJournal();
    if (!isUnfinished) return;
    this.evictionScheduled = true;
    node.modules.system.after(0, () => {
      this.evictionScheduled = false;
      this.beginEviction();
    });
  }

  /** Large tables that are being resized, for a millisecond (databasesCron); writes to them do most of it. */
  private moveKeys(): void {
    const { engine, modules, configuration } = this.node;
    if (!configuration.get("activerehashing")) return;
    const { clock } = modules;
    const started = clock.monotonicMs();
    while (engine.moveKeys(moveSliceBuckets) && clock.monotonicMs() - started < expireSliceMs);
  }

  private reclaimScheduled = false;

  /** What has lost its key is freed in slices, from the end of the turn on. */
  beginReclaim(): void {
    if (this.reclaimScheduled || this.node.engine.counters.stat(Stat.LazyfreePending) === 0) return;
    this.reclaimScheduled = true;
    this.node.modules.system.after(0, () => {
      this.reclaimScheduled = false;
      this.reclaimSlice();
    });
  }

  private reclaimSlice(): void {
    const { engine, modules } = this.node;
    const started = modules.clock.monotonicMs();
    let left = 0;
    do {
      left = engine.reclaim(reclaimSliceKeys);
    } while (left > 0 && modules.clock.monotonicMs() - started < expireSliceMs);
    if (left > 0) this.beginReclaim();
  }
}

/** MAX_CLIENTS_PER_CLOCK_TICK and CONFIG_MAX_HZ. */
const clientsPerCall = 200;
const hzMax = 500;

/** ACTIVE_EXPIRE_CYCLE_SLOW_TIME_PERC and _ACCEPTABLE_STALE, both per cent. */
const cpuShareBase = 25;
const acceptableStaleBase = 10;
