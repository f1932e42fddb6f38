import { readdirSync, readFileSync, readlinkSync } from "node:fs";
import type { TCPSocketListener } from "bun";
import type { EventLoop } from "./event-loop.ts";
import { EpollEvent, SystemCalls } from "./system-calls.ts";

/** The runtime has its turn at least this often while our sockets are busy, milliseconds. */
const busyTurnMs = 10;
/** And after our last event, so that what we have set going there starts. */
const quietTurnMs = 1;
/** And while nothing happens at all. */
const idleTurnMs = 100;

/** Called with the events that a descriptor is ready for. */
export interface Polled {
  onReady(events: number): void;
}

interface Timer {
  readonly dueMs: number;
  readonly action: () => void;
}

/**
 * A loop of our own for the sockets of clients, nested with the runtime's: the runtime's costs more per socket
 * event than the engine needs for a command. It waits for our descriptors and for the runtime's own epoll
 * instance, and hands over to the runtime for a turn whenever that one has something to do. The runtime's timers do not
 * show there, so `soon` and `after` are kept here, and a timer of anybody else may fire up to `idleTurnMs` late.
 */
export class PolledLoop implements EventLoop {
  private readonly polled: (Polled | undefined)[] = [];
  private readonly timers: Timer[] = [];
  private actions: (() => void)[] = [];
  private readonly epoll: number;
  /** Something has run since the runtime's last turn. */
  private hasRun = true;
  private readonly turn = (): void => this.run();

  private constructor(
    readonly system: SystemCalls,
    private readonly runtimeEpoll: number,
  ) {
    this.epoll = system.createEpoll();
  }

  /** Undefined where the system or the runtime does not let us: then the runtime's loop does it all. */
  static open(): PolledLoop | undefined {
    const system = SystemCalls.open();
    const runtimeEpoll = findRuntimeEpoll();
    if (system === undefined || runtimeEpoll === undefined) return undefined;
    const loop = new PolledLoop(system, runtimeEpoll);
    if (loop.epoll < 0 || !system.watch(loop.epoll, runtimeEpoll, EpollEvent.In)) return undefined;
    setImmediate(loop.turn);
    return loop;
  }

  soon(action: () => void): void {
    this.actions.push(action);
  }

  after(milliseconds: number, action: () => void): void {
    const { timers } = this;
    const dueMs = performance.now() + milliseconds;
    // The latest first. There are few.
    let at = timers.length;
    while (at > 0 && (timers[at - 1] as Timer).dueMs <= dueMs) at--;
    timers.splice(at, 0, { dueMs, action });
  }

  /** `polled` hears of `events` on the descriptor; of errors and the end of the connection in any case. */
  watch(descriptor: number, events: number, polled: Polled): boolean {
    if (!this.system.watch(this.epoll, descriptor, events)) return false;
    this.polled[descriptor] = polled;
    return true;
  }

  rewatch(descriptor: number, events: number): void {
    this.system.rewatch(this.epoll, descriptor, events);
  }

  /** To be called before the descriptor is closed. */
  unwatch(descriptor: number): void {
    this.system.unwatch(this.epoll, descriptor);
    this.polled[descriptor] = undefined;
  }

  /** The runtime no longer waits for this descriptor of its own. */
  takeFromRuntime(descriptor: number): void {
    this.system.unwatch(this.runtimeEpoll, descriptor);
  }

  /** Turn after turn, until the runtime must have one. */
  private run(): void {
    const { system, epoll } = this;
    let nowMs = performance.now();
    const handOverMs = nowMs + busyTurnMs;
    for (;;) {
      const count = system.wait(epoll, this.waitMs(nowMs));
      let runtimeWaits = count < 0;
      for (let index = 0; index < count; index++) {
        const descriptor = system.readyDescriptor(index);
        if (descriptor === this.runtimeEpoll) runtimeWaits = true;
        else this.polled[descriptor]?.onReady(system.readyEvents(index));
      }
      nowMs = performance.now();
      const acted = this.runActions();
      const timed = this.runTimers(nowMs);
      const worked = acted || timed || count > 0;
      if (runtimeWaits || (!worked && this.hasRun) || nowMs >= handOverMs) break;
      if (worked) this.hasRun = true;
    }
    this.hasRun = false;
    setImmediate(this.turn);
  }

  private waitMs(nowMs: number): number {
    if (this.actions.length > 0) return 0;
    const longestMs = this.hasRun ? quietTurnMs : idleTurnMs;
    const next = this.timers[this.timers.length - 1];
    if (next === undefined) return longestMs;
    return Math.max(0, Math.min(longestMs, Math.ceil(next.dueMs - nowMs)));
  }

  private runActions(): boolean {
    const { actions } = this;
    if (actions.length === 0) return false;
    this.actions = [];
    for (const action of actions) action();
    return true;
  }

  private runTimers(nowMs: number): boolean {
    const { timers } = this;
    let ran = false;
    while (timers.length > 0 && (timers[timers.length - 1] as Timer).dueMs <= nowMs) {
      ran = true;
      timers.pop()?.action();
    }
    return ran;
  }
}

/**
 * The descriptor of the epoll instance that the runtime's loop on this thread waits in: the one that watches a
 * listener which the runtime opens for us (proc(5), /proc/pid/fdinfo).
 */
function findRuntimeEpoll(): number | undefined {
  let probe: TCPSocketListener | undefined;
  try {
    probe = Bun.listen({ hostname: "127.0.0.1", port: 0, socket: { data() {} } });
    const watched = (probe as unknown as { readonly fd?: number }).fd;
    if (watched === undefined) return undefined;
    const line = new RegExp(`^tfd:\\s+${watched} `, "m");
    for (const name of readdirSync("/proc/self/fd")) {
      if (isEpoll(name) && line.test(readFileSync(`/proc/self/fdinfo/${name}`, "latin1"))) {
        return Number(name);
      }
    }
  } catch {
    // No /proc, or nothing may be opened: the runtime's loop does.
  } finally {
    probe?.stop(true);
  }
  return undefined;
}

function isEpoll(descriptor: string): boolean {
  try {
    return readlinkSync(`/proc/self/fd/${descriptor}`) === "anon_inode:[eventpoll]";
  } catch {
    return false;
  }
}
