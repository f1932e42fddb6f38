/** Drives a core by hand and shows its effects as short lines of text. */
import { latin1, latin1Text } from "../../src/base/bytes.ts";
import { Prng } from "../../src/base/prng.ts";
import { ReplicationCore, type ReplicationStart } from "../../src/replication/core.ts";
import {
  defaultReplicationOptions,
  type ReplicationEffect,
  type ReplicationEvent,
  type ReplicationOptions,
} from "../../src/replication/events.ts";

export interface TranscriptOptions {
  readonly options?: Partial<ReplicationOptions>;
  readonly seed?: number;
  readonly primary?: ReplicationStart["primary"];
  readonly restored?: ReplicationStart["restored"];
}

export class Transcript {
  readonly core: ReplicationCore;
  nowMs = 1_000_000;
  /** Log lines so far, oldest first; kept out of the effect lines. */
  logs: string[] = [];
  /** The effects of the last event as they are. */
  last: ReplicationEffect[] = [];

  constructor(options: TranscriptOptions = {}) {
    this.core = new ReplicationCore({
      options: { ...defaultReplicationOptions, disklessSyncDelayMs: 0, ...options.options },
      random: new Prng(options.seed ?? 1),
      nowMs: this.nowMs,
      primary: options.primary ?? null,
      restored: options.restored ?? null,
    });
  }

  /** The effects but log lines, one text each. */
  do(event: ReplicationEvent): string[] {
    this.last = this.core.handle(event, this.nowMs);
    const lines: string[] = [];
    for (const effect of this.last) {
      if (effect.kind === "log") this.logs.push(effect.text);
      else lines.push(effectText(effect));
    }
    return lines;
  }

  /** Lets seconds pass, a tick in each; the effects of all. */
  wait(seconds: number): string[] {
    const lines: string[] = [];
    for (let i = 0; i < seconds; i++) {
      this.nowMs += 1000;
      lines.push(...this.do({ kind: "tick" }));
    }
    return lines;
  }

  replconf(clientId: number, ...args: string[]): string[] {
    return this.do({ kind: "replconf", clientId, args });
  }

  psync(clientId: number, replid: string, offset: string | number): string[] {
    return this.do({
      kind: "sync",
      clientId,
      peerIp: "10.0.0.9",
      pendingOutput: false,
      request: { replid, offset: String(offset) },
    });
  }

  sync(clientId: number): string[] {
    return this.do({
      kind: "sync",
      clientId,
      peerIp: "10.0.0.9",
      pendingOutput: false,
      request: null,
    });
  }

  feed(text: string): void {
    this.core.feed(latin1(text));
  }

  /** Everything the replica may be sent now. */
  pull(clientId: number): string {
    let text = "";
    for (;;) {
      const view = this.core.pending(clientId);
      if (view === null) return text;
      text += latin1Text(view);
      this.core.sent(clientId, view.length);
    }
  }

  data(text: string, linkId = this.linkId): string[] {
    return this.do({ kind: "primaryData", linkId, bytes: latin1(text) });
  }

  /** The link that the core asked for last. */
  linkId = 0;

  connect(lines: readonly string[]): string[] {
    for (const line of lines) {
      const match = /^connectPrimary (\d+)/.exec(line);
      if (match !== null) this.linkId = Number(match[1]);
    }
    return this.do({ kind: "primaryConnected", linkId: this.linkId });
  }

  /** Field of INFO replication. */
  info(field: string): string {
    const match = new RegExp(`^${field}:(.*)\r$`, "m").exec(this.core.infoReplication(this.nowMs));
    return match?.[1] ?? "(none)";
  }
}

function bytesText(bytes: Uint8Array): string {
  return JSON.stringify(latin1Text(bytes)).slice(1, -1);
}

/** `kind` and its fields in order; bytes with escapes. */
export function effectText(effect: ReplicationEffect): string {
  const parts: string[] = [effect.kind];
  for (const [name, value] of Object.entries(effect)) {
    if (name === "kind") continue;
    if (value instanceof Uint8Array) parts.push(bytesText(value));
    else if (Array.isArray(value)) parts.push(`[${value.join(",")}]`);
    else if (name === "history") parts.push(`at ${value.offset}`);
    else if (name === "filter") parts.push(value.withData ? "all" : "filtered");
    else parts.push(String(value));
  }
  return parts.join(" ");
}
