/**
 * What to do when nothing is ready: sleep until something is, or stay awake, as the next request is likely to be a few
 * microseconds away. Being woken costs both sides more than that: the sleeper a change of context, the sender an
 * interrupt to another processor, which is dear on virtual machines.
 *
 * - Few clients, each waiting for its reply: ask again and again. The next request comes as soon as the reply is read.
 * - Many clients: nap for a moment, unwakeable. Meanwhile several requests gather, and nobody pays for waking us.
 * - Whenever that was in vain several times: sleep at once, and try again now and then.
 */
export enum Patience {
  Sleep = 0,
  Spin = 1,
  Nap = 2,
}

/** Clients active within a millisecond from which on a nap gathers several requests. */
const manyClients = 12;
/** About what it takes to serve a client: nobody's processor is idle while we nap as long as the others' requests take. */
const napMicrosecondsPerClient = 1.2;
const napMicrosecondsMax = 60;
const worthMax = 16;
/** A vain attempt weighs as much as this many that caught something. */
const missCost = 2;
/** While it does not pay, one wait in so many tries whether it would. */
const probeEvery = 32;
const windowMs = 1;

export class PatiencePolicy {
  private worth = 0;
  private sinceProbe = 0;
  private activeBefore = 0;
  private active = 0;
  private windowEndMs = 0;
  /** Number of the window of time in hand: who has noted it has been counted in it. */
  window = 0;

  /** `canSpin`: false on a machine with one processor, where whoever sends needs that one. */
  constructor(private readonly canSpin: boolean) {}

  /** A client sends for the first time in this window. */
  countActive(): void {
    this.active++;
  }

  /** To be asked before each wait that may sleep. */
  choose(nowMs: number): Patience {
    if (nowMs >= this.windowEndMs) {
      // Of a window long past nothing is known.
      this.activeBefore = nowMs < this.windowEndMs + windowMs ? this.active : 0;
      this.active = 0;
      this.window++;
      this.windowEndMs = nowMs + windowMs;
    }
    if (this.worth === 0) {
      this.sinceProbe++;
      if (this.sinceProbe < probeEvery) return Patience.Sleep;
      this.sinceProbe = 0;
    }
    if (this.recentlyActive >= manyClients) return Patience.Nap;
    return this.canSpin ? Patience.Spin : Patience.Sleep;
  }

  get napMicroseconds(): number {
    return Math.min(this.recentlyActive * napMicrosecondsPerClient, napMicrosecondsMax) | 0;
  }

  private get recentlyActive(): number {
    return Math.max(this.activeBefore, this.active);
  }

  /** How an attempt ended: input came, or nothing did. */
  note(caught: boolean): void {
    this.worth = caught ? Math.min(this.worth + 1, worthMax) : Math.max(this.worth - missCost, 0);
  }
}
