import type { Hand } from "./hand.ts";

/** What waits until no client is in hand, in order (processUnblockedClients in Redis). */
export class TurnEnd {
  private actions: (() => void)[] = [];
  private at = 0;
  /** The actions are being run: what they add has its turn behind those that are there. */
  private running = false;
  /** Effects of a core are being performed: clients go on afterwards. */
  performing = false;

  constructor(
    private readonly hand: Hand,
    private readonly endTurn: () => void,
  ) {}

  /** Runs `action` when no client is in hand: at once, or at the end of the call that is. */
  add(action: () => void): void {
    this.actions.push(action);
    if (this.hand.client === undefined) this.endTurn();
  }

  /**
   * Runs `action` as a turn of its own: clients that it lets go on do so when it is over, so that none of
   * their commands comes back into the core whose effects `action` performs.
   */
  asTurn(action: () => void): void {
    if (this.hand.client !== undefined || this.performing) {
      action();
      return;
    }
    this.performing = true;
    try {
      action();
    } finally {
      this.performing = false;
    }
    this.endTurn();
  }

  get isDue(): boolean {
    return this.actions.length > 0 && !this.running;
  }

  run(): void {
    this.running = true;
    try {
      while (this.at < this.actions.length && !this.performing) {
        const action = this.actions[this.at++] as () => void;
        action();
      }
    } finally {
      this.running = false;
    }
    if (this.at < this.actions.length) return;
    this.actions = [];
    this.at = 0;
  }
}
