import { integer, type ReplyValue } from "../base/reply.ts";
import type { ReplicationHooks } from "./hooks.ts";

interface Waiter {
  readonly replicas: number;
  readonly offset: number;
  /** Wall clock, milliseconds; Infinity: for ever. */
  readonly untilMs: number;
  readonly answer: (reply: ReplyValue) => void;
  /** Nobody is there any more to hear the answer. */
  readonly gone: () => boolean;
}

/** Clients in WAIT. `check` is called by the cron and whenever a replica acknowledges an offset. */
export class Waits {
  private waiters: Waiter[] = [];

  add(waiter: Waiter): void {
    this.waiters.push(waiter);
  }

  get size(): number {
    return this.waiters.length;
  }

  /** Everybody gets this answer instead. */
  endAll(answer: ReplyValue): void {
    const ended = this.waiters;
    this.waiters = [];
    for (const waiter of ended) waiter.answer(answer);
  }

  check(replication: ReplicationHooks, nowMs: number): void {
    if (this.waiters.length === 0) return;
    const left: Waiter[] = [];
    for (const waiter of this.waiters) {
      if (waiter.gone()) continue;
      const acknowledged = replication.acknowledgedBy(waiter.offset);
      if (acknowledged >= waiter.replicas || nowMs >= waiter.untilMs) {
        waiter.answer(integer(acknowledged));
      } else {
        left.push(waiter);
      }
    }
    this.waiters = left;
  }
}
