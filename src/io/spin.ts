/** How long to ask again and again before sleeping, milliseconds: about what falling asleep and waking up take. */
export const spinMs = 0.02;
const worthMax = 16;
/** A fruitless spin weighs as much as this many that caught something. */
const missCost = 2;
/** While it does not pay, one wait in so many tries whether it would. */
const probeEvery = 32;

/**
 * Whether to look for input a little longer instead of sleeping. Under load the next request is some microseconds away,
 * and sleeping costs both sides more than that: the sleeper a change of context, the sender an interrupt to wake it.
 * Where requests come more seldom it is waste, and stops after a few misses.
 */
export class SpinPolicy {
  private worth = 0;
  private sinceProbe = 0;

  /** `enabled`: false on a machine with one processor, where whoever sends needs that one. */
  constructor(private readonly enabled: boolean) {}

  /** To be asked before each wait that may sleep. */
  pays(): boolean {
    if (this.worth > 0) return true;
    if (!this.enabled) return false;
    this.sinceProbe++;
    if (this.sinceProbe < probeEvery) return false;
    this.sinceProbe = 0;
    return true;
  }

  /** How a spin ended: input came, or nothing did. */
  note(caught: boolean): void {
    this.worth = caught ? Math.min(this.worth + 1, worthMax) : Math.max(this.worth - missCost, 0);
  }
}
