import { drainMicrotasks } from "bun:jsc";
import { readdirSync, readFileSync, readlinkSync } from "node:fs";
import { availableParallelism } from "node:os";
import type { TCPSocketListener } from "bun";
import type { EventLoop } from "./event-loop.ts";
import { Outbox } from "./outbox.ts";
import { Patience, PatiencePolicy } from "./patience.ts";
import { EpollEvent, SystemCalls } from "./system-calls.ts";

/** The runtime has its turn at least this often while our sockets are busy, milliseconds. */
const busyTurnMs = 10;
/** And this often in any case. A shorter wait would be the system's next timer, which it would have to set each time. */
const idleTurnMs = 100;

/** How long to ask again and again before sleeping, milliseconds: about what falling asleep and waking up take. */
const spinMs = 0.02;
const napsMax = 2;

/** Much input in one pass over what is ready: time to look at the clock. */
const inputBytesPerLook = 64 * 1024;
/** Replies wait while so many sockets are served, no longer: who gets them early sends its next request early. */
const servedPerFlush = 32;
/** A pass that has taken so long is interrupted for what else waits, milliseconds. */
const passMs = 4;

export interface Polled {
  /** The last window of time in which it took input: `PatiencePolicy`. */
  activeIn: number;
  /** Called with the events that its descriptor is ready for; answers how many bytes of input it took. */
  onReady(events: number): number;
}

interface Timer {
  readonly dueMs: number;
  readonly action: () => void;
}

/**
 * A loop of our own for the sockets of clients, nested with the runtime's: that one costs more per socket
 * event than the engine needs for a command. It waits for our descriptors and for the runtime's own epoll
 * instance, and hands over to the runtime for a turn whenever that one has something to do. The runtime's timers do not
 * show there, so `soon` and `after` are kept here, and a timer of anybody else may fire up to `idleTurnMs` late.
 */
export class PolledLoop implements EventLoop {
  private readonly polled: (Polled | undefined)[] = [];
  private readonly timers: Timer[] = [];
  private actions: (() => void)[] = [];
  /** How many of them have run. */
  private actionsDone = 0;
  readonly outbox: Outbox;
  private readonly epoll: number;
  /** Descriptors that the last `wait` found ready, and how many of them have been served. */
  private readyCount = 0;
  private servedCount = 0;
  private runtimeWaits = false;
  private closed = false;
  /** An exception ends the turn, not the loop: what becomes of the process is for its last handler to say. */
  private readonly turn = (): void => {
    try {
      this.run();
    } finally {
      if (!this.closed) setImmediate(this.turn);
    }
  };

  private constructor(
    readonly system: SystemCalls,
    private readonly runtimeEpoll: number,
    private readonly patience: PatiencePolicy,
  ) {
    this.epoll = system.createEpoll();
    this.outbox = new Outbox(system);
    system.exactNaps();
  }

  /** Undefined where the system or the runtime does not let us: then the runtime's loop does it all. */
  static open(patience = new PatiencePolicy(availableParallelism() > 1)): PolledLoop | undefined {
    const system = SystemCalls.open();
    const runtimeEpoll = findRuntimeEpoll();
    if (system === undefined || runtimeEpoll === undefined) return undefined;
    const loop = new PolledLoop(system, runtimeEpoll, patience);
    if (loop.epoll < 0 || !system.watch(loop.epoll, runtimeEpoll, EpollEvent.In)) {
      loop.close();
      return undefined;
    }
    setImmediate(loop.turn);
    return loop;
  }

