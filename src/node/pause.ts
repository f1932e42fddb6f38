/** Why commands are held back; several reasons may hold at once (pauseActions in Redis's networking.c). */
export type PausePurpose = "client" | "shutdown" | "failover";
export type PauseMode = "write" | "all";

interface Pause {
  readonly mode: PauseMode;
  readonly untilMs: number;
}

/** CLIENT PAUSE and its inner relatives: which pause holds now, and until when. */
export class PauseControl {
  private readonly pauses = new Map<PausePurpose, Pause>();

  /** A longer or stricter pause for the same purpose wins; shorter ones do not shorten it. */
  begin(purpose: PausePurpose, mode: PauseMode, untilMs: number): void {
    const held = this.pauses.get(purpose);
    this.pauses.set(purpose, {
      mode: held?.mode === "all" ? "all" : mode,
      untilMs: Math.max(untilMs, held?.untilMs ?? 0),
    });
  }

  end(purpose: PausePurpose): void {
    this.pauses.delete(purpose);
  }

  /** The strictest pause in force, after dropping those that are over. */
  current(nowMs: number): PauseMode | undefined {
    let mode: PauseMode | undefined;
    for (const [purpose, pause] of this.pauses) {
      if (pause.untilMs <= nowMs) this.pauses.delete(purpose);
      else if (mode !== "all") mode = pause.mode;
    }
    return mode;
  }

  /** When the next pause ends, milliseconds; undefined when none holds. */
  get nextEndMs(): number | undefined {
    let earliest: number | undefined;
    for (const { untilMs } of this.pauses.values()) {
      if (earliest === undefined || untilMs < earliest) earliest = untilMs;
    }
    return earliest;
  }

  /** True while expiry and eviction must not change data: any pause but a finished one. */
  get holding(): boolean {
    return this.pauses.size > 0;
  }
}
