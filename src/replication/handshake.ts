import { integerOf, type ReplicationContext } from "./context.ts";
import type { ReplicationHistory } from "./events.ts";
import { HANDSHAKE_LINE_BYTES_MAX, REPLID_LENGTH } from "./limits.ts";
import { LineReader } from "./line-reader.ts";

/** Replies still to come, in the order of the commands sent. */
type ExpectedReply = "ping" | "auth" | "listening-port" | "ip-address" | "capa" | "psync";

export type HandshakeOutcome =
  | { readonly kind: "more" }
  /** Logged already; close and try again later. */
  | { readonly kind: "failed" }
  /** A snapshot follows. `history` null: the primary told none (SYNC, or a broken reply). */
  | { readonly kind: "fullSync"; readonly history: ReplicationHistory | null }
  /** The stream follows, under this ID; an empty one: not told, the same. */
  | { readonly kind: "continue"; readonly replid: string };

const more: HandshakeOutcome = { kind: "more" };
const failed: HandshakeOutcome = { kind: "failed" };

/**
 * What a replica says on a fresh connection, and how it takes the answers (syncWithMaster):
 * PING; then AUTH and REPLCONF in one go; then PSYNC, or SYNC for a primary that does not know it.
 */
export class Handshake {
  private readonly lines = new LineReader(HANDSHAKE_LINE_BYTES_MAX);
  private readonly expected: ExpectedReply[] = [];

  constructor(
    private readonly context: ReplicationContext,
    private readonly send: (parts: readonly string[]) => void,
    /** Ask to go on from `context.history`; otherwise for everything. */
    private readonly resumable: boolean,
  ) {
    this.request("ping", ["PING"]);
  }

  /** Takes one line at most; `rest` is for the next call, or for what follows the handshake. */
  push(bytes: Uint8Array): { outcome: HandshakeOutcome; rest: Uint8Array } {
    const taken = this.lines.take(bytes);
    if (taken === "tooLong") {
      this.context.log("warning", "The reply of the master in the SYNC handshake is too long");
      return { outcome: failed, rest: bytes.subarray(bytes.length) };
    }
    const { line, rest } = taken;
    // Newlines keep the connection alive while the primary makes up its answer.
    return { outcome: line === null || line === "" ? more : this.onReply(line), rest };
  }

  /** The log line when the connection ends now. */
  silenceText(): string {
    return this.expected[0] === "psync"
      ? "Master did not reply to PSYNC, will try later"
      : "Master did not respond to command during SYNC handshake";
  }

  private onReply(reply: string): HandshakeOutcome {
    const step = this.expected.shift();
    switch (step) {
      case "ping":
        return this.onPingReply(reply);
      case "auth":
        if (!reply.startsWith("-")) return more;
        this.context.log("warning", `Unable to AUTH to MASTER: ${reply}`);
        return failed;
      case "listening-port":
      case "ip-address":
      case "capa":
        if (reply.startsWith("-")) {
          const what = `(Non critical) Master does not understand REPLCONF ${step}`;
          this.context.log("notice", `${what}: ${reply}`);
        }
        if (step === "capa") this.sendPsync();
        return more;
      case "psync":
        return this.onPsyncReply(reply);
      case undefined:
        return more;
    }
  }

  /** A primary that wants AUTH or permissions first still shows by its error that it lives. */
  private onPingReply(reply: string): HandshakeOutcome {
    const accepted = ["+", "-NOAUTH", "-NOPERM", "-ERR operation not permitted"];
    if (!accepted.some((start) => reply.startsWith(start))) {
      this.context.log("warning", `Error reply to PING from master: '${reply}'`);
      return failed;
    }
    this.context.log("notice", "Master replied to PING, replication can continue...");
    const { options } = this.context;
    if (options.primaryAuth !== null) {
      const user = options.primaryUser === null ? [] : [options.primaryUser];
      this.request("auth", ["AUTH", ...user, options.primaryAuth]);
    }
    const port = options.announcePort > 0 ? options.announcePort : options.port;
    this.request("listening-port", ["REPLCONF", "listening-port", String(port)]);
    if (options.announceIp !== null) {
      this.request("ip-address", ["REPLCONF", "ip-address", options.announceIp]);
    }
    this.request("capa", ["REPLCONF", "capa", "eof", "capa", "psync2"]);
    return more;
  }

  private sendPsync(): void {
    const { history } = this.context;
    if (!this.resumable) {
      this.context.log("notice", "Partial resynchronization not possible (no cached master)");
      this.request("psync", ["PSYNC", "?", "-1"]);
      return;
    }
    const offset = String(history.offset + 1);
    this.context.log(
      "notice",
      `Trying a partial resynchronization (request ${history.replid}:${offset}).`,
    );
    this.request("psync", ["PSYNC", history.replid, offset]);
  }

  private onPsyncReply(reply: string): HandshakeOutcome {
    if (reply.startsWith("+FULLRESYNC")) return this.onFullResync(reply);
    if (reply.startsWith("+CONTINUE") && this.resumable) {
      return { kind: "continue", replid: reply.slice("+CONTINUE ".length) };
    }
    if (reply.startsWith("-NOMASTERLINK") || reply.startsWith("-LOADING")) {
      this.context.log(
        "notice",
        `Master is currently unable to PSYNC but should be in the future: ${reply}`,
      );
      return failed;
    }
    const known = reply.startsWith("-ERR");
    this.context.log(
      known ? "notice" : "warning",
      known
        ? `Master does not support PSYNC or is in error state (reply: ${reply})`
        : `Unexpected reply to PSYNC from master: ${reply}`,
    );
    this.context.log("notice", "Retrying with SYNC...");
    this.send(["SYNC"]);
    return { kind: "fullSync", history: null };
  }

  private onFullResync(reply: string): HandshakeOutcome {
    const [, replid, offsetText] = reply.split(" ");
    const offset = integerOf(offsetText ?? "");
    if (replid === undefined || !isReplid(replid) || offset === null || offset < 0) {
      this.context.log("warning", "Master replied with wrong +FULLRESYNC syntax.");
      return { kind: "fullSync", history: null };
    }
    this.context.log("notice", `Full resync from master: ${replid}:${offset}`);
    return { kind: "fullSync", history: { replid, offset } };
  }

  private request(step: ExpectedReply, parts: readonly string[]): void {
    this.expected.push(step);
    this.send(parts);
  }
}

export function isReplid(text: string): boolean {
  return text.length === REPLID_LENGTH;
}
