import { latin1 } from "../base/bytes.ts";
import type { Prng } from "../base/prng.ts";
import type { LogLevel, ReplicationEffect, ReplicationOptions } from "./events.ts";
import type { StreamHistory } from "./history.ts";

/** What the two sides of the core share during one event: the time, the options, the effects. */
export class ReplicationContext {
  nowMs = 0;
  private effects: ReplicationEffect[] = [];

  constructor(
    public options: ReplicationOptions,
    readonly history: StreamHistory,
    readonly random: Prng,
  ) {}

  emit(effect: ReplicationEffect): void {
    this.effects.push(effect);
  }

  log(level: LogLevel, text: string): void {
    this.effects.push({ kind: "log", level, text });
  }

  send(clientId: number, text: string): void {
    this.effects.push({ kind: "send", clientId, bytes: latin1(text) });
  }

  /** Hands over the effects so far, in order. */
  drain(): ReplicationEffect[] {
    const drained = this.effects;
    this.effects = [];
    return drained;
  }
}

/** A command as an array of bulk strings; `parts` are Latin-1 texts. */
export function commandText(parts: readonly string[]): string {
  let text = `*${parts.length}\r\n`;
  for (const part of parts) text += `$${part.length}\r\n${part}\r\n`;
  return text;
}

/** `host:port`, with brackets around an IPv6 address (anetFormatAddr). */
export function addressText(host: string, port: number): string {
  return host.includes(":") ? `[${host}]:${port}` : `${host}:${port}`;
}

/** A decimal integer as string2ll accepts it; null otherwise, or beyond 2^53. */
export function integerOf(text: string): number | null {
  if (!/^(0|-?[1-9][0-9]{0,18})$/.test(text)) return null;
  const value = Number(text);
  return Number.isSafeInteger(value) ? value : null;
}

/** Whole seconds from `sinceMs` to now, never negative. */
export function secondsSince(sinceMs: number, nowMs: number): number {
  return Math.max(0, Math.floor((nowMs - sinceMs) / 1000));
}
