import type { Logger } from "../base/log.ts";
import type { Configuration } from "../config/configuration.ts";
import type { Clock } from "./clock.ts";
import type { ClusterHooks, ReplicationHooks } from "./hooks.ts";
import type { PauseControl } from "./pause.ts";

/** How SHUTDOWN or a signal wants the process to end. */
export interface ShutdownRequest {
  readonly save: "default" | "save" | "nosave";
  /** Do not wait for replicas that lag. */
  readonly now: boolean;
  /** End even where saving fails. */
  readonly force: boolean;
}

/** What of the node takes part in its end. */
export interface EndingNode {
  readonly log: Logger;
  readonly configuration: Configuration;
  readonly modules: { readonly clock: Clock };
  readonly pauses: PauseControl;
  readonly replication: ReplicationHooks;
  readonly cluster: ClusterHooks | undefined;
  applyPauses(nowMs: number): void;
}

/** What happens to the process at the end; `main.ts` provides it. */
export interface ShutdownSystem {
  /** Stops listening, removes the pid file and the unix socket. */
  closeEverything(): void;
  exit(code: number): void;
}

export type ShutdownStart =
  /** The process is ending; nothing more is answered. */
  | { readonly kind: "ending" }
  /** Replicas still have to catch up; `onAborted` will be called if SHUTDOWN ABORT comes. */
  | { readonly kind: "waiting" }
  | { readonly kind: "failed" };

/**
 * The orderly end (prepareForShutdown and finishShutdown in Redis's server.c): pause writes, wait up to
 * `shutdown-timeout` for replicas that lag, save, close, exit 0.
 */
export class Shutdown {
  private waiting: { readonly request: ShutdownRequest; readonly untilMs: number } | undefined;
  private readonly abortListeners: (() => void)[] = [];
  /** Saves the dataset as the request asks; a text is why it failed. Set once persistence exists. */
  save: ((request: ShutdownRequest) => string | undefined) | undefined;

  constructor(
    private readonly node: EndingNode,
    private readonly system: ShutdownSystem,
  ) {}

  get inProgress(): boolean {
    return this.waiting !== undefined;
  }

  begin(request: ShutdownRequest, onAborted?: () => void): ShutdownStart {
    const { node } = this;
    if (this.waiting !== undefined) {
      // As in Redis, who asks again waits for the end that is under way.
      if (onAborted !== undefined) this.abortListeners.push(onAborted);
      return { kind: "waiting" };
    }
    node.log.warning("User requested shutdown...");
    const timeoutMs = node.configuration.get("shutdown-timeout") * 1000;
    const lagging = node.replication.laggingReplicas;
    if (!request.now && timeoutMs > 0 && lagging > 0) {
      const nowMs = node.modules.clock.nowMs();
      node.log.notice(
        `${lagging} of ${node.replication.replicaCount} replicas are lagging when shutting down.`,
      );
      this.waiting = { request, untilMs: nowMs + timeoutMs };
      if (onAborted !== undefined) this.abortListeners.push(onAborted);
      node.pauses.begin("shutdown", "write", Number.MAX_SAFE_INTEGER);
      node.applyPauses(nowMs);
      return { kind: "waiting" };
    }
    return this.finish(request) ? { kind: "ending" } : { kind: "failed" };
  }

  /** Called by the cron: ends the wait when the replicas are there or the time is up. */
  tick(nowMs: number): void {
    const { waiting, node } = this;
    if (waiting === undefined) return;
    if (node.replication.laggingReplicas > 0 && nowMs < waiting.untilMs) return;
    if (node.replication.laggingReplicas > 0) {
      node.log.warning(
        `${node.replication.laggingReplicas} replicas are still lagging at shutdown.`,
      );
    }
    this.waiting = undefined;
    if (!this.finish(waiting.request)) this.release();
  }

  /** SHUTDOWN ABORT: false when no shutdown is in progress. */
  abort(): boolean {
    if (this.waiting === undefined) return false;
    this.waiting = undefined;
    this.release();
    this.node.log.notice("Shutdown manually aborted.");
    return true;
  }

  private release(): void {
    this.node.pauses.end("shutdown");
    this.node.applyPauses(this.node.modules.clock.nowMs());
    for (const listener of this.abortListeners.splice(0)) listener();
  }

  /** False when saving failed and was not forced. */
  private finish(request: ShutdownRequest): boolean {
    const { node } = this;
    const failure = this.save?.(request);
    if (failure !== undefined) {
      node.log.warning(failure);
      if (!request.force) {
        node.log.warning(
          "Errors trying to shut down the server. Check the logs for more information.",
        );
        return false;
      }
    }
    node.replication.flushReplicas();
    node.cluster?.onShutdown();
    this.system.closeEverything();
    node.log.warning("Redis is now ready to exit, bye bye...");
    this.system.exit(0);
    return true;
  }
}
