import { inputSliceMs } from "../base/limits.ts";
import type { Clock } from "./clock.ts";

/**
 * Divides turns of the event loop among clients that send much at once. A turn has room for some milliseconds of such
 * input; whoever is at work when they are over waits for the next turn, in order.
 */
export class TurnShare<Client> {
  private waiting: Client[] = [];
  private scheduled = false;
  private endMs = 0;

  constructor(
    private readonly modules: {
      readonly clock: Clock;
      readonly soon: (action: () => void) => void;
    },
    /** Lets a client go on; it may come back with `wait`. */
    private readonly goOn: (client: Client) => void,
  ) {}

  /** Input of some client begins to be worked on. While others wait for the next turn, this one's time is over. */
  begin(nowMs: number): void {
    if (!this.scheduled) this.endMs = nowMs + inputSliceMs;
  }

  isOver(nowMs: number): boolean {
    return nowMs >= this.endMs;
  }

  /** The client goes on in a later turn. */
  wait(client: Client): void {
    this.waiting.push(client);
    this.schedule();
  }

  private schedule(): void {
    if (this.scheduled) return;
    this.scheduled = true;
    this.modules.soon(() => this.turn());
  }

  private turn(): void {
    const { clock } = this.modules;
    const waiting = this.waiting;
    this.waiting = [];
    this.endMs = clock.monotonicMs() + inputSliceMs;
    let at = 0;
    while (at < waiting.length && !this.isOver(clock.monotonicMs())) {
      this.goOn(waiting[at] as Client);
      at++;
    }
    this.scheduled = false;
    this.waiting = [...waiting.slice(at), ...this.waiting];
    if (this.waiting.length > 0) this.schedule();
  }
}