  /** Ends the loop: nobody hears of anything any more. */
  close(): void {
    this.closed = true;
    this.system.close(this.epoll);
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

  /**
   * `polled` hears of `events` on the descriptor; of errors and the end of the connection in any case. False: the system
   * does not take it, and its `errno` tells why.
   */
  watch(descriptor: number, events: number, polled: Polled): boolean {
    if (!this.system.watch(this.epoll, descriptor, events)) return false;
    this.polled[descriptor] = polled;
    return true;
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
    if (this.closed) return;
    let nowMs = performance.now();
    const handOverMs = nowMs + busyTurnMs;
    for (;;) {
      if (this.servedCount === this.readyCount) {
        this.servedCount = 0;
        this.readyCount = this.wait(this.waitMs(nowMs), nowMs);
        if (this.readyCount < 0) {
          // A signal, which the runtime's handler has taken note of.
          this.readyCount = 0;
          this.runtimeWaits = true;
        }
      }
      this.serveGathering();
      nowMs = this.runActions();
      this.runTimers(nowMs);
      drainMicrotasks();
      if (this.closed) return;
      if (this.runtimeWaits || nowMs >= handOverMs) break;
    }
    this.runtimeWaits = false;
  }

  /** Answers how many descriptors are ready, after so many milliseconds at the latest. */
  private wait(milliseconds: number, nowMs: number): number {
    const { system, epoll, patience } = this;
    if (milliseconds === 0) return system.wait(epoll, 0);
    const choice = patience.choose(nowMs);
    if (choice !== Patience.Sleep) {
      const count = choice === Patience.Nap ? this.nap() : this.spin(nowMs + spinMs);
      patience.note(count !== 0);
      if (count !== 0) return count;
    }
    return system.wait(epoll, milliseconds);
  }

  private spin(endMs: number): number {
    const { system, epoll } = this;
    do {
      const count = system.wait(epoll, 0);
      if (count !== 0) return count;
    } while (performance.now() < endMs);
    return 0;
  }

  private nap(): number {
    const { system, epoll, patience } = this;
    let count = system.wait(epoll, 0);
    for (let naps = 0; count === 0 && naps < napsMax; naps++) {
      system.nap(patience.napMicroseconds);
      count = system.wait(epoll, 0);
    }
    return count;
  }

  private serveGathering(): void {
    const { outbox } = this;
    outbox.open();
    try {
      this.serve();
    } finally {
      outbox.close();
    }
  }

  /** Serves what is ready, unless that takes long: then the rest has its turn after what else waits. */
  private serve(): void {
    const { patience, system } = this;
    let inputBytes = 0;
    let endMs = 0;
    let served = 0;
    while (this.servedCount < this.readyCount) {
      const index = this.servedCount++;
      const descriptor = system.readyDescriptor(index);
      if (descriptor === this.runtimeEpoll) {
        this.runtimeWaits = true;
        continue;
      }
      const polled = this.polled[descriptor];
      if (polled === undefined) continue;
      const taken = polled.onReady(system.readyEvents(index));
      if (++served % servedPerFlush === 0) this.outbox.flush();
      if (taken > 0 && polled.activeIn !== patience.window) {
        polled.activeIn = patience.window;
        patience.countActive();
      }
      inputBytes += taken;
      if (inputBytes < inputBytesPerLook) continue;
      inputBytes = 0;
      const nowMs = performance.now();
      if (endMs === 0) endMs = nowMs + passMs;
      else if (nowMs >= endMs) return;
    }
  }

  private waitMs(nowMs: number): number {
    if (this.actions.length > 0) return 0;
    const next = this.timers[this.timers.length - 1];
    if (next === undefined) return idleTurnMs;
    return Math.max(0, Math.min(idleTurnMs, Math.ceil(next.dueMs - nowMs)));
  }

  /** Runs those that are there now, unless that takes long: see `serve`. Answers the time. */
  private runActions(): number {
    let nowMs = performance.now();
    const { actions } = this;
    const end = actions.length;
    if (end === 0) return nowMs;
    const endMs = nowMs + passMs;
    while (this.actionsDone < end && nowMs < endMs) {
      const action = actions[this.actionsDone++] as () => void;
      action();
      nowMs = performance.now();
    }
    this.actions = actions.slice(this.actionsDone);
    this.actionsDone = 0;
    return nowMs;
  }

  private runTimers(nowMs: number): void {
    const { timers } = this;
    while (timers.length > 0 && (timers[timers.length - 1] as Timer).dueMs <= nowMs) {
      timers.pop()?.action();
    }
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
