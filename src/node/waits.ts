import { integer, type ReplyValue } from "../base/reply.ts";
import type { Client } from "./client.ts";
import type { ReplicationHooks } from "./hooks.ts";

interface Waiter {
  readonly replicas: number;
  readonly offset: number;
  /** Wall clock, milliseconds; Infinity: for ever. */
  readonly untilMs: number;
  readonly answer: (reply: ReplyValue) => void;
  readonly client: Client;
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

  /** Everybody gets this answer instead, and is disconnected. */
  endAll(answer: ReplyValue): void {
    const ended = this.waiters;
    this.waiters = [];
    for (const waiter of ended) {
      waiter.client.closeAfterReply = true;
      waiter.answer(answer);
    }
  }

  /** Ends the waiting of one client: with `answer`, or as if its time were over. False: it was not waiting. */
  end(client: Client, answer: ReplyValue | undefined, replication: ReplicationHooks): boolean {
    const waiter = this.waiters.find((each) => each.client === client);
    if (waiter === undefined) return false;
    this.waiters = this.waiters.filter((each) => each !== waiter);
    waiter.answer(answer ?? integer(replication.acknowledgedBy(waiter.offset)));
    return true;
  }

  check(replication: ReplicationHooks, nowMs: number): void {
    if (this.waiters.length === 0) return;
    const left: Waiter[] = [];
    for (const waiter of this.waiters) {
      if (waiter.client.closed) continue;
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
